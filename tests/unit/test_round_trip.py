"""What `show` prints reads back to the same configuration."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fortish.box import FIRMWARES, Box
from fortish.clock import VirtualClock
from fortish.cmdb.editor import CONFIGURES, Editor
from fortish.cmdb.schema import Attribute, Schema, Table
from fortish.cmdb.store import Drop, Entry
from fortish.errors import CliError
from fortish.parse import parse, parse_script, quote
from fortish.session import Session

SCHEMAS: dict[str, Schema] = {}


def new(firmware: str = "fortigate-7.6") -> Box:
    box = Box.new(VirtualClock(0.0), firmware)
    box.cmdb.schema = SCHEMAS.setdefault(firmware, box.cmdb.schema)  # it is read once, not for each box
    return box


def blank(firmware: str) -> Box:
    """A box without what it holds from the factory."""
    box = new(firmware)
    for path in box.cmdb.schema.paths():
        table = box.cmdb.schema.table(path)
        assert table is not None
        scope = box.cmdb.scope_of(table, "root")
        box.cmdb.commit([Drop(scope, path, key) for key in list(box.cmdb.rows(scope, path))])
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


def words_of(attribute: Attribute, keys: list[str]) -> st.SearchStrategy[list[str]] | None:
    """Legal words for an attribute; None where a test cannot make them up."""
    one: st.SearchStrategy[str]
    match attribute.type:
        case "option":
            one = st.sampled_from([choice.name for choice in attribute.choices])
        case "integer":
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
            if ("system", "interface") not in attribute.refs:
                return None
            one = st.sampled_from(keys)
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
    for name in names:
        attribute = table.attributes[name]
        if attribute.child is not None:
            lines += draw(block_of(attribute.child, name, depth + 1))
        elif name in table.settable and attribute.support != "refused":
            strategy = words_of(attribute, ["port1", "port2"])
            if strategy is not None:
                lines.append(" ".join(["set", name, *map(quote, draw(strategy))]))
    return lines


@st.composite
def block_of(draw: st.DrawFn, table: Table, name: str, depth: int = 0) -> list[str]:
    lines = [f"config {name}"]
    if table.is_table:
        keys = st.integers(0, 9).map(str) if table.integer_keys else NAME
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
            skip += {"config": 1, "end": -1}.get(verb, 0)
            continue
        command = parse(line, editor.legal)
        assert command is not None
        try:
            editor.apply(command)
        except CliError:
            assert verb != "edit", line
            skip = int(verb == "config")
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
        lines = [f"config {' '.join(path)}", *(["edit x1"] if table.is_table else [])]
        for name, attribute in table.settable.items():
            if attribute.type == "option" and attribute.support != "refused":
                choice = random.Random(name).choice(attribute.choices).name
                lines.append(f"set {name} {choice}")
            elif attribute.type == "integer":
                lines.append(f"set {name} {attribute.high}")
            elif attribute.type in {"string", "var-string"}:
                lines.append(f"set {name} {'é' * min(attribute.size or 5, 300)}")
        typed(
            box,
            [*lines, *(["next"] if table.is_table and path != ("user", "ldap") else []), "end"]
            if path != ("user", "ldap")
            else [*lines, "next", "end"],
        )
    comes_back(box)
