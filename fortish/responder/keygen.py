"""serverkeygen (RFC 7030 section 4.4): a new key of the kind asked for, sent with its certificate in two parts.

The key goes out in clear, under TLS alone: whoever wants it encrypted is refused.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fortish.responder.body import Requested
from fortish.responder.faults import Fault
from fortish.responder.issuing import base64_lines
from fortish.responder.message import Refused

PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)
_RSA_SIZES: Final = range(1024, 4097)  # bits; a longer key takes too long to make


@dataclass(frozen=True, slots=True)
class Generated:
    """A new key, and the request as if it had been made with it."""

    key: PrivateKey
    wanted: Requested


def generated(wanted: Requested) -> Generated:
    """A new key like the request's own, which is ignored otherwise. Raises Refused (400)."""
    if wanted.encrypted:
        raise Refused(400, "the generated key cannot be encrypted here: leave out the DecryptKeyIdentifier")
    key = _like(wanted)
    return Generated(key, replace(wanted, public_key=key.public_key()))


def multipart(key: PrivateKey, certificates: bytes, certificate_type: str, fault: Fault) -> tuple[bytes, str]:
    """The body of the answer, and its type. `certificates` is the other part's body."""
    shown = _like_key(key) if fault.wrong_key else key
    form = PrivateFormat.TraditionalOpenSSL if fault.pkcs1 and not _modern(shown) else PrivateFormat.PKCS8
    encoded = shown.private_bytes(Encoding.DER, form, NoEncryption())
    boundary = f"estServerKeyGen{secrets.token_hex(8)}"
    parts = [
        _part("application/pkcs8", base64_lines(encoded)),
        _part(certificate_type, certificates.strip()),
    ]
    if not fault.key_first:
        parts.reverse()
    edge = b"--" + boundary.encode()
    body = b"".join(edge + b"\r\n" + part for part in parts) + edge + b"--\r\n"
    return body, f"multipart/mixed; boundary={boundary}"  # a token: not every client takes quotes off


def _part(kind: str, content: bytes) -> bytes:
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + content + b"\r\n"


def _modern(key: PrivateKey) -> bool:
    return isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)


def _like(wanted: Requested) -> PrivateKey:
    match wanted.public_key:
        case rsa.RSAPublicKey() as public:
            if public.key_size not in _RSA_SIZES:
                raise Refused(400, f"RSA keys of {public.key_size} bits are not made here")
            return rsa.generate_private_key(65537, public.key_size)
        case ec.EllipticCurvePublicKey() as public:
            return ec.generate_private_key(public.curve)
        case ed25519.Ed25519PublicKey():
            return ed25519.Ed25519PrivateKey.generate()
    return ed448.Ed448PrivateKey.generate()


def _like_key(key: PrivateKey) -> PrivateKey:
    """Another key of the same kind; of a small size where that takes long."""
    if isinstance(key, rsa.RSAPrivateKey):
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())
