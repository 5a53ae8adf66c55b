"""Scripts in pieces and whole: physical lines to logical lines."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortish import commands as c
from fortish.errors import CliError
from fortish.parse import Line, LineJoiner, ScriptReader, parse_script, script_lines

CORPUS = [
    "",
    "\n",
    "config system global\nset hostname a\nend\n",
    "config system global\r\nset hostname a\r\nend\r\n",
    'config system global\n    set hostname "a\nb\nc"\nend',
    "set a \\\n  b \\\n  c\nend\n",
    "# comment with a ' quote\nset a 'x\n# data\ny'\n",
    'set a "never\nclosed\n',
    "set a b\\",
    'set a "é€😀\u00a0"\n\n\n# Zoë\n',
    "set a \"x\\\ny\"\nset b '\\'\nend\n",
    'set a "one" \'t\nwo\' \\\n"th\nree"\nnext\n',
]


def fed(raw: bytes, cuts: list[int]) -> list[Line]:
    reader = ScriptReader()
    places = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    lines = [line for start, stop in pairwise(places) for line in reader.feed(raw[start:stop])]
    return lines + reader.close()


@pytest.mark.parametrize("text", CORPUS)
def test_a_script_fed_byte_by_byte_gives_the_lines_of_the_whole(text: str) -> None:
    raw = text.encode()
    assert fed(raw, list(range(len(raw)))) == list(script_lines(text)) == fed(raw, [])


PIECES = st.sampled_from(
    ["a", "set x ", '"', "'", "\\", "\n", "\r\n", "\r", "#", " ", "é", "€", "😀", "\u00a0", "\u2028", "end\n", "\ufeff"]
)


@given(st.lists(PIECES, max_size=30), st.lists(st.integers(0, 120), max_size=8))
def test_any_cut_of_a_script_gives_the_same_lines(pieces: list[str], cuts: list[int]) -> None:
    text = "".join(pieces)
    assert fed(text.encode(), cuts) == list(script_lines(text.removeprefix("\ufeff")))


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_any_cut_of_any_bytes_gives_the_same_lines(raw: bytes, cuts: list[int]) -> None:
    assert fed(raw, cuts) == fed(raw, [])


def test_a_byte_order_mark_is_dropped_at_the_start_alone() -> None:
    assert fed(b"\xef\xbb\xbfend\n\xef\xbb\xbfend", [1, 2]) == [Line(1, "end"), Line(2, "\ufeffend")]


def test_a_line_that_is_not_utf_8_is_latin_1_and_the_others_are_not() -> None:
    assert fed("set a é\n".encode() + b"set a \xe9\n", [7]) == [Line(1, "set a é"), Line(2, "set a é")]


def test_cr_lf_is_a_line_end_and_is_not_kept_in_quotes() -> None:
    assert fed(b'set a "x\r\ny"\r\nend\r\n', [9]) == [Line(1, 'set a "x\ny"'), Line(3, "end")]


def test_what_is_never_closed_comes_out_at_the_end() -> None:
    assert fed(b'end\nset a "x\ny\n', []) == [Line(1, "end"), Line(2, 'set a "x\ny')]


def test_a_comment_opens_no_quote_but_inside_a_quote_it_is_data() -> None:
    text = "# it's\nset a 'x\n# y'\nend"
    assert list(script_lines(text)) == [Line(1, "# it's"), Line(2, "set a 'x\n# y'"), Line(4, "end")]


def test_two_backslashes_at_a_line_end_join_nothing() -> None:
    assert list(script_lines("set a b\\\\\nend")) == [Line(1, "set a b\\\\"), Line(2, "end")]


def test_a_joiner_waits_until_its_line_is_whole() -> None:
    joiner = LineJoiner()
    assert joiner.feed('set a "x') is None and joiner.waiting
    assert joiner.feed('y" \\') is None and joiner.waiting
    assert joiner.feed("z") == Line(1, 'set a "x\ny" \\\nz') and not joiner.waiting
    assert joiner.close() is None


def test_commands_carry_the_number_of_their_first_line_and_refusals_stand_in_place() -> None:
    text = '# head\n\nconfig a\n  set b "x\ny"\n  emd\n  set c \\\n   d\nend\nset z "'
    found = list(parse_script(text))
    assert [number for number, _ in found] == [3, 4, 6, 7, 9, 10]
    assert found[1][1] == c.Set("b", ("x\ny",)) and found[3][1] == c.Set("c", ("d",))
    refused = [number for number, command in found if isinstance(command, CliError)]
    assert refused == [6, 10]


@given(
    st.lists(st.sampled_from(["end", "set a 'x\ny'", "# c", "", "set a b \\\n c", "bad", 'set a "\n\n"']), max_size=8)
)
def test_a_command_stands_at_the_line_it_is_said_to_stand_at(blocks: list[str]) -> None:
    text = "\n".join(blocks)
    rows = text.split("\n")
    for line in script_lines(text):
        assert line.text.split("\n") == rows[line.number - 1 : line.number - 1 + len(line.text.split("\n"))]
