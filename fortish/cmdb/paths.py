"""The table that typed words name, and the entry in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortish import messages
from fortish.cmdb.entries import GLOBAL, Rows
from fortish.cmdb.schema import View
from fortish.cmdb.table import PathWords, Table
from fortish.cmdb.working import check_key
from fortish.commands import Words
from fortish.messages import Text
from fortish.parse import complete_word

if TYPE_CHECKING:
    from fortish.cmdb.editor import Editor

Named = tuple[Table, Rows, str | None]  # a table, its rows as they are seen, and the key if one is named or open


def resolve_path(view: View, typed: tuple[str, ...]) -> tuple[Table, tuple[str, ...]]:
    """The table that the words name, each word a unique prefix, and the words left over. Raises `CliError`."""
    path: PathWords = ()
    for place, word in enumerate(typed):
        found = complete_word(word, view.words(path))
        if len(found) != 1:
            raise messages.ambiguous(word) if found else messages.parse_error(word)
        path = (*path, found[0])
        table = view.table(path)
        if table is not None and not _continues(view, path, typed[place + 1 :]):
            return table, typed[place + 1 :]
    raise messages.incomplete()


def _continues(view: View, path: PathWords, rest: tuple[str, ...]) -> bool:
    """Whether a longer path starts with this one and the next word."""
    return bool(rest) and bool(complete_word(rest[0], view.words(path)))


def named(editor: Editor, words: Words) -> Named:
    """The table that the words name, its rows as seen from here, and the key if one is named or open.

    Raises `CliError`.
    """
    frame = editor.frame
    if frame is None:
        return named_from_root(editor, words)
    if frame.kind == "table":
        rows = editor.rows(frame)
        return (frame.table, dict(rows), _known(frame.table, rows, words)) if words else (frame.table, rows, None)
    assert frame.working is not None
    if not words:
        return frame.table, {frame.working.key: frame.working.entry()}, frame.working.key
    found = complete_word(words[0], frame.table.children)
    if len(found) != 1:
        return named_from_root(editor, words)
    child = frame.table.children[found[0]]
    rows = frame.working.child(found[0]).rows
    return child, dict(rows), _known(child, rows, words[1:]) if len(words) > 1 else None


def named_from_root(editor: Editor, words: Words) -> Named:
    """The same for words that begin at the root, wherever one stands. Raises `CliError`."""
    table, rest = resolve_path(editor.view, words)
    cmdb = editor.cmdb
    scope = cmdb.scope_of(table, editor.scope)
    rows = dict(cmdb.rows(scope, table.path))
    if table.ranged and rest and scope != GLOBAL:  # in a VDOM the certificates of the whole box are known too
        rows = {**cmdb.rows(GLOBAL, table.path), **rows}
    return table, rows, _known(table, rows, rest) if rest else None


def _known(table: Table, rows: Rows, words: Words) -> str:
    """The key that is named, if the table has it. Raises `CliError`."""
    if len(words) > 1 or not table.is_table:
        raise messages.parse_error(words[-1])
    key = check_key(table, words[0])
    if key not in rows:
        raise messages.failed(-3, Text.NOT_IN_TABLE())
    return key
