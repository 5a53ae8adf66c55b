"""Tables inside a singleton that name each other (SD-WAN), and what goes along with a tunnel's gateway."""

from __future__ import annotations

import pytest

from fortish.boot import restoring
from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.cmdb.editor import Editor
from fortish.cmdb.entries import GLOBAL
from fortish.completion import candidates
from fortish.errors import CliError
from fortish.parse import parse
from fortish.session import Session

HEADER = "#config-version=FGVMK6-7.6.4-FW-build3596-250820:opmode=0:vdom=0:user=admin\n"
MEMBERS = ("config system sdwan", "config members", "edit 1", "set interface port2", "next", "edit 2", "next", "end")
RULE = ("config service", "edit 1", "set priority-members 1", "next", "end")
GATEWAY = ("config vpn ipsec phase1-interface", "edit hq", "set interface port1", "set psksecret secretsecret", "next")


@pytest.fixture
def box() -> Box:
    return Box.new(VirtualClock(0.0), "fortigate-7.6")


def run(editor: Editor, *lines: str) -> None:
    for line in lines:
        command = parse(line, editor.legal)
        assert command is not None
        editor.confirm(editor.apply(command))


def refused(editor: Editor, *lines: str) -> int | None:
    run(editor, *lines[:-1])
    with pytest.raises(CliError) as caught:
        run(editor, lines[-1])
    return caught.value.code


def offered(session: Session, text: str) -> list[str]:
    return [candidate.word for candidate in candidates(session, text).candidates]


# --- SD-WAN ---


def test_what_stands_in_the_open_block_is_offered_and_taken_before_it_is_saved(box: Box) -> None:
    session = Session(box)
    run(session.editor, *MEMBERS, "config service", "edit 1")
    assert offered(session, "set priority-members ") == ["<string>", "1", "2"]
    run(session.editor, "set priority-members 2 1", "end", "end")
    assert box.cmdb["system sdwan"][""]["service"]["1"]["priority-members"] == ("2", "1")


def test_what_is_saved_is_offered_from_elsewhere(box: Box) -> None:
    session = Session(box)
    run(session.editor, "config system sdwan", "config zone", "edit overlay", "next", "end", "end")
    run(session.editor, "config router static", "edit 1")
    assert offered(session, "set sdwan-zone ") == ["<string>", "virtual-wan-link", "overlay"]
    assert refused(session.editor, "set sdwan-zone nowhere") == -3


def test_who_is_named_in_the_block_or_from_elsewhere_stays(box: Box) -> None:
    editor = Editor(box.cmdb)
    run(editor, *MEMBERS, *RULE, "config members")
    assert refused(editor, "delete 1") == refused(editor, "rename 1 to 5") == -23
    with pytest.raises(CliError):
        run(editor, "purge")
    run(editor, "rename 2 to 5", "end")
    run(editor, "config zone", "edit overlay", "next", "end", "end")
    run(editor, "config router static", "edit 1", "set sdwan-zone overlay", "end")
    assert refused(editor, "config system sdwan", "config zone", "delete overlay") == -23
    run(editor, "end", "end", "config router static", "delete 1", "end")
    run(editor, "config system sdwan", "config zone", "delete overlay", "end", "end")
    assert list(box.cmdb["system sdwan"][""]["zone"]) == ["virtual-wan-link"]


def test_a_rule_that_lets_a_member_go_frees_it_at_once(box: Box) -> None:
    editor = Editor(box.cmdb)
    run(editor, *MEMBERS, *RULE, "config service", "edit 1", "unset priority-members", "next", "end")
    run(editor, "config members", "delete 1", "end", "end")
    assert list(box.cmdb["system sdwan"][""]["members"]) == ["2"]


def test_the_zone_of_the_factory_is_there_from_the_start_and_after_a_restore(box: Box) -> None:
    editor = Editor(box.cmdb)
    assert refused(editor, "config system sdwan", "config zone", "delete virtual-wan-link") == -160
    assert refused(editor, "rename virtual-wan-link to x") == -160
    run(editor, "purge", "end", "end")
    with restoring(box, HEADER):
        run(Editor(box.cmdb), "config system sdwan", "set status enable", "end")
    sdwan = box.cmdb["system sdwan"][""]
    assert sdwan["status"] == "enable" and list(sdwan["zone"]) == ["virtual-wan-link"]


def test_an_interface_that_a_member_names_is_in_use(box: Box) -> None:
    editor = Editor(box.cmdb)
    run(editor, *MEMBERS, "end")
    assert refused(editor, "config system interface", "delete port2") == -23


def test_a_rule_in_a_transaction_names_what_the_transaction_has(box: Box) -> None:
    session = Session(box)
    for line in ("execute config-transaction start", *MEMBERS, *RULE, "end", "execute config-transaction commit"):
        for _ in session.feed(line):
            pass
        assert session.failure is None, line
    assert box.cmdb["system sdwan"][""]["service"]["1"]["priority-members"] == ("1",)


# --- tunnels ---


def test_the_interface_of_a_gateway_comes_changes_and_goes_with_it(box: Box) -> None:
    editor = Editor(box.cmdb)
    run(editor, *GATEWAY)
    tunnel = box.cmdb["system interface"]["hq"]
    assert (tunnel["type"], tunnel["interface"], tunnel["vdom"]) == ("tunnel", "port1", "root")
    run(editor, "edit hq", "set interface port2", "next")
    assert box.cmdb["system interface"]["hq"]["interface"] == "port2"
    run(editor, "clone hq to branch", "rename hq to head")
    assert {"branch", "head"} <= set(box.cmdb["system interface"]) and "hq" not in box.cmdb["system interface"]
    run(editor, "purge")
    assert {*box.cmdb["system interface"]} & {"branch", "head"} == set()


def test_a_gateway_whose_interface_is_named_stays_with_its_name(box: Box) -> None:
    editor = Editor(box.cmdb)
    run(editor, *GATEWAY, "end", "config router static", "edit 1", "set dst 10.9.0.0/16", "set device hq", "end")
    run(editor, "config vpn ipsec phase1-interface")
    assert refused(editor, "delete hq") == refused(editor, "rename hq to head") == -23
    assert "hq" in box.cmdb["system interface"] and list(box.cmdb["vpn ipsec phase1-interface"]) == ["hq"]


def test_a_gateway_cannot_have_the_name_of_a_port(box: Box) -> None:
    editor = Editor(box.cmdb)
    run(editor, *GATEWAY)
    assert refused(editor, "edit port2") == refused(editor, "clone hq to port2") == -553


def test_in_a_vdom_the_interface_is_the_vdoms(box: Box) -> None:
    editor = Editor(box.cmdb)
    run(editor, "config system global", "set vdom-mode multi-vdom", "end")
    run(editor, "config vdom", "edit Web", "end")
    run(editor, "config global", "config system interface", "edit port2", "set vdom Web", "end", "end")
    run(editor, "config vdom", "edit Web", "config vpn ipsec phase1-interface", "edit hq", "set interface port2")
    run(editor, "set psksecret secretsecret", "end", "end")
    entry = box.cmdb.entry(GLOBAL, ("system", "interface"), "hq")
    assert entry is not None and entry.values["vdom"] == "Web"


@pytest.mark.parametrize("level", ["fortigate-7.4", "fortigate-7.6"])
def test_the_pages_of_ssl_vpn_are_gone_with_it(level: str) -> None:
    editor = Editor(Box.new(VirtualClock(0.0), level).cmdb)
    run(editor, "config system settings")
    if level == "fortigate-7.4":
        run(editor, "set gui-sslvpn enable", "end")
    else:
        assert refused(editor, "set gui-sslvpn enable") == -1
        run(editor, "set gui-sslvpn disable", "end")
