"""A class on one machine: a home and a seed for each student, and a live table of who has reached what."""

from __future__ import annotations

import re
import shlex
import time
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fortish.errors import UsageError
from fortish.labs import progress as kept
from fortish.labs.folder import write
from fortish.labs.progress import SEED, Progress
from fortish.textfile import read_text

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod, RenderableType
    from rich.table import Table

EVERY = 1.0  # seconds between two looks
TURN = 5.0  # and how long one page of a class stands that does not fit on the screen
AROUND = 5  # rows of the screen that are no students: title, head, a rule, caption, where the cursor is
HEAD = ("student", "lab", "tasks", "each", "at", "seen")
# From how many columns of the terminal on each is shown; the others always are. `at` is what one works at.
# fmt: off
FROM = {"lab": 60, "each": 40, "at": 72, "seen": 50}
LEGEND = "x done, h hint taken, . open; Ctrl-C ends"
STYLES = {"x": "green", "h": "yellow", ".": "dim"}
# fmt: on
NAME = re.compile(r"\w(?:[\w.,@'’() -]{0,62}[\w.)])?")
# Names of devices where Windows has no files.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Student:
    """One of a class, and where what they do is kept."""

    name: str
    home: Path


def students(path: Path) -> list[str]:
    """The names in a list, one a line; `#` begins a comment. Raises `UsageError` with the line."""
    names: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        name = " ".join(unicodedata.normalize("NFC", line.partition("#")[0]).split())
        if not name:
            continue
        if not NAME.fullmatch(name) or _DEVICES.fullmatch(name) or name.endswith("."):
            allowed = "letters, digits, blanks and . , _ @ - ' ( ), at most 64, and no dot at the end"
            raise UsageError(f"{path}:{number}: {name!r} cannot be a student's name: {allowed}")
        before, _ = names.setdefault(name.casefold(), (number, name))
        if before != number:
            raise UsageError(f"{path}:{number}: {name!r} is there already, in line {before}: tell them apart")
    if not names:
        raise UsageError(f"{path}: there is no name in it")
    return [name for _, name in names.values()]


def seed_for(name: str) -> int:
    """A student's seed: always the same for the same name, and never 0."""
    return zlib.crc32(name.casefold().encode()) % 9999 + 1


def arrange(names: Sequence[str], folder: Path) -> list[Student]:
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
        kept.seed_of(home)
        rows.append(Student(name, home))
    return rows


def home_of(folder: Path, name: str) -> Path:
    """The home of a student in a class that was arranged. Raises `UsageError`."""
    home = folder / unicodedata.normalize("NFC", name)
    if not (home / SEED).is_file():
        raise UsageError(f"there is no student {name!r} in {folder}")
    return home


def invitation(class_: Sequence[Student], lab: str | None) -> str:
    """How a student begins."""
    command = f"fortish lab start {lab or 'NAME'} --home {shlex.quote(str(class_[0].home))}"
    count = f"{len(class_)} student{'' if len(class_) == 1 else 's'}"
    return f"{count}, each with a folder below {class_[0].home.parent}. {class_[0].name} begins with:\n  {command}"


# --- the table ------------------------------------------------------------------------------------------------------


def row(student: Student, lab: str | None, now: float) -> tuple[str, ...]:
    """A student in the table: name, lab, how many tasks, a mark for each, what is worked at, how long ago."""
    try:
        chosen = lab or kept.last_of(student.home)
        found = None if chosen is None else kept.read(kept.place_of(student.home, chosen))
    except UsageError:
        return student.name, "-", "", "", "cannot be read", ""
    if found is None:
        return student.name, "-", "", "", "not started", ""
    return student.name, found["lab"], *_reached(found), _seen(found, now)


def _reached(found: Progress) -> tuple[str, str, str]:
    marks = "".join("x" if task["done"] else "h" if task["hints"] else "." for task in found["tasks"])
    done = sum(task["done"] for task in found["tasks"])
    lost = any(not finding["ok"] for finding in found["keep"])
    left = next((task["id"] for task in found["tasks"] if not task["done"]), "done")
    return f"{done}/{len(found['tasks'])}", marks, f"{left}{' (something is broken)' if lost else ''}"


def _seen(found: Progress, now: float) -> str:
    """How long ago something was typed, in one unit."""
    try:
        ago = max(1, round(now - datetime.fromisoformat(str(found.get("updated"))).timestamp()))
    except ValueError:
        return ""
    size, unit = next(
        ((size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "min")) if ago >= size), (1, "s")
    )
    return f"{ago // size} {unit}"


def as_text(class_: Sequence[Student], lab: str | None) -> str:
    """The table where there is no terminal: columns, with two blanks between them."""
    from wcwidth import wcswidth

    now = datetime.now(UTC).timestamp()
    rows = [HEAD, *(row(student, lab, now) for student in class_)]
    widths = [max(wcswidth(one[column]) for one in rows) for column in range(len(HEAD))]
    padded = ("  ".join(map(_padded, one, widths)) for one in rows)
    return "\n".join(line.rstrip() for line in padded)


def _padded(cell: str, width: int) -> str:
    from wcwidth import wcswidth

    return cell + " " * (width - wcswidth(cell))


def page(class_: Sequence[Student], lab: str | None, columns: int, lines: int, turned: int) -> Table:
    """What is on a terminal of that size after so many turns of the page."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    room = max(1, lines - AROUND)
    pages = -(-len(class_) // room)
    first = turned % pages * room
    shown = class_[first : first + room]
    words = [f"{first + 1} to {first + len(shown)} of {len(class_)}"] if pages > 1 else []
    words += [LEGEND] if columns >= FROM["at"] else []
    found = Table(
        title=Text(Path(lab).resolve().name if lab else "the last lab of each", no_wrap=True, overflow="ellipsis"),
        caption=Text(" | ".join(words), no_wrap=True, overflow="ellipsis"),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    wanted = [name for name in HEAD if columns >= FROM.get(name, 0)]
    for name in wanted:
        least = None if name in ("student", "at") else len(name)
        side: JustifyMethod = "right" if name == "seen" else "left"
        found.add_column(name, no_wrap=True, overflow="ellipsis", justify=side, min_width=least)
    now = time.time()
    for student in shown:
        cells = dict(zip(HEAD, map(Text, row(student, lab, now)), strict=True))
        for mark, style in STYLES.items():
            cells["each"].highlight_words([mark], style)
        found.add_row(*(cells[name] for name in wanted))
    return found


def watch(class_: Sequence[Student], lab: str | None, console: Console | None = None) -> None:
    """The table on the terminal, until Ctrl-C."""
    from rich.console import Console
    from rich.live import Live

    console = console or Console()
    began = time.monotonic()

    def now() -> RenderableType:
        size = console.size
        return page(class_, lab, size.width, size.height, int((time.monotonic() - began) / TURN))

    with Live(now(), console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            live.refresh()
            time.sleep(EVERY)
            live.update(now())
