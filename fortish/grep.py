"""`| grep`: which lines of an output are printed. Of configurations it knows only the words that make blocks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from fortish.commands import Grep
from fortish.errors import CliError, FortishError
from fortish.steps import Flow, Say, say

MARK = " <---"


# What stands for itself in a basic regular expression and means something in Python's, and the other way round.
_SWAPPED = frozenset("+?|(){}")
_BRACKET = re.compile(r"\[\^?\]?(?:\[:\w+:\]|[^\]])*\]")
_CLASSES = {"alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": r"\s",
            "blank": r" \t", "punct": r"!-/:-@\[-`{-~", "xdigit": "0-9A-Fa-f"}  # fmt: skip


def translated(pattern: str) -> str:
    r"""A basic regular expression (POSIX), with the `\+`, `\?` and `\|` of GNU, as Python writes it."""
    pieces: list[str] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "[" and (found := _BRACKET.match(pattern, at)):
            pieces.append(_bracket(found.group()))
            at = found.end()
            continue
        if letter == "\\" and at + 1 < len(pattern):
            at += 1
            letter = pattern[at] if pattern[at] in _SWAPPED else f"\\{pattern[at]}"
        elif letter in _SWAPPED or (letter == "*" and not pieces) or letter in "[\\":
            letter = f"\\{letter}"
        pieces.append(letter)
        at += 1
    return "".join(pieces)


def _bracket(text: str) -> str:
    """A bracket expression; in it a backslash and an opening bracket are themselves."""
    negated = "^" if text[1] == "^" else ""
    inside = text[1 + len(negated) : -1].replace("\\", "\\\\")
    inside = re.sub(r"\[:(\w+):\]", lambda match: _CLASSES.get(match[1], ""), inside)
    guarded = re.sub(r"(?<!\\)\[|^\]|&&|\|\||~~|--", lambda match: "".join(f"\\{one}" for one in match[0]), inside)
    return f"[{negated}{guarded}]"


def piped(flow: Flow, grep: Grep | None) -> Flow:
    """A flow whose printed text goes through grep first; its other steps pass."""
    if grep is None:
        yield from flow
        return
    kept: list[str] = []
    resume: Callable[[], Any] = lambda: next(flow)  # noqa: E731
    while True:
        try:
            step = resume()
        except StopIteration:
            break
        except CliError:
            yield from say(select(kept, grep))
            raise
        resume = partial(flow.send, None)
        if isinstance(step, Say):
            kept += step.text.split("\n")
            continue
        try:
            resume = partial(flow.send, (yield step))
        except FortishError as error:  # a lost link, Ctrl-C: the flow's own business
            resume = partial(flow.throw, error)
    yield from say(select(kept, grep))


def select(lines: Iterable[str], grep: Grep) -> Iterator[str]:
    """The lines that `grep` leaves. A pattern that is no regular expression is taken literally."""
    case = re.IGNORECASE if grep.ignore_case else 0
    try:
        pattern = re.compile(translated(grep.pattern), case)
    except (re.error, OverflowError):
        pattern = re.compile(re.escape(grep.pattern), case)
    rows = list(lines)
    hits = [place for place, line in enumerate(rows) if bool(pattern.search(line)) is not grep.invert]
    if grep.counted:
        yield str(len(hits))
    elif grep.blocks:
        yield from _blocks(rows, set(hits))
    else:
        yield from _context(rows, hits, grep)


def _context(rows: list[str], hits: list[int], grep: Grep) -> Iterator[str]:
    wanted = set(hits)
    done = 0  # how many rows are behind us
    for hit in hits:
        start, end = max(done, hit - grep.before), min(len(rows), hit + grep.after + 1)
        if (grep.before or grep.after) and 0 < done < start:
            yield "--"
        for place in range(start, end):
            sign = ":" if place in wanted else "-"
            yield f"{place + 1}{sign}{rows[place]}" if grep.number else rows[place]
        done = max(done, end)


def _blocks(rows: list[str], hits: set[int]) -> Iterator[str]:
    """`-f`: each hit with the `config` and `edit` lines around it, their `set` lines and their ends."""
    owner: dict[int, int] = {}
    stack: list[int] = []
    keep: set[int] = set()
    for place, line in enumerate(rows):
        word = line.split(None, 1)[0] if line.split() else ""
        if word in {"next", "end"} and stack:
            owner[place] = stack[-1]
            stack.pop()
            continue
        owner[place] = stack[-1] if stack else -1
        if word in {"config", "edit"}:
            stack.append(place)
    for hit in hits:
        place = hit
        while place >= 0:
            keep.add(place)
            place = owner.get(place, -1)
    for place, line in enumerate(rows):
        word = line.split(None, 1)[0] if line.split() else ""
        inside = owner.get(place, -1) in keep and word not in {"config", "edit"}
        if place in keep or (inside and _closes_or_sets(rows, owner[place], word)):
            yield line + (MARK if place in hits else "")


def _closes_or_sets(rows: list[str], opener: int, word: str) -> bool:
    return word in {"set", "unset", "next", "end"} or not rows[opener].lstrip().startswith("config")
