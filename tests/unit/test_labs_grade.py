"""A class: answers judged and written down, a home and a seed for each student, who is how far."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from lab_of import write_lab

from fortish.labs import progress as kept
from fortish.labs.lab import read
from fortish.main import main

CHECK = 'kind = "config"\npath = "system global"\nattribute = "hostname"\nis = "{name}"'
ANSWER = "config system global\nset hostname EDGE\nend\n"


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return write_lab(
        tmp_path / "lab",
        check=CHECK,
        keep='kind = "unchanged"\npath = "system console"',
        seed='name = ["EDGE", "CORE", "LEAF", "SPINE"]',
    )


def answer(folder: Path, name: str, text: str) -> Path:
    (folder / f"{name}.txt").write_text(text, "utf-8")
    return folder / f"{name}.txt"


def grade(*words: object) -> int:
    return main(["lab", "grade", *map(str, words)])


def test_the_exit_status_tells_whether_all_have_reached_all(lab: Path, tmp_path: Path) -> None:
    good, bad = answer(tmp_path, "ann", ANSWER), answer(tmp_path, "bob", ANSWER.replace("EDGE", "EGDE"))
    copy = answer(
        tmp_path, "eve", "FGT # config system global\n\nFGT (global) # set hostname EDGE\n\nFGT (global) # end\n"
    )
    assert grade(lab, good, copy) == 0
    assert grade(lab, good, bad) == 1
    assert grade(lab, good, tmp_path / "nobody.txt") == 2
    assert grade(tmp_path / "nowhere", good) == 2


READER = """config system accprofile
edit readers
set sysgrp read
next
end
config system admin
edit rita
set accprofile readers
set password Look-1
next
end
"""
REFUSED = "kind = 'screen'\nmatches = '^Permission denied'\ntext = 'a refusal was on the screen'"
COPY = """FGT # exit

FGT login: rita
Password:
Login incorrect

FGT login: rita
Password:
Welcome!

FGT $ config system global

FGT (global) $ set admintimeout 9
Permission denied.
Command fail. Return code -37
"""


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("exit\nrita\nLook-1\nconfig system global\nset admintimeout 9\nend\nexit\n", 0),
        ("exit\nrita\nwrong\nrita\nLook-1\nconfig system global\nset admintimeout 9\n", 0),
        (COPY, 0),
        (COPY.replace("rita", "nobody"), 1),
        ("config system global\nset admintimeout 9\nend\n", 1),
        ("exit\nrita\nLook-1\nexit\nadmin\n", 1),
        ("exit\n\n\n", 1),
    ],
    ids=["script", "second try", "copy", "copy of nobody", "not logged in", "ends at a password", "no name"],
)
def test_an_answer_may_log_in_as_somebody_else(text: str, status: int, tmp_path: Path) -> None:
    lab = write_lab(tmp_path / "lab", check=REFUSED, world="login = true", start_conf=READER)
    assert grade(lab, answer(tmp_path, "ann", text), "--json", tmp_path / "out.json") == status
    ends_early = text.startswith("exit\n\n") or text.endswith("admin\n") or "nobody" in text
    failed = json.loads((tmp_path / "out.json").read_text("utf-8"))["answers"][0]["failed-lines"]
    assert failed == (1 if ends_early or status == 0 else 0)


def test_without_that_exit_ends_an_answer(tmp_path: Path) -> None:
    lab = write_lab(tmp_path / "lab", check=REFUSED, start_conf=READER)
    assert grade(lab, answer(tmp_path, "ann", COPY)) == 1


def test_what_must_stay_counts_even_if_it_is_mended(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detour = "config system console\nset output standard\nend\nconfig system console\nset output more\nend\n"
    assert grade(lab, answer(tmp_path, "ann", ANSWER + detour)) == 1
    assert "ann: kept: since line 6: system console is as at the beginning" in capsys.readouterr().out


def test_the_reports_say_the_same(lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = [answer(tmp_path, "ann", ANSWER), answer(tmp_path, "=bob", "get system status\n")]
    files = [tmp_path / f"class.{kind}" for kind in ("json", "xml", "csv")]
    missing = tmp_path / "zoe.txt"
    options = ("--json", files[0], "--junit", files[1], "--csv", files[2])
    assert grade(lab, *answers, missing, *options) == 2
    assert '=bob: one: system global hostname is "EDGE"; found: "FGT"' in capsys.readouterr().out
    found = json.loads(files[0].read_text("utf-8"))["answers"]
    assert [(one["student"], one["passed"]) for one in found] == [("ann", True), ("=bob", False), ("zoe", False)]
    assert found[1]["tasks"][0]["findings"] == [
        {"ok": False, "expected": 'system global hostname is "EDGE"', "actual": '"FGT"'}
    ]
    suites = ElementTree.parse(files[1]).getroot().findall("testsuite")
    counts = [tuple(map(suite.get, ("name", "tests", "failures", "errors"))) for suite in suites]
    assert counts == [("ann", "2", "0", "0"), ("=bob", "2", "1", "0"), ("zoe", "1", "0", "1")]
    table = list(csv.DictReader(files[2].read_text("utf-8").splitlines()))
    assert [(row["student"], row["one"], row["kept"]) for row in table] == [
        ("ann", "1", "1"), ("'=bob", "0", "1"), ("zoe", "0", "0"),
    ]  # fmt: skip


def test_what_is_written_can_be_read_whatever_an_answer_is_called(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["=1+1", "Zoë O'Brien", 'a "b", c', "a\x01b", "<&>", "a\nb"]
    answers: list[Path] = [answer(tmp_path, name, ANSWER) for name in names]
    odd = tmp_path / os.fsdecode(b"caf\xe9.txt")
    odd.write_text(ANSWER, "utf-8")
    files = [tmp_path / f"class.{kind}" for kind in ("json", "xml", "csv")]
    assert grade(lab, *answers, odd, "--json", files[0], "--junit", files[1], "--csv", files[2]) == 0
    wanted = [*names, "caf\ufffd"]
    assert [one["student"] for one in json.loads(files[0].read_text("utf-8"))["answers"]] == wanted
    suites = ElementTree.parse(files[1]).getroot().findall("testsuite")
    assert [suite.get("name") for suite in suites] == [name.replace("\x01", "?") for name in wanted]
    with files[2].open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["student"] for row in table] == ["'=1+1", *wanted[1:]]
    assert all(row["done"] == row["of"] == "1" for row in table)
    told = capsys.readouterr().out
    assert "\x01" not in told
    assert len(told.splitlines()) == len(wanted) + 1


def test_a_junit_file_has_what_its_readers_ask_for(lab: Path, tmp_path: Path) -> None:
    answers = [answer(tmp_path, "ann", ANSWER), answer(tmp_path, "bob", "\n")]
    assert grade(lab, *answers, tmp_path / "zoe.txt", "--junit", tmp_path / "class.xml") == 2
    root = ElementTree.parse(tmp_path / "class.xml").getroot()
    assert root.tag == "testsuites"
    for suite in root:
        assert suite.tag == "testsuite"
        assert suite.keys() == ["name", "tests", "failures", "errors", "skipped", "time"]
        assert [case.tag for case in suite] == ["testcase"] * int(suite.get("tests", ""))
        assert all(case.keys() == ["classname", "name", "time"] for case in suite)
        assert len(suite.findall("testcase/failure")) == int(suite.get("failures", ""))
        assert len(suite.findall("testcase/error")) == int(suite.get("errors", ""))
        assert all(found.get("message") and found.get("type") for found in suite.findall("testcase/*"))


def test_an_answer_that_would_never_end_is_given_up(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fortish.labs.grade.PATIENCE", 0.5)
    endless = "execute ping-options repeat-count 2000000000\nexecute ping testrfc7030.com\n"
    assert grade(lab, answer(tmp_path, "bob", endless), answer(tmp_path, "ann", ANSWER)) == 2
    told = capsys.readouterr().out
    assert "bob      it was not at its end after 0.5 seconds" in told
    assert "ann      yes" in told


def test_a_student_is_judged_by_their_own_seed(lab: Path, tmp_path: Path) -> None:
    names = answer(tmp_path, "names", "ann\nbob # sits at the back\n\neve\n")
    room = tmp_path / "room"
    assert main(["lab", "class", str(names), "--dir", str(room), "--once"]) == 0
    own = {name: read(lab, kept.seed_of(room / name)).chosen["name"] for name in ("ann", "bob", "eve")}
    answers = [answer(tmp_path, name, ANSWER.replace("EDGE", host)) for name, host in own.items()]
    assert grade(lab, *answers, "--class", room) == 0
    assert grade(lab, *answers) == 1 or set(own.values()) == {"EDGE"}
    assert grade(lab, answer(tmp_path, "ann", ANSWER.replace("EDGE", "nobody-has-it")), "--class", room) == 1


def test_an_answer_of_nobody_in_the_class_is_unusable(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["lab", "class", str(answer(tmp_path, "names", "ann\n")), "--dir", str(tmp_path / "room"), "--once"]) == 0
    )
    for name in ("bob", ".."):
        assert grade(lab, answer(tmp_path, name, ANSWER), "--class", tmp_path / "room") == 2
        assert "there is no student" in capsys.readouterr().out
    assert grade(lab, answer(tmp_path, "bob", ANSWER), "--class", tmp_path / "room", "--seed", "0") == 0
