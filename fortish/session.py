"""One administrator: where they stand, their prompt, and `feed(line)`, which turns a typed line into a flow.

The session takes physical lines; while a quote is open the prompt is `> `. It holds no console: what is asked of the
world leaves as steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fortish import commands as c
from fortish import grep, hooks, messages
from fortish.access import FACTORY, Access, access, confined_to
from fortish.box import Box
from fortish.cmdb import paths, vdoms
from fortish.cmdb.editor import CONFIGURES, Editor
from fortish.cmdb.entries import GLOBAL, ROOT, Change
from fortish.cmdb.legal import READS
from fortish.cmdb.store import Cmdb
from fortish.cmdb.unknown import words as as_text
from fortish.cmdb.vdoms import PLACES
from fortish.cmdb.workspace import Guard, Transaction
from fortish.debug import CLI, ConsoleDebug
from fortish.errors import CliError
from fortish.messages import Text
from fortish.parse import BLANK, LineJoiner, parse
from fortish.reader import Reader
from fortish.steps import Ask, Flow, Say, say

CONTINUED = "> "
ALIAS = ("system", "alias")
DEEPEST = 8  # aliases that call each other
MOST_CALLS = 100  # of aliases by one that was typed
NAME_WIDTH = 20  # characters of a key or a host name in the prompt; a longer one is cut to 16, ~ and its last 3


class Session:
    """An administrator at a box.

    `failure` is the error of the last line, None if it went well. `left` says how the session ended, once `alive` is
    False: exit, logout, reboot or shutdown.
    """

    def __init__(self, box: Box, administrator: str = "admin", vdom: str = ROOT) -> None:
        self.box = box
        self.log_in(administrator, vdom)

    def log_in(self, administrator: str, vdom: str = ROOT) -> None:
        """A fresh session of `administrator`, at the root prompt."""
        self.administrator = administrator
        self.editor = Editor(self.box.cmdb, vdom)
        self.editor.variables = self.box.variables(administrator)
        self.reader = Reader(self.box, self.editor, administrator)
        self.debug = ConsoleDebug(permits=self._sees)
        self.options: dict[str, Any] = {}
        self.batch = c.Batch()
        self.alive, self.left = True, ""
        self._logouts = self.box.logouts
        self.failure: CliError | None = None
        self.transaction: Transaction | None = None
        self._joiner = LineJoiner()
        self._depth = self._calls = 0
        home = confined_to(self.box.cmdb, administrator) if administrator != FACTORY else None
        if home is not None:
            self.editor.home, self.editor.confined = home, True

    def _sees(self, daemon: str, scope: str | None) -> bool:
        """Whether lines of a daemon are for this administrator: who cannot leave a VDOM sees none of another."""
        foreign = self.editor.confined and scope not in (None, self.editor.home)
        return not foreign and self.access.sees(daemon)

    def leave(self, how: str) -> None:
        """The session ends: exit, logout, reboot or shutdown. A transaction that is open waits for its end."""
        self.alive, self.left = False, how
        if self.transaction is not None:
            self.transaction.console = None

    def work_in(self, transaction: Transaction | None) -> None:
        """From now on configuration is that of a transaction; None: the running one. At the root prompt."""
        self.transaction = transaction
        self.editor.cmdb = self.box.cmdb if transaction is None else transaction.branch
        self.editor.frames = []

    def put(self, changes: list[Change]) -> None:
        """Make changes as this administrator. Raises `CliError`."""
        self.editor.commit(changes)

    def _guard(self) -> Guard:
        """What keeps transactions apart while there are any."""
        if self.transaction is not None:
            self.transaction.touch(self.box.clock.now())
        return Guard(tuple(self.box.transactions.values()), self.transaction)

    @property
    def access(self) -> Access:
        """What the administrator may do, as it is configured now."""
        return access(self.box.cmdb, self.administrator)

    @property
    def vdom(self) -> str:
        """The VDOM the administrator stands in."""
        return self.editor.vdom

    @property
    def scope(self) -> str:
        """Where certificates made or imported here are kept: `global`, or the VDOM on a box that has several."""
        return self.editor.scope if self.box.cmdb.multi else GLOBAL

    @property
    def cmdb(self) -> Cmdb:
        """The configuration that is seen and changed here: the running one, or that of a transaction."""
        return self.editor.cmdb

    @property
    def prompt(self) -> str:
        """The prompt, with its blank."""
        mark = "#" if self.access.unrestricted else "$"
        return CONTINUED if self._joiner.waiting else f"{_cut(self.box.hostname)} {self.place}{mark} "

    @property
    def logged_out(self) -> bool:
        """Whether the box was restarted, or divided, by somebody else."""
        return self._logouts != self.box.logouts

    @property
    def waiting(self) -> bool:
        """Whether a line is unfinished: a quote is open, or a backslash ended it."""
        return self._joiner.waiting

    @property
    def place(self) -> str:
        """Where the administrator stands, as the prompt shows it: `(local) `, or nothing at the root."""
        frame = self.editor.frame
        if frame is None and not self.editor.place:
            return ""
        name = self.editor.place[-1] if frame is None else frame.name
        return f"({_cut(name)}) "

    @property
    def at_root(self) -> bool:
        """Whether a whole line was taken and nothing is being configured."""
        return not self.editor.frames and not self._joiner.waiting

    @property
    def not_saved(self) -> str:
        """What has been changed and is not saved: entries, and the transaction that is open; '' if there is nothing."""
        frames = [f for f in self.editor.frames if f.working is not None and f.working.changed]
        names = [" ".join(filter(None, (*f.table.path, f.working.key if f.working else ""))) for f in frames]
        if self.transaction is not None and self.transaction.changes():
            names.append(Text.TRANSACTION_NAME(id=self.transaction.id))
        return ", ".join(names)

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
        if self.logged_out:
            yield Say(Text.LOGGED_OUT())
            self.leave("logout")
            return
        if self.transaction is not None and self.transaction.id not in self.box.transactions:
            self.work_in(None)  # its time is over
        try:
            if self.batch.lines is not None and self._gathered(whole.text):
                return
            command = parse(whole.text, self._legal)
            if command is not None:
                yield from self.obey(command)
        except CliError as error:
            self.failure = error
            yield Say(error.as_printed())

    @property
    def _legal(self) -> tuple[str, ...]:
        """The verbs that may be used here, by this administrator."""
        rights = self.access
        return self.editor.legal if rights.unrestricted else tuple(filter(rights.allows_verb, self.editor.legal))

    def _gathered(self, text: str) -> bool:
        """Whether a line is left for the end of the batch: every one but `execute batch` itself.

        What it means there is not known yet, so nothing is refused here.
        """
        assert self.batch.lines is not None
        try:
            command = parse(text, self.editor.legal)
            if command is None:
                return True
            if isinstance(command, c.Execute):
                from fortish import execute

                hook = hooks.find(execute.HOOKS, command.words, self.editor.place_kind)[0]
                if hook is not None and hook.path[0] == "batch":
                    return False
        except CliError:
            pass
        self.batch.lines.append(text.lstrip(BLANK))
        return True

    def enter(self, vdom: str) -> None:
        """Stand in a VDOM, on a box that has several. Raises `CliError` for one that is not the administrator's."""
        if self.editor.confined and vdom != self.editor.home:
            raise messages.failed(-37, Text.PERMISSION_DENIED())
        if self.box.cmdb.multi and not self.editor.confined:
            self.editor.place = (PLACES[1], vdom)

    def obey(self, command: c.Command) -> Flow:
        """Carry out one command. Raises `CliError`."""
        self.editor.guard = self._guard() if self.box.transactions else None
        self.editor.check_place()
        rights = self.access
        self.editor.permits = None if rights.unrestricted else rights
        leaves = isinstance(command, c.Exit) and self.at_root and not self.editor.place
        if type(command) in CONFIGURES and not leaves:
            yield from self._configure(command)
            return
        match command:
            case c.Exit():
                self.leave("exit")
            case c.Execute(words, piped):
                from fortish import execute

                yield from grep.piped(self._run("execute", execute.HOOKS, words), piped)
            case c.Diagnose(words, piped):
                from fortish import diagnose

                yield from grep.piped(self._run("diagnose", diagnose.HOOKS, words), piped)
            case c.Get(words, piped):
                yield from grep.piped(self._get(words), piped)
            case c.Show(full, words, piped):
                yield from grep.piped(self.reader.show(words, full), piped)
            case c.Tree(words, piped):
                yield from grep.piped(say(self.reader.tree(words)), piped)
            case c.Sudo(scope, words, piped):
                yield from grep.piped(self._sudo(scope, words), piped)
            case c.Alias(name):
                yield from self._alias(name)
            case _:
                raise messages.unknown_action()

    def _configure(self, command: c.Command) -> Flow:
        frame, generation = self.editor.frame, self.cmdb.generation
        outcome = self.editor.apply(command)
        if outcome.lines:
            yield Say("\n".join(outcome.lines))
        if outcome.question:
            if (yield Ask(outcome.question)) != "y":
                return
            outcome = self.editor.confirm(outcome)
            if outcome.lines:
                yield Say("\n".join(outcome.lines))
        if CLI in self.box.debug.levels and self.cmdb.generation != generation:
            from fortish.diagnose import commits

            yield from commits.trace(self.box, frame, command)
        if outcome.logout:
            self.box.logouts += 1
            self.leave("logout")

    def _run(self, verb: str, table: hooks.Table, words: c.Words) -> Flow:
        hook, rest, path = hooks.find(table, words, self.editor.place_kind)
        if hook is None:
            raise messages.parse_error(rest[0]) if rest else messages.incomplete()
        self.access.check_command(verb, path)
        if rest and hook.done and not hook.parameters and hooks.below(table, path):
            raise messages.parse_error(rest[0])
        yield from hook.run(self, hooks.arguments(hook, rest))

    def _sudo(self, scope: str, words: c.Words) -> Flow:
        """One command in another scope, without entering it."""
        with self.editor.elsewhere(vdoms.scope(self.cmdb, scope)):
            command = parse(as_text(words), tuple(filter(self.access.allows_verb, READS)))
            if command is not None:
                yield from self.obey(command)

    def _alias(self, name: str) -> Flow:
        """The commands that stand under a name of the administrator's own, at the root prompt."""
        entry = self.cmdb.entry(GLOBAL, ALIAS, name)
        self._calls = self._calls + 1 if self._depth else 0
        if entry is None or self._depth >= DEEPEST or self._calls > MOST_CALLS:
            raise messages.parse_error(name)
        self._depth += 1
        first = None
        try:
            for line in str(entry.values.get("command", "")).split("\n"):
                yield from self.feed(line)
                first = first or self.failure
        finally:
            self._depth -= 1
        self.failure = first

    def _get(self, words: c.Words) -> Flow:
        if self.editor.frames:
            yield from self.reader.get(words)
            return
        from fortish import get

        hook, rest, begun = hooks.find(get.HOOKS, words, self.editor.place_kind)
        if hook is not None and not self.shadowed(hook, words):
            self.access.check_command("get", begun)
            yield from hook.run(self, hooks.arguments(hook, rest))
            return
        if not words and self.editor.place_kind != "vdoms":
            raise messages.incomplete()
        try:
            yield from self.reader.get(words)
        except CliError as error:
            if hook is not None or error.word not in words[: len(begun)]:
                raise
            # The words begin a hook, and are no path.
            raise messages.parse_error(rest[0]) if rest else messages.incomplete() from None

    def shadowed(self, hook: hooks.Hook, words: c.Words) -> bool:
        """Whether a hook's words below a table mean the configuration: `d` is an entry, before it stands for `details`.

        So too where the table is not there for this administrator in this place.
        """
        path, last = hook.path[:-1], hook.path[-1]
        if self.editor.view.table(path) is None:
            return any(self.cmdb.schema.table(stored) is not None for stored in (path, ("vpn", *path)))
        typed = words[len(path)]
        return typed != last and typed in paths.named_from_root(self.editor, words[: len(path)])[1]

    @property
    def keeps_unknown(self) -> bool:
        """Whether what the schema does not know is kept as text."""
        return self.editor.keep_unknown

    def configuration(self, full: bool = False) -> Iterator[str]:
        """The whole configuration, as `show` prints it at the root and a backup holds it."""
        return self.reader.configuration(full)


def _cut(name: str) -> str:
    return name if len(name) <= NAME_WIDTH else f"{name[:16]}~{name[-3:]}"
