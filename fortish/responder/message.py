"""What goes in and out of `respond`: a request, who sent it, an answer, and how the answer is to reach the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from fortish.errors import FortishError

# RFC 9110 section 15; spelled here since Python's own table changes with its version. Sorted.
_REASONS: Mapping[int, str] = MappingProxyType(
    {
        200: "OK",
        202: "Accepted",
        204: "No Content",
        301: "Moved Permanently",
        302: "Found",
        303: "See Other",
        307: "Temporary Redirect",
        308: "Permanent Redirect",
        400: "Bad Request",
        401: "Unauthorized",
        403: "Forbidden",
        404: "Not Found",
        405: "Method Not Allowed",
        413: "Content Too Large",
        415: "Unsupported Media Type",
        423: "Locked",
        429: "Too Many Requests",
        431: "Request Header Fields Too Large",
        500: "Internal Server Error",
        501: "Not Implemented",
        502: "Bad Gateway",
        503: "Service Unavailable",
        504: "Gateway Timeout",
    }
)
REALM: Final = "estrealm"
BASIC_CHALLENGE: Final = f'Basic realm="{REALM}"'


@dataclass(frozen=True, slots=True)
class Asked:
    """One HTTP request. Header names are in lower case, the body is whole, or one octet longer than is allowed."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = field(repr=False, default=b"")

    def header(self, name: bytes) -> bytes | None:
        """The value of the first header called `name` (lower case), None where there is none."""
        return next((value for held, value in self.headers if held == name), None)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, as the connection knows it.

    `chain` is the client's certificate path in DER, leaf first, verified by TLS except for its dates; `srp_user` the
    user that TLS-SRP has authenticated; `tls_unique` the channel binding of RFC 5929, `tls_exporter` that of RFC 9266,
    None where there is none or nobody knows it.
    """

    address: str = ""
    local_port: int = 0
    chain: tuple[bytes, ...] = field(repr=False, default=())
    srp_user: str | None = None
    tls_unique: bytes | None = field(repr=False, default=None)
    tls_exporter: bytes | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class Wire:
    """What a server does beyond a plain answer.

    It closes the connection afterwards (`close`), or after `cut` octets of the body, or without any answer
    (`silent`); it waits `delay` seconds first, and between `pieces` octets `pause` seconds (0 pieces: all at once).
    An HTTP/1.0 request has an HTTP/1.0 answer whatever `http_version` says.
    """

    http_version: str = "1.1"
    close: bool = False
    cut: int | None = None
    delay: float = 0.0
    pieces: int = 0
    pause: float = 0.0
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response, its headers in the order and spelling in which they are sent."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    wire: Wire = Wire()

    def head(self, http_version: str = "1.1") -> bytes:
        """The status line, the headers and the empty line after them."""
        lines = [
            f"HTTP/{http_version} {self.status} {self.reason}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


class Refused(FortishError):
    """A request that gets an error status, or a 202: `text` says why, in a sentence. Never leaves `respond`.

    `stale` is for a 401: what was shown is right, but too old (RFC 7616 section 3.3).
    """

    def __init__(self, status: int, text: str, *headers: tuple[str, str], stale: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers
        self.stale = stale


def answer(status: int, body: bytes, *headers: tuple[str, str]) -> Answer:
    """An answer in the documented order: `Status` first, `headers`, `Content-Length` last (a 204 has none)."""
    reason = reason_of(status)
    length = (("Content-Length", str(len(body))),) if status != 204 else ()
    return Answer(status, reason, (("Status", f"{status} {reason}"), *headers, *length), body if length else b"")


def refusal(
    status: int, text: str, *headers: tuple[str, str], challenges: Sequence[str] = (BASIC_CHALLENGE,)
) -> Answer:
    """An answer whose body is one line of text, if any (RFC 8951 section 5.1); a 401 brings its challenges along."""
    challenge = tuple(("WWW-Authenticate", one) for one in challenges) if status == 401 else ()
    body = "" if status == 204 or not text else f"{text}\n"
    typed = (("Content-Type", "text/plain"),) if body else ()
    return answer(status, body.encode("utf-8", "replace"), *challenge, *headers, *typed)


NOT_KEPT: Final = "nothing can be kept here at present"


def promises(asked: Asked, given: Answer) -> bool:
    """Whether the answer is one that a client may rely on after a restart."""
    return asked.method == "POST" and given.status in (200, 202)


def reason_of(status: int) -> str:
    """The reason phrase of a status."""
    return _REASONS.get(status, "Unknown")
