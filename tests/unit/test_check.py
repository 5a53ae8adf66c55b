"""`fortish check`: what is found, and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fortish.boot import Options, boot
from fortish.check import Finding, doubtful_comments, findings, report
from fortish.main import main


def found(text: str) -> list[Finding]:
    box = boot(Options(network="none", frozen=True)).box
    return list(findings(box, "f.conf", text))


@pytest.mark.parametrize(
    ("text", "line", "column", "code"),
    [
        ("emd\n", 1, 1, 0),
        ("config system global\n    set no-such x\nend\n", 2, 9, -61),
        ("config system global\n    set admin-sport 99999999\nend\n", 2, 21, -650),
        ("config system interface\nedit port1\nset vdom d e\nend\n", 3, 12, -61),
        ("config system interface\nedit port1\nset role r\nend\n", 3, 10, -61),
        ('# c\n\nconfig system alias\nedit a\nset command "x\ny" z\nend\n', 6, 4, -61),
        ("execute nosuch\n", 1, 9, -61),
        ('get system status\nconfig system global\nset hostname "open\n', 3, 1, -61),
        ("config user ldap\nedit a\nnext\nend\n", 3, 1, -56),
    ],
)
def test_a_finding_points_at_the_refused_word(text: str, line: int, column: int, code: int) -> None:
    (finding,) = found(text)
    assert (finding.line, finding.column, finding.code) == (line, column, code)
    assert finding.message and "Command fail" not in finding.message


def test_a_script_without_faults_has_no_findings_and_earlier_entries_count() -> None:
    assert (
        found(
            "config system interface\nedit a\nnext\nedit b\nset type vlan\nset interface a\nset vlanid 2\nnext\nend\n"
            "execute ping x\ndiagnose debug enable\nget system status\n"
        )
        == []
    )


def test_an_answer_behind_a_question_is_no_command() -> None:
    assert found("config system alias\npurge\ny\nend\n") == []
    assert [finding.line for finding in found("config system alias\npurge\ny\nend\nset a 'x\n")] == [5]


def test_a_quote_that_a_screen_copy_never_closes_is_found_at_its_line() -> None:
    text = 'FGT # get system status\nVersion: 1\n\nFGT # config system global\nFGT (global) # set hostname "x\n'
    assert [finding.line for finding in found(text)] == [5]


def test_one_cause_is_one_finding_and_its_block_is_passed_over() -> None:
    text = (
        "config systemm interface\nedit a\nset ip 1\nconfig b\nset x 1\nend\nnext\nend\n"
        "config system interface\nedit 'far too long a name'\nset x\nconfig ipv6\nend\nnext\nedit b\nset no 1\nend\n"
        "config system interface\nedit 'far too long a name'\nset y 1\nend\nemd\n"
    )
    assert [(finding.line, finding.column) for finding in found(text)] == [(1, 8), (10, 6), (16, 5), (19, 6), (22, 1)]


def test_what_is_unknown_is_no_finding_if_it_may_be_kept() -> None:
    box = boot(Options(network="none", frozen=True)).box
    text = "config waf profile\nedit 1\nend\nconfig system interface\nedit port1\nset made-up 1\nset ip 1\nend\n"
    assert [finding.line for finding in findings(box, "f", text, keep_unknown=True)] == [7]


DIVIDED = "config vdom\nedit root\nconfig system settings\nset no-such x\nend\nend\n"


@pytest.mark.parametrize(
    "header", ["", "#config-version=FGVM00-7.4.8-FW-build2795-250523:opmode=0:vdom=1:user=admin\n"]
)
def test_a_file_of_a_box_with_vdoms_is_read_as_one(header: str) -> None:
    box = boot(Options(network="none", frozen=True, firmware="fortigate-7.4")).box
    assert [finding.column for finding in findings(box, "f", header + DIVIDED)] == [5]
    plain = "config system interface\nedit port1\nset alias x\nend\n"
    assert list(findings(box, "g", plain)) == []


def test_the_backup_of_a_box_with_vdoms_has_no_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = "config system global\nset vdom-mode multi-vdom\nend\ny\nconfig vdom\nedit A\ny\nend\n"
    (tmp_path / "s").write_text(lines, "utf-8")
    saved = str(tmp_path / "mv.conf")
    box = ["--firmware", "fortigate-7.4"]
    assert main(["replay", *box, "--save", saved, str(tmp_path / "s")]) == 0
    capsys.readouterr()
    assert main(["check", *box, saved]) == 0
    assert capsys.readouterr().out == ""


def test_json_is_a_list_of_findings() -> None:
    rows = json.loads(report(found("emd\n"), "json"))
    assert rows == [{"file": "f.conf", "line": 1, "column": 1, "message": "Unknown action 0", "code": 0}]
    assert json.loads(report([], "json")) == []


def test_sarif_has_what_the_standard_demands() -> None:
    log = json.loads(report(found("emd\nconfig nosuch\n"), "sarif"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["tool"]["driver"]["name"] == "fortish"
    assert len(run["results"]) == 2
    for result in run["results"]:
        assert result["message"]["text"] and result["ruleId"] and result["level"] == "error"
        (location,) = result["locations"]
        region = location["physicalLocation"]["region"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "f.conf"
        assert region["startLine"] >= 1 and region["startColumn"] >= 1
    assert json.loads(report([], "sarif"))["runs"][0]["results"] == []


def test_text_is_a_finding_a_line() -> None:
    assert report(found("emd\n"), "text") == "f.conf:1:1: Unknown action 0"


def test_a_comment_that_would_be_a_command_is_doubtful() -> None:
    text = "# set up the box's \"name\n# get the box going\nconfig system global\n# set hostname x\nend\n"
    assert [number for number, _ in doubtful_comments(text)] == [4]
    assert list(doubtful_comments("FGT # set a b\n")) == []
