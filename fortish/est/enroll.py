"""A first enrollment: the operations in the documented order, and what is kept of them.

A failure at any point leaves the configuration as it was. It is written last, in one commit: the received CA
certificates with the certificate.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fortish.box import LOCAL, Box
from fortish.cmdb.entries import GLOBAL, Change, Entry, Put
from fortish.cmdb.secrets import random_password, seal
from fortish.errors import Deferred, LinkLost, PeerFault, StorageFault
from fortish.est import operations, wire
from fortish.est.auth import set_auth
from fortish.est.authorities import EnrollFault, authority_changes, box_time, enroll_fault, take_authorities
from fortish.est.choice import choose, held
from fortish.est.connection import Connection
from fortish.est.context import EstContext
from fortish.est.filling import known_of
from fortish.est.trace import EstLine, trace
from fortish.est.trust import anchor
from fortish.est.wanted import Wanted, wanted_of
from fortish.pki import away, keys, pem, requests
from fortish.pki.faults import PkiFault
from fortish.steps import Link, Step

if TYPE_CHECKING:
    from cryptography import x509

    from fortish.pki.csrattrs import CsrAttr

Ended = Generator[Step, Any, None]
# Where a first enrollment begins and ends in the trace, by whether the server makes the key.
WAYS = {
    False: (EstLine.SIMPLE_ENROLL, EstLine.ENROLL_RET),
    True: (EstLine.SERVER_KEYGEN, EstLine.KEYGEN_RET),
}


@dataclass(slots=True)
class Issued:
    """A certificate and the key it is for."""

    certificate: x509.Certificate
    key: keys.PrivateKey


def est_simple_enroll(
    box: Box, context: EstContext, algorithm: keys.Algorithm, key: keys.PrivateKey | None = None
) -> Ended:
    """A first enrollment: cacerts, csrattrs, simpleenroll or serverkeygen (`context.server_key`), and the new entry.

    For serverkeygen the key that is made here signs the request, and no more is done with it (RFC 7030 section 4.4.1).
    `key` is that of a request that waits already. Raises `EnrollFault`, and `Waiting` where the server has not decided.
    """
    connection = yield from set_auth(box, context, http=True)
    try:
        received = yield from operations.cacerts(connection)
        authorities = yield from take_authorities(box, context, received)
    except (LinkLost, PeerFault, EnrollFault) as fault:
        yield trace(EstLine.NO_CA_CERTS, code=-1)
        raise failed(fault, key) from None
    try:
        attributes = yield from operations.csrattrs(connection)
        wanted = yield from _wanted(box, context, attributes)
    except (LinkLost, PeerFault) as fault:
        yield trace(EstLine.NO_ATTRS, code=-1)
        raise failed(fault, key) from None
    yield operations.shown_context(connection)
    begun, done = WAYS[context.server_key]
    yield trace(begun)
    if key is None:
        key = yield from away.generated(algorithm)
    try:
        pool = [*received, *held(box, context)]
        issued = yield from _post_new(box, connection, key, wanted, pool)
        yield from _keep_new(box, context, issued, authorities)
        anchor(box, context, connection.link)
    except (LinkLost, PeerFault, EnrollFault) as fault:
        yield from ended(done, -1)
        raise failed(fault, key) from None
    yield from ended(done, 0)


class Waiting(EnrollFault):
    """The server has not decided: ask again in `seconds`, with the same key (None: none was made yet)."""

    def __init__(self, reason: str, seconds: float, key: keys.PrivateKey | None) -> None:
        super().__init__(reason, passing=True, seconds=seconds)
        self.key = key


def failed(fault: LinkLost | PeerFault | EnrollFault, key: keys.PrivateKey | None) -> EnrollFault:
    """What an enrollment raises for `fault`: `Waiting`, with the key that was made, where the server says when."""
    if isinstance(fault, Deferred):
        return Waiting(fault.reason, fault.seconds, key)
    return enroll_fault(fault)


def ended(line: EstLine, code: int) -> Ended:
    """The last lines of an enrollment."""
    yield trace(EstLine.CLEAR)
    yield trace(line, code=code)
    yield trace(EstLine.CLEAR)


def _wanted(box: Box, context: EstContext, attributes: list[CsrAttr]) -> Generator[Step, Any, Wanted]:
    """What the request will ask for: the administrator's words, and where there are none the server's."""
    try:
        wanted, notes = wanted_of(context, attributes, known_of(box, context))
    except PkiFault as fault:
        yield trace(EstLine.BAD_CSRATTRS, reason=fault.reason)
        raise PeerFault(f"csrattrs: {fault.reason}") from None
    for line, fields in notes:
        yield trace(line, **fields)
    return wanted


def _post_new(
    box: Box,
    connection: Connection,
    key: keys.PrivateKey,
    wanted: Wanted,
    authorities: list[x509.Certificate],
) -> Generator[Step, Any, Issued]:
    context = connection.context

    def made(challenge: str | None, linking: str | None) -> x509.CertificateSigningRequest:
        return requests.new_request(
            key,
            wanted.subject,
            wanted.san,
            challenge,
            linking=linking,
            extensions=wanted.extensions,
            attributes=wanted.attributes,
            digest=wanted.digest,
        )

    body = bodies(context, made)
    if not context.need_pop:
        yield trace(EstLine.POSTED, body=(yield from away.used(key, lambda: body(None))))
    final = key
    if context.server_key:
        final, received = yield from operations.serverkeygen(connection, body)
    else:
        received = yield from operations.simpleenroll(connection, body)
    at = box_time(box)  # not before it was asked for: many a certificate begins when it is issued
    return Issued((yield from choose(context, received, final, authorities, at)), final)


def bodies(context: EstContext, made: Callable[..., x509.CertificateSigningRequest]) -> Callable[[Link | None], str]:
    """What makes a request's body for the link it goes out on: once, or once for each session it is bound to."""
    known: dict[bytes, str] = {}

    def body(link: Link | None) -> str:
        session = b""
        if context.need_pop:
            session = (link.tls_unique if link is not None else None) or b""
            if not session:
                raise PeerFault("this TLS session has no name to bind the request to")
        if session not in known:
            name = base64.b64encode(session).decode() if session else None
            challenge = name if "challengePassword" in context.linking else None
            known[session] = wire.encode(
                _der(made(challenge, name if "estIdentityLinking" in context.linking else None))
            )
        return known[session]

    return body


def _der(request: x509.CertificateSigningRequest) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return request.public_bytes(Encoding.DER)


def _keep_new(box: Box, context: EstContext, issued: Issued, authorities: list[x509.Certificate]) -> Ended:
    """Write the new entry, with certificate, key and the settings a renewal will need; and the CA certificates."""
    if box.cmdb.entry(context.scope, LOCAL, context.name) is not None:
        yield trace(EstLine.NOT_SAVED, reason=f"certificate '{context.name}' exists by now")
        raise EnrollFault(f"certificate '{context.name}' exists by now")
    password = context.password or random_password()
    values: dict[str, Any] = {
        "password": seal(password),
        "private-key": keys.encrypted_pem(issued.key, password),
        "certificate": pem.pem(issued.certificate),
        "range": "global" if context.scope == GLOBAL else "",
        "enroll-protocol": "est",
        "est-server": context.url,
        "est-ca-id": context.ca_identifier,
        "est-http-username": context.http_username,
        "est-http-password": seal(context.http_password) if context.http_password else None,
        "est-client-cert": context.client_cert,
        "est-server-cert": context.server_cert,
        "est-srp-username": context.srp_username,
        "est-srp-password": seal(context.srp_password) if context.srp_password else None,
        "source-ip": context.source_ip,
    }
    entry = Entry({name: value for name, value in values.items() if value})
    put = Put(context.scope, LOCAL, context.name, entry)
    yield from save(box, context.name, [*authority_changes(box, context, authorities), put])


def save(box: Box, name: str, changes: list[Change]) -> Ended:
    """Keep what an enrollment has brought, in one commit. Raises `EnrollFault`: it could not be stored."""
    try:
        if not box.may_keep((changes[-1].scope, name)):
            raise StorageFault("the box was restarted meanwhile, or its VDOM is gone")
        box.cmdb.keep(changes)
    except StorageFault as fault:
        yield trace(EstLine.NOT_SAVED, reason=fault.reason)
        raise enroll_fault(fault, f"it could not be stored: {fault.reason}") from None
    yield trace(EstLine.CERT_UPDATED, name=name)
    yield trace(EstLine.CERT_SAVED)
