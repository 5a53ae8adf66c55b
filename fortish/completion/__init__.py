"""What may be typed next, as data for `?` and Tab: from the tables that execution uses, never from a list of its own.

The words left of the cursor are followed as far as they lead; what could stand at the cursor is offered. Nothing is
printed, asked or configured here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fortish.completion.hooked import GREP_OPTIONS
from fortish.completion.line import QUOTES, piped, split, typed_value
from fortish.completion.offers import Administrator, Candidate, Candidates, Offer
from fortish.completion.verbs import VERBS, following, is_piped
from fortish.errors import CliError
from fortish.messages import Text
from fortish.parse import BLANK
from fortish.quoting import quote

__all__ = [
    "GREP_OPTIONS",
    "VERBS",
    "Administrator",
    "Candidate",
    "Candidates",
    "Help",
    "candidates",
    "completed",
    "completions",
    "layout",
    "replacements",
    "split",
]
_GAP = 4  # blanks between the longest word and its help
_PLAIN = re.compile(r"""[^\s"'\\#|][^\s"'\\#]*""")


@dataclass(frozen=True, slots=True)
class Help:
    """What may follow. `partial` is the unfinished word as typed, `enter` whether the line may end here.

    With an `error` there is nothing else: the line leads nowhere.
    """

    partial: str
    candidates: Candidates = Candidates()  # noqa: RUF009 - never changed
    enter: bool = False
    error: str | None = None


def candidates(session: Administrator, text: str, *, pipes: bool = False) -> Help:
    """What may stand at the end of `text`, the text left of the cursor; with `pipes` also `|` and what is behind it."""
    if text.lstrip(BLANK)[:1] == "#":
        return Help("", enter=True)
    words, partial = split(text)
    rights = session.access  # as it is configured now: what it hides is not there
    session.editor.permits = None if rights.unrestricted else rights
    try:
        if words and is_piped(session, words[0]):
            words, partial = piped(words, partial)
        after = following(session, words, pipes=pipes)
    except CliError as error:
        word = error.word or (words[-1] if words else partial)
        return Help(partial, error=Text.PARSE_ERROR(word=word))
    typed = typed_value(partial)
    fitting = _fitting(after.offers, typed)
    if partial and not fitting:
        fitting = _fitting(after.again, typed)
        if not fitting:
            return Help(partial, error=Text.PARSE_ERROR(word=typed))
    return Help(partial, fitting, after.enter and not partial)


def _fitting(offers: tuple[Offer, ...], typed: str) -> Candidates:
    return Candidates(offer.fitting(typed) for offer in offers)


def layout(help_: Help) -> list[str]:
    """The lines that `?` prints: a candidate each, the words padded to the longest and four more.

    The entries that are there are padded by themselves, as on the box.
    """
    if help_.error is not None:
        return [help_.error]
    rows = list(help_.candidates)
    if any(row.tabbed for row in rows):
        return [
            *(f"{row.word}\t{row.help}".rstrip("\t") for row in rows),
            *([Text.HELP_ENTER()] if help_.enter else []),
        ]
    own = _GAP + max((len(row.word) for row in rows if row.entry), default=0)
    others = [(_shown(row), row.help) for row in rows if not row.entry]
    other = _GAP + max((len(word) for word, _ in others), default=0)
    shown = iter(others)
    lines = [_line(row.word, row.help, own) if row.entry else _line(*next(shown), other) for row in rows]
    # What is optional says itself that the line may end.
    return [*lines, Text.HELP_ENTER()] if help_.enter and not any(row.optional for row in rows) else lines


def _line(word: str, text: str, width: int) -> str:
    return f"{word:<{width}}{text}" if text else word


def _shown(candidate: Candidate) -> str:
    if candidate.optional:
        return Text.HELP_OPTIONAL(word=candidate.word)
    return f"*{candidate.word}" if candidate.mandatory else candidate.word


def completions(session: Administrator, text: str) -> list[str]:
    """The words that Tab puts in place of the unfinished one, in order, quoted where they must be."""
    return _words(candidates(session, text))


def _words(help_: Help) -> list[str]:
    quoted = help_.partial[:1] in QUOTES
    words = (word for word in help_.candidates.literals() if word != "|")
    return [quote(word) if quoted or not _PLAIN.fullmatch(word) else word for word in words]


def replacements(help_: Help, line: str) -> tuple[str, list[str]]:
    """What stays of a line up to the cursor, and what Tab puts behind it; its word may have begun a line earlier."""
    partial, words = help_.partial, _words(help_)
    if line.endswith(partial):
        return line[: len(line) - len(partial)], words
    return line, [word[len(partial) :] for word in words if word.startswith(partial)]


def completed(help_: Help, line: str) -> str:
    """A line up to the cursor as `?` leaves it: the unfinished word is completed if it can be only one."""
    if not help_.partial or len(help_.candidates) != 1:
        return line
    stays, words = replacements(help_, line)
    return stays + words[0] if words else line
