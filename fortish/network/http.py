"""HTTP/1.1 (RFC 9112) on one connection and never on another, with h11."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
import zlib
from typing import TYPE_CHECKING, Final

import h11

from fortish.errors import LinkLost, PeerFault
from fortish.est import wire
from fortish.network.stream import Stream, TlsStream, alert

if TYPE_CHECKING:
    import httpx

    from fortish.steps import Http

CLOSED: Final = "Connection died, tried 1 times before giving up"
EMPTY: Final = "Empty reply from server"
GOODBYE: Final = 1.0  # seconds for a peer to confirm that a connection is closed

_START: Final = b"HTTP/"  # of any response
_HEAD: Final = 100 << 10  # octets of a response's head
_MOST_INFORMATIONAL: Final = 100  # answers of 1xx before the one that counts
_GZIP: Final = b"\x1f\x8b"  # how what is compressed so begins
_CHUNK: Final = 1 << 16  # octets that are read at once
# All that libest 1 sends where it has no CSR attributes; nothing that it might have said is missing.
_CUT_204: Final = re.compile(rb"HTTP/1\.1 204[^\r\n]*")


class Conversation:
    """Requests on one connection, in turn, until either end has had enough.

    `begun` says whether anything of the present response has come: then its request must not be sent again. `broken`
    says whether the peer has closed the connection before its end, `body` is what has come of its body.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD)
        self._over = False
        self._start = b""  # of the present response
        self.begun = self.broken = False
        self.body = bytearray()

    async def ask(self, request: httpx.Request, limit: int) -> httpx.Response:
        """One request and its response, with a body of at most `limit` octets.

        Raises `LinkLost` (the connection had been closed), `PeerFault`, OSError, h11.ProtocolError.
        """
        if self._over or self._stream.is_over():
            raise LinkLost(CLOSED, closed=True)
        self._over, self.begun, self._start = True, False, b""  # until it has ended well
        self.body = bytearray()
        await self._send(request)
        response = await self._response(limit)
        both = self._h11.our_state, self._h11.their_state
        if both == (h11.DONE, h11.DONE) and not self._h11.trailing_data[0]:
            self._h11.start_next_cycle()
            self._over = False
        else:
            await self._stream.close(GOODBYE)
        return response

    async def _send(self, request: httpx.Request) -> None:
        """Send it in one piece; some servers want that. One who has answered before its end is listened to."""
        headers, target = request.headers.raw, request.url.raw_path
        pieces = [self._h11.send(h11.Request(method=request.method, target=target, headers=headers))]
        if request.content:
            pieces.append(self._h11.send(h11.Data(data=request.content)))
        pieces.append(self._h11.send(h11.EndOfMessage()))
        with contextlib.suppress(ConnectionError):
            await self._stream.write(b"".join(piece for piece in pieces if piece))

    async def _response(self, limit: int) -> httpx.Response:
        import httpx

        head = await self._head()
        body = self.body
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > limit:
                raise _too_large(limit)
        extensions = {"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason}
        headers = httpx.Headers(head.headers.raw_items())
        plain = bytes(body)
        if plain.startswith(_GZIP) and "gzip" in headers.get("content-encoding", "").lower():
            plain = _unpacked(plain, limit)
        response = httpx.Response(head.status_code, content=plain, extensions=extensions)
        response.headers = headers  # as received: httpx would add a length, and undo a coding without a limit
        return response

    async def _head(self) -> h11.Response:
        """The head of the answer; what a server says before it is passed over, if it comes to an end with that."""
        for _ in range(_MOST_INFORMATIONAL):
            head = await self._event()
            if isinstance(head, h11.Response):
                return head
        raise h11.RemoteProtocolError(f"more than {_MOST_INFORMATIONAL} informational responses")

    async def _event(self) -> object:
        """The next event, for which the network is read as need be."""
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            data = await self._stream.read(_CHUNK)
            if data:
                self.begun = True
                self._start += data[: len(_START) - len(self._start)]
                if not _START.startswith(self._start):  # h11 would wait for the end of the line, which may never come
                    raise h11.RemoteProtocolError(f"illegal status line: {data[:40]!r}")
            elif self._h11.their_state is h11.SEND_RESPONSE and _CUT_204.fullmatch(self._h11.trailing_data[0]):
                data = b"\r\n\r\n"
            else:
                self.broken = True
                if self._h11.their_state is h11.SEND_RESPONSE:
                    raise h11.RemoteProtocolError(EMPTY)
            self._h11.receive_data(data)
        return event


async def perform(ask: Http) -> httpx.Response:
    """One request on its link. Raises `LinkLost`, `PeerFault` (a body over the limit).

    A server may shake hands again, to ask for a client certificate (TLS 1.2): it must still be the one that was
    authorised, and what was bound to the session before is bound to nothing now (RFC 5929 section 3).
    """
    link, stream = ask.link, ask.link.handle
    if stream.http is None:
        stream.http = Conversation(stream)
    if link.peer.highest and link.tls_unique is not None and _unique(stream) not in (None, link.tls_unique):
        raise LinkLost(CLOSED, closed=True)
    response = await asked(stream.http, ask.request, ask.limit, link.peer.timeout)
    if link.chain and isinstance(stream, TlsStream) and (leaf := stream.leaf()) != link.chain[0]:
        stream.abort()
        if leaf is not None:
            raise LinkLost("SSL: the server has shown another certificate since", passing=False)
    return response


def _unique(stream: Stream) -> bytes | None:
    return stream.tls.get_channel_binding("tls-unique") if isinstance(stream, TlsStream) else None


async def asked(talk: Conversation, request: httpx.Request, limit: int, seconds: float) -> httpx.Response:
    """One request, which may take so many seconds of real time. Raises `LinkLost`, `PeerFault`."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            return await talk.ask(request, limit)
    except TimeoutError:
        spent = round((time.monotonic() - started) * 1000)
        come = len(talk.body)
        raise LinkLost(f"Operation timed out after {spent} milliseconds with {come} bytes received") from None
    except h11.ProtocolError as error:
        raise LinkLost(_words(str(error)), closed=not talk.begun, passing=talk.broken) from error
    except OSError as error:
        name = alert(error)
        reason = f"OpenSSL SSL_read: tls alert {name}" if name else "Recv failure: Connection reset by peer"
        raise LinkLost(reason, closed=not talk.begun and not name, passing=not name) from error


def _words(reason: str) -> str:
    """What a peer did wrong, as libcurl spells it."""
    if reason == EMPTY:
        return EMPTY
    if cut := re.search(r"received (\d+) bytes, expected (\d+)", reason):
        return f"transfer closed with {int(cut[2]) - int(cut[1])} bytes remaining to read"
    if "incomplete chunked read" in reason:
        return "transfer closed with outstanding read data remaining"
    if "_SWITCH_" in reason:
        return "Invalid HTTP response: the protocol is switched, which nobody has asked for"
    if "buffer too long" in reason:
        return f"Too large response headers: more than {_HEAD >> 10} KiB"
    plain = re.sub(r"(?:bytearray\()?b(['\"])(.*)\1\)?", r"'\2'", reason)
    return f"Invalid HTTP response: {wire.printable(plain, wire.TEXT_LIMIT)}"


def _unpacked(body: bytes, limit: int) -> bytes:
    """A body that a server has compressed, which nobody has asked for. Raises `PeerFault`."""
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = inflate.decompress(body, limit + 1)
    except zlib.error:
        raise PeerFault("the body is compressed (gzip) and damaged") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not inflate.eof:
        raise PeerFault("the body is compressed (gzip) and breaks off")
    return plain


def _too_large(limit: int) -> PeerFault:
    return PeerFault(f"the body is larger than {limit} bytes")
