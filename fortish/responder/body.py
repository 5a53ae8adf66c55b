"""Request and response bodies: base64 of DER (RFC 8951 section 3), taken in every style that clients send.

A request of version 2 (INTEGER 2) is taken for one of version 0, its signature checked over what was signed: that is
what the documented appliance sends, against RFC 2986 section 4.1.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from fortish.pki import der
from fortish.pki.certificates import UNREADABLE
from fortish.pki.faults import DerFault
from fortish.responder.message import Asked, Refused
from fortish.responder.policy import Wrap

LIMIT: Final = 64 << 10  # octets of a request's body

_PEM = re.compile(rb"-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([^-]*)-----END (?:NEW )?CERTIFICATE REQUEST-----")
_STYLES: Mapping[Wrap, tuple[int, bytes]] = MappingProxyType({64: (64, b"\n"), 76: (76, b"\r\n")})
_VERSION_0 = b"\x02\x01\x00"
_CHALLENGE_PASSWORD = x509.ObjectIdentifier("1.2.840.113549.1.9.7")


@dataclass(frozen=True, slots=True)
class Requested:
    """What a valid certification request asks for. `challenge` is its challengePassword (RFC 2985 section 5.4.1)."""

    subject: x509.Name
    public_key: CertificatePublicKeyTypes
    san: x509.SubjectAlternativeName | None
    challenge: bytes | None


def requested(asked: Asked) -> Requested:
    """The certification request in a body (RFC 7030 section 4.2.1), its signature verified. Raises Refused."""
    kind = (asked.header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != b"application/pkcs10":
        raise Refused(415, "the request must be of type application/pkcs10")
    if len(asked.body) > LIMIT:
        raise Refused(413, f"the request is longer than {LIMIT} octets")
    try:
        return _taken_apart(_signed(_der(asked.body)))
    except (DerFault, IndexError, *UNREADABLE) as error:
        raise Refused(400, f"not a certification request: {error}") from None


def armoured(content: bytes, wrap: Wrap) -> bytes:
    """Base64 of `content` in 64 columns with LF, 76 with CRLF, or ("none") one line without an end."""
    text = base64.b64encode(content)
    columns, end = _STYLES.get(wrap, (len(text) or 1, b""))
    return b"".join(text[at : at + columns] + end for at in range(0, len(text), columns))


def _der(body: bytes) -> bytes:
    if body.startswith(b"\x30") and not body[:64].isascii():
        return body
    block = _PEM.search(body)
    try:
        return binascii.a2b_base64(b"".join((block[1] if block else body).split()), strict_mode=True)
    except binascii.Error as error:
        raise Refused(400, f"the request is not base64: {error}") from None


def _signed(encoded: bytes) -> x509.CertificateSigningRequest:
    """The request in DER, its proof of possession checked."""
    info, *rest = islice(der.children(der.first(encoded)), 3)
    version, *fields = der.children(info)
    if version.raw == _VERSION_0:
        request = x509.load_der_x509_csr(encoded)
        good = request.is_signature_valid
    else:
        rebuilt = der.encode(der.SEQUENCE, _VERSION_0, *(field.raw for field in fields))
        request = x509.load_der_x509_csr(der.encode(der.SEQUENCE, rebuilt, *(part.raw for part in rest)))
        good = _verifies(request, info.raw)
    if not good:
        raise Refused(400, "the signature of the certification request is wrong")
    return request


def _verifies(request: x509.CertificateSigningRequest, signed: bytes) -> bool:
    """Whether the request's key has signed `signed`."""
    key, algorithm = request.public_key(), request.signature_hash_algorithm
    how = request.signature_algorithm_parameters
    try:
        match key:
            case ec.EllipticCurvePublicKey() if isinstance(how, ec.ECDSA):
                key.verify(request.signature, signed, how)
            case rsa.RSAPublicKey() if isinstance(how, padding.PKCS1v15 | padding.PSS):
                key.verify(request.signature, signed, how, algorithm or hashes.SHA256())
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(request.signature, signed)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _taken_apart(request: x509.CertificateSigningRequest) -> Requested:
    try:
        san = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        san = None
    return Requested(request.subject, _public_key(request), san, _challenge(request))


def _public_key(request: x509.CertificateSigningRequest) -> CertificatePublicKeyTypes:
    key = request.public_key()
    if not isinstance(
        key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
    ):
        raise Refused(400, "the certification request is for a key of a kind that is not certified here")
    return key


def _challenge(request: x509.CertificateSigningRequest) -> bytes | None:
    try:
        return request.attributes.get_attribute_for_oid(_CHALLENGE_PASSWORD).value
    except x509.AttributeNotFound:
        return None
