"""`fortish check`: what is found, and where."""

from __future__ import annotations

import json

import pytest

from fortish.boot import Options, boot
from fortish.check import Finding, doubtful_comments, findings, report


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
