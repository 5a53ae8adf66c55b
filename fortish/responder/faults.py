"""The fault menu: ways in which the responder can misbehave on purpose, so that a client can be tried against them.

A fault is data. It is chosen by name, in a policy or by the path segment `fault-NAME`, or spelled out in a policy. One
with a status answers at once; the others spoil the answer to a request that was right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fortish.responder.message import Answer, Wire

CSRATTRS: Final = frozenset({"csrattrs"})
ENROLLMENT: Final = frozenset({"simpleenroll", "simplereenroll"})
SEGMENT: Final = "fault-"  # what a path segment starts with that names a fault


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave; what is left at its default stays right.

    `on` are the operations that a path segment spoils. `body` is sent as it stands, and `oversize` octets of base64 in
    its place; `cut` is how many octets of the body are sent before the connection is closed; `drop` names headers to
    leave out; `delay` is in seconds. The last three are about the issued certificate: for another key, from a CA of
    the same name but another key, with its dates in the past.
    """

    on: frozenset[str] = ENROLLMENT
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str = ""
    drop: tuple[str, ...] = ()
    oversize: int = 0
    cut: int | None = None
    delay: float = 0.0
    close: bool = False
    wrong_key: bool = False
    untrusted_issuer: bool = False
    expired: bool = False


NO_FAULT: Final = Fault()

# Sorted by name.
FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "csrattrs-204": Fault(on=CSRATTRS, status=204),
        "csrattrs-404": Fault(on=CSRATTRS, status=404),
        "csrattrs-garbage": Fault(on=CSRATTRS, body=b"MAXerQ==\n"),  # a SEQUENCE that ends too early
        "expired": Fault(expired=True),
        "not-base64": Fault(body=b"*** this is not base64 ***\n"),
        "not-pkcs7": Fault(body=b"MAMCAQc=\n"),  # SEQUENCE { INTEGER 7 }
        "oversized": Fault(oversize=2 << 20),
        "status-401": Fault(status=401),
        "status-403": Fault(status=403),
        "status-404": Fault(status=404),
        "status-500": Fault(status=500),
        "status-503": Fault(status=503),
        "truncated": Fault(cut=100),
        "untrusted-issuer": Fault(untrusted_issuer=True),
        "wrong-key": Fault(wrong_key=True),
    }
)


def spoilt(given: Answer, fault: Fault) -> Answer:
    """A right answer made wrong as `fault` has it."""
    body = _filler(fault.oversize) if fault.oversize else given.body if fault.body is None else fault.body
    changed = {"Content-Length": str(len(body))}
    if fault.content_type:
        changed["Content-Type"] = fault.content_type
    dropped = {name.lower() for name in fault.drop}
    headers = [(name, changed.get(name, value)) for name, value in given.headers if name.lower() not in dropped]
    at = len(headers) - 1 if headers and headers[-1][0] == "Content-Length" else len(headers)
    headers[at:at] = fault.headers
    wire = Wire(close=fault.close or fault.cut is not None, cut=fault.cut, delay=fault.delay)
    return Answer(given.status, given.reason, tuple(headers), body, wire)


def _filler(size: int) -> bytes:
    """Base64 of `size` octets in all, line ends included."""
    return (b"A" * 64 + b"\n") * (size // 65) + b"A" * (size % 65)
