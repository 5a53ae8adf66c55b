"""The certificates that come with the box: which there are, and how their keys are made when somebody first reads one.

The schema holds their rows (`vpn certificate local`), so they are there from the start; a row without key and
certificate is one that nobody has read yet. What was made is kept like any other configuration, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fortish.cmdb.entries import GLOBAL, MADE, Change, Entry, Put, Rows, Snapshot
from fortish.cmdb.fresh import factory_rows
from fortish.cmdb.secrets import seal
from fortish.cmdb.snapshots import held
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import words

if TYPE_CHECKING:
    from fortish.pki.selfsigned import Signer

LOCAL = words("vpn certificate local")
CA_UNIT = "Certificate Authority"


@dataclass(frozen=True, slots=True)
class Kind:
    """One of them: its kind of key, OU and CN ('': the product, the serial number), and who signs it ('': itself)."""

    key: str
    unit: str = ""
    common: str = ""
    signer: str = ""
    authority: bool = False


# In the order of a backup; those that stand in none come last.
# fmt: off
KINDS: dict[str, Kind] = {
    "Fortinet_CA_SSL":         Kind("rsa2048", CA_UNIT, authority=True),
    "Fortinet_CA_Untrusted":   Kind("rsa2048", CA_UNIT, "Fortinet Untrusted CA", authority=True),
    "Fortinet_SSL":            Kind("rsa2048"),
    "Fortinet_SSL_RSA1024":    Kind("rsa1024"),
    "Fortinet_SSL_RSA2048":    Kind("rsa2048"),
    "Fortinet_SSL_RSA4096":    Kind("rsa4096"),
    "Fortinet_SSL_DSA1024":    Kind("dsa1024"),
    "Fortinet_SSL_DSA2048":    Kind("dsa2048"),
    "Fortinet_SSL_ECDSA256":   Kind("ecdsa256"),
    "Fortinet_SSL_ECDSA384":   Kind("ecdsa384"),
    "Fortinet_SSL_ECDSA521":   Kind("ecdsa521"),
    "Fortinet_SSL_ED25519":    Kind("ed25519"),
    "Fortinet_SSL_ED448":      Kind("ed448"),
    "Fortinet_Factory":        Kind("rsa2048"),
    "Fortinet_Factory_Backup": Kind("rsa2048"),
    "Fortinet_GUI_Server":     Kind("rsa2048", signer="Fortinet_CA_SSL"),
    "Fortinet_Wifi":           Kind("rsa2048"),
}
# fmt: on

UNIT = frozenset({"Fortinet_Factory", "Fortinet_Factory_Backup"})  # the unit's own: never made anew
STORED = tuple(KINDS)[: list(KINDS).index("Fortinet_Factory")]  # those that a backup holds

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made, on which box, when (seconds since 1970). `held` are those that may have to sign, as kept."""

    names: tuple[str, ...]
    product: str
    serial: str
    now: float
    held: dict[str, Values] = field(default_factory=dict, repr=False)


Maker = Callable[[Wanted], dict[str, Values]]


def is_missing(entry: Entry) -> bool:
    """Whether nobody has read this factory certificate yet."""
    return not entry.values.get("private-key") and not entry.values.get("certificate")


def missing(cmdb: Cmdb, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that have to be made before they can be read, and before them who signs them."""
    rows = cmdb.rows(GLOBAL, LOCAL)
    asked = set(names) & KINDS.keys() & rows.keys()
    needed = asked | {KINDS[name].signer for name in asked if is_missing(rows[name])} & rows.keys()
    return tuple(name for name in KINDS if name in needed and is_missing(rows[name]))


def wanted(cmdb: Cmdb, names: tuple[str, ...], product: str, serial: str, now: float) -> Wanted:
    """What `names`, all missing, are to be made of."""
    signers = {KINDS[name].signer for name in names} - {""} - set(names)
    held = {name: dict(entry.values) for name in signers if (entry := cmdb.entry(GLOBAL, LOCAL, name)) is not None}
    return Wanted(names, product, serial, now, held)


def make(wanted: Wanted) -> dict[str, Values]:
    """Keys and certificates, ready to be stored: values by name. All together take about a second."""
    from fortish.cmdb.secrets import random_password
    from fortish.pki import keys, pem, selfsigned

    made: dict[str, Values] = {}
    for name in wanted.names:
        kind = KINDS[name]
        key, password = selfsigned.KEYS[kind.key](), random_password()
        subject = selfsigned.subject(kind.unit or wanted.product, kind.common or wanted.serial)
        signer = _signer({**wanted.held, **made}.get(kind.signer))
        certificate = selfsigned.certificate(key, subject, wanted.now, authority=kind.authority, signer=signer)
        made[name] = {
            "password": seal(password),
            "private-key": keys.encrypted_pem(key, password),
            "certificate": pem.pem(certificate),
            "last-updated": int(wanted.now),
        }
    return made


def _signer(values: Values | None) -> Signer | None:
    """Who signs; None where its key cannot be read, as after the restore of another box's backup."""
    from fortish.pki import keys, pem
    from fortish.pki.faults import PkiFault
    from fortish.pki.selfsigned import Signer

    password = getattr(values.get("password"), "clear", None) if values else None
    if not values or password is None:
        return None
    try:
        return Signer(pem.certificate(values["certificate"]), keys.load_private(values["private-key"], password))
    except (PkiFault, KeyError):
        return None


def fill(cmdb: Cmdb, made: dict[str, Values]) -> None:
    """Keep what was made, where it is still missing. Raises `StorageFault`; nothing is kept then."""
    filled = _filled(cmdb.rows(GLOBAL, LOCAL), made)
    changes: list[Change] = [Put(GLOBAL, LOCAL, name, entry) for name, entry in filled.items()]
    if changes:
        cmdb.keep(changes)


def _filled(rows: Rows, made: dict[str, Values]) -> Rows:
    """The entries that are missing, with what was made."""
    return {
        name: Entry({**rows[name].values, **values}, rows[name].children)
        for name, values in made.items()
        if name in rows and is_missing(rows[name])
    }


def fill_branch(branch: Cmdb, base: Snapshot, made: dict[str, Values]) -> None:
    """The same for an open transaction and what it began with: it is no change of its own."""
    rows = dict(held(branch.schema, base, (GLOBAL, LOCAL)))
    base[GLOBAL, LOCAL] = {**rows, **_filled(rows, made)}
    fill(branch, made)


def lasting(cmdb: Cmdb) -> Snapshot:
    """What a factory reset leaves: the certificates of the unit itself, which no command can make anew."""
    table = cmdb.schema.table(LOCAL)
    if table is None or not cmdb.touched(GLOBAL, LOCAL):
        return {}
    kept = {name: entry for name, entry in cmdb.rows(GLOBAL, LOCAL).items() if name in UNIT and not is_missing(entry)}
    return {(GLOBAL, LOCAL): {**factory_rows(table), **kept}} if kept else {}


def carry_over(old: Cmdb, new: Cmdb) -> None:
    """A restored configuration goes on with the keys that the box has, where it brings none of its own."""
    if not old.touched(GLOBAL, LOCAL):
        return
    had, rows = old.rows(GLOBAL, LOCAL), new.rows(GLOBAL, LOCAL)
    fill(new, {name: {k: v for k, v in had[name].values.items() if k in MADE}
               for name in KINDS if name in had and name in rows and not is_missing(had[name])})  # fmt: skip
