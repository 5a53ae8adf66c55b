"""What HTTP runs over: an open connection, whichever library does its TLS; and the one whose TLS is Python's own.

TLS is computed on octets in memory, so that nothing of it outlives the TCP connection below, whenever a wait for it is
cancelled: asyncio's own TLS transports do, and take three times as long over a short exchange.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from fortish.network.tcp import Tcp

_T = TypeVar("_T")
_MOST: Final = 1 << 18  # octets that are read at once


# OpenSSL's names of what the other end has told begin so, and of nothing else.
_ALERT: Final = re.compile(r"\b(?:(?:sslv3|tlsv1|tlsv13)[ _](?:alert[ _])?|alert )(.+?)(?:\]| \(|$)")


class Stream(Protocol):
    """An open connection. `http` is what carries HTTP over it, made when first used."""

    http: Any

    @property
    def local_port(self) -> int:
        """The port at this end."""

    def is_over(self) -> bool:
        """Whether the other end has gone, or has said what nobody has asked for: then nothing more is to be sent."""

    async def read(self, most: int) -> bytes:
        """What has come, `most` octets of it; b'' at the end. Raises OSError."""

    async def write(self, data: bytes) -> None:
        """Send everything. Raises OSError."""

    async def close(self, seconds: float) -> None:
        """Say goodbye, give the other end so long to answer, and close. Never raises OSError."""

    def abort(self) -> None:
        """Close at once."""


class TlsStream:
    """A connection whose TLS is Python's own. `tls` tells what the handshake has agreed on.

    `name` is the server's host name at a client's end; without one this is the server's end. `come` was read before.
    """

    def __init__(self, tcp: Tcp, context: ssl.SSLContext, name: str | None = None, come: bytes = b"") -> None:
        self.tcp = tcp
        self.http: Any = None
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._in.write(come)
        self.tls = context.wrap_bio(self._in, self._out, server_side=name is None, server_hostname=name)

    @property
    def local_port(self) -> int:
        """The port at this end."""
        return self.tcp.local_port

    def leaf(self) -> bytes | None:
        """The certificate of the other end in DER; None without one, and in the middle of another handshake."""
        try:
            return self.tls.getpeercert(binary_form=True)
        except ValueError:
            return None

    async def handshake(self) -> None:
        """Agree on everything. Raises OSError, of which ssl.SSLError is one."""
        await self._carry_out(self.tls.do_handshake)

    def is_over(self) -> bool:
        """Whether the other end has gone, or has said what nobody has asked for."""
        self._fill(self.tcp.take())
        try:
            self.tls.read(1)
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError:
            pass
        return True

    async def read(self, most: int) -> bytes:
        """What has come. One who goes without a goodbye has gone all the same: lengths tell whether that was all."""
        try:
            return await self._carry_out(lambda: self.tls.read(most))
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    async def write(self, data: bytes) -> None:
        """Send everything."""
        if data:
            await self._carry_out(lambda: self.tls.write(data))

    async def close(self, seconds: float) -> None:
        """Say goodbye and close.

        A server waits so long for its client to go first: what is still on its way from there would otherwise be
        answered with a reset, which can take our last answer away again (RFC 9112 section 9.6).
        """
        with contextlib.suppress(OSError, ValueError):  # it has not answered yet, or there is nothing to part from
            self.tls.unwrap()
        self._flush()
        if self.tls.server_side:
            await self.tcp.parted(seconds)
        await self.tcp.close(seconds)

    def abort(self) -> None:
        """Close at once."""
        self.tcp.abort()

    async def _carry_out(self, step: Callable[[], _T]) -> _T:
        """Do one thing, for which octets are fetched as need be; an alert that a failure leaves behind is sent."""
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                await self._sent()
                self._fill(await self.tcp.receive())
            except ssl.SSLError:
                self._flush()
                raise
            else:
                await self._sent()
                return done

    def _fill(self, data: bytes) -> None:
        if data:
            self._in.write(data)
        elif self.tcp.is_ended:
            self._in.write_eof()

    async def _sent(self) -> None:
        if self._out.pending:
            await self.tcp.write(self._out.read())

    def _flush(self) -> None:
        """Send what can be sent without waiting; who cannot be reached any more is not told."""
        if self._out.pending and not self.tcp.transport.is_closing():
            self.tcp.send(self._out.read())


def alert(error: OSError) -> str:
    """The TLS alert by which the other end has ended a connection, in the words of RFC 8446; '' where none has."""
    named = _ALERT.search(str(error).lower())
    return named[1].replace("_", " ") if named else ""
