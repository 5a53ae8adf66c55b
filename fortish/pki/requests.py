"""Certification requests (PKCS #10, RFC 2986): new ones, and those that renew a certificate.

They are put together from DER here, so that a renewal carries subject and extensions byte for byte as they stand in
the certificate (RFC 7030 section 4.2.2 wants them identical), string types and all, and always with version 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from fortish.pki import der
from fortish.pki.certificates import UNREADABLE, raw_fields
from fortish.pki.faults import RequestFault
from fortish.pki.keys import PrivateKey, spki

_LONGEST_CHALLENGE = 255  # characters, RFC 2985 5.4.1
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]+")

_EXTENSION_REQUEST = der.write_oid("1.2.840.113549.1.9.14")
_CHALLENGE_PASSWORD = der.write_oid("1.2.840.113549.1.9.7")
_IDENTITY_LINKING = der.write_oid("1.2.840.113549.1.9.16.2.58")
_SUBJECT_ALT_NAME = der.write_oid("2.5.29.17")

# By hash, from the shortest; each with the algorithm identifiers that its signatures have.
_HASHES: Mapping[str, hashes.HashAlgorithm] = MappingProxyType(
    {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
)
_ECDSA = {"sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3", "sha512": "1.2.840.10045.4.3.4"}
_RSA = {"sha256": "1.2.840.113549.1.1.11", "sha384": "1.2.840.113549.1.1.12", "sha512": "1.2.840.113549.1.1.13"}
_DSA = {"sha256": "2.16.840.1.101.3.4.3.2", "sha384": "2.16.840.1.101.3.4.3.3", "sha512": "2.16.840.1.101.3.4.3.4"}
_ED25519 = der.encode(der.SEQUENCE, der.write_oid("1.3.101.112"))
_ED448 = der.encode(der.SEQUENCE, der.write_oid("1.3.101.113"))


def new_request(
    key: PrivateKey,
    subject: x509.Name,
    san: x509.SubjectAlternativeName | None,
    challenge: str | None = None,
    *,
    linking: str | None = None,
    extensions: Sequence[bytes] = (),
    attributes: Sequence[bytes] = (),
    digest: str = "sha256",
) -> x509.CertificateSigningRequest:
    """A request for `subject`, with `san` as its extension, signed with `digest` (EdDSA: its own hash).

    `challenge` becomes the challengePassword attribute (RFC 2985 5.4.1), `linking` estIdentityLinking (RFC 7894 3.3);
    `extensions` and `attributes` are further ones in DER; `digest` is sha256, sha384 or sha512. Raises RequestFault for
    a text that is empty or longer than 255 characters.
    """
    listed = b""
    if san is not None:
        # RFC 5280 4.2.1.6: with an empty subject the alternative name must be critical.
        flag = b"" if len(subject) else der.encode(0x01, b"\xff")
        value = der.encode(der.OCTET_STRING, san.public_bytes())
        listed = der.encode(der.SEQUENCE, _SUBJECT_ALT_NAME, flag, value)
    if listed or extensions:
        listed = der.encode(der.SEQUENCE, listed, *extensions)
    return _signed(key, subject.public_bytes(), [*_attributes(listed, challenge, linking), *attributes], digest)


def renewal_request(
    certificate: x509.Certificate,
    key: PrivateKey,
    challenge: str | None = None,
    *,
    linking: str | None = None,
    digest: str = "sha256",
) -> x509.CertificateSigningRequest:
    """A request with the certificate's subject and all its extensions, byte for byte and in its order.

    The key may be the certificate's own (renewal) or a new one (rekey); subjectKeyIdentifier is copied all the same.
    Raises RequestFault as `new_request` does, CertificateUnreadable for a certificate that cannot be taken apart.
    """
    fields = raw_fields(certificate)
    return _signed(key, fields.subject, _attributes(fields.extensions, challenge, linking), digest)


def pem_request(request: x509.CertificateSigningRequest) -> str:
    """The request as PEM, 64 columns, LF, without a newline at the end."""
    return request.public_bytes(Encoding.PEM).decode("ascii").rstrip("\n")


def read_request(pem: str) -> x509.CertificateSigningRequest:
    """The request in a PEM text. Raises RequestFault."""
    try:
        request = x509.load_pem_x509_csr(pem.encode("utf-8", "surrogateescape"))
        _ = request.subject
    except UNREADABLE as error:
        raise RequestFault(f"not a certification request: {error}") from None
    return request


def _attributes(extensions: bytes, challenge: str | None, linking: str | None) -> Sequence[bytes]:
    found = []
    if extensions:
        found.append(der.encode(der.SEQUENCE, _EXTENSION_REQUEST, der.encode(der.SET, extensions)))
    for oid, text in ((_CHALLENGE_PASSWORD, challenge), (_IDENTITY_LINKING, linking)):
        if text is not None:
            found.append(der.encode(der.SEQUENCE, oid, der.encode(der.SET, _directory_string(text))))
    return found


def _directory_string(challenge: str) -> bytes:
    if not 0 < len(challenge) <= _LONGEST_CHALLENGE:
        raise RequestFault(f"a challenge password has 1 to {_LONGEST_CHALLENGE} characters")
    # RFC 7894 3.1 prefers PrintableString, which base64 always fits.
    tag = der.PRINTABLE if _PRINTABLE.fullmatch(challenge) else der.UTF8
    return der.encode(tag, challenge.encode("utf-8", "surrogateescape"))


def _signed(
    key: PrivateKey, subject: bytes, attributes: Sequence[bytes], digest: str
) -> x509.CertificateSigningRequest:
    version = der.encode(der.INTEGER, b"\x00")
    info = der.encode(der.SEQUENCE, version, subject, spki(key), der.encode(der.CONTEXT_0, der.set_of(*attributes)))
    algorithm, signature = _signature(key, info, digest)
    request = der.encode(der.SEQUENCE, info, algorithm, der.encode(der.BIT_STRING, b"\x00", signature))
    try:
        return x509.load_der_x509_csr(request)
    except UNREADABLE as error:
        raise RequestFault(f"no request can be made: {error}") from None


def _signature(key: PrivateKey, info: bytes, digest: str) -> tuple[bytes, bytes]:
    """The algorithm identifier of a signature, and the signature."""
    chosen = _HASHES[digest]
    match key:
        case ec.EllipticCurvePrivateKey():
            return _identifier(_ECDSA[digest]), key.sign(info, _ecdsa(chosen))
        case rsa.RSAPrivateKey():
            return _identifier(_RSA[digest], der.encode(der.NULL)), key.sign(info, padding.PKCS1v15(), chosen)
        case dsa.DSAPrivateKey():
            return _identifier(_DSA[digest]), key.sign(info, chosen)
    return (_ED448 if isinstance(key, Ed448PrivateKey) else _ED25519), key.sign(info)


def _ecdsa(chosen: hashes.HashAlgorithm) -> ec.ECDSA:
    """ECDSA without chance (RFC 6979), so that a request that is repeated is the same one, octet for octet.

    A server may know a request that waits by its octets (RFC 7030 section 4.2.3 has the client repeat "the same" one).
    """
    try:
        return ec.ECDSA(chosen, deterministic_signing=True)
    except UnsupportedAlgorithm:  # OpenSSL before 3.2
        return ec.ECDSA(chosen)


def _identifier(oid: str, parameters: bytes = b"") -> bytes:
    return der.encode(der.SEQUENCE, der.write_oid(oid), parameters)
