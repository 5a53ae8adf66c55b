"""What must hold of an entry beyond its attributes' types: when it is opened, set or saved.

One function a table or attribute, in tables by the time at which they are asked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, Protocol

from fortish import messages
from fortish.cmdb import interfaces, privatekeys, tunnels, vips
from fortish.cmdb.addresses import is_mask
from fortish.cmdb.entries import GLOBAL, INTERFACE, SETTINGS, Entry
from fortish.cmdb.store import Cmdb
from fortish.cmdb.subnets import UNSET_PAIR
from fortish.cmdb.table import Attribute, PathWords, Table, words
from fortish.errors import CliError
from fortish.messages import Text


class Saved(Protocol):
    """The working copy that is looked at: its key, its values, and the configuration around it, seen from a VDOM."""

    cmdb: Cmdb
    table: Table
    vdom: str
    key: str
    values: dict[str, Any]
    before: Entry | None

    def value(self, name: str) -> Any:
        """A value or its default."""

    def visible(self, attribute: Attribute) -> bool:
        """Whether other values let this attribute be seen."""


Check = Callable[[Saved], None]
KEYLESS = frozenset({"acme2"})  # protocols that make an entry's key later


def local_certificate(entry: Saved) -> None:
    """A local certificate has a private key, kept encrypted under its password."""
    key = entry.value("private-key")
    if entry.table.keeps(entry.key) and not key and not entry.value("certificate") and _unread(entry.before):
        return
    if not key and entry.value("enroll-protocol") not in KEYLESS:
        raise _empty("private-key", -145)
    if key:
        privatekeys.keep_encrypted(entry, key)


def _unread(before: Entry | None) -> bool:
    """Whether a factory certificate is not made yet."""
    return before is not None and not before.values.get("private-key") and not before.values.get("certificate")


def _needs(name: str, code: int) -> Check:
    def check(entry: Saved) -> None:
        if not entry.value(name):
            raise _empty(name, code)

    return check


def _empty(name: str, code: int) -> Exception:
    lines = Text.FIELD_EMPTY(name=name), Text.CHECK_FAIL_EMPTY(name=name), Text.MUST_BE_SET(name=name)
    return messages.failed(code, *lines)


def mandatory(entry: Saved) -> None:
    """Every mandatory attribute that can be seen holds something, or what may stand for it does (-56)."""
    for attribute in entry.table.attributes.values():
        if not attribute.mandatory or entry.value(attribute.name) not in ("", None, ()):
            continue
        instead = INSTEAD.get((entry.table.path, attribute.name))
        if entry.visible(attribute) and (instead is None or not entry.value(instead)):
            raise _is_empty(attribute.name)


def _is_empty(name: str) -> CliError:
    return messages.failed(-56, Text.EMPTY(name=name), Text.MUST_BE_SET(name=name))


# --- addresses and services ---


def address(entry: Saved) -> None:
    """A range goes up, and the mask of a subnet has no holes."""
    kind = entry.value("type")
    if kind == "iprange":
        rising(entry)
    elif kind == "ipmask" and not is_mask(entry.value("subnet").split()[1]):
        raise messages.discarded(Text.BAD_NETMASK(), Text.CHECK_OPERATOR, -9, printed=-9)


def rising(entry: Saved) -> None:
    """A range does not end before it starts (-45)."""
    if ipaddress.IPv4Address(entry.value("end-ip")) < ipaddress.IPv4Address(entry.value("start-ip")):
        raise messages.discarded(Text.END_BEFORE_START(), Text.CHECK_OPERATOR, -45)


def free_name(cmdb: Cmdb, scope: str, path: PathWords, key: str) -> None:
    """An address and a group cannot have the same name (-163)."""
    if key in cmdb.rows(scope, NAMESAKES[path]):
        lines = Text.NAME_CONFLICT(name=key), Text.CHECK_FAIL(name="name", value=key)
        raise messages.value_error(key, -163, *lines)


PORTS = ("tcp-portrange", "udp-portrange", "sctp-portrange")


def service(entry: Saved) -> None:
    """A service over TCP, UDP or SCTP has a port (-651)."""
    if entry.value("protocol") == "TCP/UDP/SCTP" and not any(entry.value(name) for name in PORTS):
        raise messages.discarded(Text.PORTS_EMPTY(), Text.CHECK_OPERATOR, -651)


# --- routes, servers ---


def route(entry: Saved) -> None:
    """A route goes through an interface or a zone, or into nothing (-56; that it is checked is inferred)."""
    if entry.value("blackhole") == "disable" and not entry.value("device") and not entry.value("sdwan-zone"):
        raise _is_empty("device")
    if entry.value("blackhole") == "disable" and not entry.value("dstaddr"):
        _one_way(entry)


def _one_way(entry: Saved) -> None:
    """No other route leads to the same destination through SD-WAN where this one does not, or the other way round."""
    scope = entry.cmdb.scope_of(entry.table, entry.vdom)
    rows, through_zone = entry.cmdb.rows(scope, entry.table.path), bool(entry.value("sdwan-zone"))
    zones = () if through_zone else entry.cmdb.inner_rows(ZONES, entry.vdom) or ()
    # There may be thousands of routes, few of them through a zone: these are known by what they name.
    others = rows if through_zone else {user.key for zone in zones for user in entry.cmdb.indexed(ZONES, zone)
                                        if user[:2] == (scope, entry.table.path)}  # fmt: skip
    for key in others:
        other = rows[key].values
        same = other.get("dst", ANYWHERE) == entry.value("dst") and not other.get("dstaddr")
        beside = bool(other.get("sdwan-zone")) != through_zone and other.get("blackhole") != "enable"
        if key != entry.key and same and beside:
            raise messages.discarded(Text.SDWAN_ROUTES(), Text.SET_OPERATOR, -9100)


ANYWHERE, ZONES = UNSET_PAIR, words("system sdwan zone")
GUI_SSLVPN_GONE = (7, 6, 3)  # the firmware level from which on there is no SSL VPN


def no_sslvpn(entry: Saved, typed: tuple[str, ...], value: Any) -> None:
    """The pages of SSL VPN cannot be shown where there is none (-1)."""
    if value == "enable" and entry.cmdb.schema.level >= GUI_SSLVPN_GONE:
        raise messages.value_error(value, -1)


def reserved(entry: Saved, typed: tuple[str, ...], value: Any) -> None:
    """An address is reserved, not none (-8)."""
    if value == "0.0.0.0":  # noqa: S104 - the box's empty value
        reasons = Text.ZERO_ADDRESS(), Text.CHECK_FAIL(name="ip", value=value)
        raise messages.value_error(value, -8, *reasons)


ACCESS_KEY = 20  # characters


def access_key(entry: Saved, typed: tuple[str, ...], value: Any) -> None:
    """The key of a cloud endpoint server has one length (-61)."""
    if value and len(value) != ACCESS_KEY:
        reasons = (Text.BAD_ACCESS_KEY(size=ACCESS_KEY, length=len(value)),
                   Text.CHECK_FAIL(name="cloud-authentication-access-key", value=value))  # fmt: skip
        raise messages.value_error(value, -61, *reasons)


CLOUD, CLOUD_KEY = "fortinetone-cloud-authentication", "cloud-authentication-access-key"


def endpoint_server(entry: Saved) -> None:
    """No two endpoint servers in the cloud have the same access key (-15)."""
    mine = entry.value(CLOUD_KEY)
    for key, other in entry.cmdb.rows(GLOBAL, entry.table.path).items():
        same = other.values.get(CLOUD_KEY, "") == mine and other.values.get(CLOUD) == "enable"
        if key != entry.key and same and entry.value(CLOUD) == "enable":
            reason = Text.SAME_ACCESS_KEY(key=key, empty="" if mine else " (empty key)")
            raise messages.discarded(reason, Text.SET_OPERATOR, -15)


# --- when ---

EXPLAINS_FULL = (7, 6)  # the firmware level from which on a full table says what its code means
POLICY = words("firewall policy")

# fmt: off
# Tables that share one set of names; by path, sorted.
NAMESAKES: dict[PathWords, PathWords] = {
    ("firewall", "address"):  ("firewall", "addrgrp"),
    ("firewall", "addrgrp"):  ("firewall", "address"),
}

# What may stand for a mandatory attribute; by path and attribute, sorted.
INSTEAD: dict[tuple[PathWords, str], str] = {
    (POLICY, "dstaddr"): "dstaddr6",
    (POLICY, "srcaddr"): "srcaddr6",
}

# When a value is set; by path and attribute, sorted.
SET: dict[tuple[PathWords, str], Callable[[Saved, tuple[str, ...], Any], None]] = {
    (("endpoint-control", "fctems"), CLOUD_KEY):            access_key,
    (("system", "dhcp", "server", "reserved-address"), "ip"): reserved,
    (INTERFACE, "ip"):                                      interfaces.subnet_of_its_own,
    (INTERFACE, "vdom"):                                    interfaces.free_to_move,
    (SETTINGS, "gui-sslvpn"):                               no_sslvpn,
}

# When an entry is saved; by path, sorted.
CHECKS: dict[PathWords, Check] = {
    ("endpoint-control", "fctems"):                 endpoint_server,
    ("firewall", "address"):                        address,
    ("firewall", "service", "custom"):              service,
    ("firewall", "vip"):                            vips.check,
    ("router", "static"):                           route,
    ("system", "dhcp", "server", "exclude-range"):  rising,
    ("system", "dhcp", "server", "ip-range"):       rising,
    INTERFACE:                                      interfaces.numbered,
    ("vpn", "certificate", "ca"):                   _needs("ca", -146),
    ("vpn", "certificate", "local"):                local_certificate,
    ("vpn", "certificate", "remote"):               _needs("remote", -302),
}
# fmt: on


def check_set(entry: Saved, name: str, typed: tuple[str, ...], value: Any) -> None:
    """Whether `value` may be set. Raises `CliError`."""
    special = SET.get((entry.table.path, name))
    if special is not None:
        special(entry, typed, value)


def check_opened(entry: Saved) -> None:
    """Whether a new entry may have this key. Raises `CliError`."""
    if entry.table.path in NAMESAKES:
        free_name(entry.cmdb, entry.cmdb.scope_of(entry.table, entry.vdom), entry.table.path, entry.key)
    if entry.table.path == tunnels.GATEWAY:
        tunnels.free_name(entry.cmdb, entry.key)


def full(cmdb: Cmdb) -> CliError:
    """The refusal of an entry that a table has no room for."""
    last = Text.FULL if cmdb.schema.level >= EXPLAINS_FULL else Text.RETURN_CODE
    return CliError((Text.SET_OPERATOR(code=-4), last(code=-4)), -4)


def check_number(entry: Saved) -> None:
    """Whether the next free number is one that the table has (-4). Raises `CliError`."""
    if int(entry.key) > entry.table.attributes[entry.table.key].high:
        raise full(entry.cmdb)


def check(entry: Saved) -> None:
    """Whether `entry` may be saved. Raises `CliError`."""
    special = CHECKS.get(entry.table.path)
    if special is not None:
        special(entry)
    mandatory(entry)
