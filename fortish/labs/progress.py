"""How far somebody is in a lab: files in the lab's folder below a home, read from another terminal while it runs.

`progress.json` is written by the running lab alone, `hints.json` by whoever asks for a hint.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fortish.errors import UsageError
from fortish.labs.finding import Finding
from fortish.labs.lab import Lab, Task, read
from fortish.labs.stage import STATE, read_json, write

PROGRESS, HINTS, SESSION, RESET = "progress.json", "hints.json", "session.jsonl", "reset"
LAST, SEED = "last", "seed"  # in the home: the lab started last; the seed of every lab there
HOME = "FORTISH_LABS"
Progress = dict[str, Any]


def home(given: Path | None) -> Path:
    """Where progress is kept: as told, or $FORTISH_LABS, or below $XDG_STATE_HOME."""
    if given is not None or HOME in os.environ:
        return given or Path(os.environ[HOME])
    root = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(root, "fortish", "labs")


def seed_of(home_: Path) -> int:
    """The seed of a home; 0 without one. Raises `UsageError`."""
    found = read_json(home_ / SEED)
    if found is not None and not isinstance(found, int):
        raise UsageError(f"{home_ / SEED}: not a number")
    return found or 0


def seed_for(home_: Path, name: str) -> int:
    """The seed with which a lab was started and goes on; else the home's. Raises `UsageError`."""
    try:
        return int(load(home_, name)[1]["seed"])
    except UsageError:
        return seed_of(home_)


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


def load(home_: Path, name: str | None) -> tuple[Path, Progress]:
    """A lab's folder in the home and its progress; without a name, of the lab started last. Raises `UsageError`."""
    last = home_ / LAST
    if name is None:
        if not last.is_file():
            raise UsageError("no lab was started yet; 'fortish lab list' shows what there is")
        name = last.read_text("utf-8").strip()
    place = home_ / Path(name).resolve().name
    found = read_json(place / PROGRESS)
    if not isinstance(found, dict) or "tasks" not in found:
        raise UsageError(f"lab '{place.name}' was not started here; 'fortish lab start {name}' starts it")
    for row in found["tasks"]:
        row["hints"] = hints(place).get(row["id"], 0)
    return place, found


def lab_of(progress: Progress) -> Lab:
    """The lab that was started. Raises `UsageError`."""
    return read(Path(progress["folder"]), progress["seed"], progress.get("made", {}))


def hints(place: Path) -> dict[str, int]:
    """How many hints were taken for each task. Raises `UsageError`."""
    return read_json(place / HINTS) or {}


def next_hint(place: Path, task: Task) -> tuple[int, str]:
    """Take the next hint for a task, or the last again: its number, and what it says. Raises `UsageError`."""
    taken = hints(place)
    at = min(taken.get(task.id, 0), len(task.hints) - 1)
    write(place / HINTS, json.dumps({**taken, task.id: at + 1}))
    return at + 1, task.hints[at]


def running(place: Path, lab: Lab) -> bool:
    """Whether somebody sits at it: the box's state file is held then."""
    from fortish.state import State

    if not (place / STATE).exists():
        return False
    try:
        State.open(place / STATE, lab.world.firmware).close()
    except UsageError as error:
        if "use" not in str(error):
            raise
        return True
    return False


def reset(place: Path, lab: Lab) -> bool:
    """Begin anew; whether it is running and was told to. Raises `UsageError`."""
    if running(place, lab):
        write(place / RESET, "")
        return True
    shutil.rmtree(place, ignore_errors=True)
    return False
