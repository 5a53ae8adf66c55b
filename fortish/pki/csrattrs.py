"""CSR attributes (RFC 7030 section 4.5.2): which attributes and algorithms a server would like in a request.

Read and named here, judged elsewhere. Values stay DER: RFC 7030's own example puts an OID where an extensionRequest
has its Extensions, so that whoever wants a value must look at it first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

from fortish.pki import der
from fortish.pki.faults import CsrAttrsFault, DerFault

_MOST = 200  # attributes, and values of one attribute

# As OpenSSL names objects, sorted by OID. Its short and long names differ for the hashes only ("SHA384", "sha384"),
# and there the box prints the long one.
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "0.9.2342.19200300.100.1.1": "UID",
        "0.9.2342.19200300.100.1.25": "DC",
        "1.2.840.10045.2.1": "id-ecPublicKey",
        "1.2.840.10045.3.1.7": "prime256v1",
        "1.2.840.10045.4.1": "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
        "1.2.840.113549.1.1.1": "rsaEncryption",
        "1.2.840.113549.1.1.5": "RSA-SHA1",
        "1.2.840.113549.1.1.10": "RSASSA-PSS",
        "1.2.840.113549.1.1.11": "RSA-SHA256",
        "1.2.840.113549.1.1.12": "RSA-SHA384",
        "1.2.840.113549.1.1.13": "RSA-SHA512",
        "1.2.840.113549.1.9.1": "emailAddress",
        "1.2.840.113549.1.9.2": "unstructuredName",
        "1.2.840.113549.1.9.7": "challengePassword",
        "1.2.840.113549.1.9.8": "unstructuredAddress",
        "1.2.840.113549.1.9.14": "extReq",
        "1.3.101.112": "ED25519",
        "1.3.101.113": "ED448",
        "1.3.132.0.33": "secp224r1",
        "1.3.132.0.34": "secp384r1",
        "1.3.132.0.35": "secp521r1",
        "1.3.14.3.2.26": "sha1",
        "2.16.840.1.101.3.4.2.1": "sha256",
        "2.16.840.1.101.3.4.2.2": "sha384",
        "2.16.840.1.101.3.4.2.3": "sha512",
        "2.16.840.1.101.3.4.2.4": "sha224",
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
        "2.5.4.42": "GN",
        "2.5.29.14": "subjectKeyIdentifier",
        "2.5.29.15": "keyUsage",
        "2.5.29.17": "subjectAltName",
        "2.5.29.37": "extendedKeyUsage",
    }
)


@dataclass(frozen=True, slots=True)
class CsrAttr:
    """One AttrOrOID: a bare OID has no values; an attribute's are kept as DER, in the order received."""

    oid: str
    values: tuple[bytes, ...] = ()


def read_csrattrs(data: bytes) -> list[CsrAttr]:
    """The attributes in the order received; none for no bytes and for an empty SEQUENCE. Raises CsrAttrsFault only."""
    if not data:
        return []
    try:
        outer = der.first(data)
        if outer.tag != der.SEQUENCE:
            raise CsrAttrsFault("the CSR attributes are no SEQUENCE")
        return [_attribute(item) for item in _bounded(outer)]
    except DerFault as fault:
        raise CsrAttrsFault(f"the CSR attributes are malformed: {fault.reason}") from None


def short_name(oid: str) -> str:
    """OpenSSL's short name (of hashes: the long one) of a dotted OID that csrattrs may hold, or "undefined"."""
    return _NAMES.get(oid, "undefined")


def _attribute(item: der.Element) -> CsrAttr:
    if item.tag == der.OID:
        return CsrAttr(der.read_oid(item))
    if item.tag != der.SEQUENCE:
        raise CsrAttrsFault("the CSR attributes hold something that is neither an OID nor an attribute")
    parts = _bounded(item)
    if len(parts) != 2 or parts[1].tag != der.SET:
        raise CsrAttrsFault("the CSR attributes hold a malformed attribute")
    return CsrAttr(der.read_oid(parts[0]), tuple(value.raw for value in _bounded(parts[1])))


def _bounded(element: der.Element) -> list[der.Element]:
    found = list(islice(der.children(element), _MOST + 1))
    if len(found) > _MOST:
        raise CsrAttrsFault(f"the CSR attributes hold more than {_MOST} items")
    return found
