"""A listening EST server: TLS and HTTP/1.1 around the pure `respond`, on the running event loop.

h11 reads requests; heads are written by hand, since their order and spelling are part of what is emulated, and head
and body go out in one write, which some clients need. A client that hangs up, stalls or fails the handshake is its own
affair: its connection ends and nothing is printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import h11
from cryptography import x509

from fortish.network.chain import verified_chain
from fortish.network.tls import NO_CHECK_TIME, pem_file
from fortish.pki.keys import PrivateKey, encrypted_pem
from fortish.pki.pem import pem
from fortish.responder.body import LIMIT
from fortish.responder.respond import Answer, Asked, Responder, Visitor, refusal, respond

IDLE: Final = 30.0  # seconds of real time for a request to arrive, and for an answer to be taken
HEADER_LIMIT: Final = 16 << 10  # octets of a request's head that may come before its end does

_HANDSHAKE = 10.0  # seconds
_GOODBYE = 1.0  # seconds for the other end to confirm that it closes
_CHUNK = HEADER_LIMIT  # octets read at once, so that no head above twice the limit passes
_LINGER = 4 << 20  # octets of an overlong request that are still read, so that its sender gets to see the refusal
_RENEW_EARLY = timedelta(days=30)
_CONTINUE = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")

Clock = Callable[[], float]
Demand = Literal["optional", "required"]


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
) -> Listener:
    """Serve `state` on `host` and `port` (0: any that is free), with a certificate for `names` and the time of `clock`.

    `clock` counts seconds since 1970. With "required" nobody is served who shows no certificate of the authority.
    `source_of` may know a better address of a visitor, by the port it comes from: an embedded world's own.
    Raises OSError where the address cannot be had.
    """
    identity = _Identity(state, tuple(names), clock, client_certificate == "required")
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        with contextlib.suppress(asyncio.CancelledError):  # Python 3.11's streams would print it
            await _Connection(state, clock, reader, writer, source_of).run()

    server = await asyncio.start_server(
        serve,
        host,
        port,
        ssl=identity.context,
        ssl_handshake_timeout=_HANDSHAKE,
        ssl_shutdown_timeout=_GOODBYE,
        backlog=256,
    )
    bound: int = server.sockets[0].getsockname()[1]
    if client_certificate == "required":
        state.certificate_ports.add(bound)
    return Listener(bound, server, connections)


class _Identity:
    """The server's TLS contexts: one for the listening socket, which hands new connections the current certificate.

    The certificate is made anew when the clock nears its end, or is turned back: a box may live through many years.
    """

    def __init__(self, state: Responder, names: tuple[str, ...], clock: Clock, required: bool) -> None:
        self._state, self._names, self._clock, self._required = state, names, clock, required
        self.context = self._current = self._fresh()
        self.context.sni_callback = self._on_hello

    def _fresh(self) -> ssl.SSLContext:
        authority, now = self._state.authority, _moment(self._clock)
        certificate, key = authority.server_certificate(self._names, now)
        self._use = certificate.not_valid_before_utc, certificate.not_valid_after_utc - _RENEW_EARLY
        return _context([certificate, authority.certificate], key, self._required)

    def _on_hello(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        since, until = self._use
        if not since <= _moment(self._clock) < until:
            self._current = self._fresh()
        if self._current is not self.context:
            connection.context = self._current


def _context(chain: Sequence[x509.Certificate], key: PrivateKey, required: bool) -> ssl.SSLContext:
    """A server's context. `chain` is its certificate and the root that client certificates must be signed by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    context.verify_flags |= NO_CHECK_TIME  # the emulated world has its own clock
    context.load_verify_locations(cadata=pem(chain[-1]))
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    password = secrets.token_hex(16)
    text = "\n".join([*map(pem, chain), encrypted_pem(key, password), ""])
    with pem_file(text) as path:
        context.load_cert_chain(path, password=password)
    return context


@dataclass(frozen=True, slots=True)
class _Received:
    """A request as read: which HTTP it speaks, and whether the connection ends with its answer."""

    asked: Asked
    http_version: str
    last: bool


class _Connection:
    """One client: its requests in turn, until either end has had enough."""

    def __init__(
        self,
        state: Responder,
        clock: Clock,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        source_of: Callable[[int], str],
    ) -> None:
        self._state, self._clock, self._reader, self._writer = state, clock, reader, writer
        self._source_of = source_of
        self._waiting = b""  # octets of the next request that came with the last

    async def run(self) -> None:
        """Serve until the end; ConnectionError, ssl.SSLError and TimeoutError are all OSErrors."""
        try:
            with contextlib.suppress(OSError):
                visitor = _visitor(self._writer)
                while await self._one(visitor):
                    pass
            self._writer.close()
            with contextlib.suppress(OSError):
                await asyncio.wait_for(self._writer.wait_closed(), 2 * _GOODBYE)
        finally:
            self._writer.transport.abort()

    async def _one(self, visitor: Visitor) -> bool:
        """One request and its answer; whether there may be another."""
        try:
            async with asyncio.timeout(IDLE):
                received = await self._receive()
        except h11.RemoteProtocolError as error:
            await self._send(refusal(431 if error.error_status_hint == 431 else 400, str(error)), "1.1")
            return False
        if received is None:
            return False
        source = self._source_of(self._writer.get_extra_info("peername")[1])
        visitor = replace(visitor, address=source or visitor.address)
        given = respond(self._state, received.asked, visitor, _moment(self._clock))
        if given.wire.delay:
            await asyncio.sleep(given.wire.delay)
        if received.asked.method == "HEAD":
            given = replace(given, body=b"")
        await self._send(given, "1.0" if received.http_version == "1.0" else given.wire.http_version)
        if len(received.asked.body) > LIMIT:
            await self._linger()
        return not (received.last or given.wire.close or given.wire.cut is not None)

    async def _linger(self) -> None:
        """Read on for a moment before closing (RFC 9112 section 9.6): a reset would take the answer away again."""
        left = _LINGER
        with contextlib.suppress(OSError):
            async with asyncio.timeout(_GOODBYE):
                while left > 0 and (piece := await self._reader.read(_CHUNK)):
                    left -= len(piece)

    async def _receive(self) -> _Received | None:
        """The next request, None where the client has no more. Of a body that is too long, one octet too many."""
        conn = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADER_LIMIT)
        start = self._waiting.lstrip(b"\r\n")  # RFC 9112 section 2.2 allows for empty lines
        while not start:
            if not (chunk := await self._reader.read(_CHUNK)):
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
        return _Received(asked, head.http_version.decode(), conn.their_state is not h11.DONE)

    async def _event(self, conn: h11.Connection) -> object:
        """The next event, for which the network is read as need be."""
        while (event := conn.next_event()) is h11.NEED_DATA:
            if conn.they_are_waiting_for_100_continue:
                self._writer.write(conn.send(_CONTINUE) or b"")
            conn.receive_data(await self._reader.read(_CHUNK))
        return event

    async def _send(self, given: Answer, http_version: str) -> None:
        self._writer.write(given.head(http_version) + given.body[: given.wire.cut])
        async with asyncio.timeout(IDLE):
            await self._writer.drain()


def _visitor(writer: asyncio.StreamWriter) -> Visitor:
    """Who has connected. A resumed session has no path, but still the certificate that was verified at its start."""
    connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
    chain = verified_chain(connection)
    leaf = connection.getpeercert(binary_form=True) if not chain and connection.session_reused else None
    # Where TLS 1.3 is spoken there is no tls-unique, whatever Python says (RFC 8446 appendix C.5).
    unique = connection.get_channel_binding("tls-unique") if connection.version() == "TLSv1.2" else None
    address, port = writer.get_extra_info("peername")[0], writer.get_extra_info("sockname")[1]
    return Visitor(address, port, (leaf,) if leaf else chain, None, unique)


def _moment(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock(), UTC)
