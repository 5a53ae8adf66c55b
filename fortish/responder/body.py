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
_STYLES: Mapping[Wrap, tuple[int, bytes]] = MappingProxyType(
    {64: (64, b"\n"), 76: (76, b"\r\n"), "odd": (61, b" \r\n\t")}
)
_VERSION_0 = b"\x02\x01\x00"
_CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7"  # noqa: S105 - an object identifier
_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_IDENTITY_LINKING = "1.2.840.113549.1.9.16.2.58"  # id-aa-estIdentityLinking, RFC 7894 section 3.3
_CHANGE_SUBJECT = "1.3.6.1.5.5.7.7.36"  # id-cmc-changeSubjectName, RFC 6402 section 2.8
_DECRYPTION = ("1.2.840.113549.1.9.16.2.37", "1.2.840.113549.1.9.16.2.54")  # key identifiers, RFC 7030 section 4.4.1
_SUBJECT_ALT_NAME = "2.5.29.17"
_LONGEST_STRING = 255  # characters of either linking attribute
_MOST_ATTRIBUTES = 100


@dataclass(frozen=True, slots=True)
class Requested:
    """What a certification request asks for. `key` is its SubjectPublicKeyInfo in DER.

    `challenge` is its challengePassword (RFC 2985 section 5.4.1), `linking` its estIdentityLinking (RFC 7894),
    `changed` what its ChangeSubjectName puts in place of the names (RFC 6402), `encrypted` whether it wants a generated
    key to be encrypted (RFC 7030 section 4.4.1).
    """

    subject: x509.Name
    public_key: CertificatePublicKeyTypes
    san: x509.SubjectAlternativeName | None
    key: bytes = b""
    challenge: bytes | None = None
    linking: bytes | None = None
    changed: Requested | None = None
    encrypted: bool = False


def requested(asked: Asked, *, proof: bool = True) -> Requested:
    """The certification request in a body (RFC 7030 section 4.2.1). Raises Refused.

    Its signature is verified, save without `proof`: serverkeygen must ignore it (section 4.4.1).
    """
    kind = (asked.header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != b"application/pkcs10":
        raise Refused(415, "the request must be of type application/pkcs10")
    if len(asked.body) > LIMIT:
        raise Refused(413, f"the request is longer than {LIMIT} octets")
    try:
        encoded = _der(asked.body)
        return _taken_apart(_signed(encoded, proof), der.first(encoded))
    except (DerFault, IndexError, StopIteration, *UNREADABLE) as error:
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


def _signed(encoded: bytes, proof: bool) -> x509.CertificateSigningRequest:
    """The request in DER, its proof of possession checked."""
    info, *rest = islice(der.children(der.first(encoded)), 3)
    version, *fields = der.children(info)
    if version.raw == _VERSION_0:
        request = x509.load_der_x509_csr(encoded)
        good = not proof or request.is_signature_valid
    else:
        rebuilt = der.encode(der.SEQUENCE, _VERSION_0, *(field.raw for field in fields))
        request = x509.load_der_x509_csr(der.encode(der.SEQUENCE, rebuilt, *(part.raw for part in rest)))
        good = not proof or _verifies(request, info.raw)
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


def _taken_apart(request: x509.CertificateSigningRequest, outer: der.Element) -> Requested:
    _, _, spki, *rest = der.children(next(der.children(outer)))
    attributes = _attributes(rest[0]) if rest else {}
    change = attributes.get(_CHANGE_SUBJECT)
    return Requested(
        request.subject,
        _public_key(request),
        _alternative(request),
        spki.raw,
        _string(attributes.get(_CHALLENGE_PASSWORD)),
        _string(attributes.get(_IDENTITY_LINKING)),
        _changed(change, spki) if change is not None else None,
        any(oid in attributes for oid in _DECRYPTION),
    )


def _attributes(holder: der.Element) -> dict[str, der.Element]:
    """The first value of each attribute, by its OID."""
    found: dict[str, der.Element] = {}
    for attribute in islice(der.children(holder), _MOST_ATTRIBUTES):
        oid, values = islice(der.children(attribute), 2)
        value = next(der.children(values), None)
        if value is None or found.setdefault(der.read_oid(oid), value) is not value:
            raise Refused(400, "an attribute of the certification request has no value, or is there twice")
    return found


def _alternative(request: x509.CertificateSigningRequest) -> x509.SubjectAlternativeName | None:
    try:
        return request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _public_key(request: x509.CertificateSigningRequest) -> CertificatePublicKeyTypes:
    key = request.public_key()
    if not isinstance(
        key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
    ):
        raise Refused(400, "the certification request is for a key of a kind that is not certified here")
    return key


def _string(value: der.Element | None) -> bytes | None:
    """The octets of a DirectoryString."""
    if value is None:
        return None
    if value.tag & 0x20 or len(value.content) > _LONGEST_STRING:
        raise Refused(400, "a linking attribute of the certification request is no string of 1 to 255 characters")
    return value.content


def _changed(change: der.Element, spki: der.Element) -> Requested:
    """The names of a ChangeSubjectName (RFC 6402 section 2.8), read through a request that has them.

    Erratum 3943 tags the alternative names [1]; untagged ones are known by what they hold.
    """
    subject, names = der.encode(der.SEQUENCE), b""
    for part in islice(der.children(change), 2):
        held = next(der.children(part), None)
        if part.tag == der.SEQUENCE and (held is None or held.tag == der.SET):
            subject = part.raw
        else:
            names = der.encode(der.SEQUENCE, part.content)
    flag = b"" if len(subject) > 2 else der.encode(0x01, b"\xff")
    extension = der.encode(
        der.SEQUENCE, der.write_oid(_SUBJECT_ALT_NAME), flag, der.encode(der.OCTET_STRING, names)
    )  # what an extensionRequest holds
    listed = der.encode(der.SET, der.encode(der.SEQUENCE, extension))
    attribute = der.encode(der.SEQUENCE, der.write_oid(_EXTENSION_REQUEST), listed) if names else b""
    info = der.encode(der.SEQUENCE, _VERSION_0, subject, spki.raw, der.encode(der.CONTEXT_0, attribute))
    algorithm = der.encode(der.SEQUENCE, der.write_oid("1.2.840.10045.4.3.2"))  # never used: nothing is signed
    request = x509.load_der_x509_csr(der.encode(der.SEQUENCE, info, algorithm, der.encode(der.BIT_STRING, b"\0")))
    return Requested(request.subject, _public_key(request), _alternative(request))
