"""What a check has found: whether it holds, what is expected, what is there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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


def pattern(where: str, value: object) -> str:
    """A reader of a regular expression. Raises `UsageError`."""
    if not isinstance(value, str):
        raise UsageError(f"{where} must be a text")
    try:
        re.compile(value)
    except re.error as error:
        raise UsageError(f"{where}: {error}") from None
    return value


AMOUNT = {"at-least": number, "at-most": number}  # readers


def amount(given: Mapping[str, Any]) -> str:
    """How many there must be, in words."""
    least, most = given.get("at-least"), given.get("at-most")
    if least == most and least is not None:
        return f"is {least}"
    parts = [f"at least {least}"] if least is not None else []
    return " and ".join([*parts, *([f"at most {most}"] if most is not None else ())]) or "at least 1"


def enough(count: int, given: Mapping[str, Any]) -> bool:
    """Whether so many are as many as there must be."""
    least = given.get("at-least", 0 if "at-most" in given else 1)
    return bool(least <= count <= given.get("at-most", count))
