"""Names: distinguished and alternative names built from what was typed, and distinguished names in two spellings.

Printed names keep the order of the encoding and OpenSSL's short names. Unlike OpenSSL's, they keep non-ASCII text
readable; whatever could move a cursor or reorder a line is escaped.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from cryptography import x509

from fortish.pki.faults import RequestFault

# OpenSSL's short names, sorted by OID: printed as they stand, accepted in any case.
SHORT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "0.9.2342.19200300.100.1.1": "UID",
        "0.9.2342.19200300.100.1.25": "DC",
        "1.2.840.113549.1.9.1": "emailAddress",
        "1.2.840.113549.1.9.2": "unstructuredName",
        "1.2.840.113549.1.9.8": "unstructuredAddress",
        "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
        "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
        "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
        "2.5.4.3": "CN",
        "2.5.4.4": "SN",
        "2.5.4.5": "serialNumber",
        "2.5.4.6": "C",
        "2.5.4.7": "L",
        "2.5.4.8": "ST",
        "2.5.4.9": "street",
        "2.5.4.10": "O",
        "2.5.4.11": "OU",
        "2.5.4.12": "title",
        "2.5.4.13": "description",
        "2.5.4.15": "businessCategory",
        "2.5.4.16": "postalAddress",
        "2.5.4.17": "postalCode",
        "2.5.4.20": "telephoneNumber",
        "2.5.4.41": "name",
        "2.5.4.42": "GN",
        "2.5.4.43": "initials",
        "2.5.4.44": "generationQualifier",
        "2.5.4.45": "x500UniqueIdentifier",
        "2.5.4.46": "dnQualifier",
        "2.5.4.65": "pseudonym",
        "2.5.4.97": "organizationIdentifier",
    }
)

# Other spellings that people type, lower case, sorted.
_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "commonname": "2.5.4.3",
        "countryname": "2.5.4.6",
        "e": "1.2.840.113549.1.9.1",
        "email": "1.2.840.113549.1.9.1",
        "g": "2.5.4.42",
        "givenname": "2.5.4.42",
        "localityname": "2.5.4.7",
        "s": "2.5.4.8",
        "sp": "2.5.4.8",
        "streetaddress": "2.5.4.9",
        "surname": "2.5.4.4",
    }
)
_FIELDS = {name.lower(): oid for oid, name in SHORT_NAMES.items()} | dict(_ALIASES)

# Upper bounds in characters (X.520, RFC 5280 appendix A; DC is one DNS label); fields not named here: 255.
_BOUNDS: Mapping[str, int] = MappingProxyType(
    {
        "0.9.2342.19200300.100.1.25": 63,
        "2.5.4.3": 64,
        "2.5.4.5": 64,
        "2.5.4.7": 128,
        "2.5.4.8": 128,
        "2.5.4.10": 64,
        "2.5.4.11": 64,
        "2.5.4.12": 64,
    }
)

_ASCII = re.compile(r"[\x20-\x7e]+")
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]+")
_COUNTRY = re.compile(r"[A-Za-z]{2}")

# What a value must look like where its string type is narrower than UTF8String, and how to say so.
_SHAPES: Mapping[str, tuple[re.Pattern[str], str]] = MappingProxyType(
    {
        "0.9.2342.19200300.100.1.25": (_ASCII, "must be ASCII"),
        "1.2.840.113549.1.9.1": (_ASCII, "must be ASCII"),
        "1.3.6.1.4.1.311.60.2.1.3": (_COUNTRY, "must be two letters"),
        "2.5.4.5": (_PRINTABLE, "has a character that is not allowed there"),
        "2.5.4.6": (_COUNTRY, "must be two letters"),
        "2.5.4.46": (_PRINTABLE, "has a character that is not allowed there"),
    }
)

_DOTTED = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]{0,17})){2,20}")
_HOST_NAME = re.compile(r"(?:\*\.)?(?:(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\.)*(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\.?")
_MAILBOX = re.compile(r"[\x21-\x3f\x41-\x7e]+@[A-Za-z0-9.\-\[\]:]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[\x21-\x7e]+")


def subject_name(parts: Sequence[tuple[str, str]]) -> x509.Name:
    """The name whose RDNs are `parts`, (field, value) as typed and in that order.

    C and serialNumber become PrintableString, DC and emailAddress IA5String, all others UTF8String (RFC 5280 4.1.2.4).
    Raises RequestFault naming the field that is unknown, empty, too long or ill-formed.
    """
    return x509.Name([_attribute(field, value) for field, value in parts])


def field_oid(field: str) -> str:
    """The OID of a subject's field as typed, by a name in any case or dotted; '' for one that nobody knows."""
    dotted = field.strip()
    return dotted if _DOTTED.fullmatch(dotted) else _FIELDS.get(dotted.lower(), "")


def alternative_names(parts: Sequence[tuple[str, str]]) -> x509.SubjectAlternativeName:
    """The subjectAltName (RFC 5280 4.2.1.6) of `parts`: (kind, value), the kind DNS, IP, email or URI in any case.

    A host name outside ASCII is converted (IDNA). Raises RequestFault naming the kind or value that is wrong.
    """
    if not parts:
        raise RequestFault("no alternative name given")
    return x509.SubjectAlternativeName([_general_name(kind, value) for kind, value in parts])


def tight(name: x509.Name) -> str:
    """`CN=firewall-portal1, DC=local`: the name as OpenSSL's `-nameopt compat` prints it below `-text`.

    Only fields of one or two capitals stand after ", "; OpenSSL leaves the old "/" before any other.
    """
    joined = "".join(f"{', ' if _capitals(rdn) else '/'}{_compact(rdn)}" for rdn in name.rdns)
    return joined.removeprefix(", ").removeprefix("/")


def slashed(name: x509.Name) -> str:
    """`/C=US/CN=x`: the name as OpenSSL prints it inside alternative names and authority key identifiers."""
    return "".join(f"/{_compact(rdn)}" for rdn in name.rdns)


def spaced(name: x509.Name) -> str:
    """`C = US, O = Fortinet, CN = x`: the name as OpenSSL's `-nameopt oneline` prints it."""
    return ", ".join(
        " + ".join(f"{_label(attribute)} = {_quoted(_value(attribute))}" for attribute in rdn) for rdn in name.rdns
    )


def plain(text: str, escape: Callable[[int], str] = lambda octet: ".") -> str:
    """`text` with every UTF-8 octet of a character that Unicode calls unprintable put through `escape`."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else "".join(map(escape, char.encode("utf-8", "surrogatepass"))) for char in text
    )


def _attribute(field: str, value: str) -> x509.NameAttribute[Any]:
    dotted = field_oid(field)
    if not dotted:
        raise RequestFault(f"unknown field in the subject: {field}")
    if not value:
        raise RequestFault(f"the subject field {field} is empty")
    if len(value) > _BOUNDS.get(dotted, 255):
        raise RequestFault(f"the subject field {field} is longer than {_BOUNDS.get(dotted, 255)} characters")
    pattern, complaint = _SHAPES.get(dotted, (None, ""))
    if pattern is not None and not pattern.fullmatch(value):
        raise RequestFault(f"the subject field {field} {complaint}")
    try:
        value.encode()  # a lone surrogate, from bytes that were no UTF-8, is no character
        return x509.NameAttribute(x509.ObjectIdentifier(dotted), value)
    except (ValueError, TypeError):
        raise RequestFault(f"the subject field {field} cannot be used as typed") from None


def _general_name(kind: str, value: str) -> x509.GeneralName:
    maker = _KINDS.get(kind.strip().lower())
    if maker is None:
        raise RequestFault(f"unknown kind of alternative name: {kind}")
    try:
        return maker(value)
    except ValueError:  # UnicodeError and ipaddress's errors are ValueErrors
        raise RequestFault(f"not usable as an alternative name: {kind}:{value}") from None


def _matching(pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(value)
    return value


def _dns(value: str) -> x509.DNSName:
    ascii_form = value if value.isascii() else value.encode("idna").decode("ascii")
    return x509.DNSName(_matching(_HOST_NAME, ascii_form if len(ascii_form) <= 253 else ""))


_KINDS: Mapping[str, Callable[[str], x509.GeneralName]] = MappingProxyType(
    {
        "dns": _dns,
        "email": lambda value: x509.RFC822Name(_matching(_MAILBOX, value)),
        "ip": lambda value: x509.IPAddress(ipaddress.ip_address(value)),
        "uri": lambda value: x509.UniformResourceIdentifier(_matching(_URI, value)),
    }
)


def _label(attribute: x509.NameAttribute[Any]) -> str:
    dotted = attribute.oid.dotted_string
    return SHORT_NAMES.get(dotted, dotted)


def _value(attribute: x509.NameAttribute[Any]) -> str:
    value = attribute.value
    return value if isinstance(value, str) else value.hex().upper()


def _capitals(rdn: x509.RelativeDistinguishedName) -> bool:
    label = _label(next(iter(rdn)))
    return len(label) <= 2 and label.isalpha() and label.isupper()


def _compact(rdn: x509.RelativeDistinguishedName) -> str:
    return "+".join(f"{_label(attribute)}={_slash_escaped(_value(attribute))}" for attribute in rdn)


def _slash_escaped(value: str) -> str:
    return plain(value.replace("/", "\\/").replace("+", "\\+"), lambda octet: f"\\x{octet:02X}")


def _quoted(value: str) -> str:
    text = plain(value.replace("\\", "\\\\").replace('"', '\\"'), lambda octet: f"\\{octet:02X}")
    needs_quotes = any(char in ",+<>;" for char in value) or value[:1] in ("#", " ") or value[-1:] == " "
    return f'"{text}"' if needs_quotes else text
