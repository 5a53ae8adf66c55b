"""The responder's plain HTTP: the same server as for EST, without TLS, around the pure SCEP `respond`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from fortish.network.listen import Clock, Connection, Listener
from fortish.network.stream import TlsStream
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
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        address, port = writer.get_extra_info("peername")[:2]
        visitor = Visitor(address, writer.get_extra_info("sockname")[1])
        stream = TlsStream(reader, writer)
        with contextlib.suppress(asyncio.CancelledError):  # Python 3.11's streams would print it
            await Connection(state, clock, stream, lambda: source_of(port), respond).run(visitor)

    server = await asyncio.start_server(serve, host, port, backlog=256)
    return Listener(server.sockets[0].getsockname()[1], server, connections)
