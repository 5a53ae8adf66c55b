"""What a lab tells, laid out for the width of a terminal: words stay whole, further lines are indented."""

from __future__ import annotations

import shutil
import sys
import textwrap

WIDEST, NARROWEST = 100, 20  # columns of a line of prose


def columns() -> int:
    """How wide prose may be on this terminal."""
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size().columns - 1))


def paragraphs(text: str, indent: str = "", first: str = "") -> str:
    """A text in paragraphs (an empty line between two), each filled. `first` stands before the first line of each."""
    return "\n\n".join(_filled(" ".join(block.split()), indent, first, columns()) for block in text.split("\n\n"))


def row(text: str, indent: str = "    ") -> str:
    """A line of a list: filled on a terminal, as long as it is for a program that reads it."""
    return _filled(text, indent, "", columns()) if sys.stdout.isatty() else text


def below(text: str, width: int, rows: int) -> list[str]:
    """At most so many rows of a text, with a sign if that is not all of it."""
    return textwrap.wrap(text, max(10, width), max_lines=rows, placeholder=" ...", break_on_hyphens=False)


def _filled(text: str, indent: str, first: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)
