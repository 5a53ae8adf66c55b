"""PKCS #12 files (RFC 7292): a private key, its certificate and CA certificates under one password."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from fortish.pki.certificates import UNREADABLE, load
from fortish.pki.faults import Pkcs12Fault
from fortish.pki.keys import PrivateKey, load_private, same_key

UNUSABLE = "malformed, or the password is wrong"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds: a key and the certificate for it (None where it lacks one), and all other certificates."""

    key: PrivateKey | None
    certificate: x509.Certificate | None
    others: tuple[x509.Certificate, ...]


def read(data: bytes, password: str) -> Contents:
    """The contents of a file. Slow by intent: the password is stretched.

    Raises Pkcs12Fault for what cannot be read, KeyUnreadable for a key that cannot sign, CertificateUnreadable.
    """
    key, found, rest = _loaded(data, password)
    own = None if found is None else load(found.public_bytes(Encoding.DER))
    others = tuple(load(one.public_bytes(Encoding.DER)) for one in rest)
    if key is None:
        return Contents(None, own, others)
    octets: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    kept = load_private(octets.decode("ascii"), "")
    # Whose certificate it is, is decided by the key, not by a label in the file.
    return Contents(kept, own if own is not None and same_key(own, kept) else None, others)


def _loaded(data: bytes, password: str) -> tuple[Any, Any, list[Any]]:
    octets = password.encode("utf-8", "surrogateescape") or None
    with warnings.catch_warnings():  # an odd encoding is the writer's affair, not a line on our stderr
        warnings.simplefilter("ignore")
        try:
            return pkcs12.load_key_and_certificates(data, octets)
        except UNREADABLE:
            raise Pkcs12Fault(UNUSABLE) from None


def write(
    name: str,
    key: PrivateKey,
    certificate: x509.Certificate,
    others: Iterable[x509.Certificate],
    password: str,
) -> bytes:
    """A file with the key, its certificate and `others`, encrypted. Raises Pkcs12Fault for an unusable password."""
    try:
        encryption = BestAvailableEncryption(password.encode("utf-8", "surrogateescape"))
        return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, list(others), encryption)
    except UNREADABLE as error:
        raise Pkcs12Fault(f"it cannot be written: {error}") from None
