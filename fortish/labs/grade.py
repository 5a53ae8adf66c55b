"""Answers of a class judged: each is played from the lab's start in a world of its own, in frozen time."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from wcwidth import wcswidth

from fortish.errors import UsageError
from fortish.labs.finding import Finding
from fortish.labs.lab import Lab
from fortish.labs.play import play
from fortish.replay import typed_lines
from fortish.textfile import read_text

PATIENCE = 30.0  # seconds of real time for an answer
_NO_XML = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
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
    took: float = 0.0  # seconds of real time

    def done(self, task: str) -> bool:
        """Whether a task is fulfilled."""
        return bool(self.tasks) and all(finding.ok for finding in self.tasks[task])

    @property
    def passed(self) -> bool:
        """Whether every task is, and nothing is changed that must stay."""
        return bool(self.tasks) and all(map(self.done, self.tasks)) and not self.broken


async def grade(lab: Lab, answer: Path) -> Grade:
    """One answer, a script or a screen copy."""
    found, began = Grade(_student(answer), lab.seed), time.monotonic()
    try:
        text = read_text(answer)
        if "\0" in text:
            raise UsageError(f"{answer}: not a text")
        played = (await play(lab, typed_lines(text), file=str(answer), patience=PATIENCE))[-1]
    except UsageError as error:
        found.unusable = str(error)
        return found
    finally:
        found.took = time.monotonic() - began
    found.tasks, found.failed = played.tasks, len(played.failures)
    found.broken = list(played.broken.values())
    return found


def unusable(answer: Path, reason: str) -> Grade:
    """An answer that cannot be judged."""
    return Grade(_student(answer), 0, unusable=reason)


def _student(answer: Path) -> str:
    """Whose answer it is: its file's name, whatever bytes that is made of."""
    return os.fsencode(answer.stem).decode("utf-8", "replace")


def status(grades: Sequence[Grade]) -> int:
    """The exit status."""
    if any(one.unusable for one in grades):
        return UNUSABLE
    return ALL_DONE if all(one.passed for one in grades) else SOME_FAILED


# --- reports --------------------------------------------------------------------------------------------------------


def as_text(lab: Lab, grades: Sequence[Grade]) -> str:
    """The table on the screen: a line for each answer, then what is missing."""
    names = [task.id for task in lab.tasks]
    students = [_shown(one.student) for one in grades]
    wide = max([7, *map(wcswidth, students)])
    rows = [f"{'student':<{wide}}  {'  '.join(names)}  kept"]
    for student, one in zip(students, grades, strict=True):
        head = student + " " * (wide - wcswidth(student))
        if one.unusable:
            rows.append(f"{head}  {_shown(one.unusable)}")
            continue
        marks = "  ".join(f"{'yes' if one.done(name) else '-':<{len(name)}}" for name in names)
        rows.append(f"{head}  {marks}  {'yes' if not one.broken else '-'}")
    for student, one in zip(students, grades, strict=True):
        rows += [f"{student}: {_shown(message)}" for message in missing(one)]
    return "\n".join(rows)


def _shown(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(one if one.isprintable() else "?" for one in text)


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
        cases = {name: [str(finding) for finding in found if not finding.ok] for name, found in one.tasks.items()}
        cases["kept"] = [f"since line {line}: {finding}" for line, finding in one.broken]
        if one.unusable:
            cases = {"answer": [one.unusable]}
        wrong = str(sum(map(bool, cases.values())))
        suite = ElementTree.SubElement(
            root, "testsuite", name=_clean(one.student), tests=str(len(cases)), failures="0" if one.unusable else wrong,
            errors=wrong if one.unusable else "0", skipped="0", time=f"{one.took:.3f}",
        )  # fmt: skip
        kind = "error" if one.unusable else "failure"
        for name, faults in cases.items():
            case = ElementTree.SubElement(suite, "testcase", classname=f"{lab.name}.{_clean(one.student)}", name=name,
                                          time="0")  # fmt: skip
            if faults:
                told = ElementTree.SubElement(
                    case, kind, message=_clean(faults[0]), type="unusable" if one.unusable else "open"
                )
                told.text = _clean("\n".join(faults))
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return f"{text.decode()}\n"


def _clean(text: str) -> str:
    """Without what XML 1.0 cannot hold (section 2.2)."""
    return _NO_XML.sub("?", text)


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
