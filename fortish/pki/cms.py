"""Signed and enveloped messages (CMS, RFC 5652) of one signer and one recipient, as SCEP puts one into the other.

Read leniently where peers differ (BER, constructed strings, extra certificates) and strictly where it counts: there is
one signer, with signed attributes, and they match the content. Envelopes are for RSA keys only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import padding as blocks
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding

from fortish.pki import der
from fortish.pki.certificates import UNREADABLE, load
from fortish.pki.faults import CertificateUnreadable, CmsFault, DerFault

_DATA, _SIGNED, _ENVELOPED = (der.write_oid(f"1.2.840.113549.1.7.{kind}") for kind in (1, 2, 3))
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_RSA = der.encode(der.SEQUENCE, der.write_oid("1.2.840.113549.1.1.1"), der.encode(der.NULL))
_SHA256 = der.encode(der.SEQUENCE, der.write_oid("2.16.840.1.101.3.4.2.1"), der.encode(der.NULL))
_VERSION_0, _VERSION_1 = (der.encode(der.INTEGER, bytes((number,))) for number in (0, 1))
_CONTEXT_0_PRIMITIVE = 0x80
_MOST_CERTIFICATES = 100
_MOST_ATTRIBUTES = 100
_MOST_RECIPIENTS = 20
_RSA_KINDS = ("1.2.840.113549.1.1.1",)


def _triple_des(key: bytes) -> Any:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES  # for servers that know nothing newer

    return TripleDES(key)


@dataclass(frozen=True, slots=True)
class ContentCipher:
    """A cipher in CBC mode: its OID, how many octets its key and its blocks have, and what makes it of a key."""

    oid: str
    key: int
    block: int
    of: Callable[[bytes], Any]


# Sorted by name.
CIPHERS: Final[Mapping[str, ContentCipher]] = MappingProxyType(
    {
        "AES-128": ContentCipher("2.16.840.1.101.3.4.1.2", 16, 16, algorithms.AES),
        "AES-192": ContentCipher("2.16.840.1.101.3.4.1.22", 24, 16, algorithms.AES),
        "AES-256": ContentCipher("2.16.840.1.101.3.4.1.42", 32, 16, algorithms.AES),
        "DES3": ContentCipher("1.2.840.113549.3.7", 24, 8, _triple_des),
    }
)
# What RFC 8894 forbids, and some clients send all the same: DES is triple DES with one key three times.
FORBIDDEN: Final[Mapping[str, ContentCipher]] = MappingProxyType(
    {"DES": ContentCipher("1.3.14.3.2.7", 8, 8, lambda key: _triple_des(3 * key))}
)
UNKNOWN_CIPHER: Final = "the message is encrypted with a cipher that is not taken here"
# What a signature may be over. Sorted by OID.
_HASHES: Final[Mapping[str, Callable[[], hashes.HashAlgorithm]]] = MappingProxyType(
    {
        "1.3.14.3.2.26": hashes.SHA1,
        "2.16.840.1.101.3.4.2.1": hashes.SHA256,
        "2.16.840.1.101.3.4.2.2": hashes.SHA384,
        "2.16.840.1.101.3.4.2.3": hashes.SHA512,
    }
)


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed message whose signature is right. `attributes` are the signed ones: the first value by its OID."""

    content: bytes
    attributes: Mapping[str, der.Element]
    signer: x509.Certificate
    certificates: tuple[x509.Certificate, ...]


def sign(
    content: bytes | None,
    attributes: Sequence[tuple[str, bytes]],
    signer: x509.Certificate,
    key: rsa.RSAPrivateKey,
) -> bytes:
    """`content` (None: there is none) signed with SHA-256; `attributes` are OIDs and values in DER."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(content or b"")
    listed = [
        (_CONTENT_TYPE, _DATA),
        (_MESSAGE_DIGEST, der.encode(der.OCTET_STRING, digest.finalize())),
        *attributes,
    ]
    members = der.set_of(
        *(der.encode(der.SEQUENCE, der.write_oid(oid), der.encode(der.SET, value)) for oid, value in listed)
    )
    signature = key.sign(der.encode(der.SET, members), padding.PKCS1v15(), hashes.SHA256())
    signer_info = der.encode(
        der.SEQUENCE,
        _VERSION_1,
        _issuer_and_serial(signer),
        _SHA256,
        der.encode(der.CONTEXT_0, members),
        _RSA,
        der.encode(der.OCTET_STRING, signature),
    )
    inside = der.encode(der.CONTEXT_0, der.encode(der.OCTET_STRING, content)) if content is not None else b""
    signed_data = der.encode(
        der.SEQUENCE,
        _VERSION_1,
        der.encode(der.SET, _SHA256),
        der.encode(der.SEQUENCE, _DATA, inside),
        der.encode(der.CONTEXT_0, signer.public_bytes(Encoding.DER)),
        der.encode(der.SET, signer_info),
    )
    return der.encode(der.SEQUENCE, _SIGNED, der.encode(der.CONTEXT_0, signed_data))


def read_signed(data: bytes, known: Iterable[x509.Certificate] = ()) -> Signed:
    """A signed message, verified with the signer's certificate: one of the message's own, or a `known` one.

    Whether the signer may be believed is not decided here. Raises CmsFault.
    """
    try:
        return _read_signed(data, tuple(known))
    except (DerFault, CertificateUnreadable, ValueError, IndexError, StopIteration):
        raise CmsFault("not a signed message") from None


def envelop(content: bytes, recipient: x509.Certificate, cipher: ContentCipher) -> bytes:
    """`content` encrypted to the RSA key of `recipient`. Raises CmsFault for a key of another kind."""
    public = recipient.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise CmsFault("only an RSA key can be encrypted to")
    key, vector = os.urandom(cipher.key), os.urandom(cipher.block)
    pad = blocks.PKCS7(8 * cipher.block).padder()
    encryptor = Cipher(cipher.of(key), modes.CBC(vector)).encryptor()
    encrypted = encryptor.update(pad.update(content) + pad.finalize()) + encryptor.finalize()
    recipient_info = der.encode(
        der.SEQUENCE,
        _VERSION_0,
        _issuer_and_serial(recipient),
        _RSA,
        der.encode(der.OCTET_STRING, public.encrypt(key, padding.PKCS1v15())),
    )
    algorithm = der.encode(der.SEQUENCE, der.write_oid(cipher.oid), der.encode(der.OCTET_STRING, vector))
    enveloped = der.encode(
        der.SEQUENCE,
        _VERSION_0,
        der.encode(der.SET, recipient_info),
        der.encode(der.SEQUENCE, _DATA, algorithm, der.encode(_CONTEXT_0_PRIMITIVE, encrypted)),
    )
    return der.encode(der.SEQUENCE, _ENVELOPED, der.encode(der.CONTEXT_0, enveloped))


def open_envelope(
    data: bytes, recipient: x509.Certificate, key: rsa.RSAPrivateKey, ciphers: Iterable[ContentCipher] | None = None
) -> bytes:
    """What was encrypted to `recipient`, whose key is `key`, with one of `ciphers` (all but forbidden ones).

    Raises CmsFault.
    """
    try:
        _, recipients, inner = islice(_fields(data, _ENVELOPED), 3)
        ours = _issuer_and_serial(recipient)
        wrapped = next((found for info in _some(recipients, _MOST_RECIPIENTS) if (found := _wrapped(info, ours))), None)
        if wrapped is None:
            raise CmsFault("the message is encrypted to somebody else")
        _, algorithm, encrypted = islice(der.children(inner), 3)
        oid, vector = islice(der.children(algorithm), 2)
    except (DerFault, CertificateUnreadable, ValueError, IndexError, StopIteration):
        raise CmsFault("not an encrypted message") from None
    cipher = _cipher(oid, CIPHERS.values() if ciphers is None else ciphers)
    try:
        decryptor = Cipher(cipher.of(key.decrypt(wrapped, padding.PKCS1v15())), modes.CBC(vector.content)).decryptor()
        pad = blocks.PKCS7(8 * cipher.block).unpadder()
        padded = decryptor.update(_octets(encrypted)) + decryptor.finalize()
        return pad.update(padded) + pad.finalize()
    except (DerFault, ValueError):
        raise CmsFault("the message cannot be decrypted") from None


# --- reading --------------------------------------------------------------------------------------------------------


def _fields(data: bytes, kind: bytes) -> Iterable[der.Element]:
    """The fields of a ContentInfo's content, which must be of that kind."""
    found, explicit = islice(der.children(der.first(data)), 2)
    if found.raw != kind:
        raise DerFault("a message of another kind")
    return der.children(next(der.children(explicit)))


def _read_signed(data: bytes, known: tuple[x509.Certificate, ...]) -> Signed:
    _, _, encapsulated, *rest = islice(_fields(data, _SIGNED), 6)
    parts = list(islice(der.children(encapsulated), 2))
    content = b"".join(_octets(item) for item in der.children(parts[1])) if len(parts) > 1 else b""
    holder = next((field for field in rest if field.tag == der.CONTEXT_0), None)
    own = tuple(load(item.raw) for item in _some(holder, _MOST_CERTIFICATES) if item.tag == der.SEQUENCE)
    infos = next((field for field in reversed(rest) if field.tag == der.SET), None)
    signers = _some(infos, 2)
    if len(signers) != 1:
        raise CmsFault("the message has no signature" if not signers else "the message has several signatures")
    attributes, signer = _verified(signers[0], content, (*own, *known))
    return Signed(content, attributes, signer, own)


def _verified(
    info: der.Element, content: bytes, certificates: Sequence[x509.Certificate]
) -> tuple[dict[str, der.Element], x509.Certificate]:
    """The signed attributes and the signer, the signature being right."""
    _, identifier, digest_algorithm, *rest = islice(der.children(info), 7)
    if not rest or rest[0].tag != der.CONTEXT_0:
        raise CmsFault("the message has no signed attributes")
    listed, _, signature = rest[:3]
    digest = _HASHES.get(der.read_oid(next(der.children(digest_algorithm))))
    if digest is None:
        raise CmsFault("the message is signed with an unknown hash")
    signer = next((one for one in certificates if _identifies(identifier, one)), None)
    if signer is None:
        raise CmsFault("the signer's certificate is missing")
    attributes: dict[str, der.Element] = {}
    for attribute in _some(listed, _MOST_ATTRIBUTES):
        oid, values = islice(der.children(attribute), 2)
        value = next(der.children(values), None)
        if value is None or attributes.setdefault(der.read_oid(oid), value) is not value:
            raise CmsFault("a signed attribute has no value, or is there twice")
    hashed = hashes.Hash(digest())
    hashed.update(content)
    said = attributes.get(_MESSAGE_DIGEST)
    if said is None or said.content != hashed.finalize():
        raise CmsFault("the signature is for another content")
    _check(signer, signature.content, der.encode(der.SET, listed.content), digest())
    return attributes, signer


def _check(signer: x509.Certificate, signature: bytes, signed: bytes, digest: hashes.HashAlgorithm) -> None:
    try:
        match signer.public_key():
            case rsa.RSAPublicKey() as key:
                key.verify(signature, signed, padding.PKCS1v15(), digest)
            case ec.EllipticCurvePublicKey() as key:
                key.verify(signature, signed, ec.ECDSA(digest))
            case _:
                raise CmsFault("the signer's key is of an unknown kind")
    except (InvalidSignature, UnsupportedAlgorithm, *UNREADABLE):
        raise CmsFault("the signature of the message is wrong") from None


def _some(holder: der.Element | None, most: int) -> list[der.Element]:
    return list(islice(der.children(holder), most)) if holder is not None else []


def _octets(element: der.Element) -> bytes:
    """An OCTET STRING's octets; BER lets it be made of pieces."""
    if element.tag & 0x20:
        return b"".join(piece.content for piece in der.children(element))
    return element.content


def _wrapped(info: der.Element, ours: bytes) -> bytes:
    """The content key for us, still encrypted; b'' where it is for somebody else."""
    if info.tag != der.SEQUENCE:  # key agreement and the like
        return b""
    _, identifier, algorithm, key = islice(der.children(info), 4)
    rsa_key = der.read_oid(next(der.children(algorithm))) in _RSA_KINDS
    return key.content if identifier.raw == ours and rsa_key else b""


def _cipher(oid: der.Element, ciphers: Iterable[ContentCipher]) -> ContentCipher:
    for cipher in ciphers:
        if oid.raw == der.write_oid(cipher.oid):
            return cipher
    raise CmsFault(UNKNOWN_CIPHER)


def _identifies(identifier: der.Element, certificate: x509.Certificate) -> bool:
    """Whether a SignerIdentifier means this certificate."""
    if identifier.tag == der.SEQUENCE:
        return identifier.raw == _issuer_and_serial(certificate)
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False
    return identifier.tag == _CONTEXT_0_PRIMITIVE and identifier.content == held


def _issuer_and_serial(certificate: x509.Certificate) -> bytes:
    """IssuerAndSerialNumber, both byte for byte as they stand in the certificate."""
    fields = list(der.children(der.first(certificate.tbs_certificate_bytes)))
    start = 1 if fields[0].tag == der.CONTEXT_0 else 0
    return der.encode(der.SEQUENCE, fields[start + 2].raw, fields[start].raw)
