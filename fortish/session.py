"""One administrator: where they stand, their prompt, and `feed(line)`, which turns a typed line into a flow.

The session takes physical lines; while a quote is open the prompt is `> `. It holds no console: what is asked of the
world leaves as steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from typing import Any

from fortish import commands as c
from fortish import diagnose, execute, get, grep, hooks, messages
from fortish.box import Box
from fortish.cmdb import render
from fortish.cmdb.editor import CONFIGURES, Editor, resolve_path
from fortish.cmdb.schema import Table
from fortish.cmdb.store import Rows
from fortish.cmdb.working import check_key
from fortish.debug import ConsoleDebug
from fortish.errors import CliError, FortishError
from fortish.messages import Text
from fortish.parse import LineJoiner, complete_word, parse
from fortish.steps import Ask, Flow, Say

CONTINUED = "> "
CHUNK = 500  # lines printed in one step
KEY_WIDTH = 20  # characters of a key in the prompt; a longer one is cut to 16, ~ and its last 3


class Session:
    """An administrator at a box. `failure` is the error of the last line, None if it went well."""

    def __init__(self, box: Box, administrator: str = "admin", vdom: str = "root") -> None:
        self.box, self.administrator, self.vdom = box, administrator, vdom
        self.editor = Editor(box.cmdb, vdom)
        self.debug = ConsoleDebug()
        self.options: dict[str, Any] = {}
        self.alive = True
        self.failure: CliError | None = None
        self._joiner = LineJoiner()

    @property
    def prompt(self) -> str:
        """The prompt, with its blank."""
        return CONTINUED if self._joiner.waiting else f"{self.box.hostname} {self.place}# "

    @property
    def waiting(self) -> bool:
        """Whether a line is unfinished: a quote is open, or a backslash ended it."""
        return self._joiner.waiting

    @property
    def place(self) -> str:
        """Where the administrator stands, as the prompt shows it: `(local) `, or nothing at the root."""
        frame = self.editor.frame
        if frame is None:
            return ""
        name = frame.name if len(frame.name) <= KEY_WIDTH else f"{frame.name[:16]}~{frame.name[-3:]}"
        return f"({name}) "

    @property
    def at_root(self) -> bool:
        """Whether a whole line was taken and nothing is being configured."""
        return not self.editor.frames and not self._joiner.waiting

    def drop_line(self) -> None:
        """Ctrl-C at the prompt: what was typed of an unfinished line is forgotten."""
        self._joiner = LineJoiner()

    # --- lines ---

    def feed(self, line: str) -> Flow:
        """One physical line in; the steps it causes out."""
        self.failure = None
        whole = self._joiner.feed(line)
        if whole is None:
            return
        try:
            command = parse(whole.text, self.editor.legal)
            if command is not None:
                yield from self.obey(command)
        except CliError as error:
            self.failure = error
            yield Say(error.as_printed())

    def obey(self, command: c.Command) -> Flow:
        """Carry out one command. Raises `CliError`."""
        if type(command) in CONFIGURES and not (isinstance(command, c.Exit) and self.at_root):
            yield from self._configure(command)
            return
        match command:
            case c.Exit():
                self.alive = False
            case c.Execute(words, piped):
                yield from _piped(self._run(execute.HOOKS, words), piped)
            case c.Diagnose(words, piped):
                yield from _piped(self._run(diagnose.HOOKS, words), piped)
            case c.Get(words, piped):
                yield from _piped(self._get(words), piped)
            case c.Show(full, words, piped):
                yield from _piped(_say(self._show(words, full)), piped)
            case c.Tree(words, piped):
                yield from _piped(_say(self._tree(words)), piped)
            case _:
                raise messages.unknown_action()

    def _configure(self, command: c.Command) -> Flow:
        outcome = self.editor.apply(command)
        if outcome.lines:
            yield Say("\n".join(outcome.lines))
        if outcome.question and (yield Ask(outcome.question)) == "y":
            self.editor.confirm(outcome)

    def _run(self, table: hooks.Table, words: c.Words) -> Flow:
        hook, rest, path = hooks.find(table, words)
        if hook is None:
            raise messages.parse_error(rest[0]) if rest else messages.incomplete()
        if rest and hooks.below(table, path) and not hook.parameters:
            raise messages.parse_error(rest[0])
        yield from hook.run(self, hooks.arguments(hook, rest))

    # --- reading ---

    def _get(self, words: c.Words) -> Flow:
        if not self.editor.frames:
            hook, rest, _ = hooks.find(get.HOOKS, words)
            if hook is not None:
                yield from hook.run(self, hooks.arguments(hook, rest))
                return
            if not words:
                raise messages.incomplete()
        table, rows, key = self._place(words)
        # `get` ends its listing with an empty line of its own.
        lines = render.get_table(self.box.cmdb, table, rows) if key is None else self._got(table, rows, key)
        yield from _say(chain(lines, [""]))

    def _got(self, table: Table, rows: Rows, key: str) -> Iterator[str]:
        return render.get_entry(self.box.cmdb, table, key, rows[key])

    def _show(self, words: c.Words, full: bool) -> Iterator[str]:
        if not words and not self.editor.frames:
            yield from self._whole(full)
            return
        table, rows, key = self._place(words)
        shown = rows if key is None else {key: rows[key]}
        yield from render.show_table(self.box.cmdb, table, shown, full)

    def configuration(self) -> Iterator[str]:
        """The whole configuration, as a backup holds it."""
        return self._whole(full=False)

    def _whole(self, full: bool) -> Iterator[str]:
        yield from backup_header(self.box, self.administrator)
        cmdb = self.box.cmdb
        for path in cmdb.schema.paths():
            table = cmdb.schema.table(path)
            assert table is not None
            yield from render.show_table(cmdb, table, cmdb.rows(cmdb.scope_of(table, self.vdom), path), full)
        for kept in cmdb.unknown.values():
            yield from kept.lines

    def _tree(self, words: c.Words) -> Iterator[str]:
        if not words and not self.editor.frames:
            for path in self.box.cmdb.schema.paths():
                table = self.box.cmdb.schema.table(path)
                assert table is not None
                yield from render.tree_table(table)
            return
        yield from render.tree_table(self._place(words)[0])

    def _place(self, words: c.Words) -> tuple[Table, Rows, str | None]:
        """The table that the words name, its rows as seen from here, and the key if one is named or open."""
        frame = self.editor.frame
        if frame is None:
            return self._absolute(words)
        if frame.kind == "table":
            rows = self.editor.rows(frame)
            return (frame.table, dict(rows), _known(frame.table, rows, words)) if words else (frame.table, rows, None)
        assert frame.working is not None
        if not words:
            return frame.table, {frame.working.key: frame.working.entry()}, frame.working.key
        found = complete_word(words[0], frame.table.children)
        if len(found) != 1:
            return self._absolute(words)
        child = frame.table.children[found[0]]
        rows = frame.working.child(found[0]).rows
        return child, dict(rows), _known(child, rows, words[1:]) if len(words) > 1 else None

    def _absolute(self, words: c.Words) -> tuple[Table, Rows, str | None]:
        table, rest = resolve_path(self.box.cmdb.schema, words)
        rows = dict(self.box.cmdb.rows(self.box.cmdb.scope_of(table, self.vdom), table.path))
        return table, rows, _known(table, rows, rest) if rest else None


def _known(table: Table, rows: Rows, words: c.Words) -> str:
    """The key that is named, if the table has it. Raises `CliError`."""
    if len(words) > 1 or not table.is_table:
        raise messages.parse_error(words[-1])
    key = check_key(table, words[0])
    if key not in rows:
        raise messages.failed(-3, Text.NOT_IN_TABLE())
    return key


def backup_header(box: Box, administrator: str) -> Iterator[str]:
    """The four lines at the head of a whole configuration."""
    firmware = box.firmware
    prefix, version = firmware.serial[:6], firmware.version.removeprefix("v")
    yield Text.CONFIG_VERSION(
        model=prefix, version=version, build=firmware.build, date=firmware.date, user=administrator
    )
    yield Text.CONF_FILE_VERSION(number=box.cmdb.generation + 1)
    yield Text.BUILD_NUMBER(build=firmware.build)
    yield Text.GLOBAL_VDOM()


def _say(lines: Iterable[str]) -> Flow:
    """Print lines, some hundred at a time."""
    rows = iter(lines)
    while block := list(islice(rows, CHUNK)):
        yield Say("\n".join(block), paged=True)


def _piped(flow: Flow, piped: c.Grep | None) -> Flow:
    """A flow whose printed text goes through grep first; its other steps pass."""
    if piped is None:
        yield from flow
        return
    kept: list[str] = []
    resume: Callable[[], Any] = lambda: next(flow)  # noqa: E731
    while True:
        try:
            step = resume()
        except StopIteration:
            break
        except CliError:
            yield from _say(grep.select(kept, piped))
            raise
        resume = partial(flow.send, None)
        if isinstance(step, Say):
            kept += step.text.split("\n")
            continue
        try:
            resume = partial(flow.send, (yield step))
        except FortishError as error:  # a lost link, Ctrl-C: the flow's own business
            resume = partial(flow.throw, error)
    yield from _say(grep.select(kept, piped))
