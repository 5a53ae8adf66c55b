"""serverkeygen (RFC 7030 section 4.4): two parts, a key like the one shown, and what can go wrong with them."""

from __future__ import annotations

import base64
import email
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key
from cryptography.x509.name import _ASN1Type
from hypothesis import given
from hypothesis import strategies as st

from fortish.pki import names
from fortish.pki.keys import same_key
from fortish.pki.pkcs7 import read_certs
from fortish.pki.requests import new_request
from fortish.responder import keygen
from fortish.responder.authority import Authority
from fortish.responder.policy import Policy
from fortish.responder.respond import Asked, Responder, Visitor, respond, responding

NOW = datetime(2023, 4, 6, 22, 37, 34, tzinfo=UTC)
AUTHORITY = Authority.fresh(NOW)
KEY = ec.derive_private_key(7, ec.SECP384R1())
SUBJECT = names.subject_name([("CN", "a"), ("O", "b")])
BASIC = b"Basic " + base64.b64encode(b"estuser:estpwd")
SAN = names.alternative_names([("DNS", "a.example")])
NEW_NAME = names.subject_name([("CN", "somebod")]).public_bytes()
PKCS8_START = b"\x02\x01\x00\x30"  # version 0 and an AlgorithmIdentifier


def ask(content, segment="", *, state=None, basic=BASIC):
    headers = [(b"content-type", b"application/pkcs10"), (b"accept", b"*/*")]
    headers += [(b"authorization", basic)] if basic else []
    asked = Asked("POST", f"/.well-known/est/{segment}serverkeygen", tuple(headers), content)
    return respond(state or Responder(AUTHORITY), asked, Visitor(), NOW)


def der(request) -> bytes:
    return request.public_bytes(Encoding.DER)


def parts(answer) -> list[tuple[str, str, bytes]]:
    """Type, encoding and decoded octets of each part, as Python's own reader of MIME takes them."""
    assert answer.status == 200, answer.body
    kind = dict(answer.headers)["Content-Type"].encode()
    message = email.message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + answer.body)
    assert message.get_content_type() == "multipart/mixed" and not message.defects
    return [(part["Content-Type"], part["Content-Transfer-Encoding"], part.get_payload(decode=True))
            for part in message.get_payload()]  # fmt: skip


REQUEST = der(new_request(KEY, SUBJECT, None))


def test_the_answer_is_a_key_and_its_certificate():
    (key_type, *key), (certs_type, *certs) = parts(ask(REQUEST))
    assert (key_type, certs_type) == ("application/pkcs8", "application/pkcs7-mime; smime-type=certs-only")
    assert key[0] == certs[0] == "base64"
    made = load_der_private_key(key[1], None)
    assert PKCS8_START in key[1][:8]
    (certificate,) = read_certs(certs[1])
    assert same_key(certificate, made) and not same_key(certificate, KEY)
    assert certificate.subject.rfc4514_string() == "CN=a" and AUTHORITY.has_issued(certificate)


@pytest.mark.parametrize(
    ("key", "alike"),
    [
        (KEY, lambda made: made.curve.name == "secp384r1"),
        (ec.generate_private_key(ec.SECP521R1()), lambda made: made.curve.name == "secp521r1"),
        (rsa.generate_private_key(65537, 1024), lambda made: made.key_size == 1024),
        (ed25519.Ed25519PrivateKey.generate(), lambda made: isinstance(made, ed25519.Ed25519PrivateKey)),
        (ed448.Ed448PrivateKey.generate(), lambda made: isinstance(made, ed448.Ed448PrivateKey)),
    ],
    ids=["P-384", "P-521", "RSA", "Ed25519", "Ed448"],
)
def test_the_key_is_of_the_kind_that_was_shown(key, alike):
    content = der(new_request(key, SUBJECT, None))
    (_, _, made), (_, _, certs) = parts(ask(content))
    assert alike(load_der_private_key(made, None))
    assert same_key(read_certs(certs)[0], load_der_private_key(made, None))


def test_the_signature_is_ignored_as_it_must_be():
    """RFC 7030 section 4.4.1; a request of version 2 too."""
    spoilt = REQUEST[:-1] + bytes([REQUEST[-1] ^ 1])
    assert ask(spoilt).status == 200
    assert ask(REQUEST.replace(b"\x02\x01\x00", b"\x02\x01\x02", 1)).status == 200


def test_every_key_is_a_new_one():
    state = Responder(AUTHORITY)
    assert len({parts(ask(REQUEST, state=state))[0][2] for _ in range(3)}) == 3
    assert len(state.issued) == 3 and state.history[-1].operation == "serverkeygen"


def test_nobody_is_served_without_authentication():
    assert ask(REQUEST, basic=None).status == 401


def test_a_label_keeps_the_subject_here_too():
    (certificate,) = read_certs(parts(ask(REQUEST, "full/"))[1][2])
    assert certificate.subject.rfc4514_string() == "O=b,CN=a"


@pytest.mark.parametrize("oid", ["1.2.840.113549.1.9.16.2.37", "1.2.840.113549.1.9.16.2.54"])
def test_who_wants_the_key_encrypted_is_told_that_it_is_not_done(oid):
    builder = x509.CertificateSigningRequestBuilder(SUBJECT)
    builder = builder.add_attribute(x509.ObjectIdentifier(oid), b"key", _tag=_ASN1Type.UTF8String)
    answer = ask(der(builder.sign(KEY, hashes.SHA256())))
    assert answer.status == 400 and b"DecryptKeyIdentifier" in answer.body


def test_a_key_that_takes_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(keygen, "_RSA_SIZES", range(2048))
    answer = ask(der(new_request(rsa.generate_private_key(65537, 2048), SUBJECT, None)))
    assert answer.status == 400 and b"RSA keys of 2048 bits" in answer.body


CHANGE = x509.CertificateSigningRequestBuilder(SUBJECT).add_extension(SAN, critical=False)
CHANGE = CHANGE.add_attribute(x509.ObjectIdentifier("1.3.6.1.5.5.7.7.36"), b"0" * 20, _tag=_ASN1Type.UTF8String)
WHOLE = der(CHANGE.sign(KEY, hashes.SHA256())).replace(b"\x0c\x14" + b"0" * 20, b"\x30\x14" + NEW_NAME)


def test_names_may_be_changed_here_too():
    (certificate,) = read_certs(parts(ask(WHOLE, "full/"))[1][2])
    assert certificate.subject.rfc4514_string() == "CN=somebod"


@given(at=st.integers(0, len(WHOLE) - 1), octet=st.integers(0, 255))
def test_no_spoilt_request_raises_although_its_signature_is_ignored(at, octet):
    assert ask(WHOLE[:at] + bytes([octet]) + WHOLE[at + 1 :], "full/").status in {200, 400}


# --- faults -------------------------------------------------------------------------------------------------------


def test_the_certificate_may_come_first():
    found = parts(ask(REQUEST, "fault-keygen-cert-first/"))
    assert [kind.split(";")[0] for kind, _, _ in found] == ["application/pkcs7-mime", "application/pkcs8"]


def test_the_key_may_be_in_its_old_form():
    (_, _, key), (_, _, certs) = parts(ask(REQUEST, "fault-keygen-pkcs1/"))
    assert PKCS8_START not in key[:8]
    assert same_key(load_der_private_key(key, None), read_certs(certs)[0])


def test_the_key_may_be_another_than_the_certificates():
    (_, _, key), (_, _, certs) = parts(ask(REQUEST, "fault-keygen-wrong-key/"))
    assert not same_key(load_der_private_key(key, None), read_certs(certs)[0])
    policy = Policy.from_toml("faults.serverkeygen = { wrong-key = true }")
    (_, _, key), (_, _, certs) = parts(ask(REQUEST, state=Responder(AUTHORITY, policy)))
    assert not same_key(load_der_private_key(key, None), read_certs(certs)[0])


def test_a_key_is_made_where_the_server_says() -> None:
    """So a server can answer others meanwhile."""
    headers = ((b"content-type", b"application/pkcs10"), (b"authorization", BASIC))
    asked = Asked("POST", "/.well-known/est/serverkeygen", headers, REQUEST)
    answering, count = responding(Responder(AUTHORITY), asked, Visitor(), NOW), 0
    work = next(answering)
    while True:
        count += 1
        try:
            work = answering.send(work())
        except StopIteration as stop:
            assert stop.value.status == 200
            break
    assert count == 2  # the key, and its text
    with pytest.raises(StopIteration):
        next(responding(Responder(AUTHORITY), Asked("GET", "/.well-known/est/cacerts"), Visitor(), NOW))
