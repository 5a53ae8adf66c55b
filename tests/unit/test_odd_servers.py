"""What odd servers do in HTTP and TLS, and what the box makes of it: each is bounded in time and memory, and told."""

from __future__ import annotations

import asyncio
import gzip
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from test_connections import lost, played, post, saying
from test_est_tls import answer, enrolled, recording, serving

from fortish.errors import LinkLost, PeerFault
from fortish.est import multipart, wire
from fortish.network import http, tls
from fortish.network.http import CLOSED, Conversation, asked
from fortish.network.stream import Stream
from fortish.network.tcp import Tcp
from fortish.pki import keys, pem, pkcs7
from fortish.pki.faults import Pkcs7Fault
from fortish.pki.names import subject_name
from fortish.responder.authority import Authority
from fortish.steps import Credential, Http, Link, Peer, Trust

LENGTH = b"Content-Length: 2\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n"
PACKED = gzip.compress(b"ok")


def told(answer: bytes | list[bytes], *, limit: int = 1 << 20, seconds: float = 5.0) -> Any:
    """The body of what a server answers, or why there is none."""

    async def work(stream: Stream) -> Any:
        try:
            return (await asked(Conversation(stream), post("x"), limit, seconds)).content
        except (LinkLost, PeerFault) as fault:
            return fault.reason

    return played(saying(*([answer] if isinstance(answer, bytes) else answer)), work)


# ruff: noqa: E501 - tables
# --- HTTP: taken ------------------------------------------------------------------------------------------------------


# fmt: off
TAKEN = {
    "a body that is longer than it says":   HEAD + LENGTH + b"\r\nokay",
    "both lengths":                         HEAD + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks with extensions and trailers":  HEAD + b"Transfer-Encoding: Chunked\r\n\r\n2;x=\"y\"\r\nok\r\n0;z\r\nA: b\r\n\r\n",
    "gzip":                                 HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED,
    "gzip that is none":                    HEAD + LENGTH + b"Content-Encoding: gzip\r\n\r\nok",
    "a folded header":                      HEAD + b"X: a\r\n b\r\n" + LENGTH + b"\r\nok",
    "headers of 64 KiB":                    HEAD + b"X: " + b"a" * 65536 + b"\r\n" + LENGTH + b"\r\nok",
    "headers in odd cases":                 HEAD + b"cOnTeNt-lENGTH: 2\r\n\r\nok",
    "HTTP/1.0 without a length":            b"HTTP/1.0 200 OK\r\n\r\nok",
    "line ends without CR":                 b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "many headers":                         HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(500)) + LENGTH + b"\r\nok",
    "no reason phrase":                     b"HTTP/1.1 200\r\n" + LENGTH + b"\r\nok",
    "the same length twice":                HEAD + LENGTH * 2 + b"\r\nok",
    "99 answers before the answer":         b"HTTP/1.1 102 Processing\r\n\r\n" * 99 + HEAD + LENGTH + b"\r\nok",
}
# fmt: on


@pytest.mark.parametrize("answer", TAKEN.values(), ids=TAKEN)
def test_an_odd_answer_is_taken(answer: bytes) -> None:
    assert told(answer) == b"ok"


def test_a_body_behind_a_204_is_not_read() -> None:
    assert told(b"HTTP/1.1 204 No Content\r\n" + LENGTH + b"\r\nok") == b""


# --- HTTP: refused ----------------------------------------------------------------------------------------------------

BOMB = gzip.compress(bytes(1 << 24))
# fmt: off
REFUSED = {
    "a body that is shorter than it says":  (HEAD + b"Content-Length: 9\r\n\r\nhalf", "transfer closed with 5 bytes remaining to read"),
    "another protocol":                     (b"\x00\x00\x12\x04\x00", r"Invalid HTTP response: illegal status line: '\x00\x00\x12\x04\x00'"),
    "another version":                      (b"HTTP/2 200\r\n\r\n", "Invalid HTTP response: illegal status line: 'HTTP/2 200'"),
    "a switch of protocols":                (b"HTTP/1.1 101 Go\r\nUpgrade: h2c\r\n\r\n", "Invalid HTTP response: the protocol is switched, which nobody has asked for"),
    "chunks that break off":                (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "transfer closed with outstanding read data remaining"),
    "damaged gzip":                         (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8bxx", "the body is compressed (gzip) and damaged"),
    "gzip that breaks off":                 (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n" + PACKED[:12], "the body is compressed (gzip) and breaks off"),
    "gzip that grows":                      (HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB, "the body is larger than 1048576 bytes"),
    "headers of 200 KiB":                   (HEAD + b"X: " + b"a" * 200000 + b"\r\n\r\n", "Too large response headers: more than 100 KiB"),
    "lengths that differ":                  (HEAD + LENGTH + b"Content-Length: 3\r\n\r\nok", "Invalid HTTP response: conflicting Content-Length headers"),
    "no colon":                             (HEAD + b"X\x1b[2J\r\n\r\n", r"Invalid HTTP response: illegal header line: 'X\x1b[2J'"),
    "more and more answers of 1xx":         (b"HTTP/1.1 102 Processing\r\n\r\n" * 101 + HEAD + LENGTH + b"\r\nok", "Invalid HTTP response: more than 100 informational responses"),
}
# fmt: on


@pytest.mark.parametrize(("answer", "reason"), REFUSED.values(), ids=REFUSED)
def test_an_answer_that_cannot_be_used_is_told_in_words(answer: bytes, reason: str) -> None:
    assert told(answer) == reason


@pytest.mark.parametrize("drip", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"Content-Length: 999\r\n\r\n", HEAD])
def test_a_server_that_drips_has_so_much_time_in_all(drip: bytes) -> None:
    """Not so much for each octet."""

    async def serve(stream: Stream) -> None:
        await stream.read(1 << 16)
        await stream.write(drip)
        while not stream.is_over():
            await stream.write(b"x")
            await asyncio.sleep(0.02)

    async def work(stream: Stream) -> str:
        since = time.monotonic()
        fault = await lost(asked(Conversation(stream), post("x"), 1 << 20, 0.4))
        assert time.monotonic() - since < 60
        stream.abort()
        return fault.reason

    said = played(serve, work)
    assert said.startswith(("Operation timed out after", "Invalid HTTP response"))
    assert b"Length" not in drip or "with 0 bytes received" not in said


def test_headers_are_shown_as_they_came() -> None:
    """No length that the library makes up, and a coding that has been undone is still told."""

    async def work(stream: Stream) -> httpx.Response:
        return await asked(Conversation(stream), post("x"), 1 << 20, 5.0)

    assert wire.header_lines(played(saying(b"HTTP/1.0 200 OK\r\nX-y: Z\r\n\r\nok"), work)) == [
        "HTTP/1.0 200 OK",
        "X-y: Z",
        "",
    ]
    packed = played(saying(TAKEN["gzip"]), work)
    assert "Content-Encoding: gzip" in wire.header_lines(packed)


def test_a_header_that_stands_twice_is_no_list() -> None:
    kind = 'multipart/mixed; boundary="a"'
    headers = [("Content-Type", kind), ("Content-Type", kind), ("Retry-After", "10"), ("Retry-After", "10")]
    response = httpx.Response(202, headers=headers)
    assert wire.retry_after(response, 0.0) == 10
    body = b"--a\r\nContent-Type: application/pkcs8\r\n\r\nx\r\n--a--\r\n"
    assert multipart.parts(wire.first(response, "content-type"), body)[0].content == b"x"


# --- TLS --------------------------------------------------------------------------------------------------------------

# RFC 8446 section 6.2, with 100 of RFC 5246 section 7.2.2.
ALERTS = {
    10: "unexpected message",
    20: "bad record mac",
    22: "record overflow",
    40: "handshake failure",
    42: "bad certificate",
    43: "unsupported certificate",
    44: "certificate revoked",
    45: "certificate expired",
    46: "certificate unknown",
    47: "illegal parameter",
    48: "unknown ca",
    49: "access denied",
    50: "decode error",
    51: "decrypt error",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    100: "no renegotiation",
    109: "missing extension",
    110: "unsupported extension",
    112: "unrecognized name",
    113: "bad certificate status response",
    115: "unknown psk identity",
    116: "certificate required",
    120: "no application protocol",
}


async def dialled(port: int, trust: Trust, credential: Credential | None = None, **how: Any) -> Link:
    peer = Peer("localhost", port, trust, credential, timeout=5.0, **how)
    return await tls.dial(peer, ("127.0.0.1",), port, time.time())


@pytest.mark.parametrize(("number", "name"), ALERTS.items(), ids=ALERTS.values())
def test_an_alert_in_the_handshake_is_told_by_its_name(number: int, name: str) -> None:
    async def whole() -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(5000)
            writer.write(bytes([21, 3, 3, 0, 2, 2, number]))
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            return (await lost(dialled(server.sockets[0].getsockname()[1], Trust((), False)))).reason

    assert asyncio.run(whole()) == f"OpenSSL SSL_connect: tls alert {name}"


def test_http_is_offered_by_name(tmp_path: Path) -> None:
    """RFC 7301: a port may have servers of several protocols behind it."""
    root = Authority.fresh(datetime.now(UTC))
    context = serving(root, "localhost")
    context.set_alpn_protocols(["h2", "http/1.1"])
    chosen: list[str | None] = []
    wrap = context.wrap_socket

    def wrapped(*given: Any, **how: Any) -> ssl.SSLSocket:
        inside = wrap(*given, **how)
        chosen.append(inside.selected_alpn_protocol())
        return inside

    context.wrap_socket = wrapped  # type: ignore[method-assign]
    with recording(context, [answer("404 No")]) as server:
        enrolled(root, tmp_path, server.port)
    assert chosen == ["http/1.1"]


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority.fresh(datetime.now(UTC))


def credential(root: Authority) -> Credential:
    """A client's certificate of `root`."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = root.issue(key.public_key(), subject_name([("CN", "client")]), 7, datetime.now(UTC))
    return Credential("client", pem.pem(certificate), keys.encrypted_pem(key, "x"), "x")


OPENSSL = shutil.which("openssl")


class Typed:
    """`openssl s_server`, at whose keyboard a test sits."""

    def __init__(self, root: Authority, folder: Path, *options: str) -> None:
        certificate, key = root.server_certificate(("localhost",), datetime.now(UTC))
        (folder / "ca.pem").write_text(pem.pem(root.certificate))
        clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        (folder / "server.pem").write_text(f"{pem.pem(certificate)}\n{clear}")
        files = ["-cert", str(folder / "server.pem"), "-CAfile", str(folder / "ca.pem")]
        command = [
            str(OPENSSL),
            "s_server",
            "-accept",
            "127.0.0.1:0",
            "-state",
            "-no_resumption_on_reneg",
            *files,
            *options,
        ]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(command, **pipes, bufsize=0)
        self.said = b""
        threading.Thread(target=self._listen, daemon=True).start()
        self.until(b"\n", after=b"ACCEPT ")
        self.port = int(self.said.partition(b"ACCEPT ")[2].split()[0].rpartition(b":")[2])

    def _listen(self) -> None:
        assert self.process.stdout is not None
        while piece := self.process.stdout.read(4096):
            self.said += piece

    def until(self, words: bytes, after: bytes = b"") -> None:
        """Wait until it has said something."""
        deadline = time.monotonic() + 10
        while words not in self.said.partition(after)[2] if after else words not in self.said:
            assert time.monotonic() < deadline, self.said.decode("utf-8", "replace")
            time.sleep(0.01)

    def type(self, text: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def typed(root: Authority, tmp_path: Path) -> Iterator[Callable[..., Typed]]:
    if OPENSSL is None:
        pytest.skip("no openssl")
    started: list[Typed] = []

    def start(*options: str) -> Typed:
        started.append(Typed(root, tmp_path, *options))
        return started[-1]

    yield start
    for one in started:
        one.end()


PROVED = b"read certificate verify"  # it says so of a client certificate only
ANSWER = b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok\n"  # the last line end is one too many, and is left


async def asked_for(link: Link, number: int) -> bytes:
    request = wire.request("GET", f"{link.peer.origin}/{number}")
    return bytes((await http.perform(Http(link, request))).content)


@pytest.mark.parametrize(
    ("key", "option", "shown"),
    [(b"R", "-tls1_2", True), (b"r", "-tls1_2", False), (b"c", "-tls1_3", True), (b"K", "-tls1_3", False)],
    ids=["renegotiation with a certificate", "renegotiation", "a certificate after the handshake", "new keys"],
)
def test_a_server_may_ask_for_more_in_the_middle_of_a_request(
    root: Authority, typed: Callable[..., Typed], key: bytes, option: str, shown: bool
) -> None:
    """As Apache does where some paths want a client certificate (RFC 5246 section 7.4.1.1, RFC 8446 section 4.6)."""
    server = typed(option)

    async def whole() -> None:
        link = await dialled(server.port, Trust((pem.pem(root.certificate),), public=False), credential(root))
        first = asyncio.ensure_future(asked_for(link, 1))
        await asyncio.to_thread(server.until, b"GET /1 HTTP/1.1")
        server.type(key + b"\n")
        if shown:
            await asyncio.to_thread(server.until, PROVED)
        await asyncio.sleep(0.2)
        server.type(ANSWER)
        assert await first == b"ok"
        link.handle.abort()

    asyncio.run(whole())
    assert (PROVED in server.said) is shown


def test_what_is_bound_to_a_session_is_not_sent_in_the_next(root: Authority, typed: Callable[..., Typed]) -> None:
    """A server that shakes hands again makes another tls-unique (RFC 5929 section 3): the box connects anew for it."""
    server = typed("-tls1_2")

    async def whole() -> None:
        trust = Trust((pem.pem(root.certificate),), public=False)
        link = await dialled(server.port, trust, highest="TLSv1.2")
        first = asyncio.ensure_future(asked_for(link, 1))
        await asyncio.to_thread(server.until, b"GET /1 HTTP/1.1")
        server.type(b"r\n")
        while link.handle.tls.get_channel_binding("tls-unique") == link.tls_unique:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        server.type(ANSWER.rstrip(b"\n")[:-2] + b"o\n")  # its line end is the second octet
        assert await first == b"o\n"
        assert link.handle.tls.get_channel_binding("tls-unique") != link.tls_unique
        fault = await lost(asked_for(link, 2))
        assert fault.closed and fault.reason == CLOSED
        link.handle.abort()

    asyncio.run(whole())
    assert b"GET /2" not in server.said


def test_a_server_that_becomes_another_is_left(root: Authority, typed: Callable[..., Typed]) -> None:
    server = typed("-tls1_2")

    async def whole() -> str:
        link = await dialled(server.port, Trust((pem.pem(root.certificate),), public=False))
        before = replace(link, chain=(b"another", *link.chain[1:]))
        first = asyncio.ensure_future(asked_for(before, 1))
        await asyncio.to_thread(server.until, b"GET /1 HTTP/1.1")
        server.type(ANSWER)
        return (await lost(first)).reason

    assert asyncio.run(whole()) == "SSL: the server has shown another certificate since"


@pytest.mark.parametrize("size", [1, 7, 512])
def test_records_of_any_size_are_put_together(root: Authority, size: int) -> None:
    """The handshake's, too: a server's octets come as the network cuts them."""

    async def whole() -> bytes:
        certificate, key = root.server_certificate(("localhost",), datetime.now(UTC))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tls.pem_file(f"{pem.pem(certificate)}\n{keys.encrypted_pem(key, 'x')}\n") as path:
            context.load_cert_chain(path, password="x")

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
            server = context.wrap_bio(inside, outside, server_side=True)
            steps: list[Callable[[], object]] = [
                server.do_handshake, lambda: server.read(65536),
                *(lambda octet=octet: server.write(bytes([octet])) for octet in HEAD + LENGTH + b"\r\nok"),
            ]  # fmt: skip
            for step in steps:
                while True:
                    try:
                        step()
                        break
                    except ssl.SSLWantReadError:
                        await cut(outside.read(), writer)
                        inside.write(await reader.read(65536))
            await cut(outside.read(), writer)
            writer.close()

        async def cut(data: bytes, writer: asyncio.StreamWriter) -> None:
            for at in range(0, len(data), size):
                writer.write(data[at : at + size])
                await writer.drain()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            link = await dialled(port, Trust((pem.pem(root.certificate),), public=False))
            content = await asked_for(link, 1)
            link.handle.abort()
            return content

    assert asyncio.run(whole()) == b"ok"


def test_the_dot_of_the_root_is_in_no_sni(root: Authority) -> None:
    """RFC 6066 section 3."""
    context, asked = serving(root, "localhost"), []
    context.sni_callback = lambda connection, name, context: asked.append(name)

    async def whole() -> None:
        async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            peer = Peer("localhost.", port, Trust((pem.pem(root.certificate),), public=False), timeout=5.0)
            link = await tls.dial(peer, ("127.0.0.1",), port, time.time())
            link.handle.abort()

    asyncio.run(whole())
    assert asked == ["localhost"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_server_that_goes_without_a_goodbye_has_gone(
    root: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """No close_notify: whether an answer without a length is whole, its body tells."""
    context = serving(root, "localhost", version=version)
    whole = wire.encode(pkcs7.write_certs([root.certificate])).encode()

    async def said(body: bytes) -> bytes:
        def serve(plain: socket.socket) -> None:
            with plain, context.wrap_socket(plain, server_side=True) as inside:
                inside.recv(65536)
                inside.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + body)

        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(10)  # for a box that does not come
            thread = threading.Thread(target=lambda: serve(listening.accept()[0]), daemon=True)
            thread.start()
            link = await dialled(listening.getsockname()[1], Trust((pem.pem(root.certificate),), public=False))
            content = await asked_for(link, 1)
            link.handle.abort()
            await asyncio.to_thread(thread.join)
        return content

    assert asyncio.run(said(whole)) == whole
    cut = asyncio.run(said(whole[: 3 * 65]))  # three lines
    with pytest.raises(Pkcs7Fault, match="truncated"):
        pkcs7.read_certs(wire.decode(cut))


def test_a_refusal_before_the_request_has_been_read_is_heard(root: Authority, tmp_path: Path) -> None:
    """A 401 at the first octets, and a reset behind it: what came before the reset counts, or the box asks again."""

    async def serve(stream: Stream) -> None:
        await stream.read(20)
        await stream.write(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
        await asyncio.sleep(0.05)
        assert isinstance(stream, Tcp)
        held = stream.transport.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.abort()

    async def work(stream: Stream) -> Any:
        try:
            return (await asked(Conversation(stream), post("x" * 300_000), 100, 5.0)).status_code
        except LinkLost as fault:
            return fault.closed

    assert played(serve, work) in (401, True)


def test_the_next_nonce_is_used_in_the_next_request(root: Authority, tmp_path: Path) -> None:
    """RFC 7616 section 3.5."""
    offered = 'WWW-Authenticate: Digest realm="x", nonce="n", qop="auth"'
    certificates = wire.encode(pkcs7.write_certs([root.certificate])).encode()
    answers = [
        answer("401 No", offered),
        answer("200 OK", 'Authentication-Info: nextnonce="m"', body=certificates),
        answer("404 No"),
        answer("404 No"),
    ]
    with recording(serving(root, "localhost"), answers) as server:
        enrolled(root, tmp_path, server.port)
    asked = re.findall(rb'nonce="(\w)".*?nc=(\d+)', server.heard)
    assert asked[:3] == [(b"n", b"00000001"), (b"m", b"00000001"), (b"m", b"00000002")]


# --- many certificates ------------------------------------------------------------------------------------------------


def test_a_chain_of_more_than_a_hundred_certificates_is_refused(root: Authority, tmp_path: Path) -> None:
    last = root
    chain = []
    for number in range(105):
        last = last.below(datetime.now(UTC), str(number))
        chain.insert(0, pem.pem(last.certificate))
    certificate, key = last.server_certificate(("localhost",), datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    text = "\n".join([pem.pem(certificate), *chain, keys.encrypted_pem(key, "x"), ""])
    with tls.pem_file(text) as path:
        context.load_cert_chain(path, password="x")
    with recording(context) as server:
        said = enrolled(root, tmp_path, server.port)
    assert "SSL certificate problem: certificate chain too long" in said and server.heard == b""


def test_an_answer_of_more_than_a_hundred_certificates_is_refused(root: Authority, tmp_path: Path) -> None:
    """All of one name: each might be the issuer of each."""
    certificates = [Authority.fresh(datetime.now(UTC)).certificate for _ in range(101)]
    body = wire.encode(pkcs7.write_certs(certificates)).encode()
    since = time.process_time()
    with recording(serving(root, "localhost"), [answer("200 OK", body=body)]) as server:
        said = enrolled(root, tmp_path, server.port)
    assert "the PKCS #7 message holds more than 100 certificates" in said
    assert time.process_time() - since < 5
