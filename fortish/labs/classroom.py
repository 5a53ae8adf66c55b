"""A class on one machine: a home and a seed for each student, and a live table of who has reached what."""

from __future__ import annotations

import re
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from fortish.boot import read_text
from fortish.errors import UsageError
from fortish.labs import progress as kept
from fortish.labs.progress import LAST, PROGRESS, SEED, Progress
from fortish.labs.stage import read_json, write

if TYPE_CHECKING:
    from rich.table import Table

EVERY = 1.0  # seconds between two looks


def students(path: Path) -> list[str]:
    """The names in a list, one a line; `#` begins a comment. Raises `UsageError`."""
    names = [line.partition("#")[0].strip() for line in read_text(path).splitlines()]
    names = [name for name in names if name]
    for name in names:
        if not re.fullmatch(r"\w[\w.@ -]{0,63}", name):
            raise UsageError(
                f"{path}: {name!r} cannot be a student's name: letters, digits, blanks and . _ @ - make one"
            )
    if len({name.casefold() for name in names}) != len(names):
        raise UsageError(f"{path}: a name is there twice")
    if not names:
        raise UsageError(f"{path}: there is no name in it")
    return names


def seed_for(name: str) -> int:
    """A student's seed: always the same for the same name, and never 0."""
    return zlib.crc32(name.casefold().encode()) % 9999 + 1


def arrange(names: list[str], folder: Path) -> list[tuple[str, Path, int]]:
    """A home for each student, with a seed; what is there already stays. Raises `UsageError`."""
    rows = []
    for name in names:
        home = folder / name
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{home}: {error.strerror}") from None
        if not (home / SEED).exists():
            write(home / SEED, f"{seed_for(name)}\n")
        rows.append((name, home, kept.seed_of(home)))
    return rows


def progress_in(home: Path, lab: str | None) -> Progress | None:
    """How far a student is: in a lab, or in the one started last. None where nothing was started yet."""
    last = home / LAST
    if lab is None and last.is_file():
        lab = Path(last.read_text("utf-8").strip()).name
    try:
        found = None if lab is None else read_json(home / lab / PROGRESS)
    except UsageError:
        return None
    return found if isinstance(found, dict) and "tasks" in found else None


def row(name: str, found: Progress | None) -> tuple[str, str, str, str, str]:
    """A student in the table: name, lab, how many tasks, a mark for each, what is being worked at."""
    if found is None:
        return name, "-", "", "", "not started"
    marks = "".join("x" if task["done"] else "h" if task["hints"] else "." for task in found["tasks"])
    done = sum(task["done"] for task in found["tasks"])
    lost = any(not finding["ok"] for finding in found["keep"])
    left = next((task["id"] for task in found["tasks"] if not task["done"]), "done")
    return (
        name,
        found["lab"],
        f"{done}/{len(found['tasks'])}",
        marks,
        f"{left}{' (something is broken)' if lost else ''}",
    )


def as_text(rows: list[tuple[str, str, str, str, str]]) -> str:
    """The table where there is no terminal."""
    head = ("student", "lab", "tasks", "each", "at")
    widths = [max(len(one[column]) for one in (head, *rows)) for column in range(len(head))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(one, widths, strict=True)) for one in (head, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def watch(homes: list[tuple[str, Path, int]], lab: str | None) -> None:
    """The table on the terminal, until Ctrl-C."""
    from rich.live import Live

    def table() -> Table:
        from rich.table import Table
        from rich.text import Text

        page = Table(title=lab or "labs", caption="x done, h hint taken, . open; Ctrl-C ends")
        for head in ("student", "lab", "tasks", "each", "at"):
            page.add_column(head)
        for name, home, _ in homes:
            page.add_row(*map(Text, row(name, progress_in(home, lab))))
        return page

    with Live(table(), auto_refresh=False) as live:
        while True:
            time.sleep(EVERY)
            live.update(table(), refresh=True)
