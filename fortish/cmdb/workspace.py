"""Workspace mode: a transaction is a branch of the configuration that one administrator changes, then commits or drops.

What a transaction has changed is locked for everybody else until it ends. At its commit the changes, attribute by
attribute, go onto the configuration as it then is, all or none: background work is not undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fortish import messages
from fortish.cmdb.entries import Change, Drop, Entry, Order, Put, Rows, Snapshot
from fortish.cmdb.references import paths_of, targets
from fortish.cmdb.snapshots import difference, held
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import PathWords
from fortish.cmdb.working import in_use
from fortish.commands import DebugSwitch
from fortish.messages import Text

MINUTES, LONGEST = 5, 60  # how long a transaction lasts without a typed line (documented)
WARNINGS = (30, 20, 10)  # seconds before its end (documented)
Item = tuple[str, PathWords, str]  # an entry: scope, path, key

# What cannot be changed in a transaction (documented): a whole table, or these attributes of one. Sorted.
# fmt: off
FIXED: dict[PathWords, tuple[str, ...]] = {
    ("system", "console"):         (),
    ("system", "elbc"):            (),
    ("system", "global"):          ("internal-switch-mode", "management-vdom", "split-port", "vdom-admin", "vdom-mode",
                                    "wireless-mode"),
    ("system", "np6"):             (),
    ("system", "npu"):             (),
    ("system", "resource-limits"): (),
    ("system", "settings"):        ("opmode",),
    ("system", "storage"):         (),
    ("system", "vdom"):            (),
    ("system", "vdom-property"):   (),
    ("system", "wireless"):        ("mode",),
}
# fmt: on


@dataclass(slots=True, eq=False)
class Transaction:
    """One transaction. `due` is box time, seconds; `console` is the debug switch of where it is open, None: nowhere.

    `warned` counts the warnings that were given since the last typed line.
    """

    id: int
    administrator: str
    branch: Cmdb
    base: Snapshot
    minutes: int
    due: float
    console: DebugSwitch | None
    warned: int = 0
    locked: dict[Item, None] = field(default_factory=dict)

    def touch(self, now: float) -> None:
        """Somebody typed a line: its time begins anew."""
        self.due, self.warned = now + self.minutes * 60, 0

    def changes(self) -> list[Change]:
        """What it has changed so far."""
        return difference(self.branch.schema, self.base, self.branch.snapshot())


@dataclass(frozen=True, slots=True)
class Guard:
    """Watches over what one administrator changes while transactions are open; `own` is the administrator's, if any."""

    transactions: tuple[Transaction, ...]
    own: Transaction | None = None

    def opened(self, scope: str, path: PathWords, key: str) -> None:
        """An entry or singleton is opened to be changed. Raises `CliError`."""
        if self.own is not None and FIXED.get(path) == ():
            raise messages.failed(1, Text.TRANSACTION_FIXED())
        self._check_free((scope, path, key))
        if self.own is not None:
            self.own.locked[scope, path, key] = None

    def setting(self, path: PathWords, name: str) -> None:
        """An attribute is about to be changed. Raises `CliError`."""
        if self.own is not None and name in FIXED.get(path, ()):
            raise messages.failed(1, Text.TRANSACTION_FIXED())

    def changing(self, cmdb: Cmdb, changes: Iterable[Change]) -> None:
        """Changes are about to be made; in a transaction they lock what they touch. Raises `CliError`."""
        touched = [item for change in changes for item in _items(cmdb, change)]
        for item in touched:
            self._check_free(item)
            if self.own is not None and FIXED.get(item[1]) == ():
                raise messages.failed(1, Text.TRANSACTION_FIXED())
        if self.own is not None:
            self.own.locked.update(dict.fromkeys(touched))

    def _check_free(self, item: Item) -> None:
        for other in self.transactions:
            if other is not self.own and item in other.locked:
                raise messages.failed(1, Text.TRANSACTION_LOCKED(id=other.id))


def _items(cmdb: Cmdb, change: Change) -> Iterator[Item]:
    """The entries that a change touches; a new order touches those that change places."""
    if not isinstance(change, Order):
        yield change[:3]
        return
    for before, after in zip(cmdb.rows(change.scope, change.path), change.keys, strict=False):
        if before != after:
            yield change.scope, change.path, after


# --- the commit -----------------------------------------------------------------------------------------------------


def merged(transaction: Transaction, cmdb: Cmdb) -> list[Change]:
    """A transaction's changes as changes of the configuration as it is now. Raises `CliError` if one cannot be made."""
    changes = [_onto(transaction, cmdb, change) for change in transaction.changes()]
    trial = cmdb.branch()
    trial.apply(change for change in changes if not isinstance(change, Order))
    changes = [_reordered(trial, change) if isinstance(change, Order) else change for change in changes]
    for change in changes:
        if isinstance(change, Drop) and (users := trial.users(*change)):
            raise in_use(len(users))
        if isinstance(change, Put):
            _check_references(transaction, trial, change)
    return changes


def _onto(transaction: Transaction, cmdb: Cmdb, change: Change) -> Change:
    """One change onto the entry as it now is: only what the transaction touched."""
    if not isinstance(change, Put):
        return change
    base = held(cmdb.schema, transaction.base, (change.scope, change.path)).get(change.key)
    now = cmdb.entry(*change[:3])
    if base is None and now is not None:
        raise messages.failed(-5, Text.DUPLICATE(key=change.key))
    if base is not None and now is None:
        raise messages.failed(-3, Text.NOT_IN_DATASOURCE())
    if base is None or now is None or now is base:
        return change
    return change._replace(entry=_merged_entry(base, change.entry, now))


def _merged_entry(base: Entry, mine: Entry, now: Entry) -> Entry:
    values = dict(now.values)
    for name in {**base.values, **mine.values}:
        if name not in mine.values:
            values.pop(name, None)
        elif base.values.get(name) != mine.values[name]:
            values[name] = mine.values[name]
    children = dict(now.children)
    for name in {**base.children, **mine.children}:
        rows = _merged_rows(base.children.get(name, {}), mine.children.get(name, {}), now.children.get(name, {}))
        children[name] = rows
    return Entry(values, {name: rows for name, rows in children.items() if rows})


def _merged_rows(base: Rows, mine: Rows, now: Rows) -> Rows:
    rows = {key: row for key, row in now.items() if key in mine or key not in base}
    rows.update({key: row for key, row in mine.items() if base.get(key) != row})
    order = [key for key in mine if key in rows]
    return {key: rows[key] for key in [*order, *(key for key in rows if key not in mine)]}


def _reordered(trial: Cmdb, change: Order) -> Order:
    """An order with what is there now: what others have added meanwhile goes last."""
    rows = trial.rows(change.scope, change.path)
    keys = [key for key in change.keys if key in rows]
    return change._replace(keys=(*keys, *(key for key in rows if key not in change.keys)))


def _check_references(transaction: Transaction, trial: Cmdb, change: Put) -> None:
    """What an entry names, and what was there in the transaction, is there still (-3)."""
    table = trial.schema.table(change.path)
    for attribute, target in targets(table, change.entry) if table is not None else ():
        paths = paths_of(table, attribute) if table is not None else ()
        if not trial.exists(paths, target, change.scope) and transaction.branch.exists(paths, target, change.scope):
            raise messages.failed(-3, Text.NOT_IN_DATASOURCE())
