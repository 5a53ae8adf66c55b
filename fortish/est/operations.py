"""The EST operations as flows, named as RFC 7030 names them, with the documented trace lines in their order.

Nothing here writes the configuration: what an operation learns it returns, and `enroll` keeps it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from fortish.cmdb.entries import GLOBAL
from fortish.errors import Deferred, PeerFault, may_pass
from fortish.est import wire
from fortish.est.asked import linking_of
from fortish.est.connection import Body, Connection
from fortish.est.context import EstContext
from fortish.est.trace import EstLine, dump, late, trace
from fortish.pki import csrattrs as attributes
from fortish.pki import keys, pkcs7, text
from fortish.pki.certificates import raw_extensions
from fortish.pki.faults import PkiFault
from fortish.steps import Step, compute

if TYPE_CHECKING:
    import httpx
    from cryptography import x509

Certificates = Generator[Step, Any, "list[x509.Certificate]"]

LATER = frozenset({202, 429, 503})  # statuses that mean "come back", where Retry-After says when
MADE = frozenset({200, 201})  # 201 is foundries.io's; RFC 7030 section 4.2.3 has 200
NONE_AVAILABLE = frozenset({204, 404, 501})  # csrattrs: the server has none, or does not do them (RFC 7030 4.5.2)


def cacerts(connection: Connection) -> Certificates:
    """The CA certificates (RFC 7030 section 4.1). Raises `LinkLost`, `PeerFault`."""
    yield trace(EstLine.GET_CA_CERTS)
    response = yield from connection.get("cacerts")
    yield from _expect_ok(response, connection.now())
    return (yield from certs_only(connection, response.content))


def csrattrs(connection: Connection) -> Generator[Step, Any, list[attributes.CsrAttr]]:
    """The CSR attributes (RFC 7030 section 4.5), shown as the guide's trace has it.

    A server that has none is no failure. What they mean for a request is decided where one is made; that it must be
    bound to the TLS session is noted at once (`context.linking`). Raises `LinkLost`, `PeerFault`.
    """
    yield trace(EstLine.GET_CSR_ATTRS)
    response = yield from connection.get("csrattrs")
    if response.status_code in NONE_AVAILABLE or (response.status_code == 200 and not response.content.strip()):
        yield trace(EstLine.NO_CSR_ATTRS, status=response.status_code)
        return []
    yield from _expect_ok(response, connection.now())
    yield trace(EstLine.DECODING, length=len(response.content))
    try:
        found = attributes.read_csrattrs((yield from _decoded(response.content)))
    except PkiFault as fault:
        yield trace(EstLine.BAD_CSRATTRS, reason=fault.reason)
        raise PeerFault(f"csrattrs: {fault.reason}") from None
    for attribute in found:
        yield trace(EstLine.OBJECT, oid=attribute.oid, name=attributes.short_name(attribute.oid))
    connection.context.has_attributes = bool(found)
    yield from _linking(connection.context, found)
    return found


def _linking(context: EstContext, found: list[attributes.CsrAttr]) -> Generator[Step, Any, None]:
    """Whether the server asks for proof of possession to be linked to the TLS session (RFC 7030 section 3.5)."""
    asked = linking_of(found)
    if asked:
        context.need_pop, context.linking = True, asked
        yield trace(EstLine.NEED_POP, names=" and ".join(sorted(asked)))


def simpleenroll(connection: Connection, body: Body) -> Certificates:
    """A first enrollment (RFC 7030 section 4.2.1). Raises `LinkLost`, `PeerFault`."""
    return (yield from _simple_post(connection, "simpleenroll", body))


def simplereenroll(connection: Connection, body: Body) -> Certificates:
    """A renewal or rekey (RFC 7030 section 4.2.2). Raises `LinkLost`, `PeerFault`."""
    return (yield from _simple_post(connection, "simplereenroll", body))


def _simple_post(connection: Connection, operation: str, body: Body) -> Certificates:
    response = yield from _posted(connection, operation, body)
    return (yield from certs_only(connection, response.content))


def serverkeygen(
    connection: Connection, body: Body
) -> Generator[Step, Any, tuple[keys.PrivateKey, list[x509.Certificate]]]:
    """A key that the server makes, and the certificates with it (RFC 7030 section 4.4). Raises as `simpleenroll`."""
    from fortish.est import multipart

    response = yield from _posted(connection, "serverkeygen", body)
    try:
        made = multipart.generated(wire.first(response, "content-type"), response.content)
    except PeerFault as fault:
        yield trace(EstLine.BAD_MULTIPART, reason=fault.reason)
        raise
    try:
        key = yield from compute(lambda: keys.load_der(wire.decode(made.key)))
    except (PeerFault, PkiFault) as fault:
        yield trace(EstLine.BAD_SERVER_KEY, reason=fault.reason)
        raise PeerFault(f"the server's key is unusable: {fault.reason}") from None
    yield trace(EstLine.SERVER_KEY, kind=keys.kind_of(key))
    return key, (yield from certs_only(connection, made.certificates))


def _posted(connection: Connection, operation: str, body: Body) -> Generator[Step, Any, httpx.Response]:
    """POST a request. One that is bound is made anew for each session, and shown again."""
    bound = connection.context.need_pop
    if bound:
        link = yield from connection.bindable()
        yield trace(EstLine.POSTED, body=(yield from compute(lambda: body(link))))  # which key signs, only it knows
    response: httpx.Response = yield from connection.post(operation, body)
    yield from _expect_ok(response, connection.now(), MADE)
    return response


def _expect_ok(
    response: httpx.Response, now: float, good: frozenset[int] = frozenset({200})
) -> Generator[Step, Any, None]:
    """Any other status ends the operation, with the start of what the server said. Raises `PeerFault`, `Deferred`."""
    if response.status_code in good:
        return
    seconds = wire.retry_after(response, now) if response.status_code in LATER else None
    if seconds is not None:
        yield trace(EstLine.DEFERRED, seconds=round(seconds))
        raise Deferred(f"the server asks to come back in {round(seconds)} seconds", seconds)
    said = wire.error_text(response.content)
    phrase = wire.printable(response.reason_phrase, wire.TEXT_LIMIT)
    yield trace(EstLine.REFUSED, status=response.status_code, phrase=phrase, text=said)
    reason = f"the server answered {response.status_code} {phrase}".rstrip() + (f": {said}" if said else "")
    raise PeerFault(reason, passing=may_pass(response.status_code))


def _decoded(content: bytes) -> Generator[Step, Any, bytes]:
    try:
        return wire.decode(content)
    except PeerFault as fault:
        yield trace(EstLine.BAD_BASE64, reason=fault.reason)
        raise PeerFault(f"the response is not base64: {fault.reason}", content) from None


def certs_only(connection: Connection, content: bytes) -> Certificates:
    """The certificates of a certs-only PKCS #7, each shown in the trace. Raises `PeerFault`."""
    der = yield from _decoded(content)
    yield trace(EstLine.SAVING_RESPONSE)
    try:
        certificates = pkcs7.read_certs(der)
        for certificate in certificates:
            raw_extensions(certificate)  # whether it can be shown
    except PkiFault as fault:
        yield trace(EstLine.BAD_PKCS7, reason=fault.reason)
        raise PeerFault(f"the response is unusable: {fault.reason}", der) from None
    yield trace(EstLine.CERTS_TOTAL, count=len(certificates))
    for number, certificate in enumerate(certificates, 1):
        yield trace(EstLine.CERT_NUMBER, number=number)
        yield shown(certificate)
    context = connection.context
    yield trace(EstLine.RECEIVED_CERTS, count=len(certificates))
    yield trace(
        EstLine.SAVING_CERTS,
        is_global=int(context.scope == GLOBAL),
        url=context.url,
        source=context.source_ip or "NULL",
        identifier="NULL" if context.ca_identifier is None else context.ca_identifier,
    )
    return certificates


def shown(certificate: x509.Certificate) -> Step:
    """The trace of one certificate."""
    return late(EstLine.X509, lambda: {"block": "\n".join(text.trace_block(certificate))})


def shown_context(connection: Connection) -> Step:
    """The `est_ctx:` dump."""
    return dump(connection.context.dump)
