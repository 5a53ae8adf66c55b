"""Requests: the guide's real one taken apart, and our own held to what it proves (its version excepted)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.name import _ASN1Type
from pyasn1.codec.der import decoder, encoder
from pyasn1.type import base, char

from fortish.pki import certificates, der, names
from fortish.pki.faults import RequestFault
from fortish.pki.keys import same_key
from fortish.pki.requests import new_request, pem_request, renewal_request

REAL = base64.b64decode(
    "MIIBQDCB5gIBAjAbMRkwFwYDVQQDDBBmaXJld2FsbC1wb3J0YWwxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQoJQmPedxPNUcfCyRvpq"
    "yt1oiiJX/me+TdButUSu8hg+9nPF6+xNf+5LmtG/YKHeXyCKG6xB9OmJf255Zmx+5qBpMGcGCSqGSIb3DQEJDjFaMFgwCQYDVR0TBAIwADAL"
    "BgNVHQ8EBAMCB4AwHQYDVR0OBBYEFJv4OdUh5v9J/6wCV1v8TBqLHl2PMB8GA1UdIwQYMBaAFBrfOYTCVuZszyq0JqX9DNJD9T0+MAoGCCqG"
    "SM49BAMCA0kAMEYCIQCK3Li51F7fXsyKZwtIcYMFvDobY3cKKTTDixtN7QZ2jwIhAKUkqfWPAzwcxQaNQw6pyYvo18ymB9aEheeIXZfGI+tV"
)
SUBJECT = names.subject_name([("CN", "firewall-portal1"), ("DC", "local"), ("DC", "COM")])
SAN = names.alternative_names([("DNS", "firewall-portal1.local.ca"), ("IP", "172.18.60.184")])
EC_KEY = ec.derive_private_key(12345, ec.SECP256R1())
EXTENSION_REQUEST, CHALLENGE = "1.2.840.113549.1.9.14", "1.2.840.113549.1.9.7"
KEYS = {
    "RSA": rsa.generate_private_key(65537, 1024),
    "P-256": EC_KEY,
    "P-521": ec.derive_private_key(12345, ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "Ed448": ed448.Ed448PrivateKey.generate(),
}


def tree(value):
    """What the schema-free decoder gave, its sequences and sets as lists."""
    if isinstance(value, base.ConstructedAsn1Type):
        return [tree(value.getComponentByPosition(place)) for place in range(len(value))]
    return value


def taken_apart(request_der):
    """(version, attributes by OID, signature algorithm OID), by a decoder that knows no schema."""
    info, algorithm, _ = der.children(der.first(request_der))
    version, _, _, attributes = der.children(info)
    # The decoder cannot know that the implicitly tagged [0] is a SET OF, so its members are decoded one by one.
    members = [tree(decoder.decode(item.raw)[0]) for item in der.children(attributes)]
    held = {str(kind): values for kind, values in members}
    return int(decoder.decode(version.raw)[0]), held, str(tree(decoder.decode(algorithm.raw)[0])[0])


def extensions_asked_for(attributes):
    ((listed),) = attributes[EXTENSION_REQUEST]
    return listed


def test_the_guides_renewal_request_is_what_is_said_of_it():
    value, rest = decoder.decode(REAL)
    assert not rest
    version, subject, _, _ = tree(value)[0]
    assert int(version) == 2  # a fault of that firmware: RFC 2986 wants 0
    (((field, text),),) = subject
    assert (str(field), str(text), type(text)) == ("2.5.4.3", "firewall-portal1", char.UTF8String)
    _, attributes, algorithm = taken_apart(REAL)
    assert list(attributes) == [EXTENSION_REQUEST]
    listed = extensions_asked_for(attributes)
    assert [str(item[0]) for item in listed] == ["2.5.29.19", "2.5.29.15", "2.5.29.14", "2.5.29.35"]
    assert all(len(item) == 2 for item in listed)  # no critical flag
    assert algorithm == "1.2.840.10045.4.3.2"  # ecdsa-with-SHA256
    info, _, signature = (value.getComponentByPosition(place) for place in range(3))
    spki = info.getComponentByPosition(2)
    key = load_der_public_key(encoder.encode(spki))
    assert isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    key.verify(signature.asOctets(), encoder.encode(info), ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_new_request_is_signed_and_has_version_0(key):
    request = new_request(key, SUBJECT, SAN)
    assert request.is_signature_valid
    assert same_key(request, key)
    assert request.subject.public_bytes() == SUBJECT.public_bytes()
    assert request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == SAN
    version, attributes, _ = taken_apart(request.public_bytes(Encoding.DER))
    assert version == 0
    assert list(attributes) == [EXTENSION_REQUEST]
    digest = request.signature_hash_algorithm
    assert (digest is None) == isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
    assert digest is None or digest.name == "sha256"


def test_a_request_signed_with_dsa_verifies():
    key = dsa.generate_private_key(1024)
    request = new_request(key, SUBJECT, None)
    key.public_key().verify(request.signature, request.tbs_certrequest_bytes, hashes.SHA256())


def test_new_request_equals_one_of_another_builder():
    theirs = x509.CertificateSigningRequestBuilder().subject_name(SUBJECT).add_extension(SAN, critical=False)
    assert (
        new_request(EC_KEY, SUBJECT, SAN).tbs_certrequest_bytes
        == theirs.sign(EC_KEY, hashes.SHA256()).tbs_certrequest_bytes
    )


def test_a_request_without_alternative_names_has_no_attributes():
    request = new_request(EC_KEY, SUBJECT, None)
    assert taken_apart_bare(request) == b"\xa0\x00"
    assert not list(request.extensions)


def taken_apart_bare(request):
    return list(der.children(der.first(request.tbs_certrequest_bytes)))[-1].raw


def test_alternative_names_are_critical_under_an_empty_subject():
    (extension,) = new_request(EC_KEY, x509.Name([]), SAN).extensions
    assert extension.critical


@pytest.mark.parametrize(
    ("challenge", "kind"),
    [("ab+/=" * 51, _ASN1Type.PrintableString), ("a_b@c", _ASN1Type.UTF8String), ("ü", _ASN1Type.UTF8String)],
)
def test_challenge_is_a_printable_string_where_it_fits(challenge, kind):
    request = new_request(EC_KEY, SUBJECT, SAN, challenge)
    attribute = request.attributes.get_attribute_for_oid(x509.ObjectIdentifier(CHALLENGE))
    assert (attribute.value.decode(), attribute._type) == (challenge, kind.value)
    assert len(request.attributes) == 2
    assert request.is_signature_valid


@pytest.mark.parametrize("challenge", ["", "a" * 256])
def test_a_challenge_of_a_wrong_length_is_refused(challenge):
    with pytest.raises(RequestFault):
        new_request(EC_KEY, SUBJECT, SAN, challenge)


def odd_certificate():
    """Teletex and BMP strings, a multi-valued RDN, critical flags, an unknown extension."""
    kinds = (_ASN1Type.PrintableString, _ASN1Type.BMPString, _ASN1Type.T61String, _ASN1Type.UTF8String)
    fields = [
        x509.NameAttribute(x509.ObjectIdentifier(f"2.5.4.{10 + place}"), "abc", _type=kind)
        for place, kind in enumerate(kinds)
    ]
    subject = x509.Name([x509.RelativeDistinguishedName(fields[:2]), *map(_rdn, fields[2:])])
    builder = x509.CertificateBuilder(
        SUBJECT, subject, EC_KEY.public_key(), 5, datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    )
    builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\xff\0raw"), True)
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True).add_extension(
        SAN, critical=False
    )
    # keyUsage with a needless trailing zero bit, and a malformed value: nothing that anyone would encode again so
    for oid, value in (("2.5.29.15", b"\x03\x02\x00\x80"), ("2.5.29.14", b"junk")):
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical=False)
    return builder.sign(EC_KEY, hashes.SHA256())


def _rdn(attribute):
    return x509.RelativeDistinguishedName([attribute])


def test_renewal_request_keeps_every_extension_byte_for_byte():
    certificate = odd_certificate()
    fields = certificates.raw_fields(certificate)
    request = renewal_request(certificate, EC_KEY)
    listed = der.encode(der.SET, fields.extensions)
    wanted = der.encode(der.SEQUENCE, der.write_oid(EXTENSION_REQUEST), listed)
    assert taken_apart_bare(request) == der.encode(der.CONTEXT_0, wanted)
    assert [item.oid for item in certificates.raw_extensions(certificate)] == [
        *("1.2.3.4", "2.5.29.19", "2.5.29.17", "2.5.29.15", "2.5.29.14")
    ]
    assert [item.critical for item in certificates.raw_extensions(certificate)] == [True, True, False, False, False]


def test_renewal_request_keeps_the_subject_byte_for_byte():
    certificate = odd_certificate()
    request = renewal_request(certificate, EC_KEY)
    subject = list(der.children(der.first(request.tbs_certrequest_bytes)))[1].raw
    assert subject == list(der.children(der.first(certificate.tbs_certificate_bytes)))[5].raw
    values = [list(der.children(pair))[1].tag for rdn in der.children(der.first(subject)) for pair in der.children(rdn)]
    assert values == [der.PRINTABLE, 0x1E, 0x14, der.UTF8]


def test_renewal_request_may_be_made_with_a_new_key_and_a_challenge():
    request = renewal_request(odd_certificate(), KEYS["RSA"], "abc")
    version, attributes, _ = taken_apart(request.public_bytes(Encoding.DER))
    assert version == 0 and sorted(attributes) == sorted([EXTENSION_REQUEST, CHALLENGE])
    assert request.is_signature_valid and same_key(request, KEYS["RSA"])


def test_pem_request_has_64_columns_and_no_newline_at_the_end():
    lines = pem_request(new_request(EC_KEY, SUBJECT, SAN)).split("\n")
    assert lines[0] == "-----BEGIN CERTIFICATE REQUEST-----" and lines[-1] == "-----END CERTIFICATE REQUEST-----"
    assert {len(line) for line in lines[1:-2]} == {64}


@pytest.mark.parametrize("kind", list(KEYS))
def test_a_request_that_is_made_again_is_the_same_octets(kind: str) -> None:
    """RFC 7030 section 4.2.3: "the same" request is repeated; OpenXPKI knows one that waits by its SHA-1."""
    first, second = (new_request(KEYS[kind], SUBJECT, SAN).public_bytes(Encoding.DER) for _ in range(2))
    assert first == second
