"""The schema: which tables and attributes there are, read from TOML, one file per table.

The folder tree is the command tree and the order inside a file is the box's. A table is read when first asked for. An
attribute that the emulated firmware does not have yet is not there: not in get, show, `?` or `set`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from fortish.cache import parsed
from fortish.cmdb.table import Attribute, Choice, PathWords, Table, words

ROOT = Path(__file__).parent.parent / "schema"
Level = tuple[int, ...]
NEWEST: Level = (99,)


def level_of(text: str) -> Level:
    """`7.4.1` as a comparable tuple."""
    return tuple(int(part) for part in text.split("."))


@cache
def _paths() -> dict[PathWords, Path]:
    """Every table's file by its path."""
    found = {}
    for folder, _, files in os.walk(ROOT):
        above = Path(folder).relative_to(ROOT).parts
        for name in files:
            if name.endswith(".toml") and not name.startswith("_"):
                found[(*above, name.removesuffix(".toml"))] = Path(folder, name)
    return found


def _parsed(file: Path) -> Any:
    """What stands in a file: reading TOML takes longer than all the rest of a table."""

    def parse(text: str) -> Any:
        import tomllib

        return tomllib.loads(text)

    return parsed(file, parse)


@cache
def _outline() -> dict[str, Any]:
    """Help of the inner paths, and the order in which a whole configuration is printed."""
    found: dict[str, Any] = _parsed(ROOT / "_help.toml")
    return found


class Schema:
    """The tables of one firmware level."""

    def __init__(self, level: Level = NEWEST) -> None:
        self.level = level
        self._tables: dict[PathWords, Table] = {}
        self._views: dict[str, View] = {}

    @cached_property
    def _known(self) -> tuple[PathWords, ...]:
        order = {words(path): place for place, path in enumerate(_outline()["order"])}
        hidden = set(map(words, _outline()["hidden"]))
        known = [path for path in _paths() if self._exists(path) and path not in hidden]
        return tuple(sorted(known, key=lambda path: (order.get(path, len(order)), path)))

    def paths(self) -> tuple[PathWords, ...]:
        """Every table's path, in the order of a whole configuration; hidden ones left out."""
        return self._known

    def view(self, kind: str) -> View:
        """The tables that may be named where `kind` is `all`, `global`, `vdom` or `none`."""
        if kind not in self._views:
            self._views[kind] = View(self, kind)
        return self._views[kind]

    def _exists(self, path: PathWords) -> bool:
        since = _outline().get("since", {}).get(" ".join(path))
        return since is None or level_of(since) <= self.level

    def table(self, path: str | PathWords) -> Table | None:
        """The table at this exact path, or None."""
        path = words(path)
        if path not in self._tables and path in _paths() and self._exists(path):
            self._tables[path] = _read(path, self.level)
        return self._tables.get(path)


GLOBAL_TREE = 1  # how many words the path of a ranged table loses in the tree of the whole box


class View:
    """The tables that may be named in one place, by the path that is typed there.

    `all`: a box without VDOMs. `global` and `vdom`: with VDOMs, the tables of the whole box and those of one VDOM; a
    ranged table stands in both, in the global tree as `certificate …` and with `range global` as its default.
    Paths that `hides` names are not there.
    """

    def __init__(self, schema: Schema, kind: str, hides: Callable[[PathWords], bool] | None = None) -> None:
        self.schema, self.kind, self._hides = schema, kind, hides
        self._variants: dict[PathWords, Table] = {}

    @cached_property
    def _tables(self) -> dict[PathWords, PathWords]:
        """Typed path to stored path."""
        hides = self._hides
        known = [path for path in self.schema.paths() if hides is None or not hides(path)]
        if self.kind == "all":
            return {path: path for path in known}
        found: dict[PathWords, PathWords] = {}
        for path in known if self.kind != "none" else ():
            table = self.schema.table(path)
            assert table is not None
            if table.ranged and self.kind == "global":
                found[path[GLOBAL_TREE:]] = path
            elif table.scope == self.kind:
                found[path] = path
        return found

    @cached_property
    def _words(self) -> dict[PathWords, tuple[str, ...]]:
        """The words that may follow each start of a path, in order."""
        found: dict[PathWords, dict[str, None]] = {}
        for path in self._tables:
            for depth, word in enumerate(path):
                found.setdefault(path[:depth], {})[word] = None
        return {prefix: tuple(following) for prefix, following in found.items()}

    def paths(self) -> tuple[PathWords, ...]:
        """Every path, in the order of a whole configuration."""
        return tuple(self._tables)

    def table(self, path: PathWords) -> Table | None:
        """The table at this exact path, or None."""
        stored = self._tables.get(path)
        if stored is None or stored == path:
            return None if stored is None else self.schema.table(stored)
        if path not in self._variants:
            table = self.schema.table(stored)
            assert table is not None
            self._variants[path] = _in_global_tree(table, path)
        return self._variants[path]

    def words(self, prefix: PathWords) -> tuple[str, ...]:
        """The words that may follow `prefix` in a path."""
        return self._words.get(prefix, ())

    def below(self, prefix: PathWords) -> dict[str, str]:
        """The words that may follow `prefix` in a path, with their help."""
        return {word: self.help((*prefix, word)) for word in self.words(prefix)}

    def help(self, path: PathWords) -> str:
        """What the last word of a path leads to; the word itself where nothing is known of it."""
        # In the tree of the whole box a path may be shorter than it is stored.
        known = ((stored, len(typed)) for typed, stored in self._tables.items() if typed[: len(path)] == path)
        stored, typed = next(known, (path, len(path)))
        inner = _outline()["help"].get(" ".join(stored[: len(stored) - typed + len(path)]))
        if inner is not None:
            return str(inner)
        table = self.table(path)
        return table.help if table else path[-1]


def _in_global_tree(table: Table, typed: PathWords) -> Table:
    """A ranged table as the tree of the whole box has it."""
    attributes = dict(table.attributes)
    if "range" in attributes:
        attributes["range"] = replace(attributes["range"], default="global")
    return replace(table, typed=typed, attributes=attributes)


@cache
def _read(path: PathWords, level: Level) -> Table:
    """One table of one level; boxes share it, for it is never changed."""
    return _table(path, _parsed(_paths()[path]), level)


def _table(path: PathWords, raw: dict[str, Any], level: Level, scope: str = "global", nested: bool = False) -> Table:
    scope = raw.get("scope", scope)
    rows = [row for row in raw.get("attribute", []) if level_of(row.get("since", "0")) <= level]
    return Table(
        path=path,
        kind=raw.get("kind", raw.get("type", "table")),
        help=raw["help"],
        scope=scope,
        key=raw.get("key", ""),
        ranged=raw.get("ranged", False),
        attributes={row["name"]: _attribute(path, row, level, scope) for row in rows},
        factory=tuple(raw.get("factory", ())),
        nested=nested,
        maximum=raw.get("max", 0),
        permanent=raw.get("permanent", False),
        ordered=raw.get("ordered", False),
        brief=frozenset(raw.get("brief", ())),
    )


def _attribute(path: PathWords, row: dict[str, Any], level: Level, scope: str) -> Attribute:
    when = row.get("when", {})
    child = (
        _table((*path, row["name"]), row, level, scope, nested=True) if row["type"] in {"table", "singleton"} else None
    )
    choices = [choice for choice in row.get("choices", ()) if len(choice) < 3 or level_of(choice[2]) <= level]
    return Attribute(
        name=row["name"],
        type=row["type"],
        help=row["help"],
        support=row.get("support", "kept"),
        size=row.get("size", 0),
        low=row.get("min", 0),
        high=row.get("max", 4294967295),
        default=row.get("default"),
        choices=tuple(Choice(choice[0], choice[1]) for choice in choices),
        when=tuple((name, tuple(values)) for name, values in when.items()),
        when_set=row.get("when-set", False),
        refs=tuple(words(ref) for ref in row.get("refs", ())),
        multiple=row.get("multiple", False),
        mandatory=row.get("mandatory", False),
        readonly=row.get("readonly", False),
        always=row.get("always", False),
        last=row.get("last", False),
        limit=row.get("limit", 0),
        listed=row.get("listed", False),
        called=row.get("called", ""),
        bare=row.get("bare", False),
        child=child,
    )
