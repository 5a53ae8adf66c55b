"""What a new request asks for: the administrator's words first, and where there are none the server's.

Of a template (RFC 9908 section 3.4) names, extensions and attributes that have values are taken over; what it leaves
open is filled in where the box knows what belongs there (`filling`). The trace says which is which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fortish.est import filling
from fortish.est.asked import DIGEST, LINKING, Note, signing
from fortish.est.context import EstContext
from fortish.est.filling import COMMON_NAME, SERIAL_NUMBER, SUBJECT_ALT_NAME, Filled, Known
from fortish.est.trace import EstLine
from fortish.parse import parse_alternatives, parse_subject
from fortish.pki import der, names
from fortish.pki.csrattrs import short_name
from fortish.pki.faults import CsrAttrsFault, DerFault
from fortish.pki.names import SHORT_NAMES
from fortish.pki.template import Extension, Name, Template, has_template, template_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cryptography import x509

    from fortish.pki.csrattrs import CsrAttr

# How the string types of a name are decoded. Sorted by tag.
_STRINGS = {der.UTF8: "utf-8", der.PRINTABLE: "ascii", 0x14: "latin-1", der.IA5: "ascii", 0x1E: "utf-16-be"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request's contents but for its key: subject, alternative names; further extensions and attributes in DER."""

    subject: x509.Name
    san: x509.SubjectAlternativeName | None
    extensions: tuple[bytes, ...] = ()
    attributes: tuple[bytes, ...] = ()
    digest: str = DIGEST


def wanted_of(
    context: EstContext, attributes: Sequence[CsrAttr], known: Known | None = None
) -> tuple[Wanted, list[Note]]:
    """What to ask for, and what the trace says of the server's part in it. Raises `CsrAttrsFault`.

    `known` is what the box can fill in; without it, the name of the entry.
    """
    known = known or Known(context.name)
    given = list(parse_subject(context.subject)) if context.subject else []
    san = names.alternative_names(parse_alternatives(context.sub_alt_name)) if context.sub_alt_name else None
    template = template_of(attributes) or Template()
    notes: list[Note] = []
    asked = template.subject if has_template(attributes) else _listed(attributes)
    pairs = [*given, *_names(given, asked, known, notes)]
    if not pairs:
        pairs = [("CN", context.name)]
    try:
        subject = names.subject_name(pairs)
    except ValueError as error:
        raise CsrAttrsFault(f"the template makes no subject: {error}") from None
    extensions = tuple(_extensions(template.extensions, subject, known, has_san=san is not None, notes=notes))
    further = tuple(_attributes(template, notes))
    digest, said = signing(attributes, _kind(context))
    return Wanted(subject, san, extensions, further, digest), [*notes, *said]


def _kind(context: EstContext) -> str:
    """The kind of key that the administrator chose, as keys are named; '' before one is chosen."""
    if context.ec_curvename:
        return f"ec-{context.ec_curvename}"
    return f"rsa-{context.rsa_keysize}" if context.rsa_keysize else ""


def _listed(attributes: Iterable[CsrAttr]) -> list[Name]:
    """What a list, without a template, asks to see in the subject: of that only a serial number is known to the box.

    So RFC 9908 sections 5.5 and 5.6 have it. Other names are passed over, as the enrollment guide's box does.
    """
    return [Name(SERIAL_NUMBER, None)] if any(attribute.oid == SERIAL_NUMBER for attribute in attributes) else []


def _names(
    given: list[tuple[str, str]], asked: Iterable[Name], known: Known, notes: list[Note]
) -> Iterable[tuple[str, str]]:
    """The server's names of types that the administrator did not give."""
    typed = {_field(name): value for name, value in given}
    for name in asked:
        short = SHORT_NAMES.get(name.oid, name.oid)
        value = None if name.value is None else _text(name.value)
        if name.oid in typed:
            if value is not None and value != typed[name.oid]:
                reason = f"the subject that was given has {short}={typed[name.oid]}"
                notes.append((EstLine.TEMPLATE_LEFT, {"what": f"{short}={value}", "reason": reason}))
        elif value is not None:
            notes.append((EstLine.TEMPLATE_FILLED, {"what": f"{short}={value}"}))
            yield short, value
        elif name.value is None and (filled := filling.subject_field(name.oid, known)):
            notes.append((EstLine.TEMPLATE_OPEN, {"what": short, "value": filled}))
            yield short, filled
        else:
            reason = "it has no value, and none is known" if name.value is None else "its value cannot be read"
            notes.append((EstLine.TEMPLATE_LEFT, {"what": short, "reason": reason}))


def _field(name: str) -> str:
    """The OID of a field of the subject as it was typed."""
    return names.field_oid(name) or name


def _text(value: bytes) -> str | None:
    element = der.first(value)
    try:
        text = element.content.decode(_STRINGS[element.tag])
    except (KeyError, ValueError):
        return None
    return text if text.isprintable() and text else None


def _extensions(
    asked: Iterable[Extension], subject: x509.Name, known: Known, *, has_san: bool, notes: list[Note]
) -> Iterable[bytes]:
    """The server's extensions, open ones filled in; the administrator's alternative names come first."""
    taken: set[str] = set()
    for extension in asked:
        reason = "it is named twice" if extension.oid in taken else ""
        if has_san and extension.oid == SUBJECT_ALT_NAME:
            reason = "alternative names were given"
        taken.add(extension.oid)
        if reason:
            notes.append((EstLine.TEMPLATE_LEFT, {"what": _extension_name(extension.oid), "reason": reason}))
        elif encoded := _extension(extension, subject, known, notes):
            yield encoded


def _extension(extension: Extension, subject: x509.Name, known: Known, notes: list[Note]) -> bytes | None:
    """One extension as it goes into the request, None where it is left out."""
    what, flag = _extension_name(extension.oid), " (critical)" if extension.critical else ""
    filled = _filled(extension, subject, known)
    if filled is None and extension.value:
        notes.append((EstLine.TEMPLATE_FILLED, {"what": f"{what}{flag}"}))
        return extension.encoded()
    if filled is None:
        notes.append((EstLine.TEMPLATE_LEFT, {"what": what, "reason": "it has no value, and none is known"}))
        return None
    if filled.words:
        notes.append((EstLine.TEMPLATE_OPEN, {"what": f"{what}{flag}", "value": filled.words}))
    if filled.left:
        notes.append((EstLine.TEMPLATE_LEFT, {"what": f"{what} {filled.left}", "reason": "none is known"}))
    return Extension(extension.oid, extension.critical, filled.value).encoded() if filled.value else None


def _filled(extension: Extension, subject: x509.Name, known: Known) -> Filled | None:
    """What the box puts into an extension; None where it has a whole value, or nothing is known."""
    if extension.value:
        if extension.oid != SUBJECT_ALT_NAME:
            return None
        try:
            return filling.open_names(extension.value, known, subject.public_bytes())
        except DerFault as fault:
            raise CsrAttrsFault(f"the template's alternative names are malformed: {fault.reason}") from None
    common = [str(attribute.value) for attribute in subject if attribute.oid.dotted_string == COMMON_NAME]
    return filling.extension(extension.oid, known, common[0] if common else "")


def _attributes(template: Template, notes: list[Note]) -> Iterable[bytes]:
    """The template's attributes that are neither extensions nor linking (which is done for each session)."""
    for oid, attribute in template.attributes:
        if oid in LINKING:
            continue
        known = short_name(oid)
        what = oid if known == "undefined" else known
        if any(True for _ in der.children(list(der.children(der.first(attribute)))[1])):
            notes.append((EstLine.TEMPLATE_FILLED, {"what": f"the attribute {what}"}))
            yield attribute
        else:
            notes.append((EstLine.TEMPLATE_LEFT, {"what": what, "reason": "it has no value, and none is known"}))


def _extension_name(oid: str) -> str:
    from cryptography import x509

    known = str(x509.ObjectIdentifier(oid)._name)
    return oid if known == "Unknown OID" else known
