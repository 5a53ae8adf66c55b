"""EST on the wire: requests and bodies (RFC 7030 section 4, RFC 8951 section 3).

Sent in the one style that every server tried takes: base64 in 64 columns with a last line end, Content-Length, the path
segment as a segment of its own. Taken in every style seen: wrapped or not, PEM armour, plain DER; a
Content-Transfer-Encoding is ignored.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

from fortish.errors import PeerFault

if TYPE_CHECKING:
    import httpx

BODY_LIMIT = 1 << 20  # bytes of a response's body
LONGEST_URL = 8000  # characters of a redirection; RFC 9110 section 4.1 asks that so many be taken
TEXT_LIMIT = 200  # characters of an error body that are shown
COLUMNS = 64
_ARMOURED = re.compile(rb"^-----BEGIN [^\n]*\n(.*?)^-----END ", re.MULTILINE | re.DOTALL)


def operation_url(base: str, label: str, operation: str) -> str:
    """The URL of an operation, with the path segment if there is one (RFC 7030 section 3.2.2)."""
    segment = f"/{quote(label, safe='', errors='surrogateescape')}" if label else ""
    return f"{base.rstrip('/')}/.well-known/est{segment}/{operation}"


def encode(der: bytes) -> str:
    """Base64 in 64 columns with line ends, the last included."""
    text = base64.b64encode(der).decode()
    return "".join(f"{text[at : at + COLUMNS]}\n" for at in range(0, len(text), COLUMNS))


def request(method: str, url: str, body: str = "", authorization: str = "") -> httpx.Request:
    """A request, with an Authorization header if one is given."""
    import httpx

    headers = {"User-Agent": "fortish", "Accept": "*/*"}
    if authorization:
        headers["Authorization"] = authorization
    if method == "POST":
        headers["Content-Type"] = "application/pkcs10"
        headers["Content-Transfer-Encoding"] = "base64"
    encoded = {name.encode(): value.encode("utf-8", "surrogateescape") for name, value in headers.items()}  # any script
    return httpx.Request(method, url, headers=encoded, content=body.encode() if method == "POST" else None)


def target(url: str) -> str:
    """The path of a URL, with its query: what HTTP Digest covers."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def redirected(url: str, location: str) -> str | None:
    """Where a redirection leads, made whole; None for what is no https URL, and for one with a user in it.

    A user there would only mislead whoever reads the address (RFC 9110 section 4.2.4).
    """
    if not (location.isascii() and location.isprintable() and len(location) <= LONGEST_URL):
        return None
    try:
        there = urlsplit(urljoin(url, location.strip()))
        good = there.scheme == "https" and there.hostname and "@" not in there.netloc and there.port != 0
    except ValueError:
        return None
    return there._replace(fragment="").geturl() if good else None


def origin(url: str) -> tuple[str, int]:
    """The web origin of an https URL (RFC 6454): its host, in lower case, and port. Raises `ValueError`."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 443


def first(response: httpx.Response, name: str) -> str:
    """The first header of a name, '' where there is none: one that stands twice is no list."""
    return next(iter(response.headers.get_list(name)), "")


def retry_after(response: httpx.Response, now: float) -> float | None:
    """How many seconds the server asks to wait: Retry-After as a number or as a date (RFC 9110 section 10.2.3).

    `now` in seconds since 1970. None where the header is missing or cannot be read.
    """
    given = first(response, "retry-after").strip()
    if given.isascii() and given.isdecimal():
        return float(given[:12])
    try:
        date = parsedate_to_datetime(given) if given else None
        if date is not None and date.tzinfo is None:  # "-0000" is UTC as well, not the time of this host
            date = date.replace(tzinfo=UTC)
        return None if date is None else max(0.0, date.timestamp() - now)
    except (ValueError, OverflowError):
        return None


def header_lines(response: httpx.Response) -> list[str]:
    """The status line and the headers as received, then the empty line that ends them."""
    version = response.extensions.get("http_version", b"HTTP/1.1").decode("ascii", "replace")
    lines = [f"{version} {response.status_code} {response.reason_phrase}".rstrip()]
    lines += [f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in response.headers.raw]
    return [printable(line) for line in [*lines, ""]]


def printable(text: str, limit: int = 10_000) -> str:
    """Foreign text made safe for a terminal: control characters become dots; cut at `limit` characters."""
    safe = text[:limit]
    if not safe.isprintable():
        safe = "".join(letter if letter.isprintable() else "." for letter in safe)
    return f"{safe}..." if len(text) > limit else safe


def body_text(content: bytes) -> str:
    """A body as the trace shows it: its own line ends kept, the last one dropped."""
    lines = content[:BODY_LIMIT].decode("latin-1").replace("\r\n", "\n").rstrip("\n").split("\n")
    return "\n".join(printable(line) for line in lines)


def error_text(content: bytes) -> str:
    """The start of an error's body on one line."""
    return printable(" ".join(content[: 4 * TEXT_LIMIT].decode("utf-8", "replace").split()), TEXT_LIMIT)


def decode(content: bytes) -> bytes:
    """The DER in a body. Raises `PeerFault`: it is empty or not base64."""
    if content[:1] == b"\x30" and not content[:64].isascii():
        return content
    pieces = [piece for piece in _pieces(content) if piece]
    if not pieces:
        raise PeerFault("the body is empty")
    try:
        return b"".join(base64.b64decode(piece, validate=True) for piece in pieces)
    except binascii.Error as error:
        raise PeerFault(str(error)) from None


def _pieces(content: bytes) -> Iterator[bytes]:
    """The base64 of each PEM armour, several as of a file, and not what stands around them; without any, all of it."""
    for piece in _ARMOURED.findall(content) or [content]:
        yield piece.translate(None, b" \t\r\n")
