"""What a lab's checks find, before and after: expected and actual in plain words."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lab_of import write_lab

from fortish.labs.checks import KINDS
from fortish.labs.finding import Finding
from fortish.labs.lab import read
from fortish.labs.play import Played, play
from fortish.pki import pem
from fortish.replay import typed_lines
from fortish.responder.authority import Authority

ENROLL = "execute vpn certificate local generate est {} {} https://testrfc7030.com:8443{} CN=a,O=b {} estuser estpwd"
OLD = ENROLL.format("old", "ec-secp256r1", "", '""') + "\n"
SOON = f"{OLD}config vpn certificate local\nedit old\nset auto-regenerate-days 30\nend\n"
START = """
config firewall address
edit a
set subnet 192.0.2.1 255.255.255.255
next
edit b
next
end
config firewall addrgrp
edit g
set member a
next
end
config system snmp community
edit 1
set name ops
config hosts
edit 2
set ip 192.0.2.7 255.255.255.255
next
end
next
end
"""


def states(tmp_path: Path, check: str, lines: str, *, world: str = "", before: str = "") -> list[Played]:
    folder = write_lab(tmp_path / "lab", check=check, world=world, start_conf=START, before_txt=before)
    return asyncio.run(play(read(folder), typed_lines(lines)))


def findings(tmp_path: Path, check: str, lines: str, **more: str) -> tuple[Finding, Finding]:
    """How a check stands at the start, and after the lines."""
    begin, after = states(tmp_path, check, lines, **more)
    return begin.tasks["one"][0], after.tasks["one"][0]


def group(line: str) -> str:
    return f"config firewall addrgrp\nedit g\n{line}\nend\n"


# The check, lines after which it holds, what is expected, what is found before.
CONFIG = [
    ("path='system global'\nattribute='admintimeout'\nis=30", "config system global\nset admintimeout 30\nend",
     'system global admintimeout is "30"', '"5"'),
    ("path='firewall addrgrp'\nkey='g'\nattribute='member'\nhas='b'", group("append member b"),
     'firewall addrgrp "g" member contains "b"', '"a"'),
    ("path='firewall addrgrp'\nkey='g'\nattribute='member'\nlacks='a'", group("set member b"),
     'firewall addrgrp "g" member does not contain "a"', '"a"'),
    ("path='firewall addrgrp'\nkey='g'\nattribute='member'\nis=['a', 'b']", group("set member a b"),
     'firewall addrgrp "g" member is "a b"', '"a"'),
    ("path='firewall address'\nkey='c'\nattribute='subnet'\nis='192.0.2.3 255.255.255.255'",
     "config firewall address\nedit c\nset subnet 192.0.2.3/32\nend",
     'firewall address "c" subnet is "192.0.2.3 255.255.255.255"', "its entry is not there"),
    ("path='firewall address'\nkey='a'\nattribute='comment'\nmatches='^shop'",
     "config firewall address\nedit a\nset comment shopping\nend",
     'firewall address "a" comment has the form "^shop"', "no value"),
    ("path='firewall address'\nkey='a'\nattribute='comment'\nexists=true",
     "config firewall address\nedit a\nset comment x\nend", 'firewall address "a" comment has a value', "no value"),
    ("path='firewall addrgrp'\nkey='g'\nabsent=true", "config firewall addrgrp\ndelete g\nend",
     'firewall addrgrp "g" is not there', "it is there"),
    ("path='firewall address'\nkey='c'\nexists=true", "config firewall address\nedit c\nend",
     'firewall address "c" is there', "it is not there"),
    ("path='firewall addrgrp'\nat-least=2\nat-most=2", "config firewall addrgrp\nedit h\nset member b\nend",
     "firewall addrgrp: number of entries is 2", "1"),
    ("path='system ntp'\nattribute='ntpserver/1/server'\nis='192.0.2.5'",
     "config system ntp\nset type custom\nconfig ntpserver\nedit 1\nset server 192.0.2.5\nend\nend",
     'system ntp ntpserver/1/server is "192.0.2.5"', "no value"),
    ("path='system ntp'\nattribute='ntpserver/1'\nexists=true",
     "config system ntp\nset type custom\nconfig ntpserver\nedit 1\nset server 192.0.2.5\nend\nend",
     "system ntp ntpserver/1 is there", "it is not there"),
    ("path='system snmp community'\nkey=1\nattribute='hosts'\nabsent=true",
     "config system snmp community\nedit 1\nconfig hosts\npurge\ny\nend\nend",
     'system snmp community "1" hosts has no value', '"2"'),
    ("path='system snmp community'\nkey=1\nattribute='hosts/2'\nabsent=true",
     "config system snmp community\nedit 1\nconfig hosts\ndelete 2\nend\nend",
     'system snmp community "1" hosts/2 is not there', "it is there"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "lines", "expected", "actual"), CONFIG, ids=[row[0] for row in CONFIG])
def test_a_value_of_the_configuration(tmp_path: Path, check: str, lines: str, expected: str, actual: str) -> None:
    before, after = findings(tmp_path, f"kind = 'config'\n{check}", lines)
    assert before == Finding(False, expected, actual)
    assert after.ok, after


def test_a_secret_is_not_told(tmp_path: Path) -> None:
    where = "kind='config'\npath='vpn certificate local'\nkey='old'\nattribute='est-http-password'"
    world: dict[str, str] = {"world": "trusts = true", "before": OLD}
    kept = findings(tmp_path / "1", f"{where}\nabsent=true", "", **world)[1]
    name = 'vpn certificate local "old" est-http-password'
    assert kept == Finding(False, f"{name} has no value", "a secret value")
    lines = "config vpn certificate local\nedit old\nunset est-http-password\nend"
    assert findings(tmp_path / "2", f"{where}\nabsent=true", lines, **world)[1] == Finding(
        True, f"{name} has no value", "no value"
    )


def test_a_secret_is_compared_and_never_told(tmp_path: Path) -> None:
    lines = "config system admin\nedit x\nset accprofile super_admin\nset password Hidden-1\nend\n"
    check = "kind='config'\npath='system admin'\nkey='x'\nattribute='password'\n"
    for number, more in enumerate(("exists=true", "is='Hidden-1'", "matches='^Hid'", "absent=true", "is='Hidden-2'")):
        _, after = findings(tmp_path / str(number), check + more, lines)
        assert after.ok is (number < 3)
        assert after.actual == "a secret value"


def test_what_is_not_committed_does_not_count(tmp_path: Path) -> None:
    lines = "config system global\nset admintimeout 30\n"
    _, after = findings(tmp_path, "kind='config'\npath='system global'\nattribute='admintimeout'\nis=30", lines)
    assert not after.ok


def test_a_vdom_is_looked_into(tmp_path: Path) -> None:
    check = "kind='config'\npath='firewall address'\nkey='x'\nexists=true\nscope='blue'"
    divide = "config system global\nset vdom-mode multi-vdom\nend\ny\n"
    inside = "config vdom\nedit {}\nconfig firewall address\nedit x\nend\n"
    login = "config vdom\nedit blue\ny\nend\n"
    assert not findings(tmp_path / "1", check, divide + login + inside.format("root"))[1].ok
    before, after = findings(tmp_path / "2", check, divide + login + inside.format("blue"))
    assert before.expected == 'firewall address "x" in VDOM blue is there'
    assert after.ok, after


CERTIFICATE = [
    ("subject='CN=a, O=b'\nexists=true", "/full", 'certificate "new" has the subject CN=a, O=b'),
    ("key='ec-secp384r1'", "", 'certificate "new" has a key of the kind ec-secp384r1'),
    ("issuer='estExampleCA'", "", 'certificate "new" was issued by estExampleCA'),
    ("san=['DNS:x.example.net', 'IP:192.0.2.9']", "/full",
     'certificate "new" has the alternative names DNS:x.example.net, IP:192.0.2.9'),
    ("chains-to-store=true", "", 'certificate "new" chains to a CA in the store'),
    ("valid-days-at-least=300", "", 'certificate "new" is valid for 300 days at least'),
    ("protocol='est'", "", 'certificate "new" is renewed over est'),
]  # fmt: skip


@pytest.mark.parametrize(("check", "label", "expected"), CERTIFICATE, ids=[row[0] for row in CERTIFICATE])
def test_a_certificate(tmp_path: Path, check: str, label: str, expected: str) -> None:
    san = "DNS:x.example.net,IP:192.0.2.9"
    line = ENROLL.format("new", "ec-secp384r1", "", san) + (" full" if label else "")
    check = f"kind='certificate'\nname='new'\n{check}"
    before, after = findings(tmp_path, check, line, world="trusts = true")
    assert before == Finding(False, 'certificate "new" is there', "it is not there")
    assert after.ok, after
    assert after.expected == expected
    other = findings(tmp_path / "other", check, ENROLL.format("new", "ec-secp256r1", "", '""'), world="trusts = true")[
        1
    ]
    assert other.ok is (
        check.split("\n")[2].split("=")[0] in ("issuer", "chains-to-store", "valid-days-at-least", "protocol")
    )


def test_several_parts_tell_the_first_that_does_not_hold(tmp_path: Path) -> None:
    check = "kind='certificate'\nname='old'\nkey='rsa-2048'\nissuer='estExampleCA'"
    before, _ = findings(tmp_path, check, "", world="trusts = true", before=OLD)
    assert before == Finding(False, 'certificate "old" has a key of the kind rsa-2048', "ec-secp256r1")


RENEW = "execute date 2025-02-25\n"


@pytest.mark.parametrize(
    ("check", "before_ok", "after_ok"),
    [
        ("renewed=true", False, True),
        ("renewed=false", True, False),
        ("same-key-as-start=true", True, True),
        ("other-key-than-start=true", False, False),
        ("valid-days-at-least=360", True, True),
    ],
)
def test_a_certificate_of_the_beginning_is_remembered(
    tmp_path: Path, check: str, before_ok: bool, after_ok: bool
) -> None:
    check = f"kind='certificate'\nname='old'\n{check}"
    before, after = findings(tmp_path, check, RENEW, world="trusts = true", before=SOON)
    assert (before.ok, after.ok) == (before_ok, after_ok), (before, after)


def test_another_key_is_noticed(tmp_path: Path) -> None:
    check = "kind='certificate'\nname='old'\nother-key-than-start=true"
    lines = f"config vpn certificate local\ndelete old\nend\n{OLD}"
    before, after = findings(tmp_path, check, lines, world="trusts = true", before=OLD)
    assert before == Finding(False, 'certificate "old" has another key than at the beginning', "the same key")
    assert after.ok, after


TFTP = "execute vpn certificate ca import tftp {} 192.0.2.10"
STRANGER = 'authorities = { other = { common-name = "estExampleCA", made = "2009-01-01" } }'


def test_the_labs_ca_is_told_from_one_of_the_same_name(tmp_path: Path) -> None:
    check = "kind='authority'\nlab=true"
    before, after = findings(tmp_path / "1", check, TFTP.format("estExampleCA.pem"), world=STRANGER)
    assert before == Finding(False, "the CA of the lab's EST server is in the store", "no CA certificate")
    assert after.ok
    _, after = findings(tmp_path / "2", check, TFTP.format("other.pem"), world=STRANGER)
    assert after.actual == "1 CA certificates, but not that one"
    before, after = findings(tmp_path / "3", "kind='authority'\nat-least=1", TFTP.format("other.pem"), world=STRANGER)
    assert (before.ok, after.ok) == (False, True)


def test_a_ca_is_told_by_its_file(tmp_path: Path) -> None:
    check = "kind='authority'\nfile='other.pem'"
    before, after = findings(tmp_path / "1", check, TFTP.format("other.pem"), world=STRANGER)
    assert before == Finding(False, "the CA certificate in other.pem is in the store", "it is not there")
    assert after.ok
    assert not findings(tmp_path / "2", check, TFTP.format("estExampleCA.pem"), world=STRANGER)[1].ok
    before, after = findings(tmp_path / "3", f"{check}\nheld=false", TFTP.format("other.pem"), world=STRANGER)
    assert (before.ok, after.expected) == (True, "the CA certificate in other.pem is not in the store")
    assert not after.ok
    missing = findings(tmp_path / "4", "kind='authority'\nfile='nothing.pem'\nheld=false", "")[1]
    assert (missing.ok, missing.actual) == (False, "file: nothing.pem: No such file or directory")


@pytest.mark.parametrize("written", ["476823", "serial 476823", "Serial Number: 0x74697", "07:46:97", "(74697)"])
def test_a_serial_number_that_was_noted(tmp_path: Path, written: str) -> None:
    check = "kind='certificate'\nname='old'\nserial-in-comments=true"
    line = 'config vpn certificate local\nedit old\nset comments "{}"\nend'
    before, after = findings(tmp_path / "1", check, line.format(written), world="trusts = true", before=OLD)
    assert before == Finding(False, 'certificate "old" has its serial number in its comments', "no comments")
    assert after.ok, after
    other = findings(tmp_path / "2", check, line.format("4768230"), world="trusts = true", before=OLD)[1]
    assert (other.ok, other.actual) == (False, 'comments "4768230"')


def test_what_the_server_has_seen(tmp_path: Path) -> None:
    check = "kind='history'\noperation='simpleenroll'\nstatus=200\naccount='estuser'"
    line = ENROLL.format("new", "ec-secp256r1", "", '""')
    before, after = findings(tmp_path, check, line, world="trusts = true", before=OLD)
    assert before.actual == "the EST server has seen no request"  # what was before does not count
    assert before.expected == (
        "requests at the EST server (operation simpleenroll, status 200, account estuser): at least 1"
    )
    assert after.ok, after
    denied = findings(tmp_path / "denied", check, line.replace("estpwd", "wrong"), world="trusts = true")[1]
    assert not denied.ok
    assert "simpleenroll answered with 401" in denied.actual


def test_the_servers_ways_change_when_it_was_visited_often_enough(tmp_path: Path) -> None:
    world = (
        "trusts = true\nresponder = { faults = { simpleenroll = { status = 500 } } }\n"
        "later = { visits = 3, responder = {} }"
    )
    line = ENROLL.format("new", "ec-secp256r1", "", '""')
    check = "kind='certificate'\nname='new'\nkey='ec-secp256r1'"
    assert not findings(tmp_path / "once", check, line, world=world)[1].ok
    assert findings(tmp_path / "twice", check, f"{line}\n{line}", world=world)[1].ok


def test_new_events_are_counted(tmp_path: Path) -> None:
    check = "kind='event'\nid=41987\ncontains='old'"
    before, after = findings(tmp_path, check, RENEW, world="trusts = true", before=SOON)
    assert before == Finding(False, 'events 41987 about "old" in the log: at least 1', "no new event")
    assert after.ok, after


def test_output_and_screen_need_a_sentence_of_the_author(tmp_path: Path) -> None:
    check = "kind='output'\ncommand='get system status'\nmatches='^Hostname: EDGE$'\ntext='its name is EDGE'"
    before, after = findings(tmp_path, check, "config system global\nset hostname EDGE\nend")
    assert (before.ok, before.expected) == (False, "its name is EDGE")
    assert after.ok
    check = "kind='screen'\ncontains='Serial-Number'\ntext='the serial number was seen'"
    before, after = findings(tmp_path / "2", check, "get system status")
    assert before == Finding(False, "the serial number was seen", "not seen on the screen yet")
    assert after.ok
    assert not findings(tmp_path / "3", check, "get system performance status")[1].ok


def test_debug_lines_count_as_shown_with_both_switches(tmp_path: Path) -> None:
    check, level = "kind='debug'\ndaemon='est'", "diagnose debug application est -1\n"
    before, after = findings(tmp_path / "1", check, level)
    assert (before.actual, after.actual) == ("its level is 0", "its lines are not shown here")
    assert findings(tmp_path / "2", check, f"{level}diagnose debug enable")[1].ok


def test_a_clock_is_right_by_the_worlds_own(tmp_path: Path) -> None:
    check = "kind='clock'\nright-within-hours=24"
    world = 'clock = "2023-03-04T09:00:00Z"\nserver-clock = "2024-03-04T09:00:00Z"'
    before, after = findings(tmp_path, check, "execute date 2024-03-04", world=world)
    assert before == Finding(False, "the box's clock is right, to within 24 hours", "2023-03-04 09:00")
    assert after.ok, after
    check = "kind='clock'\nat-least='2024-06-01'\nat-most=2024-07-01T00:00:00Z"
    before, after = findings(tmp_path / "2", check, "execute date 2024-06-15")
    assert before.expected == "the box's clock is not before 2024-06-01 00:00 and not after 2024-07-01 00:00"
    assert (before.ok, after.ok) == (False, True)


def test_a_box_with_a_wrong_clock_trusts_nobody_until_it_is_right(tmp_path: Path) -> None:
    world = 'trusts = true\nclock = "2023-03-04T09:00:00Z"\nserver-clock = "2024-03-04T09:00:00Z"'
    line = ENROLL.format("new", "ec-secp256r1", "", '""')
    check = "kind='certificate'\nname='new'\nkey='ec-secp256r1'"
    assert not findings(tmp_path / "wrong", check, line, world=world)[1].ok
    assert findings(tmp_path / "right", check, f"execute date 2024-03-04\n{line}", world=world)[1].ok


def test_where_one_sits(tmp_path: Path) -> None:
    before, after = findings(tmp_path, "kind='session'\nplace='(global)'", "config system global")
    assert before == Finding(False, "where you sit: place (global)", "place (root prompt)")
    assert after.ok


def test_what_must_be_as_at_the_beginning(tmp_path: Path) -> None:
    check = "kind='unchanged'\npath='firewall address'\nkey='a'"
    lines = "config firewall address\nedit {}\nset comment x\nend"
    before, after = findings(tmp_path / "1", check, lines.format("b"))
    assert before.ok
    assert after.ok
    after = findings(tmp_path / "2", check, lines.format("a"))[1]
    assert after == Finding(False, 'firewall address "a" is as at the beginning', "0 lines are gone, 1 are new")
    assert not findings(
        tmp_path / "3", check, "config firewall addrgrp\ndelete g\nend\nconfig firewall address\ndelete a\nend"
    )[1].ok


def test_reading_a_factory_certificate_changes_nothing(tmp_path: Path) -> None:
    check = "kind='unchanged'\npath='vpn certificate local'"
    line = "show vpn certificate local Fortinet_SSL_ECDSA256"
    after = findings(tmp_path / "1", check, line, world="trusts = true", before=OLD)[1]
    assert after.ok, after
    lines = "config vpn certificate local\nedit old\nset comments x\nend"
    assert not findings(tmp_path / "2", check, lines, world="trusts = true", before=OLD)[1].ok


def test_what_must_hold_all_the_time_is_missed_even_for_a_moment(tmp_path: Path) -> None:
    check = "kind='session'\nplace=''"
    folder = write_lab(tmp_path / "lab", check=check, keep="kind='unchanged'\npath='system console'")
    lines = "config system console\nset output standard\nend\nconfig system console\nset output more\nend\n"
    played = asyncio.run(play(read(folder), typed_lines(lines)))[-1]
    assert [line for line, _ in played.broken.values()] == [3]


def test_further_names_lead_to_the_server_and_its_certificate_may_have_them(tmp_path: Path) -> None:
    line = ENROLL.format("new", "ec-secp256r1", "", '""').replace("testrfc7030.com", "est.example.net")
    check = "kind='certificate'\nname='new'\nkey='ec-secp256r1'"
    names = 'trusts = true\nnames = { "est.example.net" = "54.70.32.33" }\n'
    assert not findings(tmp_path / "1", check, line, world=names)[1].ok
    named = f'{names}certificate-names = ["est.example.net"]'
    assert findings(tmp_path / "2", check, line, world=named)[1].ok


def test_files_of_a_lab_are_on_its_file_server(tmp_path: Path) -> None:
    pem_text = pem.pem(Authority.fresh(datetime(2024, 1, 1, tzinfo=UTC), "Ours").certificate)
    world = f'files = {{ "ours.pem" = """{pem_text}\n""" }}'
    check, line = "kind='authority'\nat-least=1", TFTP.format("ours.pem")
    assert not findings(tmp_path / "without", check, line)[1].ok
    assert findings(tmp_path / "with", check, line, world=world)[1].ok
    folder = write_lab(tmp_path / "folder", check=check)
    (folder / "files").mkdir()
    (folder / "files" / "ours.pem").write_text(f"{pem_text}\n", "utf-8")
    assert asyncio.run(play(read(folder), typed_lines(line)))[-1].done() == ["one"]


def test_every_kind_is_tried_here() -> None:
    text = Path(__file__).read_text("utf-8")
    assert [kind for kind in KINDS if f"kind='{kind}'" not in text and f"kind = '{kind}'" not in text] == []
    assert list(KINDS) == sorted(KINDS)
