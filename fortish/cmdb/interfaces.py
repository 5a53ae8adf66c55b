"""What interfaces ask of each other: a subnet and a number of their own; and what keeps them where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fortish import messages
from fortish.cmdb import subnets
from fortish.cmdb.entries import GLOBAL, INTERFACE, ROOT, SETTINGS, SINGLE, Drop
from fortish.cmdb.store import Cmdb
from fortish.cmdb.subnets import UNSET_PAIR
from fortish.messages import Text

if TYPE_CHECKING:
    from fortish.cmdb.checks import Saved


def subnet_of_its_own(entry: Saved, typed: tuple[str, ...], value: Any) -> None:
    """No two interfaces of a VDOM share a subnet (-54), unless the VDOM allows it.

    A backup that is being restored says only further down whether it does.
    """
    vdom = entry.value("vdom")
    if value == UNSET_PAIR or entry.cmdb.restoring:
        return
    other = subnets.of(entry.cmdb).overlapping(vdom, value, entry.key)
    if other is not None and not _overlap_allowed(entry.cmdb, vdom):
        reasons = Text.OVERLAP(name=entry.key, other=other), Text.CHECK_FAIL(name="ip", value=" ".join(typed))
        raise messages.value_error(typed[-1], -54, *reasons)


def numbered(entry: Saved) -> None:
    """An interface has a number in SNMP: one that was given none gets the lowest that is free."""
    if not entry.value("snmp-index"):
        entry.values["snmp-index"] = subnets.of(entry.cmdb).free_number()


def free_to_move(entry: Saved, typed: tuple[str, ...], value: Any) -> None:
    """An interface that something in its VDOM names stays there (-23; where this is looked at is inferred)."""
    here = entry.cmdb.entry(GLOBAL, INTERFACE, entry.key)
    if here is None or entry.cmdb.restoring or here.values.get("vdom", ROOT) == value:
        return
    users = [user for user in entry.cmdb.users(GLOBAL, INTERFACE, entry.key) if user.scope != GLOBAL]
    if users:
        reasons = Text.IN_USE(count=len(users)), Text.CHECK_FAIL(name="vdom", value=value)
        raise messages.value_error(value, -23, *reasons)


def _overlap_allowed(cmdb: Cmdb, vdom: str) -> bool:
    return bool(cmdb.value(vdom, SETTINGS, SINGLE, "allow-subnet-overlap") == "enable")


def no_tunnel(cmdb: Cmdb, change: Drop) -> None:
    """The interface of a tunnel goes with its tunnel only (-160)."""
    entry = cmdb.entry(GLOBAL, INTERFACE, change.key)
    if entry is not None and entry.values.get("type") == "tunnel":
        raise messages.failed(-160, Text.TUNNEL_DELETE(), Text.DELETE_UNSET(key=change.key, code=-160))
