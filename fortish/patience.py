"""What ends a prompt that nobody finishes: nobody touches a key, the box boots meanwhile, whoever looks on says so."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from prompt_toolkit.application import Application

from fortish.cmdb.entries import GLOBAL, SINGLE, SYSTEM_GLOBAL
from fortish.session import Session

MINUTE = 60.0  # seconds
LOOK = 0.5  # seconds between two looks at a sign that is a number or a file


class TimedOut(Exception):
    """Nobody has touched a key at the prompt for too long."""


class LoggedOut(Exception):
    """The box has logged everybody out."""


class Patience:
    """Ends the prompt of one application with `TimedOut`, `LoggedOut`, or EOFError if `closing` says so.

    `minute` is how many seconds a minute of the idle time lasts.
    """

    def __init__(
        self, app: Application[str], session: Session, minute: float, closing: Callable[[], bool] | None
    ) -> None:
        self._app, self._session, self._minute, self._closing = app, session, minute, closing
        self._touched = 0.0  # when a key was last pressed at the prompt, by the loop's clock
        app.key_processor.before_key_press += self.touch

    def touch(self, _: object = None) -> None:
        """A key was pressed."""
        self._touched = asyncio.get_running_loop().time()

    def rest(self) -> None:
        """Until the next key nobody is idle."""
        self._touched = math.inf

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While a prompt is open."""
        tasks = [asyncio.create_task(each()) for each in (self._idle, self._watched, self._logged_out)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    def _end(self, why: type[Exception]) -> None:
        if self._app.is_running and not self._app.is_done:
            self._app.exit(exception=why)

    async def _idle(self) -> None:
        """No key was pressed for as long as the box allows."""
        self.touch()
        await asyncio.sleep(self._minute / 60)  # the first prompt need not wait for the schema
        while (left := self._touched + self._allowed() - asyncio.get_running_loop().time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, self._minute))
        self._end(TimedOut)

    async def _logged_out(self) -> None:
        """The box boots meanwhile, or is divided."""
        while not self._session.logged_out:  # noqa: ASYNC110 - the sign is a number
            await asyncio.sleep(LOOK)
        self._end(LoggedOut)

    async def _watched(self) -> None:
        """Whoever looks on says so."""
        if self._closing is None:
            return
        while not self._closing():  # noqa: ASYNC110 - the sign is a file
            await asyncio.sleep(LOOK)
        self._end(EOFError)

    def _allowed(self) -> float:
        """For how many seconds a prompt may be left alone."""
        value = partial(self._session.box.cmdb.value, GLOBAL, SYSTEM_GLOBAL, SINGLE)
        seconds = float(value("admin-console-timeout") or 0)
        return seconds * self._minute / 60 if seconds else float(value("admintimeout")) * self._minute
