"""A certificate in words, as the box prints it: the block of the EST trace, and the block of `get`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from fortish.pki.certificates import extension, serial_number
from fortish.pki.extensions import printed_extensions, upper_hex
from fortish.pki.faults import CertificateUnreadable
from fortish.pki.names import spaced, tight

_CLIENT_AUTH = frozenset({"1.3.6.1.5.5.7.3.2", "2.5.29.37.0"})  # id-kp-clientAuth, anyExtendedKeyUsage
_HASHES: Mapping[str, Callable[[], hashes.HashAlgorithm]] = MappingProxyType(
    {"md5": hashes.MD5, "sha1": hashes.SHA1, "sha256": hashes.SHA256}
)


def trace_block(certificate: x509.Certificate) -> list[str]:
    """The lines that follow `est_print_x509:` in the trace, indents and trailing blanks included.

    They are those of `openssl x509 -text -nameopt compat -certopt` with `no_header,no_validity,no_pubkey,no_sigdump,
    no_signame`. Raises CertificateUnreadable for an extension list that is none; odd values are dumped.
    """
    version = certificate.version.value
    lines = [
        f"        Version: {version + 1} (0x{version:x})",
        *_trace_serial(serial_number(certificate)),
        f"        Issuer: {tight(certificate.issuer)}",
        f"        Subject: {tight(certificate.subject)}",
    ]
    printed = printed_extensions(certificate)
    if printed:
        lines.append("        X509v3 extensions:")
    for item in printed:
        lines.append(f"            {item.name}: {'critical' if item.critical else ''}")
        lines += item.lines
    return lines


def get_block(certificate: x509.Certificate) -> list[str]:
    """The lines below `certificate         : ` that `get` of an entry prints; times are UTC.

    Raises CertificateUnreadable for an extension list that is none; odd values are dumped.
    """
    fields = (
        ("Subject:", spaced(certificate.subject)),
        ("Issuer:", spaced(certificate.issuer)),
        ("Valid from:", _time(certificate.not_valid_before_utc)),
        ("Valid to:", _time(certificate.not_valid_after_utc)),
        ("Fingerprint:", fingerprint(certificate)),
        ("Root CA:", "Yes" if _is_root(certificate) else "No"),
        ("Version:", str(certificate.version.value + 1)),
    )
    lines = [f"        {label:<13}{value}" for label, value in fields]
    lines += ["        Serial Num:", f"                {serial_text(certificate)}"]
    printed = printed_extensions(certificate)
    if printed:
        lines.append("        Extensions:")
    for place, item in enumerate(printed):
        lines += [""] if place else []
        lines.append(f"                Name:     {item.name}")
        lines.append(f"                Critical: {'yes' if item.critical else 'no'}")
        lines += ["                Content:", *item.lines]
    return lines


def detail_rows(certificate: x509.Certificate) -> list[tuple[str, str]]:
    """The rows of `get … details` below the name, (label, value); times are UTC."""
    return [
        ("Subject:", spaced(certificate.subject)),
        ("Issuer:", spaced(certificate.issuer)),
        ("Valid from:", _time(certificate.not_valid_before_utc)),
        ("Valid to:", _time(certificate.not_valid_after_utc)),
        ("Fingerprint:", fingerprint(certificate)),
        ("Serial Num:", serial_text(certificate)),
    ]


def crl_rows(crl: x509.CertificateRevocationList) -> list[tuple[str, str]]:
    """The same of a revocation list."""
    from fortish.pki.crl import issuer

    until = crl.next_update_utc
    return [
        ("Issuer:", spaced(issuer(crl))),
        ("Last update:", _time(crl.last_update_utc)),
        ("Next update:", _time(until) if until is not None else "none"),
        ("Fingerprint:", upper_hex(crl.fingerprint(_HASHES["md5"]()))),
        ("Revoked:", str(len(crl))),
    ]


def fingerprint(certificate: x509.Certificate, algorithm: str = "md5") -> str:
    """The hash over the whole DER certificate, "md5" (the box's own), "sha1" or "sha256", upper-case with colons."""
    return upper_hex(certificate.fingerprint(_HASHES[algorithm]()))


def serial_text(certificate: x509.Certificate) -> str:
    """`07:47:02`: the serial number in lower-case hex with colons, in the fewest octets, without a sign."""
    return _octets(serial_number(certificate))


def lacks_client_auth(certificate: x509.Certificate) -> bool:
    """Whether no extendedKeyUsage says that the certificate may authenticate a TLS client.

    One without the extension lacks it too: that is when the box warns, although RFC 5280 4.2.1.12 would allow it.
    """
    try:
        usages = extension(certificate, x509.ExtendedKeyUsage)
    except CertificateUnreadable:
        return True
    return usages is None or _CLIENT_AUTH.isdisjoint(usage.dotted_string for usage in usages)


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether the key of a certificate may sign: no keyUsage, or one with digitalSignature (RFC 5280 4.2.1.3)."""
    try:
        usage = extension(certificate, x509.KeyUsage)
    except CertificateUnreadable:
        return True
    return usage is None or usage.digital_signature


def _trace_serial(serial: int) -> list[str]:
    if -(2**63) <= serial < 2**63 and serial != -1:  # -1 is what OpenSSL's reading of a small serial fails with
        sign = "-" if serial < 0 else ""
        return [f"        Serial Number: {serial} ({sign}0x{abs(serial):x})"]
    return ["        Serial Number:", f"            {' (Negative)' if serial < 0 else ''}{_octets(serial)}"]


def _octets(serial: int) -> str:
    size = max(1, (serial.bit_length() + 7) // 8)
    return abs(serial).to_bytes(size, "big").hex(":")


def _is_root(certificate: x509.Certificate) -> bool:
    try:
        constraints = extension(certificate, x509.BasicConstraints)
    except CertificateUnreadable:
        return False
    return constraints is not None and constraints.ca and certificate.subject == certificate.issuer


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}  GMT"
