"""What must hold of an entry beyond its attributes' types: when it is opened, set, saved, deleted or moved.

One function a table or attribute, in tables by the time at which they are asked.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable
from typing import Any, Protocol

from fortish import messages
from fortish.cmdb import subnets, tunnels, vips
from fortish.cmdb.addresses import is_mask
from fortish.cmdb.entries import GLOBAL, INTERFACE, ROOT, SINGLE, Change, Drop, Entry, Order, Put
from fortish.cmdb.schema import Attribute, PathWords, Table, words
from fortish.cmdb.secrets import Secret, seal
from fortish.cmdb.store import Cmdb
from fortish.cmdb.subnets import UNSET_PAIR
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

PASSWORD_DIGITS = 62  # hexadecimal digits of a private-key password made at random (the enrollment guide's trace)


def random_password() -> str:
    """A private-key password, as the box makes one where none is given."""
    return secrets.token_hex(PASSWORD_DIGITS // 2)


def local_certificate(entry: Saved) -> None:
    """A local certificate has a private key, kept encrypted under its password."""
    key = entry.value("private-key")
    if entry.table.keeps(entry.key) and not key and not entry.value("certificate") and _unread(entry.before):
        return
    if not key and entry.value("enroll-protocol") not in KEYLESS:
        raise _empty("private-key", -145)
    if key and "ENCRYPTED" in key:
        _follow_password(entry, key)
    elif key:
        from fortish.pki import keys

        password = entry.value("password")
        if not isinstance(password, Secret) or not password.clear:
            password = entry.values["password"] = seal(random_password())
        entry.values["private-key"] = keys.encrypted_pem(keys.load_private(key, ""), password.clear or "")


def _unread(before: Entry | None) -> bool:
    """Whether a factory certificate is not made yet."""
    return before is not None and not before.values.get("private-key") and not before.values.get("certificate")


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


# --- interfaces, routes, servers ---


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
    (INTERFACE, "ip"):                                      subnet_of_its_own,
    (INTERFACE, "vdom"):                                    free_to_move,
    (("system", "settings"), "gui-sslvpn"):                 no_sslvpn,
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
    INTERFACE:                                      numbered,
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


# --- whole transactions ---

ADMIN, SUPER = words("system admin"), "super_admin"
SETTINGS, VIP = words("system settings"), words("firewall vip")
EXPLAINS_FULL = (7, 6)  # the firmware level from which on a full table says what its code means


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
            no_tunnel(cmdb, change)


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


def full(cmdb: Cmdb) -> CliError:
    """The refusal of an entry that a table has no room for."""
    last = Text.FULL if cmdb.schema.level >= EXPLAINS_FULL else Text.RETURN_CODE
    return CliError((Text.SET_OPERATOR(code=-4), last(code=-4)), -4)


def unmoved(cmdb: Cmdb, change: Order) -> None:
    """Without central NAT the order of VIPs means nothing, and they cannot be moved (-651). A rename is no move."""
    central = cmdb.value(change.scope, SETTINGS, SINGLE, "central-nat") == "enable"
    if not central and set(change.keys) == set(cmdb.rows(change.scope, VIP)):
        raise messages.failed(-651, Text.VIP_MOVE())


def no_tunnel(cmdb: Cmdb, change: Drop) -> None:
    """The interface of a tunnel goes with its tunnel only (-160)."""
    entry = cmdb.entry(GLOBAL, INTERFACE, change.key)
    if entry is not None and entry.values.get("type") == "tunnel":
        raise messages.failed(-160, Text.TUNNEL_DELETE(), Text.DELETE_UNSET(key=change.key, code=-160))
