"""Golden transcripts: one test for each file in tests/transcripts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fortish import golden

FOLDER = Path(__file__).parent / "transcripts"
FILES = sorted(FOLDER.rglob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER).with_suffix("")))
def test_the_box_answers_as_the_transcript_says(path: Path, request: pytest.FixtureRequest) -> None:
    text = path.read_text("utf-8")
    scenario = golden.read(text)
    differences, written = asyncio.run(golden.play(scenario))
    if differences and request.config.getoption("--update") and "captured" not in path.parts:
        path.write_text(rewritten(text, written), "utf-8")
        return
    assert not differences, "\n\n".join(map(str, differences))


def rewritten(text: str, session: str) -> str:
    """A scenario with its session replaced; the other sections stay."""
    head, heading, rest = text.partition("-- session --\n")
    following = golden.HEADING.search(rest)
    tail = f"\n{rest[following.start() :]}" if following else ""
    return f"{head}{heading}{session}{tail}"


def test_update_rewrites_the_session_and_nothing_else() -> None:
    text = "What it proves.\n\n-- start.conf --\nx\n-- session --\nold\n-- show.conf --\ny\n"
    assert (
        rewritten(text, "new\n") == "What it proves.\n\n-- start.conf --\nx\n-- session --\nnew\n\n-- show.conf --\ny\n"
    )


def test_a_wrong_line_is_a_difference() -> None:
    scenario = golden.read(
        "Proves that the comparison can fail.\n\n-- session --\nFGT # execute date\ncurrent date is: 1999-01-01\n"
    )
    differences, _ = asyncio.run(golden.play(scenario))
    assert len(differences) == 1
    assert "1999-01-01" in str(differences[0])


def test_a_wrong_prompt_is_a_difference() -> None:
    scenario = golden.read("Proves that the prompt is asserted.\n\n-- session --\nFGT (local) # execute date\n...\n")
    differences, _ = asyncio.run(golden.play(scenario))
    assert differences[0].expected == ["FGT (local) #"]


def test_every_transcript_says_what_it_proves() -> None:
    assert FILES
    for path in FILES:
        assert len(golden.read(path.read_text("utf-8")).title.split()) > 5, path
