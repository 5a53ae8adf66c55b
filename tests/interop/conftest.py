"""What the interop tests share: our server on loopback in a thread of its own, and a box on the real network."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import fortish
from fortish.network.listen import Listener, listen
from fortish.network.plain import listen_plain
from fortish.pki.pem import pem
from fortish.responder.authority import LAB_NAMES, Authority
from fortish.responder.policy import Policy
from fortish.responder.state import Responder


@dataclass(slots=True)
class Server:
    """Our responder on two ports: one for all, one for holders of its certificates. `noise` is what its loop says."""

    state: Responder
    loop: asyncio.AbstractEventLoop
    folder: Path
    noise: list[object]
    listeners: list[Listener]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def obeys(self, policy: str) -> None:
        """From now on this policy holds."""
        self.state.policy = Policy.from_toml(policy)

    def scep(self) -> str:
        """Where SCEP is answered from now on."""
        self.listeners.append(self.run(listen_plain(self.state, "127.0.0.1", 0, time.time)))
        return f"http://127.0.0.1:{self.listeners[-1].port}/scep"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def url(self) -> str:
        return f"https://localhost:{self.listeners[0].port}"

    @property
    def certificates_url(self) -> str:
        return f"https://localhost:{self.listeners[1].port}"

    @property
    def statuses(self) -> list[tuple[str, int]]:
        return [(visit.operation, visit.status) for visit in self.state.history]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with a fresh CA; nothing that a client does may make its loop complain."""
    loop = asyncio.new_event_loop()
    state = Responder(Authority.fresh(datetime.now(UTC)))
    served = Server(state, loop, tmp_path, [], [])
    loop.set_exception_handler(lambda _, context: served.noise.append(context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    names = ["127.0.0.1", *LAB_NAMES]
    for demand in ("optional", "required"):
        work = listen(state, "127.0.0.1", 0, names=names, clock=time.time, client_certificate=demand)
        served.listeners.append(served.run(work))
    served.ca.write_text(pem(state.authority.certificate) + "\n")
    yield served
    for listener in served.listeners:
        served.run(listener.close())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    assert served.noise == []


@pytest.fixture
def box() -> Iterator[fortish.Appliance]:
    """Our client: a box on the host's own network."""
    with fortish.Appliance(network="real", hostname="FGT") as appliance:
        yield appliance


Tool = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """Runs a program of others in an empty folder; its output and errors are kept."""

    def run(*arguments: object, given: bytes = b"", succeeds: bool = True) -> subprocess.CompletedProcess[bytes]:
        ended = subprocess.run(
            [str(argument) for argument in arguments], input=given, capture_output=True, cwd=tmp_path, timeout=120
        )
        assert not succeeds or ended.returncode == 0, (arguments, ended.stdout[-2000:], ended.stderr[-2000:])
        return ended

    return run
