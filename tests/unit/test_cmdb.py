"""What is stored: values by type, references, views, secrets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.cmdb.editor import Editor
from fortish.cmdb.entries import GLOBAL, Change, Drop, Entry, Order, Put
from fortish.cmdb.references import User
from fortish.cmdb.schema import Schema
from fortish.cmdb.secrets import Secret, seal, unseal
from fortish.cmdb.store import Cmdb
from fortish.errors import CliError, StorageFault
from fortish.parse import parse
from fortish.pki import keys, pem
from fortish.responder.authority import Authority

INTERFACE, LOCAL = ("system", "interface"), ("vpn", "certificate", "local")


@pytest.fixture
def box() -> Box:
    return Box.new(VirtualClock(1_700_000_000.0))


def run(editor: Editor, *lines: str) -> None:
    for line in lines:
        command = parse(line, editor.legal)
        assert command is not None
        editor.apply(command)


def refused(editor: Editor, line: str) -> CliError:
    with pytest.raises(CliError) as caught:
        run(editor, line)
    return caught.value


class Full:
    """A journal on a disk that is full once `full` is set."""

    def __init__(self) -> None:
        self.full = False
        self.kept: list[list[Change]] = []

    def append(self, changes: list[Change]) -> None:
        if self.full:
            raise StorageFault("No space left on device")
        self.kept.append(changes)


# --- commits ---


def test_a_commit_that_cannot_be_kept_changes_nothing() -> None:
    journal = Full()
    cmdb = Cmdb(Schema(), journal)
    cmdb.commit([Put(GLOBAL, INTERFACE, "a", Entry({"alias": "x"}))])
    seen: list[Any] = []
    cmdb.watch(seen.append)
    before, generation = dict(cmdb.rows(GLOBAL, INTERFACE)), cmdb.generation
    journal.full = True
    with pytest.raises(StorageFault):
        cmdb.commit([Drop(GLOBAL, INTERFACE, "a")])
    assert cmdb.rows(GLOBAL, INTERFACE) == before and cmdb.generation == generation and not seen


def test_a_watcher_sees_the_changes_after_they_hold() -> None:
    cmdb = Cmdb(Schema())
    seen: list[Any] = []
    cmdb.watch(lambda changes: seen.append((changes, cmdb.entry(GLOBAL, INTERFACE, "a"))))
    put = Put(GLOBAL, INTERFACE, "a", Entry({"alias": "x"}))
    cmdb.commit([put])
    assert seen == [([put], put.entry)]


def test_the_order_of_a_table_is_a_change_like_others() -> None:
    cmdb = Cmdb(Schema())
    keys_ = list(cmdb.rows(GLOBAL, INTERFACE))
    cmdb.commit([Order(GLOBAL, INTERFACE, tuple(reversed(keys_)))])
    assert list(cmdb.rows(GLOBAL, INTERFACE)) == keys_[::-1]


def test_references_are_known_backwards_and_follow_what_is_stored() -> None:
    cmdb = Cmdb(Schema())
    user = User(GLOBAL, INTERFACE, "agg", "member")
    cmdb.commit([Put(GLOBAL, INTERFACE, "agg", Entry({"member": ("port1", "port2")}))])
    assert user in cmdb.users(GLOBAL, INTERFACE, "port1") and user in cmdb.users(GLOBAL, INTERFACE, "port2")
    cmdb.commit([Put(GLOBAL, INTERFACE, "agg", Entry({"member": ("port2",)}))])
    assert cmdb.users(GLOBAL, INTERFACE, "port1") == set()
    cmdb.commit([Drop(GLOBAL, INTERFACE, "agg")])
    assert cmdb.users(GLOBAL, INTERFACE, "port2") == set()


def test_an_entry_that_a_child_row_names_is_used() -> None:
    cmdb = Cmdb(Schema())
    row = Entry({"server": "x", "interface-select-method": "specify", "interface": "port3"})
    cmdb.commit([Put(GLOBAL, ("system", "ntp"), "", Entry({}, {"ntpserver": {"1": row}}))])
    assert {user.attribute for user in cmdb.users(GLOBAL, INTERFACE, "port3")} == {"ntpserver/interface"}


def test_entries_are_equal_when_their_values_and_rows_are() -> None:
    assert Entry({"a": 1}, {"x": {}}) == Entry({"a": 1})
    assert Entry({"a": 1}) != Entry({"a": 2}) and Entry({}, {"x": {"1": Entry()}}) != Entry()


def test_views_give_defaults_children_and_clear_secrets(box: Box) -> None:
    editor = Editor(box.cmdb)
    run(editor, "config system admin", "edit bob", "set password hush", "set accprofile super_admin", "end")
    view = box.cmdb["system admin"]["bob"]
    assert view["password"] == "hush" and view["trusthost1"] == "0.0.0.0 0.0.0.0"
    run(editor, "config system ntp", "set type custom", "config ntpserver", "edit 0", "set server a.b", "end", "end")
    assert box.cmdb["system ntp"][""]["ntpserver"]["1"]["server"] == "a.b"
    assert "bob" in box.cmdb["system admin"] and len(box.cmdb["system admin"]) == 2
    for missing in ("nobody", ""):
        with pytest.raises(KeyError):
            box.cmdb["system admin"][missing]
    with pytest.raises(KeyError):
        box.cmdb["no such table"]
    with pytest.raises(KeyError):
        view["no-such-attribute"]


def test_an_older_firmware_does_not_have_what_came_later() -> None:
    old, new = Schema((7, 4, 1)), Schema((7, 6, 4))
    assert old.table("vpn certificate hsm-local") is None and new.table("vpn certificate hsm-local") is not None
    name = "est-regeneration-method"
    assert name not in old.table(LOCAL).attributes and name in new.table(LOCAL).attributes  # type: ignore[union-attr]


# --- values ---

REFUSED = [
    ("system interface", "edit port1", "set ip 10.0.0.1", -160, "incomplete command in the end"),
    ("system interface", "edit port1", "set ip 240.0.0.1/24", -8, "ip address must be a class A, B, or C ip"),
    ("system interface", "edit port1", "set ip 1.1/24", -8, "invalid ip address"),
    ("system interface", "edit port1", "set ip 1.1.1.1 255.0.255.0", -9, "invalid netmask."),
    ("system interface", "edit port1", "set ip 1.1.1.1/24 x", -61, "command parse error before 'x'"),
    ("system interface", "edit port1", "set macaddr 1:2", -33, "invalid mac address"),
    ("system interface", "edit port1", "set vrf x", -651, "invalid unsigned integer value: x"),
    ("system interface", "edit port1", "set vrf ٣", -651, "invalid unsigned integer value: ٣"),
    ("system interface", "edit port1", "set vrf -1", -651, "invalid unsigned integer value: -1"),
    ("system interface", "edit port1", "set vrf 512", -650, "node_check_object fail! for vrf 512"),
    ("system interface", "edit port1", "set mode tcp", -61, "command parse error before 'tcp'"),
    ("system interface", "edit port1", "set mode", -160, "incomplete command in the end"),
    ("vpn certificate ocsp-server", "edit o", "set url a<b", -173, "The string contains XSS vulnerability characters"),
    ("system interface", "edit port1", "set no-such x", -61, "command parse error before 'no-such'"),
    ("system interface", "edit port1", "set distance 7", -61, "command parse error before 'distance'"),
    ("system interface", "edit port1", "set type aggregate\nset member port9", -3, "entry not found in datasource"),
    ("system ntp", None, "set type custom\nconfig ntpserver\nedit unexist", -651,
     "invalid unsigned integer value: unexist"),
    ("system global", None, "set hostname " + "x" * 36, -1,
     "string value is too long. the size is 36, the limit is 35"),
    ("system global", None, "set private-data-encryption enable", -61,
     "fortish does not support private-data-encryption enable."),
]  # fmt: skip


@pytest.mark.parametrize(("table", "enter", "line", "code", "said"), REFUSED)
def test_a_refused_value_is_refused_in_the_boxes_words(
    box: Box, table: str, enter: str | None, line: str, code: int, said: str
) -> None:
    editor = Editor(box.cmdb)
    run(editor, f"config {table}", *([enter] if enter else []), *line.split("\n")[:-1])
    error = refused(editor, line.split("\n")[-1])
    assert error.code == code and said in error.lines
    assert error.lines[-1] == f"Command fail. Return code {code}"


@pytest.mark.parametrize(
    ("line", "name", "kept"),
    [
        ("set ip 10.0.0.1/24", "ip", "10.0.0.1 255.255.255.0"),
        ("set ip 10.0.0.1 255.255.0.0", "ip", "10.0.0.1 255.255.0.0"),
        ("set mode dh", "mode", "dhcp"),
        ("set vrf 007", "vrf", 7),
        ("set allowaccess ssh ping ssh", "allowaccess", ("ping", "ssh")),
        ("set macaddr AA:BB:CC:DD:EE:0F", "macaddr", "aa:bb:cc:dd:ee:0f"),
        ("set alias ''", "alias", ""),
    ],
)
def test_a_value_is_kept_in_its_one_form(box: Box, line: str, name: str, kept: Any) -> None:
    editor = Editor(box.cmdb)
    run(editor, "config system interface", "edit port1", line, "end")
    assert box.cmdb["system interface"]["port1"][name] == kept


def test_lists_are_added_to_thinned_out_and_replaced(box: Box) -> None:
    editor = Editor(box.cmdb)
    view = box.cmdb["system interface"]
    run(
        editor,
        "config system interface",
        "edit port2",
        "set allowaccess ping https ssh fgfm",
        "append allowaccess http",
    )
    run(editor, "next")
    assert view["port2"]["allowaccess"] == ("ping", "https", "ssh", "http", "fgfm") or set(
        view["port2"]["allowaccess"]
    ) == {"ping", "https", "ssh", "http", "fgfm"}
    run(editor, "edit port2", "unselect allowaccess fgfm ping", "next")
    assert set(view["port2"]["allowaccess"]) == {"https", "ssh", "http"}
    run(editor, "edit port2", "select allowaccess ssh", "next", "edit port2")
    assert view["port2"]["allowaccess"] == ("ssh",)
    assert refused(editor, "unselect allowaccess ping").code == -3
    assert refused(editor, "append vrf 1").code == -61


# --- secrets and certificates ---


def test_a_sealed_secret_opens_and_differs_each_time() -> None:
    one, two = seal("hüsh"), seal("hüsh")
    assert one.enc != two.enc and unseal(one.enc) == one and one.clear == "hüsh"
    assert len(one.enc) == 200


@pytest.mark.parametrize("enc", ["AAAA", "not base64!", "", "ZnNoMQ==", "KrNZabcd"])
def test_a_foreign_secret_is_kept_and_cannot_be_read(enc: str) -> None:
    assert unseal(enc) == Secret(enc, None)


@pytest.mark.parametrize("length", [0, 1, 113, 114])
def test_a_secret_of_up_to_114_bytes_fits_the_boxes_148(length: int) -> None:
    secret = seal("x" * length)
    assert len(secret.enc) == 200 and unseal(secret.enc).clear == "x" * length


def test_a_password_is_made_into_enc_once_and_printed_byte_for_byte(box: Box) -> None:
    from fortish.session import Session

    editor = Editor(box.cmdb)
    run(editor, "config system admin", "edit bob", "set accprofile super_admin", "set password hush", "end")
    entry = box.cmdb.entry(GLOBAL, ("system", "admin"), "bob")
    assert entry is not None
    line = f"        set password ENC {entry.values['password'].enc}"
    for _ in range(2):
        assert line in list(Session(box).configuration())
    run(editor, "config system admin", "edit bob", "set comments x", "end")
    assert line in list(Session(box).configuration())
    run(editor, "config system admin", "edit bob", "set password ENC Zm9yZWlnbg==", "end")
    assert "        set password ENC Zm9yZWlnbg==" in list(Session(box).configuration())


@pytest.fixture(scope="module")
def issued() -> tuple[str, str, str, str]:
    """CA, certificate, its key in clear, another key in clear."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    now = datetime.fromtimestamp(1_700_000_000, UTC)
    authority = Authority.fresh(now)
    ours, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(ours.public_key()).serial_number(5)
        .not_valid_before(now).not_valid_after(datetime(2030, 1, 1, tzinfo=UTC))
    ).sign(ours, __import__("cryptography.hazmat.primitives.hashes", fromlist=["SHA256"]).SHA256())  # fmt: skip
    clear = [
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip() for key in (ours, other)
    ]
    return pem.pem(authority.certificate), pem.pem(certificate), clear[0], clear[1]


def test_a_private_key_typed_in_clear_becomes_encrypted(box: Box, issued: tuple[str, str, str, str]) -> None:
    editor = Editor(box.cmdb)
    _, certificate, ours, _ = issued
    run(editor, "config vpn certificate local", "edit with", "set password hush", f'set private-key "{ours}"')
    run(editor, f'set certificate "{certificate}"', "next", "edit without", f'set private-key "{ours}"', "end")
    for name in ("with", "without"):
        view = box.cmdb["vpn certificate local"][name]
        assert "BEGIN ENCRYPTED PRIVATE KEY" in view["private-key"]
        assert keys.same_key(keys.load_private(view["private-key"], view["password"]), keys.load_private(ours, ""))
    assert box.cmdb["vpn certificate local"]["with"]["password"] == "hush"
    assert len(box.cmdb["vpn certificate local"]["without"]["password"]) == 62


def test_a_certificate_of_another_key_is_refused(box: Box, issued: tuple[str, str, str, str]) -> None:
    editor = Editor(box.cmdb)
    _, certificate, _, other = issued
    run(editor, "config vpn certificate local", "edit a", "set password x", f'set private-key "{other}"')
    error = refused(editor, f'set certificate "{certificate}"')
    assert error.code == -145 and "Input is not a valid/matched certificate." in error.lines


def test_what_is_no_certificate_or_key_is_refused(box: Box, issued: tuple[str, str, str, str]) -> None:
    editor = Editor(box.cmdb)
    run(editor, "config vpn certificate local", "edit a")
    assert refused(editor, "set certificate rubbish").code == -145
    assert (
        refused(editor, 'set private-key "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"').code == -145
    )
    assert refused(editor, "set csr rubbish").code == -1
    run(editor, "abort", "config vpn certificate ca", "edit a")
    assert refused(editor, f'set ca "{issued[1]}"').code == -146
    run(editor, f'set ca "{issued[0]}"', "end")
    assert box.authorities()["a"] == issued[0]


def test_a_local_certificate_needs_a_private_key(box: Box) -> None:
    editor = Editor(box.cmdb)
    run(editor, "config vpn certificate local", "edit a", "set comments x")
    error = refused(editor, "next")
    assert error.code == -145 and "Attribute 'private-key' MUST be set." in error.lines
    assert "a" not in box.cmdb["vpn certificate local"] and editor.kind == "table"
