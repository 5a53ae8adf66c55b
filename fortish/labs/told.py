"""What has happened in a lab, as a page: its rows, its exchanges, its tasks with times and hints, from its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fortish.errors import UsageError
from fortish.firmware import FIRMWARES
from fortish.labs import progress as kept
from fortish.labs.folder import EXCHANGES
from fortish.labs.lab import Lab
from fortish.labs.progress import Progress, session_rows
from fortish.network.capture import read_folder
from fortish.report.page import report
from fortish.report.scene import in_words
from fortish.report.tasks import Task, worked
from fortish.report.turns import About, Row, moment


def page_of(place: Path, progress: Progress) -> str:
    """The page of a lab in its folder, whether somebody sits at it or not. Raises `UsageError`."""
    rows: list[Row] = list(session_rows(place))
    try:
        lab = kept.lab_of(progress)
    except UsageError:  # the folder is gone, or is another lab by now; what has happened stays
        lab = None
    return report(rows, read_folder(place / EXCHANGES), _tasks(rows, progress, lab), str(progress["title"]),
                  _about(rows, progress, lab))  # fmt: skip


def _tasks(rows: Sequence[Row], progress: Progress, lab: Lab | None) -> list[Task]:
    why = {str(row.get("task", "")): str(row.get("text", "")) for row in rows if row.get("kind") == "task"}
    hints = {} if lab is None else {task.id: len(task.hints) for task in lab.tasks}
    return [_task(rows, row, why.get(row["id"], ""), hints.get(row["id"], 0)) for row in progress["tasks"]]


def _task(rows: Sequence[Row], row: Mapping[str, Any], why: str, of: int) -> Task:
    at = moment(row["at"]) if row["done"] else None
    missing = [f"{found['expected']}; found: {found['actual']}" for found in row["findings"] if not found["ok"]]
    return {
        "text": " ".join(row["text"].split()), "done": row["done"], "why": why, "missing": missing, "of": of,
        "hints": row["hints"], "worked": None if at is None else worked(rows, at),
    }  # fmt: skip


def _about(rows: Sequence[Row], progress: Progress, lab: Lab | None) -> About:
    prompts = [str(row["prompt"]).split() for row in rows if row.get("prompt")]
    hostnames = [words[0] for words in prompts if words and words[0] != ">"]
    return About(
        hostname=hostnames[-1] if hostnames else "",
        firmware="" if lab is None else in_words(FIRMWARES[lab.world.firmware]),
        seed=progress["seed"],
        start=next((moment(row.get("clock")) for row in rows), None),
        began=moment(progress["started"]),
        worked=worked(rows),
        broken=tuple(f"{one['expected']}; found: {one['actual']}" for one in progress["keep"] if not one["ok"]),
    )
