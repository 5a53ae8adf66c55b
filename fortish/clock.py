"""The clocks that a box may have: the host's, moved by an offset, and one that jumps from event to event."""

from __future__ import annotations

import asyncio
import heapq
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds since 1970, UTC; and a way to wait for a moment of it."""

    def now(self) -> float:
        """The time."""

    def set(self, now: float) -> None:
        """Move the clock."""

    def advance(self, due: float) -> None:
        """Move the clock on to `due`, but never back: nothing is lost if this takes a while."""

    def begin(self) -> None:
        """Somebody works."""

    def finish(self) -> None:
        """Somebody has finished."""

    async def until(self, due: float, wake: asyncio.Event | None = None) -> None:
        """Wait until `due`, or until `wake` is set."""


class HostClock:
    """The host's clock, moved by an offset."""

    def __init__(self, start: float | None = None) -> None:
        self._offset = 0.0 if start is None else start - time.time()

    def now(self) -> float:
        """The time."""
        return time.time() + self._offset

    def set(self, now: float) -> None:
        """Move the clock."""
        self._offset = now - time.time()

    def advance(self, due: float) -> None:
        """Move the clock on to `due`, but never back."""
        self._offset += max(0.0, due - self.now())

    def begin(self) -> None:
        """The host's time passes whoever works."""

    def finish(self) -> None:
        """The host's time passes whoever works."""

    async def until(self, due: float, wake: asyncio.Event | None = None) -> None:
        """Wait until `due`, or until `wake` is set. The clock may be moved meanwhile: whoever moves it sets `wake`."""
        wake = wake or asyncio.Event()
        while (left := due - self.now()) > 0 and not wake.is_set():
            woken = asyncio.ensure_future(wake.wait())
            try:  # not wait_for: on Python 3.11 it may swallow a cancellation that meets the event
                await asyncio.wait({woken}, timeout=min(left, 3600))
            finally:
                woken.cancel()


class VirtualClock:
    """A clock that stands still while anybody works, and jumps to the next due moment when all are waiting for it.

    Without a `start` it begins at the host's time. Who works says so with `begin` and `finish`; many boxes may share
    one clock.
    """

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._busy = 0

    def now(self) -> float:
        """The time."""
        return self._now

    def set(self, now: float) -> None:
        """Move the clock."""
        self._now = now

    def advance(self, due: float) -> None:
        """Move the clock on to `due`, but never back."""
        self._now = max(self._now, due)

    def begin(self) -> None:
        """Somebody works: time stands still."""
        self._busy += 1

    def finish(self) -> None:
        """Somebody has finished or waits; if nobody works any more, the clock jumps."""
        self._busy -= 1
        if not self._busy:
            self._jump()

    async def until(self, due: float, wake: asyncio.Event | None = None) -> None:
        """Wait until the clock has come to `due`. `wake` is not heeded: on this clock nobody waits in vain."""
        if due <= self._now:
            return
        sleep: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (due, self._count, sleep))
        self.finish()
        try:
            await sleep
        except asyncio.CancelledError:
            if sleep.cancelled():  # nobody woke us, so nobody counted us in
                self._busy += 1
            raise

    def _jump(self) -> None:
        """Wake whoever waits for the next moment."""
        while self._sleepers:
            due, _, sleep = heapq.heappop(self._sleepers)
            if not sleep.done():
                self._now = max(self._now, due)
                self._busy += 1
                sleep.set_result(None)
                return
