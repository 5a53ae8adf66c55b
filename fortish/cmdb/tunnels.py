"""The interface of an IPsec tunnel: it comes, changes and goes with its gateway (`vpn ipsec phase1-interface`)."""

from __future__ import annotations

from collections.abc import Iterator

from fortish import messages
from fortish.cmdb import subnets
from fortish.cmdb.entries import GLOBAL, INTERFACE, ROOT, Change, Drop, Entry, Put
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import words
from fortish.errors import CliError
from fortish.messages import Text

GATEWAY = words("vpn ipsec phase1-interface")
TUNNEL = "tunnel"


def with_interfaces(cmdb: Cmdb, changes: list[Change]) -> list[Change]:
    """The changes, and those of interfaces that go with them. Raises `CliError` for one that is still used (-23)."""
    if not any(change.path == GATEWAY for change in changes):
        return changes
    return [*changes, *_interfaces(cmdb, changes)]


def _interfaces(cmdb: Cmdb, changes: list[Change]) -> Iterator[Change]:
    named = {change.key for change in changes if isinstance(change, Put | Drop) and change.path == INTERFACE}
    for change in changes:
        if not isinstance(change, Put | Drop) or change.path != GATEWAY or change.key in named:
            continue
        held = cmdb.entry(GLOBAL, INTERFACE, change.key)
        if isinstance(change, Drop):
            if held is not None and held.values.get("type") == TUNNEL:
                _check_unused(cmdb, change.key)
                yield Drop(GLOBAL, INTERFACE, change.key)
            continue
        below = change.entry.values.get("interface", "")
        if held is None:
            vdom = change.scope if change.scope != GLOBAL else ROOT
            values = {"vdom": vdom, "type": TUNNEL, "snmp-index": subnets.of(cmdb).free_number(), "interface": below}
            yield Put(GLOBAL, INTERFACE, change.key, Entry(values))
        elif held.values.get("type") == TUNNEL and held.values.get("interface") != below:
            yield Put(GLOBAL, INTERFACE, change.key, Entry({**held.values, "interface": below}, held.children))


def _check_unused(cmdb: Cmdb, name: str) -> None:
    users = cmdb.users(GLOBAL, INTERFACE, name)
    if users:
        raise messages.failed(-23, Text.IN_USE(count=len(users)))


def free_name(cmdb: Cmdb, key: str) -> None:
    """A gateway cannot have the name of an interface that is no tunnel (-553). Raises `CliError`."""
    held = cmdb.entry(GLOBAL, INTERFACE, key)
    if held is not None and held.values.get("type") != TUNNEL:
        raise _taken(key)


def _taken(key: str) -> CliError:
    return messages.value_error(key, -553, Text.NAME_OF_INTERFACE(name=key), Text.CHECK_FAIL(name="name", value=key))
