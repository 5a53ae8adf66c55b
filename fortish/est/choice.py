"""Which of the certificates that came is ours, and whether it is to be trusted."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from fortish.box import Box
from fortish.errors import LinkLost, PeerFault
from fortish.est import operations
from fortish.est.authorities import EnrollFault, box_time, enroll_fault, take_authorities
from fortish.est.connection import Connection
from fortish.est.context import EstContext
from fortish.est.trace import EstLine, trace
from fortish.pki import chains, keys, pem
from fortish.pki.faults import PkiFault
from fortish.steps import Step

if TYPE_CHECKING:
    from cryptography import x509


AHEAD: Final = timedelta(minutes=5)  # a CA's clock may be so far ahead of the box's


class Untrusted(EnrollFault):
    """The certificate is for our key, and no path leads from it to an anchor in use."""


def held(box: Box, context: EstContext) -> list[x509.Certificate]:
    """The CA certificates in the store: what may stand between a certificate and its anchor."""
    return [pem.certificate(text_) for text_ in box.authorities(context.scope).values()]


def choose(
    context: EstContext,
    received: list[x509.Certificate],
    key: keys.PrivateKey,
    authorities: Iterable[x509.Certificate],
    at: datetime,
) -> Generator[Step, Any, x509.Certificate]:
    """The certificate for our key, by public key and never by position; it must chain to an anchor in use.

    One that begins a moment from now is taken: most CAs let a certificate begin when they sign it, and no two clocks
    agree. Raises `EnrollFault`.
    """
    certificate = chains.issued_for(received, key)
    if certificate is None:
        yield trace(EstLine.NO_ISSUED_CERT, name=context.name)
        whose = "the server's key" if context.server_key else "our key"
        raise EnrollFault(f"the response holds no certificate for {whose}")
    yield trace(EstLine.ISSUED_CERTS, count=len(received))
    anchors = [pem.certificate(anchor) for anchor in context.anchors]
    begins = max(at, min(certificate.not_valid_before_utc, at + AHEAD))
    try:
        chains.path_to(certificate, [*received, *authorities], anchors, begins, partial=context.trust.partial)
    except PkiFault as fault:
        yield trace(EstLine.BAD_CHAIN, reason=fault.reason)
        raise Untrusted(f"the issued certificate is not trusted: {fault.reason}") from None
    yield operations.shown(certificate)
    return certificate


def choose_renewed(
    box: Box, connection: Connection, received: list[x509.Certificate], key: keys.PrivateKey
) -> Generator[Step, Any, tuple[x509.Certificate, list[x509.Certificate]]]:
    """As `choose`, for a renewal, with the CA certificates that are to be kept along with the certificate.

    There are some only where no path is known: the server may have a new root by now, so its CA certificates are asked
    for on the same verified connection (RFC 7030 section 4.1.3). Raises `EnrollFault`.
    """
    context, known = connection.context, held(box, connection.context)
    try:
        return (yield from choose(context, received, key, known, box_time(box))), []
    except Untrusted as fault:
        first = fault
    yield trace(EstLine.ASK_FOR_CAS)
    try:
        found = yield from operations.cacerts(connection)
        usable = yield from take_authorities(box, context, found)
    except (LinkLost, PeerFault, EnrollFault) as fault:
        raise enroll_fault(fault, first.reason) from None
    return (yield from choose(context, received, key, [*found, *known], box_time(box))), usable
