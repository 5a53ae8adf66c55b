"""The answer to serverkeygen taken apart (RFC 7030 section 4.4.2): a private key and its certificate, in either order.

Lines may end with CRLF or LF, and text may stand before the first part and after the last (RFC 2046 section 5.1). What
is bounded: the number of parts, a part's header, the boundary. It decodes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fortish.errors import PeerFault

MOST_PARTS = 10
LONGEST_HEADER = 4096  # bytes of all headers of a part
LONGEST_BOUNDARY = 70  # characters, RFC 2046 section 5.1.1

KEY, CERTIFICATES, ENCRYPTED = "application/pkcs8", "application/pkcs7-mime", "server-generated-key"
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,\-./:=? ]*[A-Za-z0-9'()+_,\-./:=?]")
_PARAMETER = re.compile(r';\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))')
_HEADER_END = re.compile(rb"(?:\A|\r?\n)\r?\n")


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its type in lower case, its smime-type ('' where it has none), its content as it came."""

    kind: str
    smime: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Generated:
    """What a server has made, both as they came: in base64, as a rule."""

    key: bytes
    certificates: bytes


def generated(content_type: str, body: bytes) -> Generated:
    """The key and the certificate of an answer. Raises `PeerFault`, without evidence: a key may be in it."""
    found = parts(content_type, body)
    if any(part.smime == ENCRYPTED for part in found):
        raise PeerFault("the private key is encrypted, which was not asked for")
    return Generated(
        _only(found, KEY, "private key (application/pkcs8)"),
        _only(found, CERTIFICATES, "certificate (application/pkcs7-mime)"),
    )


def parts(content_type: str, body: bytes) -> tuple[Part, ...]:
    """The parts of a multipart body. Raises `PeerFault`."""
    boundary = re.escape(_boundary(content_type).encode())
    edge = re.compile(rb"(?:\A|\r?\n)--" + boundary + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    found: list[Part] = []
    start = -1  # of the part that is open; what comes before the first is a preamble
    for mark in edge.finditer(body):
        if start >= 0:
            found.append(_part(body[start : mark.start()]))
        if mark[1]:
            return tuple(found)
        if len(found) == MOST_PARTS:
            raise PeerFault(f"the multipart body has more than {MOST_PARTS} parts")
        start = mark.end()
    raise PeerFault("the multipart body has no part" if start < 0 else "the multipart body is cut off")


def _boundary(content_type: str) -> str:
    kind, parameters = type_of(content_type)
    if not kind.startswith("multipart/"):
        raise PeerFault("the response is not multipart")
    boundary = parameters.get("boundary", "")
    if not boundary:
        raise PeerFault("the multipart type names no boundary")
    if len(boundary) > LONGEST_BOUNDARY or not _BOUNDARY.fullmatch(boundary):
        raise PeerFault("the boundary of the multipart type is malformed")
    return boundary


def _part(text: bytes) -> Part:
    """A part, from behind its delimiter to the next one; the line end of the delimiter comes first."""
    text = text[2:] if text.startswith(b"\r\n") else text[1:]
    end = _HEADER_END.search(text, 0, LONGEST_HEADER)
    if end is None:
        raise PeerFault("a part of the multipart body has no end of its headers")
    unfolded = re.sub(r"\r?\n[ \t]+", " ", text[: end.start()].decode("latin-1"))
    named = (line.partition(":") for line in unfolded.splitlines())
    given = next((value for name, _, value in named if name.strip().lower() == "content-type"), "text/plain")
    kind, parameters = type_of(given)
    return Part(kind, parameters.get("smime-type", "").lower(), text[end.end() :])


def type_of(value: str) -> tuple[str, dict[str, str]]:
    """A Content-Type in lower case, and its parameters by lower-case name; the first of a name counts."""
    value = value[:LONGEST_HEADER]
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(value):
        found.setdefault(name.lower(), plain or re.sub(r"\\(.)", r"\1", quoted))
    return value.partition(";")[0].strip().lower(), found


def _only(found: tuple[Part, ...], kind: str, what: str) -> bytes:
    matching = [part for part in found if part.kind == kind]
    if len(matching) != 1:
        raise PeerFault(f"the multipart body holds {'no' if not matching else 'more than one'} {what}")
    return matching[0].content
