"""The interactive shell, typed at through a pipe."""

# ranks: 8 19

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path

import hurry
import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from fortish.box import Box
from fortish.console import ERASE, Pager, answer, rows
from fortish.drive import Runtime
from fortish.errors import Interrupted
from fortish.keyboard import Keyboard
from fortish.network.world import LabNetwork
from fortish.session import Session
from fortish.shell import interact
from fortish.steps import Kind


async def _type(pieces: tuple[str | bytes | int, ...], history: Path | None, size: list[int]) -> tuple[Session, str]:
    clock = hurry.Clock()
    box = Box.new(clock)
    runtime = Runtime(box, clock, LabNetwork(box))
    session, screen = Session(box), io.StringIO()
    output = Vt100_Output(screen, lambda: Size(rows=size[0], columns=80), term="dumb", enable_cpr=False)
    with create_pipe_input() as keyboard:
        work = asyncio.create_task(interact(runtime, session, history=history, input=keyboard, output=output))
        for piece in pieces:
            await asyncio.sleep(0.1)  # all has been answered
            if isinstance(piece, int):  # the window gets another height
                size[0] = piece
            elif isinstance(piece, bytes):
                keyboard.send_bytes(piece)
            else:
                keyboard.send_text(piece)
        await asyncio.wait_for(work, 60)
    await runtime.network.close()
    return session, screen.getvalue()


def type_at(*pieces: str | bytes | int, history: Path | None = None, height: int = 24) -> tuple[Session, str]:
    return hurry.run(_type(pieces, history, [height]))


def alias(session: Session, key: str) -> str:
    return str(session.box.cmdb["system alias"][key]["command"])


def test_exit_at_the_root_leaves() -> None:
    assert not type_at("exit\r")[0].alive


def test_control_d_on_an_empty_line_leaves_and_says_what_is_not_saved(capsys: pytest.CaptureFixture[str]) -> None:
    type_at("config vpn certificate local\r", "edit x\r", "set comments a\r", "\x04")
    assert capsys.readouterr().err == "not saved: vpn certificate local x\n"


def test_a_question_mark_lists_at_once_and_completes_a_word_that_is_clear() -> None:
    _, screen = type_at("config system conso", "?", "\r", "end\r", "exit\r")
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
    _, screen = type_at("show full-configuration system global\r", "q", "exit\r", height=10)
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


# --- what goes wrong at terminals -----------------------------------------------------------------------------------

ALIAS = "config system alias\redit x\r"


def test_history_lasts_from_session_to_session(tmp_path: Path) -> None:
    type_at("get system status\r", "exit\r", history=tmp_path / "history")
    _, screen = type_at("\x1b[A\x1b[A", "\r", "\x04", history=tmp_path / "history")
    assert "Serial-Number" in screen


def test_a_history_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("")
    (tmp_path / "history").chmod(0o644)
    type_at("exit\r", history=tmp_path / "history")
    assert (tmp_path / "history").stat().st_mode & 0o777 == 0o600


def test_without_a_place_for_history_one_can_type_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "folder", tmp_path / "none" / "history"):
        session, screen = type_at("get system status\r", "exit\r", history=place)
        assert "Serial-Number" in screen
        assert session.left == "exit"


def test_octets_that_are_not_utf_8_are_taken_as_latin_1(tmp_path: Path) -> None:
    session, _ = type_at(ALIAS, b'set command "caf\xe9"\rend\r', "exit\r", history=tmp_path / "history")
    assert alias(session, "x") == "caf\xe9"
    assert "caf\xe9" in (tmp_path / "history").read_text("utf-8")
    session, _ = type_at(ALIAS, b'\x1b[200~set command "caf\xe9"\nend\n\x1b[201~', "exit\r")
    assert alias(session, "x") == "caf\xe9"


@pytest.mark.parametrize(
    "text",
    ["\u6f22\u5b57 \u30ab\u30ca", "e\u0301a\u0308", "\U0001f600 \u2713", "\u0627\u0644\u0639\u0631\u0628\u064a\u0629"],
)
def test_any_script_can_be_typed_edited_and_kept(text: str) -> None:
    session, screen = type_at(ALIAS, f'set command "{text}xy\x7f\x7f"\rshow\r', "end\r", "exit\r")
    assert alias(session, "x") == text
    assert f'set command "{text}"' in screen


def test_the_cursor_walks_over_wide_characters_one_by_one() -> None:
    session, _ = type_at(ALIAS, 'set command "\u6f22\u5b57"\x1b[D\x1b[D-\r', "end\r", "exit\r")
    assert alias(session, "x") == "\u6f22-\u5b57"


@pytest.mark.parametrize(
    ("line", "columns", "taken"),
    [
        ("", 10, 1),
        ("x" * 10, 10, 1),
        ("x" * 11, 10, 2),
        ("\u6f22" * 5, 10, 1),
        ("\u6f22" * 6, 10, 2),
        ("\u6f22" * 5, 9, 2),  # the last column stays empty: no character is cut
        ("e\u0301" * 10, 10, 1),
        ("a\tb", 10, 1),
        ("a\tbcd", 10, 2),
    ],
)
def test_rows_are_counted_as_the_terminal_fills_them(line: str, columns: int, taken: int) -> None:
    assert rows(line, columns) == taken


def test_the_pager_counts_wide_lines_as_many_rows() -> None:
    printed, pager = keyboard("q")
    assert not asyncio.run(pager.show("\n".join(["\u6f22" * 41] * 3)))  # 82 columns on 80: two rows each
    assert [part for part in printed if part.endswith("\n")] == ["\u6f22" * 41 + "\n"] * 2


def test_the_pager_heeds_a_window_that_grows_and_shrinks() -> None:
    _, screen = type_at("show full-configuration system global\r", 30, " ", 5, " ", "q", "exit\r", height=10)
    pages = [page.count("\n") for page in screen.replace("\r\n", "\n").split("--More-- ")]
    assert pages[1:3] == [28, 3]


@pytest.mark.parametrize("form", ["\x1b[200~{}\x1b[201~", "{}"])
def test_a_paste_of_a_thousand_lines_loses_none(form: str) -> None:
    entries = {f"a{n}": f"command {n} \u6f22" for n in range(330)}
    lines = [f'edit {key}\rset command "{value}"\rnext' for key, value in entries.items()]
    pasted = "\r".join(["config system alias", *lines, "end", "exit", ""])
    assert pasted.count("\r") > 990
    session, screen = type_at(form.format(pasted))
    assert {key: entry["command"] for key, entry in session.box.cmdb["system alias"].items()} == entries
    assert screen.count("new entry") == len(entries)


@pytest.mark.parametrize("form", ["\x1b[200~{}\x1b[201~", "{}"])
def test_a_pasted_value_of_several_lines_stays_one_value(form: str) -> None:
    session, _ = type_at(ALIAS, form.format("set command \"one\r  two # not a comment\r\r'three'\"\rnext\rend\rexit\r"))
    assert alias(session, "x") == "one\n  two # not a comment\n\n'three'"
    assert session.left == "exit"


def test_a_paste_into_a_secret_and_what_follows_are_both_taken() -> None:
    async def run() -> list[str]:
        with create_pipe_input() as pipe:
            read = Keyboard(pipe, lambda: None)
            with read.reading():
                pipe.send_text("\x1b[200~s3cret\nsecond\x1b[201~\r")
                return [await answer("? ", Kind.SECRET, lambda text: None, read.key) for _ in range(2)]

    assert asyncio.run(run()) == ["s3cret", "second"]


def test_what_a_question_leaves_of_a_paste_waits_for_the_prompt() -> None:
    session, _ = type_at(f"{ALIAS}set command a\rnext\r", "purge\r", "\x1b[200~yend\nexit\n\x1b[201~")
    assert session.left == "exit"
    assert list(session.box.cmdb["system alias"]) == []


# Ctrl-C: where, what was typed before, what must not have happened.
@pytest.mark.parametrize(
    "before",
    [
        "get system status",
        'config "sys\rtem',
        f"{ALIAS}set command a\rnext\rpurge\r",
        "show full-configuration system global\r",
        "config system global\rset ?",
        "execute ping testrfc7030.com\r",
        "diagnose debug ap\t\t",
        "\x1b[A\x12get",
    ],
    ids=["line", "open quote", "question", "page", "page of help", "command", "completion", "search"],
)
def test_control_c_leads_back_to_a_prompt_from_everywhere(before: str) -> None:
    session, screen = type_at(before, "\x03", "\x03", "\x03", "abort\r", "get system status\r", "exit\r")
    assert "Serial-Number" in screen
    assert session.left == "exit"


def test_control_c_at_a_question_is_no() -> None:
    session, _ = type_at(f"{ALIAS}set command a\rnext\r", "purge\r", "\x03", "end\r", "exit\r")
    assert list(session.box.cmdb["system alias"]) == ["x"]


def test_control_c_stops_a_paste() -> None:
    pasted = "execute ping testrfc7030.com\rconfig system alias\redit x\rset command a\rend\r"
    session, _ = type_at(f"\x1b[200~{pasted}\x1b[201~", "\x03", "exit\r")
    assert session.left == "exit"
    assert list(session.box.cmdb["system alias"]) == []


def test_a_single_key_is_an_answer_and_is_shown_if_it_can_be() -> None:
    for key, shown in (("a", "? a\n"), ("\r", "? \n"), ("\u6f22", "? \u6f22\n")):
        keys, printed = iter(key), list[str]()

        async def read(keys: Iterator[str] = keys) -> str:
            return next(keys)

        assert asyncio.run(answer("? ", Kind.KEY, printed.append, read)) == key
        assert "".join(printed) == shown


def test_backspace_takes_a_whole_character_from_an_answer() -> None:
    keys, printed = iter("a\u6f22e\u0301\x7f\x7f\x7f\x7fb\r"), list[str]()

    async def read() -> str:
        return next(keys)

    assert asyncio.run(answer("", Kind.LINE, printed.append, read)) == "b"
    assert "".join(printed).count("\b \b") == 4  # one, two and one column


def test_control_d_ends_a_question_in_which_nothing_is_typed() -> None:
    for keys, typed in (("\x04", None), ("a\x04\r", "a")):
        pressed = iter(keys)

        async def read(pressed: Iterator[str] = pressed) -> str:
            return next(pressed)

        if typed is None:
            with pytest.raises(Interrupted):
                asyncio.run(answer("", Kind.LINE, lambda text: None, read))
        else:
            assert asyncio.run(answer("", Kind.LINE, lambda text: None, read)) == typed


def test_what_breaks_beside_the_prompt_ends_it_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(help_: object) -> list[str]:
        raise ZeroDivisionError

    monkeypatch.setattr("fortish.completion.layout", broken)
    with pytest.raises(ZeroDivisionError):
        type_at("get ", "?")


def test_up_leads_to_no_line_of_another_administrator(tmp_path: Path) -> None:
    _, screen = type_at(
        "config system admin\r", "edit ro\r", "set accprofile prof_admin\r", "set password TopSecret1\r", "end\r",
        "execute reboot\r", "y", "ro\r", "TopSecret1\r", "\x1b[A\x1b[A\x1b[A", "get system status\r", "exit\r",
        history=tmp_path / "history",
    )  # fmt: skip
    _, _, afterwards = screen.rpartition("Welcome!")
    assert "get system status" in afterwards and "TopSecret1" not in afterwards
    assert (tmp_path / "history").read_text().count("+get system status") == 0


def test_control_c_right_behind_an_unfinished_line_drops_it() -> None:
    session, _ = type_at("config system \\\r\x03", "get system status | grep Hostname\r", "exit\r")
    assert not session.waiting and session.place == "" and session.failure is None


def test_lines_typed_ahead_run_in_their_order() -> None:
    lines = "".join(f"edit a{number}\rset command x\rnext\r" for number in range(200))
    session, screen = type_at(f"config system alias\r{lines}end\r", "exit\r")
    assert len(session.box.cmdb.rows("global", ("system", "alias"))) == 200
    assert screen.count("new entry 'a199' added") == 1


def test_a_history_that_has_grown_too_long_keeps_its_newer_half(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("".join(f"\n# 2026-01-01 00:00:00\n+line {number}\n" for number in range(20_000)))
    type_at("exit\r", history=path)
    kept = path.read_text()
    assert len(kept) < 300_000 and kept.startswith("\n# 2026") and "+line 19999\n" in kept
    assert path.stat().st_mode & 0o777 == 0o600
