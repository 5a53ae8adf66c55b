"""TLS-SRP at both ends: our client with our server, and each of them with curl and GnuTLS."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import hurry
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from fortish.errors import LinkLost, PeerFault
from fortish.network import http, srp, srp_server, tls
from fortish.network.doorway import asks_for_srp
from fortish.network.listen import Listener, listen, opened_server
from fortish.network.saslprep import saslprep
from fortish.pki import names
from fortish.pki.keys import same_key
from fortish.pki.pem import pem
from fortish.pki.pkcs7 import read_certs
from fortish.pki.requests import new_request, pem_request
from fortish.responder.authority import Authority
from fortish.responder.faults import Fault
from fortish.responder.policy import Policy
from fortish.responder.respond import Responder
from fortish.steps import Credential, Http, Link, Peer, Trust

KEY = ec.derive_private_key(7, ec.SECP256R1())
SUBJECT = names.subject_name([("CN", "firewall-portal1")])
PKCS10 = {"Content-Type": "application/pkcs10"}
ROOT = "/.well-known/est"
GOOD = ("srpuser", "srppwd")
NOBODY = Trust((), public=False)
CSRATTRS = b"MCYGBysGAQEBARYGCSqGSIb3DQEJAQYFK4EEACIGCWCGSAFlAwQCAg=="

# asyncio's TLS fails a handshake without an alert.
NO_SRP = "TLS-SRP: the server does not do TLS-SRP (alert handshake_failure)"
CLOSED = "TLS-SRP: the server closed the connection during the handshake: it may not do TLS-SRP"

World = tuple[Responder, Listener]


def played(work: Callable[[], Awaitable[Any]], run: Callable[..., Any] = asyncio.run) -> Any:
    """Runs to the end, within two minutes, and the loop has nothing to complain about."""
    noise: list[object] = []

    async def whole() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: noise.append(context))
        async with asyncio.timeout(120):
            return await work()

    done = run(whole())
    assert noise == []
    return done


@contextlib.asynccontextmanager
async def world(policy: Policy | None = None, demand: str = "optional") -> AsyncIterator[World]:
    state = Responder(Authority.fresh(datetime.now(UTC)), policy or Policy())
    listener = await listen(state, "127.0.0.1", 0, names=["localhost"], clock=time.time, client_certificate=demand)
    try:
        yield state, listener
    finally:
        await listener.close()


async def dialled(port: int, srp: tuple[str, str] | None = GOOD, **how: object) -> Link:
    return await tls.dial(Peer("localhost", port, NOBODY, srp=srp, **how), ("127.0.0.1",), port, time.time())


async def asked(link: Link, operation: str, content: str | None = None, **how: object) -> httpx.Response:
    method, headers = ("GET", {}) if content is None else ("POST", PKCS10)
    request = httpx.Request(method, f"{link.peer.origin}{ROOT}/{operation}", content=content, headers=headers)
    return await http.perform(Http(link, request, **how))


async def hung_up(link: Link) -> None:
    await link.handle.close(http.GOODBYE)


async def failure(work: Awaitable[object]) -> LinkLost:
    with pytest.raises(LinkLost) as caught:
        await work
    return caught.value


@contextlib.asynccontextmanager
async def plain(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    """A TCP server of a test's own; its port."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


# --- our client, our server -----------------------------------------------------------------------------------------


def test_user_and_password_enroll_without_any_certificate():
    async def work():
        async with world() as (state, listener):
            link = await dialled(listener.port)
            assert (link.chain, link.tls_version, len(link.tls_unique)) == ((), "TLSv1.2", 12)
            assert (await asked(link, "csrattrs")).content.strip() == CSRATTRS
            response = await asked(link, "simpleenroll", pem_request(new_request(KEY, SUBJECT, None)))
            await hung_up(link)
            return state, response

    state, response = played(work)
    (certificate,) = read_certs(base64.b64decode(response.content))
    assert same_key(certificate, KEY)
    visit = state.history[-1]
    assert (visit.operation, visit.account, visit.status) == ("simpleenroll", "srpuser", 200)


def test_a_request_can_be_bound_to_the_connection():
    async def work():
        async with world() as (_, listener):
            link, other = await dialled(listener.port), await dialled(listener.port)
            assert link.tls_unique != other.tls_unique
            challenge = base64.b64encode(link.tls_unique).decode()
            bound = pem_request(new_request(KEY, SUBJECT, None, challenge))
            statuses = [(await asked(one, "simpleenroll", bound)).status_code for one in (link, other)]
            await hung_up(link)
            await hung_up(other)
            return statuses

    assert played(work) == [200, 400]


def test_a_wrong_password_and_an_unknown_user_fail_alike():
    async def work():
        async with world() as (state, listener):
            reasons = [
                (await failure(dialled(listener.port, (user, "wrong")))).reason for user in ("srpuser", "nobody")
            ]
            return reasons, list(state.history)

    reasons, history = played(work)
    assert reasons == [
        f"TLS-SRP: user '{user}' or the password is wrong (alert bad_record_mac)" for user in ("srpuser", "nobody")
    ]
    assert history == []


def test_names_are_compared_as_saslprep_writes_them():
    async def work():
        async with world(Policy(srp_accounts={"Henry IX": "päss\u00a0word"})) as (state, listener):
            link = await dialled(listener.port, ("Henry \u2168", "pa\u0308ss word"))
            response = await asked(link, "simpleenroll", pem_request(new_request(KEY, SUBJECT, None)))
            await hung_up(link)
            return response.status_code, state.history[-1].account

    assert played(work) == (200, "Henry IX")


def test_a_changed_password_counts_at_once():
    async def work():
        async with world() as (state, listener):
            await hung_up(await dialled(listener.port))
            state.policy = Policy(srp_accounts={"srpuser": "other"})
            reason = (await failure(dialled(listener.port))).reason
            await hung_up(await dialled(listener.port, ("srpuser", "other")))
            return reason

    assert "password is wrong" in played(work)


def test_the_source_address_is_the_one_asked_for():
    async def work():
        async with world() as (state, listener):
            link = await dialled(listener.port, source="127.0.0.2")
            await asked(link, "csrattrs")
            await hung_up(link)
            return state.history[-1].address

    assert played(work) == "127.0.0.2"


def test_bodies_of_many_records_arrive_whole():
    body = bytes(range(256)) * 400

    async def work():
        async with world(Policy(faults={"cacerts": Fault(body=body)})) as (_, listener):
            link = await dialled(listener.port)
            down = await asked(link, "cacerts")
            up = await asked(link, "simpleenroll", "A" * 60_000)
            with pytest.raises(PeerFault):
                await asked(link, "cacerts", limit=1000)
            await hung_up(link)
            return down.content, up.status_code

    assert played(work) == (body, 400)


def test_a_server_that_closes_after_an_answer_is_noticed_and_may_be_dialled_again():
    async def work():
        async with world(Policy(faults={"csrattrs": Fault(close=True)})) as (_, listener):
            link = await dialled(listener.port)
            await asked(link, "csrattrs")
            lost = await failure(asked(link, "csrattrs"))
            await hung_up(link)
            return lost

    assert played(work).closed


def test_a_body_that_is_cut_short_is_no_body():
    async def work():
        async with world(Policy(faults={"cacerts": Fault(cut=10)})) as (_, listener):
            link = await dialled(listener.port)
            lost = await failure(asked(link, "cacerts"))
            await hung_up(link)
            return lost

    lost = played(work)
    assert "bytes remaining to read" in lost.reason
    assert not lost.closed


def test_an_end_without_goodbye_is_no_end_of_a_body():
    verifiers = srp_server.Verifiers()

    async def serve(opened):
        stream, _ = await srp_server.accept(opened, verifiers, dict([GOOD]))
        await stream.read(1000)
        await stream.write(b"HTTP/1.0 200 OK\r\n\r\nhalf of it")
        await opened.close(1.0)

    async def work():
        listener = await opened_server(serve, "127.0.0.1", 0)
        link = await dialled(listener.port)
        lost = await failure(asked(link, "cacerts"))
        await hung_up(link)
        await listener.close()
        return lost

    assert played(work).reason == "Recv failure: Connection reset by peer"


def test_no_user_gets_in_where_a_client_certificate_is_demanded():
    async def work():
        async with world(demand="required") as (_, listener):
            return await failure(dialled(listener.port))

    assert played(work).reason == NO_SRP


def test_ordinary_tls_is_on_the_same_port():
    async def work():
        async with world() as (state, listener):
            trust = Trust((pem(state.authority.certificate),), public=False)
            link = await tls.dial(Peer("localhost", listener.port, trust), ("127.0.0.1",), listener.port, time.time())
            response = await asked(link, "csrattrs")
            await hung_up(link)
            return link.chain, response.content.strip()

    chain, content = played(work)
    assert chain
    assert content == CSRATTRS


# --- rude peers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", CLOSED),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" * 40, "TLS-SRP: what the server says is not allowed"),
        (
            b"\x15\x03\x03\x00\x02\x02\x73",
            "TLS-SRP: the server does not know user 'srpuser' (alert unknown_psk_identity)",
        ),
        (b"\x15\x03\x03\x00\x02\x02\x46", "TLS-SRP: the server does not speak TLS 1.2 (alert protocol_version)"),
        (b"\x15\x03\x03\x00\x02\x02\x50", "TLS-SRP: the handshake failed (alert internal_error)"),
        (b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", "TLS-SRP: the server does not speak TLS as it should"),
    ],
)
def test_a_failed_handshake_is_told_in_words(said, reason):
    async def serve(reader, writer):
        await reader.read(1)
        writer.write(said)
        writer.close()

    async def work():
        async with plain(serve) as port:
            return await failure(dialled(port))

    assert played(work).reason.startswith(reason)


def test_a_group_that_is_not_of_the_rfc_is_refused(monkeypatch):
    monkeypatch.setattr(
        srp_server, "makeVerifier", lambda user, password, bits: (2**2047 + 9, 2, bytearray(b"salt"), 5)
    )

    async def work():
        async with world() as (_, listener):
            return await failure(dialled(listener.port))

    assert played(work).reason == "TLS-SRP: the server's group is no good one (alert insufficient_security)"


@pytest.mark.parametrize("unsafe", [0, 1])
def test_a_zero_from_the_server_is_refused(monkeypatch, unsafe):
    """B must not be a multiple of N (RFC 5054 section 2.5.3), or anybody could pass for the server."""
    from tlslite import keyexchange
    from tlslite.messages import ServerKeyExchange

    create = ServerKeyExchange.createSRP

    def zero(self, prime, generator, salt, value):
        return create(self, prime, generator, salt, unsafe * prime)

    monkeypatch.setattr(keyexchange.ServerKeyExchange, "createSRP", zero)

    async def work():
        async with world() as (_, listener):
            return await failure(dialled(listener.port))

    assert played(work).reason == "TLS-SRP: what the server says is not allowed (alert illegal_parameter)"


def test_ctrl_c_during_the_handshake_closes_the_connection_at_once():
    gone = asyncio.Event()

    async def serve(reader, writer):
        await reader.read(1)
        dialling.cancel()
        while await reader.read(1000):
            pass
        gone.set()
        writer.close()

    async def work():
        nonlocal dialling
        async with plain(serve) as port:
            dialling = asyncio.ensure_future(dialled(port))
            with pytest.raises(asyncio.CancelledError):
                await dialling
            await asyncio.wait_for(gone.wait(), 60)

    dialling: asyncio.Future[Link]
    played(work)


def test_ctrl_c_during_a_request_closes_the_connection_at_once():
    async def work():
        async with world(Policy(faults={"cacerts": Fault(delay=20.0)})) as (_, listener):
            link = await dialled(listener.port)
            asking = asyncio.ensure_future(asked(link, "cacerts"))
            await asyncio.sleep(0.1)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert link.handle.tcp.transport.is_closing()
            await hung_up(link)

    started = time.monotonic()
    played(work)
    assert time.monotonic() - started < 19


def test_a_server_that_says_nothing_is_not_waited_for():
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async def work():
        async with plain(silent) as port:
            first = (await failure(dialled(port, timeout=0.3))).reason
        async with world(Policy(faults={"cacerts": Fault(delay=20.0)})) as (_, listener):
            link = await dialled(listener.port, timeout=1.0)
            second = (await failure(asked(link, "cacerts"))).reason
            await hung_up(link)
            return first, second

    first, second = played(work, hurry.run)
    assert first.startswith("Connection timed out after ")
    assert second.startswith("Operation timed out after ")


def test_nobody_listens_is_told_as_ever():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reason = played(lambda: failure(dialled(port))).reason
    assert reason.startswith(f"Failed to connect to localhost port {port}")


@pytest.mark.parametrize("cut", [1, 4, 5, 60, 10_000])
def test_a_client_that_hangs_up_in_the_middle_leaves_no_trace(cut):
    async def work():
        async with world() as (state, listener):
            hello = await hello_of(GOOD)
            _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write((hello + b"\x16\x03\x03\xff\xff" + bytes(70_000))[:cut])
            await writer.drain()
            writer.transport.abort()
            await hung_up(await dialled(listener.port))
            return list(state.history)

    assert played(work) == []


def test_a_wrong_message_from_a_client_leaves_no_trace():
    async def work():
        async with world() as (_, listener):
            hello = bytearray(await hello_of(GOOD))
            place = hello.index(b"srpuser")
            hello[place : place + 7] = b"\xff" * 7  # no UTF-8
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(hello)
            await reader.readexactly(5)
            writer.write(b"\x16\x03\x03\x00\x06\x10\x00\x00\x02\x00\x00")  # a ClientKeyExchange without A
            answer = await reader.read()
            writer.close()
            await hung_up(await dialled(listener.port))
            return answer

    assert b"\x15\x03\x03\x00\x02\x02" in played(work)  # a fatal alert


# --- what is refused before anything is sent ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("srp", "reason"),
    [
        (("a\x07", "b"), "TLS-SRP: the user name cannot be used: it must not contain U+0007"),
        (("a", "\ud800"), "TLS-SRP: the password cannot be used: it must not contain U+D800"),
        (("\u00ad", "b"), "TLS-SRP: the user name is empty"),
        (("a", ""), "TLS-SRP: the password is empty"),
        (("ä" * 128, "b"), "TLS-SRP: the user name is longer than 255 octets"),
    ],
)
def test_a_name_that_cannot_be_sent_is_refused(srp, reason):
    assert played(lambda: failure(dialled(1, srp))).reason == reason


def test_a_client_certificate_is_refused_beside_srp():
    credential = Credential("mine", "", "", "")
    assert "not both" in played(lambda: failure(dialled(1, credential=credential))).reason


# RFC 4013 section 3, and a line more.
@pytest.mark.parametrize(
    ("text", "prepared"),
    [("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX"), ("a\u3000b", "a b")],
)
def test_saslprep_writes_as_its_rfc_says(text, prepared):
    assert saslprep(text) == prepared
    assert saslprep(prepared) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "\u0627a\u0627", "a\ue000", "\ud800"])
def test_saslprep_refuses_what_its_rfc_refuses(text):
    with pytest.raises(ValueError, match="it m"):
        saslprep(text)


# --- the ClientHello ------------------------------------------------------------------------------------------------


async def hello_of(credentials: tuple[str, str] | None) -> bytes:
    """The ClientHello of our own client."""
    found: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader, writer):
        head = await reader.readexactly(5)
        found.set_result(head + await reader.readexactly(int.from_bytes(head[3:], "big")))
        writer.close()

    async with plain(serve) as port:
        await failure(dialled(port, credentials))
    return await found


def test_a_hello_is_judged_when_it_is_whole_and_not_before():
    hello = played(lambda: hello_of(GOOD))
    assert [asks_for_srp(hello[:length]) for length in range(len(hello))] == [None] * len(hello)
    assert asks_for_srp(hello) is True
    assert asks_for_srp(hello + b"more") is True
    halves = hello[5:100], hello[100:]
    pieces = b"".join(b"\x16\x03\x01" + len(half).to_bytes(2, "big") + half for half in halves)
    assert asks_for_srp(pieces) is True
    assert asks_for_srp(pieces[:-1]) is None


def test_an_ordinary_hello_does_not_ask_for_srp():
    assert asks_for_srp(played(lambda: hello_of(None))) is False


def test_a_user_without_a_suite_for_it_does_not_ask_for_srp():
    hello = played(lambda: hello_of(GOOD))
    for suite in (b"\xc0\x1d", b"\xc0\x20"):
        assert hello.count(suite) == 1
        hello = hello.replace(suite, b"\xc0\x2b")
    assert asks_for_srp(hello) is False


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1",
        b"\x80\x2e\x01\x03\x01",
        b"\x15\x03\x01\x00\x02\x01\x00",
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
        b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03",
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
    ],
)
def test_what_is_no_hello_is_left_to_ordinary_tls(octets):
    assert asks_for_srp(octets) is False


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_ordinary_hello_may_come_octet_by_octet(version):
    """The hello is read by one and answered by another; nothing of it may be lost on the way."""

    async def work():
        async with world() as (state, listener):
            context = ssl.create_default_context(cadata=pem(state.authority.certificate))
            context.minimum_version = context.maximum_version = version
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)

            async def carried(step):
                while True:
                    try:
                        done = step()
                    except ssl.SSLWantReadError:
                        done = None
                    for octet in outgoing.read():
                        writer.write(bytes([octet]))
                        await asyncio.sleep(0)
                    if done is not None:
                        return done
                    incoming.write(await reader.read(65536))

            await carried(lambda: client.do_handshake() or True)
            await carried(lambda: client.write(f"GET {ROOT}/csrattrs HTTP/1.1\r\nHost: a\r\n\r\n".encode()))
            answer = await carried(lambda: client.read(65536))
            writer.transport.abort()
            return answer

    assert played(work).startswith(b"HTTP/1.1 200 OK")


# --- verifiers ------------------------------------------------------------------------------------------------------


def test_an_unknown_user_has_the_same_verifier_each_time():
    verifiers = srp_server.Verifiers()
    account, verifier = verifiers.of(b"nobody", {})
    assert account == ""
    assert verifiers.of(b"nobody", {"other": "x"}) == ("", verifier)
    assert verifiers.of(b"somebody", {})[1] != verifier
    assert srp_server.Verifiers().of(b"nobody", {})[1][2] != verifier[2]


def test_an_unknown_user_looks_like_a_known_one():
    verifiers = srp_server.Verifiers()
    account, known = verifiers.of(b"srpuser", dict([GOOD]))
    assert account == "srpuser"
    assert verifiers.of(b"srpuser", dict([GOOD]))[1] is known
    unknown = verifiers.of(b"nobody", dict([GOOD]))[1]
    assert unknown[:2] == known[:2]
    assert len(unknown[2]) == len(known[2])
    assert known[0].bit_length() == 2048


def test_no_salt_begins_with_a_zero(monkeypatch):
    """OpenSSL's clients would lose it, and fail."""
    salts = iter([bytearray(16), bytearray(b"\0salt"), bytearray(b"salt")])
    monkeypatch.setattr(srp_server, "makeVerifier", lambda user, password, bits: (5, 2, next(salts), 3))
    verifiers = srp_server.Verifiers()
    assert verifiers.of(b"srpuser", dict([GOOD]))[1] == (5, 2, b"salt", 3)
    assert all(verifiers.of(str(number).encode(), {})[1][2][0] for number in range(600))


def test_an_account_that_cannot_be_written_lets_nobody_in():
    assert srp_server.Verifiers().of(b"", {"\u00ad": "x"})[0] == ""
    assert srp_server.Verifiers().of(b"a", {"a": "\x07"})[0] == ""


# --- without the extra ----------------------------------------------------------------------------------------------

WITHOUT = "import sys; sys.modules['tlslite'] = None; from fortish.main import main; sys.exit(main())"


def test_without_the_extra_the_box_says_what_to_install():
    line = 'execute vpn certificate ca import est https://testrfc7030.com:8443 "" "" "" "" srpuser srppwd'
    done = subprocess.run([sys.executable, "-c", WITHOUT, "replay", "-c", line], capture_output=True, text=True)
    assert 'pip install "fortish[srp]"' in done.stdout
    assert done.stderr == ""
    assert done.returncode == 1


def test_without_the_extra_a_server_does_not_do_srp():
    arguments = [sys.executable, "-u", "-c", WITHOUT, "responder", "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        line = next(line for line in server.stdout if "listening" in line)
        port = int(line.rsplit(":", 1)[1].split("/")[0])
        reason = played(lambda: failure(dialled(port))).reason
    finally:
        server.terminate()
        server.communicate()
    assert reason == NO_SRP


def test_the_secret_is_logged_where_the_host_asks_for_it(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))

    async def work():
        async with world() as (_, listener):
            link = await dialled(listener.port)
            await hung_up(link)
            return link.handle.tls

    connection = played(work)
    label, random, secret = (tmp_path / "keys").read_text().split()
    assert (label, len(random), secret) == ("CLIENT_RANDOM", 64, connection.session.masterSecret.hex())


# --- others' clients, others' servers -------------------------------------------------------------------------------

CURL = shutil.which("curl")
CURL_HAS_SRP = (
    CURL is not None and "TLS-SRP" in subprocess.run([CURL, "--version"], capture_output=True, text=True).stdout
)
GNUTLS = shutil.which("gnutls-serv")
PRIORITY = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+SRP"


async def ran(*arguments: str, given: bytes = b"") -> tuple[int, bytes]:
    child = await asyncio.create_subprocess_exec(
        *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await child.communicate(given)
    return child.returncode, said


@pytest.mark.skipif(not CURL_HAS_SRP, reason="curl is not here, or has no TLS-SRP")
@pytest.mark.parametrize(("password", "code", "says"), [("srppwd", 0, CSRATTRS), ("wrong", 35, b"bad record mac")])
def test_curl_comes_in_with_the_right_password_only(password, code, says):
    async def work():
        async with world() as (_, listener):
            url = f"https://127.0.0.1:{listener.port}{ROOT}/csrattrs"
            return await ran(
                CURL, "-sS", "-k", "--noproxy", "*", "--tlsuser", "srpuser", "--tlspassword", password, url
            )

    status, said = played(work)
    assert status == code
    assert says in said


@pytest.mark.skipif(not CURL_HAS_SRP, reason="curl is not here, or has no TLS-SRP")
def test_curl_enrolls_over_srp():
    async def work():
        async with world() as (state, listener):
            url = f"https://127.0.0.1:{listener.port}{ROOT}/simpleenroll"
            options = ["-sS", "-k", "--noproxy", "*", "--tlsuser", "srpuser", "--tlspassword", "srppwd"]
            posted = ["--data-binary", "@-", "-H", "Content-Type: application/pkcs10", url]
            given = pem_request(new_request(KEY, SUBJECT, None)).encode()
            return await ran(CURL, *options, *posted, given=given), state.history[-1].account

    (status, said), account = played(work)
    (certificate,) = read_certs(base64.b64decode(said))
    assert (status, account) == (0, "srpuser")
    assert same_key(certificate, KEY)


@pytest.mark.skipif(GNUTLS is None, reason="GnuTLS's tools are not here")
@pytest.mark.parametrize(("password", "says"), [("srppwd", CSRATTRS), ("wrong", b"Bad record MAC")])
def test_gnutls_comes_in_with_the_right_password_only(password, says):
    async def work():
        async with world() as (_, listener):
            options = ["--no-ca-verification", "--priority", PRIORITY, "-p", str(listener.port)]
            user = ["--srpusername", "srpuser", "--srppasswd", password, "127.0.0.1"]
            return await ran("gnutls-cli", *options, *user, given=f"GET {ROOT}/csrattrs HTTP/1.0\r\n\r\n".encode())

    status, said = played(work)
    assert says in said
    assert (status == 0) is (password == "srppwd")


@contextlib.asynccontextmanager
async def gnutls_server(folder: Path, priority: str, *options: str) -> AsyncIterator[int]:
    files = ["--passwd", str(folder / "passwd"), "--passwd-conf", str(folder / "conf")]
    assert (await ran("srptool", "--create-conf", str(folder / "conf")))[0] == 0
    assert (await ran("srptool", *files, "-u", "srpuser", given=b"srppwd\n"))[0] == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    served = ["--srppasswd", files[1], "--srppasswdconf", files[3], "--http", "--noticket"]
    server = await asyncio.create_subprocess_exec(
        "gnutls-serv", *served, "--priority", priority, "-p", str(port), *options, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.05)
        writer.close()
        yield port
    finally:
        server.terminate()
        await server.wait()


@pytest.mark.skipif(GNUTLS is None, reason="GnuTLS's tools are not here")
def test_our_client_reaches_a_gnutls_server_with_the_right_password_only(tmp_path):
    async def work():
        async with gnutls_server(tmp_path, PRIORITY) as port:
            link = await dialled(port)
            response = await asked(link, "csrattrs")
            await hung_up(link)
            return link, response, (await failure(dialled(port, ("srpuser", "wrong")))).reason

    link, response, reason = played(work)
    assert link.chain == ()
    assert response.status_code == 200
    assert b"SRP" in response.content
    assert "or the password is wrong" in reason


@pytest.mark.skipif(GNUTLS is None, reason="GnuTLS's tools are not here")
def test_a_server_that_shows_a_certificate_too_is_authorised_by_srp(tmp_path):
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 2048)
    issuer = Authority.fresh(datetime.now(UTC))
    certificate = issuer.issue(key.public_key(), SUBJECT, 1, datetime.now(UTC))
    (tmp_path / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "cert").write_text(pem(certificate))
    shown = ["--x509keyfile", str(tmp_path / "key"), "--x509certfile", str(tmp_path / "cert")]

    async def work():
        async with gnutls_server(tmp_path, PRIORITY.replace("+SRP", "+SRP-RSA"), *shown) as port:
            link = await dialled(port)
            response = await asked(link, "csrattrs")
            await hung_up(link)
            return link.chain, response.status_code

    assert played(work) == ((certificate.public_bytes(Encoding.DER),), 200)


def test_every_cause_is_sorted_and_known():
    from tlslite.constants import AlertDescription

    assert list(srp._CAUSES) == sorted(srp._CAUSES)
    assert all(isinstance(getattr(AlertDescription, alert), int) for alert in srp._CAUSES)
