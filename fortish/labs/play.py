"""A lab played without a person: an answer's lines typed in frozen time, what is found at the end and on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

from fortish.errors import UsageError
from fortish.labs.finding import Finding
from fortish.labs.lab import Lab
from fortish.labs.stage import Stage, prepare, turn
from fortish.replay import Failure, Player, Typed


@dataclass(slots=True)
class Played:
    """What came of it: the findings of each task, what must always hold and did not (and since when), failed lines."""

    tasks: dict[str, list[Finding]]
    broken: dict[int, tuple[int, Finding]] = field(default_factory=dict)  # by place in keep
    failures: list[Failure] = field(default_factory=list)

    def done(self) -> list[str]:
        """The tasks that are fulfilled."""
        return [name for name, findings in self.tasks.items() if all(finding.ok for finding in findings)]


async def play(lab: Lab, *steps: Sequence[Typed], file: str = "-", patience: float | None = None) -> list[Played]:
    """Play lines from a lab's start; what stands at the start and after each step. Raises `UsageError`.

    So also after so many seconds of real time (`patience`): lines may wait, or print, for ever.
    """
    with TemporaryDirectory(prefix="fortish-lab-") as folder:
        stage = await prepare(lab, Path(folder), live=False)
        try:
            async with asyncio.timeout(patience):
                return await _steps(stage, steps, file, inf if patience is None else time.monotonic() + patience)
        except TimeoutError:
            raise UsageError(f"it was not at its end after {patience:g} seconds") from None
        finally:
            await stage.runtime.close()


async def _steps(stage: Stage, steps: Sequence[Sequence[Typed]], file: str, end: float) -> list[Played]:
    broken: dict[int, tuple[int, Finding]] = {}
    seen = -1

    def look(line: int) -> None:
        """Look at what must hold whenever the configuration has changed."""
        nonlocal seen
        turn(stage)
        if stage.runtime.box.cmdb.generation != seen:
            seen = stage.runtime.box.cmdb.generation
            for place, finding in enumerate(stage.kept()):
                if not finding.ok:
                    broken.setdefault(place, (line, finding))

    def show(text: str) -> None:
        if time.monotonic() > end:  # who prints without a pause lets no timer run
            raise TimeoutError
        stage.screen.extend(text.removesuffix("\n").split("\n"))

    look(0)
    player = Player(stage.runtime, stage.session, show, tick=1.0, echo=False, logins=stage.lab.world.login, file=file)
    played = [Played(stage.judge(), dict(broken))]
    for step in steps:
        await player.play(step, lambda _: look(player.at))
        await player.settle()
        seen = -1
        look(step[-1].number if step else 0)
        played.append(Played(stage.judge(), dict(broken), list(player.failures)))
    return played
