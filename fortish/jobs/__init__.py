"""Background work: which job falls due next, and the flow that does it.

A job is data, made anew from the configuration and what is remembered of each certificate (`Watch`); a flow is never
stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from fortish.box import DAY, Box
from fortish.cmdb.entries import GLOBAL, SINGLE, SYSTEM_GLOBAL
from fortish.cmdb.snapshots import CFG_SAVE
from fortish.cmdb.workspace import WARNINGS
from fortish.jobs import renewal, updating
from fortish.jobs.watching import SETTLE as SETTLE
from fortish.jobs.watching import Job as Job
from fortish.messages import Text
from fortish.steps import Announce, Flow

WARNING = 10  # seconds of box time from the warning to the undoing of unsaved changes (documented)


def next_job(box: Box, idle: float = math.inf, polls: float = math.inf) -> Job | None:
    """The job that falls due first, or None.

    What is done because nobody does anything counts up to `idle` only, what a server is asked again up to `polls`.
    """
    latest = {**dict.fromkeys(IDLE, idle), "poll": polls}
    known = (job for job in all_jobs(box) if job.due <= latest.get(job.kind, math.inf))
    return min(known, key=lambda job: job.due, default=None)


def all_jobs(box: Box) -> Iterator[Job]:
    """Every job that will fall due."""
    yield from _reverting(box)
    for transaction in box.transactions.values():
        before = WARNINGS[transaction.warned] if transaction.warned < len(WARNINGS) else 0
        yield Job("transaction", str(transaction.id), transaction.due - before)
    yield from renewal.jobs(box)
    yield from updating.jobs(box)


def _reverting(box: Box) -> Iterator[Job]:
    """With `cfg-save revert`, a boot undoes what is not saved in time; everybody is warned of it first."""
    since = box.unsaved_since
    if since is None or not box.cmdb.unsafe or box.cmdb.value(GLOBAL, SYSTEM_GLOBAL, SINGLE, CFG_SAVE) != "revert":
        return
    due = since + box.cmdb.value(GLOBAL, SYSTEM_GLOBAL, SINGLE, "cfg-revert-timeout")
    if not box.warned:
        yield Job("revert-warning", "", due - WARNING)
    yield Job("revert", "", due)


def flow(box: Box, job: Job) -> Flow:
    """The flow of a job, made from its data."""
    return FLOWS[job.kind](box, job.name, job.scope)


def postpone(box: Box, job: Job) -> bool:
    """A job broke: it is tried again a day later. Whether it is one that can wait."""
    kept, now = (job.scope, job.name), box.clock.now()
    if job.kind == "poll" and kept in box.pending:
        box.pending[kept].due = now + DAY
    elif job.kind in TRIED:
        watch = TRIED[job.kind](box, kept)
        watch.tried, watch.wait = now, DAY
    elif job.kind in WARNED:
        WARNED[job.kind](box, kept).warned = now
    else:
        return False
    box.enrolling.discard(kept)
    box.updating.discard(kept)
    return True


def revert(box: Box, name: str, scope: str = GLOBAL) -> Flow:
    """Nobody has saved: the box boots with what is saved, as everybody was warned."""
    yield Announce(Text.GOING_DOWN())
    box.restart()


def warn_of_revert(box: Box, name: str, scope: str = GLOBAL) -> Flow:
    """Tell everybody that unsaved changes are about to be undone."""
    box.warned = True
    yield Announce(Text.REVERT_WARNING(seconds=WARNING))


def expire(box: Box, name: str, scope: str = GLOBAL) -> Flow:
    """Tell who has a transaction that its time is nearly over, or that it is, and drop it then."""
    transaction = box.transactions[int(name)]
    if transaction.warned < len(WARNINGS):
        seconds = WARNINGS[transaction.warned]
        transaction.warned += 1
        line = Text.TRANSACTION_EXPIRES(id=transaction.id, seconds=seconds)
    else:
        del box.transactions[transaction.id]
        line = Text.TRANSACTION_EXPIRED(id=transaction.id)
    if transaction.console is not None:
        yield Announce(line, transaction.console)


# By kind; sorted.
# fmt: off
FLOWS = {
    "poll":           renewal.poll,
    "renew":          renewal.renew,
    "revert":         revert,
    "revert-warning": warn_of_revert,
    "transaction":    expire,
    "update":         updating.update,
    "update-warning": updating.warn,
    "warn":           renewal.warn,
}
# fmt: on
# What a job is about, by kind: what remembers when it was tried, or warned of. Sorted.
TRIED = {"renew": renewal.watch_of, "update": updating.watch_of}
WARNED = {"update-warning": updating.watch_of, "warn": renewal.watch_of}
IDLE = frozenset({"revert", "revert-warning", "transaction"})  # what is done because nobody does anything
