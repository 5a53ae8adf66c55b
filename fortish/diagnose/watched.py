"""`diagnose test application …`: what the scheduler watches, and which requests wait at EST and SCEP servers.

That `forticron 2` lists the watched certificates is known, and how its lines begin; how they go on is not published.
"""

from __future__ import annotations

from collections.abc import Iterator

from fortish import jobs, messages
from fortish.box import UNSET_ADDRESS, Box
from fortish.commands import Arguments, Here
from fortish.errors import StorageFault
from fortish.jobs import renewal, updating
from fortish.jobs.watching import days_left
from fortish.messages import Text
from fortish.steps import Flow, Say


def forticron(here: Here, arguments: Arguments) -> Flow:
    """2: the certificates that renew by themselves, and CA certificates that are updated, with what is due when."""
    _only(arguments["number"], "2")
    lines = list(_watched(here.box))
    yield Say("\n".join(lines or [Text.WATCHED_NONE()]), paged=True)


def est(here: Here, arguments: Arguments) -> Flow:
    """1: the requests that wait for an EST server's decision; 2 NAME: forget one."""
    yield from _waiting(here, arguments, "est", Text.PENDING_NONE)


def scep(here: Here, arguments: Arguments) -> Flow:
    """1: the requests that wait for a SCEP server's decision; 2 NAME: forget one."""
    yield from _waiting(here, arguments, "scep", Text.SCEP_PENDING_NONE)


def _waiting(here: Here, arguments: Arguments, protocol: str, nothing: Text) -> Flow:
    number, name = arguments["number"], arguments["name"]
    box: Box = here.box
    if number == "2":
        yield from _forget(box, (here.scope, name), protocol)
        return
    _only(number, "1")
    now = box.clock.now()
    lines = [
        Text.PENDING_ROW(
            name=kept[1], scope=kept[0], attempts=pending.attempts, seconds=max(0, round(pending.due - now))
        )
        for kept, pending in sorted(box.pending.items(), key=lambda item: item[0])
        if pending.protocol == protocol
    ]
    yield Say("\n".join(lines or [nothing()]), paged=True)


def _only(number: str, known: str) -> None:
    if number != known:
        raise messages.parse_error(number)


def _forget(box: Box, kept: tuple[str, str], protocol: str) -> Flow:
    if not kept[1]:
        raise messages.incomplete()
    if kept not in box.pending or kept in box.enrolling or box.pending[kept].protocol != protocol:
        raise messages.parse_error(kept[1])
    del box.pending[kept]
    try:
        box.keep()
    except StorageFault as fault:
        raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None
    yield Say(Text.DONE())


def _watched(box: Box) -> Iterator[str]:
    due = {(job.scope, job.name, job.kind): job.due for job in jobs.all_jobs(box)}
    for one in (*renewal.watched(box), *updating.watched(box)):
        (kind, days), (_, warning) = one.kinds
        when = due.get((one.scope, one.name, kind), due.get((one.scope, one.name, "poll")) if one.is_local else None)
        yield Text.WATCHED_ROW(
            name=one.name,
            type="local" if one.is_local else "ca",
            scope=one.scope,
            protocol=one.protocol,
            days=one.values.get(days, 0),
            warn=one.values.get(warning, 0),
            source=one.values.get("source-ip", UNSET_ADDRESS),
            left=days_left(one.certificate, box.clock.now()),
            attempts=one.watch.attempts,
            due="-" if when is None else f"{box.local_time(when):%Y-%m-%d %H:%M:%S}",
        )
