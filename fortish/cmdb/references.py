"""Who names whom: the references of an entry, and an index of them by the entry that is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fortish.cmdb.entries import Entry
from fortish.cmdb.table import PathWords, Table


class User(NamedTuple):
    """An attribute of an entry that names another entry."""

    scope: str
    path: PathWords
    key: str
    attribute: str


class References:
    """The index: who names an entry. It is as true as its owner keeps it."""

    def __init__(self) -> None:
        self._users: dict[tuple[PathWords, str], set[User]] = {}

    def add(self, scope: str, table: Table, key: str, entry: Entry) -> None:
        """An entry is stored."""
        for target, user in _named(scope, table, key, entry):
            self._users.setdefault(target, set()).add(user)

    def remove(self, scope: str, table: Table, key: str, entry: Entry) -> None:
        """An entry is no longer stored as it was."""
        for target, user in _named(scope, table, key, entry):
            self._users[target].discard(user)

    def of(self, path: PathWords, key: str) -> set[User]:
        """Who names an entry: read it, do not change it."""
        return self._users.get((path, key), set())

    def copy(self) -> References:
        """An index of its own with the same in it."""
        copy = References()
        copy._users = {target: set(users) for target, users in self._users.items()}
        return copy


def _named(scope: str, table: Table, key: str, entry: Entry) -> Iterator[tuple[tuple[PathWords, str], User]]:
    """Everything that an entry may mean by its references, with the attribute that names it."""
    if not table.references and not table.children:
        return
    for attribute, target in targets(table, entry):
        user = User(scope, table.path, key, attribute)
        for path in paths_of(table, attribute):
            yield (path, target), user


def targets(table: Table, entry: Entry, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every (attribute, target key) of an entry, its child rows included (`child/attribute`)."""
    for attribute in table.references:
        value = entry.values.get(attribute.name)
        for target in value if isinstance(value, tuple) else (value,):
            if target:
                yield f"{prefix}{attribute.name}", target
    for name, child in table.children.items():
        for row in entry.children.get(name, {}).values():
            yield from targets(child, row, f"{prefix}{name}/")


def paths_of(table: Table, attribute: str) -> tuple[PathWords, ...]:
    """The tables that an attribute (`child/attribute` for a child row's) may name an entry of."""
    *children, name = attribute.split("/")
    for child in children:
        table = table.children[child]
    return table.attributes[name].refs
