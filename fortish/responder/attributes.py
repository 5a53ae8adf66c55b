"""CSR attributes of a policy (RFC 7030 section 4.5.2, RFC 9908) read from TOML and written as DER.

An item is a bare OID, or a table with one of these keys:

    ec = "secp384r1"                        id-ecPublicKey with its curve
    rsa = 4096                              rsaEncryption with its size
    extensions = [EXTENSION, …]             extensionRequest with one Extensions, RFC 9908 section 3.2
    extension-oids = ["1.3.6.1.1.1.1.22"]   extensionRequest with OIDs, as the example of RFC 7030 wrongly has it
    attribute = "OID", values = ["0500"]    anything else, its values in DER, hexadecimal
    template = { subject = ["CN", "OU=myDept"], ec or rsa = …, extensions = […] }    RFC 9908 section 3.4

An EXTENSION is { san = ["DNS:a", "IP:"] }, { key-usage = ["digitalSignature"] }, { extended-key-usage = ["OID"] } or
{ oid = "OID", value = "0500" }, each with critical = true if need be; one of a template may have an oid and no value,
and then, as an empty name after "IP:", it is to be filled in by the client.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from fortish.errors import UsageError
from fortish.pki import der
from fortish.pki.faults import DerFault
from fortish.responder.reading import fields, octets, plain, strings, table

Attr: TypeAlias = str | bytes  # a dotted OID, or an Attribute in DER

CHALLENGE_PASSWORD: Final = "1.2.840.113549.1.9.7"  # noqa: S105 - an object identifier
IDENTITY_LINKING: Final = "1.2.840.113549.1.9.16.2.58"

_TEMPLATE = "1.2.840.113549.1.9.16.2.61"
_EXTENSION_TEMPLATE = "1.2.840.113549.1.9.16.2.62"
_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_EC = "1.2.840.10045.2.1"
_RSA = "1.2.840.113549.1.1.1"
_VERSION_0 = b"\x02\x01\x00"
_EXPONENT = b"\x02\x03\x01\x00\x01"

# Sorted by name.
_CURVES: Mapping[str, str] = MappingProxyType(
    {"secp256r1": "1.2.840.10045.3.1.7", "secp384r1": "1.3.132.0.34", "secp521r1": "1.3.132.0.35"}
)
# Sorted by name; the letters before the colon, the tag of the GeneralName.
_GENERAL_NAMES: Mapping[str, int] = MappingProxyType({"DNS": 0x82, "IP": 0x87, "URI": 0x86, "email": 0x81})
# Sorted by name; OIDs are in hand for any other.
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "C": "2.5.4.6",
        "CN": "2.5.4.3",
        "L": "2.5.4.7",
        "O": "2.5.4.10",
        "OU": "2.5.4.11",
        "ST": "2.5.4.8",
        "serialNumber": "2.5.4.5",
    }
)
# In the order of their bits (RFC 5280 section 4.2.1.3).
_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)


def encoded(items: Sequence[Attr]) -> bytes:
    """The DER of CSR attributes."""
    return der.encode(der.SEQUENCE, *(item if isinstance(item, bytes) else der.write_oid(item) for item in items))


def linking(items: Sequence[Attr]) -> tuple[Attr, ...]:
    """The items, and behind them what asks for linking where they do not yet (RFC 7030 section 4.5.2, RFC 7894)."""
    return (*items, *(oid for oid in (CHALLENGE_PASSWORD, IDENTITY_LINKING) if oid not in items))


def read_attributes(where: str, value: object) -> tuple[Attr, ...]:
    """The attributes that a TOML list stands for. Raises UsageError."""
    if not isinstance(value, list):
        raise UsageError(f"{where} must be a list of strings and tables")
    for key in _ONCE:
        if sum(isinstance(item, dict) and not key.isdisjoint(item) for item in value) > 1:
            raise UsageError(f"{where}: {' and '.join(sorted(key))} may stand there once (RFC 9908)")
    try:
        return tuple(_item(where, item) for item in value)
    except DerFault as fault:
        raise UsageError(f"{where}: {fault.reason}") from None


def _item(where: str, item: object) -> Attr:
    if isinstance(item, str):
        der.write_oid(item)
        return item
    known = table(f"{where}: an item", item)
    kind = next((key for key in known if key in _ITEMS), None)
    extra = set(known) - ({kind, "values"} if kind == "attribute" else {kind})
    if kind is None or extra:
        raise UsageError(f"{where}: an item has one of the keys {', '.join(_ITEMS)}, not {', '.join(sorted(known))}")
    return _ITEMS[kind](f"{where}: {kind}", known)


# What is there once: a kind of key, requested extensions (RFC 9908 section 3.2), a template (section 3.4). A faulty
# list can be spelled with `attribute`.
_ONCE = (frozenset({"ec", "rsa"}), frozenset({"extensions"}), frozenset({"template"}))


def _attribute(oid: str, *values: bytes) -> bytes:
    return der.encode(der.SEQUENCE, der.write_oid(oid), der.encode(der.SET, der.set_of(*values)))


def _any_item(where: str, item: Mapping[str, object]) -> bytes:
    oid = plain(str, "an object identifier")(where, item["attribute"])
    values = [octets(f"{where}: values", value) for value in strings(f"{where}: values", item.get("values", []))]
    if not values or any(der.first(value).raw != value for value in values):
        raise UsageError(f"{where}: values must be a list of DER values in hexadecimal")
    return _attribute(oid, *values)


def _ec_item(where: str, item: Mapping[str, object]) -> bytes:
    return _attribute(_EC, der.write_oid(_curve(where, item["ec"])))


def _rsa_item(where: str, item: Mapping[str, object]) -> bytes:
    return _attribute(_RSA, _integer(_size(where, item["rsa"])))


def _extensions_item(where: str, item: Mapping[str, object]) -> bytes:
    return _attribute(_EXTENSION_REQUEST, _extensions(where, item["extensions"], template=False)[0])


def _oids_item(where: str, item: Mapping[str, object]) -> bytes:
    oids = strings(where, item["extension-oids"])
    if not oids:
        raise UsageError(f"{where} must name at least one")
    return _attribute(_EXTENSION_REQUEST, *map(der.write_oid, oids))


def _template_item(where: str, item: Mapping[str, object]) -> bytes:
    found = fields(where, item["template"], _TEMPLATE_KEYS)
    if "ec" in found and "rsa" in found:
        raise UsageError(f"{where} has ec or rsa, not both")
    attributes = b""
    if "extensions" in found:
        listed, partial = found["extensions"]
        attributes = _attribute(_EXTENSION_TEMPLATE if partial else _EXTENSION_REQUEST, listed)
    key = found.get("ec", found.get("rsa", b""))
    parts = (found.get("subject", b""), key, der.encode(der.CONTEXT_1, attributes))
    return _attribute(_TEMPLATE, der.encode(der.SEQUENCE, _VERSION_0, *parts))


# Sorted.
_ITEMS: Mapping[str, Callable[[str, Mapping[str, object]], bytes]] = MappingProxyType(
    {
        "attribute": _any_item,
        "ec": _ec_item,
        "extension-oids": _oids_item,
        "extensions": _extensions_item,
        "rsa": _rsa_item,
        "template": _template_item,
    }
)


# --- keys and subjects --------------------------------------------------------------------------------------------


def _curve(where: str, value: object) -> str:
    return _CURVES[plain(str, f"one of {', '.join(_CURVES)}", _CURVES.__contains__)(where, value)]


def _size(where: str, value: object) -> int:
    size: int = plain(int, "a number of bits from 512 to 16384", range(512, 16385).__contains__)(where, value)
    return size


def _integer(number: int) -> bytes:
    return der.encode(der.INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _ec_key(where: str, value: object) -> bytes:
    algorithm = der.encode(der.SEQUENCE, der.write_oid(_EC), der.write_oid(_curve(where, value)))
    return der.encode(der.CONTEXT_0, algorithm)


def _rsa_key(where: str, value: object) -> bytes:
    """An RSA key of a size is said by a made-up public key of that size (RFC 9908 section 3.4)."""
    modulus = _integer(1 << (_size(where, value) - 1) | 1)
    algorithm = der.encode(der.SEQUENCE, der.write_oid(_RSA), der.encode(der.NULL))
    made_up = der.encode(der.BIT_STRING, b"\0", der.encode(der.SEQUENCE, modulus, _EXPONENT))
    return der.encode(der.CONTEXT_0, algorithm, made_up)


def _subject(where: str, value: object) -> bytes:
    """Names with a value, or without one where the client is to fill it in."""
    rdns = []
    for text in strings(where, value):
        name, equals, content = text.partition("=")
        oid = der.write_oid(_NAMES.get(name, name))
        tag = der.PRINTABLE if name == "C" else der.UTF8
        given = der.encode(tag, content.encode("utf-8", "surrogateescape")) if equals else b""
        rdns.append(der.encode(der.SET, der.encode(der.SEQUENCE, oid, given)))
    return der.encode(der.SEQUENCE, *rdns)


# --- extensions ---------------------------------------------------------------------------------------------------


def _template_extensions(where: str, value: object) -> tuple[bytes, bool]:
    return _extensions(where, value, template=True)


def _extensions(where: str, value: object, *, template: bool) -> tuple[bytes, bool]:
    """The SEQUENCE of them, and whether one has no value."""
    if not isinstance(value, list) or not value:
        raise UsageError(f"{where} must be a list of at least one extension")
    read = [_extension(where, item) for item in value]
    kinds = [der.first(head).raw for head, _ in read]  # its OID stands first
    if len(set(kinds)) < len(kinds):
        raise UsageError(f"{where}: an extension stands there twice")
    partial = any(content is None for _, content in read)
    if partial and not template:
        raise UsageError(f"{where}: only an extension of a template may have no value")
    return der.encode(
        der.SEQUENCE, *(der.encode(der.SEQUENCE, head, content or b"") for head, content in read)
    ), partial


def _extension(where: str, item: object) -> tuple[bytes, bytes | None]:
    """OID and flag; then the OCTET STRING, None for one without a value."""
    found = fields(where, item, _EXTENSION)
    critical = der.encode(0x01, b"\xff") if found.pop("critical", False) else b""
    value = found.pop("value", None)
    if "oid" in found and len(found) == 1:
        oid = found["oid"]
    elif len(found) == 1 and value is None:
        ((key, value),) = found.items()
        oid = _EXTENSION_OIDS[key]
    else:
        raise UsageError(f"{where}: an extension is an oid with a value, a san, a key-usage or an extended-key-usage")
    return der.write_oid(oid) + critical, None if value is None else der.encode(der.OCTET_STRING, value)


def _san(where: str, value: object) -> bytes:
    return der.encode(der.SEQUENCE, *(_general_name(where, text) for text in strings(where, value)))


def _general_name(where: str, text: str) -> bytes:
    kind, _, name = text.partition(":")
    if kind not in _GENERAL_NAMES:
        raise UsageError(f"{where}: {text!r} does not start with one of {', '.join(_GENERAL_NAMES)} and a colon")
    try:
        content = ipaddress.ip_address(name).packed if kind == "IP" and name else name.encode("ascii")
    except ValueError:
        raise UsageError(f"{where}: {text!r} is no name of its kind") from None
    return der.encode(_GENERAL_NAMES[kind], content)


def _key_usage(where: str, value: object) -> bytes:
    words = strings(where, value)
    if not words or not set(words) <= set(_USAGES):
        raise UsageError(f"{where} must be a list of some of {', '.join(_USAGES)}")
    places = [_USAGES.index(word) for word in words]
    size = max(places) // 8 + 1
    bits = sum(1 << (8 * size - 1 - place) for place in set(places))
    return der.encode(der.BIT_STRING, bytes((8 * size - 1 - max(places),)), bits.to_bytes(size, "big"))


def _extended_key_usage(where: str, value: object) -> bytes:
    return der.encode(der.SEQUENCE, *map(der.write_oid, strings(where, value)))


# All sorted.
_EXTENSION_OIDS: Mapping[str, str] = MappingProxyType(
    {"extended_key_usage": "2.5.29.37", "key_usage": "2.5.29.15", "san": "2.5.29.17"}
)
_EXTENSION = MappingProxyType(
    {
        "critical": plain(bool, "true or false"),
        "extended-key-usage": _extended_key_usage,
        "key-usage": _key_usage,
        "oid": plain(str, "an object identifier"),
        "san": _san,
        "value": octets,
    }
)
_TEMPLATE_KEYS = MappingProxyType(
    {"ec": _ec_key, "extensions": _template_extensions, "rsa": _rsa_key, "subject": _subject}
)
