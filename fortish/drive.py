"""The driver: the one interpreter of steps, and the runtime in which flows run.

A flow asks, the driver does it and sends the answer back in. A foreground flow has a console; a background job has
none: what it says goes nowhere, what it traces goes to every console that has debug on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fortish import jobs
from fortish.box import Box
from fortish.clock import Clock, HostClock
from fortish.cmdb.entries import GLOBAL
from fortish.commands import DebugSwitch
from fortish.errors import FortishError, Interrupted, LinkLost, StorageFault
from fortish.messages import Text
from fortish.steps import Announce, Ask, Compute, Exchange, Flow, Kind, Link, Request, Say, Step, Trace, Wait


class Console(Protocol):
    """Where one administrator sits."""

    @property
    def debug(self) -> DebugSwitch:
        """Its debug switch."""

    async def say(self, text: str, paged: bool) -> bool:
        """Print. False: the reader has had enough (q at the pager)."""

    async def ask(self, question: str, kind: Kind) -> str:
        """Ask and wait for the answer."""

    def trace(self, line: str) -> None:
        """Print a debug line, at any time."""


class Network(Protocol):
    """What `Exchange` reaches."""

    async def perform(self, request: Request) -> Any:
        """Carry out one request. Raises `LinkLost`, `PeerFault`."""

    async def hang_up(self, links: Sequence[Link]) -> None:
        """Close the links that a flow has left open."""

    async def close(self) -> None:
        """Close everything."""


class Store(Protocol):
    """Where what is committed survives."""

    def begin(self) -> None:
        """From now on commits are kept together. Raises `StorageFault`."""

    def store(self) -> None:
        """Keep them. Raises `StorageFault`; none of them is kept then."""

    def close(self) -> None:
        """Let others have it."""


@dataclass(slots=True)
class Runtime:
    """What a box runs in: its network, its clock, every open console, and where it is kept, if it is."""

    box: Box
    clock: Clock
    network: Network
    consoles: list[Console] = field(default_factory=list)
    wake: asyncio.Event | None = None
    store: Store | None = None

    async def close(self) -> None:
        """Leave the network and let the state file go."""
        try:
            await self.network.close()
        finally:
            if self.store is not None:
                self.store.close()

    def keep(self) -> None:
        """Store what the box remembers beside its configuration. What cannot be stored is tried again next time."""
        with contextlib.suppress(StorageFault):
            self.box.keep()

    def trace(self, step: Trace, scope: str, own: Console | None) -> None:
        """Print a debug line to every console that has debug on and may see it, if the daemon's level is not 0.

        `scope` is what a job is about, `own` the console of who caused the line.
        """
        now = self.box.clock.now()
        if not self.box.debug.level(step.daemon, now):
            return
        line: str | None = None
        for console in self.consoles:
            if console.debug.enabled and console.debug.sees(step.daemon, None if console is own else scope):
                line = step.line if line is None else line
                stamp = f"{self.box.local_time(now):%Y-%m-%d %H:%M:%S} " if console.debug.timestamp else ""
                console.trace(stamp + line)

    async def settle(self, seconds: float = 60, *, typing: bool = False) -> None:
        """Run the background work that falls due within `seconds`, in its order: see `pass_time`, `wait`."""
        if isinstance(self.clock, HostClock):
            await self.wait(seconds, typing=typing)
        else:
            await self.pass_time(seconds, typing=typing)

    async def pass_time(self, seconds: float, *, typing: bool = False) -> None:
        """Run the work that falls due within `seconds`, moving the clock from one moment to the next.

        For replay and the Python door, where nobody sits and waits. While a script is `typing`, work that is there for
        somebody who does nothing is done only when it is due.
        """
        latest = self.clock.now() + seconds
        while job := jobs.next_job(self.box, self.clock.now() if typing else latest):
            if job.due > latest:
                break
            self.clock.advance(job.due)
            await drive(jobs.flow(self.box, job), self, scope=job.scope)

    async def wait(self, seconds: float, *, typing: bool = False) -> None:
        """Run the work that falls due within `seconds` of the host's time, and wait for it.

        A real server that has said when it may be asked again is not asked sooner (RFC 7030 section 4.2.3). While a
        script is `typing`, nothing waits for that.
        """
        latest = self.clock.now() + seconds
        while job := jobs.next_job(self.box, *((self.clock.now(),) * 2 if typing else (latest, latest))):
            if job.due > latest:
                break
            await self.clock.until(job.due)
            await drive(jobs.flow(self.box, job), self, scope=job.scope)

    async def work(self) -> None:
        """Run background work as it falls due, for as long as the box is up."""
        self.wake = asyncio.Event()
        while True:
            job = jobs.next_job(self.box)
            self.wake.clear()
            await self.clock.until(self.clock.now() + 3600 if job is None else job.due, self.wake)
            if job is not None and not self.wake.is_set():
                await self._do(job)

    async def _do(self, job: jobs.Job) -> None:
        """One job. One that breaks is a bug: it is told, and the others go on."""
        try:
            await drive(jobs.flow(self.box, job), self, scope=job.scope)
        except Exception as error:
            if os.environ.get("FORTISH_TRACEBACK") or not jobs.postpone(self.box, job):
                raise
            for console in self.consoles:
                console.trace(Text.JOB_BROKE(kind=job.kind, name=job.name, error=type(error).__name__))

    def changed(self) -> None:
        """Something that background work depends on may have changed: the configuration, the clock."""
        if self.wake is not None:
            self.wake.set()


class Driving:
    """One flow being driven, for a console or about something in a scope.

    `interrupt` is Ctrl-C: it reaches the flow at once, whatever it waits for.
    """

    def __init__(self, flow: Flow, runtime: Runtime, console: Console | None, scope: str = GLOBAL) -> None:
        self.flow, self.runtime, self.console, self.scope = flow, runtime, console, scope
        self.links: list[Link] = []
        self._waiting: asyncio.Task[Any] | None = None  # ourselves, where Ctrl-C may end what is waited for
        self._interrupted = False

    def interrupt(self) -> None:
        """Ctrl-C."""
        if self._waiting is not None and not self._interrupted:
            self._waiting.cancel()
        self._interrupted = True

    async def run(self) -> Any:
        """Carry the flow's steps out to its end; its links are closed then. Returns what the flow returns."""
        self.runtime.clock.begin()
        try:
            return await self._steps()
        finally:
            self.flow.close()
            try:
                await self.runtime.network.hang_up(self.links)
            finally:
                self.runtime.clock.finish()
                self.runtime.keep()
                self.runtime.changed()

    async def _steps(self) -> Any:
        resume: Callable[[], Step] = lambda: next(self.flow)  # noqa: E731
        while True:
            try:
                step = resume()
            except StopIteration as stop:
                return stop.value
            except Interrupted:
                return None
            try:
                answer = await self._carry_out(step)
            except FortishError as error:
                resume = _thrower(self.flow, error)
            except _Enough:
                return None
            else:
                resume = _sender(self.flow, answer)
            if self._interrupted:
                self._interrupted = False
                resume = _thrower(self.flow, Interrupted())

    async def _carry_out(self, step: Step) -> Any:
        """Do what one step asks."""
        match step:
            case Say(text, paged):
                if self.console is not None and not await self.console.say(text, paged):
                    raise _Enough
                return None
            case Trace():
                return self.runtime.trace(step, self.scope, self.console)
            case Announce(line, to):
                for console in self.runtime.consoles:
                    if to is None or console.debug is to:
                        console.trace(line)
                return None
            case Ask(question, kind):
                return await self.console.ask(question, kind) if self.console is not None else "n"
            case Wait(seconds):
                return await self._interruptible(self.runtime.clock.until(self.runtime.clock.now() + seconds))
            case Compute(work):
                return await self._interruptible(asyncio.to_thread(work))
            case Exchange(request):
                return await self._exchange(request)

    async def _exchange(self, request: Request) -> Any:
        answer = await self._interruptible(self.runtime.network.perform(request))
        if isinstance(answer, Link):
            self.links.append(answer)
        return answer

    async def _interruptible(self, work: Awaitable[Any]) -> Any:
        """Wait for something that Ctrl-C ends. A pending thread is abandoned.

        It is waited for in this very task: so nothing can come about just when the wait for it is cancelled, such as a
        connection that nobody knows of then.
        """
        task = self._waiting = asyncio.current_task()
        assert task is not None
        others = task.cancelling()
        try:
            return await work
        except asyncio.CancelledError:
            if not self._interrupted or task.cancelling() > others + 1:  # somebody else's
                raise
            self._interrupted = False
            task.uncancel()
            raise Interrupted from None
        except OSError as error:  # what a network did not turn into a LinkLost of its own
            raise LinkLost(error.strerror or type(error).__name__) from error
        finally:
            self._waiting = None


class _Enough(Exception):
    """The reader has had enough."""


def _sender(flow: Flow, answer: Any) -> Callable[[], Step]:
    return lambda: flow.send(answer)


def _thrower(flow: Flow, error: FortishError) -> Callable[[], Step]:
    return lambda: flow.throw(error)


async def drive(flow: Flow, runtime: Runtime, console: Console | None = None, scope: str = GLOBAL) -> Any:
    """Carry a flow's steps out; one without a console is a job about something in `scope`."""
    return await Driving(flow, runtime, console, scope).run()
