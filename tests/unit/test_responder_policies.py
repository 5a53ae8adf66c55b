"""Policies over real TLS on loopback: Digest with other people's clients, linking, several CAs, faults on the wire."""

from __future__ import annotations

import base64
import contextlib
import email
import shutil
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pexpect
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key
from test_responder_listen import (
    ACCOUNT,
    KEY,
    PKCS10,
    RAW_CSRATTRS,
    RAW_GET,
    REQUEST,
    ROOT,
    SUBJECT,
    World,
    _post,
    received,
)

from fortish.pki import crl
from fortish.pki.chains import path_to
from fortish.pki.keys import same_key
from fortish.pki.pem import pem
from fortish.pki.pkcs7 import read_certs
from fortish.pki.requests import new_request, pem_request
from fortish.responder import approval
from fortish.responder.policy import Policy
from fortish.responder.revocation import revoke

BODY = pem_request(REQUEST)


@pytest.fixture(scope="module")
def shared():
    world = World()
    yield world
    world.stop()
    assert world.noise == []


@pytest.fixture
def world(shared):
    shared.state.policy = Policy()
    shared.state.waiting.clear()
    return shared


def enroll(client, path="simpleenroll", body=BODY, auth=ACCOUNT) -> httpx.Response:
    return client.post(path, content=body, headers=PKCS10, auth=auth)


def certificates(response: httpx.Response):
    assert response.status_code == 200, response.text
    return read_certs(base64.b64decode(response.content))


def published(world, client) -> list[x509.Certificate]:
    """What cacerts has: on the wire in the order of a SET OF, here in the responder's own."""
    found = certificates(client.get("cacerts"))
    own = world.state.hierarchy(world.state.policy.label("").ca, datetime.now(UTC)).published
    assert set(found) == set(own) and len(found) == len(own)
    return list(own)


# --- Digest -------------------------------------------------------------------------------------------------------


def test_httpx_answers_a_digest_challenge_and_uses_its_nonce_again(world):
    world.state.policy = Policy.from_toml('http-auth = ["digest"]')
    auth = httpx.DigestAuth(*ACCOUNT)
    with world.client() as client:
        assert enroll(client).status_code == 401
        for _ in range(3):
            assert same_key(certificates(enroll(client, auth=auth))[0], KEY)
        assert enroll(client, auth=httpx.DigestAuth("estuser", "wrong")).status_code == 401
    assert [visit.status for visit in list(world.state.history)[-7:]] == [401, 401, 200, 200, 200, 401, 401]


@pytest.mark.parametrize("schemes", ['["digest"]', '["basic", "digest"]'])
def test_curl_answers_a_digest_challenge(world, tmp_path, schemes):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    world.state.policy = Policy.from_toml(f"http-auth = {schemes}")
    world.state.authority.save(tmp_path)
    (tmp_path / "request").write_text(BODY)
    url = f"https://127.0.0.1:{world.open.port}{ROOT}/simpleenroll"
    command = ["curl", "-sS", "--noproxy", "*", "--fail", "--cacert", "cacert.pem", "--anyauth", "-u", "estuser:estpwd"]
    command += ["-H", "Content-Type: application/pkcs10", "--data-binary", "@request", url]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert same_key(read_certs(base64.b64decode(done.stdout))[0], KEY)


# --- linking ------------------------------------------------------------------------------------------------------


def test_with_linking_required_only_a_bound_request_is_served(world):
    world.state.policy = Policy.from_toml('pop = "required"')
    with world.raw(version=ssl.TLSVersion.TLSv1_2) as tls:
        unique = base64.b64encode(tls.get_channel_binding("tls-unique")).decode()
        for challenge, status in ((None, b"400"), (unique, b"200"), ("x", b"400")):
            tls.sendall(_post(pem_request(new_request(KEY, SUBJECT, None, challenge=challenge)).encode()))
            answer = tls.recv(65536)
            assert answer.startswith(b"HTTP/1.1 " + status)
            assert (b"linking of identity and POP information is required" in answer) is (challenge is None)
    with world.raw(version=ssl.TLSVersion.TLSv1_3) as tls:
        tls.sendall(_post(pem_request(new_request(KEY, SUBJECT, None, challenge=unique)).encode()))
        assert tls.recv(65536).startswith(b"HTTP/1.1 400")


# --- CAs ----------------------------------------------------------------------------------------------------------


def test_an_intermediate_signs_the_server_too_and_the_root_is_enough_to_trust_it(world, tmp_path):
    world.state.policy = Policy.from_toml("intermediate = true")
    with world.client() as client:  # trusts the root alone
        root, middle = published(world, client)
        (held,) = certificates(enroll(client))
    assert path_to(held, [middle], [root], datetime.now(UTC)) == [held, middle, root]
    with world.client(held=held, tmp_path=tmp_path) as client:
        assert client.post("simpleenroll", content=BODY, headers=PKCS10).status_code == 200
    with world.client(world.closed, held=held, tmp_path=tmp_path) as client:
        assert client.get("cacerts").status_code == 200


def test_who_trusts_the_old_root_alone_can_connect_during_a_rollover(world, tmp_path):
    world.state.policy = Policy.from_toml("rollover = true")
    with world.client() as client:
        new, old, *_ = published(world, client)
        (held,) = certificates(enroll(client))
    assert pem(old) == pem(world.state.authority.certificate) and held.issuer == new.subject
    with world.client(held=held, tmp_path=tmp_path) as client:
        assert client.post("simpleenroll", content=BODY, headers=PKCS10).status_code == 200


def test_a_certificate_of_a_labels_ca_passes_the_handshake(world, tmp_path):
    world.state.policy = Policy.from_toml("cas.iot = {}\nlabels.iot = { ca = 'iot' }")
    with world.client() as client:
        (held,) = certificates(enroll(client, "iot/simpleenroll"))
    with world.client(world.closed, held=held, tmp_path=tmp_path) as client:
        assert client.get("iot/cacerts").status_code == 200
        assert client.post("iot/simpleenroll", content=BODY, headers=PKCS10).status_code == 200


def test_a_revoked_certificate_is_refused_and_the_list_can_be_fetched(world, tmp_path):
    with world.client() as client:
        (held,) = certificates(enroll(client))
    with world.client(held=held, tmp_path=tmp_path) as client:
        assert client.post("simpleenroll", content=BODY, headers=PKCS10).status_code == 200
        revoke(world.state, held.serial_number, datetime.now(UTC))
        answer = client.post("simpleenroll", content=BODY, headers=PKCS10)
        assert answer.status_code == 401 and "revoked" in answer.text
        listed = client.get(f"https://localhost:{world.open.port}/fortish/crl")
    assert listed.headers["content-type"] == "application/pkix-crl"
    found = crl.read(listed.content)
    assert held.serial_number in [one.serial_number for one in found]
    crl.check(found, [world.state.authority.certificate], datetime.now(UTC))


# --- approval and serverkeygen ------------------------------------------------------------------------------------


def test_a_request_waits_and_then_is_served(world):
    world.state.policy = Policy.from_toml("approval = 'manual'\nretry-after = 'date'")
    with world.client() as client:
        answer = enroll(client)
        assert answer.status_code == 202 and answer.headers["retry-after"].endswith("GMT")
        approval.approve(world.state, approval.requests(world.state)[0].number)
        assert same_key(certificates(enroll(client))[0], KEY)


def test_a_generated_key_fits_its_certificate(world):
    with world.client() as client:
        answer = enroll(client, "serverkeygen")
    head = f"Content-Type: {answer.headers['content-type']}\n\n".encode()
    message = email.message_from_bytes(head + answer.content)
    key, certs = (part.get_payload(decode=True) for part in message.get_payload())
    assert same_key(load_der_private_key(key, None), read_certs(certs)[0])


# --- faults on the wire -------------------------------------------------------------------------------------------


def test_an_answer_in_pieces_is_the_same_answer(world):
    with world.client() as client:
        started = time.monotonic()
        assert same_key(certificates(enroll(client, "fault-slow-pieces/simpleenroll"))[0], KEY)
        assert time.monotonic() - started > 0.2
        assert client.get("cacerts").status_code == 200


def test_no_answer_is_no_octet(world):
    with world.raw() as tls:
        tls.sendall(_post(BODY.encode()).replace(b"/est/", b"/est/fault-no-answer/"))
        assert received(tls) == b""


def test_http_1_0_has_its_own_status_line_and_ends(world):
    with world.raw() as tls:
        tls.sendall(_post(BODY.encode()).replace(b"/est/", b"/est/fault-http-1.0/"))
        answer = received(tls)
    assert answer.startswith(b"HTTP/1.0 200 OK\r\nStatus: 200 OK\r\n") and answer.endswith(b"\n")


def test_a_401_may_close_without_a_word(world):
    with world.raw() as tls:
        tls.sendall(_post(b"").replace(b"/est/", b"/est/fault-close-after-401/").replace(b"Basic", b"Other"))
        answer = received(tls)
    assert answer.startswith(b"HTTP/1.1 401") and b"onnection" not in answer
    with world.raw() as tls:
        tls.sendall(RAW_GET)
        assert tls.recv(65536) == RAW_CSRATTRS


# --- the command --------------------------------------------------------------------------------------------------


def test_the_person_at_the_terminal_approves_revokes_and_quits(tmp_path):
    (tmp_path / "policy.toml").write_text('approval = "manual"\nretry-after = 1\n')
    arguments = ["-m", "fortish", "responder", "--listen", "127.0.0.1:0", "--policy", "policy.toml", "--ca-dir", "ca"]
    screen = pexpect.spawn(sys.executable, arguments, cwd=tmp_path, encoding="utf-8", timeout=120, echo=False)
    with contextlib.closing(screen):
        screen.expect(r"listening +https://127.0.0.1:(\d+)/")
        base = f"https://127.0.0.1:{screen.match[1]}{ROOT}/"
        screen.expect("every request waits for approval")
        screen.expect("`help` lists")
        context = ssl.create_default_context(cafile=tmp_path / "ca" / "cacert.pem")
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        with httpx.Client(base_url=base, verify=context, trust_env=False) as client:
            assert enroll(client).status_code == 202
            screen.sendline("list")
            screen.expect("1 .* waiting +estuser +CN=firewall-portal1")
            screen.sendline("approve 1")
            screen.expect("request 1 is approved")
            (held,) = certificates(enroll(client))
            screen.sendline(f"revoke {held.serial_number}")
            screen.expect("is revoked")
            assert enroll(client, body=pem_request(new_request(KEY, REQUEST.subject, None))).status_code == 202
        screen.sendline("quit")
        screen.expect(pexpect.EOF)
        assert screen.wait() == 0
    again = pexpect.spawn(sys.executable, arguments, cwd=tmp_path, encoding="utf-8", timeout=120, echo=False)
    with contextlib.closing(again):
        again.expect("`help` lists")
        again.sendline("list")
        again.expect("2 .* waiting")
        again.sendline("quit")
        again.expect(pexpect.EOF)


def test_a_policy_that_cannot_be_read_ends_with_status_2(tmp_path):
    path = Path(tmp_path / "p.toml")
    path.write_text("pop = 'maybe'")
    command = [sys.executable, "-m", "fortish", "responder", "--policy", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == f"fortish: {path}:1: pop must be one of off, optional, required\n"


# --- other people's verifier --------------------------------------------------------------------------------------


def test_openssl_verifies_paths_across_a_rollover_and_the_list(world, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    world.state.policy = Policy.from_toml("rollover = true\nintermediate = true")
    with world.client() as client:
        new, middle, old, old_with_new, new_with_old = published(world, client)
        (held,) = certificates(enroll(client))
        (tmp_path / "crl").write_bytes(client.get(f"https://localhost:{world.open.port}/fortish/crl").content)
    known = {"new": [new], "old": [old], "held": [held], "over": [middle, new_with_old], "under": [middle]}
    for name, some in {**known, "back": [old_with_new]}.items():
        (tmp_path / f"{name}.pem").write_text("".join(f"{pem(one)}\n" for one in some))

    def run(*words: str) -> str:
        done = subprocess.run(["openssl", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "held.pem: OK" in run("verify", "-CAfile", "new.pem", "-untrusted", "under.pem", "held.pem")
    assert "held.pem: OK" in run("verify", "-CAfile", "old.pem", "-untrusted", "over.pem", "held.pem")
    assert "back.pem: OK" in run("verify", "-CAfile", "new.pem", "back.pem")
    run("crl", "-inform", "DER", "-in", "crl", "-outform", "PEM", "-out", "crl.pem")
    assert "verify OK" in run("crl", "-in", "crl.pem", "-CAfile", "under.pem", "-noout")
