"""HTTP authentication as both ends of it write and read it: RFC 9110 section 11, RFC 7616, RFC 7617, RFC 8187.

A header is split by its grammar: a quoted realm may hold anything, also what looks like another challenge. A challenge
is read leniently, since servers are what they are; credentials are not. Text of a header is UTF-8, and octets that are
none are kept (surrogateescape), so that a realm goes back as it came.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, unquote_to_bytes

LONGEST: Final = 8192  # characters of a header that are looked at

_ATTRIBUTE = "!#$&+-.^_`|~"  # what RFC 8187 section 3.2.1 leaves as it is, beside letters and digits
# What has matched is not given back: else a long header would take its square.
_ELEMENT = re.compile(r'(?s)(?:[^",]|"(?:[^"\\]|\\.|\\$)*+(?:"|$))*+')
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"  # noqa: S105
_SCHEME = re.compile(rf"({_TOKEN})(?:[ \t]++(.*))?", re.DOTALL)
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^\s",]*+))', re.DOTALL)
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]++=*+")


@dataclass(frozen=True, slots=True)
class Scheme:
    """One challenge, or credentials: the scheme in lower case; its token68, '' for none; or its parameters by name.

    Names are in lower case.
    """

    name: str
    token: str = field(default="", repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)


def challenges(header: str) -> list[Scheme]:
    """The challenges of one WWW-Authenticate header. What cannot be read is left out; of a name, the first counts."""
    found: list[tuple[str, str, dict[str, str]]] = []
    for element in _elements(header[:LONGEST]):
        pair = _pair(element)
        if pair is None and (start := _SCHEME.fullmatch(element)):
            rest = start[2] or ""
            token = rest if _TOKEN68.fullmatch(rest) else ""
            found.append((start[1].lower(), token, {}))
            pair = None if token else _pair(rest)
        if pair is not None and found:
            found[-1][2].setdefault(*pair)
    return [Scheme(name, token, MappingProxyType(parameters)) for name, token, parameters in found]


def credentials(header: str) -> Scheme | None:
    """The credentials of an Authorization header; None for what is none, or names a parameter twice."""
    start = _SCHEME.fullmatch(header.strip(" \t"))
    if start is None or len(header) > LONGEST:
        return None
    name, rest = start[1].lower(), start[2] or ""
    if _TOKEN68.fullmatch(rest):
        return Scheme(name, rest)
    pairs = [_pair(element) for element in _elements(rest)]
    given = dict(pair for pair in pairs if pair is not None)
    return Scheme(name, "", MappingProxyType(given)) if len(given) == len(pairs) else None


def _elements(text: str) -> Iterator[str]:
    """What stands between commas that no quotes enclose (RFC 9110 section 5.6.1); empty elements count for nothing."""
    at = 0
    while at <= len(text):
        part = _ELEMENT.match(text, at)
        if part is None:
            return
        if element := part[0].strip(" \t"):
            yield element
        at = part.end() + 1


def _pair(text: str) -> tuple[str, str] | None:
    part = _PARAMETER.fullmatch(text)
    if part is None:
        return None
    return part[1].lower(), part[3] if part[2] is None else re.sub(r"(?s)\\(.)", r"\1", part[2])


def quoted(text: str) -> str:
    """A quoted string (RFC 9110 section 5.6.4)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def extended(text: str) -> str:
    """A value of any script in ASCII (RFC 8187 section 3.2.1)."""
    return f"UTF-8''{quote(octets(text), safe=_ATTRIBUTE)}"


def from_extended(value: str) -> str | None:
    """What such a value says; None for another charset, and for what cannot be read."""
    charset, _, rest = value.partition("'")
    _, mark, coded = rest.partition("'")
    if charset.lower() != "utf-8" or not mark or re.search(r"%(?![0-9A-Fa-f]{2})", coded):
        return None
    try:
        return unquote_to_bytes(coded.encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError:
        return None


# --- users and passwords ----------------------------------------------------------------------------------------------


def can_be_user(text: str) -> bool:
    """Whether a user name can be sent: a colon would end it, and control characters are not allowed (RFC 7617)."""
    return ":" not in text and can_be_password(text)


def can_be_password(text: str) -> bool:
    """The same of a password, which may hold colons."""
    return not any(letter < " " or letter == "\x7f" for letter in text)


def octets(text: str) -> bytes:
    """UTF-8; of a header's text its own octets."""
    return text.encode("utf-8", "surrogateescape")


def prepared(text: str) -> str:
    """A user name or password in the one form that both ends compare: normalised (RFC 7616 section 4, RFC 7617)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def basic(user: str, password: str) -> str:
    """The credentials of HTTP Basic, in UTF-8 whatever a challenge says of its charset (RFC 7617 section 2.1)."""
    return "Basic " + base64.b64encode(octets(f"{prepared(user)}:{prepared(password)}")).decode()


# --- Digest -----------------------------------------------------------------------------------------------------------


def _md5(text: str) -> str:
    return hashlib.md5(octets(text), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(octets(text)).hexdigest()


# From the weakest to the strongest; each has a `-sess` form. SHA-512-256 is left out: RFC 7616's own example of it is
# computed with another function (a SHA-512 that is cut), and so it is in some implementations.
HASHES: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType({"MD5": _md5, "SHA-256": _sha256})
SESSION: Final = "-SESS"


@dataclass(frozen=True, slots=True)
class Covered:
    """What a digest covers beside the password (RFC 7616 section 3.4.1). `qop` is '' for RFC 2069's form."""

    method: str
    uri: str
    nonce: str
    qop: str = ""
    count: str = ""
    cnonce: str = ""

    def response(self, algorithm: str, secret: str) -> str:
        """The response that `secret`, which `secret` has made, gives."""
        hashed = HASHES[algorithm.upper().removesuffix(SESSION)]
        middle = [self.nonce, self.count, self.cnonce, self.qop] if self.qop else [self.nonce]
        return hashed(":".join([secret, *middle, hashed(f"{self.method}:{self.uri}")]))


def secret(algorithm: str, user: str, realm: str, password: str) -> str:
    """The hash that stands for a password, not yet for a session (RFC 7616 section 3.4.2)."""
    return HASHES[algorithm.upper().removesuffix(SESSION)](f"{prepared(user)}:{realm}:{prepared(password)}")


def session_secret(algorithm: str, held: str, nonce: str, cnonce: str) -> str:
    """The same for a session, which begins with the nonce of a challenge; as it was where there are no sessions."""
    if not algorithm.upper().endswith(SESSION):
        return held
    return HASHES[algorithm.upper().removesuffix(SESSION)](f"{held}:{nonce}:{cnonce}")


def user_hash(algorithm: str, user: str, realm: str) -> str:
    """What stands for a user that is not to be read (RFC 7616 section 3.4.4)."""
    return HASHES[algorithm.upper().removesuffix(SESSION)](f"{prepared(user)}:{realm}")
