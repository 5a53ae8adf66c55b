"""`config` and `edit`: a table, a singleton or an entry is entered; of the last two a working copy is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortish import commands as c
from fortish import messages
from fortish.cmdb import vdoms
from fortish.cmdb.entries import GLOBAL, MADE, SINGLE, Change, Drop, Entry, Put
from fortish.cmdb.frame import Frame
from fortish.cmdb.fresh import factory_rows
from fortish.cmdb.outcome import DONE, Outcome
from fortish.cmdb.paths import resolve_path
from fortish.cmdb.table import Table
from fortish.cmdb.working import ChildRows, Working, check_key
from fortish.messages import Text
from fortish.parse import complete_word

if TYPE_CHECKING:
    from fortish.cmdb.editor import Editor


def config(editor: Editor, command: c.Config) -> Outcome:
    """Enter a table or singleton. Raises `CliError`."""
    frame = editor.frame
    if frame is None:
        if editor.place_kind == "multi":
            return vdoms.choose(editor, command.path)
        table, rest = resolve_path(editor.view, command.path)
        scope = editor.cmdb.scope_of(table, editor.scope)
        if editor.cmdb.restoring and not rest:
            _empty(editor, scope, table)
        _enter(editor, table, rest, scope, None)
        return DONE
    assert frame.working is not None
    working = frame.working
    children = {n: t for n, t in working.table.children.items() if working.visible(working.table.attributes[n])}
    found = complete_word(command.path[0], children)
    if len(found) != 1:
        raise (messages.ambiguous if found else messages.parse_error)(command.path[0])
    _enter(editor, children[found[0]], command.path[1:], frame.scope, working.child(found[0]))
    return DONE


def _empty(editor: Editor, scope: str, table: Table) -> None:
    """A restore replaces what a table held before: at its first `config`."""
    if (scope, table.path) not in editor.cmdb.emptied:
        editor.cmdb.emptied.add((scope, table.path))
        editor.commit([_emptied(editor, scope, table, key) for key in list(editor.cmdb.rows(scope, table.path))])


def _emptied(editor: Editor, scope: str, table: Table, key: str) -> Change:
    """An entry goes, unless it is one that stays: that has what the factory gave it, and the key that it has."""
    if not table.is_table and any(child.factory for child in table.children.values()):
        return Put(scope, table.path, key, Entry({}, factory_rows(table)[key].children))
    if not table.keeps(key):
        return Drop(scope, table.path, key)
    held, fresh = editor.cmdb.rows(scope, table.path)[key], factory_rows(table)[key]
    own = {name: held.values[name] for name in MADE if name in held.values}
    return Put(scope, table.path, key, Entry({**fresh.values, **own}))


def _enter(editor: Editor, table: Table, rest: tuple[str, ...], scope: str, child: ChildRows | None) -> None:
    if table.keyed:
        _enter_keyed(editor, table, rest, scope)
        return
    if rest:
        raise messages.parse_error(rest[0])
    if table.is_table:
        editor.frames.append(Frame("table", table, scope, table.path[-1], child))
        return
    rows = editor.cmdb.rows(scope, table.path) if child is None else child.rows
    if editor.guard is not None and child is None:
        editor.guard.opened(scope, table.path, SINGLE)
    working = Working(editor.cmdb, table, editor.scope, SINGLE, rows.get(SINGLE), _around(editor))
    editor.frames.append(Frame("singleton", table, scope, table.path[-1], child, working))


def _around(editor: Editor) -> Working | None:
    """The working copy in which one stands."""
    return next((frame.working for frame in reversed(editor.frames) if frame.working is not None), None)


def _enter_keyed(editor: Editor, table: Table, rest: tuple[str, ...], scope: str) -> None:
    """`config PATH KEY`, as the replacement messages have it: an entry that is entered like a singleton."""
    if not rest:
        raise messages.incomplete()
    key = check_key(table, rest[0])
    if len(rest) > 1:
        raise messages.parse_error(rest[1])
    base = editor.cmdb.rows(scope, table.path).get(key)
    if editor.cmdb.restoring:  # a restore replaces what the entry held
        base = Entry()
        editor.commit([Put(scope, table.path, key, base)])
    if base is None:
        raise messages.parse_error(rest[0])
    if editor.guard is not None:
        editor.guard.opened(scope, table.path, key)
    working = Working(editor.cmdb, table, editor.scope, key, base)
    editor.frames.append(Frame("singleton", table, scope, key, None, working))


def edit(editor: Editor, command: c.Edit) -> Outcome:
    """Open or create an entry. Raises `CliError`."""
    if editor.frame is None:
        return vdoms.edit(editor, command.key)
    frame = editor.top
    key = check_key(frame.table, command.key)
    base = editor.rows(frame).get(key)
    if base is None and editor.permits is not None:
        editor.permits.check_change(frame.table.path)
    if base is None and frame.table.ranged and frame.scope != GLOBAL and frame.child is None:
        _check_not_global(editor, frame.table, key)
    if editor.guard is not None and frame.child is None:
        editor.guard.opened(frame.scope, frame.table.path, key)
    working = Working(editor.cmdb, frame.table, editor.scope, key, base, _around(editor))
    editor.frames.append(Frame("entry", frame.table, frame.scope, key, frame.child, working))
    return DONE if base is not None else Outcome((Text.NEW_ENTRY(key=key),))


def _check_not_global(editor: Editor, table: Table, key: str) -> None:
    """A VDOM cannot have a certificate under the name of one of the whole box."""
    if key in editor.cmdb.rows(GLOBAL, table.path):
        raise messages.failed(-5, Text.DUPLICATE(key=key))
