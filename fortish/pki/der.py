"""A small tag-length-value walker for BER and writer for DER (X.690), without recursion.

It reads what strict loaders refuse and peers nevertheless send: indefinite lengths and trailing bytes. It looks only
at the levels it is asked for, so hostile nesting costs one pass. It refuses tags above 30 and lengths above 4 octets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fortish.pki.faults import DerFault

INTEGER, OCTET_STRING, OID, UTF8, PRINTABLE, IA5 = 0x02, 0x04, 0x06, 0x0C, 0x13, 0x16
BIT_STRING, NULL, SEQUENCE, SET, CONTEXT_0, CONTEXT_1, CONTEXT_3 = 0x03, 0x05, 0x30, 0x31, 0xA0, 0xA1, 0xA3

_MOST_NESTED = 64  # indefinite lengths open at once
_LONGEST_OID = 64  # octets; longer ones are no identifiers but an attack on int-to-text conversion
_DOTTED = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,38})){1,30}")


class Element(NamedTuple):  # not a dataclass: dozens are made for each message
    """One TLV: its identifier octet, its contents, and all of its octets."""

    tag: int
    content: bytes
    raw: bytes


def first(data: bytes) -> Element:
    """The element at the start of `data`; what follows it is ignored. DerFault if there is none, or it is cut off."""
    return _element(data, 0)[0]


def children(element: Element) -> Iterator[Element]:
    """The elements inside a constructed element, lazily, in order. DerFault when one is broken."""
    if not element.tag & 0x20:
        raise DerFault("not a constructed value")
    position = 0
    while position < len(element.content):
        child, position = _element(element.content, position)
        yield child


def encode(tag: int, *parts: bytes) -> bytes:
    """The DER of one element whose contents are `parts`, joined."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def set_of(*members: bytes) -> bytes:
    """The contents of a SET OF in DER order (X.690 11.6)."""
    return b"".join(sorted(members))


def read_oid(element: Element) -> str:
    """The dotted form of an OBJECT IDENTIFIER. DerFault where it is none, badly padded, or absurdly long."""
    octets = element.content
    if element.tag != OID or not octets or len(octets) > _LONGEST_OID or octets[-1] & 0x80:
        raise DerFault("not an object identifier")
    arcs: list[int] = []
    value, fresh = 0, True
    for octet in octets:
        if fresh and octet == 0x80:
            raise DerFault("not an object identifier")
        value = value << 7 | octet & 0x7F
        fresh = not octet & 0x80
        if fresh:
            arcs.append(value)
            value = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(map(str, (top, arcs[0] - 40 * top, *arcs[1:])))


def write_oid(dotted: str) -> bytes:
    """The DER of an object identifier. DerFault where `dotted` is none."""
    if _DOTTED.fullmatch(dotted) is None:
        raise DerFault(f"not an object identifier: {dotted}")
    top, second, *rest = map(int, dotted.split("."))
    if top < 2 and second > 39:
        raise DerFault(f"not an object identifier: {dotted}")
    return encode(OID, *(_base128(arc) for arc in (40 * top + second, *rest)))


def _base128(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(0x80 | arc & 0x7F)
    return bytes(reversed(octets))


def _element(data: bytes, start: int) -> tuple[Element, int]:
    tag, body, size = _header(data, start)
    if size is not None:
        end = body + size
        return Element(tag, data[body:end], data[start:end]), end
    end = _end_of_contents(data, body)
    return Element(tag, data[body : end - 2], data[start:end]), end


def _header(data: bytes, start: int) -> tuple[int, int, int | None]:
    """The identifier octet, where the contents start, and their size: None if it is indefinite."""
    if start + 2 > len(data):
        raise DerFault("truncated")
    tag, size, body = data[start], data[start + 1], start + 2
    if tag & 0x1F == 0x1F:
        raise DerFault("a tag above 30")
    if size == 0x80:
        if not tag & 0x20:
            raise DerFault("an indefinite length on a primitive value")
        return tag, body, None
    if size > 0x80:
        count = size & 0x7F
        if count > 4:
            raise DerFault("a length above 4 octets")
        if body + count > len(data):
            raise DerFault("truncated")
        size = int.from_bytes(data[body : body + count], "big")
        body += count
    if body + size > len(data):
        raise DerFault("truncated")
    return tag, body, size


def _end_of_contents(data: bytes, position: int) -> int:
    """Just behind the end-of-contents octets that close an indefinite length whose contents start at `position`."""
    still_open = 1
    while still_open:
        tag, body, size = _header(data, position)
        position = body + (size or 0)
        if size is None:
            still_open += 1
        elif tag == 0 and size == 0:
            still_open -= 1
        if still_open > _MOST_NESTED:
            raise DerFault("nested too deeply")
    return position
