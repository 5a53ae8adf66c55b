"""What survives a restart: the configuration and what a box remembers beside it, in one SQLite file.

A table is written whole when a commit first touches it, then change by change; a table that nobody has touched stays
the factory's. One process has the file at a time: SQLite's own lock, held as long as the file is open, ends with the
process however that ends. A file that cannot be used is never changed.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

from fortish import statefile
from fortish.box import Box, Event, Kept, Pending, Revision, Watch
from fortish.cmdb.encoded import decode, encode
from fortish.cmdb.entries import VDOM, Change, Drop, Order, Place, Put, Rows, Snapshot
from fortish.cmdb.secrets import seal, unseal
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import words
from fortish.errors import StorageFault
from fortish.statefile import Identity, damaged, reason

FAULTS = (sqlite3.Error, OSError, ValueError, TypeError, OverflowError)  # what reading and writing may end in
ANCHORED, AUTHORITY, PENDING, WATCH = "anchored", "authority", "pending", "watch"  # kinds of memory
# What a box remembers beside its configuration: of certificates, of CA certificates, of requests, of servers.
Memory = tuple[dict[Kept, Watch], dict[Kept, Watch], dict[Kept, Pending], set[Kept]]


class State:
    """An open state file: the journal of one box. No other process can have it meanwhile."""

    def __init__(self, path: Path, connection: sqlite3.Connection, identity: Identity) -> None:
        self.path, self._connection, self._identity = path, connection, identity
        self._real = path.resolve()
        self._box: Box | None = None
        self._group = False
        self._fault = ""  # why the open group is lost
        self._places: dict[Place, int] = {}
        self._next = 0  # position of the next entry
        self._events: list[Event] = []
        self._memory: Memory = {}, {}, {}, set()
        self._revisions: dict[int, Revision] = {}

    # --- opening ---

    @classmethod
    def open(cls, path: Path, firmware: str) -> State:
        """The state file at `path`, made if it is missing. Raises `UsageError`; the file is as it was then."""
        connection, identity = statefile.opened(path, firmware)
        state = cls(path, connection, identity)
        state._recall()
        return state

    def close(self) -> None:
        """Let others have the file."""
        statefile.closed(self._connection, self._identity)

    @property
    def empty(self) -> bool:
        """Whether nothing was ever kept in it."""
        return not (self._places or self._events or any(self._memory) or self._revisions)

    def load(self, box: Box) -> None:
        """Give a new box what is kept, and keep from now on what is committed there. Raises `UsageError`."""
        try:
            kept = self._configuration()
            self._events, self._revisions = self._rest()
            self._memory = self._remembered()
        except FAULTS as error:
            raise damaged(self.path, error) from None
        if kept:
            box.cmdb.adopt(kept)
        box.events[:] = self._events
        watches, authorities, pending, anchored = deepcopy(self._memory)
        box.watches.update(watches)
        box.authority_watches.update(authorities)
        box.pending.update(pending)
        box.anchored.update(anchored)
        box.revisions.update(self._revisions)
        self._box = box
        box.cmdb.journal = self
        box.keep = self.keep

    def _configuration(self) -> Snapshot:
        kept: Snapshot = {place: {} for place in self._places}
        places = {number: rows for rows, number in zip(kept.values(), self._places.values(), strict=True)}
        query = "SELECT place, key, body FROM entry ORDER BY place, position"
        for place, key, body in self._connection.execute(query):
            if place not in places:
                raise ValueError(f"an entry of table {place}")
            places[place][key] = decode(body)
        return kept

    def _rest(self) -> tuple[list[Event], dict[int, Revision]]:
        read = self._connection.execute
        events = [
            Event(id_, time, level, description, dict(json.loads(fields)))
            for id_, time, level, description, fields in read(
                "SELECT id, time, level, description, fields FROM event ORDER BY number"
            )
        ]
        columns = "id, time, administrator, firmware, comment, text"
        revisions = {row[0]: Revision(*row) for row in read(f"SELECT {columns} FROM revision ORDER BY id")}  # noqa: S608
        return events, revisions

    def _remembered(self) -> Memory:
        watches: dict[Kept, Watch] = {}
        authorities: dict[Kept, Watch] = {}
        pending: dict[Kept, Pending] = {}
        anchored: set[Kept] = set()
        query = "SELECT kind, scope, name, body FROM memory ORDER BY rowid"
        for kind, scope, name, body in self._connection.execute(query):
            if kind in (AUTHORITY, WATCH):
                (watches if kind == WATCH else authorities)[scope, name] = Watch(**json.loads(body))
            elif kind == ANCHORED:
                anchored.add((scope, name))
            else:
                pending[scope, name] = Pending(**json.loads(unseal(body).clear or ""))
        return watches, authorities, pending, anchored

    def _recall(self) -> None:
        """What is known of the file without reading it all."""
        read = self._connection.execute
        rows = read("SELECT id, scope, path FROM place ORDER BY id")
        self._places = {(scope, words(path)): number for number, scope, path in rows}
        self._next = (read("SELECT max(position) FROM entry").fetchone()[0] or 0) + 1

    # --- keeping ---

    @property
    def _cmdb(self) -> Cmdb:
        assert self._box is not None
        return self._box.cmdb

    def append(self, changes: list[Change]) -> None:
        """Keep one transaction: on the disk when this returns, or with its group. Raises `StorageFault`."""
        with self._transaction():
            self._write(changes)

    def keep(self) -> None:
        """Keep what the box remembers beside its configuration. Raises `StorageFault`."""
        if not self._group and self._has_more():
            with self._transaction():
                self._write_rest()
            self._remember()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing. A fault in a group loses the whole group: what it has printed must not be shown."""
        if self._fault:
            raise StorageFault(self._fault)
        try:
            if not self._group:
                self._start()
            yield
            if not self._group:
                self._connection.execute("COMMIT")
        except FAULTS as error:
            self._undo()
            self._fault = reason(error) if self._group else ""
            raise StorageFault(reason(error)) from error
        except BaseException:
            self._undo()
            self._fault = "it was interrupted" if self._group else ""
            raise

    def _start(self) -> None:
        """Begin a transaction, in a file that is still the one at its path."""
        found = self._real.stat()
        if (found.st_dev, found.st_ino) != self._identity:
            raise FileNotFoundError(self.path)
        self._connection.execute("BEGIN IMMEDIATE")

    def _undo(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        with contextlib.suppress(sqlite3.Error):
            self._recall()

    def begin(self) -> None:
        """From now on commits are kept together, by `store`. Raises `StorageFault`."""
        try:
            self._start()
        except FAULTS as error:
            raise StorageFault(reason(error)) from error
        self._group, self._fault = True, ""

    def store(self) -> None:
        """Keep the commits since `begin`. Raises `StorageFault`; none of them is kept then."""
        fault = self._fault
        try:
            if not fault:
                self._write_rest()
                self._connection.execute("COMMIT")
        except FAULTS as error:
            fault = reason(error)
        finally:
            self._group, self._fault = False, ""
        if fault:
            self._undo()
            raise StorageFault(fault)
        self._remember()

    # --- writing ---

    def _write(self, changes: list[Change]) -> None:
        for change in changes:
            number = self._place(change.scope, change.path)
            match change:
                case Put(_, _, key, entry):
                    self._connection.execute(
                        "INSERT INTO entry VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
                        (number, key, self._next, encode(entry)),
                    )
                    self._next += 1
                case Drop(_, path, key):
                    self._connection.execute("DELETE FROM entry WHERE place = ? AND key = ?", (number, key))
                    if path == VDOM:
                        self._forget(key)
                case Order(_, _, keys):
                    self._order(number, keys)

    def _place(self, scope: str, path: tuple[str, ...]) -> int:
        """The number of a table; one that is touched for the first time is written as it is now."""
        number = self._places.get((scope, path))
        if number is None:
            row = self._connection.execute("INSERT INTO place (scope, path) VALUES (?, ?)", (scope, " ".join(path)))
            assert row.lastrowid is not None
            number = self._places[scope, path] = row.lastrowid
            self._write_rows(number, self._cmdb.stored(scope, path))
        return number

    def _write_rows(self, number: int, rows: Rows) -> None:
        written = [(number, key, self._next + at, encode(entry)) for at, (key, entry) in enumerate(rows.items())]
        self._connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", written)
        self._next += len(written)

    def _order(self, number: int, keys: tuple[str, ...]) -> None:
        """Give the positions that the entries have to them in another order; only those that move are written."""
        query = "SELECT key, position FROM entry WHERE place = ?"
        held = dict(self._connection.execute(query, (number,)).fetchall())
        moved = [
            (position, number, key)
            for key, position in zip(keys, sorted(held.values()), strict=True)
            if held[key] != position
        ]
        self._connection.executemany("UPDATE entry SET position = ? WHERE place = ? AND key = ?", moved)

    def _forget(self, vdom: str) -> None:
        """A VDOM is gone, and the tables that it had: one of the same name starts from the factory again."""
        numbers = [(number,) for (scope, _), number in self._places.items() if scope == vdom]
        self._connection.executemany("DELETE FROM entry WHERE place = ?", numbers)
        self._connection.executemany("DELETE FROM place WHERE id = ?", numbers)
        self._places = {place: number for place, number in self._places.items() if place[0] != vdom}

    # --- what the box remembers beside its configuration ---

    def _has_more(self) -> bool:
        box = self._box
        return box is not None and (
            len(box.events) != len(self._events)
            or (bool(box.events) and box.events[-1] is not self._events[-1])
            or _memory_of(box) != self._memory
            or box.revisions != self._revisions
        )

    def _write_rest(self) -> None:
        box = self._box
        if box is None or not self._has_more():
            return
        self._write_events(box.events)
        if _memory_of(box) != self._memory:
            self._write_memory(box)
        run = self._connection.executemany
        gone = [(number,) for number, old in self._revisions.items() if box.revisions.get(number) != old]
        run("DELETE FROM revision WHERE id = ?", gone)
        new = [
            (r.id, r.time, r.administrator, r.firmware, r.comment, r.text)
            for r in box.revisions.values()
            if self._revisions.get(r.id) != r
        ]
        run("INSERT INTO revision VALUES (?, ?, ?, ?, ?, ?)", new)

    def _write_memory(self, box: Box) -> None:
        """What is watched and which servers are anchored; requests hold passwords and are written as secrets are."""
        self._connection.execute("DELETE FROM memory")
        rows = [(WATCH, *kept, json.dumps(asdict(watch))) for kept, watch in box.watches.items()]
        rows += [(AUTHORITY, *kept, json.dumps(asdict(watch))) for kept, watch in box.authority_watches.items()]
        rows += [(ANCHORED, *server, "") for server in sorted(box.anchored)]
        rows += [(PENDING, *kept, seal(json.dumps(asdict(request))).enc) for kept, request in box.pending.items()]
        self._connection.executemany("INSERT INTO memory VALUES (?, ?, ?, ?)", rows)

    def _write_events(self, events: list[Event]) -> None:
        """The new events; all of them if old ones are gone."""
        kept = len(self._events)
        if events[:kept] != self._events:
            self._connection.execute("DELETE FROM event")
            kept = 0
        rows = [(e.id, e.time, e.level, e.description, json.dumps(e.fields)) for e in events[kept:]]
        self._connection.executemany(
            "INSERT INTO event (id, time, level, description, fields) VALUES (?, ?, ?, ?, ?)", rows
        )

    def _remember(self) -> None:
        """All is kept that the box remembers."""
        if (box := self._box) is not None and self._has_more():
            self._events = list(box.events)
            self._memory = deepcopy(_memory_of(box))
            self._revisions = dict(box.revisions)


def _memory_of(box: Box) -> Memory:
    return box.watches, box.authority_watches, box.pending, box.anchored
