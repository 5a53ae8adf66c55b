"""The folder of a lab that was started: how its files are called, read and written, and what may be removed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fortish.errors import UsageError
from fortish.labs.lab import START
from fortish.responder.authority import CERTIFICATE_FILE

PROGRESS, HINTS, SESSION, RESET = "progress.json", "hints.json", "session.jsonl", "reset"
BEGINNING, SEEN, STATE = "start.json", "visits.json", "box.state"
AUTHORITY, EXCHANGES, FILES = "ca", "exchanges", "files"  # folders in it
OURS = frozenset(
    (PROGRESS, HINTS, SESSION, RESET, BEGINNING, SEEN, STATE, AUTHORITY, EXCHANGES, FILES, START, CERTIFICATE_FILE)
)


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all, for its owner only. Raises `UsageError`."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.touch(mode=0o600)
        part.write_text(text, "utf-8", errors="replace")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise UsageError(f"{path}: {error.strerror}") from None


class Damaged(UsageError):
    """A file that does not hold what was written there."""


def read_json(path: Path) -> Any:
    """What a file holds; None where there is none. Raises `Damaged`, or `UsageError` where it cannot be read."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise Damaged(f"{path}: damaged") from None


@contextlib.contextmanager
def needed(path: Path) -> Iterator[None]:
    """While a file is read without which a lab cannot go on. Raises `Damaged`, which tells the way out."""
    try:
        yield
    except (Damaged, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise Damaged(f"{path}: damaged; 'fortish lab reset {path.parent.name}' begins anew") from None


def clear(place: Path) -> None:
    """Remove what a lab has left in its folder. Raises `UsageError` for a folder that holds anything else."""
    try:
        if not place.exists():
            return
        foreign = sorted(path.name for path in place.iterdir() if not _ours(path.name))
        if foreign:
            raise UsageError(f"{place}: {foreign[0]} is not of a lab that was started: give another --home")
        shutil.rmtree(place)
    except OSError as error:
        raise UsageError(f"{error.filename or place}: {error.strerror}") from None


def _ours(name: str) -> bool:
    """Whether a file may be there: also what was being written when a process ended."""
    return name in OURS or name.startswith(STATE) or any(name.startswith(f".{one}.") for one in OURS)
