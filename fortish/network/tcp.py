"""One TCP connection: what has come, what goes, and an end after which nothing of it is left.

Every other stream of this package stands on one. Whoever opens one closes or aborts it; while it is being opened that
is done here, at whatever moment the wait is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

_MOST: Final = 1 << 18  # octets that wait to be read before the other end is told to stop

Address = tuple[str, int]
NOWHERE: Final[Address] = "", 0


class Tcp(asyncio.Protocol):
    """One end of a connection; itself a `Stream`, of octets as they are. `served` is told when a client has come."""

    transport: asyncio.Transport

    def __init__(self, served: Callable[[Tcp], None] | None = None) -> None:
        self.http: Any = None
        self.here, self.there = NOWHERE, NOWHERE  # the addresses of both ends
        self._served = served
        self._come = bytearray()
        self._ended = self._lost = self._full = self._resting = False
        self._fault: Exception | None = None
        self._waiting: asyncio.Future[None] | None = None  # one task uses a connection at a time

    # --- what asyncio says --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self.transport = cast("asyncio.Transport", transport)
        self.here = (transport.get_extra_info("sockname") or NOWHERE)[:2]
        self.there = (transport.get_extra_info("peername") or NOWHERE)[:2]  # without one it has gone already
        if self._served is not None:
            self._served(self)

    def data_received(self, data: bytes) -> None:
        """Octets have come."""
        self._come += data
        if len(self._come) > _MOST:
            self._resting = True
            self.transport.pause_reading()
        self._tell()

    def eof_received(self) -> bool:
        """The other end sends no more; what goes there may still be read."""
        self._ended = True
        self._tell()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed for good."""
        self._ended = self._lost = True
        self._fault = exc
        self._tell()

    def pause_writing(self) -> None:
        """Enough is on its way."""
        self._full = True

    def resume_writing(self) -> None:
        """More may be sent."""
        self._full = False
        self._tell()

    def _tell(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def _changed(self) -> None:
        """Wait until something has happened."""
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    # --- what is done with it -----------------------------------------------------------------------------------------

    @property
    def local_port(self) -> int:
        """The port at this end."""
        return self.here[1]

    @property
    def is_ended(self) -> bool:
        """Whether the other end sends no more, and all has been taken."""
        return self._ended and not self._come

    def is_over(self) -> bool:
        """Whether the other end has gone, or has said what nobody has asked for."""
        return self._ended or bool(self._come)

    def take(self) -> bytes:
        """All that has come, without waiting."""
        data = bytes(self._come)
        self._come.clear()
        if self._resting and not self._lost:
            self._resting = False
            self.transport.resume_reading()
        return data

    def put_back(self, data: bytes) -> None:
        """Take this for something that is still to be read."""
        self._come[:0] = data

    async def receive(self) -> bytes:
        """All that has come, or what comes next; b'' at the end. Raises OSError."""
        while not self._come:
            if self._fault is not None:
                raise self._fault
            if self._ended:
                return b""
            await self._changed()
        return self.take()

    async def read(self, most: int) -> bytes:
        """The same, `most` octets of it."""
        data = await self.receive()
        if len(data) > most:
            self.put_back(data[most:])
        return data[:most]

    async def write(self, data: bytes) -> None:
        """Send everything. Raises OSError."""
        self.send(data)
        while self._full and not self._lost:
            await self._changed()
        if self._lost:
            raise self._fault or ConnectionResetError("the connection is closed")

    def send(self, data: bytes) -> None:
        """Begin to send. Raises OSError."""
        if self.transport.is_closing():
            raise self._fault or ConnectionResetError("the connection is closed")
        self.transport.write(data)

    def acknowledge(self) -> None:
        """Confirm what has come at once, where the system can: a client may be holding back more until that is done."""
        held = self.transport.get_extra_info("socket")
        if held is not None and hasattr(socket, "TCP_QUICKACK"):
            with contextlib.suppress(OSError):
                held.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    async def parted(self, seconds: float) -> None:
        """Send no more, and wait so long for the other end to go first. What it still says is not read."""
        if not self.transport.is_closing():
            self.transport.write_eof()
        try:
            async with asyncio.timeout(seconds):
                while await self.receive():
                    pass
        except OSError:  # TimeoutError is one
            pass
        except asyncio.CancelledError:
            self.abort()
            raise

    async def close(self, seconds: float) -> None:
        """Close; what cannot be sent within so many seconds is cut off."""
        self.transport.close()
        try:
            async with asyncio.timeout(seconds):
                while not self._lost:
                    await self._changed()
        except TimeoutError:
            self.abort()
        except asyncio.CancelledError:
            self.abort()
            raise

    def abort(self) -> None:
        """Close at once."""
        self.transport.abort()


async def connect_any(addresses: Sequence[str], port: int, source: str, seconds: float) -> Tcp:
    """Open a connection to the first address that answers; they are asked in turn. Raises OSError: the last one's.

    Each has an equal share of the `seconds` that are left.
    """
    until = time.monotonic() + seconds
    for left in range(len(addresses), 0, -1):
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic()) / left):
                return await connect(addresses[-left], port, source)
        except OSError:  # TimeoutError is one
            if left == 1:
                raise
    raise ConnectionError("there is no address")


async def connect(host: str, port: int, source: str = "") -> Tcp:
    """Open a connection, from the address `source` if one is given. Raises OSError."""
    loop = asyncio.get_running_loop()
    local = (source, 0) if source else None
    _, opened = await loop.create_connection(Tcp, host, port, local_addr=local)
    return opened
