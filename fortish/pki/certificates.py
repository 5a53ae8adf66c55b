"""What the rest of the package asks of a certificate, answered without surprises.

The certificate loader reads names, dates and extensions late and raises then; here that happens at once, or is turned
into a CertificateUnreadable. The raw fields serve where bytes must be copied, not understood.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from fortish.pki import der
from fortish.pki.faults import CertificateUnreadable, DerFault

_E = TypeVar("_E", bound=x509.ExtensionType)

UNREADABLE: Final = (
    ValueError,
    TypeError,
    OverflowError,
    LookupError,  # TLS features that it does not know
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)  # what cryptography raises for bytes it does not like


@dataclass(frozen=True, slots=True)
class RawFields:
    """Fields of a tbsCertificate as they stand in it. `extensions` is the SEQUENCE, or empty where there is none."""

    serial: int
    subject: bytes
    extensions: bytes


@dataclass(frozen=True, slots=True)
class RawExtension:
    """One extension: dotted OID, critical flag, and the contents of its OCTET STRING."""

    oid: str
    critical: bool
    value: bytes


def load(data: bytes) -> x509.Certificate:
    """One certificate from DER, its names and dates known to be readable. Raises CertificateUnreadable."""
    with warnings.catch_warnings():  # an odd encoding is the CA's affair, not a line on our stderr
        warnings.simplefilter("ignore")
        try:
            certificate = x509.load_der_x509_certificate(data)
            _touch(certificate)
        except UNREADABLE as error:
            raise CertificateUnreadable(f"not a certificate: {error}") from None
    return certificate


def extensions(certificate: x509.Certificate) -> x509.Extensions:
    """All extensions, parsed. Raises CertificateUnreadable if one of them is malformed or there twice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return certificate.extensions
        except UNREADABLE as error:
            raise CertificateUnreadable(f"a malformed extension: {error}") from None


def extension(certificate: x509.Certificate, kind: type[_E]) -> _E | None:
    """The value of one extension, None where the certificate has none. Raises CertificateUnreadable."""
    try:
        return extensions(certificate).get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


@lru_cache(maxsize=256)
def raw_fields(certificate: x509.Certificate) -> RawFields:
    """Serial, and subject and extensions byte for byte. CertificateUnreadable if out of order."""
    try:
        fields = list(der.children(der.first(certificate.tbs_certificate_bytes)))
        start = 1 if fields[0].tag == der.CONTEXT_0 else 0  # version 1 is not written
        holder = next((field for field in fields[start + 6 :] if field.tag == der.CONTEXT_3), None)
        listed = next(der.children(holder)).raw if holder is not None else b""
        return RawFields(int.from_bytes(fields[start].content, "big", signed=True), fields[start + 4].raw, listed)
    except (DerFault, IndexError, StopIteration):
        raise CertificateUnreadable("not a certificate: its fields are out of order") from None


def serial_number(certificate: x509.Certificate) -> int:
    """The serial number, of any sign: cryptography warns of those below 1, and means to refuse them one day."""
    return raw_fields(certificate).serial


def raw_extensions(certificate: x509.Certificate) -> list[RawExtension]:
    """The extensions in order, unparsed, so that one malformed value hides nothing. Raises CertificateUnreadable."""
    return list(_raw_extensions(raw_fields(certificate).extensions))


@lru_cache(maxsize=256)
def _raw_extensions(listed: bytes) -> tuple[RawExtension, ...]:
    try:
        found = der.children(der.first(listed)) if listed else ()
        return tuple(_raw_extension(list(der.children(item))) for item in found)
    except (DerFault, IndexError):
        raise CertificateUnreadable("a malformed extension") from None


def lone_extension(certificate: x509.Certificate, oid: str) -> x509.ExtensionType | None:
    """The value of one extension, its neighbours unread, so that they may be malformed. None if it is so itself."""
    try:
        tbs, *signature = der.children(der.first(certificate.public_bytes(Encoding.DER)))
        others = [field.raw for field in der.children(tbs) if field.tag != der.CONTEXT_3]
        listed = der.children(der.first(raw_fields(certificate).extensions))
        alone = next(item for item in listed if der.read_oid(next(der.children(item))) == oid)
        holder = der.encode(der.CONTEXT_3, der.encode(der.SEQUENCE, alone.raw))
        cut = der.encode(der.SEQUENCE, *others, holder)
        rebuilt = load(der.encode(der.SEQUENCE, cut, *(field.raw for field in signature)))
        return next((extension.value for extension in extensions(rebuilt)), None)
    except (DerFault, CertificateUnreadable, StopIteration):
        return None


def _raw_extension(parts: list[der.Element]) -> RawExtension:
    critical = len(parts) == 3 and parts[1].content != b"\x00"
    return RawExtension(der.read_oid(parts[0]), critical, parts[-1].content)


def _touch(certificate: x509.Certificate) -> None:
    _ = (certificate.version, certificate.subject, certificate.issuer)
    _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
