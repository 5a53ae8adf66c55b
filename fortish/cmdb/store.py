"""What is configured: entries by (scope, path, key), their references, and the one way to change them.

An `Entry` is never changed once it is stored: a commit puts a new one in its place, so a snapshot is a shallow copy.
Every commit goes to the injected journal first; if that fails, memory is untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from fortish.cmdb.schema import Attribute, PathWords, Schema, Table, words
from fortish.cmdb.types import TYPES, default
from fortish.cmdb.unknown import Kept

if TYPE_CHECKING:
    from fortish.cmdb.views import TableView

GLOBAL = "global"
ROOT = "root"  # the VDOM that every box has
MULTI = "multi-vdom"
SYSTEM_GLOBAL, VDOM, INTERFACE = words("system global"), words("system vdom"), words("system interface")
SINGLE = ""  # the key under which a singleton's values stand
UNKNOWN, BLOCK = ("#unknown",), "block"  # where blocks of unknown tables are kept as text, by their first line
CFG_SAVE, AUTOMATIC = "cfg-save", "automatic"
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

    __hash__ = None  # type: ignore[assignment]

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


class Journal(Protocol):
    """Where commits are kept. Raises `StorageFault`, and then nothing is changed."""

    def append(self, changes: list[Change]) -> None:
        """Keep one transaction."""


class Forgetful:
    """The default journal: keeps nothing."""

    def append(self, changes: list[Change]) -> None:
        """Nothing to do."""


class User(NamedTuple):
    """An attribute of an entry that names another entry."""

    scope: str
    path: PathWords
    key: str
    attribute: str


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
        self._users: dict[tuple[PathWords, str], set[User]] = {}
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
                rows.update(_factory(table))
                for key, entry in rows.items():
                    self._index(scope, table, key, entry, add=True)
        return rows

    def entry(self, scope: str, path: PathWords, key: str = SINGLE) -> Entry | None:
        """One entry, or None."""
        return self.rows(scope, path).get(key)

    @property
    def unknown(self) -> dict[str, Kept]:
        """The kept blocks of tables that the schema does not know, by their first line."""
        return {head: entry.values[BLOCK] for head, entry in self.rows(GLOBAL, UNKNOWN).items()}

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
        for (
            other
        ) in self.schema.paths():  # what nobody has looked into is in no index yet, and the factory names things
            if (table := self.schema.table(other)) is not None and table.has_factory:
                for place in {self.scope_of(table, place) for place in (GLOBAL, *self.vdoms())}:
                    self.rows(place, other)
        found = self._users.get((path, key), set())
        if scope == GLOBAL or not found:
            return found
        return {user for user in found if user.scope in (scope, GLOBAL)}

    def indexed(self, path: PathWords, key: str) -> Iterable[User]:
        """Who names an entry, as far as tables have been looked into."""
        return self._users.get((path, key), ())

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

    # --- scopes ---

    def drops(self, scope: str) -> list[Drop]:
        """What removes every entry of a scope."""
        return [Drop(scope, path, key) for place, path in list(self._tables) if place == scope
                for key in self._tables[place, path]]  # fmt: skip

    def moved_ranges(self, *, to_vdom: bool) -> list[Change]:
        """The changes that go with a new VDOM mode: ranged entries of the one domain become the root VDOM's, or back.

        Entries that are known to the whole box (`range global`) stay where they are.
        """
        source, target = (GLOBAL, ROOT) if to_vdom else (ROOT, GLOBAL)
        changes: list[Change] = []
        for path in self.schema.paths():
            table = self.schema.table(path)
            if table is None or not table.ranged:
                continue
            for key, entry in self.rows(source, path).items():
                if not to_vdom or entry.values.get("range") != GLOBAL:
                    changes += [Drop(source, path, key), Put(target, path, key, entry)]
        return changes

    # --- changing ---

    def watch(self, watcher: Callable[[list[Change]], None]) -> None:
        """Call `watcher` with the changes after each commit."""
        self._watchers.append(watcher)

    def commit(self, changes: list[Change]) -> None:
        """Keep and apply one transaction. Raises `StorageFault`; memory is untouched then.

        While changes are saved only when told to, they are applied and not kept.
        """
        mode = _mode_in(changes)
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
        return self.rows(scope, path) if self.saved is None else self.held(self.saved, (scope, path))

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
                self._index(change.scope, table, change.key, before, add=False)
            if isinstance(change, Drop):
                rows.pop(change.key, None)
                if change.path == VDOM:
                    self._forget(change.key)
                continue
            rows[change.key] = change.entry
            if table is not None:
                self._index(change.scope, table, change.key, change.entry, add=True)
        self.generation += 1

    # --- the whole ---

    def adopt(self, kept: Snapshot) -> None:
        """Tables as they were kept, in place of what the factory has there. For a configuration nobody has read yet."""
        for (scope, path), rows in kept.items():
            table = self.schema.table(path)
            if table is not None and table.permanent and scope == GLOBAL:
                rows = kept[scope, path] = {**_factory(table), **rows}
            if table is not None:
                for key, entry in rows.items():
                    self._index(scope, table, key, entry, add=True)
        self._tables.update(kept)
        self._switch(self._mode(kept))

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
        copy._users = {target: set(users) for target, users in self._users.items()}
        return copy

    def replace(self, wanted: Snapshot) -> None:
        """Make the configuration that of a snapshot, and keep it, in one transaction. Raises `StorageFault`."""
        changes = self.difference(self.snapshot(), wanted)
        self.journal.append([*self.unsaved(), *changes])
        self.saved = None
        self._take(changes, False, self._mode(wanted))

    def difference(self, old: Snapshot, new: Snapshot) -> list[Change]:
        """The changes that lead from one configuration to another."""
        changes: list[Change] = []
        for place in dict.fromkeys((*old, *new)):
            gone = place[0] != GLOBAL and place[0] not in self.held(new, (GLOBAL, VDOM))
            changes += _between(place, self.held(old, place), {} if gone else self.held(new, place))
        # VDOMs go last: their entries are removed before them.
        return sorted(changes, key=lambda change: isinstance(change, Drop) and change.path == VDOM)

    def held(self, snapshot: Snapshot, place: Place) -> Rows:
        """The rows of a table in a snapshot: the factory's where it has none."""
        if place in snapshot:
            return snapshot[place]
        table = self.schema.table(place[1])
        return {} if table is None or (place[0] != GLOBAL and table.ranged) else _factory(table)

    def _mode(self, snapshot: Snapshot) -> str:
        settings = snapshot.get((GLOBAL, SYSTEM_GLOBAL), {}).get(SINGLE)
        return AUTOMATIC if settings is None else str(settings.values.get(CFG_SAVE, AUTOMATIC))

    def factory(self, table: Table) -> Rows:
        """What a table holds on a new box."""
        return _factory(table)

    def unsaved(self) -> list[Change]:
        """The changes that are not saved yet."""
        return [] if self.saved is None else self.difference(self.saved, self.snapshot())

    def save(self) -> None:
        """Keep what is not saved yet, in one transaction. Raises `StorageFault`."""
        if self.saved is not None:
            self.journal.append(self.unsaved())
            self.saved, self.unsafe = self.snapshot(), False

    def revert(self) -> None:
        """Go back to what is saved."""
        if self.saved is None:
            return
        self._take(self.difference(self.snapshot(), self.saved), False, None)

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

    def _index(self, scope: str, table: Table, key: str, entry: Entry, *, add: bool) -> None:
        """Keep the reverse index true for one entry."""
        if not table.references and not table.children:
            return
        for attribute, target in targets(table, entry):
            user = User(scope, table.path, key, attribute)
            for path in paths_of(table, attribute):
                users = self._users.setdefault((path, target), set())
                users.add(user) if add else users.discard(user)


def _mode_in(changes: list[Change]) -> str | None:
    """What a transaction sets `cfg-save` to; None if it does not touch the settings of the box."""
    mode = None
    for change in changes:
        if change.path == SYSTEM_GLOBAL and not isinstance(change, Order):
            mode = str(change.entry.values.get(CFG_SAVE, AUTOMATIC)) if isinstance(change, Put) else AUTOMATIC
    return mode


def _between(place: Place, old: Rows, new: Rows) -> list[Change]:
    """The changes that lead from one table's rows to others."""
    changes: list[Change] = [Drop(*place, key) for key in old if key not in new]
    changes += [Put(*place, key, entry) for key, entry in new.items()
                if old.get(key) is not entry and old.get(key) != entry]  # fmt: skip
    reached = [*(key for key in old if key in new), *(key for key in new if key not in old)]
    if reached != list(new):
        changes.append(Order(*place, tuple(new)))
    return changes


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


def _factory(table: Table) -> Rows:
    """What a table holds on a new box."""
    rows: Rows = {}
    for raw in table.factory:
        values = {name: _factory_value(table.attributes[name], value) for name, value in raw.items()
                  if name in table.attributes and name != table.key}  # fmt: skip
        rows[str(raw[table.key]) if table.is_table else SINGLE] = Entry(values)
    inner = {name: _factory(child) for name, child in table.children.items() if child.factory}
    if inner and not table.is_table:
        rows[SINGLE] = Entry(rows[SINGLE].values if SINGLE in rows else {}, inner)
    return rows


def _factory_value(attribute: Attribute, value: Any) -> Any:
    if isinstance(value, list):
        value = tuple(str(item) for item in value)
    if attribute.type == "option" and attribute.multiple:
        return tuple(choice.name for choice in attribute.choices if choice.name in value)
    return value if attribute.type in TYPES else None
