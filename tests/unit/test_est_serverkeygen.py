"""serverkeygen at the box's end: the multipart answer in every form seen, and what comes of one that is spoilt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import assume, given
from hypothesis import strategies as st

import fortish
from fortish.box import LOCAL
from fortish.cmdb.entries import GLOBAL
from fortish.errors import PeerFault
from fortish.est import multipart, wire
from fortish.pki import keys
from fortish.pki.faults import KeyUnreadable
from fortish.responder.faults import FAULTS, Fault

ENROLL = (
    "execute vpn certificate local generate est-serverkeygen {name} ec-secp256r1 https://testrfc7030.com:8443"
    ' CN={name} "" estuser estpwd'
)
TYPE = 'multipart/mixed; boundary="a b"'
KEY, CERTIFICATE = (
    b"Content-Type: application/pkcs8\r\n\r\nS0VZ",
    b"Content-Type: application/pkcs7-mime\r\n\r\nQ0VSVA==",
)


def body(*found: bytes, end: bytes = b"\r\n", preamble: bytes = b"", epilogue: bytes = b"") -> bytes:
    text = preamble + b"".join(b"--a b\r\n" + part + b"\r\n" for part in found) + b"--a b--\r\n" + epilogue
    return text.replace(b"\r\n", end)


# --- the multipart body ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("order", [(KEY, CERTIFICATE), (CERTIFICATE, KEY)])
@pytest.mark.parametrize("preamble", [b"", b"\r\n", b"This is a multipart message.\r\n", b"--a bc\r\n--a\r\n"])
@pytest.mark.parametrize("epilogue", [b"", b"the end\r\n", b"--a b\r\nnot a part"])
def test_both_parts_are_found_in_either_order(
    end: bytes, order: tuple[bytes, bytes], preamble: bytes, epilogue: bytes
) -> None:
    made = multipart.generated(TYPE, body(*order, end=end, preamble=preamble, epilogue=epilogue))
    assert (made.key, made.certificates) == (b"S0VZ", b"Q0VSVA==")


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/mixed; boundary=x.y",
        "Multipart/Mixed ; BOUNDARY=x.y",
        'multipart/mixed; charset="a;b"; boundary="x.y"',
        'multipart/mixed; boundary="x\\.y"; boundary=other',
        "multipart/related;boundary=x.y;type=z",
    ],
)
def test_the_boundary_is_read_from_every_form_of_the_type(kind: str) -> None:
    text = b"--x.y  \r\ncontent-type:\r\n APPLICATION/PKCS8\r\n\r\nS0VZ\r\n--x.y\r\n" + CERTIFICATE + b"\r\n--x.y--"
    assert multipart.generated(kind, text).key == b"S0VZ"


ENCRYPTED = b"Content-Type: application/pkcs7-mime; smime-type=server-generated-key\r\n\r\nS0VZ"


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("", body(KEY, CERTIFICATE), "not multipart"),
        ("application/pkcs7-mime", body(KEY, CERTIFICATE), "not multipart"),
        ("multipart/mixed", body(KEY, CERTIFICATE), "names no boundary"),
        ('multipart/mixed; boundary=""', body(KEY, CERTIFICATE), "names no boundary"),
        (f"multipart/mixed; boundary={'x' * 71}", body(KEY, CERTIFICATE), "malformed"),
        ('multipart/mixed; boundary="a\tb"', body(KEY, CERTIFICATE), "malformed"),
        ("multipart/mixed; boundary=other", body(KEY, CERTIFICATE), "no part"),
        (TYPE, b"", "no part"),
        (TYPE, b"--a b--", "no private key"),
        (TYPE, body(KEY), "no certificate"),
        (TYPE, body(CERTIFICATE), "no private key"),
        (TYPE, body(KEY, KEY, CERTIFICATE), "more than one private key"),
        (TYPE, body(KEY, CERTIFICATE, CERTIFICATE), "more than one certificate"),
        (TYPE, body(ENCRYPTED, CERTIFICATE), "encrypted"),
        (TYPE, body(KEY, CERTIFICATE)[:-6], "cut off"),
        (TYPE, body(KEY, b"Content-Type: application/pkcs7-mime"), "no end of its headers"),
        (TYPE, body(b"X: " + b"y" * 5000 + b"\r\n\r\n", KEY), "no end of its headers"),
        (TYPE, body(*[KEY] * 12), "more than 10 parts"),
    ],
)
def test_a_body_that_is_no_answer_says_why(kind: str, text: bytes, reason: str) -> None:
    with pytest.raises(PeerFault, match=reason) as caught:
        multipart.generated(kind, text)
    assert not caught.value.evidence  # a private key may be in it


@given(st.text(max_size=80), st.binary(max_size=400))
def test_no_bytes_raise_anything_but_the_peers_fault(kind: str, text: bytes) -> None:
    for declared in (kind, TYPE, f"multipart/mixed; {kind}"):
        try:
            multipart.generated(declared, text)
        except PeerFault as fault:
            assert fault.reason.isprintable()


@given(st.integers(0, 220), st.binary(max_size=6), st.integers(0, 30))
def test_a_spoilt_body_is_the_peers_fault_or_still_has_two_parts(at: int, put: bytes, cut: int) -> None:
    whole = body(KEY, CERTIFICATE, preamble=b"hello\r\n")
    try:
        made = multipart.generated(TYPE, whole[:at] + put + whole[at + cut :])
    except PeerFault:
        return
    assert isinstance(made.key, bytes) and isinstance(made.certificates, bytes)


@given(st.binary(max_size=300), st.binary(max_size=300), st.sampled_from([b"\r\n", b"\n"]))
def test_any_two_contents_come_back_as_they_were_sent(key: bytes, certificate: bytes, end: bytes) -> None:
    assume(b"--a b" not in key and b"--a b" not in certificate)
    head = end.join((b"Content-Type: application/pkcs8", b"", b""))
    other = end.join((b"Content-Type: application/pkcs7-mime; smime-type=certs-only", b"", b""))
    text = b"--a b" + end + head + key + end + b"--a b" + end + other + certificate + end + b"--a b--"
    made = multipart.generated(TYPE, text)
    # A CR before the LF that ends a part belongs to that line end.
    assert made.key in (key, key.removesuffix(b"\r")) and made.certificates in (
        certificate,
        certificate.removesuffix(b"\r"),
    )


# --- the key --------------------------------------------------------------------------------------------------------

EC_KEY, RSA_KEY = ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 1024)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize(("key", "kind"), [(EC_KEY, "ec-secp384r1"), (RSA_KEY, "rsa-1024")])
@pytest.mark.parametrize("armour", [True, False])
def test_a_key_is_read_in_its_new_and_its_old_form(
    key: keys.PrivateKey, kind: str, form: PrivateFormat, armour: bool
) -> None:
    encoded = key.private_bytes(Encoding.PEM if armour else Encoding.DER, form, NoEncryption())
    read = keys.load_der(wire.decode(encoded if armour else wire.encode(encoded).encode()))
    assert keys.same_key(read, key) and keys.kind_of(read) == kind


def test_an_encrypted_key_is_not_mistaken_for_a_broken_one() -> None:
    encoded = EC_KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    with pytest.raises(KeyUnreadable, match="encrypted"):
        keys.load_der(encoded)


@given(st.integers(0, 180), st.integers(0, 255))
def test_no_spoilt_key_raises_anything_but_its_own_fault(at: int, octet: int) -> None:
    encoded = bytearray(EC_KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    encoded[at % len(encoded)] = octet
    try:
        keys.load_der(bytes(encoded))
    except KeyUnreadable:
        pass


# --- the whole ------------------------------------------------------------------------------------------------------


@pytest.fixture
def box() -> Iterator[fortish.Appliance]:
    with fortish.Appliance(network="lab", hostname="FGT") as appliance:
        appliance.session().run("execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
        yield appliance


def spoil(box: fortish.Appliance, fault: Fault) -> None:
    responder = box.runtime.network.responder  # type: ignore[attr-defined]
    responder.policy = replace(responder.policy, faults=MappingProxyType({"serverkeygen": fault}))


def test_the_key_that_is_kept_is_not_the_one_that_signed_the_request(box: fortish.Appliance) -> None:
    session = box.session()
    session.run("diagnose debug application est -1")
    session.run("diagnose debug enable")
    said = session.run(ENROLL.format(name="k") + ' "" "" secret')
    posted = said.partition("Data to be posted: |||")[2].partition("|||")[0]
    values = box.cmdb.rows(GLOBAL, LOCAL)["k"].values
    kept = keys.load_private(values["private-key"], "secret")
    from cryptography import x509

    request = x509.load_der_x509_csr(wire.decode(posted.encode()))
    assert request.is_signature_valid
    assert not keys.same_key(request, kept)
    assert keys.same_key(box.certificate("k").x509, kept)
    body_ = wire.encode(kept.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).splitlines()
    assert body_[0] not in said


SPOILT = sorted(name for name, fault in FAULTS.items() if "simpleenroll" in fault.on or "serverkeygen" in fault.on)
# What leaves an answer as it is: the part's own form does not depend on it, or it is tolerated.
TAKEN = {
    "keygen-cert-first", "keygen-pkcs1", "bare-certificate", "ber", "close-after-401", "extra-certificates",
    "http-1.0", "slow", "slow-pieces", "cte-missing", "cte-binary", "cte-odd",
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_failing_serverkeygen_leaves_the_configuration_as_it_was(box: fortish.Appliance, name: str) -> None:
    before = box.session().run("show")
    spoil(box, FAULTS[name])
    session = box.session()
    said = session.run(ENROLL.format(name="k"))
    assert "Traceback" not in said
    if "k" in box.cmdb.rows(GLOBAL, LOCAL):
        assert "match" in session.run("execute vpn certificate local verify k")
    else:
        assert session.failed or "has not decided" in said
        assert box.session().run("show") == before
    assert ("k" in box.cmdb.rows(GLOBAL, LOCAL)) or name not in TAKEN


def test_a_capture_keeps_the_certificate_and_not_the_key(tmp_path: Path) -> None:
    with fortish.Appliance(network="lab", capture=tmp_path) as box:
        session = box.session()
        session.run("execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
        session.run(ENROLL.format(name="k") + ' "" "" secret')
        kept = keys.load_private(box.cmdb.rows(GLOBAL, LOCAL)["k"].values["private-key"], "secret")
        certificate = box.certificate("k").pem
    texts = [path.read_text("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file()]
    encoded = wire.encode(kept.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).splitlines()
    assert not [text for text in texts if encoded[0] in text]  # the secret number begins there
    assert any("bytes, not kept)" in text for text in texts)
    assert any(certificate in text for text in texts)
