"""Our answers, asked for as other clients ask, and read as strictly as they read: `tests.peers`, docs/peers.md."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key

from fortish.pki.names import subject_name
from fortish.pki.requests import new_request
from fortish.responder.policy import Policy
from tests.peers import BASIC, CERTS, CERTS_ONLY, KEY, PEERS, ROOT, Cyclone, Libest, Reader, Said, said
from tests.unit.test_responder_styles import World


@pytest.fixture(scope="module")
def everybody() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.fixture
def world(everybody: World) -> Iterator[World]:
    yield everybody
    everybody.state.policy = Policy()


def obeys(world: World, policy: str) -> None:
    world.state.policy = Policy.from_toml(policy)


def ask(world: World, peer: Reader, method: str, path: str, *more: bytes) -> Said:
    """One exchange: until the answer is whole, or the connection has ended."""
    with world.connected() as tls:
        tls.sendall(peer.request(method, path, *more))
        answer = received(tls)
        if any(b"close" in line for line in peer.head):
            assert tls.recv(1) == b""  # a TLS goodbye: without it OpenSSL 3 says that the end is an error
    return answer


def received(tls: ssl.SSLSocket) -> Said:
    come = b""
    while not whole(come) and (piece := tls.recv(1 << 16)):
        come += piece
    return said(come)


def whole(come: bytes) -> bool:
    head, end, body = come.partition(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: (\d+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("policy", ["", "intermediate = true", "rollover = true\nintermediate = true"])
def test_the_ca_certificates_are_read(world: World, name: str, policy: str) -> None:
    obeys(world, policy)
    found = PEERS[name].certificates(ask(world, PEERS[name], "GET", f"{ROOT}cacerts"), CERTS)
    assert world.state.authority.certificate in found


@pytest.mark.parametrize("name", PEERS)
def test_the_attributes_are_read(world: World, name: str) -> None:
    answer = ask(world, PEERS[name], "GET", f"{ROOT}csrattrs")
    assert PEERS[name].decoded(answer, b"application/csrattrs").startswith(b"\x30")


@pytest.mark.parametrize("segment", ["", "full/"])
@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        (name, scheme)
        for name, peer in PEERS.items()
        for scheme in ("basic", "digest")
        if scheme == "basic" or peer.digest
    ],
)
def test_a_challenge_is_answered_and_the_certificate_read(world: World, name: str, scheme: str, segment: str) -> None:
    obeys(world, f'http-auth = ["{scheme}"]')
    peer, path = PEERS[name], f"{ROOT}{segment}simpleenroll"
    proof = peer.authorization(ask(world, peer, "POST", path), path)
    (issued,) = peer.certificates(ask(world, peer, "POST", path, proof), CERTS_ONLY)
    assert issued.public_key() == KEY.public_key()


@pytest.mark.parametrize("name", PEERS)
def test_a_request_that_waits_is_told_how_long(world: World, name: str) -> None:
    obeys(world, 'approval = "manual"\nretry-after = 60')
    assert PEERS[name].waits(ask(world, PEERS[name], "POST", f"{ROOT}simpleenroll", BASIC)) == 60


@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if peer.keygen])
def test_a_key_and_its_certificate_are_taken_apart(world: World, name: str) -> None:
    peer = PEERS[name]
    key, certificates = peer.generated(ask(world, peer, "POST", f"{ROOT}serverkeygen", BASIC))  # type: ignore[attr-defined]
    assert [one.public_key() for one in certificates] == [load_der_private_key(key, None).public_key()]


@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if isinstance(peer, Libest)])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "csrattrs", 204), ("POST", "simpleenroll", 401), ("GET", "nothing", 404), ("POST", "x/simpleenroll", 404)],
)
def test_libest_knows_the_status(world: World, name: str, method: str, path: str, status: int) -> None:
    obeys(world, "csrattrs = []")
    answer = ask(world, PEERS[name], method, f"{ROOT}{path}")
    assert answer.code == status and status in Libest.statuses and answer.status.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("policy", ["", 'pop = "required"', 'http-auth = ["digest"]'])
def test_cyclone_binds_to_the_connection_on_which_it_is_challenged(world: World, policy: str) -> None:
    """It asks without a user first, and then once more with the very same request: the connection must live on."""
    obeys(world, policy)
    path = f"{ROOT}simpleenroll"
    with world.connected(version=ssl.TLSVersion.TLSv1_2) as tls:
        binding = base64.b64encode(tls.get_channel_binding("tls-unique") or b"").decode()
        request = new_request(KEY, subject_name([("CN", "peer")]), None, challenge=binding)
        peer = bound(request.public_bytes(Encoding.DER))
        tls.sendall(peer.request("POST", path))
        proof = peer.authorization(received(tls), path)
        tls.sendall(peer.request("POST", path, proof))
        (issued,) = peer.certificates(received(tls), CERTS_ONLY)
    assert issued.public_key() == KEY.public_key()


def bound(der: bytes) -> Cyclone:
    peer = Cyclone()
    peer.body = base64.encodebytes(der).replace(b"\n", b"\r\n")
    return peer
