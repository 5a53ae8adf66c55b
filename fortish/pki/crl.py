"""Certificate revocation lists (RFC 5280 section 5): read, and held against the CA that is said to have signed them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from datetime import datetime
from typing import cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from fortish.pki.certificates import UNREADABLE, extension
from fortish.pki.faults import CertificateUnreadable, CrlFault
from fortish.pki.names import spaced

# Critical extensions that do not keep a list from being stored, sorted by OID.
_UNDERSTOOD = frozenset(
    {
        "2.5.29.20",  # cRLNumber
        "2.5.29.28",  # issuingDistributionPoint: which certificates it covers is for those who look one up
        "2.5.29.35",  # authorityKeyIdentifier
    }
)
_DELTA = "2.5.29.27"  # deltaCRLIndicator


def read(data: bytes | str) -> x509.CertificateRevocationList:
    """A list in PEM or DER, its names and dates known to be readable. Raises CrlFault."""
    octets = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loader = x509.load_pem_x509_crl if b"-----BEGIN" in octets else x509.load_der_x509_crl
            found = loader(octets)
            _ = (found.issuer, found.last_update_utc, found.next_update_utc, list(found.extensions))
        except UNREADABLE:
            raise CrlFault("it is not a certificate revocation list") from None
    return found


def issuer(found: x509.CertificateRevocationList) -> x509.Name:
    """Who has issued a list. An odd name is read anew each time, and would be warned of on stderr each time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return found.issuer


def pem_crl(found: x509.CertificateRevocationList) -> str:
    """The list as PEM, 64 columns, LF, without a newline at the end."""
    return found.public_bytes(Encoding.PEM).decode("ascii").rstrip("\n")


def check(
    found: x509.CertificateRevocationList, authorities: Iterable[x509.Certificate], at: datetime
) -> x509.Certificate:
    """The CA of `authorities` whose list this is: its name, its right to sign lists, its signature, valid at `at`.

    Raises CrlFault (RFC 5280 section 6.3.3). A delta list is refused: taken for a whole one, it would call revoked
    certificates good.
    """
    named = [one for one in authorities if one.subject.public_bytes() == issuer(found).public_bytes()]
    if not named:
        raise CrlFault(f"its issuer, {spaced(issuer(found))}, is no CA of this box")
    signer = next((one for one in named if _signed_by(found, one)), None)
    if signer is None:
        raise CrlFault("its signature is not that of its issuer")
    if not _may_sign(signer):
        raise CrlFault("its issuer may not sign revocation lists")
    for item in found.extensions:
        dotted = item.oid.dotted_string
        if dotted == _DELTA:
            raise CrlFault("it lists changes only, it is a delta CRL")
        if item.critical and dotted not in _UNDERSTOOD:
            raise CrlFault(f"it has an unknown critical extension, {dotted}")
    if at < found.last_update_utc:
        raise CrlFault("it is not yet valid")
    if found.next_update_utc is not None and at > found.next_update_utc:
        raise CrlFault("it is out of date")
    return signer


def _signed_by(found: x509.CertificateRevocationList, signer: x509.Certificate) -> bool:
    try:
        # A key of a kind that issues nothing is a TypeError.
        return found.is_signature_valid(cast(CertificateIssuerPublicKeyTypes, signer.public_key()))
    except (*UNREADABLE, InvalidSignature):
        return False


def _may_sign(signer: x509.Certificate) -> bool:
    try:
        usage = extension(signer, x509.KeyUsage)
    except CertificateUnreadable:
        return False
    return usage is None or usage.crl_sign
