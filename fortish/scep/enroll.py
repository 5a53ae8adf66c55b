"""Enrollment and renewal over SCEP: the operations in their order, and what is kept of them.

A failure at any point leaves the configuration as it was. Messages are signed by the key that is to be certified, in a
certificate of its own making, or at a renewal by the certificate that is renewed. SCEP can answer RSA keys only: where
an elliptic curve is to be certified, a temporary RSA key signs and receives (RFC 8894 section 2.3), the request itself
still proves possession of its own.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fortish.box import LOCAL, UNSET_ADDRESS, Box
from fortish.cmdb.entries import GLOBAL, Entry, Put
from fortish.cmdb.secrets import seal
from fortish.errors import LinkLost, PeerFault, StorageFault
from fortish.est.authorities import EnrollFault, box_time, enroll_fault
from fortish.est.enroll import Waiting
from fortish.pki import away, chains, keys, pem, requests
from fortish.pki.certificates import serial_number
from fortish.pki.faults import PkiFault
from fortish.scep import operations
from fortish.scep.authorities import Authorities, authority_changes, received_authorities
from fortish.scep.context import ScepContext, check_url
from fortish.scep.message import MessageType, Signer, Status, issuer_and_subject
from fortish.scep.operations import Sent, Server
from fortish.scep.trace import ScepLine, trace
from fortish.steps import Step

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

POLL = 60.0  # seconds from one question for the decision to the next: SCEP has no Retry-After
_TEMPORARY = keys.ALGORITHMS["rsa-2048"]
_LIFE = timedelta(days=30)  # of a certificate that we sign for ourselves: longer than we wait for a decision
Ended = Generator[Step, Any, None]


@dataclass(frozen=True, slots=True)
class Request:
    """One request under way: what is asked, of which server, with which keys. Enough to ask again after a restart.

    `password` is the private key's; `renews` is whether an entry is there already whose certificate is replaced.
    """

    context: ScepContext
    csr: x509.CertificateSigningRequest
    key: keys.PrivateKey = field(repr=False)
    signer: Signer
    transaction: str
    password: str = field(repr=False)
    kind: MessageType = MessageType.PKCS_REQ
    renews: bool = False


class Undecided(Waiting):
    """The CA has not decided (pkiStatus PENDING): `request` is asked about again."""

    def __init__(self, request: Request) -> None:
        super().__init__("the CA has not decided yet", POLL, request.key)
        self.request = request


def new_request(
    box: Box, context: ScepContext, csr: x509.CertificateSigningRequest, key: keys.PrivateKey, password: str
) -> Generator[Step, Any, Request]:
    """A first request; its transaction is named after the key, as the published trace has it."""
    signer = yield from _own_signer(box, csr, key)
    return Request(context, csr, key, signer, _digest(keys.spki(key)), password)


def scep_enroll(box: Box, request: Request) -> Ended:
    """Ask for a certificate, and keep it. Raises `EnrollFault`, and `Undecided` where the CA has not decided."""
    yield from _conversation(box, request, request.kind)


def scep_poll(box: Box, request: Request) -> Ended:
    """Ask for the decision on a request that was sent (RFC 8894 section 3.3.3). Raises as `scep_enroll` does."""
    yield from _conversation(box, request, MessageType.CERT_POLL)


def scep_renew(box: Box, name: str, scope: str = GLOBAL) -> Ended:
    """Renew a certificate with its stored settings. Raises as `scep_enroll` does.

    With a server that knows renewal the certificate in use speaks for the new one (RFC 8894 section 2.5); else, and for
    a key that is not RSA, it is a new request with the challenge password.
    """
    try:
        context, values = _settings(box, name, scope)
        server, authorities = yield from _met(box, context)
        request = yield from _renewal(box, server, context, values)
        yield from _asked(box, server, authorities, request, request.kind)
    except Undecided:
        raise
    except (LinkLost, PeerFault, EnrollFault, PkiFault) as fault:
        yield trace(ScepLine.FAILED, name=name, reason=fault.reason)
        raise enroll_fault(fault) from None


def _conversation(box: Box, request: Request, kind: MessageType) -> Ended:
    try:
        server, authorities = yield from _met(box, request.context)
        yield from _asked(box, server, authorities, request, kind)
    except Undecided:
        raise
    except (LinkLost, PeerFault, EnrollFault, PkiFault) as fault:
        yield trace(ScepLine.FAILED, name=request.context.name, reason=fault.reason)
        raise enroll_fault(fault) from None


def _met(box: Box, context: ScepContext) -> Generator[Step, Any, tuple[Server, Authorities]]:
    """The server and its certificates, looked at. Raises `LinkLost`, `PeerFault`, `EnrollFault`."""
    server = Server(box, context)
    yield from operations.get_ca_caps(server)
    received = yield from operations.get_ca_cert(server)
    try:
        authorities = received_authorities(box, context, received)
    except EnrollFault as fault:
        yield trace(ScepLine.NOT_TRUSTED, reason=fault.reason)
        raise
    yield trace(ScepLine.SIGNING)
    yield trace(ScepLine.AUTHORITY)
    return server, authorities


def _asked(box: Box, server: Server, authorities: Authorities, request: Request, kind: MessageType) -> Ended:
    """One message, and what its answer brings. Raises `LinkLost`, `PeerFault`, `EnrollFault`, `Undecided`."""
    from cryptography.hazmat.primitives.serialization import Encoding

    payload = request.csr.public_bytes(Encoding.DER)
    if kind is MessageType.CERT_POLL:
        payload = issuer_and_subject(authorities.issuer, request.csr.subject)
    sent = Sent(kind, request.transaction, payload, request.signer, authorities.recipient, authorities.speakers)
    reply = yield from operations.pki_operation(server, sent)
    if reply.status is Status.FAILURE:
        raise EnrollFault(f"the server refuses: {reply.reason}")
    if reply.status is Status.PENDING:
        yield trace(ScepLine.WAITING, name=request.context.name, seconds=round(POLL))
        raise Undecided(request)
    received = yield from operations.opened(sent, reply)
    certificate = _chosen(box, request, received, authorities)
    _keep(box, request, certificate, authorities)
    yield trace(ScepLine.UPDATED, name=request.context.name)


def _chosen(box: Box, request: Request, received: list[x509.Certificate], authorities: Authorities) -> x509.Certificate:
    """The certificate for our key, by public key and never by position. Raises `EnrollFault`."""
    certificate = chains.issued_for(received, request.key)
    if certificate is None:
        raise EnrollFault("the answer holds no certificate for our key")
    anchors = authorities.anchors
    try:
        around = [*received, *authorities.cas]
        chains.path_to(certificate, around, anchors.certificates, box_time(box), partial=anchors.partial)
    except PkiFault as fault:
        raise EnrollFault(f"the issued certificate is not trusted: {fault.reason}") from None
    return certificate


def _keep(box: Box, request: Request, certificate: x509.Certificate, authorities: Authorities) -> None:
    """Write the entry with the CA certificates that vouch for it, in one commit. Raises `EnrollFault`."""
    context = request.context
    entry = box.cmdb.entry(context.scope, LOCAL, context.name)
    key: dict[str, Any] = {"private-key": keys.encrypted_pem(request.key, request.password)}
    if request.renews:
        if entry is None:
            raise EnrollFault(f"certificate '{context.name}' no longer exists")
        held = entry.values.get("certificate")
        same = bool(held) and keys.same_key(pem.certificate(held), request.key)
        if not same:
            key["password"] = seal(request.password)
        changed = Entry({**entry.values, **({} if same else key), "certificate": pem.pem(certificate)}, entry.children)
    elif entry is not None:
        raise EnrollFault(f"certificate '{context.name}' exists by now")
    else:
        key["password"] = seal(request.password)
        changed = Entry({**key, "certificate": pem.pem(certificate), **_stored(context)})
    changes = authority_changes(box, context, authorities.cas, learn=False)
    try:
        if not box.may_keep((context.scope, context.name)):
            raise StorageFault("the box was restarted meanwhile, or its VDOM is gone")
        box.cmdb.keep([*changes, Put(context.scope, LOCAL, context.name, changed)])
    except StorageFault as fault:
        raise enroll_fault(fault, f"it could not be stored: {fault.reason}") from None


def _stored(context: ScepContext) -> dict[str, Any]:
    """The settings that a renewal will need."""
    values: dict[str, Any] = {
        "scep-url": context.url,
        "range": "global" if context.scope == GLOBAL else "",
        "scep-password": seal(context.challenge) if context.challenge else None,
        "ca-identifier": context.ca_identifier,
        "source-ip": context.source_ip,
        "enroll-protocol": "scep",
    }
    return {name: value for name, value in values.items() if value}


# --- renewal --------------------------------------------------------------------------------------------------------


def _settings(box: Box, name: str, scope: str) -> tuple[ScepContext, dict[str, Any]]:
    """What an entry says. Raises `EnrollFault`."""
    values = box.local(name, scope)
    if values is None:
        raise EnrollFault(f"certificate '{name}' does not exist")
    try:
        check_url(values["scep-url"])
    except ValueError:
        raise EnrollFault("scep-url is not a valid URL") from None
    source = values["source-ip"]
    context = ScepContext(
        name,
        values["scep-url"],
        values["ca-identifier"],
        "" if source == UNSET_ADDRESS else source,
        values["scep-password"] or "",
        scope=scope,
        vfid=box.vfid(scope),
    )
    return context, values


def _renewal(box: Box, server: Server, context: ScepContext, values: dict[str, Any]) -> Generator[Step, Any, Request]:
    """The request for what shall follow a certificate. Raises `EnrollFault`, `PkiFault`."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    if values["password"] is None:
        raise EnrollFault("the password of its private key is not known")
    current = pem.certificate(values["certificate"])
    held = yield from away.loaded(values["private-key"], values["password"])
    key: keys.PrivateKey = held
    if values.get("private-key-retain") != "enable":
        key = yield from away.generated_like(held)
    transaction = _digest(keys.spki(key) + str(serial_number(current)).encode())
    if server.can("Renewal") and isinstance(held, rsa.RSAPrivateKey):
        csr = yield from away.used(key, lambda: requests.renewal_request(current, key))
        signer, kind = Signer(current, held), MessageType.RENEWAL_REQ
    else:
        challenge = context.challenge or None
        csr = yield from away.used(key, lambda: requests.renewal_request(current, key, challenge))
        signer, kind = (yield from _own_signer(box, csr, key)), MessageType.PKCS_REQ
    return Request(context, csr, key, signer, transaction, values["password"], kind, renews=True)


# --- signers --------------------------------------------------------------------------------------------------------


def _own_signer(box: Box, csr: x509.CertificateSigningRequest, key: keys.PrivateKey) -> Generator[Step, Any, Signer]:
    """The key to be certified in a certificate of its own; for one that is not RSA a temporary key."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    own: Any = key
    if not isinstance(key, rsa.RSAPrivateKey):
        own = yield from away.generated(_TEMPORARY)
    now = box_time(box)
    return Signer((yield from away.used(own, lambda: _self_signed(csr.subject, own, now))), own)


def _self_signed(subject: x509.Name, key: rsa.RSAPrivateKey, now: datetime) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    since = now.astimezone(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder(subject, subject, key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(since).not_valid_after(since + _LIFE).sign(key, hashes.SHA256())


def _digest(octets: bytes) -> str:
    """MD5 in upper-case hexadecimal, as long as the published transaction id: a name here, and no protection."""
    import hashlib

    return hashlib.md5(octets, usedforsecurity=False).hexdigest().upper()
