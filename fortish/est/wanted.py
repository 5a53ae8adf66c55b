"""What a new request asks for: the administrator's words first, and where there are none the server's template.

Of a template (RFC 9908 section 3.4) names and extensions that have values are taken over; a name to be filled in is
filled where the box knows what belongs there. The kind of key is the administrator's: an option of the command.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fortish.est.context import EstContext
from fortish.est.trace import EstLine
from fortish.parse import parse_alternatives, parse_subject
from fortish.pki import der, names
from fortish.pki.faults import CsrAttrsFault
from fortish.pki.names import SHORT_NAMES
from fortish.pki.template import Extension, Name, Template, template_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography import x509

    from fortish.pki.csrattrs import CsrAttr

COMMON_NAME, SUBJECT_ALT_NAME = "2.5.4.3", "2.5.29.17"
Note = tuple[EstLine, dict[str, Any]]

# How the string types of a name are decoded. Sorted by tag.
_STRINGS = {der.UTF8: "utf-8", der.PRINTABLE: "ascii", 0x14: "latin-1", der.IA5: "ascii", 0x1E: "utf-16-be"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request's contents but for its key: subject, alternative names, further extensions in DER."""

    subject: x509.Name
    san: x509.SubjectAlternativeName | None
    extensions: tuple[bytes, ...] = ()


def wanted_of(context: EstContext, attributes: Iterable[CsrAttr]) -> tuple[Wanted, list[Note]]:
    """What to ask for, and what the trace says of the template's part in it. Raises `CsrAttrsFault`."""
    given = list(parse_subject(context.subject)) if context.subject else []
    san = names.alternative_names(parse_alternatives(context.sub_alt_name)) if context.sub_alt_name else None
    template = template_of(attributes) or Template()
    notes: list[Note] = []
    pairs = [*given, *_names(context, given, template.subject, notes)]
    if not pairs:
        pairs = [("CN", context.name)]
    extensions = tuple(_extensions(template.extensions, san is not None, notes))
    try:
        return Wanted(names.subject_name(pairs), san, extensions), notes
    except ValueError as error:
        raise CsrAttrsFault(f"the template makes no subject: {error}") from None


def _names(
    context: EstContext, given: list[tuple[str, str]], asked: Iterable[Name], notes: list[Note]
) -> Iterable[tuple[str, str]]:
    """The template's names of types that the administrator did not give."""
    types = {name.upper() for name, _ in given}
    for name in asked:
        short = SHORT_NAMES.get(name.oid, name.oid)
        if short.upper() in types:
            continue
        text = _text(name) if name.value is not None else context.name if name.oid == COMMON_NAME else None
        if text is None:
            reason = "it has no value, and none is known" if name.value is None else "its value cannot be read"
            notes.append((EstLine.TEMPLATE_LEFT, {"what": short, "reason": reason}))
            continue
        notes.append((EstLine.TEMPLATE_FILLED, {"what": f"{short}={text}"}))
        yield short, text


def _text(name: Name) -> str | None:
    element = der.first(name.value or b"")
    try:
        text = element.content.decode(_STRINGS[element.tag])
    except (KeyError, ValueError):
        return None
    return text if text.isprintable() and text else None


def _extensions(asked: Iterable[Extension], has_san: bool, notes: list[Note]) -> Iterable[bytes]:
    """The template's extensions that have a value; the administrator's alternative names come first."""
    from cryptography import x509

    taken = {SUBJECT_ALT_NAME} if has_san else set()
    for extension in asked:
        what = str(x509.ObjectIdentifier(extension.oid)._name)
        shown = extension.oid if what == "Unknown OID" else what
        if extension.oid in taken:
            if not (has_san and extension.oid == SUBJECT_ALT_NAME):
                notes.append((EstLine.TEMPLATE_LEFT, {"what": shown, "reason": "it is named twice"}))
            continue
        taken.add(extension.oid)
        if not extension.value:
            notes.append((EstLine.TEMPLATE_LEFT, {"what": shown, "reason": "it has no value"}))
            continue
        notes.append((EstLine.TEMPLATE_FILLED, {"what": f"{shown}{' (critical)' if extension.critical else ''}"}))
        yield extension.encoded()
