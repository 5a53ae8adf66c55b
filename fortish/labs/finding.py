"""What a check has found: whether it holds, what is expected, what is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fortish.errors import UsageError

MOST = 4  # things of a list that are told


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result, in plain words."""

    ok: bool
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.expected}; found: {self.actual}"


def listed(things: Iterable[str]) -> str:
    """Things in a row, each once; the last of many."""
    rows = list(dict.fromkeys(things))
    return ", ".join(["...", *rows[-MOST:]] if len(rows) > MOST else rows) or "nothing"


def number(where: str, value: object) -> int:
    """A reader of a number, also as text: a placeholder stands in a text. Raises `UsageError`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    raise UsageError(f"{where} must be a number")
