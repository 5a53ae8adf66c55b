"""The text of X.509 extensions as `openssl x509 -text` prints it (OpenSSL 3.0), one printer per extension.

A printer gives lines relative to the indent of the extension's content, which both of the box's blocks share. What
has no printer here, or cannot be parsed, is dumped as OpenSSL dumps the unknown. Signed certificate timestamps are
dumped too, where OpenSSL tells them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cryptography import x509

from fortish.pki import der
from fortish.pki.certificates import RawExtension, extensions, lone_extension, raw_extensions
from fortish.pki.faults import CertificateUnreadable, DerFault
from fortish.pki.generalnames import address_text, general_name, lone_name
from fortish.pki.names import plain, spaced
from fortish.pki.oids import EXTENSIONS, OBJECTS, long_name

_INDENT = " " * 16
_MOST_LONE = 50  # extensions read one by one where some are malformed; the rest are dumped


@dataclass(frozen=True, slots=True)
class PrintedExtension:
    """One extension in words. `lines` are its content as printed, 16 blanks of indent included."""

    name: str
    critical: bool
    lines: tuple[str, ...]


def printed_extensions(certificate: x509.Certificate) -> list[PrintedExtension]:
    """Every extension in the certificate's order. Never fails over a malformed value: that is dumped."""
    listed = raw_extensions(certificate)
    known: dict[str, x509.ExtensionType | None]
    try:
        known = {extension.oid.dotted_string: extension.value for extension in extensions(certificate)}
    except CertificateUnreadable:
        known = {raw.oid: lone_extension(certificate, raw.oid) for raw in listed[:_MOST_LONE]}
    return [
        PrintedExtension(EXTENSIONS.get(raw.oid, raw.oid), raw.critical, tuple(_lines(raw, known.get(raw.oid))))
        for raw in listed
    ]


def requested_extensions(request: x509.CertificateSigningRequest) -> list[PrintedExtension]:
    """The extensions that a request asks for, in its order. Raises ValueError where they cannot be read."""
    return [
        PrintedExtension(EXTENSIONS.get(raw.oid, raw.oid), raw.critical, tuple(_lines(raw, found.value)))
        for found in request.extensions
        for raw in [RawExtension(found.oid.dotted_string, found.critical, found.value.public_bytes())]
    ]


def upper_hex(octets: bytes) -> str:
    """`1A:DF:39`: octets as upper-case hex with colons."""
    return octets.hex(":").upper()


def _lines(raw: RawExtension, value: Any) -> list[str]:
    try:
        if raw.oid in _RAW_PRINTERS:
            return _placed(_RAW_PRINTERS[raw.oid](raw.value))
        if (printer := _PRINTERS.get(type(value))) is not None:
            return _placed(printer(value))
    except (DerFault, ValueError):
        pass
    return _dump(raw.value)


def _placed(lines: list[str]) -> list[str]:
    return [f"{_INDENT}{line}" if line else "" for line in lines]


def _dump(octets: bytes) -> list[str]:
    # OpenSSL indents only the start, and passes CR on; that would overwrite a terminal's line, so here it is a dot.
    shown = "".join(chr(octet) if 0x20 <= octet <= 0x7E or octet == 0x0A else "." for octet in octets)
    return f"{_INDENT}{shown}".split("\n")


def _basic_constraints(value: x509.BasicConstraints) -> list[str]:
    path = "" if value.path_length is None else f", pathlen:{value.path_length}"
    return [f"CA:{str(value.ca).upper()}{path}"]


def _key_usage(value: x509.KeyUsage) -> list[str]:
    # The last two flags may only be asked for together with key_agreement.
    agreement = value.key_agreement
    flags = (
        ("Digital Signature", value.digital_signature),
        ("Non Repudiation", value.content_commitment),
        ("Key Encipherment", value.key_encipherment),
        ("Data Encipherment", value.data_encipherment),
        ("Key Agreement", agreement),
        ("Certificate Sign", value.key_cert_sign),
        ("CRL Sign", value.crl_sign),
        ("Encipher Only", agreement and value.encipher_only),
        ("Decipher Only", agreement and value.decipher_only),
    )
    return [", ".join(name for name, is_set in flags if is_set)]


def _authority_key(value: x509.AuthorityKeyIdentifier) -> list[str]:
    alone = value.authority_cert_issuer is None and value.authority_cert_serial_number is None
    lines = []
    if value.key_identifier is not None:
        lines.append(f"{'' if alone else 'keyid:'}{upper_hex(value.key_identifier)}")
    lines += map(general_name, value.authority_cert_issuer or ())
    if value.authority_cert_serial_number is not None:
        lines.append(f"serial:{upper_hex(_integer_octets(value.authority_cert_serial_number))}")
    return lines or ["<EMPTY>"]


def _integer_octets(value: int) -> bytes:
    return abs(value).to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _distribution_points(value: Iterable[x509.DistributionPoint]) -> list[str]:
    lines: list[str] = []
    for point in value:
        if point.full_name is not None:
            lines += ["Full Name:", *_indented(map(lone_name, point.full_name))]
        if point.relative_name is not None:
            lines += ["Relative Name:", f"  {spaced(x509.Name([point.relative_name]))}"]
        if point.reasons is not None:
            lines += ["Reasons:", "  " + ", ".join(word for flag, word in _REASONS.items() if flag in point.reasons)]
        if point.crl_issuer is not None:
            lines += ["CRL Issuer:", *_indented(map(lone_name, point.crl_issuer))]
    return lines


def _access(value: Iterable[x509.AccessDescription]) -> list[str]:
    return [f"{long_name(item.access_method)} - {general_name(item.access_location)}" for item in value]


def _policies(value: x509.CertificatePolicies) -> list[str]:
    lines: list[str] = []
    for policy in value:
        lines.append(f"Policy: {long_name(policy.policy_identifier)}")
        for qualifier in policy.policy_qualifiers or ():
            lines += _indented([f"CPS: {plain(qualifier)}"] if isinstance(qualifier, str) else _notice(qualifier))
    return lines


def _notice(notice: x509.UserNotice) -> list[str]:
    lines = ["User Notice:"]
    if (reference := notice.notice_reference) is not None:
        numbers = reference.notice_numbers
        lines.append(f"  Organization: {plain(reference.organization or '')}")
        lines.append(f"  Number{'s' if len(numbers) > 1 else ''}: {', '.join(map(str, numbers))}")
    if notice.explicit_text is not None:
        lines.append(f"  Explicit Text: {plain(notice.explicit_text)}")
    return lines


def _name_constraints(value: x509.NameConstraints) -> list[str]:
    lines: list[str] = []
    for title, subtrees in (("Permitted:", value.permitted_subtrees), ("Excluded:", value.excluded_subtrees)):
        if subtrees:
            lines += [title, *_indented(map(_constraint, subtrees))]
    return lines


def _constraint(name: x509.GeneralName) -> str:
    if isinstance(name, x509.IPAddress) and isinstance(name.value, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
        return f"IP:{address_text(name.value.network_address)}/{address_text(name.value.netmask)}"
    return lone_name(name)


def _policy_constraints(value: x509.PolicyConstraints) -> list[str]:
    pairs = (
        ("Require Explicit Policy", value.require_explicit_policy),
        ("Inhibit Policy Mapping", value.inhibit_policy_mapping),
    )
    return [", ".join(f"{word}:{skip}" for word, skip in pairs if skip is not None)]


def _netscape_type(octets: bytes) -> list[str]:
    bits = der.first(octets).content[1:2] or b"\0"
    return [", ".join(word for place, word in enumerate(_NETSCAPE_TYPES) if bits[0] & 0x80 >> place)]


def _policy_mappings(octets: bytes) -> list[str]:
    pairs = (list(map(der.read_oid, der.children(pair))) for pair in der.children(der.first(octets)))
    return [", ".join(":".join(OBJECTS.get(oid, oid) for oid in pair) for pair in pairs)]


def _netscape_comment(octets: bytes) -> list[str]:
    return [plain(der.first(octets).content.decode("ascii"))]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _names(value: Iterable[x509.GeneralName]) -> list[str]:
    return [", ".join(map(general_name, value)) or "<EMPTY>"]


_NETSCAPE_TYPES = (
    *("SSL Client", "SSL Server", "S/MIME", "Object Signing"),
    *("Unused", "SSL CA", "S/MIME CA", "Object Signing CA"),
)  # by bit, from the highest
_REASONS: Mapping[x509.ReasonFlags, str] = MappingProxyType(
    {
        x509.ReasonFlags.key_compromise: "Key Compromise",
        x509.ReasonFlags.ca_compromise: "CA Compromise",
        x509.ReasonFlags.affiliation_changed: "Affiliation Changed",
        x509.ReasonFlags.superseded: "Superseded",
        x509.ReasonFlags.cessation_of_operation: "Cessation Of Operation",
        x509.ReasonFlags.certificate_hold: "Certificate Hold",
        x509.ReasonFlags.privilege_withdrawn: "Privilege Withdrawn",
        x509.ReasonFlags.aa_compromise: "AA Compromise",
    }
)  # by bit
_PRINTERS: Mapping[type, Callable[[Any], list[str]]] = MappingProxyType(
    {
        x509.AuthorityInformationAccess: _access,
        x509.AuthorityKeyIdentifier: _authority_key,
        x509.BasicConstraints: _basic_constraints,
        x509.CRLDistributionPoints: _distribution_points,
        x509.CertificatePolicies: _policies,
        x509.ExtendedKeyUsage: lambda value: [", ".join(map(long_name, value))],
        x509.FreshestCRL: _distribution_points,
        x509.InhibitAnyPolicy: lambda value: [str(value.skip_certs)],
        x509.IssuerAlternativeName: _names,
        x509.KeyUsage: _key_usage,
        x509.NameConstraints: _name_constraints,
        x509.OCSPNoCheck: lambda value: [""],
        x509.PolicyConstraints: _policy_constraints,
        x509.SubjectAlternativeName: _names,
        x509.SubjectInformationAccess: _access,
        x509.SubjectKeyIdentifier: lambda value: [upper_hex(value.digest)],
        x509.TLSFeature: lambda value: [", ".join(feature.name for feature in value)],
    }
)  # sorted by name
_RAW_PRINTERS: Mapping[str, Callable[[bytes], list[str]]] = MappingProxyType(
    {
        "2.16.840.1.113730.1.1": _netscape_type,
        "2.16.840.1.113730.1.13": _netscape_comment,
        "2.5.29.33": _policy_mappings,
    }
)
