"""The SCEP operations as flows (RFC 8894 section 4), with the documented trace lines in their order.

Nothing here writes the configuration. A server is reached over plain http as SCEP has it, or over https, where its TLS
certificate must chain to the box's CA store or the public bundle.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fortish.box import Box
from fortish.errors import Deferred, LinkLost, PeerFault, may_pass
from fortish.est import wire
from fortish.est.trust import proxy_of
from fortish.pki import away, cms, names, pkcs7
from fortish.pki.faults import CmsFault, PkiFault
from fortish.scep.context import ScepContext, operation_url
from fortish.scep.message import MessageType, Reply, Signer, Status, attributes, read_reply
from fortish.scep.trace import ScepLine, trace
from fortish.steps import Http, HttpGet, HttpPost, Link, Peer, Step, Trust, dial, exchange

if TYPE_CHECKING:
    import httpx
    from cryptography import x509

LIMIT = 1 << 20  # bytes of an answer's body
PORT = 443
MESSAGE = "application/x-pki-message"
CERTIFICATE = "application/x-x509-ca-cert"
STANDARD = "SCEPSTANDARD"
LATER = frozenset({429, 503})  # statuses that mean "come back", where Retry-After says when
# The attribute names of the published trace, in its order.
_STRINGS, _OCTETS = ("transId", "messageType"), ("senderNonce",)
Asked = Generator[Step, Any, "httpx.Response"]


@dataclass(slots=True)
class Server:
    """A server being talked to. `capabilities` are in upper case, and known once it was asked."""

    box: Box
    context: ScepContext
    capabilities: frozenset[str] = frozenset()
    link: Link | None = field(default=None, repr=False)

    def can(self, name: str) -> bool:
        """Whether it has a capability; AES, SHA-256 and POST are part of the standard set (section 3.5.2)."""
        return name.upper() in self.capabilities or (name != "Renewal" and STANDARD in self.capabilities)

    @property
    def cipher(self) -> cms.ContentCipher:
        """AES-128, which section 3.5.2 demands; triple DES for a server that names that and no AES."""
        old = self.can("DES3") and not self.can("AES") and STANDARD not in self.capabilities
        return cms.CIPHERS["DES3" if old else "AES-128"]


def get_ca_caps(server: Server) -> Generator[Step, Any, None]:
    """What the server can do (section 3.5.2); one that does not say can do least. Raises `LinkLost`, `PeerFault`."""
    response = yield from _get(server, "GetCACaps", server.context.ca_identifier)
    words = response.content[:4096].decode("latin-1").split() if response.status_code == 200 else []
    named = [word for word in words if word.isascii() and word.replace("-", "").isalnum() and len(word) < 32]
    server.capabilities = frozenset(word.upper() for word in named)
    if named:
        yield trace(ScepLine.CAPABILITIES, names=" ".join(named))
    else:
        yield trace(ScepLine.NO_CAPABILITIES)


def get_ca_cert(server: Server) -> Generator[Step, Any, list[x509.Certificate]]:
    """The CA's certificates, and those of its registration authorities (section 4.2). Nobody vouches for them yet.

    Raises `LinkLost`, `PeerFault`.
    """
    response = yield from _get(server, "GetCACert", server.context.ca_identifier)
    _expect_ok(response, server.box.clock.now())
    kind = wire.first(response, "content-type").partition(";")[0].strip().lower()
    yield trace(ScepLine.REPLY, type=1 if kind == CERTIFICATE else 2)
    try:
        found = pkcs7.read_certs(response.content)
    except PkiFault as fault:
        yield trace(ScepLine.BAD_REPLY, reason=fault.reason)
        raise PeerFault(f"GetCACert: {fault.reason}", response.content[:200]) from None
    yield trace(ScepLine.LOADED)
    return found


@dataclass(frozen=True, slots=True)
class Sent:
    """What is asked of whom: to `recipient` it is encrypted, and one of `speakers` must sign the answer."""

    kind: MessageType
    transaction: str
    payload: bytes = field(repr=False)
    signer: Signer
    recipient: x509.Certificate
    speakers: Sequence[x509.Certificate]


def pki_operation(server: Server, sent: Sent) -> Generator[Step, Any, Reply]:
    """One message and its answer (section 4.3). Raises `LinkLost`, `PeerFault`."""
    nonce = os.urandom(16)
    yield trace(ScepLine.POLL if sent.kind is MessageType.CERT_POLL else ScepLine.TRANSACTION, id=sent.transaction)
    if sent.kind is MessageType.RENEWAL_REQ:
        yield trace(ScepLine.RENEWAL)
    message = yield from _wrapped(server, sent, nonce)
    if server.can("POSTPKIOperation"):
        response = yield from _post(server, message)
    else:
        response = yield from _get(server, "PKIOperation", base64.b64encode(message).decode("ascii"))
    _expect_ok(response, server.box.clock.now())
    try:
        reply = read_reply(response.content, sent.transaction, nonce, sent.speakers)
    except PeerFault as fault:
        yield trace(ScepLine.BAD_ANSWER, reason=fault.reason)
        raise PeerFault(f"the answer cannot be used: {fault.reason}", fault.evidence) from None
    signer = wire.printable(names.spaced(reply.signer.subject), wire.TEXT_LIMIT)
    yield trace(ScepLine.ANSWER, size=len(response.content), signer=signer)
    yield trace(ScepLine.VERDICT, status=reply.status.value, word=reply.status.name.lower())
    if reply.status is Status.FAILURE:
        yield trace(ScepLine.FAILURE, reason=reply.reason)
    return reply


def opened(sent: Sent, reply: Reply) -> Generator[Step, Any, list[x509.Certificate]]:
    """The certificates in an answer. Raises `PeerFault`."""
    try:
        # Some servers seal with DES, which we never do: what it hides is no secret, and the signature is known by now.
        ciphers = [*cms.CIPHERS.values(), *cms.FORBIDDEN.values()]
        opening = partial(cms.open_envelope, reply.envelope, sent.signer.certificate, sent.signer.key, ciphers)
        found = pkcs7.read_certs((yield from away.used(sent.signer.key, opening)))
    except PkiFault as fault:
        yield trace(ScepLine.BAD_ANSWER, reason=fault.reason)
        raise PeerFault(f"the answer cannot be used: {fault.reason}") from None
    yield trace(ScepLine.ISSUED, count=len(found))
    return found


def _wrapped(server: Server, sent: Sent, nonce: bytes) -> Generator[Step, Any, bytes]:
    """The pkiMessage (section 3.2): the payload encrypted, then signed with its attributes."""
    yield trace(ScepLine.INNER)
    yield trace(ScepLine.PAYLOAD, size=len(sent.payload))
    try:
        envelope = cms.envelop(sent.payload, sent.recipient, server.cipher)
    except CmsFault as fault:  # `Authorities` picks an RSA key; whatever else may be wrong with it shows here
        raise PeerFault(f"the request cannot be encrypted: {fault.reason}") from None
    yield trace(ScepLine.ENCRYPTED)
    yield trace(ScepLine.ENVELOPE, size=len(envelope))
    yield trace(ScepLine.OUTER)
    listed = attributes(sent.kind, sent.transaction, nonce)
    signing = partial(cms.sign, envelope, listed, sent.signer.certificate, sent.signer.key)
    message: bytes = yield from away.used(sent.signer.key, signing)
    yield trace(ScepLine.SIGNED)
    yield trace(ScepLine.ATTRIBUTES)
    for name in _STRINGS:
        yield trace(ScepLine.STRING, name=name)
    for name in _OCTETS:
        yield trace(ScepLine.OCTET, name=name)
    yield trace(ScepLine.WRITTEN)
    return message


# --- HTTP -----------------------------------------------------------------------------------------------------------


def _get(server: Server, operation: str, message: str) -> Asked:
    url = operation_url(server.context.url, operation, message)
    yield trace(ScepLine.GET, url=wire.printable(url, wire.TEXT_LIMIT))
    return (yield from _answered(server, HttpGet(url, LIMIT, server.context.source_ip)))


def _post(server: Server, message: bytes) -> Asked:
    url = operation_url(server.context.url, "PKIOperation")
    yield trace(ScepLine.POST, url=url, size=len(message))
    return (yield from _answered(server, HttpPost(url, message, MESSAGE, LIMIT, server.context.source_ip)))


def _answered(server: Server, request: HttpGet | HttpPost) -> Asked:
    try:
        if request.url[:6].lower() == "https:":
            response = yield from _over_tls(server, request)
        else:
            response = yield from exchange(request)
    except (LinkLost, PeerFault) as fault:
        yield trace(ScepLine.LOST, reason=fault.reason)
        raise
    yield trace(ScepLine.STATUS, status=response.status_code)
    kind = response.headers.get("content-type")
    if kind is not None:
        yield trace(ScepLine.MIME, kind=wire.printable(kind, wire.TEXT_LIMIT))
    return response


def _over_tls(server: Server, request: HttpGet | HttpPost) -> Asked:
    """The same over https; once more on a new connection where a kept one has been closed."""
    import httpx

    asked = httpx.Request("GET", request.url, headers={"User-Agent": "fortish", "Accept": "*/*"})
    if isinstance(request, HttpPost):
        headers = {"User-Agent": "fortish", "Accept": "*/*", "Content-Type": request.content_type}
        asked = httpx.Request("POST", request.url, headers=headers, content=request.body)
    if server.link is not None:
        try:
            kept: httpx.Response = yield from exchange(Http(server.link, asked, LIMIT))
            return kept
        except LinkLost as lost:
            if not lost.closed:
                raise
    server.link = yield from dial(_peer(server))
    response: httpx.Response = yield from exchange(Http(server.link, asked, LIMIT))
    return response


def _peer(server: Server) -> Peer:
    context, parts = server.context, urlsplit(server.context.url)
    return Peer(
        parts.hostname or "",
        parts.port or PORT,
        Trust(tuple(server.box.authorities(context.scope).values())),
        source=context.source_ip,
        proxy=proxy_of(server.box, context.scope),
    )


def _expect_ok(response: httpx.Response, now: float) -> None:
    """Anything but 200 ends the operation. Raises `PeerFault`, `Deferred`: the server says when it may be asked."""
    status = response.status_code
    if status == 200:
        return
    said = wire.error_text(response.content)
    reason = f"the server answered {status}" + (f": {said}" if said else "")
    seconds = wire.retry_after(response, now) if status in LATER else None
    raise PeerFault(reason, passing=may_pass(status)) if seconds is None else Deferred(reason, seconds)
