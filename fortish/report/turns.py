"""What a report is made of: rows, as they happen, and the turns they are read into.

A row is a mapping, as JSON has it: `kind` and `text`; `at` (seconds since 1970 by the host) or `time` (ISO 8601); the
box's own `clock`, as seconds or ISO 8601. Kinds: `typed` (with `prompt`), `printed`, `debug`, `failed`, `task`, `start`
(of a sitting). Others are passed over.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fortish.network.exchanged import Exchanged
from fortish.replay import Failure

Row = Mapping[str, Any]
_REFUSED = re.compile(r"^Command fail\. Return code -?\d+", re.MULTILINE)
_CODE = re.compile(r"\s*Command fail\. Return code -?\d+\s*$")
_SAID = {"printed": False, "debug": True}  # kinds that came on the screen; whether from a daemon


@dataclass(frozen=True, slots=True)
class About:
    """What the head of a page tells. Times are seconds since 1970; '' and None are left out."""

    hostname: str = ""
    firmware: str = ""
    seed: int | None = None
    start: float | None = None  # by the box's clock
    began: float | None = None  # really
    worked: float | None = None  # seconds that somebody sat there
    broken: tuple[str, ...] = ()  # what has changed that should have stayed


@dataclass(slots=True)
class Part:
    """What came on the screen in one go: of a daemon (`debug`), or of the command itself."""

    debug: bool
    texts: list[str]

    @property
    def text(self) -> str:
        """All of it, without empty lines at its ends."""
        return "\n".join(self.texts).strip("\n")


@dataclass(slots=True)
class Turn:
    """One typed line and what came of it. `sitting` tells when somebody came back, before the first line after that."""

    number: int
    prompt: str
    typed: str
    at: float
    sitting: str = ""
    parts: list[Part] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    tasks: list[tuple[str, str]] = field(default_factory=list)
    exchanges: list[int] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether the line failed."""
        return bool(self.failures)

    def say(self, debug: bool, text: str) -> None:
        """More came on the screen; what is of one kind stays together."""
        if self.parts and self.parts[-1].debug is debug:
            self.parts[-1].texts.append(text)
        else:
            self.parts.append(Part(debug, [text]))


class Collector:
    """Rows of what a player does, kept in memory."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.rows: list[Row] = []
        self._clock = clock

    def typed(self, prompt: str, line: str) -> None:
        """A line was typed."""
        self._row("typed", line, prompt=prompt)

    def printed(self, text: str, debug: bool) -> None:
        """Lines were printed."""
        self._row("debug" if debug else "printed", text)

    def failed(self, failure: Failure) -> None:
        """The last line has failed."""
        self._row("failed", failure.message)

    def fault(self, reason: str) -> None:
        """What was typed last could not be stored."""
        self._row("failed", reason)

    def _row(self, kind: str, text: str, **more: str) -> None:
        self.rows.append({"at": time.time(), "clock": self._clock(), "kind": kind, "text": text, **more})


def moment(value: Any) -> float | None:
    """Seconds since 1970 of a number or an ISO 8601 text; None for anything else."""
    if isinstance(value, (int, float)):
        return float(value)
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError):
        return None


def read(rows: Iterable[Row], exchanges: Sequence[Exchanged]) -> list[Turn]:
    """The turns of a session; each exchange belongs to the line typed last before it."""
    turns: list[Turn] = []
    sitting = ""
    for row in rows:
        kind, text = str(row.get("kind", "")), str(row.get("text", ""))
        at = moment(row.get("at", row.get("time"))) or 0.0
        if kind == "typed":
            turns.append(Turn(len(turns) + 1, str(row.get("prompt", "")), text, at, sitting))
            sitting = ""
        elif not turns:
            continue
        elif kind == "start":
            sitting = written(at)
        elif kind in _SAID:
            turns[-1].say(_SAID[kind], text)
        elif kind == "failed":
            turns[-1].failures.append(_CODE.sub("", text) or text)
        elif kind == "task":
            turns[-1].tasks.append((str(row.get("task", "")), text))
    for turn in turns:
        _notice(turn)
    starts = [turn.at for turn in turns]
    for place, exchange in enumerate(exchanges, 1):
        if at := bisect_right(starts, exchange.timing.at):
            turns[at - 1].exchanges.append(place)
    return turns


def written(seconds: float) -> str:
    """A moment in words that sort."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _notice(turn: Turn) -> None:
    """A failure that nobody told can be read off the screen."""
    if not turn.failures:
        shown = [part.text for part in turn.parts if not part.debug and _REFUSED.search(part.text)]
        turn.failures += [_CODE.sub("", text) or text for text in (" ".join(text.split()) for text in shown[:1])]
