"""Dials and requests that are cancelled at any moment leave nothing: no socket, no transport, no task.

`python -m tests.unit.test_dialling 5000` cancels as many.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from fortish.box import Box
from fortish.clock import HostClock
from fortish.drive import Driving, Runtime
from fortish.est import wire
from fortish.network.listen import Listener, listen, opened_server
from fortish.network.real import RealNetwork
from fortish.network.tcp import Tcp, connect
from fortish.pki.pem import pem
from fortish.responder.authority import Authority
from fortish.responder.state import Responder
from fortish.steps import Flow, Http, Link, Peer, Trust, dial, exchange

MOMENTS = 60  # turns of the loop, more than a dial with one request takes


@contextmanager
def complaints() -> Iterator[list[str]]:
    """What the interpreter says of what was left behind."""
    said: list[str] = []
    hook = sys.unraisablehook
    sys.unraisablehook = lambda unraisable: said.append(f"{unraisable.exc_value!r} in {unraisable.object!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        shown = warnings.showwarning
        warnings.showwarning = lambda message, *rest, **more: said.append(str(message))
        try:
            yield said
            gc.collect()
        finally:
            sys.unraisablehook, warnings.showwarning = hook, shown


def asked(peer: Peer) -> Flow:
    link = yield from dial(peer)
    response = yield from exchange(Http(link, wire.request("GET", f"{peer.origin}/.well-known/est/cacerts")))
    return response.status_code


async def cancelled(peers: list[Peer], count: int, chance: random.Random) -> tuple[int, int]:
    """So many dials, each given up after some turns of the loop or some time; how many were, and how many were not."""
    clock = HostClock()
    box = Box.new(clock)
    runtime = Runtime(box, clock, RealNetwork(box))
    given_up = done = 0
    for _ in range(count):
        driving = Driving(asked(chance.choice(peers)), runtime, None)
        task = asyncio.ensure_future(driving.run())
        if chance.random() < 0.2:
            await asyncio.sleep(chance.uniform(0, 0.01))
        else:
            for _ in range(chance.randrange(MOMENTS)):
                await asyncio.sleep(0)
        for _ in range(chance.choice((1, 1, 2))):
            chance.choice((task.cancel, driving.interrupt))()
        ended = (await asyncio.gather(task, return_exceptions=True))[0]
        assert ended in (200, None) or isinstance(ended, asyncio.CancelledError), ended
        done, given_up = done + (ended == 200), given_up + (ended != 200)
    return given_up, done


async def proxied(opened: Tcp) -> None:
    """A proxy that leads everything where it is asked to."""
    head = await opened.receive()
    if not head:
        return
    behind = await connect("127.0.0.1", int(head.split()[1].rpartition(b":")[2]))
    try:
        await opened.write(b"HTTP/1.1 200 OK\r\n\r\n")
        pumps = [asyncio.ensure_future(pumped(*pair)) for pair in ((opened, behind), (behind, opened))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
    finally:
        behind.abort()


async def pumped(source: Tcp, sink: Tcp) -> None:
    while data := await source.receive():
        await sink.write(data)


async def stress(count: int, seed: int) -> tuple[int, int]:
    loop, noise = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: noise.append(context))
    state = Responder(Authority.fresh(datetime.now(UTC)))
    server = await listen(state, "127.0.0.1", 0, names=["localhost"], clock=time.time, client_certificate="optional")
    proxy = await opened_server(proxied, "127.0.0.1", 0)
    trust = Trust((pem(state.authority.certificate),), public=False)
    through: dict[str, Any] = {"proxy": ("127.0.0.1", proxy.port, "", "")}
    users: dict[str, Any] = {"srp": ("srpuser", "srppwd")}
    ways = [{}, {}, through, users]
    peers = [Peer("localhost", server.port, trust, **how) for how in ways]
    try:
        ended = await cancelled(peers, count, random.Random(seed))
        await settled(server, proxy)
    finally:
        await proxy.close()
        await server.close()
    assert noise == []
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return ended


async def settled(*servers: Listener) -> None:
    """Nobody is left at the other end, either."""
    for _ in range(300):
        if not any(server.connections for server in servers):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the server still has connections")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def run(count: int, seed: int) -> tuple[int, int]:
    before = descriptors()
    with complaints() as said:
        ended = asyncio.run(stress(count, seed))
    assert said == []
    assert descriptors() <= before
    return ended


def test_a_dial_given_up_at_any_moment_leaves_nothing() -> None:
    pytest.importorskip("tlslite")
    asyncio.run(stress(3, 0))  # what is loaded and opened once is there now
    given_up, done = run(600, seed=7030)
    assert given_up > 100
    assert done > 20


def test_a_connection_that_comes_about_as_it_is_cancelled_is_closed() -> None:
    """The handshake is over, and nobody has taken the link yet."""

    class Late(RealNetwork):
        async def dial(self, peer: Peer) -> Link:
            link = await super().dial(peer)
            links.append(link)
            task.cancel()
            return link

    async def work() -> None:
        nonlocal task
        state = Responder(Authority.fresh(datetime.now(UTC)))
        server = await listen(
            state, "127.0.0.1", 0, names=["localhost"], clock=time.time, client_certificate="optional"
        )
        peer = Peer("localhost", server.port, Trust((pem(state.authority.certificate),), public=False))
        clock = HostClock()
        box = Box.new(clock)
        task = asyncio.ensure_future(Driving(asked(peer), Runtime(box, clock, Late(box)), None).run())
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.close()

    task: asyncio.Future[Any]
    links: list[Link] = []
    with complaints() as said:
        asyncio.run(work())
    assert said == []
    assert links[0].handle.tcp.transport.is_closing()


if __name__ == "__main__":
    print("given up, done:", run(int(sys.argv[1]), random.SystemRandom().randrange(1 << 32)))
