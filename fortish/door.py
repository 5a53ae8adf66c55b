"""The Python door: a box for fixtures, notebooks and other people's tests. Synchronous outside, one event loop inside.

with fortish.Appliance(network="lab") as box:
    session = box.session()
    print(session.run("get system status"))
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from fortish.boot import Options, boot, restoring
from fortish.box import Event
from fortish.cmdb.store import Cmdb
from fortish.errors import UsageError
from fortish.firmware import DEFAULT_FIRMWARE
from fortish.replay import Failure, Player, Typed, typed_lines
from fortish.session import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A local certificate: its PEM text, and the same decoded."""

    name: str
    pem: str

    @property
    def x509(self) -> Any:
        """The certificate as cryptography's `x509.Certificate`."""
        from fortish.pki import pem

        return pem.certificate(self.pem)


@dataclass(slots=True)
class Played:
    """What a played text printed, and what failed in it."""

    text: str
    failures: list[Failure] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether any line failed."""
        return bool(self.failures)


class Administrator:
    """One session at an appliance. `failed` and `code` are of the last line that was run."""

    def __init__(self, appliance: Appliance, name: str = "admin") -> None:
        self._appliance = appliance
        self._session = Session(appliance.runtime.box, name)
        self.failed = False
        self.code = 0

    @property
    def prompt(self) -> str:
        """The prompt, with its blank."""
        return self._session.prompt

    def run(self, line: str, answers: Sequence[str] = ()) -> str:
        """Type one line; what it prints, without echo and prompts. `answers` go to its questions, in order.

        A line may hold several, separated by line ends.
        """
        lines = [Typed(number, text, None, tuple(answers)) for number, text in enumerate(line.split("\n"), 1)]
        played = self._appliance.call(self._play(lines, echo=False))
        failure = self._session.failure
        self.failed = played.failed
        self.code = failure.code if failure is not None else 0
        return played.text

    def play(self, text: str) -> Played:
        """Play a script or a screen copy; the screen that it gives."""
        with restoring(self._appliance.runtime.box, text):
            return self._appliance.call(self._play(typed_lines(text), echo=True))

    async def _play(self, lines: list[Typed], *, echo: bool) -> Played:
        pieces: list[str] = []
        player = Player(self._appliance.runtime, self._session, pieces.append, echo=echo)
        try:
            await player.play(lines)
            if echo:
                await player.settle()
        finally:
            player.close()
        return Played("".join(pieces), player.failures)


class Appliance:
    """A box in its world. Time stands still but for what is waited for, and what `advance` lets pass.

    `config`, `trust`, `files` and `state` are paths; `clock` is ISO 8601. With `state`, what a call has committed is on
    the disk when it returns. Raises `UsageError`.
    """

    def __init__(
        self,
        network: str = "lab",
        firmware: str = DEFAULT_FIRMWARE,
        config: str | Path | None = None,
        clock: str | None = None,
        hostname: str | None = None,
        trust: str | Path | None = None,
        files: str | Path | None = None,
        capture: str | Path | None = None,
        state: str | Path | None = None,
    ) -> None:
        self._options = Options(
            config=_path(config),
            network=network,
            clock=clock,
            firmware=firmware,
            hostname=hostname,
            trust=_path(trust),
            files=_path(files),
            capture=_path(capture),
            frozen=network != "real",
            state=_path(state),
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fortish", daemon=True)
        self._thread.start()
        try:
            self.runtime = boot(self._options)
        except BaseException:
            self._stop()
            raise

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the appliance's own loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def session(self, administrator: str = "admin") -> Administrator:
        """Log in. Raises `UsageError` for somebody who is not configured."""
        if administrator not in self.cmdb["system admin"]:
            raise UsageError(f"no administrator '{administrator}'")
        return Administrator(self, administrator)

    @property
    def cmdb(self) -> Cmdb:
        """The configuration: `box.cmdb["vpn certificate local"]["name"]["attribute"]`."""
        return self.runtime.box.cmdb

    @property
    def events(self) -> list[Event]:
        """The event log, oldest first."""
        return self.runtime.box.events

    def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> None:
        """Let time pass on the box; background work that falls due is done at its time."""
        self.call(self._advance(days * 86400 + hours * 3600 + seconds))

    async def _advance(self, seconds: float) -> None:
        target = self.runtime.clock.now() + seconds
        await self.runtime.pass_time(seconds)
        self.runtime.clock.advance(target)

    def certificate(self, name: str) -> Certificate:
        """A local certificate. Raises `KeyError`."""
        values = self.runtime.box.local(name)
        if values is None or not values["certificate"]:
            raise KeyError(name)
        return Certificate(name, values["certificate"])

    def close(self) -> None:
        """Stop the box and its world."""
        if self._thread.is_alive():
            self.call(self.runtime.close())
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Appliance:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)
