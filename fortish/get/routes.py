"""`get router info routing-table …`: the connected networks and the static routes, as they are configured.

No packet takes one. A route is there while its interface is up; of several to one destination, those of the lowest
distance are.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fortish.box import Box
from fortish.cmdb.entries import GLOBAL, INTERFACE, Entry
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import Table, words
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.steps import Flow, Say

STATIC, ADDRESS = words("router static"), words("firewall address")
SDWAN, MEMBERS = words("system sdwan"), words("system sdwan members")
ZONE_DISTANCE = 1  # of a route through a zone
CONNECTED_CODE, STATIC_CODE = "C", "S"
DEFAULT = ipaddress.IPv4Network("0.0.0.0/0")
UNSET = "0.0.0.0"  # noqa: S104 - the box's empty value
Network = ipaddress.IPv4Network


@dataclass(frozen=True, slots=True)
class Route:
    """One way to a destination. `device` '' leads into nothing; `weighed` is priority and weight."""

    code: str
    destination: Network
    device: str = ""
    gateway: str = ""
    distance: int = 0
    weighed: tuple[int, int] = (0, 0)
    vrf: int = 0


def every(here: Here, arguments: Arguments) -> Flow:
    """All routes, with what the codes mean."""
    yield Say("\n".join([Text.ROUTE_CODES(), "", *_printed(_table(here.box, here.vdom))]), paged=True)


def connected(here: Here, arguments: Arguments) -> Flow:
    """The networks of the interfaces."""
    yield from _of(here, CONNECTED_CODE)


def static(here: Here, arguments: Arguments) -> Flow:
    """The static routes."""
    yield from _of(here, STATIC_CODE)


def learned(here: Here, arguments: Arguments) -> Flow:
    """Routes of a protocol that does not run: none."""
    yield from _of(here, "")


def _of(here: Here, code: str) -> Flow:
    routes = [route for route in _table(here.box, here.vdom) if route.code == code]
    yield Say("\n".join(_printed(routes)) if routes else Text.NO_ROUTE(), paged=True)


# --- which there are ------------------------------------------------------------------------------------------------


def _table(box: Box, vdom: str) -> list[Route]:
    """The routes of a VDOM that hold, by destination."""
    found = [*_connected(box.cmdb, vdom), *_static(box.cmdb, vdom)]
    best: dict[tuple[int, Network], int] = {}
    for route in found:
        place = route.vrf, route.destination
        best[place] = min(route.distance, best.get(place, route.distance))
    routes = [route for route in found if route.distance == best[route.vrf, route.destination]]
    return sorted(routes, key=lambda route: (route.vrf, route.destination))


def _devices(cmdb: Cmdb, vdom: str) -> dict[str, Entry]:
    """The interfaces of a VDOM that are up."""
    table = _schema(cmdb, INTERFACE)
    return {
        name: entry
        for name, entry in cmdb.rows(GLOBAL, INTERFACE).items()
        if cmdb.value_of(table, entry, "vdom") == vdom and cmdb.value_of(table, entry, "status") == "up"
    }


def _connected(cmdb: Cmdb, vdom: str) -> Iterator[Route]:
    table = _schema(cmdb, INTERFACE)
    for name, entry in _devices(cmdb, vdom).items():
        second = entry.children.get("secondaryip", {}).values()
        pairs = [cmdb.value_of(table, entry, "ip"), *(row.values.get("ip", "") for row in second)]
        for network in filter(None, map(_network, pairs)):
            if network != DEFAULT:
                yield Route(CONNECTED_CODE, network, name, vrf=cmdb.value_of(table, entry, "vrf"))


def _static(cmdb: Cmdb, vdom: str) -> Iterator[Route]:
    table, devices = _schema(cmdb, STATIC), _devices(cmdb, vdom)
    interfaces = _schema(cmdb, INTERFACE)
    for entry in cmdb.rows(cmdb.scope_of(table, vdom), STATIC).values():
        values = {name: cmdb.value_of(table, entry, name) for name in table.attributes}
        network = _destination(cmdb, vdom, values["dst"], values["dstaddr"])
        if values["status"] == "disable" or network is None:
            continue
        for device, gateway, *weighed in _ways(cmdb, vdom, values):
            if device and device not in devices:
                continue
            vrf = cmdb.value_of(interfaces, devices[device], "vrf") if device else 0
            shown = "" if gateway == UNSET or not device else gateway
            distance = ZONE_DISTANCE if values["sdwan-zone"] else values["distance"]
            yield Route(STATIC_CODE, network, device, shown, distance, (weighed[0], weighed[1]), vrf)


def _ways(cmdb: Cmdb, vdom: str, values: dict[str, Any]) -> Iterator[tuple[str, str, int, int]]:
    """Interface, gateway, priority, weight of each way of a route: into nothing, through one interface, or a zone's."""
    own = values["gateway"], values["priority"], values["weight"]
    if values["blackhole"] == "enable" or values["device"]:
        yield (values["device"] if values["blackhole"] == "disable" else "", *own)
        return
    table = _schema(cmdb, SDWAN).children["members"]
    for row in (cmdb.inner_rows(MEMBERS, vdom) or {}).values():
        way = {name: cmdb.value_of(table, row, name) for name in table.attributes}
        if way["zone"] in values["sdwan-zone"] and way["status"] == "enable" and way["interface"]:
            yield way["interface"], way["gateway"], way["priority"], way["weight"]


def _destination(cmdb: Cmdb, vdom: str, dst: str, name: str) -> Network | None:
    """Where a route leads: a subnet, or that of an address object."""
    if not name:
        return _network(dst)
    table = _schema(cmdb, ADDRESS)
    entry = cmdb.entry(cmdb.scope_of(table, vdom), ADDRESS, name)
    if entry is None or cmdb.value_of(table, entry, "type") != "ipmask":
        return None
    return _network(cmdb.value_of(table, entry, "subnet"))


def _network(pair: str) -> Network | None:
    """The network of an address and its mask; None for what is none."""
    address, _, mask = pair.partition(" ")
    try:
        return ipaddress.IPv4Network(f"{address}/{mask}", strict=False) if mask else None
    except ValueError:
        return None


def _schema(cmdb: Cmdb, path: tuple[str, ...]) -> Table:
    table = cmdb.schema.table(path)
    assert table is not None
    return table


# --- how they look --------------------------------------------------------------------------------------------------


def _printed(routes: list[Route]) -> Iterator[str]:
    """Routing tables by VRF; a second way to a destination stands under the first."""
    before: Route | None = None
    for route in routes:
        if before is None or route.vrf != before.vrf:
            if before is not None:
                yield ""
            yield Text.ROUTE_TABLE(vrf=route.vrf)
        again = before is not None and (route.vrf, route.destination) == (before.vrf, before.destination)
        code = f"{route.code}{'*' if route.destination == DEFAULT else ''}"
        head = Text.ROUTE_HEAD(code=code, destination=route.destination)
        yield (" " * len(head) if again else head) + _way(route)
        before = route
    if not routes:
        yield Text.ROUTE_TABLE(vrf=0)


def _way(route: Route) -> str:
    if route.code == CONNECTED_CODE:
        return Text.ROUTE_CONNECTED(device=route.device)
    fields = {"distance": route.distance, "priority": route.weighed[0], "weight": route.weighed[1]}
    if not route.device:
        return Text.ROUTE_NULL(**fields)
    if not route.gateway:
        return Text.ROUTE_DIRECT(device=route.device, **fields)
    return Text.ROUTE_VIA(gateway=route.gateway, device=route.device, **fields)
