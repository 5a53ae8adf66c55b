"""The local interactive appliance: a session at a terminal, on prompt_toolkit.

prompt_toolkit edits the line, with the keys of `fortish.linekeys`; what runs meanwhile prints and asks through
`fortish.terminal`, and `fortish.patience` ends a prompt that nobody finishes.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding import merge_key_bindings
from prompt_toolkit.output import Output
from prompt_toolkit.utils import get_cwidth

from fortish.cmdb.entries import GLOBAL, SYSTEM_GLOBAL
from fortish.drive import Runtime
from fortish.history import as_text
from fortish.history import history as kept
from fortish.linekeys import LineKeys, put
from fortish.messages import Text
from fortish.patience import MINUTE, LoggedOut, Patience, TimedOut
from fortish.session import Session
from fortish.terminal import Terminal, Watcher, terminal_output

GOES_ON = frozenset({"logout", "reboot"})  # ways to leave after which the terminal asks for a login


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
        runtime, session, kept(history), input or create_input(), output or terminal_output(), paged, assist, minute,
        watcher,
    )  # fmt: skip
    shell.goes_on |= {"exit"} if logins else set()
    runtime.consoles.append(shell.terminal)
    work = asyncio.create_task(runtime.work())
    try:
        await shell.run()
    finally:
        await _stopped(work)
        runtime.consoles.remove(shell.terminal)
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


class _Shell:
    """Reads lines at a terminal, and has them obeyed, for one administrator after the other."""

    def __init__(
        self, runtime: Runtime, session: Session, history: History, input_: Input, output: Output, paged: bool,
        assist: bool, minute: float, watcher: Watcher | None,
    ) -> None:  # fmt: skip
        self.goes_on = GOES_ON
        self.terminal = Terminal(runtime, session, input_, output, paged, watcher)
        self._runtime, self._session = runtime, session
        self._input, self._output, self._history = input_, output, history
        self._kept, self._first = history, session.administrator
        self._assist, self._watcher = assist, watcher
        self._held: list[str] = []  # physical lines of an unfinished one
        self._keys = LineKeys(session, self._before, self._ask_help, self.terminal.pasted, assist)
        self._prompt = self._line_editor()
        self.terminal.app = self._prompt.app
        self._patience = Patience(self._prompt.app, session, minute, watcher.closing if watcher is not None else None)

    def _line_editor(self) -> PromptSession[str]:
        build = partial(
            PromptSession[str], history=self._history, input=self._input, output=self._output, enable_suspend=False
        )
        if not self._assist and self._watcher is None:
            return build(key_bindings=self._keys.bindings())
        from fortish import assist as learner

        if not self._assist:
            prompt = build(key_bindings=self._keys.bindings(), style=learner.PLAIN, refresh_interval=1.0)
            self._below(prompt)
            return prompt
        keys = merge_key_bindings([self._keys.bindings(), learner.bindings()])
        prompt = build(key_bindings=keys, **learner.options(self._session, self._before))
        learner.furnish(prompt, self._session, self.terminal.size)
        if self._watcher is not None:
            self._below(prompt)
        return prompt

    def _below(self, prompt: PromptSession[str]) -> None:
        """Let the watcher's lines stand below everything."""
        from fortish import assist as learner

        assert self._watcher is not None
        learner.stand_below(prompt, self._watcher.status, self.terminal.size)

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
            name = await self.terminal.finished(login(self._runtime.box))
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

        return bool(await self.terminal.finished(banners(self._runtime.box)))

    async def _serve(self) -> bool:
        """Read and obey until the administrator leaves; whether the next one may log in."""
        while self._session.alive:
            try:
                line = await self._line()
            except KeyboardInterrupt:
                self._drop_lines()
                self.terminal.write("\n")
                continue
            except EOFError:
                return False
            except TimedOut:
                self._write_behind_prompt(f"{Text.TIMEOUT()}\n\n")
                return True
            except LoggedOut:
                self._drop_lines()
                self.terminal.write(f"{Text.LOGGED_OUT()}\n\n")
                return True
            await self._obey(line)
            if not self._session.waiting and self._session.left in ("", *self.goes_on):
                self.terminal.write("\n")
        return self._session.left in self.goes_on

    def _write_behind_prompt(self, text: str) -> None:
        """Print on the line of the prompt that has just ended, as the box does."""
        if not self._assist and self._watcher is None:
            columns = self.terminal.size()[1]
            self._output.cursor_up(1)
            self._output.cursor_forward(get_cwidth(self._session.prompt + self._prompt.default_buffer.text) % columns)
        self.terminal.write(text)

    def _drop_lines(self) -> None:
        """What was typed of an unfinished line, and pasted behind it, is forgotten."""
        self.terminal.pasted.clear()
        self._held.clear()
        self._session.drop_line()

    async def _line(self) -> str:
        """The next physical line: of a paste, or typed. Raises `TimedOut`, `LoggedOut`."""
        start = ""
        if not self.terminal.pasted and (ahead := self.terminal.keyboard.lines_ahead()):
            self.terminal.pasted.extend([*ahead, ""])
        if len(self.terminal.pasted) > 1:
            line = self.terminal.pasted.popleft()
            self.terminal.write(f"{self._session.prompt}{line}\n")
            if line.strip():
                self._history.append_string(line)
            return line
        if self.terminal.pasted:
            start = self.terminal.pasted.pop()
        with self._patience.watching():
            return as_text(await self._prompt.prompt_async(self._session.prompt, default=start))

    async def _obey(self, line: str) -> None:
        self._held.append(line)
        self.terminal.stopped = False
        if self._watcher is not None:
            self._watcher.typed(self._session.prompt, line)
        await self.terminal.finished(self._session.feed(line))
        if self._watcher is not None:
            self._watcher.obeyed()
        if self.terminal.stopped and self._session.waiting:  # Ctrl-C behind an unfinished line
            self._drop_lines()
        if not self._session.waiting:
            self._held.clear()

    # --- `?` ---

    def _before(self, text: str) -> str:
        """All of the unfinished line left of the cursor."""
        return "\n".join([*self._held, text])

    def _ask_help(self, buffer: Buffer) -> None:
        self.terminal.beside(self._help(buffer))

    async def _help(self, buffer: Buffer) -> None:
        """The list for the text before the cursor, then the prompt with the line; a word that is clear is completed."""
        from fortish import completion  # not before somebody asks

        line, typed = buffer.text, buffer.document.text_before_cursor
        help_ = completion.candidates(self._session, self._before(typed), pipes=self._assist)
        lines = completion.layout(help_)
        self._patience.rest()  # whoever reads a page is not idle
        furnished = self._assist or self._watcher is not None
        async with in_terminal(render_cli_done=not furnished):
            if furnished:  # the line stays above the list, what stands below it does not
                self.terminal.write(f"{self._session.prompt}{line}\n")
            self.terminal.pager.restart()
            with self.terminal.keyboard.reading():
                if lines:
                    await self.terminal.say("\n".join(lines), paged=True)
            if help_.error is None:
                self.terminal.write("\n")
                put(buffer, completion.completed(help_, typed))
        self._patience.touch()
