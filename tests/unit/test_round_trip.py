"""What `show` prints reads back to the same configuration."""

# ranks: 5 6 20

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from made import once

from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.cmdb.editor import CONFIGURES, Editor
from fortish.cmdb.entries import Drop, Entry
from fortish.cmdb.schema import Schema
from fortish.cmdb.table import Attribute, PathWords, Table
from fortish.errors import CliError
from fortish.firmware import FIRMWARES
from fortish.parse import parse, parse_script
from fortish.quoting import quote
from fortish.session import Session

SCHEMAS: dict[str, Schema] = {}


def new(firmware: str = "fortigate-7.6") -> Box:
    box = Box.new(VirtualClock(0.0), firmware)
    box.maker = once
    box.cmdb.schema = SCHEMAS.setdefault(firmware, box.cmdb.schema)  # it is read once, not for each box
    return box


def blank(firmware: str) -> Box:
    """A box without what it holds from the factory."""
    box = new(firmware)
    for path in box.cmdb.schema.paths():
        table = box.cmdb.schema.table(path)
        assert table is not None
        if table.keyed:
            continue  # what stands there can be changed, but not made or removed
        scope = box.cmdb.scope_of(table, "root")
        box.cmdb.commit([Drop(scope, path, key) for key in list(box.cmdb.rows(scope, path)) if not table.keeps(key)])
    return box


def load(box: Box, text: str) -> None:
    """Every line must be taken."""
    editor = Editor(box.cmdb)
    for number, command in parse_script(text):
        assert not isinstance(command, CliError), (number, command.lines)
        assert type(command) in CONFIGURES, number
        try:
            editor.confirm(editor.apply(command))
        except CliError as error:
            raise AssertionError((text.split("\n")[number - 1], error.lines)) from None
    assert not editor.frames


def shown(box: Box) -> str:
    """The configuration, without the header that counts commits."""
    return "\n".join(line for line in Session(box).configuration() if not line.startswith("#"))


def content(box: Box) -> dict[Any, list[tuple[str, Entry]]]:
    cmdb = box.cmdb
    found = {}
    for path in cmdb.schema.paths():
        table = cmdb.schema.table(path)
        assert table is not None
        rows = cmdb.rows(cmdb.scope_of(table, "root"), path)
        found[path] = [(key, _stated(box, table, entry)) for key, entry in rows.items()]
        if not table.is_table:
            found[path] = [row for row in found[path] if row[1] != Entry()]
    return found


def _stated(box: Box, table: Table, entry: Entry) -> Entry:
    """The entry without values that are the default anyway."""
    values = {
        name: value for name, value in entry.values.items()
        if value != box.cmdb.default(table, table.attributes[name])
        and not (value in ("", (), None) and box.cmdb.default(table, table.attributes[name]) in ("", (), None))
    }  # fmt: skip
    children = {}
    for name, rows in entry.children.items():
        child = table.children[name]
        kept = {key: _stated(box, child, row) for key, row in rows.items()}
        children[name] = kept if child.is_table else {key: row for key, row in kept.items() if row != Entry()}
    return Entry(values, children)


def comes_back(box: Box) -> None:
    text = shown(box)
    fresh = blank(box.firmware.name)
    load(fresh, text)
    assert content(fresh) == content(box)
    assert shown(fresh) == text


RICH = r"""
config system global
    set hostname "my-box"
    set admin-sport 8443
    set cfg-save revert
    set cfg-revert-timeout 900
end
config system accprofile
    edit "auditors"
        set comments "They \"only\" read: \'x\' \\ y"
        set sysgrp custom
        config sysgrp-permission
            set admin read
        end
    next
end
config system interface
    edit "port1"
        set ip 192.0.2.1 255.255.255.0
        set allowaccess ping https ssh
        set alias "Zoë \"two
lines\" \\end"
        set secondary-IP enable
        config secondaryip
            edit 3
                set ip 198.51.100.1/24
                set allowaccess ping
            next
            edit 1
                set ip 198.51.101.1/24
            next
        end
        config ipv6
            set ip6-allowaccess ping
        end
    next
    edit "vlan10"
        set type vlan
        set interface "port1"
        set vlanid 10
    next
    edit "agg"
        set type aggregate
        set member "port2" "port3"
    next
end
config system admin
    edit "bob"
        set accprofile "auditors"
        set password hush
        set trusthost1 10.0.0.0/8
        set comments '😀 #1 <b> $USER ? | grep'
    next
end
config system alias
    edit "st at"
        set command "get system status | grep \"a b\""
    next
end
config system dns
    set primary 192.0.2.53
    set server-hostname "one.example" "two.example"
end
config vpn certificate ocsp-server
    edit "ocsp"
        set url "http://ocsp.example"
    next
end
config vpn certificate setting
    set ocsp-status enable
    set ocsp-default-server "ocsp"
    set proxy-password ENC Zm9yZWlnbg==
end
config user ldap
    edit "dir"
        set server "ldap.example"
        set dn "dc=example"
        set type regular
        set username "cn=x"
        set password "s p a c e"
    next
end
config system ntp
    set type custom
    config ntpserver
        edit 0
            set server "ntp.example"
        next
    end
end
config system snmp community
    edit 1
        set name "watch"
        config hosts
            edit 1
                set ip 192.0.2.9 255.255.255.255
                set host-type query
            next
        end
        set trap-v1-status disable
        unselect events cpu-high mem-low
    next
end
config endpoint-control fctems
    edit 1
        set name "ems"
        set server "ems.example"
    next
end
config system zone
    edit "inside"
        set intrazone allow
        set interface "port2" "port3"
    next
end
config system dhcp server
    edit 2
        set ntp-service local
        set default-gateway 192.0.2.1
        set netmask 255.255.255.0
        set interface "port1"
        config ip-range
            edit 1
                set start-ip 192.0.2.10
                set end-ip 192.0.2.20
            next
            edit 2
                set start-ip 192.0.2.30
                set end-ip 192.0.2.30
            next
        end
        set vci-match enable
        set vci-string "one" "two words"
        config reserved-address
            edit 7
                set ip 192.0.2.40
                set mac 02:00:5e:00:53:01
                set description "the \"printer\""
            next
        end
    next
end
config firewall address
    edit "net a"
        set associated-interface "inside"
        set color 3
        set allow-routing enable
        set subnet 10.1.0.0 255.255.0.0
    next
    edit "hosts"
        set type iprange
        set start-ip 10.1.0.1
        set end-ip 10.1.0.9
        set comment "it\'s"
    next
    edit "name"
        set type fqdn
        set fqdn "*.example.com"
        set cache-ttl 60
    next
    edit "odd"
        set type wildcard
        set wildcard 10.0.0.7 255.0.0.255
    next
    edit "own"
        set type interface-subnet
        set subnet 192.0.2.0 255.255.255.0
        set interface "port1"
    next
    edit "cards"
        set type mac
        set macaddr "02:00:5e:00:53:01" "02:00:5e:00:53:02-02:00:5e:00:53:09"
    next
end
config firewall addrgrp
    edit "some"
        set member "hosts" "name"
        set exclude enable
        set exclude-member "odd"
    next
    edit "more"
        set member "some" "net a"
        set uuid 11111111-2222-51e9-8333-444444444444
    next
end
config firewall service category
    edit "Ours & theirs"
    next
end
config firewall service custom
    edit "app"
        set category "Ours & theirs"
        set tcp-portrange 8080-8090 9090:1024-65535
        set udp-portrange 53
        set session-ttl never
    next
    edit "unreachable"
        set protocol ICMP
        set icmptype 3
        set icmpcode 1
    next
    edit "gre"
        set protocol IP
        set protocol-number 47
    next
end
config firewall service group
    edit "apps"
        set member "app" "HTTP" "Web Access"
    next
end
config firewall schedule recurring
    edit "office"
        set start 08:30
        set end 17:00
        set day friday monday
    next
end
config firewall vip
    edit "web"
        set extip 198.51.100.7
        set mappedip "10.1.0.7"
        set extintf "any"
        set portforward enable
        set extport 443
        set mappedport 8443
    next
end
config firewall policy
    edit 0
        set name "out"
        set srcintf "inside"
        set dstintf "port1"
        set action accept
        set srcaddr "more" "net a"
        set dstaddr "all"
        set schedule "office"
        set service "apps" "PING"
        set utm-status enable
        set av-profile "default"
        set logtraffic all
        set nat enable
        set ippool enable
        set poolname "pool"
        set comments "first
second"
        set global-label "Head lines"
    next
    edit 9
        set srcintf "any"
        set dstintf "any"
        set srcaddr "all"
        set dstaddr "web"
        set schedule "always"
        set service "ALL"
        set send-deny-packet enable
    next
    move 9 before 1
end
config log syslogd setting
    set status enable
    set server "192.0.2.99"
    set mode reliable
    set enc-algorithm high
end
config firewall ssl-ssh-profile
    edit "servers"
        set server-cert-mode replace
        set server-cert "Fortinet_SSL" "Fortinet_SSL_ED448"
    next
    delete custom-deep-inspection
end
config system sdwan
    set status enable
    config zone
        edit "overlay"
        next
    end
    config members
        edit 3
            set interface "port2"
        next
        edit 1
            set interface "port3"
            set zone "overlay"
            set cost 5
        next
    end
    config service
        edit 1
            set dst "all"
            set priority-members 1 3
        next
        edit 7
            set name "first"
        next
        move 7 before 1
    end
end
config vpn ipsec phase1-interface
    edit "to_hq"
        set interface "port1"
        set remote-gw 203.0.113.9
        set psksecret sharedsecret
    next
    edit "certified"
        set interface "port1"
        set authmethod signature
        set certificate "Fortinet_Factory"
        set type dynamic
    next
end
config vpn ipsec phase2-interface
    edit "to_hq"
        set phase1name "to_hq"
        set src-addr-type name
        set src-name "all"
        set dst-addr-type range
        set dst-start-ip 10.0.0.1
        set dst-end-ip 10.0.0.9
    next
end
config router static
    edit 9
        set dst 10.77.0.0/16
        set sdwan-zone "overlay"
    next
    edit 0
        set gateway 192.0.2.254
        set device "port1"
    next
    edit 5
        set dst 10.9.0.0 255.255.0.0
        set blackhole enable
    next
    edit 6
        set device "port2"
        set dstaddr "net a"
        set dynamic-gateway enable
    next
end
"""


def test_a_rich_configuration_comes_back() -> None:
    for firmware in FIRMWARES:
        box = new(firmware)
        load(box, RICH)
        comes_back(box)


def test_certificates_keys_and_their_settings_come_back() -> None:
    import fortish

    with fortish.Appliance() as appliance:
        session = appliance.session()
        session.run("execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
        session.run(
            "execute vpn certificate local generate est web ec-secp256r1 "
            'https://testrfc7030.com:8443 CN=web "" estuser estpwd'
        )
        for line in ("config vpn certificate local", "edit web", 'set comments "it is"', "set auto-regenerate-days 30",
                     "set ike-localid-type fqdn", "set ike-localid web.example", "end"):  # fmt: skip
            assert session.run(line) == "" and not session.failed
        comes_back(appliance.runtime.box)


def test_what_another_attribute_further_down_makes_visible_comes_back() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    box = new()
    load(
        box,
        f"""config vpn certificate local
edit a
set private-key "{key.decode()}"
set enroll-protocol scep
set scep-url http://scep.example
set scep-password hush
set ca-identifier one
next
end""",
    )
    assert "set scep-url" in shown(box)
    comes_back(box)


# --- random configurations ---

TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r<>()#'\"\x00"), min_size=1, max_size=12
)  # CR LF is a line end, also inside quotes
NAME = st.text("abcdefghijklmnopqrstuvwxyz-.0123456789é ", min_size=1, max_size=12)
FREE = st.text(st.sampled_from("ab '\"\\\n#<>$?|é😀\u00a0\u2028\x85\t"), min_size=1, max_size=12)
ADDRESS = st.tuples(*[st.integers(0, 223)] * 4).map(lambda octets: ".".join(map(str, octets)))
PREFIX = st.integers(0, 32)


# Entries that every box has: what references are made of. By path; sorted.
KNOWN: dict[PathWords, list[str]] = {
    ("firewall", "address"): ["all", "none"],
    ("firewall", "schedule", "recurring"): ["always", "none"],
    ("firewall", "service", "category"): ["General", "Web Access"],
    ("firewall", "service", "custom"): ["ALL", "HTTP", "PING"],
    ("system", "interface"): ["port1", "port2"],
    ("system", "sdwan", "zone"): ["virtual-wan-link"],
}
# Allowed or not, it stands behind the interfaces that it is about: only a backup that is restored reads it in time.
NOT_DRAWN = frozenset({"allow-subnet-overlap"})


def words_of(attribute: Attribute) -> st.SearchStrategy[list[str]] | None:
    """Legal words for an attribute; None where a test cannot make them up."""
    one: st.SearchStrategy[str]
    match attribute.type:
        case "option":
            one = st.sampled_from([choice.name for choice in attribute.choices])
        case "integer" | "integer-or-none":
            one = st.integers(attribute.low, attribute.high).map(str)
        case "ipv4-address":
            one = ADDRESS
        case "ipv4-netmask-pair":
            one = st.tuples(ADDRESS, PREFIX).map(lambda pair: f"{pair[0]}/{pair[1]}")
        case "mac-address":
            one = st.binary(min_size=6, max_size=6).map(lambda raw: raw.hex(":"))
        case "fqdn":
            one = st.sampled_from(["a.example", "*.example.com", "x"])
        case "password" | "clear-password":
            one = TEXT
        case "reference":
            known = [key for path in attribute.refs for key in KNOWN.get(path, ())]
            if not known:
                return None
            one = st.sampled_from([*known, *(choice.name for choice in attribute.choices)])
        case "ipv4-mask":
            one = st.sampled_from(["0.0.0.0", "255.255.255.0", "255.255.255.255"])
        case "ipv4-range" | "ipv4-ranges":
            one = st.sampled_from(["192.0.2.1", "192.0.2.1-192.0.2.9", "0.0.0.0-223.255.255.255"])
        case "port-range" | "port-ranges":
            low, high = st.integers(0, 80), st.integers(81, 65535)
            one = st.tuples(low, high).map(lambda pair: f"{pair[0]}-{pair[1]}") | low.map(str)
        case "time-of-day":
            one = st.sampled_from(["00:00", "08:30", "23:59"])
        case "hex":
            one = st.sampled_from(["0x00", "0x1c"])
        case "ttl":
            one = st.sampled_from(["0", "never", "3600"])
        case "uuid":
            one = st.uuids().map(str)
        case "label":
            one = NAME
        case "string":
            one = TEXT.map(lambda text: text[: attribute.size or 12])
        case "var-string":
            one = FREE.map(lambda text: text[: attribute.size or 12])
        case _:
            return None
    return st.lists(one, min_size=1, max_size=3) if attribute.multiple else one.map(lambda word: [word])


@st.composite
def lines_of(draw: st.DrawFn, table: Table, depth: int = 0) -> list[str]:
    """`set` lines and child blocks for one entry. What is hidden or refused is the editor's business."""
    lines = []
    names = draw(st.lists(st.sampled_from(list(table.attributes)), max_size=8, unique=True))
    names += [name for name, attribute in table.attributes.items() if attribute.mandatory and name not in names]
    for name in names:
        attribute = table.attributes[name]
        if attribute.child is not None:
            lines += draw(block_of(attribute.child, name, depth + 1))
        elif name in table.settable and attribute.support != "refused" and name not in NOT_DRAWN:
            strategy = words_of(attribute)
            if strategy is not None:
                lines.append(" ".join(["set", name, *map(quote, draw(strategy))]))
    return lines


@st.composite
def block_of(draw: st.DrawFn, table: Table, name: str, depth: int = 0) -> list[str]:
    if table.keyed:
        key = draw(st.sampled_from(list(table.factory_values)))
        return [f"config {name} {quote(key)}", *draw(lines_of(table, depth)), "end"]
    lines = [f"config {name}"]
    if table.is_table:
        low, high = table.attributes[table.key].low, table.attributes[table.key].high
        keys = st.integers(low, min(high, 9)).map(str) if table.integer_keys else NAME
        for key in draw(st.lists(keys, max_size=2, unique=True)):
            lines += [f"edit {quote(key)}", *draw(lines_of(table, depth)), "next"]
    else:
        lines += draw(lines_of(table, depth))
    return [*lines, "end"]


PATHS = [path for path in new().cmdb.schema.paths() if path[:2] != ("vpn", "certificate")] + [
    ("vpn", "certificate", "setting"), ("vpn", "certificate", "ocsp-server"), ("vpn", "certificate", "crl")
]  # fmt: skip


def typed(box: Box, lines: list[str]) -> None:
    """As an administrator types: a refused line is passed over, a refused block skipped to its end."""
    editor, skip = Editor(box.cmdb), 0
    for line in lines:
        verb = line.split(" ", 1)[0]
        if skip:
            skip += {"config": 1, "edit": 1, "end": -1, "next": -1}.get(verb, 0)
            continue
        command = parse(line, editor.legal)
        assert command is not None
        try:
            editor.apply(command)
        except CliError as error:
            assert verb != "edit" or error.code in (-163, -553), line
            skip = int(verb in {"config", "edit"})
    assert not editor.frames


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_configuration_of_legal_values_comes_back(data: st.DataObject) -> None:
    box = new(data.draw(st.sampled_from(["fortigate-7.6", "fortiproxy-guide"])))
    for path in data.draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=3)):
        table = box.cmdb.schema.table(path)
        assert table is not None
        typed(box, data.draw(block_of(table, " ".join(path))))
    comes_back(box)


def test_every_settable_attribute_alone_is_taken_or_hidden_and_comes_back() -> None:
    """One value for each attribute of each table, made the same way at every run."""
    import random

    box = new()
    for path in PATHS:
        table = box.cmdb.schema.table(path)
        assert table is not None
        edits = table.is_table and not table.keyed
        lines = [" ".join(["config", *path, *(list(table.factory_values)[:1] if table.keyed else [])])]
        lines += [f"edit {1 if table.integer_keys else 'x1'}"] if edits else []
        for name, attribute in table.settable.items():
            if attribute.type == "option" and attribute.support != "refused":
                choice = random.Random(name).choice(attribute.choices).name
                lines.append(f"set {name} {choice}")
            elif attribute.type == "integer":
                lines.append(f"set {name} {attribute.high}")
            elif attribute.type in {"string", "var-string"}:
                lines.append(f"set {name} {'é' * min(attribute.size or 5, 300)}")
            elif attribute.type == "reference" and (
                known := [k for path in attribute.refs for k in KNOWN.get(path, ())]
            ):
                lines.append(f"set {name} {quote(known[0])}")
        typed(box, [*lines, *(["next"] if edits else []), "end"])
    comes_back(box)
