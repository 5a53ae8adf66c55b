"""Screen copies: text with prompts, typed lines behind them, the box's own lines between.

A prompt is `FGT # `, `FGT (local) # `, or the enrollment guide's bare `# ` and `(local) # `. Lines behind `> ` are
typed while a quote is open. A line that ends in `?` asks for help. `^C` alone is the key. `...` alone stands for any
lines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fortish.quoting import open_quote

PROMPT = re.compile(r"^((?:[\w.~-]+ )?(?:\([^()]*\) )?[#$])(?: (.*))?$")
HOSTED = re.compile(r"^(?:[\w.~-]+ (?:\([^()]*\) )?|\([^()]+\) )[#$] ")
ANSWER = re.compile(r"^(.*\(y/n\)) ?([yn])$")
LOGIN = re.compile(r"^[\w.~-]+ login: (\S+)$")
SCRIPTED = frozenset({
    "config", "edit", "set", "unset", "next", "end", "get", "show", "execute", "diagnose", "delete", "append",
})  # fmt: skip
TYPED = (
    *sorted(SCRIPTED), "abort", "alias", "clone", "exit", "move", "purge", "quit", "rename", "select", "sudo", "tree",
    "unselect",
)  # fmt: skip
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

    @property
    def help(self) -> bool:
        """Whether what was typed ends in `?` and asks what may follow; the box draws the line again behind its list."""
        line = self.typed[0]
        asks = len(self.typed) == 1 and line.endswith("?") and not line.lstrip(" \t").startswith("#")
        return asks and open_quote(line[:-1]) is None


def is_screen(text: str) -> bool:
    """Whether a text is a screen copy and not a script: what most of its lines look like.

    What stands in quotes is data. A prompt has the host name that most prompts have, and the verbs of a script that
    stand before the first one are fewer than they are; a script's own verbs are no host names. A text with bare `# `
    lines alone is one if no line without a prompt is a verb of a script: otherwise those are comments.
    """
    lines = list(_outside_quotes(text.splitlines()))
    verbs = [place for place, line in enumerate(lines) if _commands(line)]
    prompts = [place for place, line in enumerate(lines) if HOSTED.match(line) and not _commands(line)]
    if prompts and not verbs:
        return True
    hosts = Counter(_host(lines[place]) for place in prompts if _plausible(lines[place]))
    if hosts:
        host, count = hosts.most_common(1)[0]
        first = next(place for place in prompts if _host(lines[place]) == host and _plausible(lines[place]))
        return count > sum(place < first for place in verbs)
    return not verbs and any(re.match(r"^# \S", line) and _commands(line[2:]) for line in lines)


def _outside_quotes(lines: list[str]) -> Iterator[str]:
    """The lines that begin outside quotes. A quote that is never closed is none: an apostrophe in what was printed."""
    place = 0
    while place < len(lines):
        yield lines[place]
        place = _closing(lines, place) + 1


def _closing(lines: list[str], place: int) -> int:
    """The line in which the quotes close that a line opens; the line itself if it opens none, or they never close."""
    if not any(mark in lines[place] for mark in "\"'\\") or lines[place].startswith("#"):
        return place
    still_open = open_quote(lines[place])
    for later in range(place + 1, len(lines) if still_open in ("'", '"') else 0):
        still_open = open_quote(lines[later], still_open)
        if still_open not in ("'", '"'):
            return later
    return place


def _commands(line: str) -> bool:
    words = line.split(maxsplit=1)
    return bool(words) and words[0] in SCRIPTED


def _host(line: str) -> str:
    """The host name of a prompt; '' where it shows none."""
    return "" if line[:1] in "(#$" else line.split(" ", 1)[0]


def _plausible(line: str) -> bool:
    """Whether what a line has behind its prompt may have been typed there: nothing, a verb, or a question."""
    found = PROMPT.match(line)
    words = (found.group(2) or "").split() if found else []
    return not words or words[0].startswith("?") or any(len(words[0]) > 1 and v.startswith(words[0]) for v in TYPED)


def turns(text: str) -> Iterator[Turn]:
    """The turns of a screen copy; what stands before the first prompt is passed over.

    A line with another host name is a prompt only if what follows may have been typed: `#` stands in texts, too.
    """
    turn: Turn | None = None
    still_open: str | None = None
    hosts: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        if still_open and turn is not None and line.startswith(">"):
            turn.typed.append(line[1:].removeprefix(" "))
            still_open = open_quote(turn.typed[-1], still_open)
            continue
        found = PROMPT.match(line)
        if found and (not hosts or _host(line) in hosts or _plausible(line)):
            if turn is not None:
                yield turn
            hosts.add(_host(line))
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
