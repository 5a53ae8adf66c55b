"""What HTTP runs over: an open connection, whichever library does its TLS."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol


class Stream(Protocol):
    """An open TLS connection. `http` is what carries HTTP over it, made when first used."""

    http: Any

    @property
    def local_port(self) -> int:
        """The port at this end."""

    def at_eof(self) -> bool:
        """Whether nothing more can be read."""

    async def read(self, most: int) -> bytes:
        """What has come, `most` octets of it; b'' at the end. Raises OSError."""

    async def write(self, data: bytes) -> None:
        """Send everything. Raises OSError."""

    async def close(self, seconds: float) -> None:
        """Say goodbye, give the other end so long to answer, and close. Never raises OSError."""

    def abort(self) -> None:
        """Close at once."""


@dataclass(slots=True)
class TlsStream:
    """A connection whose TLS is Python's own; or one without, where `close` and `abort` are all that is used."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: Any = None

    @property
    def local_port(self) -> int:
        """The port at this end."""
        port: int = self.writer.get_extra_info("sockname")[1]
        return port

    def at_eof(self) -> bool:
        """Whether nothing more can be read."""
        return self.reader.at_eof()

    async def read(self, most: int) -> bytes:
        """What has come; ssl.SSLError is an OSError, too."""
        return await self.reader.read(most)

    async def write(self, data: bytes) -> None:
        """Send everything."""
        self.writer.write(data)
        await self.writer.drain()

    async def close(self, seconds: float) -> None:
        """Close, without waiting for long for a peer that does not answer."""
        await close(self.writer, seconds)

    def abort(self) -> None:
        """Close at once."""
        self.writer.transport.abort()


async def close(writer: asyncio.StreamWriter, seconds: float) -> None:
    """Close; whatever is not over after so many seconds is cut off."""
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), seconds)
    except OSError:  # TimeoutError is one
        writer.transport.abort()
