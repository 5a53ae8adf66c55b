"""What must hold of a whole transaction: somebody may still do everything, what is new finds room, what stays stays."""

from __future__ import annotations

from fortish import messages
from fortish.cmdb import interfaces, tunnels
from fortish.cmdb.checks import NAMESAKES, free_name, full
from fortish.cmdb.entries import GLOBAL, INTERFACE, SETTINGS, SINGLE, Change, Drop, Order, Put
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import words
from fortish.messages import Text

ADMIN, SUPER = words("system admin"), "super_admin"
VIP = words("firewall vip")


def check_changes(cmdb: Cmdb, changes: list[Change]) -> None:
    """Whether these changes may be made. Raises `CliError`."""
    last_admin(cmdb, changes)
    room(cmdb, changes)
    for change in changes:
        if isinstance(change, Put) and change.path in NAMESAKES:
            free_name(cmdb, change.scope, change.path, change.key)
        elif isinstance(change, Put) and change.path == tunnels.GATEWAY:
            tunnels.free_name(cmdb, change.key)
        elif isinstance(change, Order) and change.path == VIP:
            unmoved(cmdb, change)
        elif isinstance(change, Drop) and change.path == INTERFACE and len(changes) == 1:
            interfaces.no_tunnel(cmdb, change)


def last_admin(cmdb: Cmdb, changes: list[Change]) -> None:
    """Somebody is left who may do everything (-37)."""
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


def room(cmdb: Cmdb, changes: list[Change]) -> None:
    """A new entry finds room in its table (-4)."""
    for change in changes:
        table = cmdb.schema.table(change.path) if isinstance(change, Put) else None
        if table is None or not table.maximum:
            continue
        keys = set(cmdb.rows(change.scope, change.path))
        for other in changes:
            if other[:2] == change[:2] and not isinstance(other, Order):
                (keys.discard if isinstance(other, Drop) else keys.add)(other.key)
        if len(keys) > table.maximum:
            raise full(cmdb)


def unmoved(cmdb: Cmdb, change: Order) -> None:
    """Without central NAT the order of VIPs means nothing, and they cannot be moved (-651). A rename is no move."""
    central = cmdb.value(change.scope, SETTINGS, SINGLE, "central-nat") == "enable"
    if not central and set(change.keys) == set(cmdb.rows(change.scope, VIP)):
        raise messages.failed(-651, Text.VIP_MOVE())
