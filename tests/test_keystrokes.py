"""Keys and the screen that they leave: one test for each file in tests/keystrokes, typed at the real shell.

A file is in txtar form, as a transcript is: what is proved, then `start.conf`, `keys` and `screen`. Options stand in
the first paragraph: `size: 24x80`, `administrator`, `firmware`. A line of `keys` is sent as a whole and has been
answered before the next is sent; keys that are no characters are named: `<Tab>`, `<S-Tab>`, `<Enter>`, `<C-c>`, `<Up>`.
A blank at a line's end is `<Space>`. `screen` is what a terminal holds in the end, all that has scrolled away included,
and `_` where the cursor stands.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import hurry
import pyte
import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from fortish.boot import Options, boot
from fortish.drive import Runtime
from fortish.firmware import DEFAULT_FIRMWARE
from fortish.golden import CLOCK, HEADING
from fortish.session import Session
from fortish.shell import interact

FOLDER = Path(__file__).parent / "keystrokes"
FILES = sorted(FOLDER.rglob("*.txt"))
OPTION = re.compile(r"^(administrator|firmware|size): *(.*)$", re.MULTILINE)
NAMED = re.compile(r"<(?:C-([a-z])|(BS|Down|End|Enter|Home|Left|Right|S-Tab|Space|Tab|Up))>")
CURSOR = "_"
ANSWERED = 0.02  # seconds that no program waits for: in a hurry, all has been answered then

# Sorted.
# fmt: off
KEYS = {
    "BS":    "\x7f",
    "Down":  "\x1b[B",
    "End":   "\x1b[F",
    "Enter": "\r",
    "Home":  "\x1b[H",
    "Left":  "\x1b[D",
    "Right": "\x1b[C",
    "S-Tab": "\x1b[Z",
    "Space": " ",
    "Tab":   "\t",
    "Up":    "\x1b[A",
}
# fmt: on


class Screen:
    """A terminal that forgets nothing."""

    def __init__(self, rows: int, columns: int) -> None:
        self._screen = pyte.HistoryScreen(columns, rows, history=10_000)
        self._stream = pyte.Stream(self._screen)

    def write(self, text: str) -> None:
        """Take what a program prints; the line discipline's carriage return included."""
        self._stream.feed(re.sub(r"(?<!\r)\n", "\r\n", text))

    def flush(self) -> None:
        """Nothing is held back."""

    def lines(self) -> list[str]:
        """All lines, trailing blanks stripped; the cursor is a mark."""
        screen = self._screen
        columns = range(screen.columns)
        rows = ["".join(row[column].data for column in columns) for row in screen.history.top]
        rows += screen.display
        at = len(screen.history.top) + screen.cursor.y
        rows[at] = f"{rows[at][: screen.cursor.x]}{CURSOR}{rows[at][screen.cursor.x :]}"
        return "\n".join(row.rstrip() for row in rows).rstrip("\n").split("\n")


def keys(line: str) -> str:
    """A line of keys as the terminal sends them."""

    def named(match: re.Match[str]) -> str:
        return chr(ord(match[1]) - ord("a") + 1) if match[1] else KEYS[match[2]]

    return NAMED.sub(named, line)


def started(configuration: str, firmware: str) -> Runtime:
    """A box that begins with a configuration."""
    with TemporaryDirectory() as folder:
        start = Path(folder, "start.conf")
        start.write_text(configuration, "utf-8")
        return boot(Options(config=start, clock=CLOCK, firmware=firmware, hostname="FGT", frozen=True))


async def typed(text: str) -> list[str]:
    """Play a file; the screen at the end."""
    head, *pieces = HEADING.split(text)
    sections = {name: body.removeprefix("\n") for name, body in zip(pieces[::2], pieces[1::2], strict=True)}
    options = dict(OPTION.findall(head))
    rows, columns = map(int, options.get("size", "24x80").split("x"))
    screen = Screen(rows, columns)
    runtime = started(sections.get("start.conf", ""), options.get("firmware", DEFAULT_FIRMWARE))
    output = Vt100_Output(screen, lambda: Size(rows=rows, columns=columns), term="xterm", enable_cpr=False)  # type: ignore[arg-type]
    session = Session(runtime.box, options.get("administrator", "admin"))
    with create_pipe_input() as keyboard:
        shell = asyncio.create_task(interact(runtime, session, input=keyboard, output=output))
        try:
            await asyncio.sleep(ANSWERED)
            for line in sections["keys"].splitlines():
                await _send(keyboard, keys(line))
            shown = screen.lines()
            if shown[-1].startswith("--More--"):
                await _send(keyboard, "q")
            return shown
        finally:
            shell.cancel()
            await asyncio.wait([shell])
            await runtime.network.close()


async def _send(keyboard: PipeInput, sent: str) -> None:
    """Send a line's keys; what asks for an answer is answered before the next key."""
    for piece in re.findall(r"[^\r?\t]*(?:\r|\?|\t|$)", sent):
        if piece:
            keyboard.send_text(piece)
            await asyncio.sleep(ANSWERED)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER).with_suffix("")))
def test_the_screen_is_as_the_file_says(path: Path, request: pytest.FixtureRequest) -> None:
    text = path.read_text("utf-8")
    shown = hurry.run(typed(text))
    head, heading, screen = text.partition("-- screen --\n")
    assert heading, "no section '-- screen --'"
    if shown != screen.rstrip("\n").split("\n") and request.config.getoption("--update"):
        path.write_text(f"{head}{heading}" + "\n".join(shown) + "\n", "utf-8")
        return
    assert shown == screen.rstrip("\n").split("\n")


def test_every_file_says_what_it_proves() -> None:
    assert len(FILES) >= 45
    for path in FILES:
        title = path.read_text("utf-8").partition("-- ")[0]
        assert len(OPTION.sub("", title).split()) > 5, path


def test_a_key_by_name_is_what_the_terminal_sends() -> None:
    assert keys('config sys?<Tab><S-Tab><C-v>?"<a>"<Enter>') == 'config sys?\t\x1b[Z\x16?"<a>"\r'


def test_a_screen_that_is_otherwise_is_noticed() -> None:
    shown = hurry.run(typed("What it proves.\n\n-- keys --\nend?\n-- screen --\n"))
    assert shown == ["FGT # end", "command parse error before 'end'", "FGT # end_"]
