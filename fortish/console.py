"""What every edge with a keyboard needs: the pager, and questions answered key by key.

A key is one character (the control keys are named below), or '' when the keyboard is gone. How keys are read and
text is written is the edge's business.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fortish.errors import Interrupted
from fortish.messages import Text
from fortish.steps import Kind

ENTER, CTRL_C, BACKSPACE, SPACE = "\r", "\x03", "\x7f", " "
ERASE = "\r         \r"  # what the box overwrites `--More-- ` with
_STOP = frozenset({CTRL_C, "q", "Q", ""})

Write = Callable[[str], None]
ReadKey = Callable[[], Awaitable[str]]


class Pager:
    """Prints lines and stops at each full page. `size` gives the terminal's rows and columns."""

    def __init__(self, write: Write, key: ReadKey, size: Callable[[], tuple[int, int]]) -> None:
        self._write, self._key, self._size = write, key, size
        self._used = 0

    def restart(self) -> None:
        """A new command: its page is empty."""
        self._used = 0

    async def show(self, text: str) -> bool:
        """Print; False if the reader has had enough."""
        rows, columns = self._size()
        page = max(1, rows - 2)
        for line in text.split("\n"):
            if self._used >= page and not await self._more(page):
                return False
            self._write(f"{line}\n")
            self._used += max(1, -(-len(line) // max(1, columns)))
        return True

    async def _more(self, page: int) -> bool:
        """Wait at the foot of a page: Space the next page, Enter the next line, q or Ctrl-C the end."""
        self._write(Text.MORE())
        while (key := await self._key()) not in _STOP and key not in (SPACE, ENTER):
            continue
        self._write(ERASE)
        self._used = 0 if key == SPACE else page - 1
        return key not in _STOP


async def answer(question: str, kind: Kind, write: Write, key: ReadKey) -> str:
    """Ask: y or n is one key without Enter, a line is echoed, a secret is not. Raises `Interrupted` at Ctrl-C."""
    write(question)
    typed = ""
    while True:
        pressed = await key()
        if pressed in (CTRL_C, ""):
            write("\n")
            raise Interrupted
        if kind is Kind.YES_NO:
            # One key decides, as on the box. What is not y is no: a command typed here by mistake never says yes.
            given = "y" if pressed in ("y", "Y") else "n"
            write(f"{given}\n")
            return given
        if pressed == ENTER:
            write("\n")
            return typed
        if pressed == BACKSPACE:
            if typed and kind is Kind.LINE:
                write("\b \b")
            typed = typed[:-1]
        elif pressed.isprintable():
            typed += pressed
            write(pressed if kind is Kind.LINE else "")
