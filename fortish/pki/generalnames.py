"""General names (RFC 5280 section 4.2.1.6) in words, as OpenSSL 3.0 spells them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cryptography import x509

from fortish.pki import der
from fortish.pki.names import plain, slashed, spaced
from fortish.pki.oids import OTHER_NAMES, long_name

_GENERAL_NAMES: Mapping[type, str] = MappingProxyType(
    {x509.DNSName: "DNS", x509.RFC822Name: "email", x509.UniformResourceIdentifier: "URI"}
)


def general_name(name: x509.GeneralName) -> str:
    """`DNS:a.b`, `DirName:/C=US/CN=x`: one general name as it stands in an alternative name."""
    match name:
        case x509.DirectoryName():
            return f"DirName:{slashed(name.value)}"
        case x509.OtherName():
            return _other_name(name)
        case x509.RegisteredID():
            return f"Registered ID:{long_name(name.value)}"
        case x509.IPAddress():
            return f"IP Address:{address_text(name.value)}"
    return f"{_GENERAL_NAMES[type(name)]}:{plain(str(name.value))}"


def lone_name(name: x509.GeneralName) -> str:
    """One general name on a line of its own, where OpenSSL has another spelling for directory names."""
    return f"DirName:{spaced(name.value)}" if isinstance(name, x509.DirectoryName) else general_name(name)


def _other_name(name: x509.OtherName) -> str:
    kind = OTHER_NAMES.get(name.type_id.dotted_string, name.type_id.dotted_string)
    value = der.first(name.value)
    if value.tag not in (der.UTF8, der.IA5):
        return f"othername: {kind}::<unsupported>"
    return f"othername: {kind}::{plain(value.content.decode('utf-8', 'replace'))}"


def address_text(address: Any) -> str:
    """`2001:DB8:0:0:0:0:0:1`: an ipaddress address as OpenSSL spells it, IPv6 without compression."""
    if address.version == 4:
        return str(address)
    octets = address.packed
    return ":".join(f"{octets[place] << 8 | octets[place + 1]:X}" for place in range(0, 16, 2))
