"""The interactive shell, typed at through a pipe."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from fortish.box import Box
from fortish.clock import HostClock
from fortish.console import ERASE, Pager, answer
from fortish.drive import Runtime
from fortish.errors import Interrupted
from fortish.network.world import LabNetwork
from fortish.session import Session
from fortish.shell import interact
from fortish.steps import Kind


async def _type(pieces: tuple[str, ...], history: Path | None, rows: int) -> tuple[Session, str]:
    clock = HostClock()
    box = Box.new(clock)
    runtime = Runtime(box, clock, LabNetwork(box))
    session, screen = Session(box), io.StringIO()
    output = Vt100_Output(screen, lambda: Size(rows=rows, columns=80), term="dumb", enable_cpr=False)
    with create_pipe_input() as keyboard:
        work = asyncio.create_task(interact(runtime, session, history=history, input=keyboard, output=output))
        for piece in pieces:
            await asyncio.sleep(0.15)
            keyboard.send_text(piece)
        await asyncio.wait_for(work, 10)
    await runtime.network.close()
    return session, screen.getvalue()


def type_at(*pieces: str, history: Path | None = None, rows: int = 24) -> tuple[Session, str]:
    return asyncio.run(_type(pieces, history, rows))


def test_exit_at_the_root_leaves() -> None:
    assert not type_at("exit\r")[0].alive


def test_control_d_on_an_empty_line_leaves_and_says_what_is_not_saved(capsys: pytest.CaptureFixture[str]) -> None:
    type_at("config vpn certificate local\r", "edit x\r", "set comments a\r", "\x04")
    assert capsys.readouterr().err == "not saved: vpn certificate local x\n"


def test_a_question_mark_lists_at_once_and_keeps_the_line() -> None:
    _, screen = type_at("config system conso", "?", "le\r", "end\r", "exit\r")
    assert "console    The console and its output." in screen
    assert "(console) # " in screen


def test_a_question_mark_in_quotes_and_after_control_v_is_literal() -> None:
    session, _ = type_at("config system alias\redit x\r", 'set command "a?b', '?"\r', "\x04")
    assert session.editor.frame is not None
    assert session.editor.frame.working is not None
    assert session.editor.frame.working.value("command") == "a?b?"
    _, screen = type_at("get system status | grep \x16?nothing\r", "exit\r")
    assert "?nothing" in screen


def test_tab_completes_and_cycles_without_a_list() -> None:
    session, _ = type_at("config sys\tcons\t\r", "\x04")
    assert session.place == "(console) "
    session, _ = type_at("config system \t\t\t\x1b[Z\r", "\x04")
    assert session.place == "(accprofile) "


def test_control_c_at_the_prompt_drops_the_line_and_an_open_quote() -> None:
    session, screen = type_at('config "sys\r', "\x03", "nonsense\x03", "exit\r")
    assert not session.alive
    assert "Unknown action" not in screen


def test_a_quote_left_open_is_continued_at_its_own_prompt() -> None:
    _, screen = type_at('get system "sta\r', 'tus"\r', "exit\r")
    assert "> " in screen


@pytest.mark.parametrize("pasted", ["\x1b[200~{}\x1b[201~", "{}"])
def test_a_paste_of_many_lines_loses_none(pasted: str) -> None:
    lines = "\r".join(
        ["config system alias", *(f"edit a{n}\rset command x{n}\rnext" for n in range(40)), "end", "exit", ""]
    )
    session, _ = type_at(pasted.format(lines))
    assert [f"a{n}" for n in range(40)] == list(session.box.cmdb["system alias"])


def test_a_yes_no_question_takes_one_key() -> None:
    session, _ = type_at("config system alias\redit a\rset command x\rnext\r", "purge\r", "y", "end\r", "exit\r")
    assert list(session.box.cmdb["system alias"]) == []


def test_long_output_stops_at_a_page_and_q_ends_it() -> None:
    _, screen = type_at("show full-configuration system global\r", "q", "exit\r", rows=10)
    assert f"--More-- {ERASE}" in screen
    assert screen.count("--More-- ") == 1


def test_control_c_ends_a_running_command() -> None:
    _, screen = type_at("execute ping testrfc7030.com\r", "\x03", "exit\r")
    assert "^C" in screen
    assert "packets transmitted" in screen


def test_typed_lines_are_kept_in_the_history_file(tmp_path: Path) -> None:
    type_at("get system status\r", "exit\r", history=tmp_path / "history")
    assert "get system status" in (tmp_path / "history").read_text()
    assert (tmp_path / "history").stat().st_mode & 0o777 == 0o600


def keyboard(keys: str) -> tuple[list[str], Pager]:
    pressed, printed = iter(keys), list[str]()

    async def key() -> str:
        return next(pressed)

    return printed, Pager(printed.append, key, lambda: (6, 80))


def test_the_pager_gives_a_page_for_space_and_a_line_for_enter() -> None:
    printed, pager = keyboard(" \rq")
    assert not asyncio.run(pager.show("\n".join(map(str, range(20)))))
    assert [part for part in printed if part.endswith("\n")] == [f"{n}\n" for n in range(9)]


def test_a_secret_is_not_echoed_and_control_c_interrupts() -> None:
    keys, printed = iter("ab\x7fc\r\x03"), list[str]()

    async def key() -> str:
        return next(keys)

    assert asyncio.run(answer("Password: ", Kind.SECRET, printed.append, key)) == "ac"
    assert "".join(printed) == "Password: \n"
    with pytest.raises(Interrupted):
        asyncio.run(answer("? ", Kind.YES_NO, printed.append, key))
