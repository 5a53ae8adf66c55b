"""A lab's certification authority: a certificate and its EC P-256 key, which signs with ECDSA and SHA-256.

It is made afresh, or kept in a folder. It is for labs: the kept key is in clear.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fortish.errors import UsageError
from fortish.pki import keys
from fortish.pki.certificates import extension, load
from fortish.pki.chains import is_ca
from fortish.pki.faults import CertificateUnreadable, KeyUnreadable
from fortish.pki.identity import CMC_RA
from fortish.pki.pem import certificate as from_pem

FIRST_SERIAL: Final = 476823  # 0x74697, the documented first certificate's
LAB_NAMES: Final = ("localhost", "testrfc7030.com")  # what a server certificate names besides the listening address
CERTIFICATE_FILE: Final = "cacert.pem"
KEY_FILE: Final = "cakey.pem"
SERIAL_FILE: Final = "serial"

_ROOT_YEARS = 10
_SERVER_DAYS = 730
_LONGEST_COMMON_NAME = 64  # characters, RFC 5280 appendix A
_SERIALS_PER_START = 1 << 20
_HASH = hashes.SHA256()
_DAY = timedelta(days=1)
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
_DIGITAL_SIGNATURE = x509.KeyUsage(**{usage: usage == "digital_signature" for usage in _USAGES})
_CA_USAGE = x509.KeyUsage(**{usage: usage in ("key_cert_sign", "crl_sign") for usage in _USAGES})
_NO_CA = x509.BasicConstraints(ca=False, path_length=None)


@dataclass(frozen=True, slots=True, eq=False)
class Authority:
    """A CA certificate, self-signed or not, and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def fresh(cls, now: datetime, common_name: str = "estExampleCA") -> Authority:
        """A new root, valid from the day before `now` (aware) for ten years.

        As documented: no extensions but basicConstraints CA:TRUE and subjectKeyIdentifier, neither critical, and a
        serial number of 64 bits with the highest set.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = _common_name(common_name)
        since = now - _DAY
        builder = _unsigned(name, key.public_key(), name, (since, _years_after(since, _ROOT_YEARS)))
        builder = builder.serial_number(1 << 63 | secrets.randbits(63))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        return cls(load(builder.sign(key, _HASH).public_bytes(Encoding.DER)), key)

    def below(self, now: datetime, common_name: str) -> Authority:
        """A new intermediate CA, for as long as this one is valid; it may sign end entities only."""
        key = ec.generate_private_key(ec.SECP256R1())
        dates = now - _DAY, self.certificate.not_valid_after_utc
        builder = _unsigned(_common_name(common_name), key.public_key(), self.certificate.subject, dates)
        builder = builder.serial_number(1 << 63 | secrets.randbits(63))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_CA_USAGE, critical=True)
        return Authority(self._signed(builder, key.public_key()), key)

    def vouch(self, other: x509.Certificate, dates: tuple[datetime, datetime]) -> x509.Certificate:
        """Another root's name and key, signed by this one (RFC 4210 section 4.4)."""
        key = other.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)  # all roots here have one
        builder = _unsigned(other.subject, key, self.certificate.subject, dates)
        builder = builder.serial_number(1 << 63 | secrets.randbits(63))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
        return self._signed(builder, key)

    def revocations(self, listed: Iterable[tuple[int, datetime]], number: int, now: datetime) -> bytes:
        """A revocation list in DER (RFC 5280 section 5), good for a week: serial numbers, and since when."""
        builder = x509.CertificateRevocationListBuilder(issuer_name=self.certificate.subject)
        builder = builder.last_update(now).next_update(now + 7 * _DAY)
        for serial, since in listed:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
            builder = builder.add_revoked_certificate(entry.build())
        builder = builder.add_extension(self._above(), critical=False)
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        return builder.sign(self.key, _HASH).public_bytes(Encoding.DER)

    def issue(
        self,
        public_key: CertificatePublicKeyTypes,
        subject: x509.Name,
        serial: int,
        now: datetime,
        *,
        san: x509.SubjectAlternativeName | None = None,
        days: int = 365,
        ra: bool = False,
    ) -> x509.Certificate:
        """A certificate for `public_key`, valid `days` days from `now` (aware).

        Extensions as documented: basicConstraints CA:FALSE, keyUsage digitalSignature, then `san` if there is one,
        subjectKeyIdentifier and authorityKeyIdentifier. None is critical, save a `san` that stands for an empty
        subject (RFC 5280 4.2.1.6). `ra`: it is a registration authority's, with the key purpose id-kp-cmcRA (RFC 6402
        section 2.10) and that of a TLS client.
        """
        builder = _unsigned(subject, public_key, self.certificate.subject, (now, now + days * _DAY))
        builder = builder.serial_number(serial)
        builder = builder.add_extension(_NO_CA, critical=False).add_extension(_DIGITAL_SIGNATURE, critical=False)
        if ra:
            purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, CMC_RA])
            builder = builder.add_extension(purposes, critical=False)
        if san is not None:
            builder = builder.add_extension(san, critical=not len(subject))
        return self._signed(builder, public_key)

    def server_certificate(
        self, names: Sequence[str], now: datetime
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """A TLS server's certificate for the host names and addresses `names`, and its new key; good for two years."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _common_name(next((name for name in names if len(name) <= _LONGEST_COMMON_NAME), "EST server"))
        builder = _unsigned(
            subject, key.public_key(), self.certificate.subject, (now - _DAY, now + _SERVER_DAYS * _DAY)
        )
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.add_extension(_NO_CA, critical=False).add_extension(_DIGITAL_SIGNATURE, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(map(_general_name, names)), critical=False)
        return self._signed(builder, key.public_key()), key

    def registration_authority(self, now: datetime) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
        """A certificate to sign SCEP messages and receive them with, and its new RSA key; good for two years."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = _common_name("SCEP RA")
        until = min(now + _SERVER_DAYS * _DAY, self.certificate.not_valid_after_utc)
        builder = _unsigned(subject, key.public_key(), self.certificate.subject, (now - _DAY, until))
        builder = builder.serial_number(x509.random_serial_number())
        usages = {usage: usage in ("digital_signature", "key_encipherment") for usage in _USAGES}
        builder = builder.add_extension(_NO_CA, critical=False).add_extension(x509.KeyUsage(**usages), critical=True)
        return self._signed(builder, key.public_key()), key

    def has_issued(self, certificate: x509.Certificate) -> bool:
        """Whether this CA's key has signed `certificate`, and it is not the CA's own."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return certificate != self.certificate

    def save(self, folder: Path) -> None:
        """Keep the root in `folder`, which is made if need be; the key's file is for its owner only.

        Raises UsageError where it cannot be written.
        """
        clear = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(folder / KEY_FILE, clear, 0o600)
            replace_file(folder / CERTIFICATE_FILE, self.certificate.public_bytes(Encoding.PEM), 0o644)
        except OSError as error:
            raise UsageError(f"cannot keep the CA in {folder}: {error.strerror}") from None

    @classmethod
    def load(cls, folder: Path) -> Authority:
        """The root that `save` kept in `folder`. Raises UsageError where there is none, or one that does not fit."""
        try:
            certificate = from_pem((folder / CERTIFICATE_FILE).read_text("utf-8"))
            key = keys.load_private((folder / KEY_FILE).read_text("utf-8"), "")
        except OSError as error:
            raise UsageError(f"cannot read the CA in {folder}: {error.strerror}") from None
        except (CertificateUnreadable, KeyUnreadable, UnicodeDecodeError) as fault:
            raise UsageError(f"cannot read the CA in {folder}: {fault}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not keys.same_key(certificate, key):
            raise UsageError(f"in {folder}, {KEY_FILE} is not the EC key of {CERTIFICATE_FILE}")
        if not is_ca(certificate) or extension(certificate, x509.SubjectKeyIdentifier) is None:
            raise UsageError(f"in {folder}, {CERTIFICATE_FILE} is no CA certificate with a key identifier")
        return cls(certificate, key)

    def _signed(self, builder: x509.CertificateBuilder, public_key: CertificatePublicKeyTypes) -> x509.Certificate:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        return builder.add_extension(self._above(), critical=False).sign(self.key, _HASH)

    def _above(self) -> x509.AuthorityKeyIdentifier:
        ours = extension(self.certificate, x509.SubjectKeyIdentifier)
        assert ours is not None  # all that make one add it, `load` looks for it
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ours)


def reserve_serials(folder: Path) -> int:
    """The first serial number of a run with the CA kept in `folder`; the next run gets one 2**20 further on.

    So no number is given twice, whatever ends a run, and nothing is written for a certificate. Raises UsageError.
    """
    path = folder / SERIAL_FILE
    try:
        first = int(path.read_text("ascii")) if path.exists() else FIRST_SERIAL
        replace_file(path, b"%d\n" % (first + _SERIALS_PER_START), 0o644)
    except OSError as error:
        raise UsageError(f"cannot keep serial numbers in {path}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{path} does not hold a number") from None
    return first


def _unsigned(
    subject: x509.Name, public_key: CertificatePublicKeyTypes, issuer: x509.Name, dates: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    since, until = dates
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=public_key)
    return builder.not_valid_before(since).not_valid_after(until)


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        return x509.DNSName(name)


def _years_after(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:  # 29 February
        return moment.replace(year=moment.year + years, day=28)


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Replace a file in one step, so that a run that is killed leaves the old one or the new one.

    Raises OSError.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    unfinished.replace(path)
