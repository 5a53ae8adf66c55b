"""An event loop that does not wait: when there is nothing to do, its time jumps to whatever is due next.

For tests in which somebody types, reads, or does nothing for a while. All that the program has to do is done before a
moment passes, so `await asyncio.sleep(0.1)` is "when everything has been answered", on the slowest machine as well; and
an idle minute takes no time. Files and sockets are real, and so is work in threads: for it the time stands still. What
answers from elsewhere, another process or a loop in another thread, would come too late here.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

from fortish.clock import HostClock

T = TypeVar("T")
GRACE = 0.001  # seconds of real time: for what is on its way through the kernel


class _Jumps(selectors.DefaultSelector):
    """Selects at once. `now` is the time in seconds, `threads` how many calls are out in threads."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.threads = 0.0, 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        if timeout is None or self.threads:
            return super().select(None)  # a thread that is done wakes the loop by way of a socket
        found = super().select(GRACE)
        if not found:
            self.now += timeout
        return found


class Loop(asyncio.SelectorEventLoop):
    """The loop itself."""

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.now

    def run_in_executor(self, executor: Executor | None, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        future = super().run_in_executor(executor, func, *args)
        self._jumps.threads += 1
        future.add_done_callback(self._back)
        return future

    def _back(self, _: object) -> None:
        self._jumps.threads -= 1


class Clock(HostClock):
    """A box's clock that goes with the loop it is made in."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        super().__init__()
        self._offset = time.time() - self._loop.time()

    def now(self) -> float:
        return self._loop.time() + self._offset

    def set(self, now: float) -> None:
        self._offset = now - self._loop.time()


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in a hurry."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)
