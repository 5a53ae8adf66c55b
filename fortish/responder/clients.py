"""What a request tells of the client that sends it, where some clients need to be treated with care.

Each of them was read or run (docs/peers.md); whoever is none of them gets what the RFCs have.
"""

from __future__ import annotations

from typing import Final

from fortish.responder.message import Asked

_FEW: Final = frozenset({b"authorization", b"content-length", b"content-type", b"host"})
_ROOT: Final = "/.well-known/est/"


def is_anonymous(asked: Asked) -> bool:
    """Whether the client tells nothing of itself.

    Bouncy Castle is one of those: it fails where an answer that it does not read has a body.
    """
    return asked.header(b"user-agent") is None and asked.header(b"accept") is None


def wants_one_line(asked: Asked) -> bool:
    """Whether base64 must come without line ends: strongSwan 5.9, which sends no header that it need not."""
    return all(name in _FEW for name, _ in asked.headers)


def is_libest(asked: Asked) -> bool:
    """Whether it is Cisco's library, or a client that is made of it."""
    return (asked.header(b"user-agent") or b"").lower().startswith(b"libest")


def knows_md5_alone(asked: Asked) -> bool:
    """Whether its HTTP Digest is that of RFC 2617: libest's, and Bouncy Castle's.

    Both look at the first challenge only, libest wants MD5, and Bouncy Castle no value without quotes.
    """
    return is_libest(asked) or is_anonymous(asked)


def is_about(asked: Asked, uri: str) -> bool:
    """Whether the `uri` of a digest is what is asked for (RFC 7616 section 3.4.6).

    libest leaves the path segment out of it, against that section.
    """
    path = asked.target.partition("?")[0]
    return uri == asked.target or (is_libest(asked) and uri == f"{_ROOT}{path.rpartition('/')[2]}")
