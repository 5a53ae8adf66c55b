"""The tables that labs and drivers meet: what is typed into them is taken, and the schema holds together."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fortish.boot import restoring
from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.cmdb import schema as schemas
from fortish.cmdb.editor import Editor
from fortish.cmdb.entries import ROOT, Entry
from fortish.cmdb.render import show_table
from fortish.cmdb.table import Attribute, Table
from fortish.errors import CliError
from fortish.firmware import FIRMWARES
from fortish.parse import parse, parse_script
from fortish.session import Session


def new(firmware: str = "fortigate-7.6") -> Box:
    return Box.new(VirtualClock(0.0), firmware)


def refused(box: Box, text: str) -> list[tuple[str, int | None]]:
    """The lines that were not taken, each with its code."""
    editor, lines, found = Editor(box.cmdb), text.split("\n"), []
    for number, command in parse_script(text):
        try:
            if isinstance(command, CliError):
                raise command
            editor.confirm(editor.apply(command))
        except CliError as error:
            found.append((lines[number - 1].strip(), error.code))
    assert not editor.frames, text
    return found


def values(box: Box, path: str, key: str) -> dict[str, object]:
    return dict(box.cmdb[path][key])


# --- what people and tools send ---

# Written as scripts, backups and templates write them: with and without quotes and indents, short masks, full listings.
SNIPPETS = {
    "script": """
config firewall address
edit web-1
set subnet 192.0.2.10/32
set comment "front end"
next
edit range-1
set type iprange
set start-ip 192.0.2.20
set end-ip 192.0.2.29
next
end
config firewall addrgrp
edit fronts
set member web-1 range-1
append member all
end
""",
    "full listing of an address": """
config firewall address
    edit "all-again"
        set uuid 01234567-89ab-51ed-8cde-0123456789ab
        set type ipmask
        set comment ''
        set associated-interface ''
        set color 0
        set allow-routing disable
        set fabric-object disable
        set subnet 0.0.0.0 0.0.0.0
    next
end
""",
    "an address that changes its kind": """
config firewall address
edit changing
set subnet 10.0.0.0 255.0.0.0
set type fqdn
set fqdn www.example.org
set type geography
set country CH
next
end
""",
    "services": """
config firewall service custom
    edit "tcp-8000"
        set category "Web Access"
        set tcp-portrange 8000-8099:1024-65535 8200
        unset udp-portrange
    next
    edit "any-icmp"
        set protocol ICMP
        unset icmptype
    next
    edit "esp"
        set protocol IP
        set protocol-number 50
    next
end
config firewall service group
    edit "both"
        set member "tcp-8000" "any-icmp"
    next
end
""",
    "policies and their order": """
config firewall policy
    edit 0
        set name "first"
        set srcintf "port1"
        set dstintf "any"
        set srcaddr "all"
        set dstaddr "none"
        set schedule "always"
        set service "ALL_ICMP" "HTTPS"
        set action accept
        set nat enable
        set logtraffic all
        set comments 'said "so"'
    next
    edit 40
        set srcintf port1
        set dstintf port2
        set srcaddr all
        set dstaddr all
        set schedule always
        set service ALL
        unset comments
    next
    move 40 before 1
    clone 40 to 41
    delete 41
end
""",
    "routes": """
config router static
    edit 1
        set gateway 192.0.2.254
        set device "port1"
    next
    edit 0
        set dst 198.51.100.0/24
        set blackhole enable
        set distance 254
    next
end
""",
    "a DHCP server": """
config system dhcp server
    edit 1
        set dns-service default
        set default-gateway 10.9.0.1
        set netmask 255.255.255.0
        set interface "port3"
        config ip-range
            edit 1
                set start-ip 10.9.0.10
                set end-ip 10.9.0.99
            next
        end
        set timezone-option default
        config reserved-address
            edit 1
                set ip 10.9.0.5
                set mac 02:00:5E:00:53:AA
            next
        end
    next
end
""",
    "monitoring": """
config system snmp community
    edit 1
        set name "public"
        config hosts
            edit 1
                set ip 192.0.2.50/32
            next
            edit 2
                set ip 192.0.2.51 255.255.255.255
                set host-type query
            next
        end
        set events cpu-high mem-low
    next
end
config log syslogd setting
    set status enable
    set server "192.0.2.60"
    set facility local0
end
""",
    "a tunnel": """
config vpn ipsec phase1-interface
    edit "to_hq"
        set interface "port1"
        set ike-version 2
        set peertype any
        set net-device disable
        set proposal aes256-sha256 aes128gcm-prfsha256
        set dpd on-idle
        set dhgrp 14 21
        set remote-gw 203.0.113.9
        set psksecret sharedsecret
    next
end
config vpn ipsec phase2-interface
    edit "to_hq"
        set phase1name "to_hq"
        set proposal aes256-sha256
        set src-subnet 10.9.0.0 255.255.0.0
        set dst-subnet 10.10.0.0 255.255.0.0
    next
end
config router static
    edit 0
        set dst 10.10.0.0/16
        set device "to_hq"
    next
end
""",
    "SD-WAN": """
config system sdwan
    set status enable
    config zone
        edit "overlay"
        next
    end
    config members
        edit 1
            set interface "port2"
            set gateway 192.0.2.1
        next
        edit 2
            set interface "to_hq"
            set zone "overlay"
        next
    end
    config service
        edit 1
            set name "voice"
            set mode manual
            set dst "all"
            set src "all"
            set priority-members 2 1
        next
    end
end
config router static
    edit 0
        set dst 203.0.113.128 255.255.255.128
        set sdwan-zone "virtual-wan-link" "overlay"
    next
end
""",
    "inspection": """
config firewall ssl-ssh-profile
    edit "ours"
        set caname "Fortinet_CA_SSL"
        set comment "our own"
    next
    edit "servers"
        set server-cert-mode replace
        set server-cert "Fortinet_SSL" "Fortinet_SSL_RSA2048"
    next
end
""",
    "zones, schedules, VIPs": """
config system zone
    edit "dmz"
        set interface "port2" "port3"
    next
end
config firewall schedule recurring
    edit "nights"
        set start 22:00
        set end 06:00
        set day monday sunday
    next
end
config firewall vip
    edit "mail"
        set extip 203.0.113.5
        set extintf "dmz"
        set portforward enable
        set mappedip "10.9.0.25"
        set extport 25
        set mappedport 2525
    next
end
""",
}


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_what_tools_send_is_taken_line_by_line(firmware: str) -> None:
    box = new(firmware)
    for name, text in SNIPPETS.items():
        assert refused(box, text) == [], name


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_a_full_configuration_reads_back(firmware: str) -> None:
    box = new(firmware)
    for text in SNIPPETS.values():
        refused(box, text)
    for path in box.cmdb.schema.paths():
        table = box.cmdb.schema.table(path)
        assert table is not None
        if path[0] == "vpn" or table.keyed:
            continue  # keys and factory certificates are not for typing
        rows = box.cmdb.rows(box.cmdb.scope_of(table, ROOT), path)
        listing = list(show_table(box.cmdb, table, rows, full=True))
        assert refused(box, "\n".join(listing)) == [], path
        assert list(show_table(box.cmdb, table, rows, full=True)) == listing


# --- what is made by the box ---


def test_every_new_entry_has_a_uuid_of_its_own_and_keeps_it() -> None:
    box = new()
    text = "config firewall address\nedit {0}\nnext\nedit {1}\nset comment x\nnext\nend"
    assert refused(box, text.format("a", "b")) == []
    first = [values(box, "firewall address", key)["uuid"] for key in "ab"]
    assert refused(box, text.format("b", "a")) == []
    assert [values(box, "firewall address", key)["uuid"] for key in "ab"] == first
    assert len({*first, *(entry["uuid"] for entry in box.cmdb["firewall address"].values())}) == 6


def test_a_given_uuid_is_kept() -> None:
    box = new()
    given = "01234567-89ab-51ed-8cde-0123456789ab"
    assert refused(box, f"config firewall address\nedit a\nset uuid {given.upper()}\nend") == []
    assert values(box, "firewall address", "a")["uuid"] == given


# --- what the box refuses ---


def test_the_number_after_the_last_is_not_made() -> None:
    box = new()
    assert refused(box, "config endpoint-control fctems\nedit 7\nnext\nedit 0\nnext\nend") == [("next", -4)]
    assert list(box.cmdb["endpoint-control fctems"]) == ["7"]


OVERLAPPING = """
config system interface
    edit "port2"
        set ip 10.0.0.1 255.255.255.0
    next
    edit "port3"
        set ip 10.0.0.129 255.255.255.128
    next
end
"""


def test_interfaces_with_one_subnet_are_refused() -> None:
    assert refused(new(), OVERLAPPING) == [("set ip 10.0.0.129 255.255.255.128", -54)]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 223), st.integers(0, 255), st.integers(4, 32)), max_size=12))
def test_the_overlapping_interface_is_found_as_if_all_were_looked_at(drawn: list[tuple[int, int, int]]) -> None:
    box, held = new(), {"port1": IPv4Network("172.18.60.0/24")}
    for place, (first, last, length) in enumerate(drawn):
        key = f"v{place % 7}"  # some are changed later
        subnet = IPv4Network(f"{first}.18.60.{last}/{length}", strict=False)
        taken = any(subnet.overlaps(other) for name, other in held.items() if name != key)
        pair = f"{subnet.network_address}/{length}"
        found = refused(box, f"config system interface\nedit {key}\nset ip {pair}\nnext\nend")
        if int(subnet.network_address) or length == 32:
            assert bool(found) == taken, (subnet, held)
        if not found and pair != "0.0.0.0/0":
            held[key] = subnet


def test_an_interface_may_change_its_own_subnet() -> None:
    box = new()
    text = "config system interface\nedit port2\nset ip 10.0.0.1/{0}\nnext\nend"
    assert refused(box, text.format(24)) == refused(box, text.format(16)) == []


def test_a_backup_may_hold_interfaces_with_one_subnet() -> None:
    box = new()
    backup = "#config-version=FGVMK6-7.6.4-FW-build3596-250820:opmode=0:vdom=0:user=admin\n" + OVERLAPPING
    with restoring(box, backup):
        assert refused(box, backup) == []
    assert values(box, "system interface", "port3")["ip"] == "10.0.0.129 255.255.255.128"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("set extport 70000", -650),
        ("set extport 20-10", -650),
        ("set extport x", -650),
        ("set extip 10.0.0.9-10.0.0.1", -45),
        ("set extip 10.0.0", -8),
        ("set mappedip 10.0.0.1/33", -9),
        ("set mappedip 10.0.0.1/²", -9),
        ("set extintf nosuch", -3),
        ("set uuid 1", -651),
        ("set service nosuch", -3),
    ],
)
def test_a_bad_value_is_refused_and_changes_nothing(line: str, code: int) -> None:
    box = new()
    text = (
        f"config firewall vip\nedit v\nset mappedip 10.0.0.5\nset portforward enable\nset extport 80\n{line}\nnext\nend"
    )
    assert refused(box, text) == [(line, code)]
    assert values(box, "firewall vip", "v")["extport"] == "80"


@pytest.mark.parametrize(
    ("path", "line", "code"),
    [
        ("firewall schedule recurring", "set start 24:00", -651),
        ("firewall schedule recurring", "set day someday", -61),
        ("firewall policy", "set tos-mask 7", -651),
        ("firewall policy", "set session-ttl 10", -650),
        ("firewall policy", "set session-ttl soon", -651),
        ("firewall policy", "set label a<b", -7),
        ("system dhcp server", "set netmask 255.0.255.0", -9),
        ("system dhcp server", "set netmask 255", -8),
    ],
)
def test_a_value_of_the_wrong_form_has_its_code(path: str, line: str, code: int) -> None:
    assert refused(new(), f"config {path}\nedit 1\n{line}\nabort") == [(line, code)]


# --- the schema ---


def tables(firmware: str = "fortigate-7.6") -> Iterator[Table]:
    """Every table, child tables included."""
    schema = new(firmware).cmdb.schema
    waiting = [table for path in schema.paths() if (table := schema.table(path)) is not None]
    while waiting:
        table = waiting.pop()
        yield table
        waiting += table.children.values()


def test_every_reference_names_a_table_that_there_is() -> None:
    """A table that there is not cannot say no: a slip of the pen would let everything pass."""
    cmdb = new().cmdb
    for table in tables():
        for attribute in table.references:
            for path in attribute.refs:
                there = cmdb.schema.table(path) is not None or cmdb.inner_rows(path, ROOT) is not None
                assert there, (table.path, attribute.name, path)


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_what_makes_an_attribute_visible_can_be_so(firmware: str) -> None:
    for table in tables(firmware):
        for attribute in table.attributes.values():
            for name, wanted in attribute.when:
                assert name in table.attributes, (table.path, attribute.name)
                choices = {choice.name for choice in table.attributes[name].choices}
                assert choices.intersection(wanted) or not choices, (table.path, attribute.name)


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_defaults_and_factory_values_are_values_that_could_be_set(firmware: str) -> None:
    for table in tables(firmware):
        for attribute in table.attributes.values():
            if attribute.type == "option" and attribute.default not in (None, ""):
                given = attribute.default if isinstance(attribute.default, list) else [attribute.default]
                assert {choice.name for choice in attribute.choices}.issuperset(given), (table.path, attribute.name)
        for row in table.factory:
            assert all(_holds(table.attributes[name], value) for name, value in row.items() if name in table.attributes)


def _holds(attribute: Attribute, value: object) -> bool:
    if attribute.type != "option":
        return True
    given = value if isinstance(value, list) else [value]
    return {choice.name for choice in attribute.choices}.issuperset(given)


def test_what_the_factory_puts_into_a_table_names_what_is_there() -> None:
    cmdb = new().cmdb
    for table in tables():
        for attribute in table.references:
            for entry in cmdb.rows(cmdb.scope_of(table, ROOT), table.path).values() if not table.nested else ():
                for target in _named(entry, attribute):
                    known = {choice.name for choice in attribute.choices}
                    assert target in known or cmdb.exists(attribute.refs, target), (table.path, attribute.name, target)


def _named(entry: Entry, attribute: Attribute) -> Iterator[str]:
    value = entry.values.get(attribute.name)
    yield from (target for target in (value if isinstance(value, tuple) else (value,)) if target)


def test_no_table_is_read_for_the_first_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []

    def record(path: tuple[str, ...], level: tuple[int, ...]) -> Table:
        read.append(path)
        raise AssertionError(path)

    monkeypatch.setattr(schemas, "_read", record)
    assert Session(new()).prompt.startswith("FortiGate")
    assert read == []


def test_a_clone_has_a_uuid_of_its_own() -> None:
    box = Box.new(VirtualClock(0.0))
    editor = Editor(box.cmdb)
    for line in ("config firewall address", "edit one", "set subnet 192.0.2.0/24", "next", "clone one to two", "end"):
        command = parse(line)
        assert command is not None
        editor.apply(command)
    rows = box.cmdb.rows("root", ("firewall", "address"))
    assert rows["one"].values["uuid"] != rows["two"].values["uuid"]
    assert rows["one"].values["subnet"] == rows["two"].values["subnet"]
