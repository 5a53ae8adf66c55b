"""Batches, ping options, the way to a host, what is known and not done, and what drivers read of the box."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import fortish
from fortish import diagnose, execute, get
from fortish.box import Box
from fortish.clock import HostClock
from fortish.completion import candidates, completions, layout
from fortish.diagnose import known as diagnose_known
from fortish.errors import Interrupted, LinkLost
from fortish.execute import known as execute_known
from fortish.execute.batch import _quietly
from fortish.execute.options import OPTIONS
from fortish.firmware import FIRMWARES
from fortish.get import known as get_known
from fortish.get import performance
from fortish.session import Session
from fortish.steps import Ask, Echo, Exchange, Flow, Kind, Resolve, Say, Step, Trace

SECRET = "Tr0ub4dor-und-3"
MULTI = "config system global\nset vdom-mode multi-vdom\nend\ny\nconfig vdom\nedit Web\ny\nend"


@pytest.fixture
def session() -> Session:
    return Session(Box.new(HostClock()))


def steps(session: Session, *lines: str) -> list[Step]:
    return [step for line in lines for step in session.feed(line)]


def said(session: Session, *lines: str) -> str:
    return "\n".join(step.text for step in steps(session, *lines) if isinstance(step, Say))


def resolved(flow: Flow) -> Step:
    """The first step behind the lookup of a host."""
    asked = next(flow)
    assert isinstance(asked, Exchange)
    assert isinstance(asked.request, Resolve)
    return flow.send("192.0.2.10")


# --- what drivers read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("firmware", FIRMWARES)
@pytest.mark.parametrize(("prepare", "mode"), [("", "disable"), (MULTI, "multiple")])
def test_drivers_find_version_and_vdom_mode(firmware: str, prepare: str, mode: str) -> None:
    with fortish.Appliance(network="none", firmware=firmware) as box:
        box.session().run(prepare)
        administrator = box.session()
        status = administrator.run("get system status")
        virtual = administrator.run("get system status | grep Virtual")
        version = administrator.run("get system status | grep Version")
        one = administrator.run('get system status | grep "Virtual domain configuration"')
    divided = re.search(r"Virtual domain configuration: (multiple|enable|split-task)", virtual)
    assert bool(divided) is (mode == "multiple")
    assert f"Virtual domain configuration: {mode}" in virtual
    assert one == f"Virtual domain configuration: {mode}\n"
    assert re.search(r"^Version: .* (v[78]\.).*$", version, re.MULTILINE)
    assert re.search(r"^Version: .*build\d{4},\d{6} \(GA\.[MF]\)$", status, re.MULTILINE)
    assert re.search(r"^Virtual domains status: [12] in NAT mode, 0 in TP mode$", status, re.MULTILINE)
    assert all(re.match(r"[A-Z][\w /-]+: \S", line) for line in status.splitlines())


def test_the_list_of_vdoms_is_read_by_its_names() -> None:
    with fortish.Appliance(network="none") as box:
        assert re.findall(r"name=([0-9A-Za-z-_]+)", box.session().run("diagnose sys vd list")) == ["root"]
        box.session().run(MULTI)
        assert re.findall(r"name=([0-9A-Za-z-_]+)", box.session().run("diagnose sys vd list")) == ["root", "Web"]


# --- batches --------------------------------------------------------------------------------------------------------


def test_drivers_wait_for_the_end_of_a_batch_and_read_its_log(session: Session) -> None:
    assert "batch mode is stopped" in said(session, "execute batch status")
    steps(session, "execute batch start", "config system global", "unset set post-login-banner enable", "end")
    assert "batch mode is running" in said(session, "execute batch status")
    steps(session, "execute batch end")
    log = said(session, "execute batch lastlog")
    assert re.findall(r"(-?[0-9]\d*):\W+(.*)", log) == [
        ("0", "config system global"),
        ("-61", "unset set post-login-banner enable"),
        ("0", "end"),
    ]


def test_a_batch_that_had_a_failure_has_failed() -> None:
    with fortish.Appliance(network="none") as box:
        administrator = box.session()
        printed = administrator.run("execute batch start\nconfig nosuch\nget system status\nexecute batch end")
        assert (administrator.failed, administrator.code) == (True, -61)
        assert printed.splitlines() == ["Enter batch mode...", "Exit and run batch commands..."]


def test_a_batch_answers_questions_itself(session: Session) -> None:
    steps(session, "config system alias", "edit a", "end", "execute batch start", "config system alias", "purge", "end")
    assert not [step for step in steps(session, "execute batch end") if isinstance(step, Ask)]
    assert 'edit "a"' not in said(session, "show system alias")


def test_ctrl_c_ends_a_batch_with_the_line_that_runs(session: Session) -> None:
    steps(session, "execute batch start", "execute ping 192.0.2.10", "config system alias", "end")
    flow = session.feed("execute batch end")
    assert isinstance(next(flow), Say)
    assert isinstance(resolved(flow), Exchange)  # the first request: the header is swallowed
    with pytest.raises(StopIteration):
        flow.throw(Interrupted())
    assert said(session, "execute batch lastlog") == "0: execute ping 192.0.2.10"


def test_exit_in_a_batch_ends_it_and_the_session(session: Session) -> None:
    steps(session, "execute batch start", "exit", "config system alias", "execute batch end")
    assert not session.alive
    assert session.batch.log == [(0, "exit")]
    assert session.prompt == "FortiProxy-VM64 # "


def test_a_batch_gathers_lines_that_cannot_be_parsed(session: Session) -> None:
    steps(session, "execute batch start", "e", "show | grep", "   exec log", "execute batch end")
    assert said(session, "execute batch lastlog") == "-61: e\n-160: show | grep\n-160: exec log"


# --- aliases --------------------------------------------------------------------------------------------------------


def test_help_lists_the_aliases(session: Session) -> None:
    steps(
        session, "config system alias", "edit rt", "set command 'get system status", "show'", "next", "edit up", "end"
    )
    assert layout(candidates(session, "alias ")) == ["rt", "up"]
    assert completions(session, "alias r") == ["rt"]


def test_a_failure_inside_an_alias_is_the_failure_of_the_line(session: Session) -> None:
    steps(session, "config system alias", "edit a", "set command 'config nosuch", "execute date'", "end")
    steps(session, "alias a")
    assert session.failure is not None
    assert session.failure.code == -61


# --- ping and traceroute --------------------------------------------------------------------------------------------


def test_ctrl_c_behind_the_header_of_a_ping_still_prints_the_statistics(session: Session) -> None:
    flow = session.feed("execute ping 192.0.2.10")
    assert resolved(flow) == Say("PING 192.0.2.10 (192.0.2.10): 56 data bytes")
    last = flow.throw(Interrupted())
    assert isinstance(last, Say)
    assert last.text.splitlines() == [
        "--- 192.0.2.10 ping statistics ---",
        "0 packets transmitted, 0 packets received, 0% packet loss",
    ]


def test_ping_options_reach_the_request_and_end_with_the_session(session: Session) -> None:
    set_ = "execute ping-options"
    steps(session, f"{set_} tos throughput", f"{set_} ttl 7", f"{set_} df-bit yes", f"{set_} pattern abc")
    steps(session, f"{set_} source 172.18.60.184", f"{set_} timeout 9", f"{set_} data-size 100")
    flow = session.feed("execute ping 192.0.2.10")
    resolved(flow)
    asked = flow.send(None)
    assert isinstance(asked, Exchange)
    sent = asked.request
    assert isinstance(sent, Echo)
    assert (sent.size, sent.source, sent.timeout, sent.pattern) == (100, "172.18.60.184", 9.0, b"\xab\x0c")
    assert (sent.header.ttl, sent.header.tos, sent.header.whole) == (7, 8, True)
    flow.close()
    session.log_in("admin")
    assert "TTL: 64\n" in said(session, "execute ping-options view-settings")


@pytest.mark.parametrize("name", OPTIONS)
def test_every_ping_option_has_a_default_to_go_back_to(name: str, session: Session) -> None:
    settings = said(session, "execute ping-options view-settings")
    other = {"adaptive-ping": "enable", "interface": "port1", "pattern": "ff", "source": "192.0.2.1", "tos": "lowcost"}
    value = other.get(name, "yes" if OPTIONS[name][1].choices else "3")
    steps(session, f"execute ping-options {name} {value}")
    assert said(session, "execute ping-options view-settings") != settings
    steps(session, "execute ping-options reset")
    assert said(session, "execute ping-options view-settings") == settings


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands on what routers answer")
def test_traceroute_on_a_real_network_reaches_this_host() -> None:
    with fortish.Appliance(network="real") as box:
        printed = box.session().run("execute traceroute 127.0.0.1").splitlines()
    assert printed[0].startswith("traceroute to 127.0.0.1 (127.0.0.1), 32 hops max, 3 probe packets per hop, 84 byte")
    assert re.fullmatch(r" 1  127\.0\.0\.1(  \d+\.\d{3} ms){3}", printed[1])
    assert len(printed) == 2


def test_a_host_that_lets_nobody_trace_says_so_in_one_sentence(session: Session) -> None:
    flow = session.feed("execute traceroute 192.0.2.10")
    resolved(flow)
    next(flow)
    refused = flow.throw(LinkLost("Operation not permitted"))
    assert refused == Say("This host does not let fortish trace a route (Operation not permitted).")


# --- VDOMs ----------------------------------------------------------------------------------------------------------


def test_enter_offers_the_vdoms(session: Session) -> None:
    assert layout(candidates(session, "execute enter ")) == ["<name>    vdom name", "root"]
    assert completions(session, "execute enter ") == ["root"]


def test_an_administrator_of_one_vdom_enters_no_other() -> None:
    with fortish.Appliance(network="none") as box:
        box.session().run(MULTI)
        box.session().run(
            "config global\nconfig system accprofile\nedit p\nset sysgrp read-write\nset scope vdom\nnext\nend\n"
            "config system admin\nedit local\nset accprofile p\nset vdom Web\nset password x1234567\nend\nend"
        )
        local = box.session("local")
        local.run("execute enter root")
        assert (local.failed, local.code) == (True, -37)
        assert local.run("execute enter Web") == "current vdom=Web:1\n"


# --- known by name --------------------------------------------------------------------------------------------------

KNOWN = {
    "diagnose": (diagnose.HOOKS, diagnose_known.KNOWN, diagnose_known.WHERE),
    "execute": (execute.HOOKS, execute_known.KNOWN, execute_known.WHERE),
    "get": (get.HOOKS, get_known.KNOWN, get_known.WHERE),
}
LINES = [(verb, words) for verb, (_, known, _) in KNOWN.items() for words in known]


@pytest.mark.parametrize("verb", KNOWN)
def test_what_is_known_by_name_is_not_done(verb: str) -> None:
    table, known, where = KNOWN[verb]
    paths = [tuple(words.split()) for words in known]
    assert paths == sorted(set(paths))
    assert [" ".join(path) for path in paths if table[path].done] == []
    assert {path for path, hook in table.items() if not hook.done} == set(paths)
    assert list(where) == sorted(where)
    assert set(where) <= {path[0] for path in paths}


@pytest.mark.parametrize(("verb", "words"), LINES)
def test_what_is_known_by_name_is_refused_in_words(verb: str, words: str, session: Session) -> None:
    refusal = f"fortish knows '{words}' but does not do it.\nCommand fail. Return code -1"
    assert said(session, f"{verb} {words}") == refusal
    assert said(session, f"{verb} {words} x y z") == refusal


def test_help_says_what_is_not_in_fortish(session: Session) -> None:
    assert layout(candidates(session, "execute update-n")) == ["update-now    Not in fortish."]


# --- debug ----------------------------------------------------------------------------------------------------------


def test_commits_are_traced_from_level_8_only_and_secrets_as_they_are_kept(session: Session) -> None:
    ldap = ("config user ldap", "edit x", "set server 192.0.2.5", "set cnid uid", "set dn dc=a")
    bind = ("set type regular", "set username u", f"set password {SECRET}", "end")

    def traced(*lines: str) -> list[str]:
        return [step.line for step in steps(session, *lines) if isinstance(step, Trace)]

    steps(session, "diagnose debug cli 7")
    assert traced("config system console", "set output standard", "end") == []
    steps(session, "diagnose debug cli 8")
    lines = traced(*ldap, *bind)
    assert lines[:2] == ["0: config user ldap", '0: edit "x"']
    assert lines[-2:] == ["0: next", "0: end"]
    assert any(line.startswith("0: set password ENC ") for line in lines)
    assert SECRET not in "\n".join(lines)


def test_the_level_of_the_command_line_falls_back_when_debugging_ends(session: Session) -> None:
    steps(session, "diagnose debug cli 8", "diagnose debug duration 1")
    assert said(session, "diagnose debug cli") == "Cli debug level is 8"
    session.box.clock.set(session.box.clock.now() + 61)
    assert said(session, "diagnose debug cli") == "Cli debug level is 3"


# --- performance ----------------------------------------------------------------------------------------------------


def test_memory_and_processor_add_up() -> None:
    with fortish.Appliance(network="none") as box:
        printed = box.session().run("get system performance status")
    states = re.search(r"^CPU states: (\d+)% user (\d+)% system 0% nice (\d+)% idle", printed, re.MULTILINE)
    assert states is not None
    assert sum(map(int, states.groups())) == 100
    memory = re.search(r"^Memory: (\d+)k total, (\d+)k used .* (\d+)k free .* (\d+)k freeable", printed, re.MULTILINE)
    assert memory is not None
    total, *parts = map(int, memory.groups())
    assert total == sum(parts) > 0


def test_a_host_that_tells_no_memory_has_no_line_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(performance, "MEMORY", tmp_path / "none")
    told = performance._memory()
    assert len(told) == 1
    monkeypatch.delattr(performance.os, "sysconf")
    assert performance._memory() == []


def test_uptime_is_that_of_the_box_whatever_its_date() -> None:
    with fortish.Appliance(network="none") as box:
        box.advance(days=3, hours=4)
        administrator = box.session()
        administrator.run("execute date 2040-01-01")
        assert "Uptime: 3 days,  4 hours,  0 minutes" in administrator.run("get system performance status")


def test_a_batch_says_yes_and_types_nothing() -> None:
    answers = []

    def asks() -> Flow:
        for kind in Kind:
            answers.append((kind, (yield Ask("?", kind))))

    assert list(_quietly(asks())) == []
    assert dict(answers) == {Kind.YES_NO: "y", Kind.LINE: "", Kind.SECRET: "", Kind.KEY: ""}
