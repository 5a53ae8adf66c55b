"""Screen copies: when a text is one, and what was typed in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortish import screen
from fortish.replay import typed_lines


@pytest.mark.parametrize(
    "text",
    [
        "FGT # get system status\n",
        "Version: 1\nFGT (local) # show\n",
        "FGT $ show",
        "(local) # show",
        "# execute ping x\nPING x (1.2.3.4): 56 data bytes\n",
        "# config system global\n(global) # end\n",
        "FortiProxy-VM64 # \n",
        "FGT # emd\nUnknown action 0\n",
        "FGT # show\nconfig system global\n    set hostname a\nend\n",
        "    next\nend\n\nFGT # config system dns\n\nFGT (dns) # set primary 1.1.1.1\n\nFGT (dns) # end\n",
        "The box's banner\nFGT # get system status\n",
    ],
)
def test_a_text_with_prompts_is_a_screen_copy(text: str) -> None:
    assert screen.is_screen(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "config system global\nset hostname a\nend\n",
        "# set up the box\nconfig system global\nend\n",
        "# config system global\nconfig system global\nend\n",
        "#config-version=FPX-7.6.0:opmode=0\nconfig system global\nend\n",
        "# only a comment\n",
        "config system global\nset hostname X\nend # of global\nconfig system dns\nset primary 1.1.1.1\nend\n",
        "config system alias\nedit a\nset command 'get\nfoo $ bar\nFGT # show\n'\nend\n",
        "config system global\nset hostname X\nfoo $ bar\nend\n",
        "config system global\nset alias X\nFGT # show\nend\n",
        "end # nothing but verbs\n",
    ],
)
def test_a_script_with_comments_is_no_screen_copy(text: str) -> None:
    assert not screen.is_screen(text)


COPY = """what the terminal said before
FGT # config vpn certificate local

FGT (local) # edit "a"
new entry 'a' added

FGT (a) # set comments "one
> two
>three"

FGT (a) # end

FGT # execute ping h
one
two
^C
three
FGT # purge

Do you want to continue? (y/n)y

FGT #
"""


def test_turns_hold_what_was_typed_and_what_came_after() -> None:
    turns = list(screen.turns(COPY))
    assert [turn.number for turn in turns] == [2, 4, 7, 11, 13, 18, 22]
    assert [turn.prompt for turn in turns] == [
        "FGT #", "FGT (local) #", "FGT (a) #", "FGT (a) #", "FGT #", "FGT #", "FGT #"]  # fmt: skip
    assert turns[2].typed == ['set comments "one', "two", 'three"']
    assert turns[1].expected == ["new entry 'a' added", ""]
    assert turns[4].interrupt == 2 and turns[4].expected == ["one", "two", "^C", "three"]
    assert turns[5].answers == ["y"]
    assert turns[6].typed == [""]


def test_a_line_with_a_number_sign_in_what_was_printed_is_no_prompt() -> None:
    text = 'FGT # show\n set command "get\nfoo $ bar\n"\nFGT # config system global\nLAB (global) # end\n'
    assert [turn.typed for turn in screen.turns(text)] == [["show"], ["config system global"], ["end"]]


def test_a_turn_knows_who_logged_in_after_it() -> None:
    text = "FGT # exit\n\nFGT login: anna\nPassword: \nLogin incorrect\n\nFGT login: otto\nPassword: \n\nFGT $ end\n"
    assert [(turn.typed, turn.login) for turn in screen.turns(text)] == [(["exit"], "otto"), (["end"], "")]
    assert [(line.text, line.login) for line in typed_lines(text)] == [("exit", "otto"), ("end", "")]


def test_the_lines_to_type_carry_their_numbers_keys_and_answers() -> None:
    lines = typed_lines(COPY)
    assert [(line.number, line.text) for line in lines][2:5] == [(7, 'set comments "one'), (8, "two"), (9, 'three"')]
    assert [line.interrupt for line in lines if line.interrupt is not None] == [2]
    assert [line.answers for line in lines if line.answers] == [("y",)]


def test_a_script_types_every_line_it_has() -> None:
    text = "# c\r\n\r\nshow\r\n"
    assert [(line.number, line.text) for line in typed_lines(text)] == [(1, "# c"), (2, ""), (3, "show")]


def test_the_caller_may_say_what_a_text_is() -> None:
    text = "# get system status\nshow\n"
    assert [line.text for line in typed_lines(text)] == ["# get system status", "show"]
    assert [line.text for line in typed_lines(text, transcript=True)] == ["get system status"]


def test_a_greater_sign_outside_a_quote_is_output() -> None:
    (turn,) = screen.turns("FGT # show\n> x\n")
    assert turn.typed == ["show"] and turn.expected == ["> x"]


@pytest.mark.parametrize(
    ("expected", "actual", "match"),
    [
        ([], [], True),
        (["a"], ["a"], True),
        (["a"], [], False),
        ([], ["a"], False),
        (["..."], [], True),
        (["..."], ["a", "b"], True),
        (["a", "...", "b"], ["a", "b"], True),
        (["a", "...", "b"], ["a", "b", "x", "b"], True),
        (["a", "...", "b"], ["a", "x"], False),
        (["...", "b", "...", "c"], ["b", "b", "c", "d", "c"], True),
        (["a..."], ["abc"], False),
    ],
)
def test_three_dots_alone_stand_for_any_lines(expected: list[str], actual: list[str], match: bool) -> None:
    assert screen.matches(expected, actual) is match


@given(st.lists(st.sampled_from("abc"), max_size=8), st.data())
def test_lines_cut_out_and_replaced_by_three_dots_still_match(rows: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(rows)))
    stop = data.draw(st.integers(start, len(rows)))
    assert screen.matches([*rows[:start], "...", *rows[stop:]], rows)
