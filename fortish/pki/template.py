"""The certification request that a server would like to see, as a template among its CSR attributes (RFC 9908 3.4).

A template names what may be in a request, some of it with values and some to be filled in. It is read here; what is
made of it, and that the administrator's own words come first, is decided where a request is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

from fortish.pki import der
from fortish.pki.csrattrs import CsrAttr, short_name
from fortish.pki.faults import CsrAttrsFault, DerFault

TEMPLATE = "1.2.840.113549.1.9.16.2.61"  # id-aa-certificationRequestInfoTemplate
EXTENSIONS = "1.2.840.113549.1.9.14"  # extensionRequest
EXTENSION_TEMPLATE = "1.2.840.113549.1.9.16.2.62"  # id-aa-extensionReqTemplate
EC, RSA = "1.2.840.10045.2.1", "1.2.840.113549.1.1.1"
KEYS = frozenset({EC, RSA, "1.3.101.112", "1.3.101.113"})  # kinds of key that a list may name
_MOST = 100  # names, extensions, attributes
_BOOLEAN = 0x01

# As keys name them, sorted by OID.
_CURVES: Mapping[str, str] = MappingProxyType(
    {"1.2.840.10045.3.1.7": "secp256r1", "1.3.132.0.34": "secp384r1", "1.3.132.0.35": "secp521r1"}
)


@dataclass(frozen=True, slots=True)
class Name:
    """One part of the subject. `value` is a DER string, or None: to be filled in."""

    oid: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension; `value` is the DER inside its OCTET STRING, or None: to be filled in."""

    oid: str
    critical: bool
    value: bytes | None

    def encoded(self) -> bytes:
        """The DER of an Extension that has its value."""
        flag = der.encode(_BOOLEAN, b"\xff") if self.critical else b""
        return der.encode(der.SEQUENCE, der.write_oid(self.oid), flag, der.encode(der.OCTET_STRING, self.value or b""))


@dataclass(frozen=True, slots=True)
class Key:
    """The kind of key asked for: an algorithm, and of it a curve or a number of bits ('' and 0 where none is named)."""

    algorithm: str
    curve: str = ""
    bits: int = 0

    @property
    def words(self) -> str:
        """`ec-secp384r1`, `rsa-4096`, `rsa`: as keys are named; any other algorithm by OpenSSL's name."""
        if self.algorithm == EC:
            return f"ec-{_CURVES.get(self.curve, self.curve)}" if self.curve else "ec"
        if self.algorithm == RSA:
            return f"rsa-{self.bits}" if self.bits else "rsa"
        known = short_name(self.algorithm)
        return self.algorithm if known == "undefined" else known

    def fits(self, kind: str) -> bool:
        """Whether a key of a kind, as `keys.kind_of` names it, is one of those."""
        return kind.lower() == self.words.lower() or kind.startswith(f"{self.words}-")


@dataclass(frozen=True, slots=True)
class Template:
    """What a server asks to see in a request. `attributes` are in DER, those that ask for extensions left out."""

    subject: tuple[Name, ...] = ()
    extensions: tuple[Extension, ...] = ()
    key: Key | None = None
    attributes: tuple[tuple[str, bytes], ...] = ()


def has_template(attributes: Iterable[CsrAttr]) -> bool:
    """Whether a template is among them, beside which nothing else counts (RFC 9908 section 4)."""
    return any(attribute.oid == TEMPLATE and attribute.values for attribute in attributes)


def template_of(attributes: Iterable[CsrAttr]) -> Template | None:
    """What CSR attributes ask for, None where they ask for nothing. Raises CsrAttrsFault.

    A template counts alone (RFC 9908 section 4); without one an extensionRequest does, where it holds Extensions (the
    example of RFC 7030 section 4.5.2 holds something else, and is passed over), and the kind of key.
    """
    known = list(attributes)
    try:
        for attribute in known:
            if attribute.oid == TEMPLATE and attribute.values:
                return _template(der.first(attribute.values[0]))
    except DerFault as fault:
        raise CsrAttrsFault(f"the template is malformed: {fault.reason}") from None
    except ValueError:
        raise CsrAttrsFault("the template is malformed: a part is missing") from None
    found = tuple(e for attribute in known if attribute.oid == EXTENSIONS for e in _lenient(attribute.values))
    key = next((_listed_key(attribute) for attribute in known if attribute.oid in KEYS), None)
    return Template(extensions=found, key=key) if found or key else None


def _lenient(values: Iterable[bytes]) -> list[Extension]:
    try:
        return [extension for value in values for extension in _extensions(der.first(value))]
    except (DerFault, CsrAttrsFault, ValueError):
        return []


def _listed_key(attribute: CsrAttr) -> Key:
    """A kind of key in a list: the curve or the size is the attribute's value (RFC 9908 section 3.2)."""
    try:
        value = der.first(attribute.values[0]) if attribute.values else None
        if value is not None and attribute.oid == EC:
            return Key(EC, der.read_oid(value))
        if value is not None and value.tag == der.INTEGER and len(value.content) <= 4:
            return Key(attribute.oid, bits=int.from_bytes(value.content, "big"))
    except DerFault:
        pass
    return Key(attribute.oid)


def _template(outer: der.Element) -> Template:
    if outer.tag != der.SEQUENCE:
        raise CsrAttrsFault("the template is no SEQUENCE")
    subject: tuple[Name, ...] = ()
    extensions: list[Extension] = []
    attributes: list[tuple[str, bytes]] = []
    key: Key | None = None
    for part in _bounded(outer):
        if part.tag == der.SEQUENCE:
            subject = tuple(_names(part))
        elif part.tag == der.CONTEXT_0:
            key = _key(part)
        elif part.tag == der.CONTEXT_1:
            for attribute in _bounded(part):
                oid, values = islice(der.children(attribute), 2)
                if der.read_oid(oid) in (EXTENSIONS, EXTENSION_TEMPLATE):
                    extensions += [extension for value in _bounded(values) for extension in _extensions(value)]
                else:
                    attributes.append((der.read_oid(oid), attribute.raw))
    return Template(subject, tuple(extensions), key, tuple(attributes))


def _names(sequence: der.Element) -> Iterator[Name]:
    for rdn in _bounded(sequence):
        for pair in _bounded(rdn):
            oid, *value = islice(der.children(pair), 2)
            yield Name(der.read_oid(oid), value[0].raw if value else None)


def _key(spki: der.Element) -> Key | None:
    """The kind of key. SubjectPublicKeyInfo is implicitly tagged: its parts stand right inside.

    The size of an RSA key is that of a made-up public key (RFC 9908 section 3.4).
    """
    algorithm, *public = islice(der.children(spki), 2)
    if algorithm.tag != der.SEQUENCE:
        return None
    oid, *parameters = islice(der.children(algorithm), 2)
    known = der.read_oid(oid)
    if known == EC and parameters and parameters[0].tag == der.OID:
        return Key(EC, der.read_oid(parameters[0]))
    return Key(known, bits=_modulus_bits(public[0]) if known == RSA and public else 0)


def _modulus_bits(public: der.Element) -> int:
    """How long the modulus of an RSA key is, 0 where there is none."""
    try:
        modulus, *_ = der.children(der.first(public.content[1:]))
    except (DerFault, ValueError):
        return 0
    return 8 * len(octets) - (8 - octets[0].bit_length()) if (octets := modulus.content.lstrip(b"\0")) else 0


def _extensions(sequence: der.Element) -> Iterator[Extension]:
    if sequence.tag != der.SEQUENCE:
        raise CsrAttrsFault("the requested extensions are no SEQUENCE")
    for extension in _bounded(sequence):
        oid, *rest = islice(der.children(extension), 3)
        critical = bool(rest) and rest[0].tag == _BOOLEAN and rest[0].content != b"\x00"
        values = [part.content for part in rest if part.tag == der.OCTET_STRING]
        yield Extension(der.read_oid(oid), critical, values[0] if values else None)


def _bounded(element: der.Element) -> list[der.Element]:
    found = list(islice(der.children(element), _MOST + 1))
    if len(found) > _MOST:
        raise CsrAttrsFault(f"the template holds more than {_MOST} items")
    return found
