"""The keyboard while no line is edited: keys for the pager and for questions, and Ctrl-C for the running command.

What nobody has taken at the end is typed ahead: it waits for the next prompt, so that nothing is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator

from prompt_toolkit.input import Input
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

from fortish.console import BACKSPACE, CTRL_C, CTRL_D, ENTER

# Sorted.
# fmt: off
_KEYS = {
    Keys.ControlC: CTRL_C,
    Keys.ControlD: CTRL_D,
    Keys.ControlH: BACKSPACE,
    Keys.ControlJ: ENTER,
    Keys.ControlM: ENTER,
}
# fmt: on


class Keyboard:
    """Keys as characters. `interrupt` is called at a Ctrl-C that no question takes."""

    def __init__(self, input_: Input, interrupt: Callable[[], None]) -> None:
        self._input, self._interrupt = input_, interrupt
        self._presses: asyncio.Queue[KeyPress | None] = asyncio.Queue()  # None: it is gone
        self._spread: deque[str] = deque()  # characters of a paste into a question
        self._asking = 0  # how many wait for a key: then Ctrl-C is theirs

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read keys here and not at a prompt."""
        with self._input.raw_mode(), self._input.attach(self._ready):
            for press in get_typeahead(self._input):
                self._pressed(press)
            try:
                yield
            finally:
                spread = [KeyPress(Keys.ControlM if key == ENTER else key, key) for key in self._spread]
                store_typeahead(self._input, [*spread, *self._left()])

    def lines_ahead(self) -> list[str]:
        """The whole lines of plain characters that are typed ahead; other keys wait for the prompt."""
        presses = get_typeahead(self._input)
        lines, line, taken = [], "", 0
        for place, press in enumerate(presses, 1):
            if press.key in (Keys.ControlJ, Keys.ControlM):
                lines.append(line)
                line, taken = "", place
            elif len(press.key) == 1 and press.key != "?" and press.key.isprintable():
                line += press.key
            else:
                break
        store_typeahead(self._input, presses[taken:])
        return lines

    def forget(self) -> None:
        """What was typed ahead goes."""
        self._left()

    async def key(self) -> str:
        """The next key as a character; '' when the keyboard is gone. Keys that are none are passed over."""
        self._asking += 1
        try:
            while not self._spread:
                press = await self._presses.get()
                if press is None:
                    self._presses.put_nowait(None)  # for whoever asks next, too
                    return ""
                if press.key in _KEYS:
                    return _KEYS[Keys(press.key)]
                if len(press.key) == 1:
                    return str(press.key)
                if press.key == Keys.BracketedPaste:  # into a question: its characters, one by one
                    self._spread.extend(press.data.replace("\r\n", ENTER).replace("\n", ENTER))
            return self._spread.popleft()
        finally:
            self._asking -= 1

    def _left(self) -> list[KeyPress]:
        """Take what nobody has taken."""
        self._spread.clear()
        presses = [self._presses.get_nowait() for _ in range(self._presses.qsize())]
        return [press for press in presses if press is not None]

    def _ready(self) -> None:
        for press in self._input.read_keys():
            self._pressed(press)
        if self._input.closed:
            self._presses.put_nowait(None)

    def _pressed(self, press: KeyPress) -> None:
        if press.key == Keys.ControlC and not self._asking:
            self._interrupt()
        elif press.key != Keys.CPRResponse:
            self._presses.put_nowait(press)
