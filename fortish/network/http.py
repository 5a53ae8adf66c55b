"""HTTP on one live link and never on another: the link's TLS stream handed to httpcore as its network."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import httpcore

from fortish.errors import LinkLost, PeerFault
from fortish.network.stream import Stream

if TYPE_CHECKING:
    import httpx

    from fortish.steps import Http

CLOSED = "Connection died, tried 1 times before giving up"
GOODBYE = 1.0  # seconds for a peer to confirm that a connection is closed


class LiveStream(httpcore.AsyncNetworkStream):
    """An open TLS connection as httpcore's stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come."""
        try:
            return await asyncio.wait_for(self._stream.read(max_bytes), timeout)
        except TimeoutError as error:
            raise httpcore.ReadTimeout from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write everything."""
        try:
            await asyncio.wait_for(self._stream.write(buffer), timeout)
        except TimeoutError as error:
            raise httpcore.WriteTimeout from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.close(GOODBYE)

    async def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        """TLS is there already."""
        return self

    def get_extra_info(self, info: str) -> Any:
        """Whether bytes (or the end) wait to be read: httpcore asks before it reuses a connection."""
        return self._stream.at_eof() if info == "is_readable" else None


class OneStream(httpcore.AsyncNetworkBackend):
    """A network of one connection: it is handed out once."""

    def __init__(self, stream: Stream) -> None:
        self._stream: Stream | None = stream

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """The connection, the first time; afterwards it is gone for good."""
        stream, self._stream = self._stream, None
        if stream is None:
            raise httpcore.ConnectError(CLOSED)
        return LiveStream(stream)

    async def sleep(self, seconds: float) -> None:
        """The pause that httpcore makes between retries."""
        await asyncio.sleep(seconds)


@cache
def _unused() -> ssl.SSLContext:
    """A context that is never used: without one httpcore would load the whole public bundle."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def perform(ask: Http) -> httpx.Response:
    """One request. Raises `LinkLost`, `PeerFault` (a body over the limit, or what is no HTTP)."""
    stream: Stream = ask.link.handle
    if stream.http is None:
        stream.http = httpcore.AsyncConnectionPool(_unused(), max_connections=1, network_backend=OneStream(stream))
    timeout = ask.link.peer.timeout
    started = time.monotonic()
    answer = _Answer()
    try:
        async with asyncio.timeout(timeout):
            return await _ask(stream.http, ask, answer)
    except (TimeoutError, httpcore.TimeoutException):
        spent = round((time.monotonic() - started) * 1000)
        raise LinkLost(f"Operation timed out after {spent} milliseconds with 0 bytes received") from None
    except httpcore.RemoteProtocolError as error:
        raise LinkLost(_words(str(error)), closed=not answer.begun) from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise LinkLost(_alert(str(error)), closed=not answer.begun and "alert" not in str(error).lower()) from error


@dataclass(slots=True)
class _Answer:
    """Whether anything of the response has come: then the request is not sent again."""

    begun: bool = False


def _words(reason: str) -> str:
    """What a peer did wrong, as libcurl spells it."""
    if "without sending a response" in reason:
        return "Empty reply from server"
    if cut := re.search(r"received (\d+) bytes, expected (\d+)", reason):
        return f"transfer closed with {int(cut[2]) - int(cut[1])} bytes remaining to read"
    return f"Invalid HTTP response: {reason}"


def _alert(reason: str) -> str:
    """A connection that broke; a TLS alert keeps its name."""
    marker = "alert "
    if marker in reason.lower():
        alert = reason.lower().split(marker, 1)[1].split("]")[0].split(" (")[0]
        return f"OpenSSL SSL_read: tls alert {alert.replace('_', ' ')}"
    return reason if reason == CLOSED else "Recv failure: Connection reset by peer"


async def _ask(pool: httpcore.AsyncConnectionPool, ask: Http, answer: _Answer) -> httpx.Response:
    import httpx

    request = ask.request
    body = bytearray()
    async with pool.stream(
        request.method, str(request.url), headers=request.headers.raw, content=request.content
    ) as response:
        answer.begun = True
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > ask.limit:
                raise PeerFault(f"the body is larger than {ask.limit} bytes")
    extensions = {"http_version": response.extensions.get("http_version", b"HTTP/1.1")}
    extensions["reason_phrase"] = response.extensions.get("reason_phrase", b"")
    return httpx.Response(response.status, headers=_plain(response.headers), content=bytes(body), extensions=extensions)


def _plain(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers as received; httpx must not undo a content encoding that we did not ask for."""
    return [(name, value) for name, value in headers if name.lower() != b"content-encoding"]
