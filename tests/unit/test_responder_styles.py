"""An enrollment in every style in which clients put it: body, head, framing, TLS; octet by octet, on a real socket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from fortish.network.listen import Listener, listen
from fortish.pki import names, requests
from fortish.responder.authority import Authority
from fortish.responder.state import Responder

KEY = ec.generate_private_key(ec.SECP256R1())
DER = requests.new_request(KEY, names.subject_name([("CN", "style")]), None).public_bytes(Encoding.DER)
ONE_LINE = base64.b64encode(DER)
BASIC = b"Basic " + base64.b64encode(b"estuser:estpwd")
CLOSE, CHUNKED = b"Connection: close", b"Transfer-Encoding: chunked"
PATH = b"/.well-known/est/simpleenroll"


def lines(columns: int, end: bytes) -> bytes:
    return b"".join(ONE_LINE[at : at + columns] + end for at in range(0, len(ONE_LINE), columns))


BODY = lines(64, b"\n")
PEM = b"-----BEGIN CERTIFICATE REQUEST-----\n" + BODY + b"-----END CERTIFICATE REQUEST-----\n"


def post(
    body: bytes = BODY,
    *more: bytes,
    path: bytes = PATH,
    version: bytes = b"HTTP/1.1",
    kind: bytes = b"application/pkcs10",
    length: bool = True,
    host: bool = True,
) -> bytes:
    head = [b"POST %b %b" % (path, version), *([b"Host: localhost"] if host else []), b"Authorization: " + BASIC]
    head += [b"Content-Type: " + kind, *([b"Content-Length: %d" % len(body)] if length else []), *more]
    return b"\r\n".join([*head, b"", body])


def chunks(size: int) -> bytes:
    cut = [BODY[at : at + size] for at in range(0, len(BODY), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in cut) + b"0\r\n\r\n"


def spelled(change: Any) -> bytes:
    """Every name of a header changed."""
    head, _, body = post(BODY, CLOSE).partition(b"\r\n\r\n")
    start, *fields = head.split(b"\r\n")
    changed = [change(name) + b":" + value for name, _, value in (field.partition(b":") for field in fields)]
    return b"\r\n".join([start, *changed, b"", body])


WITH_MORE = b"%X;a=b\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(BODY), BODY)

# fmt: off
STYLES = {
    "64 columns":           post(BODY, CLOSE),
    "one line, no end":     post(ONE_LINE, CLOSE),
    "76 columns, CRLF":     post(lines(76, b"\r\n"), CLOSE),
    "blank line first":     post(b"\r\n" + BODY, CLOSE),
    "PEM":                  post(PEM, CLOSE),
    "PEM, CRLF":            post(PEM.replace(b"\n", b"\r\n"), CLOSE),
    "PEM, NEW":             post(PEM.replace(b" CERT", b" NEW CERT"), CLOSE),
    "PEM behind text":      post(b"Subject: x\n" + PEM, CLOSE),
    "DER":                  post(DER, CLOSE),
    "DER, said so":         post(DER, CLOSE, b"Content-Transfer-Encoding: binary"),
    "base64, said so":      post(BODY, CLOSE, b"Content-Transfer-Encoding: base64"),
    "chunks of 100":        post(chunks(100), CLOSE, CHUNKED, length=False),
    "chunks of 1":          post(chunks(1), CLOSE, CHUNKED, length=False),
    "chunks with more":     post(WITH_MORE, CLOSE, CHUNKED, length=False),
    "HTTP/1.0":             post(version=b"HTTP/1.0"),
    "HTTP/1.0, no Host":    post(version=b"HTTP/1.0", host=False),
    "HTTP/1.0, keep-alive": post(BODY, b"Connection: keep-alive", version=b"HTTP/1.0"),
    "lower case":           spelled(bytes.lower),
    "upper case":           spelled(bytes.upper),
    "basic":                post(BODY, CLOSE).replace(b": Basic ", b": basic "),
    "LF alone":             post(BODY, CLOSE).replace(b"\r\n", b"\n"),
    "blanks and tabs":      post(BODY, CLOSE).replace(b"Type: ", b"Type:\t  "),
    "absolute form":        post(BODY, CLOSE, path=b"https://localhost:8443" + PATH),
    "a query":              post(BODY, CLOSE, path=PATH + b"?x=y"),
    "a type's parameter":   post(BODY, CLOSE, kind=b"application/pkcs10; charset=utf-8"),
    "a type in capitals":   post(BODY, CLOSE, kind=b"APPLICATION/PKCS10"),
    "100-continue":         post(BODY, CLOSE, b"Expect: 100-continue"),
    "hop by hop":           post(BODY, b"Proxy-Connection: close", b"Connection: TE, close", b"TE: trailers"),
    "an upgrade":           post(BODY, b"Connection: close, Upgrade", b"Upgrade: h2c"),
}
# fmt: on


class World:
    """Our server on both loopbacks."""

    def __init__(self) -> None:
        self.state = Responder(Authority.fresh(datetime.now(UTC)))
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.listeners = {"127.0.0.1": self.opened("127.0.0.1")}
        with contextlib.suppress(OSError):  # a host without IPv6
            self.listeners["::1"] = self.opened("::1")

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def opened(self, host: str) -> Listener:
        how: dict[str, Any] = {"names": [host, "localhost"], "clock": time.time, "client_certificate": "optional"}
        return self.run(listen(self.state, host, 0, **how))

    def close(self) -> None:
        for listener in self.listeners.values():
            self.run(listener.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def says(
        self,
        asked: bytes,
        host: str = "127.0.0.1",
        *,
        name: str | None = "localhost",
        version: Any = None,
        pieces: int = 1 << 16,
    ) -> bytes:
        """Everything that comes back until the server closes."""
        with self.connected(host, name=name, version=version) as tls:
            for at in range(0, len(asked), pieces):
                tls.sendall(asked[at : at + pieces])
            come = b""
            with contextlib.suppress(TimeoutError, ssl.SSLError):
                while piece := tls.recv(1 << 16):
                    come += piece
            return come

    def connected(
        self, host: str = "127.0.0.1", *, name: str | None = "localhost", version: Any = None
    ) -> ssl.SSLSocket:
        """A client's connection, which looks at no certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if version is not None:
            context.minimum_version = context.maximum_version = version
        plain = socket.create_connection((host, self.listeners[host].port), timeout=60)
        return context.wrap_socket(plain, server_hostname=name)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def statuses(come: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d+) ", come)]


@pytest.mark.parametrize("style", STYLES)
def test_a_request_in_this_style_has_its_certificate(world: World, style: str) -> None:
    before = len(world.state.issued)
    come = world.says(STYLES[style])
    assert statuses(come)[-1] == 200
    assert set(statuses(come)) <= {100, 200}
    assert len(world.state.issued) == before + 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["localhost", None, "127.0.0.1", "somebody.else"])
def test_every_version_and_name_of_tls_is_served(world: World, version: Any, name: str | None) -> None:
    assert statuses(world.says(post(BODY, CLOSE), name=name, version=version)) == [200]


def test_octets_may_come_one_by_one(world: World) -> None:
    assert statuses(world.says(post(BODY, CLOSE), pieces=1)) == [200]


def test_ipv6_is_served(world: World) -> None:
    if "::1" not in world.listeners:
        pytest.skip("this host has no IPv6")
    assert statuses(world.says(post(BODY, CLOSE), "::1", name="::1")) == [200]


def test_requests_may_be_sent_before_their_answers_come(world: World) -> None:
    get = b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert statuses(world.says(get + post() + get + post(BODY, CLOSE))) == [200] * 4


def test_a_client_that_waits_for_a_confirmation_before_it_asks_is_not_kept_waiting(world: World) -> None:
    """The last flight of TLS 1.3 is the client's, and a small request behind it waits for an ACK: 40 ms on Linux."""
    least, tries = 100.0, 100  # one of so many is quick on the busiest machine
    while tries and least > (0.038 if hasattr(socket, "TCP_QUICKACK") else 1):
        since = time.monotonic()
        world.says(post(BODY, CLOSE), version=ssl.TLSVersion.TLSv1_3)
        least, tries = min(least, time.monotonic() - since), tries - 1
    assert tries, least
