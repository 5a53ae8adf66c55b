"""The configuration for Python users: `cmdb["vpn certificate local"]["name"]["attribute"]`, read only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fortish.cmdb.entries import SINGLE, Entry
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import Table


class EntryView(Mapping[str, Any]):
    """One entry for Python users: attributes by name, defaults included, secrets in clear."""

    def __init__(self, cmdb: Cmdb, table: Table, entry: Entry) -> None:
        self._cmdb, self._table, self._entry = cmdb, table, entry

    def __getitem__(self, name: str) -> Any:
        """The value of `name`; KeyError if this firmware has no such attribute."""
        if name in self._table.children:
            child = self._table.children[name]
            return {k: EntryView(self._cmdb, child, e) for k, e in self._entry.children.get(name, {}).items()}
        if name not in self._table.attributes:
            raise KeyError(name)
        value = self._cmdb.value_of(self._table, self._entry, name)
        return getattr(value, "clear", value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.attributes)

    def __len__(self) -> int:
        return len(self._table.attributes)


class TableView(Mapping[str, EntryView]):
    """A table for Python users: entries by key. A singleton has the one key ''."""

    def __init__(self, cmdb: Cmdb, table: Table, vdom: str = "root") -> None:
        self._cmdb, self._table = cmdb, table
        self._scope = cmdb.scope_of(table, vdom)

    def __getitem__(self, key: str) -> EntryView:
        """The entry `key`; of a singleton, the attribute's owner is ''."""
        self._cmdb.before_reading(self._table.path, str(key))
        entry = self._cmdb.entry(self._scope, self._table.path, str(key))
        if entry is None and not (key == SINGLE and not self._table.is_table):
            raise KeyError(key)
        return EntryView(self._cmdb, self._table, entry or Entry())

    def __iter__(self) -> Iterator[str]:
        return iter(self._cmdb.rows(self._scope, self._table.path))

    def __len__(self) -> int:
        return len(self._cmdb.rows(self._scope, self._table.path))
