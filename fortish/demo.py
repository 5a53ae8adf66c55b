"""`fortish demo`: the enrollment guide's Examples 1 to 3, typed at a fresh box in the lab's world, over real TLS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fortish.boot import Options, boot
from fortish.replay import Player, typed_lines
from fortish.session import Session

PACKAGED = Path(__file__).parent / "_examples"
CHECKOUT = Path(__file__).parent.parent / "examples"
# The examples build on each other: those before the one that is asked for are played unseen.
EXAMPLES = {"1": "example-1-enroll.txt", "2": "example-2-renew.txt", "3": "example-3-regenerate.txt"}


def folder() -> Path:
    """Where the example screen copies are: in the wheel, or in a checkout."""
    return PACKAGED if PACKAGED.is_dir() else CHECKOUT


async def play(example: str | None, write: Callable[[str], object]) -> int:
    """Play one example, or all; 1 if a line of them failed that should not."""
    runtime = boot(Options(frozen=True))
    session = Session(runtime.box)
    failures = 0
    try:
        for number, name in EXAMPLES.items():
            shown = example in (None, number)
            player = Player(runtime, session, write if shown else _unseen, tick=1.0)
            await player.play(typed_lines((folder() / name).read_text("utf-8"), transcript=True))
            player.close()
            # The one failure that belongs there is the guide's own: enrolling before the CA is trusted.
            failures += len([failure for failure in player.failures if "self-signed" not in failure.message])
            if number == example:
                break
    finally:
        await runtime.network.close()
    return 1 if failures else 0


def _unseen(text: str) -> None:
    """Print nothing."""
