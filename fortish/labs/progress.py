"""How far somebody is in a lab: files in the lab's folder below a home, read from another terminal while it runs.

`progress.json` is written by the running lab alone, `hints.json` by whoever asks for a hint.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fortish.errors import UsageError
from fortish.labs import seat
from fortish.labs.finding import Finding
from fortish.labs.folder import BEGINNING, HINTS, PROGRESS, RESET, SESSION, Damaged, clear, needed, read_json, write
from fortish.labs.lab import Lab, Task
from fortish.labs.lab import read as read_lab
from fortish.textfile import read_text

LONGEST = 4096  # characters of a path
LAST, SEED = "last", "seed"  # in the home: the lab started last; the seed of every lab there
HOME = "FORTISH_LABS"
Progress = dict[str, Any]


def home(given: Path | None) -> Path:
    """Where progress is kept: as told, or $FORTISH_LABS, or below $XDG_STATE_HOME."""
    if given is not None or os.environ.get(HOME):
        return given or Path(os.environ[HOME])
    root = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(root, "fortish", "labs")


def seed_of(home_: Path) -> int:
    """The seed of a home; 0 without one. Raises `UsageError`."""
    found = read_json(home_ / SEED)
    if found is not None and (not isinstance(found, int) or isinstance(found, bool)):
        raise UsageError(f"{home_ / SEED}: not a number")
    return found or 0


def seed_for(home_: Path, name: str) -> int:
    """The seed with which a lab was started and goes on; else the home's. Raises `UsageError`."""
    found = read(place_of(home_, name))
    return seed_of(home_) if found is None else int(found["seed"])


def place_of(home_: Path, name: str) -> Path:
    """The folder of a lab in a home: of the lab that is named, or given by path. Raises `UsageError`."""
    try:
        return home_ / Path(name).resolve().name
    except (OSError, RuntimeError, ValueError):
        raise UsageError(f"{name!r} cannot be a lab") from None


def last_of(home_: Path) -> str | None:
    """The lab that was started last, as it was given; None where there was none. Raises `UsageError`."""
    path = home_ / LAST
    name = read_text(path).strip() if path.is_file() else ""
    if not name.isprintable() or len(name) > LONGEST:
        raise Damaged(f"{path}: damaged; name the lab")
    return name or None


def stamp(seconds: float | None = None) -> str:
    """A moment as ISO 8601; now, without one."""
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def exactly() -> str:
    """Now, as ISO 8601, to the millisecond: several lines may be typed in a second."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fresh(lab: Lab) -> Progress:
    """Nothing is done yet."""
    rows: list[Progress] = [{"id": task.id, "text": task.text, "done": False, "at": None, "hints": 0, "findings": []}
            for task in lab.tasks]  # fmt: skip
    return {
        "lab": lab.name, "title": lab.title, "folder": str(lab.folder), "seed": lab.seed, "started": stamp(),
        "updated": stamp(), "finished": None, "commands": 0, "clock": None, "made": dict(lab.made), "tasks": rows,
        "keep": [],
    }  # fmt: skip


def take(progress: Progress, judged: dict[str, list[Finding]], kept: list[Finding]) -> list[str]:
    """Put findings into a progress; the tasks that have just become done."""
    new = []
    for row in progress["tasks"]:
        findings = judged[row["id"]]
        done = all(finding.ok for finding in findings)
        if done and not row["done"]:
            new.append(row["id"])
            row["at"] = stamp()
        row["done"], row["findings"] = done, [asdict(finding) for finding in findings]
    progress["keep"] = [asdict(finding) for finding in kept]
    whole = all(row["done"] for row in progress["tasks"]) and all(finding.ok for finding in kept)
    progress["finished"] = (progress["finished"] or stamp()) if whole else None
    return new


def fitted(progress: Progress, lab: Lab) -> Progress:
    """A progress for a lab whose tasks may have changed since: what is known of those that are still there."""
    new = fresh(lab)
    known = {row["id"]: row for row in progress["tasks"]}
    rows = [{**row, **known.get(row["id"], {}), "text": row["text"]} for row in new["tasks"]]
    return {**new, **progress, "tasks": rows, **{key: new[key] for key in ("folder", "made", "title")}}


def read(place: Path) -> Progress | None:
    """The progress in a lab's folder; None where there is none. Raises `UsageError` for one that is damaged."""
    with needed(place / PROGRESS):
        found = read_json(place / PROGRESS)
        if found is None:
            return None
        _checked(found)
        for row in found["tasks"]:
            _checked_row(row)
        return dict(found)


def _checked(found: Progress) -> None:
    """Raises `KeyError` or `TypeError` for what is no progress."""
    for key, kind in (("commands", int), ("folder", str), ("lab", str), ("seed", int), ("started", str),
                      ("tasks", list), ("title", str)):  # fmt: skip
        _is(found[key], kind)
    for key in ("clock", "finished"):
        _is(found[key], (str, type(None)))
    _is(found.get("made", {}), dict)
    _checked_findings(found["keep"])


def _checked_row(row: Progress) -> None:
    for key, kind in (("done", bool), ("hints", int), ("id", str), ("text", str)):
        _is(row[key], kind)
    _is(row["at"], (str, type(None)))
    _checked_findings(row["findings"])


def _checked_findings(rows: object) -> None:
    _is(rows, list)
    for row in rows if isinstance(rows, list) else ():
        for key, kind in (("actual", str), ("expected", str), ("ok", bool)):
            _is(row[key], kind)


def _is(value: object, kind: type | tuple[type, ...]) -> None:
    if not isinstance(value, kind):
        raise TypeError(value)


def load(home_: Path, name: str | None) -> tuple[Path, Progress]:
    """A lab's folder in the home and its progress; without a name, of the lab started last. Raises `UsageError`."""
    if name is None and (name := last_of(home_)) is None:
        raise UsageError("no lab was started yet; 'fortish lab list' shows what there is")
    place = place_of(home_, name)
    found = read(place)
    if found is None:
        raise UsageError(f"lab '{place.name}' was not started here; 'fortish lab start {name}' starts it")
    count_hints(place, found)
    return place, found


def session_rows(place: Path) -> Iterator[dict[str, Any]]:
    """The rows of `session.jsonl`; lines that are damaged are left out. Raises `UsageError`."""
    try:
        with open(place / SESSION, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):  # the disk was full, or the machine stopped
                    continue
                if isinstance(row, dict):
                    yield row
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{place / SESSION}: {error.strerror}") from None


def lab_of(progress: Progress) -> Lab:
    """The lab that was started. Raises `UsageError`."""
    return read_lab(Path(progress["folder"]), progress["seed"], progress.get("made", {}))


def count_hints(place: Path, progress: Progress) -> None:
    """Put how many hints were taken into a progress. What is damaged there counts for nothing: only hints are lost."""
    taken = _hints(place)
    for row in progress["tasks"]:
        row["hints"] = max(row["hints"], taken.get(row["id"], 0))


def _hints(place: Path) -> dict[str, int]:
    try:
        found = read_json(place / HINTS)
    except Damaged:
        return {}
    rows = found.items() if isinstance(found, dict) else ()
    return {name: number for name, number in rows if isinstance(number, int) and number > 0}


def next_hint(place: Path, task: Task, taken: int) -> tuple[int, str]:
    """Take the next hint for a task, or the last again: its number, and what it says. Raises `UsageError`."""
    at = min(taken, len(task.hints) - 1)
    if at < 0:
        raise UsageError(f"there is no hint for {task.id}")
    write(place / HINTS, json.dumps({**_hints(place), task.id: at + 1}))
    return at + 1, task.hints[at]


def reset(home_: Path, name: str) -> bool:
    """Begin a lab anew; whether it is running and was told to. Raises `UsageError`."""
    place = place_of(home_, name)
    if not any(os.path.exists(place / file) for file in (PROGRESS, BEGINNING)):
        raise UsageError(f"lab '{place.name}' was not started here")
    try:
        with seat.taken(home_, place.name):
            clear(place)
    except seat.Taken:
        write(place / RESET, "")
        return True
    return False
