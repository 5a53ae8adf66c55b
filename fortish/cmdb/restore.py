"""A whole backup becomes a configuration: what this firmware does not know is skipped and told, as the box does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fortish import commands as c
from fortish import messages
from fortish.cmdb.editor import CONFIGURES, Editor
from fortish.cmdb.entries import GLOBAL, MULTI, ROOT, SINGLE, SYSTEM_GLOBAL, Entry, Put
from fortish.cmdb.schema import Level, Schema
from fortish.cmdb.store import Cmdb
from fortish.errors import CliError
from fortish.messages import Text
from fortish.parse import parse, script_lines

HEADER = "#config-version="
LONGEST = 60  # characters of a word in the error log


def is_backup(text: str) -> bool:
    """Whether a text is a whole backup: its header tells."""
    return text.startswith(HEADER)


@contextmanager
def restoring(cmdb: Cmdb, text: str) -> Iterator[None]:
    """While a whole backup is read, it replaces the tables that it has, and may name what it brings only later."""
    cmdb.restoring = is_backup(text)
    cmdb.emptied.clear()
    if cmdb.restoring and ":vdom=1:" in text.split("\n", 1)[0]:
        divide(cmdb)
    try:
        yield
    finally:
        cmdb.restoring = False


def divide(cmdb: Cmdb) -> None:
    """A backup of a box with VDOMs names them first, and says later that there are any."""
    entry = cmdb.entry(GLOBAL, SYSTEM_GLOBAL) or Entry()
    cmdb.commit([Put(GLOBAL, SYSTEM_GLOBAL, SINGLE, Entry({**entry.values, "vdom-mode": MULTI}))])


def read(like: Cmdb, text: str, *, keep_unknown: bool = False) -> tuple[Cmdb, list[str], bool]:
    """The configuration that a backup holds, on a box like that of `like`, which stays as it is.

    With it the lines that were not understood, as the error log has them, and whether the text came to its end.
    """
    level: Level = like.schema.level
    cmdb = Cmdb(Schema(level))
    cmdb.firmware_defaults.update(like.firmware_defaults)
    editor = Editor(cmdb)
    editor.keep_unknown = keep_unknown
    errors: list[str] = []
    skipped: list[str] = []  # what is open in a block that is skipped: config, edit
    with restoring(cmdb, text):
        for line in script_lines(text):
            try:
                command = parse(line.text)
            except CliError as error:
                errors += [] if skipped else [_told(editor, tuple(line.text.split()), error)]
                continue
            if command is None or (skipped and skips(skipped, command)):
                continue
            where = _where(editor)
            try:
                _obey(editor, command)
            except CliError as error:
                errors.append(_told(editor, _words(command), error, where))
                if isinstance(command, c.Config | c.Edit):
                    skipped = [_verb(command)]
    return cmdb, errors, not (editor.frames or editor.place or skipped)


def _obey(editor: Editor, command: c.Command) -> None:
    if type(command) not in CONFIGURES or _verb(command) not in editor.legal:
        raise messages.parse_error(_verb(command))
    editor.confirm(editor.apply(command))


def skips(skipped: list[str], command: c.Command) -> bool:
    """Whether a line belongs to a block that is skipped; the one that ends the block does, too."""
    match command:
        case c.Config() | c.Edit():
            skipped.append(_verb(command))
        case c.Next() if skipped[-1] == "edit":
            skipped.pop()
        case c.End():
            if skipped[-1] == "edit":
                skipped.pop()
            if not skipped:  # it ends the table, too, in which the entry stood
                return False
            skipped.pop()
    return True


# --- the error log --------------------------------------------------------------------------------------------------


def _verb(command: c.Command) -> str:
    return type(command).__name__.lower()


def _words(command: c.Command) -> tuple[str, ...]:
    words = [_verb(command)]
    for field in command:
        if isinstance(field, str):
            words.append(field)
        elif isinstance(field, tuple) and not isinstance(field, c.Grep):
            words.extend(field)
    return tuple(words)


def _told(editor: Editor, words: tuple[str, ...], error: CliError, where: str = "") -> str:
    """A line of the error log."""
    if any(line.startswith("value parse error") for line in error.lines):
        kind = Text.LOGGED_VALUE_ERROR()
    else:
        kind = Text.LOGGED_PARSE_ERROR() if error.code in (0, -61) else Text.LOGGED_FAILED()
    quoted = " ".join(f'"{_cut(word)}"' for word in words)
    return Text.CONFIG_ERROR(words=quoted, where=where or _where(editor), kind=kind, code=error.code or -61)


def _cut(word: str) -> str:
    """A word of the log: one line, not too long."""
    first = word.split("\n", 1)[0]
    return word if word == first and len(word) <= LONGEST else f"{first[:LONGEST]}..."


def _where(editor: Editor) -> str:
    """The scope, the path and the keys that are open, with points between."""
    if not editor.frames:
        return editor.place[-1] if editor.place else ROOT
    first, *inner = editor.frames
    keyed = [first.name] if first.kind == "singleton" and first.table.keyed else []
    return ".".join([first.scope, *first.table.path, *keyed, *(frame.name for frame in inner)])
