"""`| grep`: basic regular expressions, as the box takes them."""

# ranks: 17

from __future__ import annotations

import re
import shutil
import subprocess
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortish import grep
from fortish.commands import Grep

ROWS = [
    "set a+b (x)",
    "set ab",
    "set aab",
    "edit {1}",
    "a|b",
    "x",
    "",
    "[y]",
    "back\\slash",
    "a-b",
    "config system dns",
]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a+b", ["set a+b (x)"]),
        (r"a\+b", ["set ab", "set aab"]),
        ("(x)", ["set a+b (x)"]),
        (r"\(aa\|dns\)", ["set aab", "config system dns"]),
        ("a|b", ["a|b"]),
        ("{1}", ["edit {1}"]),
        (r"a\{2\}b", ["set aab"]),
        ("^x$", ["x"]),
        ("[[:digit:]]", ["edit {1}"]),
        (r"[\]", ["back\\slash"]),
        (r"\[y", ["[y]"]),
        ("*x", []),
        ("[", ["[y]"]),
    ],
)
def test_a_pattern_is_a_basic_regular_expression(pattern: str, found: list[str]) -> None:
    assert list(grep.select(ROWS, Grep(pattern))) == found


@given(st.text(alphabet="ab[]^$.*+?|(){}\\-&~ x", max_size=12))
def test_no_pattern_raises_or_warns(pattern: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(grep.select(ROWS, Grep(pattern))) <= set(ROWS)


@pytest.mark.skipif(shutil.which("grep") is None, reason="no grep on PATH")
@given(
    st.lists(
        st.sampled_from(["a", "b", ".", "*", "x", "+", "(", ")", "|", "{", "[ab]", "[^a]", "^", "$", " "]), max_size=5
    )
)
def test_it_finds_what_grep_finds(pieces: list[str]) -> None:
    pattern = "".join(pieces)
    if (
        re.search(r"(^|[^\\])\*\*", pattern)
        or pattern.lstrip("^").startswith("*")
        or "$" in pattern[:-1]
        or "^" in pattern[1:]
    ):
        return  # what these mean differs from one grep to the next
    real = subprocess.run(
        ["grep", "-e", pattern], input="\n".join(ROWS) + "\n", capture_output=True, text=True, check=False
    )
    if real.returncode < 2:
        assert list(grep.select(ROWS, Grep(pattern))) == real.stdout.splitlines()
