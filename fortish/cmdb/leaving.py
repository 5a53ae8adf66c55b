"""`next`, `end`, `abort`, `exit`: the way out, with what is in the working copy or without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fortish import commands as c
from fortish.cmdb import vdoms
from fortish.cmdb.entries import SETTINGS, SINGLE, SYSTEM_GLOBAL
from fortish.cmdb.frame import Frame
from fortish.cmdb.outcome import DONE, Outcome
from fortish.cmdb.working import next_number
from fortish.errors import CliError
from fortish.messages import Text

if TYPE_CHECKING:
    from fortish.cmdb.editor import Editor


def next_(editor: Editor, command: c.Next) -> Outcome:
    """Save the entry, back to its table. A refused entry is discarded. Raises `CliError`."""
    if not editor.frames:
        return vdoms.leave(editor, one_up=True)
    _save(editor, editor.frames.pop())
    return DONE


def end(editor: Editor, command: c.End) -> Outcome:
    """Save and leave the innermost `config`, with the entry open in it. What is refused is discarded.

    Raises `CliError`.
    """
    if not editor.frames:
        return vdoms.leave(editor, one_up=False)
    frame = editor.frames.pop()
    if frame.kind == "entry":
        editor.frames.pop()
    if frame.table.path == SYSTEM_GLOBAL and (question := vdoms.switched(editor, frame)) is not None:
        return question
    before = editor.cmdb.value(frame.scope, SETTINGS, SINGLE, "opmode") if frame.table.path == SETTINGS else ""
    _save(editor, frame)
    after = editor.cmdb.value(frame.scope, SETTINGS, SINGLE, "opmode") if before else ""
    return Outcome(("", Text.TO_TRANSPARENT())) if before != after == "transparent" else DONE


def abort(editor: Editor, command: c.Abort) -> Outcome:
    """Leave the innermost `config`; what `next` saved stays."""
    if editor.frames.pop().kind == "entry":
        editor.frames.pop()
    return DONE


def leave(editor: Editor, command: c.Exit) -> Outcome:
    """`exit` is for the root: always raises `CliError`."""
    raise CliError((Text.EXIT_INSIDE_CONFIG(),))


def _save(editor: Editor, frame: Frame) -> None:
    working = frame.working
    if working is None or (working.base is not None and not working.changed):
        return
    rows = editor.rows(frame)
    if frame.table.integer_keys and working.key == "0":
        working.key = next_number(rows)
    put = working.put_change(frame.scope, rows.get(working.key))
    if frame.child is None:
        editor.commit([put])
    else:
        frame.child.put(put.key, put.entry)
