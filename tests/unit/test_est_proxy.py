"""EST through an HTTP proxy: a real one on loopback, a real responder behind it, and the box on the real network."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

import fortish
from fortish.network.listen import listen
from fortish.pki import pem
from fortish.responder.authority import Authority
from fortish.responder.respond import Responder

USER, PASSWORD = "proxyuser", "pro:xy pwd"
Serving = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Proxy:
    """Answers CONNECT. `how`: tunnel, close, reset, silent; `asked` are the heads it has read."""

    def __init__(self, how: str, password: str = "") -> None:
        self.how, self.password = how, password
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(head)
            wanted = "Basic " + base64.b64encode(f"{USER}:{self.password}".encode()).decode()
            if self.how == "close":
                writer.close()
            elif self.how == "reset":
                writer.transport.abort()
            elif self.how == "garbage":
                writer.write(b"\x00" * 40 + b"\r\n\r\n")
            elif self.how == "long":
                writer.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000)
            elif self.how == "forbidden":
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            elif self.password and f"Proxy-Authorization: {wanted}\r\n" not in head:
                writer.write(b'HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm="p"\r\n\r\n')
            else:
                await self._tunnel(head, reader, writer)
            await writer.drain()
        writer.close()

    async def _tunnel(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = head.split()[1].rpartition(":")[2]
        there, back = await asyncio.open_connection("127.0.0.1", int(port))  # the names are the proxy's affair
        writer.write(b"HTTP/1.0 200 Connection established\r\nVia: 1.0 proxy\r\n\r\n")
        await asyncio.gather(_pumped(reader, back), _pumped(there, writer))


async def _pumped(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.close()


@asynccontextmanager
async def _world(proxy: Proxy, state: Responder) -> AsyncIterator[tuple[int, int]]:
    names = ("127.0.0.1", "localhost")
    listener = await listen(state, "127.0.0.1", 0, names=names, clock=time.time, client_certificate="optional")
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield listener.port, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await listener.close()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[Proxy], tuple[fortish.Appliance, int, int]]]:
    """Starts a responder, a proxy and a box that trusts the responder; the ports of both."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    ends = contextlib.ExitStack()

    def call(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(120)

    def start(proxy: Proxy) -> tuple[fortish.Appliance, int, int]:
        state = Responder(Authority.fresh(datetime.now(UTC)))
        trust = tmp_path / "ca.pem"
        trust.write_text(pem.pem(state.authority.certificate))
        world = _world(proxy, state)
        est, port = call(world.__aenter__())
        ends.callback(lambda: call(world.__aexit__(None, None, None)))
        box = fortish.Appliance(network="real", hostname="FGT", trust=trust)
        ends.enter_context(box)
        return box, est, port

    yield start
    ends.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def proxied(box: fortish.Appliance, port: int, user: str = "", password: str = "") -> None:
    lines = ["config vpn certificate setting", "set proxy 127.0.0.1", f"set proxy-port {port}"]
    lines += [f"set proxy-username {user}", f'set proxy-password "{password}"'] if user else []
    session = box.session()
    for line in [*lines, "end"]:
        session.run(line)
        assert not session.failed, line


def enrolled(box: fortish.Appliance, port: int, more: str = "estuser estpwd") -> str:
    line = f'execute vpn certificate local generate est p ec-secp256r1 https://localhost:{port} CN=p "" {more}'
    return str(box.session().run(line))


def test_an_enrollment_and_its_renewal_go_through_the_proxy(started) -> None:
    box, est, port = started(proxy := Proxy("tunnel"))
    proxied(box, port)
    assert "Done." in enrolled(box, est)
    before = box.certificate("p").pem
    assert "Done." in box.session().run("execute vpn certificate local generate est p", answers=["y"])
    assert box.certificate("p").pem != before
    assert len(proxy.asked) == 2  # one connection for all operations of each
    assert all(
        head.startswith(f"CONNECT localhost:{est} HTTP/1.1\r\nHost: localhost:{est}\r\n") for head in proxy.asked
    )
    assert all("Proxy-Authorization" not in head for head in proxy.asked)


def test_ca_certificates_come_through_the_proxy_too(started) -> None:
    box, est, port = started(proxy := Proxy("tunnel"))
    proxied(box, port)
    assert "Done." in box.session().run(f"execute vpn certificate ca import est https://localhost:{est}")
    assert len(proxy.asked) == 1


def test_a_proxy_that_wants_a_user_gets_the_one_that_is_set(started) -> None:
    box, est, port = started(proxy := Proxy("tunnel", PASSWORD))
    proxied(box, port, USER, PASSWORD)
    assert "Done." in enrolled(box, est)
    assert all("Proxy-Authorization: Basic " in head for head in proxy.asked)
    assert all("estuser" not in head and "Authorization: Basic " in head for head in proxy.asked)


@pytest.mark.parametrize("given", ["", "wrong"])
def test_a_proxy_that_is_not_satisfied_says_407(started, given: str) -> None:
    box, est, port = started(Proxy("tunnel", PASSWORD))
    proxied(box, port, USER if given else "", given)
    assert "CONNECT tunnel failed, response 407" in enrolled(box, est)
    assert "p" not in box.cmdb["vpn certificate local"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("close", "Proxy CONNECT aborted"),
        ("reset", "Proxy CONNECT aborted"),
        ("long", "Proxy CONNECT aborted"),
        ("garbage", "CONNECT tunnel failed"),
        ("forbidden", "CONNECT tunnel failed, response 403"),
    ],
)
def test_a_proxy_that_makes_no_tunnel_ends_the_enrollment(started, how: str, said: str) -> None:
    box, est, port = started(Proxy(how))
    proxied(box, port)
    assert said in enrolled(box, est)
    assert "p" not in box.cmdb["vpn certificate local"]


def test_a_proxy_that_is_not_there_is_named(started) -> None:
    box, est, _ = started(Proxy("tunnel"))
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    proxied(box, port)
    said = enrolled(box, est)
    assert f"Failed to connect to 127.0.0.1 port {port} after" in said


def test_a_proxys_name_that_is_not_known_is_named(started) -> None:
    box, est, port = started(Proxy("tunnel"))
    proxied(box, port)
    box.session().play("config vpn certificate setting\nset proxy proxy.invalid\nend\n")
    assert "Could not resolve proxy: proxy.invalid" in enrolled(box, est)


def test_what_is_behind_the_proxy_is_verified_all_the_same(started) -> None:
    box, est, port = started(Proxy("tunnel"))
    proxied(box, port)
    line = f'execute vpn certificate local generate est p ec-secp256r1 https://est.invalid:{est} CN=p "" estuser estpwd'
    assert "no alternative certificate subject name matches" in box.session().run(line)


def test_tls_srp_goes_through_the_proxy(started) -> None:
    pytest.importorskip("tlslite")
    box, est, port = started(proxy := Proxy("tunnel", PASSWORD))
    proxied(box, port, USER, PASSWORD)
    assert "Done." in enrolled(box, est, 'estuser estpwd "" "" "" "" "" srpuser srppwd')
    assert "Done." in box.session().run("execute vpn certificate local generate est p", answers=["y"])
    assert len(proxy.asked) == 2 and all("srp" not in head for head in proxy.asked)


@pytest.mark.parametrize(("how", "said"), [("close", "Proxy CONNECT aborted"), ("forbidden", "response 403")])
def test_a_proxy_that_makes_no_tunnel_ends_tls_srp_too(started, how: str, said: str) -> None:
    pytest.importorskip("tlslite")
    box, est, port = started(Proxy(how))
    proxied(box, port)
    assert said in enrolled(box, est, 'estuser estpwd "" "" "" "" "" srpuser srppwd')
