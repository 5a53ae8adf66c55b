"""The first octets of a connection decide who serves it: TLS-SRP, or Python's own TLS, which has no SRP.

Nothing is answered before the ClientHello is whole, so looking at it costs no round trip.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from typing import Final

from fortish.network.stream import TlsStream

_MOST: Final = 1 << 17  # octets that are read before somebody serves: one read takes all that asyncio has buffered
_HANDSHAKE, _CLIENT_HELLO = 22, 1  # RFC 5246 sections 6.2.1 and 7.4
_SRP: Final = 12  # RFC 5054 section 2.8.1
_SUITES: Final = frozenset({0xC01D, 0xC020})  # TLS_SRP_SHA_WITH_AES_128_CBC_SHA and _256_: those without a certificate


async def hello(reader: asyncio.StreamReader, transport: asyncio.Transport) -> tuple[bytes, bool]:
    """All that has come, ClientHello first, and whether it asks for TLS-SRP. Reading is paused then."""
    come = b""
    asks: bool | None = None
    while asks is None:
        piece = await reader.read(_MOST)
        come += piece
        asks = asks_for_srp(come) if piece and len(come) < _MOST else False
    transport.pause_reading()
    return come, asks


def asks_for_srp(come: bytes) -> bool | None:
    """Whether a ClientHello names a user and a suite for TLS-SRP; None as long as that cannot be told.

    What is no ClientHello does not ask for it, and is left to whoever knows what to say about it.
    """
    message, place = b"", 0
    while True:
        if message and message[0] != _CLIENT_HELLO:
            return False
        if len(message) >= 4 and len(message) >= (length := 4 + int.from_bytes(message[1:4], "big")):
            return _named(message[4:length])
        if come[place : place + 1] not in (b"", bytes([_HANDSHAKE])):
            return False
        if len(come) < place + 5:
            return None
        end = place + 5 + int.from_bytes(come[place + 3 : place + 5], "big")
        if len(come) < end:
            return None
        message, place = message + come[place + 5 : end], end


def _named(body: bytes) -> bool:
    """Whether the body of a ClientHello has the extension and a suite (RFC 5246 section 7.4.1.2)."""
    try:
        place = 35 + body[34]  # version, random, session identifier
        (length,) = struct.unpack_from("!H", body, place)
        offered = {suite for (suite,) in struct.iter_unpack("!H", body[place + 2 : place + 2 + length])}
        place += 2 + length
        place += 3 + body[place]  # compression methods, length of the extensions
        while place < len(body):
            kind, length = struct.unpack_from("!HH", body, place)
            if kind == _SRP:
                return not _SUITES.isdisjoint(offered)
            place += 4 + length
    except (IndexError, struct.error):
        pass
    return False


async def secured(
    transport: asyncio.Transport, come: bytes, context: ssl.SSLContext, handshake: float, goodbye: float
) -> TlsStream:
    """Python's own TLS on a connection of which `come` was read before. Raises OSError.

    `handshake` and `goodbye` are how many seconds each of them may take.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = _Inside(reader)
    upgrade = loop.create_task(
        loop.start_tls(
            transport,
            protocol,
            context,
            server_side=True,
            ssl_handshake_timeout=handshake,
            ssl_shutdown_timeout=goodbye,
        )
    )
    try:
        await asyncio.sleep(0)  # now TLS is between the transport and us, and nothing more has been read
        _feed(transport.get_protocol(), come)
        tls = await upgrade
    except BaseException:
        upgrade.cancel()
        raise
    if tls is None:
        raise ConnectionResetError
    protocol.connection_made(tls)
    return TlsStream(reader, asyncio.StreamWriter(tls, protocol, reader, loop))


def _feed(protocol: asyncio.BaseProtocol, octets: bytes) -> None:
    """Hand over octets as a transport does."""
    assert isinstance(protocol, asyncio.BufferedProtocol)
    while octets:
        buffer = memoryview(protocol.get_buffer(len(octets)))
        count = min(len(buffer), len(octets))
        buffer[:count] = octets[:count]
        protocol.buffer_updated(count)
        octets = octets[count:]


class _Inside(asyncio.StreamReaderProtocol):
    """What stands inside of TLS, where no direction can be closed alone: so the end of one is the end."""

    def eof_received(self) -> bool:
        super().eof_received()
        return False
