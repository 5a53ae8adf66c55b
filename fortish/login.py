"""Who may come in: banners, name and password as the console asks for them, and a first password where there is none.

A password is checked against `config system admin`. One that a real box hashed (a backup brings it) is checked by the
published scheme of that box; one whose scheme is not known lets nobody in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Generator
from typing import Any

from fortish.access import ADMIN
from fortish.box import Box
from fortish.cmdb.entries import GLOBAL, SINGLE, SYSTEM_GLOBAL, Entry, Put
from fortish.cmdb.secrets import Secret, seal
from fortish.cmdb.table import words
from fortish.errors import Interrupted, StorageFault
from fortish.messages import Text
from fortish.steps import Ask, Kind, Say, Step

BANNERS = words("system replacemsg admin")
ACCEPTING = ("a", "A")

# How a box hashes administrators' passwords: letters in front, then base64 of a salt and the digest of salt, password
# and a constant of the firmware. Sorted.
HASHES = {"AK1": hashlib.sha1, "SH2": hashlib.sha256}
SALT = 12  # octets
CONSTANT = bytes.fromhex("a388ba2e424cb04a537930c13107cc3fa1329029a9815b70")


def setting(box: Box, name: str) -> Any:
    """A value of `system global`."""
    return box.cmdb.value(GLOBAL, SYSTEM_GLOBAL, SINGLE, name)


# --- banners --------------------------------------------------------------------------------------------------------


def banners(box: Box) -> Generator[Step, Any, None]:
    """Both banners, as far as they are enabled, each to be accepted."""
    if not box.cmdb.touched(
        GLOBAL, SYSTEM_GLOBAL
    ):  # as from the factory: the first prompt need not wait for the schema
        return
    yield from _banner(box, "pre", Text.PRE_LOGIN)
    yield from _banner(box, "post", Text.POST_LOGIN)


def _banner(box: Box, when: str, ours: Text) -> Generator[Step, Any, None]:
    if setting(box, f"{when}-login-banner") != "enable":
        return
    yield Say(_configured(box, f"{when}_admin-disclaimer-text") or ours())
    while (yield Ask(Text.ACCEPT(), Kind.KEY)) not in ACCEPTING:
        continue
    yield Say("")


def _configured(box: Box, key: str) -> str:
    """The text that an administrator has put into the replacement messages."""
    if box.cmdb.schema.table(BANNERS) is None:
        return ""
    return str(box.cmdb.value(GLOBAL, BANNERS, key, "buffer") or "").rstrip("\r\n")


# --- name and password ----------------------------------------------------------------------------------------------


def login(box: Box) -> Generator[Step, Any, str]:
    """Ask until somebody may come in; returns their name. Ctrl-C at the name ends it, at a password it starts again."""
    yield from _banner(box, "pre", Text.PRE_LOGIN)
    while True:
        name = yield Ask(Text.LOGIN(hostname=box.hostname), Kind.LINE)
        if not name.strip():
            continue
        try:
            admitted = yield from _admitted(box, name)
        except Interrupted:
            continue
        if admitted:
            break
    yield Say(f"{Text.WELCOME()}\n")
    yield from _banner(box, "post", Text.POST_LOGIN)
    return str(name)


def _admitted(box: Box, name: str) -> Generator[Step, Any, bool]:
    """Ask for the password of `name`; whether they are in."""
    password = yield Ask(Text.PASSWORD(), Kind.SECRET)
    refusal = _refusal(box, name, password)
    if refusal:
        yield Say(f"{refusal}\n")
        return False
    box.failed_logins.pop(name, None)
    if _must_change(box, name):
        yield from _change(box, name)
    return True


def _refusal(box: Box, name: str, password: str) -> str:
    """Why `name` is not let in with this password; '' if they are."""
    if left := locked(box, name):
        return Text.LOCKED_OUT(name=name, seconds=left)
    entry = box.cmdb.entry(GLOBAL, ADMIN, name)
    held = entry.values.get("password") if entry is not None else None
    if entry is not None and entry.values.get("remote-auth") != "enable" and matches(held, password):
        return ""
    if isinstance(held, Secret) and held.clear is None and held.enc[:3] not in HASHES:
        return Text.FOREIGN_PASSWORD(name=name)
    failures = box.failed_logins.get(name, (0, 0.0))[0] + 1
    box.failed_logins[name] = failures, box.clock.now()
    left = locked(box, name)
    return Text.LOCKED_OUT(name=name, seconds=left) if left else Text.LOGIN_INCORRECT()


def locked(box: Box, name: str) -> int:
    """For how many more seconds of box time `name` is locked out; 0 if not."""
    failures, last = box.failed_logins.get(name, (0, 0.0))
    if failures < setting(box, "admin-lockout-threshold"):
        return 0
    duration = setting(box, "admin-lockout-duration")
    left = last + duration - box.clock.now()
    if 0 < left <= duration:  # more: the clock was set back
        return int(-(-left // 1))
    del box.failed_logins[name]
    return 0


def matches(held: object, password: str) -> bool:
    """Whether a password is the one that is kept; an account without one takes the empty password."""
    if not isinstance(held, Secret):
        return not password
    typed = password.encode("utf-8", "surrogatepass")
    if held.clear is not None:
        return hmac.compare_digest(held.clear.encode("utf-8", "surrogatepass"), typed)
    digest = HASHES.get(held.enc[:3])
    if digest is None:
        return False
    try:
        kept = base64.b64decode(held.enc[3:], validate=True)
    except binascii.Error:
        return False
    return hmac.compare_digest(kept[SALT:], digest(kept[:SALT] + typed + CONSTANT).digest())


# --- a new password -------------------------------------------------------------------------------------------------


def _must_change(box: Box, name: str) -> bool:
    values = (
        box.cmdb.value(GLOBAL, ADMIN, name, "password"),
        box.cmdb.value(GLOBAL, ADMIN, name, "force-password-change"),
    )
    return not isinstance(values[0], Secret) or values[1] == "enable"


def _change(box: Box, name: str) -> Generator[Step, Any, None]:
    """Ask for a new password until one is given twice alike, and keep it."""
    yield Say(Text.CHANGE_PASSWORD())
    while True:
        first = yield Ask(Text.NEW_PASSWORD(), Kind.SECRET)
        fault = _fault(box, first)
        if not fault and first == (yield Ask(Text.CONFIRM_PASSWORD(), Kind.SECRET)):
            break
        yield Say(fault or Text.PASSWORD_MISMATCH())
    kept = box.cmdb.entry(GLOBAL, ADMIN, name)
    if kept is None:  # somebody has deleted the account meanwhile
        return
    values = {key: value for key, value in kept.values.items() if key != "force-password-change"}
    try:
        box.cmdb.commit([Put(GLOBAL, ADMIN, name, Entry({**values, "password": seal(first)}, kept.children))])
    except StorageFault as error:
        yield Say(Text.NOT_STORED(reason=error.reason))


def _fault(box: Box, password: str) -> str:
    """Why this cannot be a password; '' if it can."""
    table = box.cmdb.schema.table(ADMIN)
    assert table is not None
    limit = table.attributes["password"].size
    if not password:
        return Text.PASSWORD_EMPTY()
    return Text.TOO_LONG(size=len(password), limit=limit) if len(password) > limit else ""
