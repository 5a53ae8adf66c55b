"""Certs-only messages: what OpenSSL writes, what odd servers send, and anything at all."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given
from hypothesis import strategies as st

from fortish.pki import der, names
from fortish.pki import pkcs7 as p7
from fortish.pki.faults import CertificateUnreadable, Pkcs7Fault
from fortish.pki.pem import certificate as read_pem
from fortish.pki.pem import certificates as read_bundle
from fortish.pki.pem import pem

KEY = ec.derive_private_key(12345, ec.SECP256R1())


def made(text):
    name = names.subject_name([("CN", text)])
    dates = datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    return x509.CertificateBuilder(name, name, KEY.public_key(), 5, *dates).sign(KEY, hashes.SHA256())


CERTIFICATES = [made(text) for text in ("b", "a" * 60, "c")]
ENCODED = [one.public_bytes(Encoding.DER) for one in CERTIFICATES]
WRITTEN = p7.write_certs(CERTIFICATES)
SIGNED_DATA, DATA = der.write_oid("1.2.840.113549.1.7.2"), der.write_oid("1.2.840.113549.1.7.1")


def ber(tag, *parts):
    return bytes((tag, 0x80)) + b"".join(parts) + b"\0\0"


def message(*fields, oid=SIGNED_DATA, encode=der.encode):
    return encode(0x30, oid, encode(0xA0, encode(0x30, *fields)))


NO_CONTENT = der.encode(0x30, DATA)


def fields(version=1, content=NO_CONTENT, holder=None):
    held = der.encode(0xA0, *ENCODED) if holder is None else holder
    return [bytes((2, 1, version)), b"\x31\x00", content, held, b"\x31\x00"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on PATH")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_written_messages_equal_openssls(count, tmp_path):
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("\n".join(map(pem, CERTIFICATES[:count])) + "\n")
    command = ["openssl", "crl2pkcs7", "-nocrl", "-certfile", str(bundle), "-outform", "DER"]
    assert p7.write_certs(CERTIFICATES[:count]) == subprocess.run(command, capture_output=True, check=True).stdout


def test_written_messages_are_read_back_in_order():
    assert p7.read_certs(WRITTEN) == CERTIFICATES


def test_written_messages_are_read_by_another_reader():
    assert pkcs7.load_der_pkcs7_certificates(p7.write_certs(CERTIFICATES[:1])) == CERTIFICATES[:1]


CHUNKED = ber(0x30, DATA, ber(0xA0, ber(0x24, b"\x04\x00", ber(0x24, b"\x04\x01x"))))
LENIENT = {
    "version 3": message(*fields(version=3)),
    "empty content": message(*fields(content=der.encode(0x30, DATA, der.encode(0xA0, b"\x04\x00")))),
    "trailing newline": WRITTEN + b"\n",
    "trailing zeros": WRITTEN + bytes(50),
    "indefinite lengths": message(*fields(holder=ber(0xA0, *ENCODED)), encode=ber),
    "constructed strings": message(*fields(content=CHUNKED), encode=ber),
    "CRLs": message(*fields()[:4], der.encode(0xA1, der.encode(0x30, b"\x02\x01\x05")), b"\x31\x00"),
    "attribute certificates": message(*fields(holder=der.encode(0xA0, ENCODED[0], b"\xa1\x00", *ENCODED[1:]))),
    "no signers": message(*fields()[:4]),
}


@pytest.mark.parametrize("data", LENIENT.values(), ids=LENIENT.keys())
def test_what_odd_servers_send_is_read(data):
    assert p7.read_certs(data) == CERTIFICATES


def test_a_bare_certificate_is_a_list_of_one():
    assert p7.read_certs(ENCODED[0] + b"\n") == CERTIFICATES[:1]


@pytest.mark.parametrize("rest", [b"", b"\n", b"\x30", b"\x30\x00", b"\x30\x03\x02\x01\x05"])
def test_bare_certificates_one_after_another_are_a_list(rest):
    assert p7.read_certs(b"".join(ENCODED) + rest) == CERTIFICATES


DEEP = b"\x30\x80" * 100_000
REFUSED = {
    "empty": (b"", p7.NOT_PKCS7),
    "a page": (b"<html>", p7.NOT_PKCS7),
    "PEM": (b"-----BEGIN PKCS7-----", p7.NOT_PKCS7),
    "an empty sequence": (b"\x30\x00", p7.NOT_PKCS7),
    "a number": (b"\x30\x03\x02\x01\x05", p7.NOT_PKCS7),
    "data": (message(oid=DATA), p7.NOT_SIGNED_DATA),
    "no content": (der.encode(0x30, SIGNED_DATA), p7.NOT_PKCS7),
    "empty content": (der.encode(0x30, SIGNED_DATA, b"\xa0\x00"), p7.NOT_SIGNED_DATA),
    "no certificates": (message(*fields()[:3], b"\x31\x00"), p7.NO_CERTIFICATES),
    "an empty set": (message(*fields(holder=b"\xa0\x00")), p7.NO_CERTIFICATES),
    "none written": (p7.write_certs([]), p7.NO_CERTIFICATES),
    "cut": (WRITTEN[:-1], p7.TRUNCATED),
    "cut in the header": (WRITTEN[:3], p7.TRUNCATED),
    "no end of contents": (LENIENT["indefinite lengths"][:-1], p7.TRUNCATED),
    "junk for a certificate": (message(*fields(holder=der.encode(0xA0, b"\x30\x00"))), p7.BAD_CERTIFICATE),
    "a bad bare certificate": (b"\x30\x02\x30\x00", p7.BAD_CERTIFICATE),
    "101 certificates": (message(*fields(holder=der.encode(0xA0, ENCODED[0] * 101))), p7.TOO_MANY),
    "101 bare certificates": (ENCODED[0] * 101, p7.TOO_MANY),
    "nested": (DEEP, p7.NOT_PKCS7),
}


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_the_unreadable_is_refused_with_its_reason(data, reason):
    with pytest.raises(Pkcs7Fault) as caught:
        p7.read_certs(data)
    assert caught.value.reason == reason


def reads_or_faults(data):
    try:
        assert p7.read_certs(data)
    except Pkcs7Fault:
        pass


@given(st.binary() | st.builds(lambda tail: b"\x30" + tail, st.binary()))
def test_no_bytes_raise_anything_but_a_fault(data):
    reads_or_faults(data)


@given(
    st.sampled_from([WRITTEN, ENCODED[0], *LENIENT.values()]),
    st.lists(st.tuples(st.integers(0), st.binary(max_size=2)), min_size=1, max_size=5),
)
def test_no_mutation_raises_anything_but_a_fault(data, changes):
    for place, octets in changes:
        at = place % len(data)
        data = data[:at] + octets + data[at + 1 :]
    reads_or_faults(data)


def test_pem_is_read_back_and_has_no_newline_at_the_end():
    text = pem(CERTIFICATES[0])
    assert text.startswith("-----BEGIN CERTIFICATE-----\n") and text.endswith("\n-----END CERTIFICATE-----")
    assert read_pem(f"Subject: x\n{text}\n{pem(CERTIFICATES[1])}") == CERTIFICATES[0]


@pytest.mark.parametrize(
    "bundle",
    [
        "\n".join(map(pem, CERTIFICATES)),
        "\r\n".join(f"# é {number}\r\n{pem(one)}" for number, one in enumerate(CERTIFICATES)).encode(),
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + "\n".join(map(pem, CERTIFICATES)),
    ],
)
def test_bundles_are_read_in_order_whatever_stands_between(bundle):
    assert read_bundle(bundle) == CERTIFICATES


def test_a_bundle_may_be_one_der_certificate():
    assert read_bundle(ENCODED[0]) == CERTIFICATES[:1]


@given(st.text() | st.builds("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----".format, st.text()))
def test_no_text_raises_anything_but_certificate_unreadable(text):
    for read in (read_pem, read_bundle):
        with pytest.raises(CertificateUnreadable):
            read(text)


@given(st.binary() | st.builds(lambda tail: b"\x30\x82" + tail, st.binary()))
def test_no_bytes_raise_anything_but_certificate_unreadable(data):
    with pytest.raises(CertificateUnreadable):
        read_bundle(data)
