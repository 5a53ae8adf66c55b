"""`fortish check`: scripts read against grammar and schema. Nothing acts: execute commands are only looked up.

Configuration verbs go through the same editor as when they are typed, into a box that is thrown away, so a reference to
an entry made earlier in the file holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from fortish import __version__, diagnose, execute, hooks, messages
from fortish import commands as c
from fortish.access import FACTORY
from fortish.box import Box
from fortish.cmdb.editor import CONFIGURES, Editor
from fortish.cmdb.restore import divide, restoring, skips
from fortish.cmdb.vdoms import PLACES
from fortish.errors import CliError
from fortish.parse import LineJoiner, parse
from fortish.replay import Typed, typed_lines
from fortish.screen import is_screen

CERTAIN = frozenset({"config", "edit", "set", "unset", "next", "end", "execute", "diagnose", "delete", "append"})

_IN_A_DIVIDED_BOX = tuple(c.Config((place,)) for place in PLACES)  # at the root: the box is read as one with VDOMs


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a line: numbers from 1, `column` where the refused word starts."""

    file: str
    line: int
    column: int
    message: str
    code: int


def findings(
    box: Box, name: str, text: str, transcript: bool | None = None, *, keep_unknown: bool = False
) -> Iterator[Finding]:
    """Every finding in one file, in its order. With `keep_unknown`, what the schema does not know is none."""
    before = None if box.cmdb.multi else box.cmdb.snapshot()
    with restoring(box.cmdb, text):
        editor = Editor(box.cmdb)
        editor.variables = box.variables(FACTORY)
        editor.keep_unknown = keep_unknown
        yield from _findings(editor, name, typed_lines(text, transcript))
    if before is not None and box.cmdb.multi:  # the next file may be of a box without VDOMs
        box.cmdb.replace(before)


def _findings(editor: Editor, name: str, lines: Iterable[Typed]) -> Iterator[Finding]:
    joiner = LineJoiner()
    answering = False
    skipped: list[str] = []  # what is open in a block that is skipped: config, edit
    number = 0
    for typed in lines:
        number = typed.number
        if typed.help:
            continue
        if answering and typed.text in {"y", "n"}:
            answering = False
            continue
        whole = joiner.feed(typed.text)
        if whole is None:
            continue
        first = typed.number - whole.text.count("\n")
        try:
            answering = not (skipped and _skipped(skipped, whole.text)) and _look_at(editor, whole.text)
        except CliError as error:
            yield _finding(name, first, whole.text, error)
            skipped = _opened(whole.text)
    if rest := joiner.close():
        try:
            parse(rest.text)
        except CliError as error:
            yield _finding(name, number - rest.text.count("\n"), rest.text, error)


def _skipped(skipped: list[str], text: str) -> bool:
    """Whether a line belongs to a block whose first line was refused: one cause is one finding."""
    try:
        command = parse(text)
    except CliError:
        return True
    return command is None or skips(skipped, command)


def _opened(text: str) -> list[str]:
    """The block that a refused line would have begun, if it would have."""
    try:
        command = parse(text)
    except CliError:
        return []
    return [verb] if (verb := type(command).__name__.lower()) in ("config", "edit") else []


def _look_at(editor: Editor, text: str) -> bool:
    """Check one command; whether it asks a question."""
    command = parse(text, editor.legal)
    match command:
        case None | c.Exit():
            return False
        case c.Execute(words, _):
            _look_up(execute.HOOKS, words)
            return True
        case c.Diagnose(words, _):
            _look_up(diagnose.HOOKS, words)
        case _ if type(command) in CONFIGURES:
            if command in _IN_A_DIVIDED_BOX and editor.kind == "root":
                divide(editor.cmdb)
            outcome = editor.apply(command)
            editor.confirm(outcome)
            return bool(outcome.question)
    return False


def _look_up(table: hooks.Table, words: c.Words) -> None:
    hook, rest, _ = hooks.find(table, words)
    if hook is None:
        raise messages.parse_error(rest[0]) if rest else messages.incomplete()
    hooks.arguments(hook, rest)


def _finding(name: str, first: int, text: str, error: CliError) -> Finding:
    """Where in a command the refused word stands; its start where that cannot be told."""
    at = _place(text, error.word)
    before = text[:at]
    message = ": ".join(line for line in error.lines if line and not line.startswith("Command fail."))
    column = at - (before.rfind("\n") + 1) + 1
    return Finding(name, first + before.count("\n"), column, message, error.code)


def _place(text: str, word: str) -> int:
    start = len(text) - len(text.lstrip())
    if not word:
        return start
    start_of = rf"(?<!\S)[\"']?{re.escape(word)}"
    found = re.search(rf"{start_of}[\"']?(?!\S)", text) or re.search(start_of, text)
    return found.start() if found else start


def doubtful_comments(text: str) -> Iterator[tuple[int, str]]:
    """Comments of a script that would parse as a command: perhaps a screen copy with bare prompts was meant."""
    if is_screen(text):
        return
    for number, line in enumerate(text.splitlines(), 1):
        words = line.lstrip()[1:].split() if line.lstrip().startswith("# ") else []
        if len(words) > 1 and words[0] in CERTAIN:
            try:
                parse(line.lstrip()[1:])
            except CliError:
                continue
            yield number, line.strip()


# --- reports --------------------------------------------------------------------------------------------------------


def report(found: Iterable[Finding], form: str) -> str:
    """The findings as text, JSON or SARIF 2.1.0."""
    if form == "json":
        return json.dumps([asdict(finding) for finding in found], indent=2)
    if form == "sarif":
        return json.dumps(_sarif(found), indent=2)
    return "\n".join(f"{f.file}:{f.line}:{f.column}: {f.message}" for f in found)


def _sarif(found: Iterable[Finding]) -> dict[str, Any]:
    results = [
        {
            "ruleId": f"fortios{finding.code}",
            "level": "error",
            "message": {"text": finding.message},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": finding.file},
                        "region": {"startLine": finding.line, "startColumn": finding.column},
                    }
                }
            ],
        }
        for finding in found
    ]
    driver = {"name": "fortish", "version": __version__}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return {"$schema": schema, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
