"""What the schema does not know is kept as text, where an editor is told to (`fortish replay --keep-unknown`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortish import commands as c
from fortish.cmdb.entries import BLOCK, GLOBAL, UNKNOWN, Entry, Put
from fortish.cmdb.paths import resolve_path
from fortish.cmdb.table import PathWords
from fortish.cmdb.unknown import Block, text
from fortish.errors import CliError

if TYPE_CHECKING:
    from fortish.cmdb.editor import Editor


def keep_unknown(editor: Editor, command: c.Command) -> bool:
    """Keep a block or an attribute whose name is not known; whether it was one. Raises `CliError`."""
    match command:
        case c.Config(path):
            working = editor.frame.working if editor.frame else None
            known = working.table.attributes if working else {}
            if path[0] in known or (working is None and _resolves(editor, path)):
                return False
            editor.block = Block(text(command))
            return True
        case c.Set(name, values) if name not in (working := editor.working).table.attributes:
            working.put(name, values)
            return True
        case c.Unset(name):
            return name not in editor.working.table.attributes
    return False


def _resolves(editor: Editor, path: PathWords) -> bool:
    try:
        return bool(resolve_path(editor.view, path))
    except CliError:
        return False


def take(editor: Editor, command: c.Command) -> None:
    """One more command inside an unknown block, which is stored when it ends. Raises `CliError`."""
    block = editor.block
    assert block is not None
    if not block.take(command):
        return
    editor.block = None
    if editor.frame is None:
        editor.commit([Put(GLOBAL, UNKNOWN, block.head, Entry({BLOCK: block.kept()}))])
    else:
        editor.working.put(block.head, block.kept())
