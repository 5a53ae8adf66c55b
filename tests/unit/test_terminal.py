"""The shell as a program at a real terminal: a pseudo-terminal below it, an emulated screen above."""

# ranks: 1 8

from __future__ import annotations

import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

START = 120  # seconds that anything may take on a busy machine


class Terminal:
    """A terminal of so many columns and rows with the program in it."""

    def __init__(self, columns: int, rows: int, place: Path, *options: str, **environment: str) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=50_000)
        self._stream = pyte.ByteStream(self.screen)
        env = {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": str(place), **environment}
        self.child = pexpect.spawn(
            sys.executable, ["-m", "fortish", *options], env=env, dimensions=(rows, columns), timeout=START
        )
        self.raw = b""

    def type(self, keys: str) -> None:
        self.child.send(keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def read(self) -> bool:
        """Take what the program prints within a moment; whether it still runs."""
        try:
            piece = self.child.read_nonblocking(65536, timeout=0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += piece
        self._stream.feed(piece)
        return True

    def shows(self, found: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the screen is as wanted."""
        end = time.monotonic() + START
        while time.monotonic() < end:
            running = self.read()
            if found(self.lines):
                return self.lines
            assert running, "\n".join(self.lines)
        raise AssertionError("\n".join(self.lines))

    def prompts(self, text: str) -> list[str]:
        """Wait until the last line that is not empty, the status line apart, starts with `text`."""
        return self.shows(lambda lines: next((line for line in reversed(lines) if line), "").startswith(text))

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    def ends(self) -> int:
        """Wait for the end; the exit status."""
        end = time.monotonic() + START
        while self.read() and time.monotonic() < end:
            continue
        self.child.close()
        assert self.child.exitstatus is not None
        return self.child.exitstatus


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*options: str, columns: int = 80, rows: int = 24, **environment: str) -> Terminal:
        opened.append(Terminal(columns, rows, tmp_path, *options, **environment))
        return opened[-1]

    yield start
    for one in opened:
        one.child.close(force=True)


PROMPT = "FortiProxy-VM64"


def test_a_window_may_change_its_size_while_a_line_is_edited(terminal: Callable[..., Terminal]) -> None:
    at = terminal()
    at.prompts(f"{PROMPT} #")
    at.type("get system status | grep Serial-Nu")
    at.prompts(f"{PROMPT} # get system status | grep Serial-Nu")
    at.resize(40, 10)
    at.shows(lambda lines: "grep Serial-Nu" in "".join(lines))
    at.resize(100, 30)
    at.type("mber\r")
    at.shows(lambda lines: "Serial-Number: FPXVM00000000001" in lines)
    at.type("exit\r")
    assert at.ends() == 0


def test_a_window_may_change_its_size_while_a_page_waits(terminal: Callable[..., Terminal]) -> None:
    at = terminal()
    at.prompts(f"{PROMPT} #")
    at.type("show full-configuration system global\r")
    at.prompts("--More--")
    at.resize(80, 12)
    at.type(" ")
    lines = at.prompts("--More--")
    assert all(line.startswith("    ") for line in lines[:-1] if line)  # one page, nothing scrolled away unread
    at.type("q")
    at.prompts(f"{PROMPT} #")
    at.type("exit\r")
    assert at.ends() == 0


@pytest.mark.parametrize("form", ["\x1b[200~{}\x1b[201~", "{}"], ids=["bracketed", "plain"])
def test_a_terminal_pastes_a_thousand_lines_without_loss(
    terminal: Callable[..., Terminal], tmp_path: Path, form: str
) -> None:
    at = terminal("--save", str(tmp_path / "saved.conf"))
    at.prompts(f"{PROMPT} #")
    lines = [f'edit "a{n}"\rset command "line {n} é漢"\rnext' for n in range(333)]
    pasted = form.format("\r".join(["config system alias", *lines, "end", ""])).encode()
    for start in range(0, len(pasted), 1000):  # a terminal writes as fast as the line takes it
        at.child.send(pasted[start : start + 1000])
        at.read()
    at.type("exit\r")
    assert at.ends() == 0
    saved = (tmp_path / "saved.conf").read_text("utf-8")
    block = saved[saved.index("config system alias") :]
    wanted = [f'    edit "a{n}"\n        set command "line {n} é漢"\n    next\n' for n in range(333)]
    assert block.startswith("config system alias\n" + "".join(wanted) + "end\n")


def test_control_c_is_a_key_at_any_moment_of_a_paste(terminal: Callable[..., Terminal]) -> None:
    at = terminal()
    at.prompts(f"{PROMPT} #")
    lines = "\r".join(f"edit a{n}\rset command x\rnext" for n in range(300))
    at.type(f"config system alias\r\x1b[200~{lines}\r\x1b[201~")
    signals = 0  # moments at which the terminal would have made a signal of it, which ends the program
    while not any("(a299)" in line for line in at.lines):
        assert at.read()
        signals += sum(bool(termios.tcgetattr(at.child.child_fd)[3] & termios.ISIG) for _ in range(50))
    assert signals == 0
    at.type("\x03abort\rexit\r")
    assert at.ends() == 0


def test_debug_lines_and_the_line_being_typed_do_not_mix(terminal: Callable[..., Terminal]) -> None:
    at = terminal()
    at.prompts(f"{PROMPT} #")
    at.type("execute ping testrfc7030.com\r")
    at.shows(lambda lines: any("icmp_seq=1" in line for line in lines))
    at.type("get system sta\x03tus")
    at.prompts(f"{PROMPT} # tus")
    at.type("\x03exit\r")
    assert at.ends() == 0


def test_leaving_with_the_keyboard_gone_says_what_is_not_saved(terminal: Callable[..., Terminal]) -> None:
    at = terminal()
    at.prompts(f"{PROMPT} #")
    at.type("config vpn certificate local\redit web\rset comments x\r")
    at.prompts(f"{PROMPT} (web) #")
    at.type("\x04")
    assert at.ends() == 0
    assert b"not saved: vpn certificate local web" in at.raw


# --- --assist -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 10)])
def test_the_learners_prompt_has_a_menu_and_a_status_line_on_any_screen(
    terminal: Callable[..., Terminal], columns: int, rows: int
) -> None:
    at = terminal("--assist", columns=columns, rows=rows)
    at.shows(lambda lines: any("root prompt" in line for line in lines))
    at.type("config vpn certificate local\redit web\rset comments x\r")
    at.shows(lambda lines: any("unsaved" in line for line in lines))
    at.type("set comm")
    lines = at.shows(lambda lines: any("set comm" in line for line in lines) and any(" comments " in x for x in lines))
    status = lines[-1] or next(line for line in reversed(lines) if line)
    assert "web" in status
    assert "1 unsaved" in status or "unsaved: comments" in status
    at.type("\x1b\x15abort\rend\r")
    at.shows(lambda lines: any("root prompt" in line for line in lines))
    at.type("exit\r")
    assert at.ends() == 0
    assert "unsaved" not in "".join(at.lines[at.screen.cursor.y - 2 :])


def test_the_learners_prompt_bears_a_window_that_becomes_tiny(terminal: Callable[..., Terminal]) -> None:
    at = terminal("--assist")
    at.shows(lambda lines: any("root prompt" in line for line in lines))
    at.type("get system sta")
    at.shows(lambda lines: any("get system sta" in line for line in lines))
    for columns, rows in ((40, 6), (40, 3), (80, 1), (30, 2), (80, 24)):
        at.resize(columns, rows)
        at.type("x\x7f")
        time.sleep(0.2)
        at.read()
    at.type("tus\r")
    at.shows(lambda lines: any("Serial-Number" in line for line in lines))
    assert b"too small" not in at.raw
    at.type("exit\r")
    assert at.ends() == 0


def test_without_assist_no_colour_and_no_line_is_added(terminal: Callable[..., Terminal]) -> None:
    at = terminal()
    at.prompts(f"{PROMPT} #")
    at.type("get system st")
    lines = at.prompts(f"{PROMPT} # get system st")
    assert [line for line in lines if line] == [f"{PROMPT} # get system st"]
    assert {cell.fg for row in at.screen.buffer.values() for cell in row.values()} <= {"default"}
    at.type("\x03\x04")
    assert at.ends() == 0


def test_no_color_is_honoured(terminal: Callable[..., Terminal]) -> None:
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        at = terminal("--assist", **environment)
        at.shows(lambda lines: any("root prompt" in line for line in lines))
        at.type("bogus")
        at.shows(lambda lines: any("bogus" in line for line in lines))
        time.sleep(0.2)
        at.read()
        found = {cell.fg for row in at.screen.buffer.values() for cell in row.values()} - {"default"}
        assert bool(found) is coloured
        at.type("\x03\x04")
        assert at.ends() == 0
