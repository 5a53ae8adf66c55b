"""Certificates in and out of PEM (RFC 7468), the form in which the configuration keeps them."""

from __future__ import annotations

import binascii
import re
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fortish.pki.certificates import load
from fortish.pki.faults import CertificateUnreadable

_BLOCK = re.compile(r"-----BEGIN (?:X509 )?CERTIFICATE-----([^-]*)-----END (?:X509 )?CERTIFICATE-----")


@lru_cache(maxsize=256)
def certificate(pem: str) -> x509.Certificate:
    """The first certificate in the text. Raises CertificateUnreadable."""
    block = _BLOCK.search(pem)
    if block is None:
        raise CertificateUnreadable("no PEM certificate")
    return _decoded(block[1])


def certificates(bundle: str | bytes) -> list[x509.Certificate]:
    """Every PEM certificate in the text in its order, or one DER certificate. Raises CertificateUnreadable.

    Private keys and whatever else stands between the certificates is passed over; a bundle with none is refused.
    """
    if isinstance(bundle, bytes):
        if bundle.startswith(b"\x30\x82"):
            return [load(bundle)]
        bundle = bundle.decode("latin-1")
    found = [_decoded(block[1]) for block in _BLOCK.finditer(bundle)]
    if not found:
        raise CertificateUnreadable("no PEM certificate")
    return found


def pem(certificate: x509.Certificate) -> str:
    """One certificate as PEM, 64 columns, LF, without a newline at the end."""
    return certificate.public_bytes(Encoding.PEM).decode("ascii").rstrip("\n")


def _decoded(body: str) -> x509.Certificate:
    try:
        return load(binascii.a2b_base64("".join(body.split()).encode("ascii"), strict_mode=True))
    except ValueError:  # binascii.Error and UnicodeEncodeError are ValueErrors
        raise CertificateUnreadable("not base64 between the PEM lines") from None
