"""Certs-only PKCS #7 messages (RFC 5652, the degenerate SignedData of RFC 5272 section 4.1), read and written.

Read leniently: BER, any version, any content, CRLs, signers and trailing bytes are passed over, and bare certificates
are taken for a list of them, since real EST servers send all of these. It verifies no signature: a certs-only message
has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fortish.pki import der
from fortish.pki.certificates import load
from fortish.pki.faults import CertificateUnreadable, DerFault, Pkcs7Fault

MOST_CERTIFICATES: Final = 100

NOT_PKCS7: Final = "not a PKCS #7 message"
NOT_SIGNED_DATA: Final = "the PKCS #7 message is no SignedData"
NO_CERTIFICATES: Final = "the PKCS #7 message holds no certificates"
TOO_MANY: Final = f"the PKCS #7 message holds more than {MOST_CERTIFICATES} certificates"
TRUNCATED: Final = "the PKCS #7 message is truncated"
BAD_CERTIFICATE: Final = "the PKCS #7 message holds a bad certificate"

_DATA = der.write_oid("1.2.840.113549.1.7.1")
_SIGNED_DATA = der.write_oid("1.2.840.113549.1.7.2")


def read_certs(data: bytes) -> list[x509.Certificate]:
    """The certificates of a certs-only message in the order they have there, which means nothing (RFC 5652 5.1).

    Raises Pkcs7Fault, whose reason is one of the sentences above, and nothing else.
    """
    try:
        return [load(item) for item in _encoded_certificates(data)]
    except CertificateUnreadable:
        raise Pkcs7Fault(BAD_CERTIFICATE) from None
    except DerFault as fault:
        raise Pkcs7Fault(TRUNCATED if fault.reason == "truncated" else NOT_PKCS7) from None


def write_certs(certificates: Iterable[x509.Certificate], *, sort: bool = False) -> bytes:
    """The DER of a certs-only message, version 1, without content.

    The certificates are in the order given, as OpenSSL has it, or (`sort`) in that of a SET OF in DER (X.690 section
    11.6), on which strict readers insist.
    """
    encoded = [certificate.public_bytes(Encoding.DER) for certificate in certificates]
    if sort:
        encoded.sort()
    signed_data = der.encode(
        der.SEQUENCE,
        der.encode(der.INTEGER, b"\x01"),
        der.encode(der.SET),
        der.encode(der.SEQUENCE, _DATA),
        der.encode(der.CONTEXT_0, *encoded),
        der.encode(der.SET),
    )
    return der.encode(der.SEQUENCE, _SIGNED_DATA, der.encode(der.CONTEXT_0, signed_data))


def _encoded_certificates(data: bytes) -> list[bytes]:
    if not data.startswith(b"\x30"):
        raise Pkcs7Fault(NOT_PKCS7)
    outer = der.first(data)
    head = list(islice(der.children(outer), 2))
    if head and head[0].tag == der.SEQUENCE:  # a ContentInfo starts with an OID, a certificate with its tbsCertificate
        return _not_too_many(_bare(data))
    if not head or head[0].tag != der.OID:
        raise Pkcs7Fault(NOT_PKCS7)
    if head[0].raw != _SIGNED_DATA:
        raise Pkcs7Fault(NOT_SIGNED_DATA)
    if len(head) < 2 or head[1].tag != der.CONTEXT_0:
        raise Pkcs7Fault(NOT_PKCS7)
    return _members(_signed_data(head[1]))


def _bare(data: bytes) -> Iterator[bytes]:
    """Certificates that stand one after another, as a PEM file has them; what else follows is passed over."""
    while data.startswith(b"\x30"):
        try:
            outer = der.first(data)
            inner = next(der.children(outer), None)
        except DerFault:
            return
        if inner is None or inner.tag != der.SEQUENCE:
            return
        yield outer.raw
        data = data[len(outer.raw) :]


def _signed_data(explicit: der.Element) -> der.Element:
    inner = next(der.children(explicit), None)
    if inner is None or inner.tag != der.SEQUENCE:
        raise Pkcs7Fault(NOT_SIGNED_DATA)
    return inner


def _members(signed_data: der.Element) -> list[bytes]:
    # version, digestAlgorithms, encapContentInfo, [0] certificates, [1] crls, signerInfos: the first [0] is ours
    fields = islice(der.children(signed_data), 6)
    holder = next((field for field in fields if field.tag == der.CONTEXT_0), None)
    if holder is None:
        raise Pkcs7Fault(NO_CERTIFICATES)
    # Only plain certificates are SEQUENCEs; the obsolete and attribute ones of CertificateChoices are tagged.
    plain = (item.raw for item in der.children(holder) if item.tag == der.SEQUENCE)
    found = _not_too_many(plain)
    if not found:
        raise Pkcs7Fault(NO_CERTIFICATES)
    return found


def _not_too_many(encoded: Iterable[bytes]) -> list[bytes]:
    found = list(islice(encoded, MOST_CERTIFICATES + 1))
    if len(found) > MOST_CERTIFICATES:
        raise Pkcs7Fault(TOO_MANY)
    return found
