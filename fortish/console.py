"""What every edge with a keyboard needs: the pager, and questions answered key by key.

A key is one character (the control keys are named below), or '' when the keyboard is gone. How keys are read and
text is written is the edge's business.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fortish.errors import Interrupted
from fortish.messages import Text
from fortish.steps import Kind

ENTER, CTRL_C, CTRL_D, BACKSPACE, SPACE = "\r", "\x03", "\x04", "\x7f", " "
ERASE = "\r         \r"  # what the box overwrites `--More-- ` with
TAB_STOP = 8
_STOP = frozenset({CTRL_C, "q", "Q", ""})

Write = Callable[[str], None]
ReadKey = Callable[[], Awaitable[str]]


def width(character: str) -> int:
    """How many columns a character takes: 2 for a wide one, 0 for one that combines with the one before."""
    if " " <= character <= "~":
        return 1
    from wcwidth import wcwidth

    return max(0, wcwidth(character))


def rows(line: str, columns: int) -> int:
    """How many rows of the terminal a line takes; a wide character never stands half in each of two."""
    if line.isascii() and line.isprintable():
        return max(1, -(-len(line) // max(1, columns)))
    taken, at = 1, 0
    for character in line:
        wide = min(TAB_STOP - at % TAB_STOP, columns - at) if character == "\t" else width(character)
        if at + wide > columns:
            taken, at = taken + 1, 0
        at += wide
    return taken


class Pager:
    """Prints lines and stops at each full page. `size` gives the terminal's rows and columns at that moment."""

    def __init__(self, write: Write, key: ReadKey, size: Callable[[], tuple[int, int]]) -> None:
        self._write, self._key, self._size = write, key, size
        self._used = 0

    def restart(self) -> None:
        """A new command: its page is empty."""
        self._used = 0

    async def show(self, text: str) -> bool:
        """Print; False if the reader has had enough."""
        page, columns = self._page()
        for line in text.split("\n"):
            if self._used >= page:
                if not await self._more():
                    return False
                page, columns = self._page()
            self._write(f"{line}\n")
            self._used += rows(line, columns)
        return True

    def _page(self) -> tuple[int, int]:
        """The rows of a page (the command stands above it, `--More-- ` below) and the columns."""
        height, columns = self._size()
        return max(1, height - 2), max(1, columns)

    async def _more(self) -> bool:
        """Wait at the foot of a page: Space the next page, Enter the next line, q or Ctrl-C the end."""
        self._write(Text.MORE())
        while (key := await self._key()) not in _STOP and key not in (SPACE, ENTER):
            continue
        self._write(ERASE)
        self._used = 0 if key == SPACE else self._page()[0] - 1  # the terminal may have another size by now
        return key not in _STOP


async def answer(question: str, kind: Kind, write: Write, key: ReadKey) -> str:
    """Ask: y or n and any other single key without Enter, a line is echoed, a secret is not.

    Raises `Interrupted` at Ctrl-C, and at Ctrl-D while nothing is typed.
    """
    write(question)
    typed = ""
    while True:
        pressed = await key()
        if pressed in (CTRL_C, "") or (pressed == CTRL_D and not typed):
            write("\n")
            raise Interrupted
        if kind is Kind.YES_NO:
            # One key decides, as on the box. What is not y is no: a command typed here by mistake never says yes.
            given = "y" if pressed in ("y", "Y") else "n"
            write(f"{given}\n")
            return given
        if kind is Kind.KEY:
            write(f"{pressed if pressed.isprintable() else ''}\n")
            return pressed
        if pressed == ENTER:
            write("\n")
            return typed
        if pressed == BACKSPACE:
            typed, gone = _shorter(typed)
            if kind is Kind.LINE:
                write("\b \b" * gone)
        elif pressed.isprintable():
            typed += pressed
            write(pressed if kind is Kind.LINE else "")


def _shorter(typed: str) -> tuple[str, int]:
    """Without its last character and the marks that combine with it; and how many columns that frees."""
    at = len(typed) - 1
    while at > 0 and not width(typed[at]):
        at -= 1
    return typed[: max(0, at)], sum(map(width, typed[max(0, at) :]))
