"""SCEP: the messages against openssl and against noise, the responder, and what the box makes of its answers."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization import pkcs7 as smime
from hypothesis import given, settings
from hypothesis import strategies as st

import fortish
from fortish import golden, screen
from fortish.box import Box, Pending
from fortish.clock import VirtualClock
from fortish.errors import LinkLost, PeerFault, UsageError
from fortish.est.authorities import EnrollFault
from fortish.network.plain import listen_plain
from fortish.pki import cms, keys, pkcs7, requests
from fortish.pki.faults import CmsFault
from fortish.responder.authority import Authority
from fortish.responder.message import Asked, Visitor
from fortish.responder.policy import Policy
from fortish.responder.scep import respond
from fortish.responder.state import Responder
from fortish.scep import pending
from fortish.scep.authorities import Anchors, authorities_of, has_fingerprint
from fortish.scep.context import ScepContext, check_url, operation_url
from fortish.scep.enroll import Request, Undecided, new_request, scep_enroll
from fortish.scep.message import MessageType, Signer, Status, attributes, issuer_and_subject, read_reply
from fortish.scep.trace import ScepLine
from fortish.steps import Compute, Dial, Exchange, Http, HttpGet, HttpPost, Link, Trace

NOW = datetime(2025, 6, 1, tzinfo=UTC)
OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="no openssl on the path")
TRANSCRIPTS = Path(__file__).parents[1] / "transcripts" / "scep"
MESSAGE = ((b"content-type", b"application/x-pki-message"),)


@cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def signer(number: int = 0, common: str = "web.example.com") -> Signer:
    return Signer(certificate_for(rsa_key(number).public_key(), common, rsa_key(number)), rsa_key(number))


def certificate_for(public: Any, common: str, by: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])
    dates = NOW - timedelta(days=1), NOW + timedelta(days=30)
    builder = x509.CertificateBuilder(name, name, public, x509.random_serial_number(), *dates)
    return builder.sign(by, hashes.SHA256())


def csr_for(key: Any, challenge: str | None = "sceppwd") -> x509.CertificateSigningRequest:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web.example.com")])
    return requests.new_request(key, name, None, challenge)


# --- CMS ------------------------------------------------------------------------------------------------------------


def test_what_is_signed_is_read_back_with_its_attributes() -> None:
    listed = attributes(MessageType.PKCS_REQ, "ABC", b"n" * 16)
    read = cms.read_signed(cms.sign(b"content", listed, signer().certificate, signer().key))
    assert (read.content, read.signer) == (b"content", signer().certificate)
    assert read.attributes["2.16.840.1.113733.1.9.7"].content == b"ABC"


@pytest.mark.parametrize("name", cms.CIPHERS)
def test_what_is_enveloped_is_opened_by_its_recipient_alone(name: str) -> None:
    made = cms.envelop(b"content\n", signer().certificate, cms.CIPHERS[name])
    assert cms.open_envelope(made, signer().certificate, signer().key) == b"content\n"
    with pytest.raises(CmsFault, match="somebody else"):
        cms.open_envelope(made, signer(1).certificate, signer(1).key)


@pytest.mark.parametrize("name", ["AES-128", "AES-256"])
def test_another_library_opens_our_envelopes(name: str) -> None:
    made = cms.envelop(b"content\n", signer().certificate, cms.CIPHERS[name])
    assert smime.pkcs7_decrypt_der(made, signer().certificate, signer().key, []) == b"content\n"


def test_an_envelope_for_a_curve_is_not_made() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(CmsFault, match="RSA"):
        cms.envelop(b"", certificate_for(key.public_key(), "x", key), cms.CIPHERS["AES-128"])


def test_a_changed_content_or_signature_is_noticed() -> None:
    made = cms.sign(b"the content", [], signer().certificate, signer().key)
    with pytest.raises(CmsFault, match="another content"):
        cms.read_signed(made.replace(b"the content", b"tha content"))
    with pytest.raises(CmsFault, match="signature of the message is wrong"):
        cms.read_signed(made[:-1] + bytes((made[-1] ^ 1,)))


def test_a_message_signed_by_nobody_is_refused() -> None:
    with pytest.raises(CmsFault, match="no signature"):
        cms.read_signed(pkcs7.write_certs([signer().certificate]))


def pem_files(folder: Path) -> list[str]:
    key = signer().key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key)
    (folder / "cert.pem").write_bytes(signer().certificate.public_bytes(Encoding.PEM))
    return [str(folder / "cert.pem"), str(folder / "key.pem")]


def openssl(*words: str, stdin: bytes = b"") -> bytes:
    assert OPENSSL is not None
    done = subprocess.run([OPENSSL, *words], input=stdin, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@needs_openssl
def test_openssl_verifies_our_message_and_decrypts_what_is_inside(tmp_path: Path) -> None:
    certificate, key = pem_files(tmp_path)
    inside = csr_for(signer().key).public_bytes(Encoding.DER)
    envelope = cms.envelop(inside, signer().certificate, cms.CIPHERS["AES-128"])
    listed = attributes(MessageType.PKCS_REQ, "ABC", b"n" * 16)
    message = cms.sign(envelope, listed, signer().certificate, signer().key)
    options = ["-CAfile", certificate, "-purpose", "any", "-no_check_time", "-binary"]
    assert openssl("cms", "-verify", "-inform", "DER", *options, stdin=message) == envelope
    words = ["cms", "-decrypt", "-inform", "DER", "-recip", certificate, "-inkey", key, "-binary"]
    assert openssl(*words, stdin=envelope) == inside
    printed = openssl("cms", "-cmsout", "-print", "-inform", "DER", stdin=message).decode()
    assert "2.16.840.1.113733.1.9.2" in printed or "messageType" in printed


@needs_openssl
@pytest.mark.parametrize("cipher", ["-aes128", "-aes192", "-aes256", "-des3"])
@pytest.mark.parametrize("stream", [["-stream"], ["-nostream"]], ids=["BER", "DER"])
def test_we_open_what_openssl_encrypts(tmp_path: Path, cipher: str, stream: list[str]) -> None:
    certificate, _ = pem_files(tmp_path)
    how = stream if stream == ["-stream"] else []
    words = ["cms", "-encrypt", cipher, "-outform", "DER", "-binary", *how, certificate]
    sent = b"0123456789" * 1000
    assert cms.open_envelope(openssl(*words, stdin=sent), signer().certificate, signer().key) == sent


@needs_openssl
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("how", [[], ["-stream"], ["-keyid"]], ids=["DER", "BER", "key identifier"])
def test_we_read_what_openssl_signs(tmp_path: Path, digest: str, how: list[str]) -> None:
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", str(tmp_path / "key.pem")]
    openssl(*words, "-out", str(tmp_path / "cert.pem"))
    whose = ["-signer", str(tmp_path / "cert.pem"), "-inkey", str(tmp_path / "key.pem")]
    words = ["cms", "-sign", "-nodetach", "-binary", "-outform", "DER", "-md", digest, *how, *whose]
    assert cms.read_signed(openssl(*words, stdin=b"content" * 999)).content == b"content" * 999


# --- noise ----------------------------------------------------------------------------------------------------------


@cache
def sample() -> bytes:
    envelope = cms.envelop(
        csr_for(signer().key).public_bytes(Encoding.DER), signer().certificate, cms.CIPHERS["AES-128"]
    )
    listed = attributes(MessageType.PKCS_REQ, "ABC", b"n" * 16)
    return cms.sign(envelope, listed, signer().certificate, signer().key)


def mutated(original: bytes) -> st.SearchStrategy[bytes]:
    def spoilt(changes: list[tuple[int, int]], cut: int) -> bytes:
        octets = bytearray(original)
        for at, value in changes:
            octets[at % len(octets)] = value
        return bytes(octets[: cut % len(octets) or None])

    changes = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=5)
    return st.builds(spoilt, changes, st.one_of(st.just(0), st.integers(0, 1 << 16)))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.deferred(lambda: mutated(sample()))))
def test_noise_is_a_fault_and_never_a_traceback(data: bytes) -> None:
    for read in (
        lambda: cms.read_signed(data),
        lambda: cms.open_envelope(data, signer().certificate, signer().key),
        lambda: read_reply(data, "ABC", b"n" * 16, [signer().certificate]),
    ):
        try:
            read()
        except (CmsFault, PeerFault) as fault:
            assert fault.reason


@settings(max_examples=150, deadline=None)
@given(st.deferred(lambda: mutated(cms.envelop(b"x" * 100, signer().certificate, cms.CIPHERS["AES-128"]))))
def test_a_spoilt_envelope_is_a_fault_and_never_a_traceback(data: bytes) -> None:
    try:
        cms.open_envelope(data, signer().certificate, signer().key)
    except CmsFault as fault:
        assert fault.reason


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.binary(max_size=100), st.deferred(lambda: mutated(sample()))),
    st.sampled_from(
        ["?operation=PKIOperation", "", "?operation=GetCACert", "/x?operation=", "?&&&&&&&&&&&&&&", "?%FF"]
    ),
)
def test_the_responder_answers_whatever_it_is_sent(data: bytes, query: str) -> None:
    for method in ("GET", "POST", "HEAD"):
        assert respond(server(), Asked(method, f"/scep{query}", MESSAGE, data), Visitor(), NOW).status >= 200


@settings(max_examples=60, deadline=None)
@given(st.deferred(lambda: mutated(csr_for(rsa_key()).public_bytes(Encoding.DER))))
def test_a_spoilt_request_inside_a_right_message_is_a_failure(data: bytes) -> None:
    made = message(server(), MessageType.PKCS_REQ, data)
    answer = respond(server(), Asked("POST", "/scep?operation=PKIOperation", MESSAGE, made), Visitor(), NOW)
    assert answer.status == 200
    reply = read_reply(answer.body, "T1", b"n" * 16, authorities(server()).speakers)
    assert reply.status in (Status.FAILURE, Status.SUCCESS)


# --- the responder --------------------------------------------------------------------------------------------------


@cache
def server() -> Responder:
    return responder()


def responder(text: str = "") -> Responder:
    return Responder(Authority.fresh(NOW), Policy.from_toml(text))


def get(state: Responder, query: str, path: str = "/scep") -> Any:
    return respond(state, Asked("GET", f"{path}?{query}"), Visitor(), NOW)


def authorities(state: Responder) -> Any:
    received = pkcs7.read_certs(get(state, "operation=GetCACert").body)
    return authorities_of(received, Anchors((state.authority.certificate,), partial=False), NOW)


def message(
    state: Responder, kind: MessageType, payload: bytes, by: Signer | None = None, transaction: str = "T1"
) -> bytes:
    by = by or signer()
    envelope = cms.envelop(payload, authorities(state).recipient, cms.CIPHERS["AES-128"])
    return cms.sign(envelope, attributes(kind, transaction, b"n" * 16), by.certificate, by.key)


def ask(state: Responder, made: bytes, path: str = "/scep", transaction: str = "T1") -> Any:
    answer = respond(state, Asked("POST", f"{path}?operation=PKIOperation", MESSAGE, made), Visitor(), NOW)
    assert answer.status == 200, answer.body
    return read_reply(answer.body, transaction, b"n" * 16, authorities(state).speakers)


def csr_der(challenge: str | None = "sceppwd", key: Any = None) -> bytes:
    return csr_for(key or rsa_key(), challenge).public_bytes(Encoding.DER)


def issued(reply: Any, to: Signer | None = None) -> x509.Certificate:
    to = to or signer()
    assert reply.status is Status.SUCCESS, reply.reason
    (found,) = pkcs7.read_certs(cms.open_envelope(reply.envelope, to.certificate, to.key))
    return found


def test_the_ca_certificates_come_with_a_registration_authority_that_takes_keys() -> None:
    answer = get(server(), "operation=GetCACert&message=whatever")
    assert ("Content-Type", "application/x-x509-ca-ra-cert") in answer.headers
    found = authorities(server())
    assert found.cas == (server().authority.certificate,)
    assert isinstance(found.recipient.public_key(), rsa.RSAPublicKey)
    assert found.issuer == server().authority.certificate.subject


def test_the_capabilities_are_those_of_the_policy() -> None:
    assert get(responder('scep-capabilities = ["AES", "Renewal"]'), "operation=GetCACaps").body == b"AES\nRenewal\n"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/", 404),
        ("/sceptic?operation=GetCACaps", 404),
        ("/scep/nosuch?operation=GetCACaps", 404),
        ("/scep/fault-nosuch?operation=GetCACaps", 404),
        ("/scep", 400),
        ("/scep?operation=GetNextCACert", 400),
        ("/scep?operation=PKIOperation&message=***", 400),
        ("/scep?operation=PKIOperation&message=MAA%3D", 400),
        ("/scep/full?operation=GetCACaps", 200),
        ("http://x.example/scep/?operation=GetCACaps", 200),
    ],
)
def test_a_request_for_something_else_has_an_error_status(target: str, status: int) -> None:
    assert respond(server(), Asked("GET", target), Visitor(), NOW).status == status


def test_a_request_with_the_challenge_password_is_certified() -> None:
    certificate = issued(ask(server(), message(server(), MessageType.PKCS_REQ, csr_der())))
    assert keys.same_key(certificate, rsa_key())
    assert server().authority.has_issued(certificate)
    assert server().history[-2].operation == "PKIOperation"


def test_a_message_may_come_in_the_url() -> None:
    made = base64.b64encode(message(server(), MessageType.PKCS_REQ, csr_der())).decode()
    for text in (quote(made, safe=""), made):  # some clients escape nothing
        answer = get(server(), f"operation=PKIOperation&message={text}")
        issued(read_reply(answer.body, "T1", b"n" * 16, authorities(server()).speakers))


@pytest.mark.parametrize("challenge", ["wrong", None])
def test_without_the_challenge_password_it_is_a_bad_request(challenge: str | None) -> None:
    reply = ask(server(), message(server(), MessageType.PKCS_REQ, csr_der(challenge)))
    assert (reply.status, reply.reason.split(",")[0]) == (Status.FAILURE, "badRequest")
    assert "challenge password" in reply.reason


def test_a_policy_may_ask_for_no_challenge_password() -> None:
    state = responder('scep-challenge = ""')
    issued(ask(state, message(state, MessageType.PKCS_REQ, csr_der(None))))


def test_a_message_to_somebody_else_is_a_bad_message_check() -> None:
    envelope = cms.envelop(csr_der(), signer(1).certificate, cms.CIPHERS["AES-128"])
    listed = attributes(MessageType.PKCS_REQ, "T1", b"n" * 16)
    reply = ask(server(), cms.sign(envelope, listed, signer().certificate, signer().key))
    assert reply.reason.startswith("badMessageCheck")


def test_a_certificate_of_ours_renews_itself_without_a_password() -> None:
    held = issued(ask(server(), message(server(), MessageType.PKCS_REQ, csr_der())))
    new = requests.renewal_request(held, rsa_key(1)).public_bytes(Encoding.DER)
    by = Signer(held, rsa_key())
    certificate = issued(ask(server(), message(server(), MessageType.RENEWAL_REQ, new, by)), by)
    assert keys.same_key(certificate, rsa_key(1))


def test_a_stranger_renews_nothing() -> None:
    reply = ask(server(), message(server(), MessageType.RENEWAL_REQ, csr_der()))
    assert reply.reason.startswith("badMessageCheck")


def test_a_renewal_names_the_same_subject() -> None:
    held = issued(ask(server(), message(server(), MessageType.PKCS_REQ, csr_der())))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "other.example.com")])
    other = requests.new_request(rsa_key(), name, None).public_bytes(Encoding.DER)
    reply = ask(server(), message(server(), MessageType.RENEWAL_REQ, other, Signer(held, rsa_key())))
    assert reply.reason.startswith("badRequest")
    assert "subject" in reply.reason


def test_a_request_waits_until_it_is_approved_and_then_only_its_signer_gets_it() -> None:
    from fortish.responder.approval import approve
    from fortish.responder.approval import requests as waiting

    state = responder('approval = "manual"')
    question = issuer_and_subject(state.authority.certificate.subject, csr_for(rsa_key()).subject)
    assert ask(state, message(state, MessageType.PKCS_REQ, csr_der())).status is Status.PENDING
    assert ask(state, message(state, MessageType.CERT_POLL, question)).status is Status.PENDING
    (asked,) = waiting(state)
    approve(state, asked.number)
    for made in (
        message(state, MessageType.CERT_POLL, question, signer(1)),
        message(state, MessageType.CERT_POLL, issuer_and_subject(x509.Name([]), x509.Name([]))),
    ):
        assert ask(state, made).reason.startswith("badCertId")
    other = message(state, MessageType.CERT_POLL, question, transaction="T2")
    assert ask(state, other, transaction="T2").reason.startswith("badCertId")
    issued(ask(state, message(state, MessageType.CERT_POLL, question)))
    assert ask(state, message(state, MessageType.CERT_POLL, question)).reason.startswith("badCertId")


def test_a_denied_request_fails() -> None:
    from fortish.responder.approval import deny

    state = responder('approval = "manual"')
    assert ask(state, message(state, MessageType.PKCS_REQ, csr_der())).status is Status.PENDING
    deny(state, 1)
    question = issuer_and_subject(state.authority.certificate.subject, csr_for(rsa_key()).subject)
    assert "denied" in ask(state, message(state, MessageType.CERT_POLL, question)).reason


def test_another_ca_is_chosen_by_its_name() -> None:
    state = responder("cas.iot = {}")
    received = pkcs7.read_certs(get(state, "operation=GetCACert&message=iot").body)
    root = state.hierarchy("iot", NOW).published[0]
    found = authorities_of(received, Anchors((root,), partial=False), NOW)
    envelope = cms.envelop(csr_der(), found.recipient, cms.CIPHERS["AES-128"])
    made = cms.sign(envelope, attributes(MessageType.PKCS_REQ, "T1", b"n" * 16), signer().certificate, signer().key)
    answer = respond(state, Asked("POST", "/scep?operation=PKIOperation", MESSAGE, made), Visitor(), NOW)
    certificate = issued(read_reply(answer.body, "T1", b"n" * 16, found.speakers))
    assert certificate.issuer == root.subject


def test_a_registration_authority_that_has_run_out_is_replaced() -> None:
    state = responder()
    first = authorities(state).recipient
    later = NOW + timedelta(days=800)
    answer = respond(state, Asked("GET", "/scep?operation=GetCACert"), Visitor(), later)
    anchors = Anchors((state.authority.certificate,), partial=False)
    assert authorities_of(pkcs7.read_certs(answer.body), anchors, later).recipient != first


def test_a_fault_that_is_unknown_is_refused() -> None:
    with pytest.raises(UsageError, match="scep-fault"):
        Policy.from_toml('scep-fault = "nosuch"')


# --- the box --------------------------------------------------------------------------------------------------------


def box_with(state: Responder) -> Box:
    box = Box.new(VirtualClock(NOW.timestamp()))
    from fortish.box import CA
    from fortish.cmdb.entries import GLOBAL, Entry, Put
    from fortish.pki import pem

    box.cmdb.commit([Put(GLOBAL, CA, "G_CA_Cert_1", Entry({"ca": pem.pem(state.authority.certificate)}))])
    box.enrolling.add(("global", "web"))  # what a command or a job does before
    return box


def driven(flow: Any, state: Responder, *, drop: int = 0) -> list[Any]:
    """Carry a flow out with `state` at the other end; the exchanges it made. `drop` kept links are lost first."""
    made: list[Any] = []
    step = next(flow)
    while True:
        answer: Any = None
        if isinstance(step, Compute):
            answer = step.work()
        elif isinstance(step, Exchange):
            made.append(step.request)
            if isinstance(step.request, Http) and drop and len(made) > 3:
                drop -= 1
                step = flow.throw(LinkLost("gone", closed=True))
                continue
            answer = answered(step.request, state)
        try:
            step = flow.send(answer)
        except StopIteration:
            return made


def answered(request: Any, state: Responder) -> Any:
    if isinstance(request, Dial):
        return Link(request.peer, (), "TLSv1.3", None)
    sent = request.request if isinstance(request, Http) else None
    body = sent.content if sent is not None else getattr(request, "body", b"")
    url = httpx.URL(str(sent.url) if sent is not None else request.url)
    method = sent.method if sent is not None else "POST" if isinstance(request, HttpPost) else "GET"
    given = respond(state, Asked(method, url.raw_path.decode(), MESSAGE, body), Visitor(), NOW)
    return httpx.Response(given.status, headers=list(given.headers), content=given.body)


def request_of(box: Box, key: Any, **fields: Any) -> Request:
    context = ScepContext("web", **{"url": "http://scep.example/scep", "challenge": "sceppwd", **fields})
    flow = new_request(box, context, csr_for(key), key, "secret")
    try:
        step = next(flow)
        while True:
            step = flow.send(step.work() if isinstance(step, Compute) else None)
    except StopIteration as stop:
        made: Request = stop.value
        return made


def test_over_https_one_connection_serves_all_and_is_dialled_anew_when_it_was_closed() -> None:
    box, state = box_with(server()), server()
    request = request_of(box, rsa_key(), url="https://scep.example/scep")
    made = driven(scep_enroll(box, request), state, drop=1)
    assert [type(one) for one in made] == [Dial, Http, Http, Http, Dial, Http]
    assert made[0].peer.port == 443
    assert box.local("web") is not None


def test_a_signer_of_its_own_is_made_for_a_curve_only() -> None:
    box = box_with(server())
    curve = ec.generate_private_key(ec.SECP256R1())
    assert request_of(box, rsa_key()).signer.key is rsa_key()
    assert isinstance(request_of(box, curve).signer.key, rsa.RSAPrivateKey)


def test_the_transaction_is_named_after_the_key() -> None:
    box = box_with(server())
    named = request_of(box, rsa_key()).transaction
    assert re.fullmatch("[0-9A-F]{32}", named)
    assert named == request_of(box, rsa_key()).transaction != request_of(box, rsa_key(1)).transaction


@pytest.mark.parametrize("key", [rsa_key(), ec.generate_private_key(ec.SECP384R1())], ids=["rsa", "ec"])
def test_a_request_that_waits_survives_as_plain_text(key: Any) -> None:
    state = responder('approval = "manual"\napprove-after = 0')
    box = box_with(state)
    request = request_of(box, key)
    state.policy = dataclasses.replace(state.policy, approve_after=None)
    with pytest.raises(Undecided) as undecided:
        driven(scep_enroll(box, request), state)
    pending.keep(box, ("global", "web"), undecided.value)
    text = json.dumps(asdict(box.pending["global", "web"]))
    assert "BEGIN PRIVATE KEY" not in text
    box.pending["global", "web"] = Pending(**json.loads(text))
    with pytest.raises(Undecided):
        driven(pending.resume(box, ("global", "web")), state)
    assert box.local("web") is None
    state.policy = dataclasses.replace(state.policy, approve_after=0)
    driven(pending.resume(box, ("global", "web")), state)
    kept = box.local("web")
    assert kept is not None
    assert keys.same_key(keys.load_private(kept["private-key"], kept["password"]), key)


def test_a_waiting_request_that_cannot_be_read_is_a_failure() -> None:
    box = box_with(server())
    box.pending["global", "web"] = Pending(0, 0, False, "x", "y", 1, {"signer-key": "x"}, "scep")
    with pytest.raises(EnrollFault):
        next(pending.resume(box, ("global", "web")))


def test_a_request_is_given_up_after_a_week() -> None:
    state = responder('approval = "manual"')
    box = box_with(state)
    with pytest.raises(Undecided) as undecided:
        driven(scep_enroll(box, request_of(box, rsa_key())), state)
    pending.keep(box, ("global", "web"), undecided.value)
    box.pending["global", "web"].since -= 8 * 86400
    with pytest.raises(EnrollFault, match="given up after 1 requests"):
        driven(pending.resume(box, ("global", "web")), state)


def test_a_name_that_was_taken_while_the_ca_decided_is_not_overwritten() -> None:
    from fortish.box import LOCAL
    from fortish.cmdb.entries import GLOBAL, Entry, Put

    box = box_with(server())
    box.cmdb.commit([Put(GLOBAL, LOCAL, "web", Entry({"comments": "mine"}))])
    with pytest.raises(EnrollFault, match="exists by now"):
        driven(scep_enroll(box, request_of(box, rsa_key())), server())
    entry = box.cmdb.entry(GLOBAL, LOCAL, "web")
    assert entry is not None
    assert entry.values == {"comments": "mine"}


def test_triple_des_is_for_servers_that_know_nothing_newer() -> None:
    from fortish.scep.operations import Server

    box, context = box_with(server()), ScepContext("web", "http://scep.example")
    for said, name in (
        (set(), "AES-128"),
        ({"DES3"}, "DES3"),
        ({"DES3", "AES"}, "AES-128"),
        ({"DES3", "SCEPSTANDARD"}, "AES-128"),
    ):
        assert Server(box, context, frozenset(said)).cipher is cms.CIPHERS[name]


def test_an_answer_that_is_another_kind_of_message_is_refused() -> None:
    question = cms.sign(b"", attributes(MessageType.PKCS_REQ, "T1", b"n" * 16), signer().certificate, signer().key)
    with pytest.raises(PeerFault, match="no CertRep"):
        read_reply(question, "T1", b"n" * 16, [signer().certificate])


def test_a_ca_certificate_that_is_named_must_be_shown() -> None:
    box = box_with(responder())  # another CA of the same name
    with pytest.raises(EnrollFault, match="does not show the CA certificate 'G_CA_Cert_1'"):
        driven(scep_enroll(box, request_of(box, rsa_key(), ca_cert="G_CA_Cert_1")), server())
    with pytest.raises(EnrollFault, match="no longer exists"):
        driven(scep_enroll(box, request_of(box, rsa_key(), ca_cert="gone")), server())
    box = box_with(server())
    driven(scep_enroll(box, request_of(box, rsa_key(), ca_cert="G_CA_Cert_1")), server())
    assert box.local("web") is not None


@pytest.mark.parametrize("retained", [True, False])
def test_a_renewal_keeps_the_key_if_it_shall(retained: bool) -> None:
    from fortish.box import LOCAL
    from fortish.cmdb.entries import GLOBAL, Entry, Put
    from fortish.scep.enroll import scep_renew

    box = box_with(server())
    driven(scep_enroll(box, request_of(box, rsa_key())), server())
    entry = box.cmdb.entry(GLOBAL, LOCAL, "web")
    assert entry is not None
    values = {**entry.values, **({"private-key-retain": "enable"} if retained else {})}
    box.cmdb.commit([Put(GLOBAL, LOCAL, "web", Entry(values))])
    driven(scep_renew(box, "web"), server())
    after = box.local("web")
    assert after is not None
    assert after["certificate"] != values["certificate"]
    assert (after["private-key"] == values["private-key"]) is retained
    key = keys.load_private(after["private-key"], after["password"])
    assert keys.same_key(x509.load_pem_x509_certificate(after["certificate"].encode()), key)


def test_a_fingerprint_may_be_of_three_kinds_and_any_spelling() -> None:
    certificate = server().authority.certificate
    for kind in (hashes.MD5(), hashes.SHA1(), hashes.SHA256()):
        digits = certificate.fingerprint(kind)
        assert has_fingerprint(certificate, digits.hex())
        assert has_fingerprint(certificate, digits.hex(":").upper())
        assert not has_fingerprint(certificate, digits[::-1].hex())


def test_a_server_without_an_rsa_key_gets_no_request() -> None:
    anchors = Anchors((server().authority.certificate,), partial=False)
    with pytest.raises(EnrollFault, match="no RSA certificate"):
        authorities_of([server().authority.certificate], anchors, NOW)
    assert authorities_of([server().authority.certificate], anchors, NOW, encrypts=False).cas


def test_a_registration_authority_of_another_ca_is_not_believed() -> None:
    stranger, _ = Authority.fresh(NOW).registration_authority(NOW)
    received = [server().authority.certificate, stranger]
    with pytest.raises(EnrollFault, match="no RSA certificate"):
        authorities_of(received, Anchors((server().authority.certificate,), partial=False), NOW)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "scep.example",
        "ftp://x/",
        "http://",
        "http://x:0/",
        "http://u@x/",
        "http://x/#y",
        "http://x/ y",
        "http://é/",
    ],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=re.escape(url) or "^$"):
        check_url(url)


def test_an_operation_goes_behind_what_the_url_has() -> None:
    assert operation_url("http://x/scep", "GetCACert", "a b") == "http://x/scep?operation=GetCACert&message=a%20b"
    assert operation_url("http://x/s?k=v", "GetCACaps") == "http://x/s?k=v&operation=GetCACaps"


@pytest.fixture
def lab() -> Iterator[fortish.Appliance]:
    with fortish.Appliance(network="lab", clock="2025-06-01T00:00:00Z") as box:
        yield box


def test_a_fingerprint_vouches_for_the_ca_which_is_kept_with_the_certificate(lab: fortish.Appliance) -> None:
    admin = lab.session()
    root = lab.runtime.network.responder.authority.certificate  # type: ignore[attr-defined]
    fingerprint = root.fingerprint(hashes.SHA1()).hex(":")
    line = "execute vpn certificate local generate rsa web 2048 web.example.com" + ' ""' * 7
    text = admin.run(f"{line} http://testrfc7030.com/scep sceppwd 0.0.0.0 iot hush '' {fingerprint}")
    assert text == "Done.\n", text
    entry = lab.cmdb["vpn certificate local"]["web"]
    assert (entry["enroll-protocol"], entry["ca-identifier"]) == ("scep", "iot")
    assert lab.cmdb["vpn certificate ca"]["G_CA_Cert_1"]["scep-url"] == "http://testrfc7030.com/scep"
    kept = lab.runtime.box.local("web")
    assert kept is not None
    assert keys.load_private(kept["private-key"], "hush")


def test_a_plain_server_hangs_up_on_what_is_no_http() -> None:
    async def tried() -> bytes:
        listener = await listen_plain(responder(), "127.0.0.1", 0, NOW.timestamp)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 60)
            writer.close()
            return answer
        finally:
            await listener.close()

    assert asyncio.run(tried()).startswith(b"HTTP/1.1 400 ")


# --- the trace ------------------------------------------------------------------------------------------------------


def pattern_of(line: ScepLine) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", ".*", re.escape(line.text)))


@cache
def printed() -> frozenset[str]:
    found: set[str] = set()
    for path in TRANSCRIPTS.glob("*.txt"):
        for turn in screen.turns(golden.read(path.read_text("utf-8")).sections["session"]):
            found.update(turn.expected)
    return frozenset(found)


@pytest.mark.parametrize("line", ScepLine, ids=lambda line: line.name)
def test_every_trace_line_is_printed_by_a_transcript(line: ScepLine) -> None:
    assert any(pattern_of(line).fullmatch(text) for text in printed())


def test_the_documented_trace_is_printed_in_its_order() -> None:
    box = box_with(server())
    flow = scep_enroll(box, request_of(box, rsa_key()))
    lines: list[str] = []
    step = next(flow)
    while True:
        if isinstance(step, Trace):
            lines.append(step.line)
        try:
            step = flow.send(answered(step.request, server()) if isinstance(step, Exchange) else None)
        except StopIteration:
            break
    documented = [
        line for line in ScepLine if line.origin.value == "documented" and line not in (ScepLine.STATUS, ScepLine.MIME)
    ]
    places = [[bool(pattern_of(line).fullmatch(text)) for text in lines].index(True) for line in documented]
    assert places == sorted(places)


def test_get_and_post_are_steps_that_tell_nothing_of_what_they_carry() -> None:
    assert "secret" not in repr(HttpPost("http://x/", b"secret", "text/plain"))
    assert HttpGet("http://x/").limit == HttpPost("http://x/", b"", "").limit


# --- around it ------------------------------------------------------------------------------------------------------


def test_a_request_that_waits_survives_a_restart(tmp_path: Path) -> None:
    line = "execute vpn certificate local generate ec web secp256r1 web.example.com" + ' ""' * 7
    state = tmp_path / "box.db"
    with fortish.Appliance(network="lab", state=state, clock="2025-06-01T00:00:00Z") as box:
        box.runtime.network.responder.policy = Policy.from_toml('approval = "manual"')  # type: ignore[attr-defined]
        admin = box.session()
        assert "Done" in admin.run("execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
        assert "has not decided" in admin.run(f"{line} http://testrfc7030.com/scep sceppwd")
        before = asdict(box.runtime.box.pending["global", "web"])
    with fortish.Appliance(network="lab", state=state) as box:
        after = asdict(box.runtime.box.pending["global", "web"])
        assert after["options"] == before["options"]
        assert (after["protocol"], after["key"]) == ("scep", before["key"])


def test_the_command_serves_scep_beside_est(capsys: pytest.CaptureFixture[str]) -> None:
    from fortish import estserver

    async def tried() -> httpx.Response:
        serving = asyncio.create_task(estserver.serve("127.0.0.1:0", server(), None, "127.0.0.1:0"))
        try:
            for _ in range(100):
                await asyncio.sleep(0.05)
                if found := re.search(r"SCEP +(\S+) \(challenge password: sceppwd\)", capsys.readouterr().out):
                    break
            assert found is not None
            async with httpx.AsyncClient(trust_env=False) as client:
                return await client.get(f"{found[1]}?operation=GetCACaps")
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    answer = asyncio.run(tried())
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain")
    assert "POSTPKIOperation" in answer.text


def test_an_address_for_scep_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    from fortish import estserver

    with pytest.raises(UsageError, match="--scep nonsense: not HOST:PORT"):
        asyncio.run(estserver.serve("127.0.0.1:0", server(), None, "nonsense"))
