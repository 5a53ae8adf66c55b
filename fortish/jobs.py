"""Background work: which job falls due next, and the flow that does it.

A job is data, made anew from the configuration and what is remembered of each certificate (`Watch`); a flow is never
stored. Renewal follows the enrollment guide: `auto-regenerate-days` N, when N is at least the whole days left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from fortish.box import LOCAL, SYSTEM_GLOBAL, Box, Watch
from fortish.cmdb.entries import GLOBAL, SINGLE, Entry
from fortish.cmdb.snapshots import CFG_SAVE
from fortish.cmdb.workspace import WARNINGS
from fortish.messages import Text
from fortish.steps import Announce, Flow

DAY = 86400.0  # seconds
WARNING = 10  # seconds of box time from the warning to the undoing of unsaved changes (documented)
SETTLE = 5.0  # seconds of box time between a commit and the first look at it (the guide states no delay)

Kind = str
METHODS = {"est": "EST", "scep": "SCEP"}  # the protocols that renew, as the event log has them


@dataclass(frozen=True, slots=True)
class Job:
    """Work of a kind (`FLOWS`) for a certificate, or for what else `name` names, due at `due` (box time, seconds)."""

    kind: Kind
    name: str
    due: float
    scope: str = GLOBAL


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
    for (scope, name), pending in box.pending.items():
        if (scope, name) not in box.enrolling:
            yield Job("poll", name, pending.due, scope)
    for scope in box.cmdb.scopes(LOCAL):
        for name, entry in box.cmdb.rows(scope, LOCAL).items():
            kept = scope, name
            if entry.values.get("enroll-protocol") not in METHODS or kept in box.enrolling or kept in box.pending:
                continue
            watch = box.watches.setdefault(kept, Watch(box.clock.now()))
            _forget_what_lies_ahead(watch, box.clock.now())
            yield from _jobs_of(scope, name, entry, watch)


def _forget_what_lies_ahead(watch: Watch, now: float) -> None:
    """The clock was set back: what was done at a time that has not come yet holds nothing up."""
    watch.since = min(watch.since, now)
    watch.tried = None if watch.tried is not None and watch.tried > now else watch.tried
    watch.warned = None if watch.warned is not None and watch.warned > now else watch.warned


def _jobs_of(scope: str, name: str, entry: Entry, watch: Watch) -> Iterator[Job]:
    expiry = _expiry(str(entry.values.get("certificate", "")))
    if expiry is None:
        return
    for kind, attribute, done in (
        ("renew", "auto-regenerate-days", watch.tried),
        ("warn", "auto-regenerate-days-warning", watch.warned),
    ):
        days = entry.values.get(attribute, 0)
        if days:
            # N >= whole days left, from the first second at which fewer than N + 1 whole days are left.
            due = max(math.floor(expiry - (days + 1) * DAY) + 1, watch.since + SETTLE)
            yield Job(kind, name, due if done is None or done < watch.since else max(due, done + DAY), scope)


def _reverting(box: Box) -> Iterator[Job]:
    """With `cfg-save revert`, a boot undoes what is not saved in time; everybody is warned of it first."""
    since = box.unsaved_since
    if since is None or not box.cmdb.unsafe or box.cmdb.value(GLOBAL, SYSTEM_GLOBAL, SINGLE, CFG_SAVE) != "revert":
        return
    due = since + box.cmdb.value(GLOBAL, SYSTEM_GLOBAL, SINGLE, "cfg-revert-timeout")
    if not box.warned:
        yield Job("revert-warning", "", due - WARNING)
    yield Job("revert", "", due)


def _expiry(text: str) -> float | None:
    from fortish.pki import pem
    from fortish.pki.faults import PkiFault

    try:
        return pem.certificate(text).not_valid_after_utc.timestamp() if text else None
    except PkiFault:
        return None


def days_left(box: Box, name: str, scope: str = GLOBAL) -> int:
    """Whole days until a certificate expires."""
    entry = box.cmdb.entry(scope, LOCAL, name)
    expiry = _expiry(str(entry.values.get("certificate", ""))) if entry else None
    return 0 if expiry is None else math.floor((expiry - box.clock.now()) / DAY)


def flow(box: Box, job: Job) -> Flow:
    """The flow of a job, made from its data."""
    return FLOWS[job.kind](box, job.name, job.scope)


def renew(box: Box, name: str, scope: str = GLOBAL) -> Flow:
    """Renew a certificate; tried once a day at most until it succeeds."""
    from fortish.est.authorities import EnrollFault
    from fortish.est.enroll import Waiting

    entry = box.cmdb.entry(scope, LOCAL, name)
    protocol = str(entry.values.get("enroll-protocol")) if entry is not None else ""
    method = METHODS.get(protocol, "EST")
    watch = box.watches.setdefault((scope, name), Watch(box.clock.now()))
    watch.tried, watch.attempts = box.clock.now(), watch.attempts + 1
    box.enrolling.add((scope, name))
    try:
        yield from _renewed(box, protocol, name, scope)
    except Waiting:
        pass
    except EnrollFault as fault:
        box.log(41990, name=name, **{"cert-type": "local"}, method=method, status="failure", reason=fault.reason)
    else:
        watch.attempts = 0
        box.log(22205, name=name)
        box.log(41987, name=name, **{"cert-type": "local"}, method=method, status="success")
    finally:
        box.enrolling.discard((scope, name))


def _renewed(box: Box, protocol: str, name: str, scope: str) -> Flow:
    """Renew by an entry's protocol. Raises `EnrollFault`; `Waiting`: nothing is decided, and the request is kept."""
    from fortish.est import pending as waits
    from fortish.est.enroll import Waiting
    from fortish.est.renew import est_simple_reenroll
    from fortish.scep import pending as undecided
    from fortish.scep.enroll import Undecided, scep_renew

    kept = scope, name
    try:
        if protocol == "scep":
            yield from scep_renew(box, name, scope)
        else:
            yield from est_simple_reenroll(box, name, scope)
    except Undecided as waiting:
        undecided.keep(box, kept, waiting)
        raise
    except Waiting as waiting:
        waits.keep_renewal(box, kept, waiting)
        raise


def poll(box: Box, name: str, scope: str = GLOBAL) -> Flow:
    """Ask a server again that had not decided."""
    from fortish.est import pending as waits
    from fortish.est.authorities import EnrollFault
    from fortish.est.enroll import Waiting
    from fortish.scep import pending as undecided

    kept = scope, name
    if kept not in box.pending:
        return
    protocol = box.pending[kept].protocol
    resume = undecided.resume if protocol == "scep" else waits.resume
    fields = {"name": name, "cert-type": "local", "method": METHODS.get(protocol, "EST")}
    box.enrolling.add(kept)
    try:
        yield from resume(box, kept)
    except Waiting:
        return
    except EnrollFault as fault:
        box.log(41990, **fields, status="failure", reason=fault.reason)
    else:
        box.log(41987, **fields, status="success")
    finally:
        box.enrolling.discard(kept)
    box.pending.pop(kept, None)


def postpone(box: Box, job: Job) -> bool:
    """A job broke: it is tried again a day later. Whether it is one that can wait."""
    kept, now = (job.scope, job.name), box.clock.now()
    if job.kind == "poll" and kept in box.pending:
        box.pending[kept].due = now + DAY
    elif job.kind in ("renew", "warn"):
        watch = box.watches.setdefault(kept, Watch(now))
        watch.tried, watch.warned = (now, watch.warned) if job.kind == "renew" else (watch.tried, now)
    else:
        return False
    box.enrolling.discard(kept)
    return True


def warn(box: Box, name: str, scope: str = GLOBAL) -> Flow:
    """Write an event that a certificate will be renewed soon; once a day."""
    box.watches.setdefault((scope, name), Watch(box.clock.now())).warned = box.clock.now()
    left = days_left(box, name, scope)
    box.log(22200, action="auto-update", status="warning", cert=name, msg=f"{left} days left")
    yield from ()


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
    "poll":           poll,
    "renew":          renew,
    "revert":         revert,
    "revert-warning": warn_of_revert,
    "transaction":    expire,
    "warn":           warn,
}
# fmt: on
IDLE = frozenset({"revert", "revert-warning", "transaction"})  # what is done because nobody does anything
