"""What is configured: entries by (scope, path, key), their references, and the one way to change them.

Every commit goes to the injected journal first; if that fails, memory is untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fortish.cmdb.entries import (
    GLOBAL,
    INTERFACE,
    MULTI,
    ROOT,
    SINGLE,
    SYSTEM_GLOBAL,
    VDOM,
    Change,
    Drop,
    Entry,
    Order,
    Put,
    Rows,
    Snapshot,
)
from fortish.cmdb.fresh import factory_rows
from fortish.cmdb.journal import Forgetful, Journal
from fortish.cmdb.references import References, User
from fortish.cmdb.schema import Schema
from fortish.cmdb.snapshots import AUTOMATIC, difference, held, new_save_mode, save_mode
from fortish.cmdb.table import Attribute, PathWords, Table, words
from fortish.cmdb.types import default

if TYPE_CHECKING:
    from fortish.cmdb.views import TableView


class Cmdb:
    """The configuration of one box."""

    def __init__(self, schema: Schema, journal: Journal | None = None) -> None:
        self.schema = schema
        self.journal: Journal = journal or Forgetful()
        self.generation = 0
        # A whole backup is being read: it may name what it brings only later, and empties the tables that it has.
        self.restoring = False
        self._trusting = False
        self.emptied: set[tuple[str, PathWords]] = set()
        # What is saved, while changes are to be saved only when told to (`cfg-save`); None: each is at once.
        self.saved: Snapshot | None = None
        self.unsafe = False  # whether there is anything that is not saved
        # Called before who is no session reads an entry: what is made when it is first read is made.
        self.before_reading: Callable[[PathWords, str], None] = lambda path, key: None
        self.firmware_defaults: dict[tuple[PathWords, str], Any] = {}
        self._tables: dict[tuple[str, PathWords], Rows] = {}
        self._references = References()
        self._watchers: list[Callable[[list[Change]], None]] = []

    # --- reading ---

    @property
    def multi(self) -> bool:
        """Whether the box is divided into VDOMs."""
        rows = self._tables.get((GLOBAL, SYSTEM_GLOBAL), {})  # untouched it is as the factory made it: one domain
        return SINGLE in rows and rows[SINGLE].values.get("vdom-mode") == MULTI

    def vdoms(self) -> dict[str, int]:
        """The VDOMs: name to number."""
        return {name: int(entry.values.get("vfid", 0)) for name, entry in self.rows(GLOBAL, VDOM).items()}

    def scope_of(self, table: Table, place: str) -> str:
        """The scope in which this table is seen from `place`: a VDOM, or `global`.

        Certificates are global on a box without VDOMs (the enrollment guide: is_global:1).
        """
        if table.scope == GLOBAL or (table.ranged and not self.multi):
            return GLOBAL
        return ROOT if place == GLOBAL and not table.ranged else place

    def rows(self, scope: str, path: PathWords) -> Rows:
        """The live rows of a table: read them, do not change them."""
        rows = self._tables.get((scope, path))
        if rows is None:
            rows = self._tables[scope, path] = {}
            table = self.schema.table(path)
            if table is not None and (scope == GLOBAL or not table.ranged):
                rows.update(factory_rows(table))
                for key, entry in rows.items():
                    self._references.add(scope, table, key, entry)
        return rows

    def entry(self, scope: str, path: PathWords, key: str = SINGLE) -> Entry | None:
        """One entry, or None."""
        return self.rows(scope, path).get(key)

    def touched(self, scope: str, path: PathWords) -> bool:
        """Whether anybody has looked into this table yet: if not, it is as the factory made it, and not even read."""
        return (scope, path) in self._tables

    def scopes(self, path: PathWords) -> list[str]:
        """The scopes in which anybody has looked into this table yet."""
        return [scope for scope, looked in self._tables if looked == path]

    def value(self, scope: str, path: str | PathWords, key: str, name: str) -> Any:
        """An attribute's value, or its default."""
        path = words(path)
        table = self.schema.table(path)
        assert table is not None, path
        return self.value_of(table, self.entry(scope, path, key), name)

    def value_of(self, table: Table, entry: Entry | None, name: str) -> Any:
        """An attribute's value in an entry, or its default."""
        if entry is not None and name in entry.values:
            return entry.values[name]
        attribute = table.attributes.get(name)
        return None if attribute is None else self.default(table, attribute)

    def default(self, table: Table, attribute: Attribute) -> Any:
        """What an attribute holds when it was never set."""
        given = self.firmware_defaults.get((table.path, attribute.name))
        return default(attribute) if given is None else given

    def exists(self, paths: Iterable[PathWords], key: str, place: str = ROOT) -> bool:
        """Whether one of these tables has this entry, as seen from `place` (a VDOM, or `global`).

        A table that is not in the schema cannot say no. In a VDOM the certificates of the whole box are known too, and
        of the interfaces only those that belong to it.
        """
        if self.trusts:
            return True
        for path in paths:
            table = self.schema.table(path)
            if table is None and (inner := self.inner_rows(path, place)) is not None:
                if key in inner:
                    return True
                continue
            if table is None or (key in self.rows(self.scope_of(table, place), path) and self.owns(place, table, key)):
                return True
            if table.ranged and key in self.rows(GLOBAL, path):
                return True
        return False

    def inner_rows(self, path: PathWords, place: str) -> Rows | None:
        """The rows of a table inside a singleton, as seen from `place`; None if the path leads to no such table."""
        table = self.schema.table(path[:-1])
        if table is None or table.is_table or path[-1] not in table.children:
            return None
        entry = self.entry(self.scope_of(table, place), table.path)
        return {} if entry is None else entry.children.get(path[-1], {})

    def owns(self, place: str, table: Table, key: str) -> bool:
        """Whether an entry can be named from `place`: an interface only in the VDOM that it belongs to."""
        if table.path != INTERFACE or place == GLOBAL or not self.multi:
            return True
        return bool(self.value_of(table, self.entry(GLOBAL, INTERFACE, key), "vdom") == place)

    def users(self, scope: str, path: PathWords, key: str) -> set[User]:
        """Who names this entry of this scope."""
        # What nobody has looked into is in no index yet, and the factory names things.
        for other in self.schema.paths():
            if (table := self.schema.table(other)) is not None and table.has_factory:
                for place in {self.scope_of(table, place) for place in (GLOBAL, *self.vdoms())}:
                    self.rows(place, other)
        found = self._references.of(path, key)
        if scope == GLOBAL or not found:
            return found
        return {user for user in found if user.scope in (scope, GLOBAL)}

    def indexed(self, path: PathWords, key: str) -> Iterable[User]:
        """Who names an entry, as far as tables have been looked into."""
        return self._references.of(path, key)

    def __getitem__(self, path: str) -> TableView:
        """`cmdb["vpn certificate local"]`: entries by key, attributes by name, defaults included."""
        from fortish.cmdb.views import TableView

        table = self.schema.table(path)
        if table is None:
            raise KeyError(path)
        return TableView(self, table)

    @property
    def trusts(self) -> bool:
        """Whether every entry that is named is taken to be there."""
        return self.restoring or self._trusting

    @contextmanager
    def trusting(self) -> Iterator[None]:
        """For a moment, every entry that is named is taken to be there."""
        before, self._trusting = self._trusting, True
        try:
            yield
        finally:
            self._trusting = before

    # --- changing ---

    def watch(self, watcher: Callable[[list[Change]], None]) -> None:
        """Call `watcher` with the changes after each commit."""
        self._watchers.append(watcher)

    def commit(self, changes: list[Change]) -> None:
        """Keep and apply one transaction. Raises `StorageFault`; memory is untouched then.

        While changes are saved only when told to, they are applied and not kept.
        """
        mode = new_save_mode(changes)
        if self.saved is None:
            self.journal.append(changes)
        elif mode == AUTOMATIC:
            self.journal.append([*self.unsaved(), *changes])
        self._take(changes, self.saved is not None and mode != AUTOMATIC, mode)

    def keep(self, changes: list[Change]) -> None:
        """Keep and apply what a server has issued, at once: it is not to be undone because nobody saves.

        Of an entry with changes that are not saved only what these bring is kept. No orders. Raises `StorageFault`.
        """
        if self.saved is None:
            self.commit(changes)
            return
        kept = [self._on_saved(change) for change in changes]
        self.journal.append(kept)
        for change in kept:
            rows = self.saved[change[:2]] = dict(self.stored(change.scope, change.path))
            if isinstance(change, Put):
                rows[change.key] = change.entry
            elif isinstance(change, Drop):
                rows.pop(change.key, None)
        self._take(changes, self.unsafe, None)

    def _on_saved(self, change: Change) -> Change:
        """A change as one of what is saved."""
        if not isinstance(change, Put):
            return change
        now = self.entry(change.scope, change.path, change.key)
        saved = self.stored(change.scope, change.path).get(change.key)
        if now is None or saved is None or now is saved:
            return change
        brought = {name: value for name, value in change.entry.values.items() if now.values.get(name) != value}
        return change._replace(entry=Entry({**saved.values, **brought}, saved.children))

    def stored(self, scope: str, path: PathWords) -> Rows:
        """The rows of a table as they are saved: read them, do not change them."""
        return self.rows(scope, path) if self.saved is None else held(self.schema, self.saved, (scope, path))

    def _take(self, changes: list[Change], unsafe: bool, mode: str | None) -> None:
        """Apply changes, which are saved or not, and which set `cfg-save` to `mode` if they set it."""
        self.apply(changes)
        self.unsafe = unsafe
        if mode is not None:
            self._switch(mode)
        for watcher in self._watchers:
            watcher(changes)

    def apply(self, changes: Iterable[Change]) -> None:
        """Apply changes that are kept already."""
        for change in changes:
            rows = self.rows(change.scope, change.path)
            table = self.schema.table(change.path)
            if isinstance(change, Order):
                ordered = {key: rows[key] for key in change.keys}
                rows.clear()
                rows.update(ordered)
                continue
            before = rows.get(change.key)
            if table is not None and before is not None:
                self._references.remove(change.scope, table, change.key, before)
            if isinstance(change, Drop):
                rows.pop(change.key, None)
                if change.path == VDOM:
                    self._forget(change.key)
                continue
            rows[change.key] = change.entry
            if table is not None:
                self._references.add(change.scope, table, change.key, change.entry)
        self.generation += 1

    # --- the whole ---

    def adopt(self, kept: Snapshot) -> None:
        """Tables as they were kept, in place of what the factory has there. For a configuration nobody has read yet."""
        for (scope, path), rows in kept.items():
            table = self.schema.table(path)
            if table is not None and table.permanent and scope == GLOBAL:
                rows = kept[scope, path] = {**factory_rows(table), **rows}
            if table is not None:
                for key, entry in rows.items():
                    self._references.add(scope, table, key, entry)
        self._tables.update(kept)
        self._switch(save_mode(kept))

    def snapshot(self) -> Snapshot:
        """The whole configuration as a value."""
        return {place: dict(rows) for place, rows in self._tables.items()}

    def branch(self) -> Cmdb:
        """A copy that is changed by itself, and of which nothing is kept."""
        copy = Cmdb(self.schema)
        copy.firmware_defaults = self.firmware_defaults
        copy.generation = self.generation
        copy.before_reading = self.before_reading
        copy._tables = self.snapshot()
        copy._references = self._references.copy()
        return copy

    def replace(self, wanted: Snapshot) -> None:
        """Make the configuration that of a snapshot, and keep it, in one transaction. Raises `StorageFault`."""
        changes = difference(self.schema, self.snapshot(), wanted)
        self.journal.append([*self.unsaved(), *changes])
        self.saved = None
        self._take(changes, False, save_mode(wanted))

    def unsaved(self) -> list[Change]:
        """The changes that are not saved yet."""
        return [] if self.saved is None else difference(self.schema, self.saved, self.snapshot())

    def save(self) -> None:
        """Keep what is not saved yet, in one transaction. Raises `StorageFault`."""
        if self.saved is not None:
            self.journal.append(self.unsaved())
            self.saved, self.unsafe = self.snapshot(), False

    def revert(self) -> None:
        """Go back to what is saved."""
        if self.saved is None:
            return
        self._take(difference(self.schema, self.snapshot(), self.saved), False, None)

    def _switch(self, mode: str) -> None:
        """`cfg-save` was set: what is there now is saved, and from now on each change is, or none is."""
        if mode == AUTOMATIC:
            self.saved = None
        elif self.saved is None:
            self.saved = self.snapshot()

    def _forget(self, vdom: str) -> None:
        """A VDOM is gone, its entries before it: one of the same name starts from the factory again."""
        for place in [place for place in self._tables if place[0] == vdom]:
            del self._tables[place]
