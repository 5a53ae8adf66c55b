"""Where exchanges are kept: `--capture DIR` writes each one's texts to a folder, a `Recorder` remembers them.

One folder an exchange, numbered in order. What is never kept is cut where an exchange is made (`exchanged`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from fortish.errors import UsageError
from fortish.network.exchanged import Exchanged
from fortish.network.timing import Timing

SUMMARY = "exchange.json"


class Keeper(Protocol):
    """Who keeps exchanges."""

    def keep(self, kept: Exchanged) -> None:
        """Keep one. Raises `UsageError` where it cannot be written."""


class Recorder:
    """Remembers exchanges, and passes each on to another keeper if there is one."""

    def __init__(self, then: Keeper | None = None) -> None:
        self.kept: list[Exchanged] = []
        self._then = then

    def keep(self, kept: Exchanged) -> None:
        """Remember one exchange. Raises `UsageError` where the other keeper does."""
        self.kept.append(kept)
        if self._then is not None:
            self._then.keep(kept)


class Capture:
    """A folder of exchanges. Raises `UsageError` where it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            taken = [int(path.name[:4]) for path in folder.iterdir() if path.name[:4].isdecimal()]
        except OSError as error:
            raise UsageError(f"--capture {folder}: {error.strerror}") from None
        self._count = max(taken, default=0)

    def keep(self, kept: Exchanged) -> None:
        """Keep one exchange as files. Raises `UsageError`."""
        self._count += 1
        place = self._folder / f"{self._count:04d}-{kept.operation}"
        summary: dict[str, Any] = {**asdict(kept), "files": None}
        del summary["files"]
        try:
            place.mkdir(mode=0o700)
            for name, content in kept.files.items():
                (place / name).write_text(content, "utf-8")
            (place / SUMMARY).write_text(f"{json.dumps(summary, indent=1)}\n", "utf-8")
        except OSError as error:
            raise UsageError(f"--capture {self._folder}: {error.strerror}") from None


def read_folder(folder: Path) -> list[Exchanged]:
    """The exchanges that a `Capture` kept there, in their order; what is no whole exchange is left out."""
    return list(_read(folder)) if folder.is_dir() else []


def _read(folder: Path) -> Iterator[Exchanged]:
    for place in sorted(folder.iterdir()):
        try:
            summary = json.loads((place / SUMMARY).read_text("utf-8"))
            files = {path.name: path.read_text("utf-8") for path in sorted(place.glob("*.txt"))}
            yield Exchanged(**{**summary, "timing": Timing(**summary["timing"])}, files=files)
        except (OSError, ValueError, TypeError, KeyError):
            continue
