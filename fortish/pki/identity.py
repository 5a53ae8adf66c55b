"""Whom a certificate speaks for: a host (RFC 6125, as libcurl checks it) or a registration authority (RFC 7030 3.6)."""

from __future__ import annotations

import ipaddress
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from fortish.pki.certificates import extension
from fortish.pki.faults import CertificateUnreadable

CMC_RA: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.28")  # id-kp-cmcRA, RFC 6402 2.10

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def names_host(certificate: x509.Certificate, host: str) -> bool:
    """Whether the certificate is for `host`: a DNS name, or an IP address (brackets and IPv6 zone are passed over).

    A wildcard stands for the whole left-most label only. The (last) common name counts only where there is no
    alternative name of kind DNS or IP. A certificate with an unreadable extension is for no one.
    """
    try:
        names = extension(certificate, x509.SubjectAlternativeName)
    except CertificateUnreadable:
        return False
    dns = names.get_values_for_type(x509.DNSName) if names is not None else []
    addresses = names.get_values_for_type(x509.IPAddress) if names is not None else []
    address = _address(host)
    if dns or addresses:
        return address in addresses if address is not None else any(_matches(pattern, host) for pattern in dns)
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not common:
        return False
    last = str(common[-1].value)
    return _address(last) == address if address is not None else _matches(last, host)


def is_cmc_ra(certificate: x509.Certificate) -> bool:
    """Whether an extendedKeyUsage of the certificate holds id-kp-cmcRA."""
    try:
        usages = extension(certificate, x509.ExtendedKeyUsage)
    except CertificateUnreadable:
        return False
    return usages is not None and CMC_RA in usages


def _address(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _matches(pattern: str, host: str) -> bool:
    wanted, given = _ascii(host), _ascii(pattern)
    if not wanted or not given:
        return False
    if not given.startswith("*."):
        return given == wanted
    # libcurl wants two labels behind the star: "*.com" is for no one. A dot is no part of a label.
    label, _, rest = wanted.partition(".")
    return bool(label) and rest == given[2:] and "." in rest


def _ascii(name: str) -> str:
    """Lower case, IDNA where needed, without the root's dot; empty for what is no name."""
    try:
        encoded = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return encoded.lower().removesuffix(".")
