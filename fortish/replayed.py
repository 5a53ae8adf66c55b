"""`fortish replay`: files and lines played on a box of their own, and what is told beside the session."""

from __future__ import annotations

import argparse
import contextlib
import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fortish.arguments import started
from fortish.boot import restoring
from fortish.drive import Runtime
from fortish.files import save, templates, texts
from fortish.messages import Text
from fortish.replay import Failure, Onlooker, Player, Typed, typed_lines
from fortish.session import Session

LONG = 5000  # lines of input from which on a bar is shown unasked, where it disturbs nothing


async def replayed(given: argparse.Namespace) -> int:
    """Play what was asked for; returns the exit status. Raises `UsageError`, `StorageFault`."""
    sources = [(name, text, _lines(text, before, given)) for name, before, text in texts(given.files_)]
    if given.lines:
        sources.append(("-c", "", [Typed(number, line) for number, line in enumerate(given.lines, 1)]))
    runtime = started(given, frozen=given.network != "real")
    gc.disable()  # a replay makes values, not cycles
    try:
        with _reported(runtime, given.report) as onlooker:
            failures, whole = await _played(given, runtime, sources, onlooker)
    finally:
        await runtime.close()
    if failures and given.quiet:
        from fortish.refused import told

        print("\n".join(map(told, failures)))
    templates(sources, {failure.file for failure in failures})
    return 1 if failures or not whole else 0


def _lines(text: str, before: int, given: argparse.Namespace) -> list[Typed]:
    """What is typed of a text that has `before` lines before it in its file."""
    lines = typed_lines(text, given.transcript or None)
    for typed in lines:
        typed.number += before
    return lines


async def _played(
    given: argparse.Namespace,
    runtime: Runtime,
    sources: Sequence[tuple[str, str, list[Typed]]],
    onlooker: Onlooker | None,
) -> tuple[list[Failure], bool]:
    """Play every source's lines; what failed, and whether all of them were played."""
    session = Session(runtime.box)
    whole = True
    write: Callable[[str], object] = _nothing if given.quiet else sys.stdout.write
    player = Player(
        runtime, session, write, given.yes, given.stop_on_error,
        store=runtime.store, onlooker=onlooker, keep_unknown=given.keep_unknown,
    )  # fmt: skip
    try:
        count = sum(len(lines) for _, _, lines in sources)
        with _Progress(given.progress or _long(count, quiet=given.quiet), count) as advance:
            for name, text, lines in sources:
                player.begin(name)
                with restoring(runtime.box, text):
                    await player.play(lines, advance)
                player.finish()
                player.stored()
                whole = _all_played(player) and whole
                if player.failures and given.stop_on_error:
                    break
        await player.settle()
        if given.save is not None:
            save(runtime.box, given.save)
    finally:
        player.stored()  # Ctrl-C, too: what was done is kept and shown
    return player.failures, whole


def _all_played(player: Player) -> bool:
    """Whether a file was played to its end; if not, and if something is left unsaved, that is said."""
    if player.session.not_saved:
        print(f"{player.file}: {Text.NOT_SAVED(places=player.session.not_saved)}", file=sys.stderr)
    if player.unplayed:
        lines = Text.NOT_PLAYED(count=player.unplayed, how=player.session.left)
        print(f"{player.file}:{player.at}: {lines}", file=sys.stderr)
    return not player.unplayed


def _reported(runtime: Runtime, path: Path | None) -> contextlib.AbstractContextManager[Onlooker | None]:
    """Who looks on for a page of what happens, if one is wanted. Raises `UsageError`."""
    if path is None:
        return contextlib.nullcontext()
    from fortish.report.scene import reported

    return reported(runtime, path)


def _nothing(text: str) -> None:
    """Print nothing."""


def _long(count: int, *, quiet: bool) -> bool:
    """Whether a replay takes long, with a terminal for the bar that the session itself is not printed on."""
    return count >= LONG and sys.stderr.isatty() and (quiet or not sys.stdout.isatty())


class _Progress:
    """A progress bar on standard error, or nothing."""

    def __init__(self, wanted: bool, total: int) -> None:
        self._bar: Any = None
        if wanted:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True))
            self._task = self._bar.add_task("replay", total=total)

    def __enter__(self) -> Callable[[int], None] | None:
        if self._bar is None:
            return None
        self._bar.start()
        return lambda count: self._bar.advance(self._task, count)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
