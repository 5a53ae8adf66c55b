"""The local interactive appliance: a session at a terminal, on prompt_toolkit.

prompt_toolkit edits the line. While a command runs the keyboard is read here: Ctrl-C interrupts, a page or a question
takes keys, all else waits for the next prompt, so that nothing typed or pasted ahead is lost.
"""

from __future__ import annotations

import asyncio
import math
import sys
from collections import deque
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.application import in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.utils import get_cwidth

from fortish import completion
from fortish.box import SYSTEM_GLOBAL
from fortish.cmdb.entries import GLOBAL, SINGLE
from fortish.commands import DebugSwitch
from fortish.console import Pager, answer
from fortish.drive import Driving, Runtime
from fortish.history import as_text
from fortish.history import history as kept
from fortish.keyboard import Keyboard
from fortish.messages import Text
from fortish.parse import open_quote
from fortish.session import Session
from fortish.steps import Flow, Kind

MINUTE = 60.0  # seconds
GOES_ON = frozenset({"logout", "reboot"})  # ways to leave after which the terminal asks for a login


class _TimedOut(Exception):
    """Nobody has touched a key at the prompt for too long."""


class _LoggedOut(Exception):
    """The box has logged everybody out."""


class Watcher(Protocol):
    """Who looks over an administrator's shoulder: a lab. It speaks only in lines below the prompt."""

    def typed(self, prompt: str, line: str) -> None:
        """A line was typed."""

    def printed(self, text: str, debug: bool) -> None:
        """Lines were printed; `debug`: by a daemon."""

    def obeyed(self) -> None:
        """A line is done."""

    def status(self, columns: int) -> str:
        """What stands below the prompt now, in one line or several."""

    def closing(self) -> bool:
        """Whether the prompt must end, since somebody else has asked for it."""


async def interact(
    runtime: Runtime,
    session: Session,
    *,
    history: Path | None = None,
    input: Input | None = None,
    output: Output | None = None,
    assist: bool = False,
    minute: float = MINUTE,
    watcher: Watcher | None = None,
    logins: bool = False,
) -> int:
    """Let somebody type at `session` until they leave; returns the exit status.

    `history` is the file of typed lines (in memory without one). Without `input` and `output` it is the terminal.
    `assist` adds what helps a learner; `minute` is how many seconds a minute of the idle time lasts;
    `watcher` is told what happens. With `logins`, `exit` logs out and the terminal asks for the next login.
    """
    paged = output is not None or sys.stdout.isatty()
    shell = _Shell(
        runtime, session, kept(history), input or create_input(), output or _terminal(), paged, assist, minute, watcher
    )
    shell.goes_on |= {"exit"} if logins else set()
    runtime.consoles.append(shell)
    work = asyncio.create_task(runtime.work())
    try:
        await shell.run()
    finally:
        await _stopped(work)
        runtime.consoles.remove(shell)
        if session.not_saved:
            print(Text.NOT_SAVED(places=session.not_saved), file=sys.stderr)
    return 0


async def _stopped(work: asyncio.Task[None]) -> None:
    """Cancel background work, and hear of it if it broke.

    More than once: on Python 3.11 `wait_for` forgets a cancellation that meets the event it waits for.
    """
    while not work.done():
        work.cancel()
        await asyncio.wait([work], timeout=0.05)
    if not work.cancelled():
        work.result()


def _terminal() -> Output:
    """The terminal's output, which is never asked for its cursor's position.

    The answer would come among the keys that are typed ahead, and a terminal that gives none is warned about.
    """
    output = create_output()
    if isinstance(output, Vt100_Output):
        output.enable_cpr = False
    return output


def _reported(flow: Flow) -> Flow:
    """The flow, whose result is told from a flow that never came to its end."""
    return ((yield from flow),)


def _put(buffer: Buffer, typed: str) -> None:
    """Let `typed` stand left of the cursor; what is right of it stays."""
    if typed != buffer.document.text_before_cursor:
        buffer.delete_before_cursor(buffer.cursor_position)
        buffer.insert_text(typed)


class _Shell:
    """One administrator's terminal; a `fortish.drive.Console`."""

    def __init__(
        self, runtime: Runtime, session: Session, history: History, input_: Input, output: Output, paged: bool,
        assist: bool, minute: float, watcher: Watcher | None,
    ) -> None:  # fmt: skip
        self.goes_on = GOES_ON
        self._runtime, self._session, self._paged = runtime, session, paged
        self._input, self._output, self._history = input_, output, history
        self._kept, self._first = history, session.administrator
        self._stopped = False  # Ctrl-C was pressed while the last line ran
        self._keyboard = Keyboard(input_, self._interrupt)
        self._pager = Pager(self._write, self._keyboard.key, self._size)
        self._assist, self._watcher = assist, watcher
        self._prompt = self._line_editor()
        self._minute, self._touched = minute, 0.0  # when a key was last pressed at the prompt
        self._prompt.app.key_processor.before_key_press += self._touch
        self._driving: Driving | None = None
        self._held: list[str] = []  # physical lines of an unfinished one
        self._pasted: deque[str] = deque()  # lines of a paste that wait for their turn; the last one has no end
        self._traces: list[str] = []
        self._cycle: tuple[str, list[str], int, str] = ("", [], 0, "")

    def _line_editor(self) -> PromptSession[str]:
        build = partial(
            PromptSession[str], history=self._history, input=self._input, output=self._output, enable_suspend=False
        )
        if not self._assist and self._watcher is None:
            return build(key_bindings=self._bindings())
        from fortish import assist as learner

        if not self._assist:
            prompt = build(key_bindings=self._bindings(), style=learner.PLAIN, refresh_interval=1.0)
            self._below(prompt)
            return prompt
        keys = merge_key_bindings([self._bindings(), learner.bindings()])
        prompt = build(key_bindings=keys, **learner.options(self._session, self._before))
        learner.furnish(prompt, self._session, self._size)
        if self._watcher is not None:
            self._below(prompt)
        return prompt

    def _below(self, prompt: PromptSession[str]) -> None:
        """Let the watcher's lines stand below everything."""
        from fortish import assist as learner

        assert self._watcher is not None
        learner.stand_below(prompt, self._watcher.status, self._size)

    # --- the loop ---

    async def run(self) -> None:
        """Serve one administrator after the other, until somebody leaves."""
        with self._input.raw_mode():  # between two lines as well: Ctrl-C is always a key
            if await self._greeted():
                await self._serve_all()

    async def _serve_all(self) -> None:
        while await self._serve():
            from fortish.login import login

            self._drop_lines()
            self._session.debug.enabled = False  # a console without an administrator prints no debug lines
            name = await self._finished(login(self._runtime.box))
            if not name:
                return
            self._session.log_in(str(name[0]))
            self._remember(str(name[0]))
            if self._watcher is not None:
                self._watcher.obeyed()

    def _remember(self, name: str) -> None:
        """Up leads to lines of this administrator only: those that are kept are of who sat here first."""
        self._history = self._kept if name == self._first else InMemoryHistory()
        self._prompt.history = self._prompt.default_buffer.history = self._history

    async def _greeted(self) -> bool:
        """Show the banners that are enabled; whether they were accepted."""
        if not self._runtime.box.cmdb.touched(GLOBAL, SYSTEM_GLOBAL):  # as from the factory: no schema is read for it
            return True
        from fortish.login import banners

        return bool(await self._finished(banners(self._runtime.box)))

    async def _serve(self) -> bool:
        """Read and obey until the administrator leaves; whether the next one may log in."""
        while self._session.alive:
            try:
                line = await self._line()
            except KeyboardInterrupt:
                self._drop_lines()
                self._write("\n")
                continue
            except EOFError:
                return False
            except _TimedOut:
                self._write_behind_prompt(f"{Text.TIMEOUT()}\n\n")
                return True
            except _LoggedOut:
                self._drop_lines()
                self._write(f"{Text.LOGGED_OUT()}\n\n")
                return True
            await self._obey(line)
            if not self._session.waiting and self._session.left in ("", *self.goes_on):
                self._write("\n")
        return self._session.left in self.goes_on

    def _write_behind_prompt(self, text: str) -> None:
        """Print on the line of the prompt that has just ended, as the box does."""
        if not self._assist and self._watcher is None:
            columns = self._size()[1]
            self._output.cursor_up(1)
            self._output.cursor_forward(get_cwidth(self._session.prompt + self._prompt.default_buffer.text) % columns)
        self._write(text)

    def _drop_lines(self) -> None:
        """What was typed of an unfinished line, and pasted behind it, is forgotten."""
        self._pasted.clear()
        self._held.clear()
        self._session.drop_line()

    async def _line(self) -> str:
        """The next physical line: of a paste, or typed. Raises `_TimedOut`."""
        start = ""
        if not self._pasted and (ahead := self._keyboard.lines_ahead()):
            self._pasted.extend([*ahead, ""])
        if len(self._pasted) > 1:
            line = self._pasted.popleft()
            self._write(f"{self._session.prompt}{line}\n")
            if line.strip():
                self._history.append_string(line)
            return line
        if self._pasted:
            start = self._pasted.pop()
        beside = [asyncio.create_task(each()) for each in (self._idle, self._watched, self._logged_out)]
        try:
            return as_text(await self._prompt.prompt_async(self._session.prompt, default=start))
        finally:
            for task in beside:
                task.cancel()

    async def _obey(self, line: str) -> None:
        self._held.append(line)
        self._stopped = False
        if self._watcher is not None:
            self._watcher.typed(self._session.prompt, line)
        await self._finished(self._session.feed(line))
        if self._watcher is not None:
            self._watcher.obeyed()
        if self._stopped and self._session.waiting:  # Ctrl-C behind an unfinished line
            self._drop_lines()
        if not self._session.waiting:
            self._held.clear()

    async def _finished(self, flow: Flow) -> tuple[Any, ...]:
        """Drive a flow here to its end: what it returns, or () if Ctrl-C ended it."""
        self._pager.restart()
        self._driving = Driving(_reported(flow), self._runtime, self)
        try:
            with self._keyboard.reading():
                self._flush_traces()
                return tuple(await self._driving.run() or ())
        finally:
            self._driving = None

    # --- idle time ---

    def _touch(self, _: object = None) -> None:
        self._touched = asyncio.get_running_loop().time()

    async def _idle(self) -> None:
        """End the prompt when no key was pressed for as long as the box allows."""
        self._touch()
        await asyncio.sleep(self._minute / 60)  # the first prompt need not wait for the schema
        while (left := self._touched + self._patience() - asyncio.get_running_loop().time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, self._minute))
        if self._prompt.app.is_running and not self._prompt.app.is_done:
            self._prompt.app.exit(exception=_TimedOut)

    async def _logged_out(self) -> None:
        """End the prompt when the box boots meanwhile, or is divided."""
        while not self._session.logged_out:  # noqa: ASYNC110 - the sign is a number
            await asyncio.sleep(0.5)
        if self._prompt.app.is_running and not self._prompt.app.is_done:
            self._prompt.app.exit(exception=_LoggedOut)

    async def _watched(self) -> None:
        """End the prompt when whoever looks on says so."""
        while self._watcher is not None and not self._watcher.closing():  # noqa: ASYNC110 - the sign is a file
            await asyncio.sleep(0.5)
        if self._watcher is not None and self._prompt.app.is_running and not self._prompt.app.is_done:
            self._prompt.app.exit(exception=EOFError)

    def _patience(self) -> float:
        """For how many seconds a prompt may be left alone."""
        value = partial(self._runtime.box.cmdb.value, GLOBAL, SYSTEM_GLOBAL, SINGLE)
        seconds = float(value("admin-console-timeout") or 0)
        return seconds * self._minute / 60 if seconds else float(value("admintimeout")) * self._minute

    # --- the console ---

    @property
    def debug(self) -> DebugSwitch:
        """Its debug switch."""
        return self._session.debug

    async def say(self, text: str, paged: bool) -> bool:
        """Print, a page at a time if it is asked for and the box is set so."""
        await asyncio.sleep(0)  # a key may be waiting: Ctrl-C
        self._tell(text)
        if paged and self._pages():
            return await self._pager.show(text)
        self._write(f"{text}\n")
        return True

    async def ask(self, question: str, kind: Kind) -> str:
        """Ask and wait for the answer; whoever looks on is told both, but no secret."""
        given = await self._answered(question, kind)
        self._tell(question if kind is Kind.SECRET else f"{question}{given}")
        return given

    async def _answered(self, question: str, kind: Kind) -> str:
        """While a paste runs, its next line is an answer only if it is exactly y or n."""
        if kind is Kind.YES_NO and len(self._pasted) > 1:
            given = self._pasted.popleft() if self._pasted[0] in ("y", "n") else "n"
            self._write(f"{question}{given}\n")
            return given
        return await answer(question, kind, self._write, self._keyboard.key)

    def trace(self, line: str) -> None:
        """Print a debug line; above the prompt if somebody is typing."""
        self._tell(line, debug=True)
        if not self._prompt.app.is_running or self._driving is not None:
            self._write(f"{line}\n")
            return
        self._traces.append(line)
        if len(self._traces) == 1:
            self._prompt.app.create_background_task(self._aside(self._trace_above()))

    def _tell(self, text: str, *, debug: bool = False) -> None:
        if self._watcher is not None:
            self._watcher.printed(text, debug)

    async def _trace_above(self) -> None:
        async with in_terminal():
            self._flush_traces()

    def _flush_traces(self) -> None:
        lines, self._traces = self._traces, []
        for line in lines:
            self._write(f"{line}\n")

    def _write(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()

    def _size(self) -> tuple[int, int]:
        size = self._output.get_size()
        return size.rows, size.columns

    def _pages(self) -> bool:
        console = ("system", "console")
        return self._paged and self._runtime.box.cmdb.value(GLOBAL, console, SINGLE, "output") == "more"

    def _interrupt(self) -> None:
        """Ctrl-C while a command runs: what was typed and pasted ahead goes too."""
        self._write(f"{Text.INTERRUPTED()}\n")
        self._stopped = True
        self._pasted.clear()
        self._keyboard.forget()
        if self._driving is not None:
            self._driving.interrupt()

    # --- keys while a line is edited ---

    def _before(self, text: str) -> str:
        """All of the unfinished line left of the cursor."""
        return "\n".join([*self._held, text])

    def _bindings(self) -> KeyBindings:
        keys = KeyBindings()
        for key, action in (
            ("?", self._question_mark),
            (Keys.Tab, self._tab),
            (Keys.BackTab, self._tab_back),
            (Keys.BracketedPaste, self._paste),
        ):
            keys.add(key)(action)

        @keys.add(Keys.ControlV, Keys.Any)
        def literally(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text(event.key_sequence[-1].data)

        return keys

    def _question_mark(self, event: KeyPressEvent) -> None:
        if open_quote(self._before(event.current_buffer.document.text_before_cursor)) is not None:
            event.current_buffer.insert_text("?")
            return
        event.app.create_background_task(self._aside(self._help(event.current_buffer)))

    async def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the editing of a line; what breaks there ends the prompt, not only the task."""
        try:
            await work
        except Exception as error:
            if not self._prompt.app.is_running or self._prompt.app.is_done:
                raise
            self._prompt.app.exit(exception=error)

    async def _help(self, buffer: Buffer) -> None:
        """The list for the text before the cursor, then the prompt with the line; a word that is clear is completed."""
        line, typed = buffer.text, buffer.document.text_before_cursor
        help_ = completion.candidates(self._session, self._before(typed), pipes=self._assist)
        lines = completion.layout(help_)
        self._touched = math.inf  # whoever reads a page is not idle
        furnished = self._assist or self._watcher is not None
        async with in_terminal(render_cli_done=not furnished):
            if furnished:  # the line stays above the list, what stands below it does not
                self._write(f"{self._session.prompt}{line}\n")
            self._pager.restart()
            with self._keyboard.reading():
                if lines:
                    await self.say("\n".join(lines), paged=True)
            if help_.error is None:
                self._write("\n")
                _put(buffer, completion.completed(help_, typed))
        self._touch()

    def _tab(self, event: KeyPressEvent) -> None:
        self._turn(event, 1)

    def _tab_back(self, event: KeyPressEvent) -> None:
        self._turn(event, -1)

    def _turn(self, event: KeyPressEvent, by: int) -> None:
        """Put the next match in place of the unfinished word; no list."""
        buffer = event.current_buffer
        typed = buffer.document.text_before_cursor
        stem, words, at, shown = self._cycle
        help_: completion.Help | None = None
        if not words or typed != shown:
            help_ = completion.candidates(self._session, self._before(typed), pipes=self._assist)
            stem, words = completion.replacements(help_, typed)
            at = words.index(typed[len(stem) :]) if typed[len(stem) :] in words else -1 if by > 0 else 0
        if not words:
            if help_ is not None and help_.error is not None:  # the box says where the line goes wrong, as for `?`
                event.app.create_background_task(self._aside(self._help(buffer)))
            return
        at = (at + by) % len(words)
        shown = stem + words[at]
        _put(buffer, shown)
        self._cycle = (stem, words, at, shown)
        if len(words) == 1:
            buffer.insert_text(" ")
            self._cycle = ("", [], 0, "")

    def _paste(self, event: KeyPressEvent) -> None:
        """A paste of many lines: the first ends the line being edited, the others have their turn one by one."""
        first, *others = as_text(event.data).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        buffer = event.current_buffer
        if not others:
            buffer.insert_text(first)
            return
        behind = buffer.document.text_after_cursor
        buffer.delete(len(behind))
        buffer.insert_text(first)
        self._pasted.extendleft(reversed([*others[:-1], others[-1] + behind]))
        buffer.validate_and_handle()
