"""The local interactive appliance: a session at a terminal, on prompt_toolkit.

prompt_toolkit edits the line. While a command runs the keyboard is read here: Ctrl-C interrupts, a page or a question
takes keys, all else waits for the next prompt, so that nothing typed or pasted ahead is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import in_terminal
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output

from fortish import completion
from fortish.cmdb.store import GLOBAL, SINGLE
from fortish.commands import DebugSwitch
from fortish.console import BACKSPACE, CTRL_C, ENTER, Pager, answer
from fortish.drive import Driving, Runtime
from fortish.messages import Text
from fortish.parse import open_quote
from fortish.session import Session
from fortish.steps import Kind

_KEYS = {Keys.ControlM: ENTER, Keys.ControlJ: ENTER, Keys.ControlC: CTRL_C, Keys.ControlH: BACKSPACE}


async def interact(
    runtime: Runtime,
    session: Session,
    *,
    history: Path | None = None,
    input: Input | None = None,
    output: Output | None = None,
) -> int:
    """Let somebody type at `session` until they leave; returns the exit status.

    `history` is the file of typed lines (in memory without one). Without `input` and `output` it is the terminal.
    """
    paged = output is not None or sys.stdout.isatty()
    shell = _Shell(runtime, session, _history(history), input or create_input(), output or _terminal(), paged)
    runtime.consoles.append(shell)
    work = asyncio.create_task(runtime.work())
    try:
        await shell.run()
    finally:
        await _stopped(work)
        runtime.consoles.remove(shell)
        if session.editor.unsaved:
            print(Text.NOT_SAVED(places=_unsaved(session)), file=sys.stderr)
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


def _history(path: Path | None) -> History:
    if path is None:
        return InMemoryHistory()
    path.touch(mode=0o600)  # typed lines hold passwords
    return FileHistory(str(path))


def _unsaved(session: Session) -> str:
    frames = [f for f in session.editor.frames if f.working is not None and f.working.changed]
    return ", ".join(" ".join(filter(None, (*f.table.path, f.working.key if f.working else ""))) for f in frames)


class _Shell:
    """One administrator's terminal; a `fortish.drive.Console`."""

    def __init__(
        self, runtime: Runtime, session: Session, history: History, input_: Input, output: Output, paged: bool
    ) -> None:
        self._runtime, self._session, self._paged = runtime, session, paged
        self._input, self._output, self._history = input_, output, history
        self._pager = Pager(self._write, self._key, self._size)
        self._prompt: PromptSession[str] = PromptSession(
            history=history, input=input_, output=output, key_bindings=self._bindings(), enable_suspend=False
        )
        self._keys: asyncio.Queue[KeyPress | None] = asyncio.Queue()
        self._asking = 0  # how many readers wait for a key: then Ctrl-C is theirs
        self._driving: Driving | None = None
        self._held: list[str] = []  # physical lines of an unfinished one
        self._pasted: list[str] = []  # lines of a paste that wait for their turn; the last one has no end
        self._traces: list[str] = []
        self._cycle: tuple[str, list[str], int, str] = ("", [], 0, "")

    # --- the loop ---

    async def run(self) -> None:
        """Read and obey until the administrator leaves."""
        while self._session.alive:
            try:
                line = await self._line()
            except KeyboardInterrupt:
                self._pasted.clear()
                self._held.clear()
                self._session.drop_line()
                self._write("\n")
                continue
            except EOFError:
                return
            await self._obey(line)
            if not self._session.waiting and self._session.alive:
                self._write("\n")

    async def _line(self) -> str:
        """The next physical line: of a paste, or typed."""
        start = ""
        if len(self._pasted) > 1:
            line = self._pasted.pop(0)
            self._write(f"{self._session.prompt}{line}\n")
            if line.strip():
                self._history.append_string(line)
            return line
        if self._pasted:
            start = self._pasted.pop()
        return await self._prompt.prompt_async(self._session.prompt, default=start)

    async def _obey(self, line: str) -> None:
        self._held.append(line)
        self._pager.restart()
        self._driving = Driving(self._session.feed(line), self._runtime, self)
        try:
            with self._reading():
                self._flush_traces()
                await self._driving.run()
        finally:
            self._driving = None
        if not self._session.waiting:
            self._held.clear()

    # --- the console ---

    @property
    def debug(self) -> DebugSwitch:
        """Its debug switch."""
        return self._session.debug

    async def say(self, text: str, paged: bool) -> bool:
        """Print, a page at a time if it is asked for and the box is set so."""
        await asyncio.sleep(0)  # a key may be waiting: Ctrl-C
        if paged and self._pages():
            return await self._pager.show(text)
        self._write(f"{text}\n")
        return True

    async def ask(self, question: str, kind: Kind) -> str:
        """Ask and wait for the answer. While a paste runs, its next line is one only if it is exactly y or n."""
        if kind is Kind.YES_NO and len(self._pasted) > 1:
            given = self._pasted.pop(0) if self._pasted[0] in ("y", "n") else "n"
            self._write(f"{question}{given}\n")
            return given
        return await answer(question, kind, self._write, self._key)

    def trace(self, line: str) -> None:
        """Print a debug line; above the prompt if somebody is typing."""
        if not self._prompt.app.is_running or self._driving is not None:
            self._write(f"{line}\n")
            return
        self._traces.append(line)
        if len(self._traces) == 1:
            self._prompt.app.create_background_task(self._trace_above())

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

    # --- keys while no line is edited ---

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Read the keyboard here; what nobody has taken at the end is typed ahead for the next prompt."""
        with self._input.raw_mode(), self._input.attach(self._ready):
            for press in get_typeahead(self._input):
                self._pressed(press)
            try:
                yield
            finally:
                left = [self._keys.get_nowait() for _ in range(self._keys.qsize())]
                store_typeahead(self._input, [press for press in left if press is not None])

    def _ready(self) -> None:
        for press in self._input.read_keys():
            self._pressed(press)
        if self._input.closed:
            self._keys.put_nowait(None)

    def _pressed(self, press: KeyPress) -> None:
        if press.key == Keys.ControlC and not self._asking:
            self._interrupt()
        elif press.key != Keys.CPRResponse:
            self._keys.put_nowait(press)

    def _interrupt(self) -> None:
        """Ctrl-C while a command runs: what was typed and pasted ahead goes too."""
        self._write(f"{Text.INTERRUPTED()}\n")
        self._pasted.clear()
        while not self._keys.empty():
            self._keys.get_nowait()
        if self._driving is not None:
            self._driving.interrupt()

    async def _key(self) -> str:
        """The next key as a character; '' when the keyboard is gone. Keys that are none are passed over."""
        self._asking += 1
        try:
            while (press := await self._keys.get()) is not None:
                if press.key in _KEYS:
                    return _KEYS[Keys(press.key)]
                if len(press.key) == 1:
                    return str(press.key)
                if press.key == Keys.BracketedPaste:
                    self._spread(press.data)
            return ""
        finally:
            self._asking -= 1

    def _spread(self, text: str) -> None:
        """A paste into a question: its characters, one by one."""
        for character in text.replace("\r\n", "\r").replace("\n", "\r"):
            self._keys.put_nowait(KeyPress(Keys.ControlM if character == ENTER else character, character))

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
        text = self._before(event.current_buffer.document.text_before_cursor)
        if open_quote(text) is not None:
            event.current_buffer.insert_text("?")
            return
        event.app.create_background_task(self._help(text))

    async def _help(self, text: str) -> None:
        """The list, then the prompt with what was typed."""
        help_ = completion.candidates(self._session, text)
        lines = completion.layout(help_)
        async with in_terminal(render_cli_done=True):
            self._pager.restart()
            with self._reading():
                if lines:
                    await self.say("\n".join(lines), paged=True)
            if help_.error is None:
                self._write("\n")

    def _tab(self, event: KeyPressEvent) -> None:
        self._turn(event, 1)

    def _tab_back(self, event: KeyPressEvent) -> None:
        self._turn(event, -1)

    def _turn(self, event: KeyPressEvent, by: int) -> None:
        """Put the next match in place of the unfinished word; no list."""
        buffer = event.current_buffer
        typed = buffer.document.text_before_cursor
        stem, words, at, shown = self._cycle
        if not words or typed != shown:
            text = self._before(typed)
            words = completion.completions(self._session, text)
            partial = completion.split(text)[1]
            stem, at = typed[: len(typed) - len(partial)], -1 if by > 0 else 0
        if not words:
            return
        at = (at + by) % len(words)
        buffer.delete_before_cursor(len(typed))
        shown = stem + words[at]
        buffer.insert_text(shown)
        self._cycle = (stem, words, at, shown)
        if len(words) == 1:
            buffer.insert_text(" ")
            self._cycle = ("", [], 0, "")

    def _paste(self, event: KeyPressEvent) -> None:
        """A paste of many lines: the first ends the line being edited, the others have their turn one by one."""
        first, *others = event.data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        buffer = event.current_buffer
        if not others:
            buffer.insert_text(first)
            return
        behind = buffer.document.text_after_cursor
        buffer.delete(len(behind))
        buffer.insert_text(first)
        self._pasted = [*others[:-1], others[-1] + behind, *self._pasted]
        buffer.validate_and_handle()
