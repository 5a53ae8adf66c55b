"""Entries as they are stored, a whole configuration of them, and the three changes that can be made to one.

An `Entry` is never changed once it is stored: a commit puts a new one in its place, so a snapshot is a shallow copy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fortish.cmdb.table import PathWords, words

GLOBAL = "global"
ROOT = "root"  # the VDOM that every box has
MULTI = "multi-vdom"
SYSTEM_GLOBAL, VDOM, INTERFACE = words("system global"), words("system vdom"), words("system interface")
SETTINGS = words("system settings")
SINGLE = ""  # the key under which a singleton's values stand
UNKNOWN, BLOCK = ("#unknown",), "block"  # where blocks of unknown tables are kept as text, by their first line
# What a factory certificate gets when it is first read.
MADE = frozenset({"certificate", "last-updated", "password", "private-key"})


class Entry:
    """The values that were set in one entry, and its child rows: {child name: {key: Entry}}."""

    __slots__ = ("children", "values")

    def __init__(
        self, values: dict[str, Any] | None = None, children: dict[str, dict[str, Entry]] | None = None
    ) -> None:
        self.values = {} if values is None else values
        self.children = {} if children is None else children

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and self.values == other.values and self._rows() == other._rows()

    def _rows(self) -> dict[str, dict[str, Entry]]:
        return {name: rows for name, rows in self.children.items() if rows}

    def __repr__(self) -> str:
        return f"Entry({self.values!r}, {self.children!r})"


Rows = dict[str, Entry]
Place = tuple[str, PathWords]  # a table in a scope
Snapshot = dict[Place, Rows]  # a whole configuration; a table that is not in it is as the factory made it


class Put(NamedTuple):
    """Store an entry, in place of the one that has its key."""

    scope: str
    path: PathWords
    key: str
    entry: Entry


class Drop(NamedTuple):
    """Remove an entry."""

    scope: str
    path: PathWords
    key: str


class Order(NamedTuple):
    """Put a table's entries in this order."""

    scope: str
    path: PathWords
    keys: tuple[str, ...]


Change = Put | Drop | Order
