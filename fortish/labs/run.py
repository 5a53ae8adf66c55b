"""A lab with a person at it: the box's own prompt, and below it a line of the lab, which looks on quietly."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from fortish.errors import UsageError
from fortish.labs import course, page, seat
from fortish.labs import progress as kept
from fortish.labs.folder import PROGRESS, RESET, SESSION, clear, write
from fortish.labs.lab import LAB, Lab
from fortish.labs.progress import LAST, Progress
from fortish.labs.stage import Stage, prepare
from fortish.shell import interact

MINUTE = 3600.0  # how many seconds a minute of idle time lasts: nobody is thrown out while they read
NEWS_ROWS, TASK_ROWS = 4, 3  # below the prompt: of what was reached, of what is next
LEAVE = "Leave with exit; start again to go on."
LOG_OUT = "exit logs out and lets somebody else log in. Leave with Ctrl-D; start again to go on."


async def start(
    lab: Lab,
    home: Path,
    *,
    say: Callable[[str], object],
    **terminal: Any,
) -> int:
    """Let somebody work at a lab until they leave; it goes on where it was left. Raises `UsageError`.

    `terminal` is what the shell is given: `assist`, `history`, `input`, `output`.
    """
    with seat.taken(home, lab.name):
        desk = await _sit(lab, home, say, terminal)
        while desk.closing():
            clear(desk.stage.folder)
            say("\nThe lab begins anew.\n\n")
            desk = await _sit(lab, home, say, terminal)
    say(closing(lab, desk.progress))
    return 0


async def _sit(lab: Lab, home: Path, say: Callable[[str], object], terminal: dict[str, Any]) -> Desk:
    """One sitting: until the learner leaves, or a reset is asked for. Raises `UsageError`."""
    place = home / lab.name
    before = kept.read(place)
    if before is not None:
        _same(lab, before)
    stage = await prepare(lab, place, live=True, clock=None if before is None else before["clock"])
    try:
        write(home / LAST, str(lab.folder))
        desk = Desk(stage, kept.fresh(stage.lab) if before is None else kept.fitted(before, stage.lab))
        say(opening(stage.lab, desk.progress))
        await interact(stage.runtime, stage.session, minute=MINUTE, watcher=desk, logins=lab.world.login, **terminal)
        desk.leave()
    finally:
        await stage.runtime.close()
    return desk


def _same(lab: Lab, before: Progress) -> None:
    """Raises `UsageError` where somebody has begun another lab of that name, or the same with another seed."""
    other = Path(before["folder"])
    if before["title"] != lab.title and other != lab.folder and (other / LAB).is_file():
        raise UsageError(f"{lab.name} was started from {other}; 'fortish lab reset {lab.name}' begins anew")
    if before["seed"] != lab.seed:
        raise UsageError(f"{lab.name} was started with seed {before['seed']}; 'fortish lab reset' begins anew")


def opening(lab: Lab, progress: Progress) -> str:
    """What is told before the prompt: the story and the tasks."""
    rows = [story(lab)]
    for number, (task, row) in enumerate(zip(lab.tasks, progress["tasks"], strict=True), 1):
        rows.append(page.paragraphs(task.text, "     ", f"{'x' if row['done'] else ' '} {number}. "))
    rows += ["", "In another terminal: fortish lab story, status, check, hint."]
    rows += [LOG_OUT if lab.world.login else LEAVE, "", ""]
    return "\n".join(rows)


def story(lab: Lab) -> str:
    """What the lab is about."""
    return "\n".join(["", lab.title, "=" * len(lab.title), "", page.paragraphs(lab.story), ""])


def closing(lab: Lab, progress: Progress) -> str:
    """What is told when somebody leaves."""
    done = sum(row["done"] for row in progress["tasks"])
    if progress["finished"]:
        following = course.after(lab)
        onward = f"\nNext in the course: fortish lab start {following.name}" if following else ""
        return f"{lab.heading} all {done} tasks are done.{onward}\n"
    lost = [finding for finding in progress["keep"] if not finding["ok"]]
    rows = [f"{lab.heading} {done} of {len(lab.tasks)} tasks are done. 'fortish lab start {lab.name}' goes on."]
    rows += [f"Should be as it was: {finding['expected']}; found: {finding['actual']}" for finding in lost]
    return "\n".join(rows) + "\n"


class Desk:
    """Looks over the learner's shoulder: writes down what happens, judges quietly, speaks below the prompt."""

    def __init__(self, stage: Stage, progress: Progress) -> None:
        self.stage, self.progress = stage, progress
        self._news: list[str] = []
        self._seen: tuple[int, int, int] | None = None
        self._restore()
        self._file = _appended(stage.folder / SESSION)
        self._row("start", f"{stage.lab.name}, seed {stage.lab.seed}")
        self.look()

    def _restore(self) -> None:
        """What was on the screen before."""
        for row in kept.session_rows(self.stage.folder):
            if row.get("kind") in ("printed", "debug"):
                self.stage.screen += str(row.get("text", "")).split("\n")

    def _row(self, kind: str, text: str, **more: str) -> None:
        """A row of the transcript. A disk that is full ends no lesson."""
        clock = self.stage.runtime.box.clock.now()
        row = {"time": kept.exactly(), "clock": kept.stamp(clock), "kind": kind, "text": text, **more}
        with contextlib.suppress(OSError, ValueError):
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._file.flush()

    # --- what the shell tells ---

    def typed(self, prompt: str, line: str) -> None:
        """A line was typed: old news are gone."""
        self._news.clear()
        self.progress["commands"] += 1 if line.strip() else 0
        self._row("typed", line, prompt=prompt)

    def printed(self, text: str, debug: bool) -> None:
        """Something came on the screen."""
        self.stage.screen += text.split("\n")
        self._row("debug" if debug else "printed", text)

    def obeyed(self) -> None:
        """A line is done: how do things stand?"""
        if failure := self.stage.session.failure:
            self._row("failed", " ".join(line for line in failure.lines if line))
        self.look()

    def closing(self) -> bool:
        """Whether somebody has asked, elsewhere, to begin anew."""
        return (self.stage.folder / RESET).exists()

    def leave(self) -> None:
        """The learner goes: all is kept."""
        self.look()
        self._row("end", "")
        with contextlib.suppress(OSError):
            self._file.close()

    # --- judging ---

    def look(self) -> None:
        """Judge, and keep what was found."""
        self._seen = self._marks()
        for name in kept.take(self.progress, self.stage.judge(), self.stage.kept()):
            task = next(task for task in self.stage.lab.tasks if task.id == name)
            self._news.append(f"Done: {name}. {task.done}")
            self._row("task", task.done, task=name)
        self.progress |= {"updated": kept.stamp(), "clock": kept.stamp(self.stage.runtime.box.clock.now())}
        with contextlib.suppress(UsageError):
            kept.count_hints(self.stage.folder, self.progress)
            write(self.stage.folder / PROGRESS, json.dumps(self.progress, indent=1, ensure_ascii=False))
            self.stage.remember()

    def _marks(self) -> tuple[int, int, int]:
        box = self.stage.runtime.box
        return box.cmdb.generation, len(box.events), len(self.stage.responder.history)

    # --- speaking ---

    def status(self, columns: int) -> str:
        """What has just been reached and why, then where one stands; background work may have changed that."""
        if self._marks() != self._seen:
            self.look()
        width = max(10, columns - 2)
        news = [row for text in self._news[-2:] for row in page.below(text, width, NEWS_ROWS)]
        return "\n".join(f" {row}" for row in (*news, *page.below(self._where(), width, TASK_ROWS)))

    def _where(self) -> str:
        rows = self.progress["tasks"]
        done = sum(row["done"] for row in rows)
        head = f"{self.stage.lab.name} {done}/{len(rows)}"
        if any(not finding["ok"] for finding in self.progress["keep"]):
            return f"{head} | something has changed that should stay: fortish lab check tells what"
        if done == len(rows):
            by_exit = not self.stage.lab.world.login and not self.stage.session.place  # elsewhere exit is refused
            return f"{head} | all tasks are done; {'exit' if by_exit else 'Ctrl-D'} leaves"
        left = next(row for row in rows if not row["done"])
        return f"{head} | {left['id']}: {' '.join(left['text'].split())}"


def _appended(path: Path) -> TextIO:
    """The transcript, to go on with; a line that was cut off stays alone. Raises `UsageError`."""
    try:
        file = open(path, "a+b", opener=_private)  # noqa: SIM115 - as long as somebody sits here
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return io.TextIOWrapper(file, "utf-8", errors="replace")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
