"""Datagram sockets, and numeric addresses for them: names are looked up elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, cast

from fortish.errors import LinkLost
from fortish.network.tftp.packets import Address

_INBOX_LIMIT = 64  # datagrams; what comes on top is dropped, as a network may


class Endpoint(asyncio.DatagramProtocol):
    """One datagram socket whose arrivals, and failures, queue up in `inbox`."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[tuple[bytes | OSError, Address]] = asyncio.Queue(_INBOX_LIMIT)
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """A datagram has come."""
        self._arrived(data, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """A send has failed, or the network says that an earlier one did."""
        if isinstance(exc, OSError):
            self._arrived(exc, ("", 0))

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        if not self._closed.done():
            self._closed.set_result(None)

    @property
    def port(self) -> int:
        """The local port."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def send(self, packet: bytes, to: Address) -> None:
        """Send `packet`; a failure arrives in `inbox`."""
        assert self._transport is not None
        self._transport.sendto(packet, to)

    async def close(self) -> None:
        """Close the socket; it is gone on return."""
        assert self._transport is not None
        self._transport.close()
        await self._closed

    def _arrived(self, item: bytes | OSError, sender: Address) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self.inbox.put_nowait((item, sender))


def words(error: OSError) -> str:
    """What the system says of a failure."""
    return error.strerror or str(error) or "the network failed"


def numeric(address: str, port: int, family: int = 0) -> tuple[int, Address]:
    """Family and socket address of a numeric `address`; names are not looked up. Raises `LinkLost`."""
    if not 0 <= port <= 0xFFFF:
        raise LinkLost(f"{port} is not a port")
    try:
        found = socket.getaddrinfo(address, port, family, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)
    except OSError as error:
        raise LinkLost(words(error)) from error
    except ValueError:  # Python tries IDNA first
        raise LinkLost("the address is not usable") from None
    return found[0][0], (str(found[0][4][0]), port)


async def opened(family: int, local: Address) -> Endpoint:
    """A datagram endpoint bound to `local`. Raises `LinkLost`."""
    try:
        bound = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise LinkLost(words(error)) from error
    try:
        bound.setblocking(False)
        bound.bind(local)
        _, endpoint = await asyncio.get_running_loop().create_datagram_endpoint(Endpoint, sock=bound)
    except OSError as error:
        bound.close()
        raise LinkLost(words(error)) from error
    return endpoint
