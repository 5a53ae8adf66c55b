"""Answers of a class judged: each is played from the lab's start in a world of its own, in frozen time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from fortish.boot import read_text
from fortish.errors import UsageError
from fortish.labs.finding import Finding
from fortish.labs.lab import Lab
from fortish.labs.play import play
from fortish.replay import typed_lines

ALL_DONE, SOME_FAILED, UNUSABLE = 0, 1, 2


@dataclass(slots=True)
class Grade:
    """One answer's: findings by task, those that must always hold with the line since when they do not."""

    student: str
    seed: int
    tasks: dict[str, list[Finding]] = field(default_factory=dict)
    broken: list[tuple[int, Finding]] = field(default_factory=list)
    failed: int = 0
    unusable: str = ""

    def done(self, task: str) -> bool:
        """Whether a task is fulfilled."""
        return bool(self.tasks) and all(finding.ok for finding in self.tasks[task])

    @property
    def passed(self) -> bool:
        """Whether every task is, and nothing is changed that must stay."""
        return bool(self.tasks) and all(map(self.done, self.tasks)) and not self.broken


async def grade(lab: Lab, answer: Path) -> Grade:
    """One answer, a script or a screen copy."""
    found = Grade(answer.stem, lab.seed)
    try:
        text = read_text(answer)
        if "\0" in text:
            raise UsageError(f"{answer}: not a text")
        played = (await play(lab, typed_lines(text), file=str(answer)))[-1]
    except UsageError as error:
        found.unusable = str(error)
        return found
    found.tasks, found.failed = played.tasks, len(played.failures)
    found.broken = list(played.broken.values())
    return found


def status(grades: Sequence[Grade]) -> int:
    """The exit status."""
    if any(one.unusable for one in grades):
        return UNUSABLE
    return ALL_DONE if all(one.passed for one in grades) else SOME_FAILED


# --- reports --------------------------------------------------------------------------------------------------------


def as_text(lab: Lab, grades: Sequence[Grade]) -> str:
    """The table on the screen: a line for each answer, then what is missing."""
    names = [task.id for task in lab.tasks]
    wide = max([7, *(len(one.student) for one in grades)])
    rows = [f"{'student':<{wide}}  {'  '.join(names)}  kept"]
    for one in grades:
        if one.unusable:
            rows.append(f"{one.student:<{wide}}  {one.unusable}")
            continue
        marks = "  ".join(f"{'yes' if one.done(name) else '-':<{len(name)}}" for name in names)
        rows.append(f"{one.student:<{wide}}  {marks}  {'yes' if not one.broken else '-'}")
    for one in grades:
        rows += [f"{one.student}: {message}" for message in missing(one)]
    return "\n".join(rows)


def missing(one: Grade) -> list[str]:
    """Why an answer does not pass: the first finding of each task, and what did not stay."""
    rows = [
        f"{name}: {next(finding for finding in findings if not finding.ok)}"
        for name, findings in one.tasks.items()
        if not one.done(name)
    ]
    return rows + [f"kept: since line {line}: {finding}" for line, finding in one.broken]


def as_json(lab: Lab, grades: Sequence[Grade]) -> str:
    """All that was found."""
    rows = [
        {
            "student": one.student,
            "seed": one.seed,
            "passed": one.passed,
            "unusable": one.unusable or None,
            "failed-lines": one.failed,
            "tasks": [
                {"id": name, "done": one.done(name), "findings": [asdict(finding) for finding in findings]}
                for name, findings in one.tasks.items()
            ],
            "kept": [{"line": line, **asdict(finding)} for line, finding in one.broken],
        }
        for one in grades
    ]
    return json.dumps({"lab": lab.name, "title": lab.title, "answers": rows}, indent=1, ensure_ascii=False) + "\n"


def as_junit(lab: Lab, grades: Sequence[Grade]) -> str:
    """JUnit XML: a suite for each answer, a case for each task and one for what must stay."""
    root = ElementTree.Element("testsuites", name=lab.name)
    for one in grades:
        suite = ElementTree.SubElement(root, "testsuite", name=one.student)
        cases = {name: [str(finding) for finding in found if not finding.ok] for name, found in one.tasks.items()}
        cases["kept"] = [f"since line {line}: {finding}" for line, finding in one.broken]
        if one.unusable:
            cases = {}
            case = ElementTree.SubElement(suite, "testcase", classname=lab.name, name="answer")
            ElementTree.SubElement(case, "error", message=_clean(one.unusable))
        for name, faults in cases.items():
            case = ElementTree.SubElement(suite, "testcase", classname=lab.name, name=name)
            if faults:
                ElementTree.SubElement(case, "failure", message=_clean(faults[0])).text = _clean("\n".join(faults))
        suite.set("tests", str(len(cases) or 1))
        suite.set("failures", str(sum(map(bool, cases.values()))))
        suite.set("errors", str(int(bool(one.unusable))))
    ElementTree.indent(root)
    return ElementTree.tostring(root, "unicode", xml_declaration=True) + "\n"


def _clean(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(one if one >= " " or one in "\t\n" else "?" for one in text)


def as_csv(lab: Lab, grades: Sequence[Grade]) -> str:
    """A line for each answer, 1 and 0 for each task: for a spreadsheet."""
    names = [task.id for task in lab.tasks]
    page = io.StringIO()
    table = csv.writer(page, lineterminator="\n")
    table.writerow(["student", "seed", *names, "kept", "done", "of", "unusable"])
    for one in grades:
        marks = [int(one.done(name)) for name in names] if one.tasks else [0] * len(names)
        kept = int(bool(one.tasks) and not one.broken)
        table.writerow([_safe(one.student), one.seed, *marks, kept, sum(marks), len(names), _safe(one.unusable)])
    return page.getvalue()


def _safe(cell: str) -> str:
    """A spreadsheet takes a cell that begins so for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
