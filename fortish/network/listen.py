"""A listening EST server: TLS and HTTP/1.1 around the pure `respond`, on the running event loop.

h11 reads requests; heads are written by hand, since their order and spelling are part of what is emulated, and head
and body go out in one write, which some clients need. A client that hangs up, stalls or fails the handshake is its own
affair: its connection ends and nothing is printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import h11

from fortish.network.chain import verified_chain
from fortish.network.doorway import hello
from fortish.network.identity import Identity
from fortish.network.stream import Stream, TlsStream
from fortish.network.tcp import NOWHERE, Tcp
from fortish.responder.body import LIMIT
from fortish.responder.message import Refused
from fortish.responder.respond import Answer, Answering, Asked, Responder, Visitor, refusal, responding

if TYPE_CHECKING:
    from fortish.network.srp_server import Verifiers

IDLE: Final = 30.0  # seconds of real time for a request to arrive, and for an answer to be taken
HEADER_LIMIT: Final = 16 << 10  # octets of a request's head that may come before its end does

_HANDSHAKE = 10.0  # seconds
_GOODBYE = 1.0  # seconds for the other end to confirm that it closes
_CHUNK = HEADER_LIMIT  # octets read at once, so that no head above twice the limit passes
_LINGER = 4 << 20  # octets of an overlong request that are still read, so that its sender gets to see the refusal
_CONTINUE = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")

Clock = Callable[[], float]
Demand = Literal["optional", "required"]
Respond = Callable[[Responder, Asked, Visitor, datetime], "Answer | Answering"]


@dataclass(slots=True)
class Listener:
    """An open server. `port` is the one it has been given."""

    port: int
    server: asyncio.Server = field(repr=False)
    connections: set[asyncio.Task[None]] = field(repr=False)

    async def close(self) -> None:
        """Stop listening and end every connection at once."""
        self.server.close()
        for task in self.connections:
            task.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)
        with contextlib.suppress(TimeoutError):  # from Python 3.12 on this also waits for unfinished handshakes
            await asyncio.wait_for(self.server.wait_closed(), _GOODBYE)


async def listen(
    state: Responder,
    host: str,
    port: int,
    *,
    names: Sequence[str],
    clock: Clock,
    client_certificate: Demand,
    source_of: Callable[[int], str] = lambda port: "",
    answering: Respond = responding,
) -> Listener:
    """Serve `state` on `host` and `port` (0: any that is free), with a certificate for `names` and the time of `clock`.

    `clock` counts seconds since 1970. With "required" nobody is served who shows no certificate of the authority.
    `source_of` may know a better address of a visitor, by the port it comes from: an embedded world's own.
    Whoever asks for TLS-SRP has it on the same port, unless a certificate is required, which it cannot show, or
    `fortish[srp]` is not installed. `answering` may stand in for `responding`, to fail now and then.
    Raises OSError where the address cannot be had.
    """
    entrance = _Entrance(state, Identity(state, tuple(names), clock, client_certificate == "required"))

    async def serve(opened: Tcp) -> None:
        stream, visitor = await entrance.admit(opened)
        await Connection(state, clock, stream, lambda: source_of(opened.there[1]), answering).run(visitor)

    listener = await opened_server(serve, host, port)
    if client_certificate == "required":
        state.certificate_ports.add(listener.port)
    return listener


async def opened_server(serve: Callable[[Tcp], Coroutine[Any, Any, None]], host: str, port: int) -> Listener:
    """Give each client to `serve`; its OSErrors end a connection as its return does. Raises OSError."""
    connections: set[asyncio.Task[None]] = set()
    loop = asyncio.get_running_loop()

    def come(opened: Tcp) -> None:
        task = loop.create_task(_served(serve, opened))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await loop.create_server(lambda: Tcp(come), host, port, backlog=256)
    return Listener(server.sockets[0].getsockname()[1], server, connections)


async def _served(serve: Callable[[Tcp], Coroutine[Any, Any, None]], opened: Tcp) -> None:
    """One client from its first octet to its last; ConnectionError, ssl.SSLError and TimeoutError are all OSErrors."""
    try:
        with contextlib.suppress(OSError):
            await serve(opened)
    finally:
        opened.abort()


class _Entrance:
    """Where clients come in: over Python's TLS, or over TLS-SRP."""

    def __init__(self, state: Responder, identity: Identity) -> None:
        self.state = state
        self._identity = identity
        self._verifiers: Verifiers | None = None

    async def admit(self, opened: Tcp) -> tuple[Stream, Visitor]:
        """A client's connection, and who it is. Raises OSError."""
        if opened.there == NOWHERE:  # it has gone already
            raise ConnectionResetError
        address, port = opened.there[0], opened.local_port
        async with asyncio.timeout(_HANDSHAKE):
            srp = await hello(opened)
            server = _srp_server() if srp and not self._identity.required else None
            if server is not None:
                self._verifiers = self._verifiers or server.Verifiers()
                stream, account = await server.accept(opened, self._verifiers, self.state.policy.srp_accounts)
                return stream, Visitor(address, port, (), account, stream.tls_unique)
            inside = TlsStream(opened, self._identity.context)
            await inside.handshake()
            opened.acknowledge()  # after the last flight of TLS 1.3 nothing of ours would do so
        return inside, _visitor(inside.tls, address, port)


def _srp_server() -> Any:
    """The server's end of TLS-SRP, None where `fortish[srp]` is not installed."""
    try:
        from fortish.network import srp_server
    except ModuleNotFoundError:
        return None
    return srp_server


@dataclass(frozen=True, slots=True)
class _Received:
    """A request as read: which HTTP it speaks, and whether the connection ends with its answer."""

    asked: Asked
    http_version: str
    last: bool


class Connection:
    """One client: its requests in turn, until either end has had enough."""

    def __init__(
        self,
        state: Responder,
        clock: Clock,
        stream: Stream,
        source: Callable[[], str],
        answering: Respond = responding,
    ) -> None:
        self._state, self._clock, self._stream, self._source = state, clock, stream, source
        self._respond = answering
        self._waiting = b""  # octets of the next request that came with the last

    async def run(self, visitor: Visitor) -> None:
        """Serve until the end."""
        try:
            with contextlib.suppress(OSError):
                while await self._one(visitor):
                    pass
            await self._stream.close(2 * _GOODBYE)
        finally:
            self._stream.abort()

    async def _one(self, visitor: Visitor) -> bool:
        """One request and its answer; whether there may be another."""
        try:
            async with asyncio.timeout(IDLE):
                received = await self._receive()
        except h11.RemoteProtocolError as error:
            await self._send(refusal(error.error_status_hint, str(error)), "1.1")
            return False
        if received is None:
            return False
        visitor = replace(visitor, address=self._source() or visitor.address)
        given = await self._answered(received.asked, visitor)
        if given.wire.delay:
            await asyncio.sleep(given.wire.delay)
        if received.asked.method == "HEAD":
            given = replace(given, body=b"")
        if given.wire.silent:
            return False
        await self._send(given, "1.0" if received.http_version == "1.0" else given.wire.http_version)
        if len(received.asked.body) > LIMIT:
            await self._linger()
        return not (received.last or given.wire.close or given.wire.cut is not None)

    async def _answered(self, asked: Asked, visitor: Visitor) -> Answer:
        """The answer; what takes long to make does not keep the others waiting."""
        given = self._respond(self._state, asked, visitor, _moment(self._clock))
        if isinstance(given, Answer):
            return given
        try:
            work = next(given)
            while True:
                try:
                    made = await asyncio.to_thread(work)
                except Refused as refused:
                    work = given.throw(refused)
                else:
                    work = given.send(made)
        except StopIteration as stop:
            whole: Answer = stop.value
            return whole

    async def _linger(self) -> None:
        """Read on for a moment before closing (RFC 9112 section 9.6): a reset would take the answer away again."""
        left = _LINGER
        with contextlib.suppress(OSError):
            async with asyncio.timeout(_GOODBYE):
                while left > 0 and (piece := await self._stream.read(_CHUNK)):
                    left -= len(piece)

    async def _receive(self) -> _Received | None:
        """The next request, None where the client has no more. Of a body that is too long, one octet too many."""
        conn = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADER_LIMIT)
        start = self._waiting.lstrip(b"\r\n")  # RFC 9112 section 2.2 allows for empty lines
        while not start:
            if not (chunk := await self._stream.read(_CHUNK)):
                return None
            start = chunk.lstrip(b"\r\n")
        conn.receive_data(start)
        return await self._whole(conn)

    async def _whole(self, conn: h11.Connection) -> _Received:
        head = await self._event(conn)
        assert isinstance(head, h11.Request)  # what h11 gives first, if it gives anything
        body = bytearray()
        while len(body) <= LIMIT and isinstance(event := await self._event(conn), h11.Data):
            body += event.data
        self._waiting = conn.trailing_data[0]
        asked = Asked(head.method.decode(), head.target.decode(), tuple(head.headers), bytes(body[: LIMIT + 1]))
        two_lengths = None not in (asked.header(b"content-length"), asked.header(b"transfer-encoding"))
        last = two_lengths or conn.their_state is not h11.DONE  # who knows what others took for its end: RFC 9112 6.1
        return _Received(asked, head.http_version.decode(), last)

    async def _event(self, conn: h11.Connection) -> object:
        """The next event, for which the network is read as need be."""
        while (event := conn.next_event()) is h11.NEED_DATA:
            if conn.they_are_waiting_for_100_continue:
                await self._stream.write(conn.send(_CONTINUE) or b"")
            conn.receive_data(await self._stream.read(_CHUNK))
        return event

    async def _send(self, given: Answer, http_version: str) -> None:
        whole = given.head(http_version) + given.body[: given.wire.cut]
        size = given.wire.pieces or len(whole)
        for at in range(0, len(whole), size):
            if at:
                await asyncio.sleep(given.wire.pause)
            async with asyncio.timeout(IDLE):
                await self._stream.write(whole[at : at + size])


def _visitor(connection: ssl.SSLObject, address: str, port: int) -> Visitor:
    """Who has connected. A resumed session has no path, but still the certificate that was verified at its start."""
    chain = verified_chain(connection)
    leaf = connection.getpeercert(binary_form=True) if not chain and connection.session_reused else None
    # Where TLS 1.3 is spoken there is no tls-unique, whatever Python says (RFC 8446 appendix C.5).
    unique = connection.get_channel_binding("tls-unique") if connection.version() == "TLSv1.2" else None
    return Visitor(address, port, (leaf,) if leaf else chain, None, unique)


def _moment(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock(), UTC)
