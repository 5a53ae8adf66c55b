"""What a learner is shown besides: menu, colours, status line."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import hurry
import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from fortish import parse
from fortish.assist import Colours, Menu, coloured, room, status_line
from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.drive import Runtime, drive
from fortish.network.world import LabNetwork
from fortish.quoting import open_quote
from fortish.session import Session
from fortish.shell import interact

ENTRY = ("config vpn certificate local", "edit web")


def session_at(*lines: str) -> Session:
    """A session that has typed these lines; each must have been taken."""
    clock = VirtualClock(1_700_000_000)
    box = Box.new(clock)
    session, runtime = Session(box), Runtime(box, clock, LabNetwork(box))

    async def run() -> None:
        for line in lines:
            await drive(session.feed(line), runtime)
            assert session.failure is None, line
        await runtime.network.close()

    asyncio.run(run())
    return session


def styles(session: Session, text: str) -> list[tuple[str, str]]:
    """The words of a line with their styles; the text is all there."""
    pieces = coloured(session, text)
    assert "".join(piece[1] for piece in pieces) == text
    return [(piece[1], piece[0].removeprefix("class:fortish.")) for piece in pieces if piece[1].strip()]


# --- colours --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "text", "expected"),
    [
        ((), "config system global", "verb name name"),
        ((), "conf sys glob", "verb name name"),
        ((), "  get   system status | grep -i serial", "verb name name pipe name name plain"),
        ((), "show |grep x", "verb pipe plain"),
        ((), "bogus", "error"),
        ((), "config bogus here", "verb error plain"),
        ((), "e", "plain"),  # the start of two verbs
        ((), "set x", "error plain"),  # a verb that cannot stand here
        ((), "# config system global", "comment"),
        ((), "execute ping 192.0.2.1", "verb name plain"),
        (ENTRY, "set comments 'a b'", "verb name string"),
        (ENTRY, 'set comments "open', "verb name string"),
        (ENTRY, "set auto-regenerate-days 30", "verb name number"),
        (ENTRY, "set enroll-protocol est", "verb name name"),
        (ENTRY, "set enroll-protocol nonsense", "verb name error"),
        (ENTRY, "set password hunter2", "verb name plain"),
        (ENTRY, "", ""),
    ],
)
def test_each_word_is_coloured_by_what_it_is_where_it_stands(lines: tuple[str, ...], text: str, expected: str) -> None:
    found = styles(session_at(*lines), text)
    assert " ".join((style or "plain") for _, style in found) == expected


def test_a_line_that_goes_on_is_coloured_from_its_beginning() -> None:
    session = session_at(*ENTRY)
    lexer = Colours(session, lambda text: f'set comments "one\n{text}')
    line = lexer.lex_document(Document('two" x'))(0)
    assert [(piece[0], piece[1]) for piece in line] == [
        ("class:fortish.string", 'two"'), ("", " "), ("class:fortish.error", "x"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", " ", "a", 'set x "a b', "set x 'a", "x\\", "a 'b' c", '"a""b" c', "a\\ b c"])
def test_the_words_of_a_line_stand_where_the_parser_finds_them(text: str) -> None:
    words = [text[start:end] for start, end in parse.spans(text)]
    assert "".join(words).replace(" ", "") == text.replace(" ", "")
    still = open_quote(text)
    if text.strip() and still is None:
        assert len(words) == len(parse._word().findall(text))


def test_colouring_a_pasted_monster_takes_no_time() -> None:
    text = "set comments " + "x " * 5000
    assert coloured(session_at(*ENTRY), text) == [("", text)]


# --- the menu -------------------------------------------------------------------------------------------------------


def menu(session: Session, text: str, held: str = "") -> list[tuple[str, str, str]]:
    """Inserted text, what is shown, its help."""
    offered = Menu(session, lambda typed: held + typed).get_completions(Document(text), CompleteEvent())
    return [(c.text, c.display_text, c.display_meta_text) for c in offered]


def test_the_menu_offers_what_the_question_mark_lists() -> None:
    assert menu(session_at(), "conf") == [("config", "config", "Configure object.")]
    assert menu(session_at(), "bogus ") == []
    assert [shown for _, shown, _ in menu(session_at(), "get system status ")] == ["|", "<Enter>"]


def test_what_stands_for_a_value_is_shown_and_inserts_nothing() -> None:
    offered = menu(session_at(*ENTRY), "set comments ")
    assert offered == [("", "<string>", "please input string value")]


def test_a_name_with_blanks_is_inserted_in_quotes() -> None:
    session = session_at("config system alias", 'edit "two words"', "set command x", "next")
    assert menu(session, "edit t")[0][:2] == ('"two words"', "two words")


def test_a_word_that_began_on_an_earlier_line_is_left_alone() -> None:
    assert menu(session_at(*ENTRY), "st", held='set comments "fir\n') == []


# --- the status line ------------------------------------------------------------------------------------------------


def test_the_status_line_has_the_whole_path_and_what_is_not_saved() -> None:
    assert status_line(session_at(), 80) == " vdom root | root prompt"
    session = session_at(*ENTRY, "set comments x", "set enroll-protocol est")
    assert status_line(session, 120) == (
        " vdom root | config vpn certificate local > edit web | unsaved: comments, enroll-protocol"
    )
    assert status_line(session_at("config system global", "set hostname x"), 80) == (
        " vdom root | config system global | unsaved: hostname"
    )


def test_a_change_that_is_saved_is_no_longer_in_the_status_line() -> None:
    session = session_at("config system alias", "edit x", "set command x", "next")
    assert status_line(session, 80) == " vdom root | config system alias"


def test_secrets_never_reach_the_status_line() -> None:
    session = session_at(*ENTRY, "set password hunter2", "set comments hunter2")
    for columns in (20, 40, 80, 200):
        assert "hunter2" not in status_line(session, columns)
    assert "password" in status_line(session, 200)


def test_the_status_line_says_what_is_debugged_how_long_and_whether_here() -> None:
    session = session_at("diagnose debug application est -1")
    assert status_line(session, 120).endswith("debug est -1, 30 min, not shown here")
    session.debug.enabled = True
    assert status_line(session, 120).endswith("debug est -1, 30 min, shown here")
    session.box.clock.set(session.box.clock.now() + 29.5 * 60)
    assert "1 min" in status_line(session, 120)
    session.box.clock.set(session.box.clock.now() + 60)
    assert "debug" not in status_line(session, 120)
    assert "no end" in status_line(session_at("diagnose debug duration 0", "diagnose debug application est 1"), 120)


def test_the_status_line_fits_a_narrow_screen() -> None:
    session = session_at("diagnose debug application est -1", *ENTRY, "set comments x", "set range global")
    line = status_line(session, 40)
    assert len(line) <= 40
    assert "web" in line
    assert "2 unsaved" in line
    assert "debug" in line


def test_with_vdoms_the_scope_is_named() -> None:
    session = session_at()
    values = {"vdom-mode": "multi-vdom"}
    from fortish.cmdb.entries import GLOBAL, SINGLE, SYSTEM_GLOBAL, Entry, Put

    session.box.cmdb.commit([Put(GLOBAL, SYSTEM_GLOBAL, SINGLE, Entry(values))])
    assert status_line(session, 80) == " no VDOM entered | root prompt"
    for line, expected in (
        ("config global", " global | root prompt"),
        ("config system global", " global | config system global"),
        ("end", " global | root prompt"),
        ("end", " no VDOM entered | root prompt"),
        ("config vdom", " list of VDOMs | root prompt"),
        ("edit root", " vdom root | root prompt"),
    ):
        for _ in session.feed(line):
            pass
        assert status_line(session, 80) == expected


def test_the_menu_leaves_room_for_what_was_printed() -> None:
    assert [room(rows) for rows in (1, 4, 5, 10, 24, 100)] == [0, 0, 1, 3, 8, 8]


# --- at the keyboard ------------------------------------------------------------------------------------------------


async def _type(pieces: tuple[str, ...], history: Path | None) -> tuple[Session, str]:
    clock = hurry.Clock()
    box = Box.new(clock)
    runtime = Runtime(box, clock, LabNetwork(box))
    session, screen = Session(box), io.StringIO()
    output = Vt100_Output(screen, lambda: Size(rows=24, columns=80), term="dumb", enable_cpr=False)
    with create_pipe_input() as keyboard:
        work = asyncio.create_task(
            interact(runtime, session, history=history, input=keyboard, output=output, assist=True)
        )
        for piece in pieces:
            await asyncio.sleep(0.3)  # all has been answered
            keyboard.send_text(piece)
        await asyncio.wait_for(work, 60)
    await runtime.network.close()
    return session, screen.getvalue()


def type_at(*pieces: str, history: Path | None = None) -> tuple[Session, str]:
    return hurry.run(_type(pieces, history))


def test_tab_takes_the_only_word_that_fits_with_a_blank() -> None:
    session, _ = type_at("conf\t", "vpn\t", "certificate local\r", "\x04")
    assert session.place == "(local) "


def test_tab_walks_through_the_menu_and_return_takes_the_word_without_running_the_line() -> None:
    session, screen = type_at("config system ", "\t", "\t", "\r", "\r", "\x04")
    words = [word for word, _, _ in menu(session_at(), "config system ")]
    assert session.place == f"({words[1]}) "
    assert "incomplete" not in screen


def test_escape_closes_the_menu_and_the_line_stays() -> None:
    session, _ = type_at("config system ", "\t", "\x1b", "console\r", "\x04")
    assert session.place == "(console) "


def test_an_arrow_up_on_an_empty_line_is_history() -> None:
    session, _ = type_at("config system console\r", "end\r", "\x1b[A", "\x1b[A", "\r", "\x04")
    assert session.place == "(console) "


def test_a_question_mark_lists_as_without_assist_and_leaves_no_status_line_behind() -> None:
    _, screen = type_at("config system conso", "?", "\r", "end\r", "exit\r")
    listed = screen.index("console    The console and its output.")
    assert "root prompt" in screen[:listed]
    assert "config system conso\n" in screen.replace("\r", "")


@pytest.mark.parametrize("form", ["\x1b[200~{}\x1b[201~", "{}"])
def test_a_paste_is_not_changed_by_the_menu(form: str) -> None:
    lines = "\r".join(["config system alias", *(f"edit a{n}\rset command x{n}\rnext" for n in range(60)), "end", ""])
    session, _ = type_at(form.format(lines), "exit\r")
    assert {key: entry["command"] for key, entry in session.box.cmdb["system alias"].items()} == {
        f"a{n}": f"x{n}" for n in range(60)
    }


def test_the_status_line_says_that_a_transaction_is_open() -> None:
    session = session_at("execute config-transaction start", "config system alias", "edit a")
    assert "| config transaction id=1, 1 locked" in status_line(session, 120)
