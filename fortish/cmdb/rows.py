"""What is done to the entries of a table from outside them: delete, purge, rename, clone, move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fortish import commands as c
from fortish import messages
from fortish.cmdb import subnets, vdoms
from fortish.cmdb.entries import INTERFACE, Drop, Entry, Order, Put, Rows
from fortish.cmdb.outcome import DONE, Outcome
from fortish.cmdb.table import PathWords
from fortish.cmdb.working import check_key, cloned, in_use, next_number
from fortish.messages import Text

if TYPE_CHECKING:
    from fortish.cmdb.editor import Editor
    from fortish.cmdb.frame import Frame


def _existing(editor: Editor, typed: str) -> tuple[Frame, str, Rows]:
    frame = editor.top
    key = check_key(frame.table, typed)
    rows = editor.rows(frame)
    if key not in rows:
        raise messages.failed(-3, "", Text.NOT_IN_DATASOURCE())
    return frame, key, rows


def _free(editor: Editor, frame: Frame, typed: str, rows: Rows) -> str:
    key = check_key(frame.table, typed)
    if frame.table.integer_keys and key == "0":  # as behind `edit`
        return next_number(rows)
    if key in rows:
        raise messages.failed(-5, Text.DUPLICATE(key=key))
    return key


def _check_unused(editor: Editor, frame: Frame, key: str, going: frozenset[str]) -> None:
    """Whether anybody names an entry but those of the same table that go with it. Raises `CliError`."""
    users = editor.cmdb.users(frame.scope, frame.table.path, key)
    here = (frame.scope, frame.table.path)
    others = {user for user in users if (user.scope, user.path) != here or user.key not in going}
    count = len(others)
    if frame.child is not None:  # who names it in the same block is asked as it stands now, not as it is saved
        block = frame.table.path[:-1]
        count = sum(user.path != block for user in others) + _inner_users(editor, frame.table.path, key)
    if count:
        raise in_use(count)


def _inner_users(editor: Editor, path: PathWords, key: str) -> int:
    """How many rows of an open block name a row of one of its tables."""
    working = next((f.working for f in editor.frames if f.working is not None and f.table.path == path[:-1]), None)
    if working is None:
        return 0
    return sum(
        path in attribute.refs and names(row.values.get(attribute.name), key)
        for name, table in working.table.children.items()
        for row in working.child(name).rows.values()
        for attribute in table.references
    )


def names(value: Any, key: str) -> bool:
    """Whether a reference's value names `key`."""
    return key in value if isinstance(value, tuple) else value == key


def _fixed(editor: Editor, frame: Frame, key: str) -> Text | None:
    """Why an entry can be neither deleted nor renamed; None if it can."""
    if frame.table.path == INTERFACE and editor.rows(frame)[key].values.get("type") == "physical":
        return Text.PHYSICAL
    return Text.FACTORY if frame.table.keeps(key) else None


def delete(editor: Editor, command: c.Delete) -> Outcome:
    """Remove an entry that nobody names."""
    if editor.frame is None:
        return vdoms.delete(editor, command.key)
    frame, key, _ = _existing(editor, command.key)
    _check_unused(editor, frame, key, frozenset({key}))
    if (why := _fixed(editor, frame, key)) is not None:
        raise messages.failed(-160, why(), Text.DELETE_UNSET(key=key, code=-160))
    if frame.child is None:
        editor.commit([Drop(frame.scope, frame.table.path, key)])
    else:
        frame.child.drop(key)
    return DONE


def purge(editor: Editor, command: c.Purge) -> Outcome:
    """Remove all entries that can be removed, after a question."""
    frame = editor.top

    def remove() -> None:
        keys = [key for key in editor.rows(frame) if _fixed(editor, frame, key) is None]
        for key in keys:
            _check_unused(editor, frame, key, frozenset(keys))
        if frame.child is None:
            editor.commit([Drop(frame.scope, frame.table.path, key) for key in keys])
        else:
            for key in keys:
                frame.child.drop(key)

    return Outcome(("",), Text.PURGE_QUESTION(), remove)


def rename(editor: Editor, command: c.Rename) -> Outcome:
    """Give an entry another key; everyone who names it follows."""
    frame, key, rows = _existing(editor, command.key)
    if (why := _fixed(editor, frame, key)) is not None:
        raise messages.failed(-160, why())
    new = _free(editor, frame, command.new, rows)
    order = tuple(new if old == key else old for old in rows)
    if frame.child is not None:
        _check_unused(editor, frame, key, frozenset())
        frame.child.put(new, rows[key])
        frame.child.drop(key)
        frame.child.rows = {k: frame.child.rows[k] for k in order}
        return DONE
    path = frame.table.path
    followers = _followers(editor, frame.scope, path, key, new)
    old = (frame.scope, path, key)  # an entry may name itself
    entry = next((put.entry for put in followers if put[:3] == old), rows[key])
    others = [put for put in followers if put[:3] != old]
    put = Put(frame.scope, path, new, entry)
    editor.commit([put, *others, Drop(*old), Order(frame.scope, path, order)])
    return DONE


def _followers(editor: Editor, scope: str, path: PathWords, key: str, new: str) -> list[Put]:
    """The entries that name `key`, naming `new`."""
    changes: dict[tuple[str, PathWords, str], Entry] = {}
    for user in editor.cmdb.users(scope, path, key):
        place = (user.scope, user.path, user.key)
        entry = changes.get(place) or editor.cmdb.entry(*place)
        if entry is not None:
            changes[place] = _renamed(entry, user.attribute.split("/"), key, new)
    return [Put(*place, entry) for place, entry in changes.items()]


def clone(editor: Editor, command: c.Clone) -> Outcome:
    """Copy an entry under a key that is free."""
    frame, key, rows = _existing(editor, command.key)
    new = _free(editor, frame, command.new, rows)
    if frame.child is None:
        editor.cmdb.before_reading(frame.table.path, key)
        editor.commit([Put(frame.scope, frame.table.path, new, _copy(editor, frame, rows[key]))])
    else:
        frame.child.put(new, rows[key])
    return DONE


def _copy(editor: Editor, frame: Frame, entry: Entry) -> Entry:
    """A copy of an entry, with numbers of its own."""
    copy = cloned(frame.table, entry)
    if frame.table.path != INTERFACE:
        return copy
    return Entry({**copy.values, "snmp-index": subnets.of(editor.cmdb).free_number()}, copy.children)


def move(editor: Editor, command: c.Move) -> Outcome:
    """Put an entry before or after another."""
    frame, key, rows = _existing(editor, command.key)
    _, anchor, _ = _existing(editor, command.anchor)
    order = [old for old in rows if old != key]
    if anchor == key:
        return DONE
    order.insert(order.index(anchor) + command.after, key)
    if frame.child is None:
        editor.commit([Order(frame.scope, frame.table.path, tuple(order))])
    else:
        frame.child.rows = {k: rows[k] for k in order}
        frame.child.touched.add(key)
    return DONE


def _renamed(entry: Entry, attribute: list[str], key: str, new: str) -> Entry:
    """`entry` with one of its references following a rename."""
    name = attribute[0]
    if len(attribute) > 1:
        rows = {k: _renamed(row, attribute[1:], key, new) for k, row in entry.children.get(name, {}).items()}
        return Entry(entry.values, {**entry.children, name: rows})
    held: Any = entry.values.get(name)
    value = tuple(new if item == key else item for item in held) if isinstance(held, tuple) else held
    return Entry({**entry.values, name: new if held == key else value}, entry.children)
