"""What an administrator reads of the configuration: `show`, `get` and `tree`, and the whole of it for a backup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from fortish import factory
from fortish.access import access
from fortish.box import Box
from fortish.cmdb import paths, render
from fortish.cmdb.editor import Editor
from fortish.cmdb.entries import BLOCK, GLOBAL, UNKNOWN
from fortish.cmdb.schema import View
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import Table
from fortish.commands import Words
from fortish.messages import Text
from fortish.steps import Flow, say

WITH_CERTIFICATES = frozenset({"global", "multi", "root"})  # places whose configuration holds the factory's


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads for one administrator, from where `editor` stands, what their rights let them see."""

    box: Box
    editor: Editor
    administrator: str

    @property
    def _cmdb(self) -> Cmdb:
        """The running configuration, or that of a transaction."""
        return self.editor.cmdb

    def get(self, words: Words) -> Flow:
        """`get` of what is configured, without words in the list of VDOMs: their names. Raises `CliError`."""
        cmdb = self._cmdb
        if not words and not self.editor.frames:
            listed = (line for name in cmdb.vdoms() for line in (f"== [ {name} ]", f"name: {name}   "))
            yield from say(chain(listed, [""]))
            return
        table, rows, key = paths.named(self.editor, words)
        if key is not None:
            yield from self._read(table, (key,))
            table, rows, key = paths.named(self.editor, words)
        lines = render.get_table(cmdb, table, rows) if key is None else render.get_entry(cmdb, table, key, rows[key])
        yield from say(chain(lines, [""]))  # `get` ends its listing with an empty line of its own

    def show(self, words: Words, full: bool) -> Flow:
        """`show`, or `show full-configuration`. Raises `CliError`."""
        if not words and not self.editor.frames:
            yield from self.box.ready(factory.STORED if self.editor.place_kind in WITH_CERTIFICATES else ())
            yield from say(self._whole(full))
            return
        table, rows, key = paths.named(self.editor, words)
        yield from self._read(table, render.stored(table, rows) if key is None else (key,))
        table, rows, key = paths.named(self.editor, words)
        shown = render.stored(table, rows) if key is None else {key: rows[key]}
        yield from say(render.show_table(self._cmdb, table, shown, full))

    def _read(self, table: Table, keys: Iterable[str]) -> Flow:
        """Entries are about to be read: what is made when it is first read is made, in an open working copy too."""
        if not table.permanent:
            return
        yield from self.box.ready(keys)
        frame = self.editor.frame
        if frame is not None and frame.working is not None and frame.table.path == table.path:
            current = self._cmdb.entry(frame.scope, table.path, frame.working.key)
            if current is not None:
                frame.working.refresh(current)

    def configuration(self, full: bool = False) -> Iterator[str]:
        """The whole configuration, as `show` prints it at the root and a backup holds it."""
        editor = self.editor
        place, frames, cmdb = editor.place, editor.frames, editor.cmdb
        editor.place, editor.frames, editor.cmdb = (), [], self.box.cmdb
        try:
            self.box.make_ready(factory.STORED)
            yield from list(self._whole(full))
        finally:
            editor.place, editor.frames, editor.cmdb = place, frames, cmdb

    def _whole(self, full: bool) -> Iterator[str]:
        """All that can be named here; at the root of a divided box every scope in turn."""
        kind = self.editor.place_kind
        if kind in ("root", "multi"):
            yield from _header(self.box, self.administrator)
        if kind == "multi":
            yield from self._vdom_list()
            yield "config global"
            yield from self._tables(self._view("global"), GLOBAL, full)
            yield "end"
            for name in self._cmdb.vdoms():
                yield from ("config vdom", f"edit {name}")
                yield from self._tables(self._view("vdom"), name, full)
                yield "end"
        elif kind == "vdoms":
            yield from self._vdom_list()
        else:
            yield from self._tables(self.editor.view, self.editor.scope, full)
        if kind in ("root", "multi"):
            for entry in list(self._cmdb.rows(GLOBAL, UNKNOWN).values()):
                yield from entry.values[BLOCK].lines

    def _view(self, kind: str) -> View:
        """The tables of a place of that kind."""
        rights = access(self.box.cmdb, self.administrator)
        schema = self._cmdb.schema
        return schema.view(kind) if rights.unrestricted else View(schema, kind, rights.hides)

    def _vdom_list(self) -> Iterator[str]:
        yield "config vdom"
        for name in self._cmdb.vdoms():
            yield from (f"edit {name}", "next")
        yield "end"

    def _tables(self, view: View, place: str, full: bool) -> Iterator[str]:
        cmdb = self._cmdb
        for path in view.paths():
            table = view.table(path)
            assert table is not None
            rows = render.stored(table, cmdb.rows(cmdb.scope_of(table, place), table.path))
            yield from render.show_table(cmdb, table, rows, full)

    def tree(self, words: Words) -> Iterator[str]:
        """`tree`: the lines. Raises `CliError`."""
        if not words and not self.editor.frames:
            view = self.editor.view
            for path in view.paths():
                table = view.table(path)
                assert table is not None
                yield from render.tree_table(table)
            return
        yield from render.tree_table(paths.named(self.editor, words)[0])


def _header(box: Box, administrator: str) -> Iterator[str]:
    """The four lines at the head of a whole configuration."""
    firmware = box.firmware
    prefix, version = firmware.serial[:6], firmware.version.removeprefix("v")
    yield Text.CONFIG_VERSION(
        model=prefix,
        version=version,
        build=firmware.build,
        date=firmware.date,
        vdom=int(box.cmdb.multi),
        user=administrator,
    )
    yield Text.CONF_FILE_VERSION(number=box.cmdb.generation + 1)
    yield Text.BUILD_NUMBER(build=firmware.build)
    yield Text.GLOBAL_VDOM()
