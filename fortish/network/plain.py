"""The responder's plain HTTP: the same server as for EST, without TLS, around the pure SCEP `respond`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from fortish.network.listen import Clock, Connection, Listener, opened_server
from fortish.network.tcp import Tcp
from fortish.responder import registration
from fortish.responder.message import Visitor
from fortish.responder.scep import respond
from fortish.responder.state import Responder


async def listen_plain(
    state: Responder,
    host: str,
    port: int,
    clock: Clock,
    source_of: Callable[[int], str] = lambda port: "",
) -> Listener:
    """Serve the SCEP of `state` on `host` and `port`, 0 for any that is free; otherwise as `listen`. Raises OSError."""
    for work in registration.lacking(state, datetime.fromtimestamp(clock(), UTC)).values():
        registration.take(state, await asyncio.to_thread(work))

    async def serve(opened: Tcp) -> None:
        visitor = Visitor(opened.there[0], opened.here[1])
        await Connection(state, clock, opened, lambda: source_of(opened.there[1]), respond).run(visitor)

    return await opened_server(serve, host, port)
