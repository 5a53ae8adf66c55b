"""Virtual IPs: no two may stand for the same address and port on the same interface."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from fortish import messages
from fortish.cmdb.types import default
from fortish.messages import Text

if TYPE_CHECKING:
    from fortish.cmdb.checks import Saved

TYPES = frozenset({"fqdn", "load-balance", "static-nat"})  # that answer for an address as a whole, or for its ports


class _Outside(NamedTuple):
    """What a VIP answers for. Two that differ in `apart` do not get into each other's way."""

    addresses: tuple[int, int]
    ports: tuple[int, int]
    apart: tuple[Any, ...]


def check(entry: Saved) -> None:
    """No other VIP answers for the same address, interface and port (-36). A backup was looked at by its own box.

    That addresses may be the same if ports, protocols, sources or services are not is inferred.
    """
    cmdb, table = entry.cmdb, entry.table
    unset = default(table.attributes["extip"])
    if cmdb.restoring or entry.value("extip") == unset or entry.value("type") not in TYPES:
        return
    mine, extintf = _outside(entry.value), entry.value("extintf")
    for key, other in cmdb.rows(cmdb.scope_of(table, entry.vdom), table.path).items():
        if key == entry.key or other.values.get("extintf", "") != extintf or other.values.get("extip", unset) == unset:
            continue
        value = partial(cmdb.value_of, table, other)
        if value("type") in TYPES and _meet(mine, _outside(value)):
            raise messages.discarded(Text.VIP_DUPLICATE(other=key), Text.CHECK_OPERATOR, -36)


def _outside(value: Callable[[str], Any]) -> _Outside:
    first, _, last = value("extip").partition("-")
    addresses = int(ipaddress.IPv4Address(first)), int(ipaddress.IPv4Address(last or first))
    forwards = value("portforward") == "enable"
    low, _, high = value("extport").partition("-") if forwards else ("0", "", "0")
    protocol = value("protocol") if forwards else ""
    return _Outside(addresses, (int(low), int(high or low)), (protocol, value("src-filter"), value("service")))


def _meet(one: _Outside, other: _Outside) -> bool:
    pairs = (one.addresses, other.addresses), (one.ports, other.ports)
    return one.apart == other.apart and all(a[0] <= b[1] and b[0] <= a[1] for a, b in pairs)
