"""Private keys: made, stored as encrypted PKCS #8, read back, and compared by their public halves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from fortish.pki.faults import KeyUnreadable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
    from cryptography.x509 import Certificate, CertificateSigningRequest

    # What has a public key, or is one.
    Keyed: TypeAlias = Certificate | CertificateSigningRequest | PrivateKeyTypes | PublicKeyTypes

PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | dsa.DSAPrivateKey
)
_KINDS = (
    rsa.RSAPrivateKey,
    ec.EllipticCurvePrivateKey,
    ed25519.Ed25519PrivateKey,
    ed448.Ed448PrivateKey,
    dsa.DSAPrivateKey,
)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A kind of key that the box makes: RSA of so many bits, or a curve by its SECG name (then `rsa_bits` is 0)."""

    name: str
    rsa_bits: int = 0
    curve: str = ""


# In the order of the box's own list: RSA by size, then the curves by size.
ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType(
    {
        algorithm.name: algorithm
        for algorithm in (
            Algorithm("rsa-1024", rsa_bits=1024),
            Algorithm("rsa-1536", rsa_bits=1536),
            Algorithm("rsa-2048", rsa_bits=2048),
            Algorithm("rsa-4096", rsa_bits=4096),
            Algorithm("ec-secp256r1", curve="secp256r1"),
            Algorithm("ec-secp384r1", curve="secp384r1"),
            Algorithm("ec-secp521r1", curve="secp521r1"),
        )
    }
)

_CURVES: Mapping[str, Callable[[], ec.EllipticCurve]] = MappingProxyType(
    {"secp256r1": ec.SECP256R1, "secp384r1": ec.SECP384R1, "secp521r1": ec.SECP521R1}
)


def generate(algorithm: Algorithm) -> PrivateKey:
    """A new private key. A curve takes under a millisecond, RSA 4096 up to several seconds."""
    if algorithm.curve:
        return ec.generate_private_key(_CURVES[algorithm.curve]())
    return rsa.generate_private_key(public_exponent=65537, key_size=algorithm.rsa_bits)


def generate_like(key: PrivateKey) -> PrivateKey:
    """A new private key of the same kind and size: a rekey. Raises KeyUnreadable for a kind that is never made."""
    if isinstance(key, rsa.RSAPrivateKey):
        return rsa.generate_private_key(public_exponent=65537, key_size=key.key_size)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return ec.generate_private_key(key.curve)
    raise KeyUnreadable("no new key of this kind can be made")


def encrypted_pem(key: PrivateKey, password: str) -> str:
    """The key as "ENCRYPTED PRIVATE KEY" PEM (RFC 5958), 64 columns, LF, without a newline at the end.

    Raises KeyUnreadable if the password is empty: there is no such encryption.
    """
    if not password:
        raise KeyUnreadable("a private key is not stored without a password")
    encryption = BestAvailableEncryption(_octets(password))
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode("ascii").rstrip("\n")
    _remember(text, password, key)
    return text


_HALVES: dict[bytes, bytes] = {}  # SubjectPublicKeyInfo by the digest of a PEM text and its password
_MOST_HALVES = 1024
_SHORTEST_RSA = 650  # characters of PEM; the longest curve's has 600 where it is encrypted, RSA 1024 some 900 in clear


def public_half(pem: str, password: str) -> bytes:
    """The DER SubjectPublicKeyInfo of the key in a PEM text. Raises KeyUnreadable.

    What this process has seen is not read again.
    """
    found = _HALVES.get(_digest(pem, password))
    return _remember(pem, password, load_private(pem, password)) if found is None else found


def has_half(thing: Keyed, half: bytes) -> bool:
    """Whether what `spki` takes has this public key."""
    try:
        return spki(thing) == half
    except KeyUnreadable:
        return False


def _remember(pem: str, password: str, key: PrivateKey) -> bytes:
    if len(_HALVES) >= _MOST_HALVES:
        _HALVES.clear()
    half = _HALVES[_digest(pem, password)] = spki(key)
    return half


def _digest(pem: str, password: str) -> bytes:
    return hashlib.sha256(_octets(f"{len(pem)} {pem}{password}")).digest()


def load_private(pem: str, password: str) -> PrivateKey:
    """The key in a PEM text: PKCS #8, PKCS #1 or SEC1, encrypted or clear. Raises KeyUnreadable.

    An empty password is none; one given for a key in clear is not needed and not minded. An RSA key's numbers are
    checked once: not again in a text that this process has written or read before.
    """
    octets = _octets(pem)
    secret = _octets(password) if password and b"ENCRYPTED" in octets else None
    known = _digest(pem, password) in _HALVES
    try:
        key = load_pem_private_key(octets, secret, unsafe_skip_rsa_key_validation=known)
    except TypeError:
        raise KeyUnreadable("the private key is encrypted and no password was given") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnreadable("the private key cannot be read: malformed, or the password is wrong") from None
    kept = _kept(key)
    if not known and isinstance(kept, rsa.RSAPrivateKey):
        _remember(pem, password, kept)
    return kept


def is_read_quickly(pem: str, password: str) -> bool:
    """Whether `load_private` takes a few milliseconds at most: no RSA key, or one that needs no check any more."""
    return len(pem) < _SHORTEST_RSA or _digest(pem, password) in _HALVES


def load_der(data: bytes) -> PrivateKey:
    """The key in clear DER: PKCS #8 (RFC 5958), PKCS #1 or SEC1. Raises KeyUnreadable."""
    try:
        key = load_der_private_key(data, None)
    except TypeError:
        raise KeyUnreadable("the private key is encrypted") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnreadable("the private key cannot be read: malformed") from None
    return _kept(key)


def _kept(key: object) -> PrivateKey:
    if not isinstance(key, _KINDS):
        raise KeyUnreadable("a private key of a kind that cannot sign a request")
    return key


def kind_of(key: PrivateKey) -> str:
    """What kind of key it is, in the words of `ALGORITHMS`: rsa-2048, ec-secp256r1, ed25519."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return f"ec-{key.curve.name}"
    if isinstance(key, rsa.RSAPrivateKey | dsa.DSAPrivateKey):
        return f"{'rsa' if isinstance(key, rsa.RSAPrivateKey) else 'dsa'}-{key.key_size}"
    return "ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "ed448"


def spki(thing: Keyed) -> bytes:
    """The DER SubjectPublicKeyInfo of a certificate, a request, a private or a public key.

    Raises KeyUnreadable where the key is of a kind or on a curve that is not supported.
    """
    try:
        holder = thing.public_key() if hasattr(thing, "public_key") else thing
        encoded: bytes = holder.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnreadable("a public key of an unsupported kind") from None
    return encoded


def same_key(a: Keyed, b: Keyed) -> bool:
    """Whether two things that `spki` takes have the same public key. One with an unsupported key equals nothing."""
    try:
        return spki(a) == spki(b)
    except KeyUnreadable:
        return False


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
