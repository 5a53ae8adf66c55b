"""A year of many boxes in one process: one clock, one server that fails one request in ten, and nothing left behind.

`python -m tests.soak --boxes 1000`; the test suite plays a few. Each box enrolls over the real network from a responder
on loopback, and renews by itself whenever its certificate falls due. Time is virtual and jumps; TLS is real. What the
server fails with is drawn from a seed: statuses, a Retry-After, half an answer or none, what belongs to somebody else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import random
import sys
import threading
import time
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fortish.box import CA, LOCAL, Box
from fortish.clock import VirtualClock
from fortish.cmdb.entries import GLOBAL, Entry, Put
from fortish.drive import Runtime, drive
from fortish.est.authorities import new_authority
from fortish.network.listen import listen
from fortish.network.real import RealNetwork
from fortish.pki.pem import certificate, pem
from fortish.responder.authority import Authority
from fortish.responder.message import Answer, Asked, Visitor, Wire, refusal
from fortish.responder.policy import Policy
from fortish.responder.respond import respond
from fortish.responder.state import Responder
from fortish.session import Session

START = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
DAY = 86400.0  # seconds
LIFE = 120  # days of a certificate
NAME = "web"
ENROLL = 'execute vpn certificate local generate est {name} ec-secp256r1 {url} CN=box{number} "" estuser estpwd'


@dataclass(slots=True)
class Count:
    """What was seen."""

    boxes: int
    requests: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    renewals: int = 0
    failed_renewals: int = 0
    invalid: list[str] = field(default_factory=list)
    descriptors: int = 0  # more open at the end than at the start, server and all closed
    threads: int = 0
    connections: int = 0  # that the server still has while all boxes wait
    grown: int = 0  # octets of Python's memory from the middle of the time to its end
    seconds: float = 0.0


# --- the server -------------------------------------------------------------------------------------------------------


class Flaky:
    """`respond`, failing once in so many requests."""

    def __init__(self, seed: int, one_in: int, count: Count) -> None:
        self._chance, self._one_in, self._count = random.Random(seed), one_in, count

    def __call__(self, state: Responder, asked: Asked, visitor: Visitor, now: datetime) -> Answer:
        self._count.requests += 1
        given = respond(state, asked, visitor, now)
        if self._chance.randrange(self._one_in):
            return given
        kind = self._chance.choice(("cut", "html", "silent", "status", "later", "stranger"))
        self._count.failures[kind] += 1
        match kind:
            case "cut":
                return replace(given, wire=Wire(cut=len(given.body) // 2))
            case "html":
                return replace(given, body=b"<html>no</html>", headers=(("Content-Length", "15"),))
            case "silent":
                return replace(given, wire=Wire(silent=True))
            case "status":
                return refusal(self._chance.choice((400, 401, 403, 404, 500, 502)), "on purpose")
            case "later":
                return refusal(503, "on purpose", ("Retry-After", str(self._chance.choice((5, 600, 3600)))))
        stranger = Asked("GET", "/.well-known/est/cacerts", asked.headers)
        return respond(state, stranger, visitor, now)


# --- boxes ------------------------------------------------------------------------------------------------------------


def new_box(clock: VirtualClock, authority: Authority) -> Runtime:
    box = Box.new(clock)
    box.cmdb.commit([Put(GLOBAL, CA, "G_CA_Cert_1", new_authority(None, pem(authority.certificate)))])
    return Runtime(box, clock, RealNetwork(box))


async def enrolled(runtime: Runtime, number: int, url: str, days: int) -> None:
    """An administrator enrolls, again until it works, and asks for renewal so many days before the end."""
    session = Session(runtime.box)
    kept = GLOBAL, NAME
    while runtime.box.cmdb.entry(GLOBAL, LOCAL, NAME) is None:
        if kept in runtime.box.pending:  # the server has asked to come back, which is background work
            await runtime.settle(7200)
        else:
            await drive(session.feed(ENROLL.format(name=NAME, url=url, number=number)), runtime)
    entry = runtime.box.cmdb.entry(GLOBAL, LOCAL, NAME)
    assert entry is not None
    runtime.box.cmdb.commit([Put(GLOBAL, LOCAL, NAME, Entry({**entry.values, "auto-regenerate-days": days}))])


def fault(box: Box, number: int) -> str | None:
    """Why a box does not hold what it should, None if it does."""
    entry = box.cmdb.entry(GLOBAL, LOCAL, NAME)
    if entry is None:
        return "it has no certificate"
    held = certificate(str(entry.values["certificate"]))
    now = datetime.fromtimestamp(box.clock.now(), UTC)
    if not held.not_valid_before_utc <= now <= held.not_valid_after_utc:
        return f"its certificate ended on {held.not_valid_after_utc}"
    names = [attribute.value for attribute in held.subject]
    return None if names == [f"box{number}"] else f"its certificate is that of {names}"


# --- a year -----------------------------------------------------------------------------------------------------------


async def year(count: Count, seed: int, days: int, one_in: int, *, measured: bool, shown: bool) -> None:
    """Let the time pass. Boxes come up one after the other; their certificates fall due on different days."""
    clock, chance = VirtualClock(START), random.Random(seed)
    state = Responder(Authority.fresh(datetime.fromtimestamp(START, UTC)), Policy(days=LIFE))
    clock.begin()
    server = await listen(
        state,
        "127.0.0.1",
        0,
        names=["127.0.0.1"],
        clock=clock.now,
        client_certificate="optional",
        answering=Flaky(seed, one_in, count),
    )
    boxes = [new_box(clock, state.authority) for _ in range(count.boxes)]
    url = f"https://127.0.0.1:{server.port}"
    for number, runtime in enumerate(boxes):
        await enrolled(runtime, number, url, chance.randrange(5, 60))
        tell(shown, f"{number + 1} boxes")
    workers = []
    for runtime in boxes:
        clock.begin()
        workers.append(asyncio.ensure_future(runtime.work()))
    before = 0
    for passed in range(days):
        await clock.until(START + (passed + 1) * DAY)
        tell(shown, f"day {passed + 1}, {count.requests} requests")
        if passed == days // 2 and measured:
            before = memory()
    count.grown = memory() - before if measured else 0
    for _ in range(100):  # whoever has said goodbye is given time to go
        await asyncio.sleep(0.1 if server.connections else 0)
    count.connections = len(server.connections)
    for worker in workers:
        worker.cancel()
    for ended in await asyncio.gather(*workers, return_exceptions=True):
        if not isinstance(ended, asyncio.CancelledError):
            count.invalid.append(f"background work has ended: {ended!r}")
    await server.close()
    reckon(count, boxes)


def reckon(count: Count, boxes: list[Runtime]) -> None:
    """What the boxes have been through."""
    for number, runtime in enumerate(boxes):
        events = Counter(event.id for event in runtime.box.events)
        count.renewals += events[22205]
        count.failed_renewals += events[41990]
        if wrong := fault(runtime.box, number):
            count.invalid.append(f"box {number}: {wrong}")


def tell(shown: bool, text: str) -> None:
    if shown and sys.stderr.isatty():
        print(f"\r{text}   ", end="", file=sys.stderr, flush=True)


def memory() -> int:
    """Octets of Python's memory in use, garbage apart."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def descriptors() -> int:
    """How many files and sockets are open; 0 where the system does not tell."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


@contextlib.contextmanager
def watched(count: Count, measured: bool) -> Iterator[None]:
    """Sockets and threads from start to end, and time. What was garbage before is not this year's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    before, threads, began = descriptors(), threading.active_count(), time.monotonic()
    if measured:
        tracemalloc.start()
    try:
        yield
    finally:
        if measured:
            tracemalloc.stop()
        gc.collect()
        count.descriptors = descriptors() - before
        count.threads = threading.active_count() - threads
        count.seconds = time.monotonic() - began


def run(
    boxes: int, seed: int, days: int = 365, one_in: int = 10, *, measured: bool = False, shown: bool = False
) -> Count:
    """A year of so many boxes. Whether it went well is for the caller to say: `invalid` names every box that is not."""
    count = Count(boxes)
    with watched(count, measured):
        asyncio.run(year(count, seed, days, one_in, measured=measured, shown=shown))
    return count


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--boxes", type=int, default=1000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--fail-one-in", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--memory", action="store_true", help="measure Python's memory, which takes twice the time")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    count = run(given.boxes, seed, given.days, given.fail_one_in, measured=given.memory, shown=True)
    print(
        f"{count.boxes} boxes, {given.days} days in {count.seconds:.0f} s: {count.requests} requests,"
        f" {sum(count.failures.values())} failed on purpose ({dict(sorted(count.failures.items()))})\n"
        f"{count.renewals} renewals, {count.failed_renewals} enrollments and renewals that failed at first\n"
        f"left behind: {count.descriptors} descriptors, {count.threads} threads, {count.connections} connections"
        + (f"; memory grew by {count.grown / 1024:.0f} KiB in the second half" if given.memory else "")
    )
    for line in count.invalid[:20]:
        print(line, file=sys.stderr)
    sys.exit(1 if count.invalid or count.descriptors > 0 or count.connections else 0)


if __name__ == "__main__":
    main()
