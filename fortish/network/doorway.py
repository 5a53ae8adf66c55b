"""The first octets of a connection decide who serves it: TLS-SRP, or Python's own TLS, which has no SRP.

Nothing is answered before the ClientHello is whole, so looking at it costs no round trip.
"""

from __future__ import annotations

import struct
from typing import Final

from fortish.network.tcp import Tcp

_MOST: Final = 1 << 17  # octets that are read before somebody serves
_HANDSHAKE, _CLIENT_HELLO = 22, 1  # RFC 5246 sections 6.2.1 and 7.4
_SRP: Final = 12  # RFC 5054 section 2.8.1
_SUITES: Final = frozenset({0xC01D, 0xC020})  # TLS_SRP_SHA_WITH_AES_128_CBC_SHA and _256_: those without a certificate


async def hello(opened: Tcp) -> bool:
    """Whether a client asks for TLS-SRP; its ClientHello is still to be read then."""
    come = b""
    asks: bool | None = None
    while asks is None:
        piece = await opened.receive()
        come += piece
        asks = asks_for_srp(come) if piece and len(come) < _MOST else False
    opened.put_back(come)
    return asks


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
