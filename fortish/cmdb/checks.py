"""What must hold of an entry when it is saved, beyond its attributes' types: one function a table, in a table."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Protocol

from fortish import messages
from fortish.cmdb.schema import Table, words
from fortish.cmdb.secrets import Secret, seal
from fortish.cmdb.store import GLOBAL, Change, Cmdb, Drop, Put
from fortish.messages import Text


class Saved(Protocol):
    """The entry about to be saved: its key, its values, and what it held before."""

    table: Table
    key: str
    values: dict[str, Any]

    def value(self, name: str) -> Any:
        """A value or its default."""


Check = Callable[[Saved], None]
KEYLESS = frozenset({"acme2"})  # protocols that make an entry's key later

PASSWORD_DIGITS = 62  # hexadecimal digits of a private-key password made at random (the enrollment guide's trace)


def random_password() -> str:
    """A private-key password, as the box makes one where none is given."""
    return secrets.token_hex(PASSWORD_DIGITS // 2)


def local_certificate(entry: Saved) -> None:
    """A local certificate has a private key, kept encrypted under its password."""
    key = entry.value("private-key")
    if not key and entry.value("enroll-protocol") not in KEYLESS:
        raise _empty("private-key", -145)
    if key and "ENCRYPTED" not in key:
        from fortish.pki import keys

        password = entry.value("password")
        if not isinstance(password, Secret) or not password.clear:
            password = entry.values["password"] = seal(random_password())
        entry.values["private-key"] = keys.encrypted_pem(keys.load_private(key, ""), password.clear or "")


def _needs(name: str, code: int) -> Check:
    def check(entry: Saved) -> None:
        if not entry.value(name):
            raise _empty(name, code)

    return check


def _empty(name: str, code: int) -> Exception:
    lines = Text.FIELD_EMPTY(name=name), Text.CHECK_FAIL_EMPTY(name=name), Text.MUST_BE_SET(name=name)
    return messages.failed(code, *lines)


def mandatory(entry: Saved) -> None:
    """Every mandatory attribute holds something (-56)."""
    for attribute in entry.table.attributes.values():
        if attribute.mandatory and entry.value(attribute.name) in ("", None, ()):
            lines = Text.EMPTY(name=attribute.name), Text.MUST_BE_SET(name=attribute.name)
            raise messages.failed(-56, *lines)


# By path; sorted.
CHECKS: dict[tuple[str, ...], Check] = {
    ("vpn", "certificate", "ca"): _needs("ca", -146),
    ("vpn", "certificate", "local"): local_certificate,
    ("vpn", "certificate", "remote"): _needs("remote", -302),
}


ADMIN, SUPER = words("system admin"), "super_admin"


def check_changes(cmdb: Cmdb, changes: list[Change]) -> None:
    """Whether somebody is left who may do everything. Raises `CliError` (-37)."""
    if cmdb.restoring or not any(change.path == ADMIN for change in changes):
        return
    rows = dict(cmdb.rows(GLOBAL, ADMIN))
    for change in changes:
        if isinstance(change, Put) and change.path == ADMIN:
            rows[change.key] = change.entry
        elif isinstance(change, Drop) and change.path == ADMIN:
            rows.pop(change.key, None)
    if not any(entry.values.get("accprofile") == SUPER for entry in rows.values()):
        raise messages.failed(-37, Text.LAST_ADMIN())


def check(entry: Saved) -> None:
    """Whether `entry` may be saved. Raises `CliError`."""
    special = CHECKS.get(entry.table.path)
    if special is not None:
        special(entry)
    mandatory(entry)
