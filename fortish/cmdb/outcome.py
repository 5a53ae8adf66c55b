"""What a configuration verb answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb answers: lines to print, and a question to ask before it is done (then `confirm`).

    `logout`: it takes effect only at the next login.
    """

    lines: tuple[str, ...] = ()
    question: str = ""
    action: Callable[[], Outcome | None] | None = None
    logout: bool = False


DONE = Outcome()
