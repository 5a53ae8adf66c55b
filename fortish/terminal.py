"""A person's terminal: what is printed there, asked and traced, and Ctrl-C, on prompt_toolkit's input and output.

While a command runs the keyboard is read here: Ctrl-C interrupts, a page or a question takes keys, all else waits for
the next prompt, so that nothing typed or pasted ahead is lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, Protocol

from prompt_toolkit.application import Application, in_terminal
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output

from fortish.cmdb.entries import GLOBAL, SINGLE
from fortish.commands import DebugSwitch
from fortish.console import Pager, answer
from fortish.drive import Driving, Runtime
from fortish.keyboard import Keyboard
from fortish.messages import Text
from fortish.session import Session
from fortish.steps import Flow, Kind


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


def terminal_output() -> Output:
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


class Terminal:
    """One administrator's terminal; a `fortish.drive.Console`.

    `app` edits the lines, once there is one. `pasted` are the lines of a paste that wait for their turn; the last one
    has no end. `stopped`: Ctrl-C was pressed while the last line ran.
    """

    def __init__(
        self, runtime: Runtime, session: Session, input_: Input, output: Output, paged: bool, watcher: Watcher | None
    ) -> None:
        self.app: Application[str] | None = None
        self.pasted: deque[str] = deque()
        self.stopped = False
        self.keyboard = Keyboard(input_, self._interrupt)
        self.pager = Pager(self.write, self.keyboard.key, self.size)
        self._runtime, self._session = runtime, session
        self._output, self._paged, self._watcher = output, paged, watcher
        self._driving: Driving | None = None
        self._traces: list[str] = []

    async def finished(self, flow: Flow) -> tuple[Any, ...]:
        """Drive a flow here to its end: what it returns, or () if Ctrl-C ended it."""
        self.pager.restart()
        self._driving = Driving(_reported(flow), self._runtime, self)
        try:
            with self.keyboard.reading():
                self._flush_traces()
                return tuple(await self._driving.run() or ())
        finally:
            self._driving = None

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
            return await self.pager.show(text)
        self.write(f"{text}\n")
        return True

    async def ask(self, question: str, kind: Kind) -> str:
        """Ask and wait for the answer; whoever looks on is told both, but no secret."""
        given = await self._answered(question, kind)
        self._tell(question if kind is Kind.SECRET else f"{question}{given}")
        return given

    async def _answered(self, question: str, kind: Kind) -> str:
        """While a paste runs, its next line is an answer only if it is exactly y or n."""
        if kind is Kind.YES_NO and len(self.pasted) > 1:
            given = self.pasted.popleft() if self.pasted[0] in ("y", "n") else "n"
            self.write(f"{question}{given}\n")
            return given
        return await answer(question, kind, self.write, self.keyboard.key)

    def trace(self, line: str) -> None:
        """Print a debug line; above the prompt if somebody is typing."""
        self._tell(line, debug=True)
        if self.app is None or not self.app.is_running or self._driving is not None:
            self.write(f"{line}\n")
            return
        self._traces.append(line)
        if len(self._traces) == 1:
            self.beside(self._trace_above())

    def _tell(self, text: str, *, debug: bool = False) -> None:
        if self._watcher is not None:
            self._watcher.printed(text, debug)

    async def _trace_above(self) -> None:
        async with in_terminal():
            self._flush_traces()

    def _flush_traces(self) -> None:
        lines, self._traces = self._traces, []
        for line in lines:
            self.write(f"{line}\n")

    def write(self, text: str) -> None:
        """Print as it is, at once."""
        self._output.write(text)
        self._output.flush()

    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        size = self._output.get_size()
        return size.rows, size.columns

    def _pages(self) -> bool:
        console = ("system", "console")
        return self._paged and self._runtime.box.cmdb.value(GLOBAL, console, SINGLE, "output") == "more"

    def _interrupt(self) -> None:
        """Ctrl-C while a command runs: what was typed and pasted ahead goes too."""
        self.write(f"{Text.INTERRUPTED()}\n")
        self.stopped = True
        self.pasted.clear()
        self.keyboard.forget()
        if self._driving is not None:
            self._driving.interrupt()

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the editing of a line."""
        assert self.app is not None
        self.app.create_background_task(self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """What breaks ends the prompt, not only its task."""
        try:
            await work
        except Exception as error:
            if self.app is None or not self.app.is_running or self.app.is_done:
                raise
            self.app.exit(exception=error)
