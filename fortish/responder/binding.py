"""Proof-of-possession linking (RFC 7030 section 3.5): a request that names the TLS connection it came on.

challengePassword (RFC 7030) and estIdentityLinking (RFC 7894) may hold the binding, each by itself; the binding is
tls-unique (RFC 5929, up to TLS 1.2) or the exporter's (RFC 9266), in base64. What is there is always checked.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator

from fortish.responder.body import Requested
from fortish.responder.message import Refused, Visitor
from fortish.responder.policy import Pop


def check_binding(visitor: Visitor, wanted: Requested, pop: Pop) -> None:
    """Check what a request has to link it to its connection. Raises Refused (400)."""
    shown = [
        (name, value)
        for name, value in (("challengePassword", wanted.challenge), ("estIdentityLinking", wanted.linking))
        if value is not None
    ]
    if not shown and pop == "required":
        raise Refused(400, "linking of identity and POP information is required")
    bindings = [base64.b64encode(binding) for binding in _bindings(visitor)]
    for name, value in shown:
        if not bindings:
            raise Refused(400, f"the {name} cannot be checked here: tls-unique needs TLS 1.2 at most")
        # All are compared, so that the time taken says nothing. White space may stand in base64 (RFC 8951 section 3.1).
        given = value.translate(None, b" \t\r\n")
        if True not in [hmac.compare_digest(given, binding) for binding in bindings]:
            raise Refused(400, f"the {name} is not the tls-unique of this connection: linking has failed")


def _bindings(visitor: Visitor) -> Iterator[bytes]:
    if visitor.tls_unique is not None:
        yield visitor.tls_unique
    if visitor.tls_exporter is not None:
        yield visitor.tls_exporter
