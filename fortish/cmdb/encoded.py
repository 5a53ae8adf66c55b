"""An entry as JSON and back: what a state file holds of it.

A secret is written as its ENC text alone; what the schema does not know any more is written like all else.
"""

from __future__ import annotations

import json
from typing import Any

from fortish.cmdb.entries import Entry
from fortish.cmdb.secrets import Secret, unseal
from fortish.cmdb.unknown import Kept

PLAIN = (str, int, float, type(None))


def encode(entry: Entry) -> str:
    """An entry as text."""
    return json.dumps(_plain(entry), separators=(",", ":"))


def decode(text: str) -> Entry:
    """The entry of a text. Raises `ValueError` for a text that `encode` did not make."""
    return _entry(json.loads(text))


def _plain(entry: Entry) -> list[Any]:
    values = {name: _written(value) for name, value in entry.values.items()}
    children = {name: {key: _plain(row) for key, row in rows.items()} for name, rows in entry.children.items()}
    return [values, children] if children else [values]


def _written(value: Any) -> Any:
    match value:
        case Secret():
            return {"enc": value.enc}
        case Kept(lines):
            return {"kept": list(lines)}
        case tuple():
            return list(value)
    return value


def _entry(raw: Any) -> Entry:
    match raw:
        case [dict(values)]:
            return Entry({name: _read(value) for name, value in values.items()})
        case [dict(values), dict(children)]:
            rows = {name: {key: _entry(row) for key, row in held.items()} for name, held in children.items()}
            return Entry({name: _read(value) for name, value in values.items()}, rows)
    raise ValueError(raw)


def _read(value: Any) -> Any:
    match value:
        case {"enc": str(enc), **rest} if not rest:
            return unseal(enc)
        case {"kept": list(lines), **rest} if not rest:
            return Kept(tuple(map(_text, lines)))
        case list():
            return tuple(map(_text, value))
        case _ if isinstance(value, PLAIN):
            return value
    raise ValueError(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value
