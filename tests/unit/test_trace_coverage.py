"""Every line that the EST client can trace is printed by a golden transcript, or stands here with a reason why not."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from fortish import golden, screen
from fortish.est.trace import EstLine
from fortish.messages import Origin

FOLDER = Path(__file__).parents[1] / "transcripts"
PREFIX = re.compile(r"^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d )?(\[\d+\] \w+:)", re.MULTILINE)

# Lines that no transcript can provoke yet, by name; sorted.
# fmt: off
UNPROVOKED = {
    "CERT_GONE":  "the entry must be deleted while its renewal waits for the server: a transcript is one console",
    "CSR_FAILED": "a certificate or key that gets through TLS and then makes no request cannot be set on this box",
    "NOT_SAVED":  "the journal must fail: a transcript's box keeps its configuration in memory",
}
# fmt: on


def prefix(line: EstLine) -> str:
    return f"[{line.number}] {line.function}:"


@cache
def printed() -> frozenset[str]:
    """The prefixes in what transcripts expect; what they type is left out."""
    found: set[str] = set()
    for path in FOLDER.rglob("*.txt"):
        scenario = golden.read(path.read_text("utf-8"))
        for turn in screen.turns(scenario.sections["session"]):
            found.update(PREFIX.findall("\n".join(turn.expected)))
    return frozenset(found)


@pytest.mark.parametrize("line", EstLine, ids=lambda line: line.name)
def test_every_trace_line_is_printed_by_a_transcript(line: EstLine) -> None:
    if line.name in UNPROVOKED:
        assert prefix(line) not in printed(), f"{line.name} is provoked now: take it off the list"
    else:
        assert prefix(line) in printed()


def test_every_documented_trace_line_is_printed() -> None:
    documented = {line.name for line in EstLine if line.origin is Origin.DOCUMENTED}
    assert not documented & UNPROVOKED.keys()


def test_no_transcript_expects_a_line_that_is_not_declared() -> None:
    assert printed() <= {prefix(line) for line in EstLine}


def test_prefixes_tell_the_lines_apart() -> None:
    assert len({prefix(line) for line in EstLine}) == len(EstLine)


def test_exceptions_are_sorted_and_known() -> None:
    assert list(UNPROVOKED) == sorted(UNPROVOKED)
    assert UNPROVOKED.keys() <= EstLine.__members__.keys()
