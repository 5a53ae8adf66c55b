"""What `diagnose debug cli 8` traces: each commit of an administrator, as the lines that would make it again.

An option that went back to its default is traced as `unset`, whatever was typed. VDOMs that come and go are not traced.
"""

from __future__ import annotations

from collections.abc import Iterator

from fortish import commands as c
from fortish.box import Box
from fortish.cmdb import render
from fortish.cmdb.frame import Frame
from fortish.cmdb.types import TYPES
from fortish.cmdb.working import Working
from fortish.debug import CLI
from fortish.messages import Text
from fortish.quoting import quote
from fortish.steps import Flow, Trace

COMMITS = 8  # the level from which on commits are traced


def trace(box: Box, frame: Frame | None, command: c.Command) -> Flow:
    """The lines of the commit that `command` made, standing in `frame`."""
    if frame is None or box.debug.cli(box.clock.now()) < COMMITS:
        return
    yield Trace(CLI, Text.CLI_COMMIT(line=f"config {' '.join(frame.table.shown)}"))
    for line in _changed(frame.working) if frame.working is not None else _at_once(frame, command):
        yield Trace(CLI, Text.CLI_COMMIT(line=line))
    yield Trace(CLI, Text.CLI_COMMIT(line="end"))


def _at_once(frame: Frame, command: c.Command) -> Iterator[str]:
    """A verb that acts on the table itself."""

    def shown(key: str) -> str:
        return render.shown_key(frame.table, key)

    match command:
        case c.Delete(key):
            yield f"delete {shown(key)}"
        case c.Rename(key, new):
            yield f"rename {shown(key)} to {shown(new)}"
        case c.Clone(key, new):
            yield f"clone {shown(key)} to {shown(new)}"
        case c.Move(key, after, anchor):
            yield f"move {shown(key)} {'after' if after else 'before'} {shown(anchor)}"
        case _:
            yield type(command).__name__.lower()


def _changed(working: Working) -> Iterator[str]:
    """What was touched in an entry or a singleton."""
    table = working.table
    if table.is_table and not table.keyed:
        yield f"edit {render.shown_key(table, working.key)}"
    for name, attribute in table.attributes.items():
        if name in working.touched:
            value = working.values.get(name)
            empty = value in render.EMPTY
            yield f"unset {name}" if empty else f"set {name} {TYPES[attribute.type].show(value)}"
        elif name in working.children:
            yield from _child(working, name)
    if table.is_table and not table.keyed:
        yield "next"


def _child(working: Working, name: str) -> Iterator[str]:
    """What was touched in a child table."""
    copy, table = working.children[name], working.table.children[name]
    if not copy.touched:
        return
    gone = [f"delete {quote(key)}" for key in sorted(copy.touched) if key not in copy.rows]
    rows = {key: row for key, row in copy.rows.items() if key in copy.touched}
    head, *body = render.show_table(working.cmdb, table, rows, full=False)
    yield from (head, *gone, *(line.strip() for line in body))
