"""The certification request that a server would like to see, as a template among its CSR attributes (RFC 9908 3.4).

A template names what may be in a request, some of it with values and some to be filled in. It is read here; what is
made of it, and that the administrator's own words come first, is decided where a request is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from fortish.pki import der
from fortish.pki.csrattrs import CsrAttr
from fortish.pki.faults import CsrAttrsFault, DerFault

TEMPLATE = "1.2.840.113549.1.9.16.2.61"  # id-aa-certificationRequestInfoTemplate
EXTENSIONS = "1.2.840.113549.1.9.14"  # extensionRequest
EXTENSION_TEMPLATE = "1.2.840.113549.1.9.16.2.62"  # id-aa-extensionReqTemplate
_MOST = 100  # names, and extensions
_BOOLEAN = 0x01


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
class Template:
    """What a server asks to see in a request. `key` is the key's algorithm ('' where none is named)."""

    subject: tuple[Name, ...] = ()
    extensions: tuple[Extension, ...] = ()
    key: str = ""


def template_of(attributes: Iterable[CsrAttr]) -> Template | None:
    """What CSR attributes ask for, None where they ask for nothing. Raises CsrAttrsFault.

    A template counts alone (RFC 9908 section 4); without one an extensionRequest does, where it holds Extensions (the
    example of RFC 7030 section 4.5.2 holds something else, and is passed over).
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
    return Template(extensions=found) if found else None


def _lenient(values: Iterable[bytes]) -> list[Extension]:
    try:
        return [extension for value in values for extension in _extensions(der.first(value))]
    except (DerFault, CsrAttrsFault, ValueError):
        return []


def _template(outer: der.Element) -> Template:
    if outer.tag != der.SEQUENCE:
        raise CsrAttrsFault("the template is no SEQUENCE")
    subject: tuple[Name, ...] = ()
    extensions: list[Extension] = []
    key = ""
    for part in _bounded(outer):
        if part.tag == der.SEQUENCE:
            subject = tuple(_names(part))
        elif part.tag == der.CONTEXT_0:
            key = _algorithm(part)
        elif part.tag == der.CONTEXT_1:
            extensions += [e for attribute in _bounded(part) for e in _requested(attribute)]
    return Template(subject, tuple(extensions), key)


def _names(sequence: der.Element) -> Iterator[Name]:
    for rdn in _bounded(sequence):
        for pair in _bounded(rdn):
            oid, *value = islice(der.children(pair), 2)
            yield Name(der.read_oid(oid), value[0].raw if value else None)


def _algorithm(spki: der.Element) -> str:
    """The OID of the key's algorithm. SubjectPublicKeyInfo is implicitly tagged: its parts stand right inside."""
    algorithm, *_ = islice(der.children(spki), 1)
    if algorithm.tag != der.SEQUENCE:
        return ""
    (oid,) = islice(der.children(algorithm), 1)
    return der.read_oid(oid)


def _requested(attribute: der.Element) -> Iterator[Extension]:
    oid, values = islice(der.children(attribute), 2)
    if der.read_oid(oid) in (EXTENSIONS, EXTENSION_TEMPLATE):
        for value in _bounded(values):
            yield from _extensions(value)


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
