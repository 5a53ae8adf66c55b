"""Enrollment, renewal and CA import: the operations in the documented order, and what is kept of them.

A failure at any point leaves the configuration as it was. It is written last, in one commit: the received CA
certificates with the certificate, onto the entry as it is by then.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fortish.box import CA, LOCAL, Box
from fortish.cmdb.checks import random_password
from fortish.cmdb.secrets import seal
from fortish.cmdb.store import GLOBAL, Change, Entry, Put
from fortish.errors import Deferred, LinkLost, PeerFault, StorageFault
from fortish.est import operations, wire
from fortish.est.authorities import EnrollFault, authority_changes, box_time, take_authorities
from fortish.est.choice import choose, choose_renewed, held
from fortish.est.connection import Connection
from fortish.est.context import EstContext, reconstruct
from fortish.est.trace import EstLine, dump, trace
from fortish.est.wanted import Wanted, wanted_of
from fortish.messages import Text
from fortish.pki import chains, keys, pem, requests, text
from fortish.pki.faults import PkiFault
from fortish.steps import Credential, Link, Step, Trust, compute

if TYPE_CHECKING:
    from cryptography import x509

    from fortish.pki.csrattrs import CsrAttr

SETTING = (*CA[:2], "setting")
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


def trust_of(box: Box, context: EstContext, explicit: str) -> None:
    """Whom the connection and the issued certificate may chain to.

    The CA named `explicit` alone; without one the box's CA certificates, and for TLS the public bundle too.
    """
    store = box.authorities(context.scope)
    if explicit:
        anchor = store.get(explicit) or _remote(box, context.scope, explicit)
        context.trust, context.trust_name = Trust((anchor,), public=False, partial=True), explicit
        context.anchors = (anchor,)
    else:
        context.trust, context.anchors = Trust(tuple(store.values())), tuple(store.values())


def _remote(box: Box, scope: str, name: str) -> str:
    """A remote certificate that `scope` knows. Raises `KeyError`."""
    path = (*CA[:2], "remote")
    entry = box.cmdb.entry(scope, path, name) or box.cmdb.rows(GLOBAL, path)[name]
    return str(entry.values["remote"])


def proxy_of(box: Box, scope: str) -> tuple[str, int, str, str] | None:
    """The HTTP proxy that `config vpn certificate setting` names: host, port, user, password."""
    table = box.cmdb.schema.table(SETTING)
    if table is None or not box.cmdb.touched(place := box.cmdb.scope_of(table, scope), SETTING):
        return None
    entry = box.cmdb.entry(place, SETTING)
    host, port, user, password = (
        box.cmdb.value_of(table, entry, name) for name in ("proxy", "proxy-port", "proxy-username", "proxy-password")
    )
    return (host, port, user or "", getattr(password, "clear", None) or "") if host else None


def credential_of(box: Box, name: str, scope: str = GLOBAL) -> Credential:
    """A local certificate as TLS client credential, with the intermediates that are held. Raises `EnrollFault`."""
    values = box.local(name, scope)
    if values is None or not values["certificate"] or not values["private-key"]:
        raise EnrollFault("it does not hold both a certificate and a key")
    if values["password"] is None:
        raise EnrollFault("the password of its private key is not known")
    return Credential(
        name, _with_intermediates(box, scope, values["certificate"]), values["private-key"], values["password"]
    )


def _with_intermediates(box: Box, scope: str, certificate: str) -> str:
    """A certificate's PEM, and behind it what stands between it and its root, as TLS has a client send it.

    Alone where nothing is known of its issuer: the server may know more.
    """
    try:
        store = [pem.certificate(text_) for text_ in box.authorities(scope).values()]
        path = chains.path_to(pem.certificate(certificate), (), store, box_time(box))
    except PkiFault:
        return certificate
    return "\n".join([certificate, *(pem.pem(above) for above in path[1:-1])])


# --- authentication -------------------------------------------------------------------------------------------------


def set_auth(box: Box, context: EstContext, *, http: bool) -> Generator[Step, Any, Connection]:
    """Who the box says it is: a client certificate or a TLS-SRP user, HTTP credentials. Raises `EnrollFault`."""
    yield trace(EstLine.SET_AUTH)
    if context.srp is not None:
        yield trace(EstLine.SRP_USERNAME)
        yield trace(EstLine.SRP_PASSWORD)
    elif context.client_cert:
        yield from _set_identity(box, context, context.client_cert)
    credentials = None
    if http and (context.http_username or context.http_password):
        yield trace(EstLine.USERNAME)
        yield trace(EstLine.PASSWORD)
        credentials = context.http_username or "", context.http_password or ""
    return Connection(context, credentials, box.clock.now)


def _set_identity(box: Box, context: EstContext, name: str) -> Ended:
    try:
        context.credential = credential_of(box, name, context.scope)
        certificate = pem.certificate(context.credential.certificate)
    except (EnrollFault, PkiFault) as fault:
        yield trace(EstLine.NO_IDENTITY, name=name, reason=fault.reason)
        raise EnrollFault(f"certificate '{name}' cannot be used: {fault.reason}") from None
    if text.lacks_client_auth(certificate):
        yield trace(EstLine.KEY_USAGE, name=name)
    yield trace(EstLine.IDENTITY, name=name)


# --- a new certificate ----------------------------------------------------------------------------------------------


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
        raise _failed(fault, key) from None
    try:
        attributes = yield from operations.csrattrs(connection)
        wanted = yield from _template(context, attributes)
    except (LinkLost, PeerFault) as fault:
        yield trace(EstLine.NO_ATTRS, code=-1)
        raise _failed(fault, key) from None
    yield operations.shown_context(connection)
    started, ended = WAYS[context.server_key]
    yield trace(started)
    if key is None:
        key = yield from compute(lambda: keys.generate(algorithm))
    try:
        pool = [*received, *held(box, context)]
        issued = yield from _post_new(connection, key, wanted, pool, box_time(box))
        yield from _keep_new(box, context, issued, authorities)
    except (LinkLost, PeerFault, EnrollFault) as fault:
        yield from _ended(ended, -1)
        raise _failed(fault, key) from None
    yield from _ended(ended, 0)


class Waiting(EnrollFault):
    """The server has not decided: ask again in `seconds`, with the same key (None: none was made yet)."""

    def __init__(self, reason: str, seconds: float, key: keys.PrivateKey | None) -> None:
        super().__init__(reason)
        self.seconds, self.key = seconds, key


def _failed(fault: LinkLost | PeerFault | EnrollFault, key: keys.PrivateKey | None) -> EnrollFault:
    if isinstance(fault, Deferred):
        return Waiting(fault.reason, fault.seconds, key)
    return EnrollFault(fault.reason)


def _ended(line: EstLine, code: int) -> Ended:
    yield trace(EstLine.CLEAR)
    yield trace(line, code=code)
    yield trace(EstLine.CLEAR)


def _template(context: EstContext, attributes: list[CsrAttr]) -> Generator[Step, Any, Wanted]:
    """What the request will ask for: the administrator's words, and where there are none the server's template."""
    try:
        wanted, notes = wanted_of(context, attributes)
    except PkiFault as fault:
        yield trace(EstLine.BAD_CSRATTRS, reason=fault.reason)
        raise PeerFault(f"csrattrs: {fault.reason}") from None
    for line, fields in notes:
        yield trace(line, **fields)
    return wanted


def _post_new(
    connection: Connection,
    key: keys.PrivateKey,
    wanted: Wanted,
    authorities: list[x509.Certificate],
    at: datetime,
) -> Generator[Step, Any, Issued]:
    context = connection.context

    def made(challenge: str | None, linking: str | None) -> x509.CertificateSigningRequest:
        return requests.new_request(
            key, wanted.subject, wanted.san, challenge, linking=linking, extensions=wanted.extensions
        )

    body = bodies(context, made)
    if not context.need_pop:
        yield trace(EstLine.POSTED, body=body(None))
    final = key
    if context.server_key:
        final, received = yield from operations.serverkeygen(connection, body)
    else:
        received = yield from operations.simpleenroll(connection, body)
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
    yield from _save(box, context.name, [*authority_changes(box, context, authorities), put])


def _save(box: Box, name: str, changes: list[Change]) -> Ended:
    """Keep what an enrollment has brought, in one commit. Raises `EnrollFault`: it could not be stored."""
    try:
        if not box.may_keep((changes[-1].scope, name)):
            raise StorageFault("the box was restarted meanwhile, or its VDOM is gone")
        box.cmdb.keep(changes)
    except StorageFault as fault:
        yield trace(EstLine.NOT_SAVED, reason=fault.reason)
        raise EnrollFault(f"it could not be stored: {fault.reason}") from None
    yield trace(EstLine.CERT_UPDATED, name=name)
    yield trace(EstLine.CERT_SAVED)


# --- renewal --------------------------------------------------------------------------------------------------------


def est_simple_reenroll(box: Box, name: str, scope: str = GLOBAL, key: keys.PrivateKey | None = None) -> Ended:
    """Renew a certificate with its stored settings, itself as TLS client certificate, or over TLS-SRP.

    `key` is that of a request that waits already. Raises `EnrollFault`, `Waiting`.
    """
    context, values = yield from _reconstructed(box, name, scope)
    if context.srp is None:
        yield trace(EstLine.AS_CLIENT, name=name)
        context.client_cert = name
    # A handshake without certificates shows none: over TLS-SRP it is the user who stands behind the renewal, and the
    # HTTP user where there is one.
    connection = yield from set_auth(box, context, http=context.srp is not None)
    try:
        yield from operations.csrattrs(connection)
    except (LinkLost, PeerFault) as fault:
        yield trace(EstLine.REENROLL_ATTRS, code=-1)
        raise _failed(fault, key) from None
    yield operations.shown_context(connection)
    yield trace(EstLine.SIMPLE_REENROLL)
    try:
        yield from _renew(box, connection, values, key)
    except (LinkLost, PeerFault, EnrollFault) as fault:
        yield from _ended(EstLine.REENROLL_RET, -1)
        raise _failed(fault, key) if not isinstance(fault, Waiting) else fault from None
    yield from _ended(EstLine.REENROLL_RET, 0)


def _reconstructed(box: Box, name: str, scope: str) -> Generator[Step, Any, tuple[EstContext, dict[str, Any]]]:
    values = box.local(name, scope)
    try:
        if values is None:
            raise EnrollFault(f"certificate '{name}' does not exist")
        if bool(values["est-srp-username"]) != bool(values["est-srp-password"]):
            raise EnrollFault(Text.SRP_HALF())
        context = reconstruct(name, values)
        context.scope, context.vfid, context.proxy = scope, box.vfid(scope), proxy_of(box, scope)
        trust_of(box, context, values["est-server-cert"])
    except (EnrollFault, ValueError, KeyError) as error:
        reason = error.reason if isinstance(error, EnrollFault) else "est-server is not a valid URL"
        yield trace(EstLine.NOT_RECONSTRUCTED, reason=reason)
        raise EnrollFault(reason) from None
    yield trace(EstLine.RECONSTRUCTED)
    yield dump(context.dump)
    return context, values


def _renew(box: Box, connection: Connection, values: dict[str, Any], kept: keys.PrivateKey | None) -> Ended:
    context = connection.context
    try:
        current = pem.certificate(values["certificate"])
        key = yield from _next_key(values, kept)
        requests.renewal_request(current, key)  # whether one can be made
    except PkiFault as fault:
        yield trace(EstLine.CSR_FAILED, name=context.name, reason=fault.reason)
        raise EnrollFault(f"no request could be made: {fault.reason}") from None
    yield trace(EstLine.CSR_FROM_CERT, name=context.name)
    body = bodies(
        context, lambda challenge, linking: requests.renewal_request(current, key, challenge, linking=linking)
    )
    if not context.need_pop:
        yield trace(EstLine.POSTED, body=body(None))
    try:
        received = yield from operations.simplereenroll(connection, body)
    except Deferred as deferred:
        raise Waiting(deferred.reason, deferred.seconds, key) from None
    certificate, authorities = yield from choose_renewed(box, connection, received, key)
    renewed: dict[str, Any] = {"certificate": pem.pem(certificate)}
    if values.get("est-regeneration-method") == "create-new-key":
        renewed["private-key"] = keys.encrypted_pem(key, values["password"])
    entry = box.cmdb.entry(context.scope, LOCAL, context.name)
    if entry is None:
        yield trace(EstLine.CERT_GONE, name=context.name)
        raise EnrollFault(f"certificate '{context.name}' no longer exists")
    password = entry.values.get("password")
    if (entry.values.get("private-key"), getattr(password, "clear", None)) != (
        values["private-key"],
        values["password"],
    ):
        yield trace(EstLine.NOT_SAVED, reason="the private key was changed meanwhile")
        raise EnrollFault("the private key was changed meanwhile")
    put = Put(context.scope, LOCAL, context.name, Entry({**entry.values, **renewed}))
    yield from _save(box, context.name, [*authority_changes(box, context, authorities), put])


def _next_key(values: dict[str, Any], kept: keys.PrivateKey | None) -> Generator[Step, Any, keys.PrivateKey]:
    """The key to certify: the same one; a new one of its kind where the firmware has the setting and it says so.

    `kept` is the new one of a request that waits already.
    """
    key = keys.load_private(values["private-key"], values["password"])
    if values.get("est-regeneration-method") == "create-new-key":
        if kept is not None:
            return kept
        fresh: keys.PrivateKey = yield from compute(lambda: keys.generate_like(key))
        return fresh
    return key
