"""What the TLS layer must and must not do (RFC 7030 sections 3.2.3, 3.3, 3.6 and 6), with peers of the test's own.

A recorder stands in for an EST server: it keeps every octet that gets through TLS to it, and answers from a list.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

import fortish
from fortish.network import tls
from fortish.pki import keys, pem
from fortish.pki.pkcs7 import write_certs
from fortish.responder.authority import Authority

NOW = datetime.now(UTC)
ENROLL = 'execute vpn certificate local generate est n ec-secp256r1 https://{host}:{port} CN=n "" estuser estpwd'
WEAK = "NULL:aNULL:@SECLEVEL=0"


class Recorder:
    """A TLS server on loopback. `heard` is what came through TLS; `closed` whether the client has ended it.

    Where it has no answer left it hangs up, with `curt` as soon as it has none.
    """

    def __init__(self, context: ssl.SSLContext, answers: Sequence[bytes] = (), *, curt: bool = False) -> None:
        self._curt = curt
        self.heard, self.failures, self.closed = b"", 0, False
        self._context, self._answers = context, list(answers)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            plain.settimeout(60)
            try:
                with self._context.wrap_socket(plain, server_side=True) as inside:
                    self._converse(inside)
            except (OSError, ssl.SSLError):
                self.failures += 1
            finally:
                plain.close()

    def _converse(self, inside: ssl.SSLSocket) -> None:
        while piece := inside.recv(65536):
            self.heard += piece
            if not self._answers:
                return
            inside.sendall(self._answers.pop(0))
            if self._curt and not self._answers:
                return
        self.closed = True

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@contextlib.contextmanager
def recording(context: ssl.SSLContext, answers: Sequence[bytes] = (), *, curt: bool = False) -> Iterator[Recorder]:
    recorder = Recorder(context, answers, curt=curt)
    try:
        yield recorder
    finally:
        recorder.stop()


def serving(root: Authority, *names: str, version: ssl.TLSVersion | None = None, ciphers: str = "") -> ssl.SSLContext:
    """A server's context with a certificate for `names`; of one TLS version, with given ciphers."""
    certificate, key = root.server_certificate(names, NOW)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if ciphers:
        context.set_ciphers(ciphers)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    with tls.pem_file(f"{pem.pem(certificate)}\n{keys.encrypted_pem(key, 'x')}\n") as path:
        context.load_cert_chain(path, password="x")
    return context


@pytest.fixture
def root() -> Authority:
    return Authority.fresh(NOW)


def enrolled(root: Authority, tmp_path: Path, port: int, host: str = "localhost", clock: str | None = None) -> str:
    """What a box on the host's network says that trusts `root`."""
    (tmp_path / "ca.pem").write_text(pem.pem(root.certificate))
    with fortish.Appliance(network="real", trust=tmp_path / "ca.pem", clock=clock) as box:
        session = box.session()
        session.play("diagnose debug application est -1\ndiagnose debug enable\n")
        return session.run(ENROLL.format(host=host, port=port))


# --- who is authorised ------------------------------------------------------------------------------------------------


def test_a_server_that_is_authorised_hears_the_box(root: Authority, tmp_path: Path) -> None:
    """What the next test would find if nothing were checked."""
    with recording(serving(root, "localhost")) as server:
        said = enrolled(root, tmp_path, server.port)
    assert b"GET /.well-known/est/cacerts" in server.heard and b"Authorization: Basic" in server.heard
    assert "Empty reply from server" in said


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("stranger", "unable to get local issuer certificate"),
        ("name", "no alternative certificate subject name matches target host name 'localhost'"),
        ("date", "certificate has expired"),
    ],
)
def test_not_one_octet_gets_to_a_server_that_is_not_authorised(
    root: Authority, tmp_path: Path, wrong: str, reason: str
) -> None:
    """RFC 7030 sections 3.2.3, 3.3.1 and 3.6: no request, and so no credentials either."""
    authority = Authority.fresh(NOW, "stranger") if wrong == "stranger" else root
    context = serving(authority, "other.example" if wrong == "name" else "localhost")
    with recording(context) as server:
        said = enrolled(root, tmp_path, server.port, clock="2090-01-01T00:00:00Z" if wrong == "date" else None)
    assert reason in said and server.heard == b""


# --- versions and ciphers ---------------------------------------------------------------------------------------------


def client(ciphers: str = "", version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A client that trusts everybody and takes what it is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if ciphers:
        context.set_ciphers(ciphers)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def greeted(port: int, context: ssl.SSLContext) -> str:
    """The cipher that a handshake with a server settles on."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as inside:
            cipher = inside.cipher()
            assert cipher is not None
            return cipher[0]


@pytest.mark.parametrize("ciphers", ["NULL:@SECLEVEL=0", "aNULL:!eNULL:@SECLEVEL=0"])
def test_the_box_speaks_no_cipher_without_encryption_or_without_authentication(
    root: Authority, tmp_path: Path, ciphers: str
) -> None:
    """RFC 7030 sections 3.2.3 and 4.4."""
    with recording(serving(root, "localhost", version=ssl.TLSVersion.TLSv1_2, ciphers=ciphers)) as server:
        taken = greeted(server.port, client(ciphers, ssl.TLSVersion.TLSv1_2))
        assert "NULL" in taken or "ADH" in taken or "AECDH" in taken or "anon" in taken.lower()
        server.heard = b""
        said = enrolled(root, tmp_path, server.port)
    assert "OpenSSL SSL_connect: " in said and server.heard == b""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_the_box_speaks_no_tls_older_than_1_2(root: Authority, tmp_path: Path) -> None:
    """RFC 7030 section 3.3 allows 1.1; RFC 8996 no longer does."""
    old = ssl.TLSVersion.TLSv1_1
    with recording(serving(root, "localhost", version=old, ciphers="ALL:@SECLEVEL=0")) as server:
        assert greeted(server.port, client("ALL:@SECLEVEL=0", old))
        said = enrolled(root, tmp_path, server.port)
    assert "OpenSSL SSL_connect: " in said and server.heard == b""


# Suites of RFC 2246 to RFC 5489 without encryption, without authentication, for export, with DES and 3DES.
# fmt: off
FORBIDDEN = {
    *range(0x0003), 0x0003, 0x0006, *range(0x0008, 0x001C), 0x001E, *range(0x001F, 0x002C),
    *range(0x002C, 0x002F), 0x0034, 0x003A, 0x003B, 0x0046, 0x006C, 0x006D, 0x0089, 0x008B, 0x008F, 0x0093, 0x009B,
    0x00A6, 0x00A7, 0x00B0, 0x00B1, 0x00B4, 0x00B5, 0x00B8, 0x00B9, 0x00BF, 0x00C5,
    0xC001, 0xC003, 0xC006, 0xC008, 0xC00B, 0xC00D, 0xC010, 0xC012, *range(0xC015, 0xC01A), *range(0xC01A, 0xC01D),
    0xC034, *range(0xC039, 0xC03C),
}
# fmt: on


def offered(rest: str, tmp_path: Path, root: Authority) -> list[int]:
    """The cipher suites in the box's ClientHello (RFC 5246 section 7.4.1.2)."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        hello = b""

        def listen() -> None:
            nonlocal hello
            plain, _ = listening.accept()
            with plain:
                hello = plain.recv(65536)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        (tmp_path / "ca.pem").write_text(pem.pem(root.certificate))
        with fortish.Appliance(network="real", trust=tmp_path / "ca.pem") as box:
            box.session().run(ENROLL.format(host="localhost", port=port) + rest)
        thread.join()
    body = hello[5:]  # behind the record's header: type, length, version, random
    at = 4 + 2 + 32
    at += 1 + body[at]  # the session identifier
    size = int.from_bytes(body[at : at + 2], "big")
    return [int.from_bytes(body[here : here + 2], "big") for here in range(at + 2, at + 2 + size, 2)]


@pytest.mark.parametrize("rest", ["", ' "" "" "" "" "" srpuser srppwd'], ids=["certificates", "TLS-SRP"])
def test_the_box_offers_no_suite_that_is_forbidden(rest: str, tmp_path: Path, root: Authority) -> None:
    """RFC 7030 section 6, and 3.2.3."""
    if rest:
        pytest.importorskip("tlslite")
    suites = offered(rest, tmp_path, root)
    assert len(suites) >= 2 and not FORBIDDEN & set(suites)
    srp = set(range(0xC01D, 0xC023))  # with AES (RFC 5054 section 2.7)
    assert (srp & set(suites) != set()) is bool(rest)


# --- HTTP authentication ----------------------------------------------------------------------------------------------


def answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    "challenge",
    [
        "Bearer realm=x",
        'Digest realm="x", nonce="n", algorithm=SHA-512-256',
        'Digest realm="x", nonce="n", qop="auth-int"',
    ],
)
def test_a_challenge_that_cannot_be_answered_ends_the_connection(
    root: Authority, tmp_path: Path, challenge: str
) -> None:
    """RFC 7030 section 3.2.3."""
    with recording(serving(root, "localhost"), [answer("401 No", f"WWW-Authenticate: {challenge}")] * 3) as server:
        said = enrolled(root, tmp_path, server.port)
        assert "the server answered 401 No" in said
    assert server.heard.count(b"GET ") == 1 and server.closed


def test_a_challenge_that_can_be_answered_is_answered_once_on_the_same_connection(
    root: Authority, tmp_path: Path
) -> None:
    challenge = answer("401 No", 'WWW-Authenticate: Digest realm="x", nonce="n", qop="auth,auth-int"')
    with recording(serving(root, "localhost"), [challenge] * 4) as server:
        said = enrolled(root, tmp_path, server.port)
    assert "the server answered 401 No" in said
    assert server.heard.count(b"GET ") == 2 and b'Authorization: Digest username="estuser"' in server.heard
    assert b"estpwd" not in server.heard


def test_a_server_that_wants_what_only_tls_1_2_can_give_and_does_not_speak_it_is_told_so(
    root: Authority, tmp_path: Path
) -> None:
    """RFC 7030 section 3.5 binds a request to the tls-unique of its session, which TLS 1.3 has not."""

    attributes = bytes.fromhex("300b06092a864886f70d010907")  # challengePassword
    bodies = [base64.b64encode(der) for der in (write_certs([root.certificate]), attributes)]
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body) for body in bodies]
    with recording(serving(root, "localhost", version=ssl.TLSVersion.TLSv1_3), answers, curt=True) as server:
        said = enrolled(root, tmp_path, server.port)
    reason = "OpenSSL SSL_connect: tls alert protocol version"
    assert f"[1795] est_curl_req: Error buf: {reason},\n" in said
    assert f"failed: {reason}: the server wants the request bound to its session, but does not speak TLS 1.2\n" in said
    assert b"simpleenroll" not in server.heard
