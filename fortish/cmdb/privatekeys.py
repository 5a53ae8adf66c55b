"""The private key of a local certificate: it is kept encrypted under a password, which it follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortish.cmdb.secrets import Secret, random_password, seal

if TYPE_CHECKING:
    from fortish.cmdb.checks import Saved


def keep_encrypted(entry: Saved, key: str) -> None:
    """Encrypt a key under its password, or one that is made; an encrypted one anew if its password was changed."""
    if "ENCRYPTED" in key:
        _follow_password(entry, key)
        return
    from fortish.pki import keys

    password = entry.value("password")
    if not isinstance(password, Secret) or not password.clear:
        password = entry.values["password"] = seal(random_password())
    entry.values["private-key"] = keys.encrypted_pem(keys.load_private(key, ""), password.clear or "")


def _follow_password(entry: Saved, key: str) -> None:
    """A key whose password was changed is encrypted anew, so that it can still be read."""
    before = entry.before
    old = before.values.get("password") if before is not None and before.values.get("private-key") == key else None
    new = entry.values.get("password")
    if not isinstance(old, Secret) or old.clear is None or old == new:
        return
    from fortish.pki import keys
    from fortish.pki.faults import KeyUnreadable

    try:
        private = keys.load_private(key, old.clear)
    except KeyUnreadable:
        return  # it could not be read before either
    if not isinstance(new, Secret) or not new.clear:
        new = entry.values["password"] = seal(random_password())
    entry.values["private-key"] = keys.encrypted_pem(private, new.clear or "")
