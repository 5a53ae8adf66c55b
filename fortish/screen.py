"""Screen copies: text with prompts, typed lines behind them, the box's own lines between.

A prompt is `FGT # `, `FGT (local) # `, or the enrollment guide's bare `# ` and `(local) # `. Lines behind `> ` are
typed while a quote is open. `^C` alone is the key. `...` alone stands for any lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fortish.parse import open_quote

PROMPT = re.compile(r"^((?:[\w.~-]+ )?(?:\([^()]*\) )?[#$])(?: (.*))?$")
HOSTED = re.compile(r"^(?:[\w.~-]+ (?:\([^()]*\) )?|\([^()]+\) )[#$] ")
ANSWER = re.compile(r"^(.*\(y/n\)) ?([yn])$")
LOGIN = re.compile(r"^[\w.~-]+ login: (\S+)$")
INTERRUPT = "^C"
ANY = "..."


@dataclass(slots=True)
class Turn:
    """One typed command: its prompt without the last blank, its physical lines, what is expected after it.

    `interrupt` is how many lines stand before `^C`; None if there is none. `login` is who logged in after it, or ''.
    """

    number: int
    prompt: str
    typed: list[str]
    expected: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    interrupt: int | None = None
    login: str = ""


def is_screen(text: str) -> bool:
    """Whether a text is a screen copy and not a script.

    One hosted prompt is enough. A text with bare `# ` lines alone is one if no line without a prompt is a verb of a
    script: otherwise those are comments.
    """
    lines = text.splitlines()
    if any(HOSTED.match(line) for line in lines):
        return True
    bare = any(re.match(r"^# \S", line) and _commands(line[2:]) for line in lines)
    return bare and not any(_commands(line) for line in lines)


def _commands(line: str) -> bool:
    words = line.split()
    return bool(words) and words[0] in {
        "config", "edit", "set", "unset", "next", "end", "get", "show", "execute", "diagnose", "delete", "append",
    }  # fmt: skip


def turns(text: str) -> Iterator[Turn]:
    """The turns of a screen copy; what stands before the first prompt is passed over."""
    turn: Turn | None = None
    still_open: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if still_open and turn is not None and line.startswith(">"):
            turn.typed.append(line[1:].removeprefix(" "))
            still_open = open_quote(turn.typed[-1], still_open)
            continue
        found = PROMPT.match(line)
        if found:
            if turn is not None:
                yield turn
            typed = found.group(2) or ""
            turn = Turn(number, found.group(1), [typed])
            still_open = open_quote(typed)
        elif turn is not None:
            _expect(turn, line)
    if turn is not None:
        yield turn


def _expect(turn: Turn, line: str) -> None:
    if line == INTERRUPT:
        turn.interrupt = len(turn.expected)
    elif answer := ANSWER.match(line):
        turn.answers.append(answer.group(2))
    elif login := LOGIN.match(line):
        turn.login = login.group(1)
    turn.expected.append(line)


def matches(expected: Iterable[str], actual: Iterable[str]) -> bool:
    """Whether `actual` is `expected`, where `...` alone stands for any lines, none included."""
    return _match(list(expected), list(actual))


def _match(expected: list[str], actual: list[str]) -> bool:
    """Glob matching with one back-up point: linear for what transcripts hold."""
    e = a = 0
    star, resume = -1, 0
    while a < len(actual):
        if e < len(expected) and expected[e] == ANY:
            star, resume = e, a
            e += 1
        elif e < len(expected) and expected[e] == actual[a]:
            e, a = e + 1, a + 1
        elif star >= 0:
            resume += 1
            e, a = star + 1, resume
        else:
            return False
    return all(line == ANY for line in expected[e:])
