"""The responder over real TLS on loopback: what a client sees, and that a rude client leaves no trace."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fortish.network import listen as listening
from fortish.network.listen import Listener, listen
from fortish.network.tls import NO_CHECK_TIME
from fortish.pki import names
from fortish.pki.keys import same_key
from fortish.pki.pem import pem
from fortish.pki.pkcs7 import read_certs
from fortish.pki.requests import new_request, pem_request, renewal_request
from fortish.responder.authority import LAB_NAMES, Authority
from fortish.responder.faults import FAULTS
from fortish.responder.policy import Policy
from fortish.responder.respond import Responder

KEY = ec.derive_private_key(7, ec.SECP256R1())
SUBJECT = names.subject_name([("CN", "firewall-portal1"), ("DC", "local"), ("DC", "COM")])
REQUEST = new_request(KEY, SUBJECT, None)
PKCS10 = {"Content-Type": "application/pkcs10"}
ROOT = "/.well-known/est"
ACCOUNT = ("estuser", "estpwd")
RAW_GET = b"GET /.well-known/est/csrattrs HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"
RAW_CSRATTRS = (
    b"HTTP/1.1 200 OK\r\nStatus: 200 OK\r\nContent-Type: application/csrattrs\r\n"
    b"Content-Transfer-Encoding: base64\r\nContent-Length: 57\r\n\r\n"
    b"MCYGBysGAQEBARYGCSqGSIb3DQEJAQYFK4EEACIGCWCGSAFlAwQCAg==\n"
)


class World:
    """Two listeners with a loop of their own, in a thread; `noise` is what the loop complained about."""

    def __init__(self) -> None:
        self.state = Responder(Authority.fresh(datetime.now(UTC)))
        self.shift = 0.0
        self.source = ""
        self.noise: list[object] = []
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda loop, context: self.noise.append(context))
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.open, self.closed = self.run(self._listen("optional")), self.run(self._listen("required"))

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def _listen(self, demand):
        return listen(
            self.state,
            "127.0.0.1",
            0,
            names=["127.0.0.1", *LAB_NAMES],
            clock=lambda: time.time() + self.shift,
            client_certificate=demand,
            source_of=lambda port: self.source,
        )

    def stop(self) -> None:
        for listener in (self.open, self.closed):
            self.run(listener.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def context(self, *, version=None, held=None, tmp_path: Path | None = None, check_dates=True) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=pem(self.state.authority.certificate))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not check_dates:
            context.verify_flags |= NO_CHECK_TIME
        if version is not None:
            context.minimum_version = context.maximum_version = version
        if held is not None:
            clear = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (tmp_path / "held.pem").write_bytes(held.public_bytes(Encoding.PEM) + clear)
            context.load_cert_chain(tmp_path / "held.pem")
        return context

    def client(self, listener: Listener | None = None, **how) -> httpx.Client:
        port = (listener or self.open).port
        return httpx.Client(base_url=f"https://localhost:{port}{ROOT}/", verify=self.context(**how), trust_env=False)

    @contextlib.contextmanager
    def raw(self, listener: Listener | None = None, **how) -> Iterator[ssl.SSLSocket]:
        with socket.create_connection(("127.0.0.1", (listener or self.open).port), timeout=60) as plain:
            with self.context(**how).wrap_socket(plain, server_hostname="testrfc7030.com") as tls:
                yield tls


@pytest.fixture(scope="module")
def shared():
    world = World()
    yield world
    world.stop()
    assert world.noise == []


@pytest.fixture
def world(shared):
    shared.state.policy = Policy()
    shared.shift, shared.source = 0.0, ""
    return shared


def received(tls: ssl.SSLSocket) -> bytes:
    """Everything until the server closes."""
    pieces = []
    with contextlib.suppress(ssl.SSLEOFError, ConnectionError):
        while piece := tls.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def certificate_in(response: httpx.Response):
    assert response.status_code == 200, response.text
    (found,) = read_certs(base64.b64decode(response.content))
    return found


def enrolled(world) -> object:
    with world.client() as client:
        return certificate_in(client.post("simpleenroll", content=pem_request(REQUEST), headers=PKCS10, auth=ACCOUNT))


# --- enrolling ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_basic_enrolls_and_the_certificate_renews_itself(world, tmp_path, version):
    with world.client(version=version) as client:
        assert client.post("simpleenroll", content=pem_request(REQUEST), headers=PKCS10).status_code == 401
    held = enrolled(world)
    wanted = pem_request(renewal_request(held, KEY))
    with world.client(version=version, held=held, tmp_path=tmp_path) as client:
        again = certificate_in(client.post("simplereenroll", content=wanted, headers=PKCS10))
        other = client.post("simplereenroll", content=pem_request(REQUEST), headers=PKCS10)
    assert again.serial_number > held.serial_number and same_key(again, KEY)
    assert other.status_code == 403
    assert world.state.history[-1].account == "CN=firewall-portal1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_port_for_certificates_refuses_whoever_has_none(world, tmp_path, version):
    with world.client(world.closed, version=version) as client, pytest.raises(httpx.TransportError):
        client.get("cacerts")
    with world.client(world.closed, version=version, held=enrolled(world), tmp_path=tmp_path) as client:
        assert client.get("cacerts").status_code == 200


def test_a_client_certificate_of_another_ca_fails_the_handshake(world, tmp_path):
    other = Authority.fresh(datetime.now(UTC)).issue(KEY.public_key(), SUBJECT, 1, datetime.now(UTC))
    with world.client(held=other, tmp_path=tmp_path) as client, pytest.raises(httpx.TransportError):
        client.get("cacerts")


def test_dates_are_those_of_the_worlds_clock(world, tmp_path):
    held = enrolled(world)
    wanted = pem_request(renewal_request(held, KEY))
    world.shift = 366 * 86400.0
    with world.client(held=held, tmp_path=tmp_path) as client:
        answer = client.post("simplereenroll", content=wanted, headers=PKCS10)
    assert answer.status_code == 401 and "expired" in answer.text


def test_the_servers_certificate_is_renewed_as_years_go_by(world):
    with world.raw(check_dates=False) as tls:
        before = tls.getpeercert(binary_form=True)
    world.shift = 5 * 365 * 86400.0
    with world.raw(check_dates=False) as tls:
        after = tls.getpeercert()
        assert tls.getpeercert(binary_form=True) != before
        tls.sendall(RAW_GET)
        assert tls.recv(65536) == RAW_CSRATTRS
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(after["notAfter"]), UTC)
    assert ends > datetime.now(UTC) + timedelta(days=6 * 365)


def test_a_resumed_session_still_has_its_client_certificate(world, tmp_path):
    held = enrolled(world)
    context = world.context(version=ssl.TLSVersion.TLSv1_2, held=held, tmp_path=tmp_path)
    session, accounts = None, []
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", world.closed.port), timeout=60) as plain:
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
                tls.sendall(RAW_GET)
                assert tls.recv(65536) == RAW_CSRATTRS
                session = tls.session
                accounts.append((tls.session_reused, world.state.history[-1].account))
    # Seen to resume on Python 3.11, not on 3.12 and 3.13; the account is the same either way.
    assert [account for _, account in accounts] == ["CN=firewall-portal1"] * 2


def test_a_request_can_be_bound_to_its_tls_1_2_session(world):
    with world.raw(version=ssl.TLSVersion.TLSv1_2) as tls:
        unique = base64.b64encode(tls.get_channel_binding("tls-unique")).decode()
        for challenge, status in ((unique, b"200"), ("x", b"400")):
            body = pem_request(new_request(KEY, SUBJECT, None, challenge=challenge)).encode()
            tls.sendall(_post(body))
            assert tls.recv(65536).startswith(b"HTTP/1.1 " + status)


def _post(body: bytes) -> bytes:
    basic = base64.b64encode(":".join(ACCOUNT).encode())
    head = (
        b"POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nContent-Type: application/pkcs10\r\n"
    )
    return head + b"Authorization: Basic %s\r\nContent-Length: %d\r\n\r\n%s" % (basic, len(body), body)


# --- HTTP ---------------------------------------------------------------------------------------------------------


def test_headers_come_as_documented_and_one_connection_takes_many_requests(world):
    with world.raw() as tls:
        for _ in range(3):
            tls.sendall(RAW_GET)
            assert tls.recv(65536) == RAW_CSRATTRS
        tls.sendall(b"\r\n" + RAW_GET + RAW_GET)  # RFC 9112 section 2.2, and pipelining
        assert tls.recv(65536) + tls.recv(65536) == 2 * RAW_CSRATTRS


TWO_LENGTHS = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost"  # RFC 9112 section 6.1


@pytest.mark.parametrize(
    ("request_", "status_line"),
    [
        (RAW_GET.replace(b"HTTP/1.1", b"HTTP/1.0"), b"HTTP/1.0 200 OK"),
        (RAW_GET.replace(b"Host", b"Connection: close\r\nHost"), b"HTTP/1.1 200 OK"),
        (RAW_GET.replace(b"Host", TWO_LENGTHS) + b"0\r\n\r\n" + RAW_GET, b"HTTP/1.1 200 OK"),
        (b"GET /.well-known/est/csrattrs HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 Bad Request"),  # no Host
        (b"nonsense\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"\x16\x03\x01\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (RAW_GET.replace(b"Host", b"Transfer-Encoding: base64\r\nHost"), b"HTTP/1.1 501 Not Implemented"),
        (
            RAW_GET.replace(b"Host", b"X: " + b"x" * 40000 + b"\r\nHost"),
            b"HTTP/1.1 431 Request Header Fields Too Large",
        ),
    ],
    ids=[
        "HTTP/1.0",
        "Connection: close",
        "two lengths",
        "no Host",
        "no HTTP",
        "no text",
        "unknown coding",
        "long head",
    ],
)
def test_the_connection_is_closed_where_it_must_be(world, request_, status_line):
    with world.raw() as tls:
        tls.sendall(request_)
        answers = received(tls)
        assert answers.split(b"\r\n")[0] == status_line and answers.count(b"HTTP/1.") == 1


def test_a_chunked_body_is_taken(world):
    body = pem_request(REQUEST).encode()
    pieces = (body[at : at + 100] for at in range(0, len(body), 100))
    with world.client() as client:
        assert certificate_in(client.post("simpleenroll", content=pieces, headers=PKCS10, auth=ACCOUNT))


def test_a_client_that_waits_for_100_continue_gets_it(world):
    head, body = _post(pem_request(REQUEST).encode()).split(b"\r\n\r\n")
    with world.raw() as tls:
        tls.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert tls.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        tls.sendall(body)
        assert tls.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_body_that_is_too_long_is_a_413_and_the_end(world):
    with world.raw() as tls:
        tls.sendall(_post(b"A" * (1 << 17)))
        assert received(tls).startswith(b"HTTP/1.1 413 ")


def test_a_visitor_has_the_address_that_its_world_knows_it_by(world):
    with world.client() as client:
        for world.source, noted in (("", "127.0.0.1"), ("192.0.2.7", "192.0.2.7")):
            assert client.get("cacerts").status_code == 200
            assert world.state.history[-1].address == noted


def test_a_head_request_has_no_body(world):
    with world.client() as client:
        head, whole = client.head("cacerts"), client.get("cacerts")
        assert (head.status_code, head.content) == (200, b"") and head.headers == whole.headers
        assert client.head("simpleenroll").status_code == 405 and client.get("cacerts").content == whole.content


def test_an_answer_leaves_in_one_record(world):
    with world.raw() as tls:
        tls.sendall(RAW_GET)
        assert tls.recv(65536) == RAW_CSRATTRS  # one recv never spans two TLS records


def test_nothing_older_than_tls_1_2_is_spoken(world):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        context = world.context()
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", world.open.port), timeout=60) as plain:
            context.wrap_socket(plain, server_hostname="localhost")


# --- faults on the wire -------------------------------------------------------------------------------------------


def test_a_policy_may_end_at_tls_1_2_where_every_session_has_a_name_to_link_with(world):
    world.state.policy = Policy.from_toml('pop = "required"\nhighest-tls = "1.2"')
    old = world.run(world._listen("optional"))
    try:
        with world.raw(old) as tls:
            assert tls.version() == "TLSv1.2" and tls.get_channel_binding("tls-unique")
        with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
            with world.raw(old, version=ssl.TLSVersion.TLSv1_3):
                pass
    finally:
        world.run(old.close())
    with world.raw() as tls:
        assert tls.version() == "TLSv1.3"


@pytest.mark.parametrize("ciphers", ["NULL:@SECLEVEL=0", "aNULL:!eNULL:@SECLEVEL=0"])
def test_no_cipher_without_encryption_or_without_authentication_is_spoken(world, ciphers):
    """RFC 7030 sections 3.2.3 and 4.4."""
    context = world.context(version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(ciphers)
    for listener in (world.open, world.closed):
        with socket.create_connection(("127.0.0.1", listener.port), timeout=60) as plain:
            with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"):
                context.wrap_socket(plain, server_hostname="localhost")


def test_http_without_tls_is_not_answered(world):
    """RFC 7030 section 3.3."""
    with socket.create_connection(("127.0.0.1", world.open.port), timeout=60) as plain:
        plain.sendall(RAW_GET)
        assert b"HTTP" not in plain.recv(65536)


def test_a_truncated_answer_ends_too_early(world):
    with world.client() as client, pytest.raises(httpx.RemoteProtocolError):
        client.post("fault-truncated/simpleenroll", content=pem_request(REQUEST), headers=PKCS10, auth=ACCOUNT)


def test_an_oversized_answer_comes_whole(world):
    with world.client() as client:
        answer = client.post("fault-oversized/simpleenroll", content=pem_request(REQUEST), headers=PKCS10, auth=ACCOUNT)
    assert len(answer.content) == 2 << 20


def test_a_fault_may_delay_and_close(world):
    world.state.policy = Policy.from_toml("faults.csrattrs = { delay = 0.3, close = true }")
    with world.raw() as tls:
        since = time.monotonic()
        tls.sendall(RAW_GET)
        assert received(tls) == RAW_CSRATTRS
        assert time.monotonic() - since >= 0.3


@pytest.mark.parametrize("name", [name for name in FAULTS if name.startswith("csrattrs")])
def test_csrattrs_faults_leave_the_connection_usable(world, name):
    with world.client() as client:
        for _ in range(2):
            assert client.get(f"fault-{name}/csrattrs").status_code in {200, 204, 404}
            assert client.get("csrattrs").status_code == 200


# --- rude clients -------------------------------------------------------------------------------------------------


def _reset(plain: socket.socket) -> None:
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plain.close()


def test_rude_clients_end_quietly_and_hurt_nobody(world, capfd):
    address = ("127.0.0.1", world.open.port)
    for opening in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\xff\x01"):
        with socket.create_connection(address) as plain:
            plain.sendall(opening)
        plain = socket.create_connection(address)
        plain.sendall(opening)
        _reset(plain)
    for said in (b"", RAW_GET, _post(b"A" * 70000)[:3000], RAW_GET * 300):
        plain = socket.create_connection(address)
        tls = world.context().wrap_socket(plain, server_hostname="localhost")
        tls.sendall(said)
        _reset(tls)
    untrusting = ssl.create_default_context()
    with socket.create_connection(address) as plain, pytest.raises(ssl.SSLError):
        untrusting.wrap_socket(plain, server_hostname="localhost")
    time.sleep(0.2)
    with world.client() as client:
        assert client.get("cacerts").status_code == 200
    assert world.noise == [] and capfd.readouterr().err == ""


def test_a_silent_client_is_let_go(world, monkeypatch):
    monkeypatch.setattr(listening, "IDLE", 0.2)
    with world.raw() as tls:
        assert received(tls) == b""
    with world.raw() as tls:
        tls.sendall(RAW_GET[:20])
        assert received(tls) == b""


def test_a_closed_listener_ends_its_connections_and_frees_its_port():
    world = World()
    with world.raw() as tls:
        tls.sendall(RAW_GET)
        assert tls.recv(65536) == RAW_CSRATTRS
        world.stop()
        assert received(tls) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", world.open.port))
    assert world.noise == []


# --- other people's clients ---------------------------------------------------------------------------------------


@dataclass
class Tools:
    """Other people's commands, run in a folder that holds `cacert.pem`."""

    folder: Path
    origin: str

    def run(self, *command: str) -> bytes:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def curl(self, operation: str, *more: str) -> bytes:
        url = f"{self.origin}{ROOT}/{operation}"
        return self.run("curl", "-sS", "--noproxy", "*", "--fail", "--cacert", "cacert.pem", *more, url)


@pytest.fixture
def tools(world, tmp_path):
    if shutil.which("curl") is None or shutil.which("openssl") is None:
        pytest.skip("curl or openssl is not installed")
    world.state.authority.save(tmp_path)
    return Tools(tmp_path, f"https://127.0.0.1:{world.open.port}")


def test_curl_fetches_the_ca_certificates(tools):
    (root,) = read_certs(base64.b64decode(tools.curl("cacerts")))
    assert pem(root) == (tools.folder / "cacert.pem").read_text().strip()


def test_the_server_sends_its_whole_chain(tools):
    tool = ("openssl", "s_client", "-connect", tools.origin.removeprefix("https://"), "-CAfile", "cacert.pem")
    shown = subprocess.run([*tool, "-showcerts"], cwd=tools.folder, capture_output=True, input=b"", timeout=120).stdout
    assert shown.count(b"BEGIN CERTIFICATE") == 2
    assert b"Verify return code: 0 (ok)" in shown


def test_curl_and_openssl_enroll_and_reenroll(tools):
    tools.run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem")
    data = ("--data-binary", "@request.pem", "-H", "Content-Type: application/pkcs10")
    for operation, proof in (("simpleenroll", ("-u", "estuser:estpwd")), ("simplereenroll", ("--cert", "new.pem"))):
        proof = (*proof, "--key", "key.pem") if "--cert" in proof else proof
        tools.run("openssl", "req", "-new", "-key", "key.pem", "-subj", "/CN=curl", "-out", "request.pem")
        (tools.folder / "p7").write_bytes(base64.b64decode(tools.curl(operation, *data, *proof)))
        tools.run("openssl", "pkcs7", "-inform", "DER", "-in", "p7", "-print_certs", "-out", "new.pem")
        assert b"new.pem: OK" in tools.run("openssl", "verify", "-CAfile", "cacert.pem", "new.pem")
    text = tools.run("openssl", "x509", "-in", "new.pem", "-noout", "-subject")
    assert text.strip() in {b"subject=CN = curl", b"subject=CN=curl"}


# --- the verified chain, on every Python that is here -------------------------------------------------------------

_PROBE = """
import importlib.util, ssl, sys
spec = importlib.util.spec_from_file_location("chain", sys.argv[1])
chain = importlib.util.module_from_spec(spec); spec.loader.exec_module(chain)
server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
for context in (server, client):
    context.load_cert_chain("leaf.pem"); context.load_verify_locations("root.pem")
server.verify_mode = ssl.CERT_OPTIONAL
bios = ssl.MemoryBIO(), ssl.MemoryBIO()
ends = (client.wrap_bio(bios[0], bios[1], server_hostname="localhost"), server.wrap_bio(bios[1], bios[0], True))
for end in 3 * ends:
    try: end.do_handshake()
    except ssl.SSLWantReadError: pass
texts = [open(name).read().split("-----BEGIN PRIV")[0] for name in ("leaf.pem", "root.pem")]
wanted = tuple(map(ssl.PEM_cert_to_DER_cert, texts))
assert [chain.verified_chain(end) for end in ends] == [wanted, wanted]
client.check_hostname = False; client.verify_mode = ssl.CERT_NONE
assert chain.verified_chain(ends[0]) == ()
print("same")
"""


def _pythons() -> list[str]:
    return [sys.executable, *(found for v in range(11, 16) if (found := shutil.which(f"python3.{v}")))]


@pytest.mark.parametrize("python", _pythons())
def test_the_verified_chain_is_read_on_both_sides_by_every_python(python, tmp_path):
    if subprocess.run([python, "-c", "pass"], capture_output=True, timeout=120).returncode:
        pytest.skip(f"{python} does not start")
    authority = Authority.fresh(datetime.now(UTC))
    leaf, key = authority.server_certificate(["localhost"], datetime.now(UTC))
    both = authority.issue(key.public_key(), leaf.subject, 1, datetime.now(UTC), san=leaf.extensions[3].value)
    clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "leaf.pem").write_bytes(both.public_bytes(Encoding.PEM) + clear)
    (tmp_path / "root.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    script = tmp_path / "probe.py"
    script.write_text(_PROBE)
    module = Path(listening.__file__).with_name("chain.py")
    done = subprocess.run([python, script, module], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout == "same\n", done.stderr
