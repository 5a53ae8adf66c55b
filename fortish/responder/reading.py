"""Readers of TOML values: each takes where it is and what is there, and gives a value or an error that names both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, TypeAlias

from fortish.errors import UsageError

Reader: TypeAlias = Callable[[str, object], Any]


def fields(where: str, found: object, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The keyword arguments that a TOML table stands for: each key has a reader, and hyphens become underscores."""
    values: dict[str, Any] = {}
    for key, value in table(where, found).items():
        if key not in readers:
            raise UsageError(f"{where}: unknown key {key!r}; known are {', '.join(sorted(readers))}")
        values[key.replace("-", "_")] = readers[key](f"{where}: {key}", value)
    return values


def table(where: str, value: object) -> dict[str, Any]:
    """A TOML table."""
    if not isinstance(value, dict):
        raise UsageError(f"{where} must be a table")
    return value


def plain(kind: type | UnionType, wanted: str, accepts: Callable[[Any], bool] = lambda value: True) -> Reader:
    """A reader of one value of a TOML type; a boolean is no number."""

    def read(where: str, value: object) -> Any:
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool) or not accepts(value):
            raise UsageError(f"{where} must be {wanted}")
        return value

    return read


def one_of(*words: str) -> Reader:
    """A reader of one of a few words."""
    return plain(str, f"one of {', '.join(words)}", words.__contains__)


def strings(where: str, value: object) -> tuple[str, ...]:
    """A list of strings."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where} must be a list of strings")
    return tuple(value)


def some_of(*words: str) -> Reader:
    """A reader of a list of at least one of a few words, none of them twice."""

    def read(where: str, value: object) -> tuple[str, ...]:
        found = strings(where, value)
        if not found or len(set(found)) != len(found) or not set(found) <= set(words):
            raise UsageError(f"{where} must be a list of {' and '.join(words)}, or of one of them")
        return found

    return read


def octets(where: str, value: object) -> bytes:
    """Octets in hexadecimal, blanks and colons between them allowed."""
    text: str = plain(str, "octets in hexadecimal")(where, value)
    try:
        return bytes.fromhex(text.replace(":", ""))
    except ValueError:
        raise UsageError(f"{where} must be octets in hexadecimal") from None
