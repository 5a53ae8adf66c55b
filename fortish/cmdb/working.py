"""Working copies: what an administrator has changed and not saved yet.

A working copy records the touched attributes and child rows. Saving applies only those to the entry as it then is, so a
background renewal is not undone by someone who stood inside `edit` meanwhile.
"""

from __future__ import annotations

import secrets
from typing import Any

from fortish import messages
from fortish.cmdb import checks, members
from fortish.cmdb.entries import Entry, Put, Rows
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import Attribute, PathWords, Table
from fortish.cmdb.types import TYPES
from fortish.errors import CliError
from fortish.messages import Text

_ABSENT = object()


class ChildRows:
    """The rows of a child table inside a working copy: they become permanent with their parent."""

    def __init__(self, rows: Rows) -> None:
        self.rows = dict(rows)
        self.touched: set[str] = set()

    def put(self, key: str, entry: Entry) -> None:
        """Store a row."""
        self.rows[key] = entry
        self.touched.add(key)

    def drop(self, key: str) -> None:
        """Remove a row."""
        del self.rows[key]
        self.touched.add(key)

    def onto(self, rows: Rows) -> Rows:
        """These rows' changes on `rows` as they are now, in this copy's order."""
        merged = {key: row for key, row in rows.items() if key not in self.touched}
        merged.update({key: row for key, row in self.rows.items() if key in self.touched})
        order = [key for key in self.rows if key in merged]
        return {key: merged[key] for key in [*order, *(k for k in merged if k not in self.rows)]}


class Working:
    """The working copy of one entry or singleton."""

    def __init__(
        self, cmdb: Cmdb, table: Table, vdom: str, key: str, base: Entry | None, around: Working | None = None
    ) -> None:
        self.cmdb, self.table, self.vdom, self.key, self.base = cmdb, table, vdom, key, base
        self.around = around  # the copy of the entry that this one stands in
        self.before = base  # what is stored, at the moment of saving
        self.values: dict[str, Any] = dict(base.values) if base else {}
        self.children: dict[str, ChildRows] = {}
        self.touched: set[str] = set()
        if base is None and table.is_table:
            checks.check_opened(self)
            if (uuid := table.attributes.get("uuid")) is not None and uuid.type == "uuid":
                self.values["uuid"] = new_uuid()

    # --- reading ---

    def value(self, name: str) -> Any:
        """The value as it stands in this copy, or its default."""
        value = self.values.get(name, _ABSENT)
        if value is not _ABSENT:
            return value
        attribute = self.table.attributes.get(name)
        return None if attribute is None else self.cmdb.default(self.table, attribute)

    def exists(self, paths: tuple[PathWords, ...], key: str) -> bool:
        """Whether a reference to `key` holds; what stands in the same open block is there before it is saved."""
        open_rows = [self.open_rows(path) for path in paths]
        outside = [path for path, rows in zip(paths, open_rows, strict=True) if rows is None]
        if any(rows is not None and key in rows for rows in open_rows):
            return True
        return self.cmdb.exists(outside, key, self.vdom) if outside else self.cmdb.trusts

    def open_rows(self, path: PathWords) -> Rows | None:
        """The rows of a table inside an entry that is open here; None if it is another's."""
        copy: Working | None = self
        while copy is not None:
            if path[:-1] == copy.table.path and path[-1] in copy.table.children:
                return copy.child(path[-1]).rows
            copy = copy.around
        return None

    def visible(self, attribute: Attribute) -> bool:
        """Whether other values let this attribute be seen."""
        return is_visible(attribute, self.value)

    def child(self, name: str) -> ChildRows:
        """The rows of a child table, as they stand in this copy."""
        if name not in self.children:
            self.children[name] = ChildRows(self.base.children.get(name, {}) if self.base else {})
        return self.children[name]

    def entry(self) -> Entry:
        """The copy as an entry, for `show` and `get`."""
        children = dict(self.base.children) if self.base else {}
        children.update({name: copy.rows for name, copy in self.children.items()})
        return Entry(self.values, children)

    @property
    def changed(self) -> bool:
        """Whether there is anything to save."""
        return bool(self.touched) or any(copy.touched for copy in self.children.values())

    # --- changing ---

    def set(self, attribute: Attribute, words: tuple[str, ...]) -> None:
        """Replace a value. Raises `CliError` and leaves the copy as it was."""
        value = TYPES[attribute.type].read(attribute, words, self)
        if attribute.support == "refused" and value != self.cmdb.default(self.table, attribute):
            reason = Text.REFUSED_VALUE(name=attribute.name, value=" ".join(words))
            raise messages.value_error(words[-1], -61, reason)
        checks.check_set(self, attribute.name, words, value)
        self.put(attribute.name, value)

    def put(self, name: str, value: Any) -> None:
        """Replace a value that needs no reading. A list that must hold something is never empty: it has its default.

        Raises `CliError` where a list gets too long.
        """
        value = members.combined(self.table.path, name, value)
        attribute = self.table.attributes.get(name)
        if attribute is not None and attribute.limit and len(value) > attribute.limit:
            called = attribute.called or name.replace("-", " ")
            reason = Text.TOO_MANY(name=called, limit=attribute.limit)
            raise messages.discarded(reason, Text.ATTRIBUTE_OPERATOR, -4)
        self.values[name] = value
        self.touched.add(name)
        if value == () and attribute is not None and attribute.default:
            del self.values[name]

    def unset(self, attribute: Attribute) -> None:
        """Back to the default."""
        self.values.pop(attribute.name, None)
        self.touched.add(attribute.name)

    # --- saving ---

    def saved_entry(self, current: Entry | None) -> Entry:
        """What to store, given the entry as it is now. Raises `CliError`."""
        if current is None and self.base is not None:
            raise messages.failed(-3, Text.NOT_IN_DATASOURCE())
        self.before = current
        if current is not None and current is not self.base:
            self._rebase(current)
        checks.check(self)
        self._drop_hidden()
        children = dict(current.children) if current else {}
        for name, copy in self.children.items():
            children[name] = copy.onto(children.get(name, {}))
        return Entry(self.values, {name: rows for name, rows in children.items() if rows})

    def _rebase(self, current: Entry) -> None:
        """Take over what others have saved since; what was touched here stays."""
        mine = {name: self.values.get(name, _ABSENT) for name in self.touched}
        self.values = dict(current.values)
        for name, value in mine.items():
            self.values.pop(name, None)
            if value is not _ABSENT:
                self.values[name] = value

    def refresh(self, current: Entry) -> None:
        """Take over what is stored now, where nothing was touched here."""
        if current is not self.base:
            self._rebase(current)
            self.base = current

    def _drop_hidden(self) -> None:
        """An attribute that other values hide goes back to its default, as it vanishes from `show` at once."""
        for name in list(self.values):
            attribute = self.table.attributes.get(name)
            if attribute is not None and attribute.when and not self.visible(attribute):
                del self.values[name]

    def put_change(self, scope: str, current: Entry | None) -> Put:
        """The change that stores this copy. Raises `CliError`."""
        if self.base is None and self.table.integer_keys:
            checks.check_number(self)
        return Put(scope, self.table.path, self.key, self.saved_entry(current))


def new_uuid() -> str:
    """A number for an entry that no other entry has, in the form in which the box makes them (version 5)."""
    digits = secrets.token_hex(16)
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def cloned(table: Table, entry: Entry) -> Entry:
    """A copy of an entry, under a number of its own where its table has such numbers."""
    uuid = table.attributes.get("uuid")
    return entry if uuid is None or uuid.type != "uuid" else Entry({**entry.values, "uuid": new_uuid()}, entry.children)


def is_visible(attribute: Attribute, value: Any) -> bool:
    """Whether an attribute is visible given `value(name)` of the others."""
    for name, wanted in attribute.when:
        held = value(name)
        if not (any(item in wanted for item in held) if isinstance(held, tuple) else held in wanted):
            return False
    return not attribute.when_set or value(attribute.name) not in ("", None, (), 0)


def find_attribute(working: Working, typed: str) -> Attribute:
    """The visible, settable attribute that `typed` begins. Raises `CliError`."""
    settable = working.table.settable
    exact = settable.get(typed)
    if exact is not None:
        if not exact.when or exact.when_set or working.visible(exact) or _may_appear(working, exact):
            return exact
        raise messages.parse_error(typed)  # hidden; it never stands for a longer name
    found = [a for name, a in settable.items() if name.startswith(typed) and (a.when_set or working.visible(a))]
    if len(found) == 1:
        return found[0]
    raise (messages.ambiguous if found else messages.parse_error)(typed)


def _may_appear(working: Working, attribute: Attribute) -> bool:
    """Whether what hides an attribute stands behind it in a printed configuration and was not set yet.

    `show` prints scep-url before enroll-protocol; what is still hidden when it is saved is dropped.
    """
    order = list(working.table.attributes)
    hiding = [n for n, wanted in attribute.when if working.value(n) not in wanted]
    behind = order.index(attribute.name)
    return all(name not in working.touched and order.index(name) > behind for name in hiding)


def check_key(table: Table, key: str) -> str:
    """A key as it is stored. Raises `CliError`."""
    attribute = table.attributes[table.key]
    if not key:
        raise messages.incomplete()
    if not key.isprintable():  # a name stands on one line, wherever it is printed
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in key)
        raise messages.value_error(shown, -651, Text.BAD_NAME())
    value = TYPES[attribute.type].read(attribute, (key,), _NOTHING)
    return str(value)


def next_number(rows: Rows) -> str:
    """The key that 0 stands for: the next free number."""
    return str(max((int(key) for key in rows), default=0) + 1)


class _Nothing:
    """Looks at nothing: for keys."""

    def value(self, name: str) -> Any:
        return None

    def exists(self, paths: tuple[PathWords, ...], key: str) -> bool:
        return True


_NOTHING = _Nothing()


def in_use(count: int) -> CliError:
    """The refusal to delete an entry that others name."""
    return messages.failed(-23, Text.IN_USE(count=count))
