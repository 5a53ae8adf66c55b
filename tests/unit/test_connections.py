"""HTTP on one connection, in the clear and under TLS: what servers do to it, and what it does to them."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fortish.errors import LinkLost, PeerFault
from fortish.est import wire
from fortish.network.http import Conversation, asked
from fortish.network.identity import Identity
from fortish.network.listen import Listener, listen, opened_server
from fortish.network.stream import Stream, TlsStream
from fortish.network.tcp import Tcp, connect
from fortish.responder.authority import Authority
from fortish.responder.message import Asked, Visitor
from fortish.responder.respond import responding
from fortish.responder.state import Responder

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serving = Callable[[Stream], Awaitable[None]]


def played(serve: Serving, work: Callable[[Stream], Awaitable[Any]], *, tls: bool = False) -> Any:
    """A server of a test's own, and one client of it; nobody complains and nobody stays."""
    noise: list[object] = []
    state = Responder(Authority.fresh(datetime.now(UTC)))
    context = Identity(state, ("localhost",), time.time, False).context

    async def served(opened: Tcp) -> None:
        stream: Stream = opened
        if tls:
            stream = TlsStream(opened, context)
            await stream.handshake()
        await serve(stream)

    async def whole() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: noise.append(context))
        async with asyncio.timeout(120):
            listener = await opened_server(served, "127.0.0.1", 0)
            stream = await client(listener, tls)
            try:
                return await work(stream)
            finally:
                await stream.close(1.0)
                await listener.close()

    done = asyncio.run(whole())
    assert noise == []
    return done


async def client(listener: Listener, tls: bool) -> Stream:
    opened = await connect("127.0.0.1", listener.port)
    if not tls:
        return opened
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    stream = TlsStream(opened, blind, "localhost")
    await stream.handshake()
    return stream


def saying(*answers: bytes, then: Serving | None = None) -> Serving:
    """A server that gives these answers in turn, each when something has come."""

    async def serve(stream: Stream) -> None:
        for answer in answers:
            await stream.read(1 << 16)
            await stream.write(answer)
        if then is not None:
            await then(stream)
        await stream.close(1.0)

    return serve


def post(body: str = "") -> Any:
    return wire.request("POST", "https://localhost/x", body)


def get(operation: str) -> Any:
    return wire.request("GET", f"https://localhost/.well-known/est/{operation}")


async def lost(work: Awaitable[object]) -> LinkLost:
    with pytest.raises(LinkLost) as caught:
        await work
    return caught.value


both = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])


@both
def test_a_connection_carries_one_request_after_the_other(tls: bool) -> None:
    async def work(stream: Stream) -> list[bytes]:
        talk = Conversation(stream)
        return [(await asked(talk, post("x"), 100, 5.0)).content for _ in range(3)]

    assert played(saying(OK, OK, OK), work, tls=tls) == [b"ok"] * 3


@both
def test_informational_answers_are_passed_over(tls: bool) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

    async def work(stream: Stream) -> Any:
        return await asked(Conversation(stream), post("x"), 100, 5.0)

    response = played(saying(early + OK), work, tls=tls)
    assert (response.status_code, response.content) == (200, b"ok")


@both
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\nTrailer: t\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.1 200 \r\ncontent-length:2\r\n\r\nok",
    ],
    ids=["chunked", "1.0", "close", "lower-case"],
)
def test_bodies_of_every_kind_are_read(tls: bool, answer: bytes) -> None:
    async def work(stream: Stream) -> bytes:
        return (await asked(Conversation(stream), post("x"), 100, 5.0)).content

    assert played(saying(answer), work, tls=tls) == b"ok"


@both
def test_a_connection_that_the_server_has_closed_is_not_used_again(tls: bool) -> None:
    async def work(stream: Stream) -> LinkLost:
        talk = Conversation(stream)
        await asked(talk, post("x"), 100, 5.0)
        await asyncio.sleep(0.1)  # for the goodbye to arrive
        return await lost(asked(talk, post("y"), 100, 5.0))

    assert played(saying(OK), work, tls=tls).closed


@both
def test_octets_that_nobody_has_asked_for_end_a_connection(tls: bool) -> None:
    """They are not taken for the answer to the next request."""

    async def work(stream: Stream) -> LinkLost:
        talk = Conversation(stream)
        assert (await asked(talk, post("x"), 100, 5.0)).content == b"ok"
        await asyncio.sleep(0.1)
        return await lost(asked(talk, post("y"), 100, 5.0))

    async def late(stream: Stream) -> None:
        await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await stream.read(1)

    assert played(saying(OK + b"HTTP/1.1 200 OK\r\n"), work, tls=tls).closed
    assert played(saying(OK, then=late), work, tls=tls).closed


@both
def test_an_answer_that_breaks_off_is_not_asked_for_again(tls: bool) -> None:
    async def work(stream: Stream) -> LinkLost:
        return await lost(asked(Conversation(stream), post("x"), 100, 5.0))

    for answer in (b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"):
        assert not played(saying(answer), work, tls=tls).closed
    assert played(saying(b""), work, tls=tls).closed


@both
def test_an_answer_before_the_request_has_ended_is_read(tls: bool) -> None:
    answer = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno\n"

    async def serve(stream: Stream) -> None:
        await stream.read(10)
        await stream.write(answer)
        await stream.close(1.0)

    async def work(stream: Stream) -> int:
        return (await asked(Conversation(stream), post("x" * 400_000), 100, 5.0)).status_code

    assert played(serve, work, tls=tls) == 413


def test_a_body_over_the_limit_is_refused() -> None:
    async def work(stream: Stream) -> None:
        with pytest.raises(PeerFault, match="larger than 1"):
            await asked(Conversation(stream), post("x"), 1, 5.0)

    played(saying(OK), work)


@both
def test_a_sender_is_held_back_while_nobody_reads(tls: bool) -> None:
    """Of 20 MB not more is held in memory than a few reads bring; all of it arrives."""
    whole = 20 << 20

    async def serve(stream: Stream) -> None:
        await stream.write(bytes(whole))
        await stream.close(1.0)

    async def work(stream: Stream) -> int:
        opened = stream.tcp if isinstance(stream, TlsStream) else stream
        await asyncio.sleep(0.2)
        assert len(opened._come) < 2 << 20
        count = 0
        while data := await stream.read(1 << 16):
            count += len(data)
        return count

    assert played(serve, work, tls=tls) == whole


def test_an_alert_is_told_by_its_name() -> None:
    """Under TLS 1.3 a server refuses a client after the client's handshake has ended."""
    state = Responder(Authority.fresh(datetime.now(UTC)))
    context = Identity(state, ("localhost",), time.time, True).context

    async def whole() -> str:
        async def serve(opened: Tcp) -> None:
            await TlsStream(opened, context).handshake()

        listener = await opened_server(serve, "127.0.0.1", 0)
        stream = await client(listener, True)
        fault = await lost(asked(Conversation(stream), post("x"), 100, 5.0))
        await stream.close(1.0)
        await listener.close()
        return fault.reason

    assert asyncio.run(whole()) == "OpenSSL SSL_read: tls alert certificate required"


def test_who_waits_for_a_key_keeps_nobody_waiting() -> None:
    """An answer that takes long is made beside the loop: it is over when another client has had its own."""
    gone = threading.Event()

    def slow(state: Responder, asked: Asked, visitor: Visitor, now: datetime) -> Any:
        if asked.target.endswith("slow"):
            assert (yield lambda: gone.wait(10))
        return (yield from responding(state, asked, visitor, now))

    async def whole() -> list[int]:
        state = Responder(Authority.fresh(datetime.now(UTC)))
        how: dict[str, Any] = {"clock": time.time, "client_certificate": "optional", "answering": slow}
        listener = await listen(state, "127.0.0.1", 0, names=["localhost"], **how)
        streams = [await client(listener, True) for _ in range(2)]
        waiting = asyncio.ensure_future(asked(Conversation(streams[0]), get("slow"), 1 << 20, 10.0))
        await asyncio.sleep(0.05)
        other = await asked(Conversation(streams[1]), get("cacerts"), 1 << 20, 10.0)
        assert not waiting.done()
        gone.set()
        statuses = [other.status_code, (await waiting).status_code]
        for stream in streams:
            await stream.close(1.0)
        await listener.close()
        return statuses

    assert asyncio.run(whole()) == [200, 404]


def test_session_tickets_are_not_taken_for_an_answer() -> None:
    """A server of TLS 1.3 sends them when it likes: after the handshake, and between two answers."""
    state = Responder(Authority.fresh(datetime.now(UTC)))
    context = Identity(state, ("localhost",), time.time, False).context
    context.options &= ~ssl.OP_NO_TICKET
    context.num_tickets = 4

    async def serve(opened: Tcp) -> None:
        stream = TlsStream(opened, context)
        await stream.handshake()
        await saying(OK, OK)(stream)

    async def whole() -> list[bytes]:
        listener = await opened_server(serve, "127.0.0.1", 0)
        stream = await client(listener, True)
        talk, bodies = Conversation(stream), []
        for _ in range(2):
            await asyncio.sleep(0.05)  # for the tickets to arrive
            bodies.append((await asked(talk, post("x"), 100, 5.0)).content)
        await stream.close(1.0)
        await listener.close()
        return bodies

    assert asyncio.run(whole()) == [b"ok", b"ok"]
