"""The tasks of a lab on a page: which are done, after how long, with how many hints; what the others lack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from fortish.report.text import moments, safe
from fortish.report.turns import Row, moment

# `text`; `done`; `worked`: seconds somebody had worked when it was reached; `hints`: how many were taken, of `of`;
# `why` it worked; `missing`: what does not hold yet.
Task = Mapping[str, Any]
COLUMNS = ("Done after", "Hints")
LONGEST = 1800.0  # seconds without a row that still count as work: who is away for longer does something else


def reached(tasks: Sequence[Task]) -> str:
    """How many are done."""
    return f"{sum(bool(task['done']) for task in tasks)} of {len(tasks)} done"


def worked(rows: Iterable[Row], until: float | None = None) -> float:
    """Seconds that somebody sat at a lab, up to a moment: between rows, save from leaving to coming back."""
    kinds = [(moment(row.get("time")), str(row.get("kind", ""))) for row in rows]
    known = [(at, kind) for at, kind in kinds if at is not None and (until is None or at <= until)]
    spans = (later - at for (at, _), (later, kind) in pairwise(known) if kind != "start")
    return sum(span for span in spans if 0 < span <= LONGEST)


def tasks_table(tasks: Sequence[Task], broken: Sequence[str] = ()) -> str:
    """The table, and what has changed that should have stayed."""
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Task", *COLUMNS))
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(map(_row, tasks))}</tbody>\n</table>\n"
    return table + "".join(f'<p class="bad-text">Should be as it was: {safe(text)}</p>\n' for text in broken)


def _row(task: Task) -> str:
    told = "".join(f"<p>{safe(text)}</p>" for text in _told(task))
    when = "not yet" if not task["done"] else "" if task["worked"] is None else moments(task["worked"])
    hints = f"{task['hints']} of {task['of']}" if task.get("of") else str(task["hints"])
    kind = "done" if task["done"] else "open"
    cells = "".join(f'<td data-name="{name}">{cell}</td>' for name, cell in zip(COLUMNS, (when, hints), strict=True))
    return f'<tr class="{kind}"><td>{safe(task["text"])}{told}</td>{cells}</tr>\n'


def _told(task: Task) -> Iterator[str]:
    """Why it worked, or what is missing."""
    if task["done"]:
        yield from filter(None, [str(task.get("why", ""))])
    else:
        yield from (str(text) for text in task.get("missing", ()))
