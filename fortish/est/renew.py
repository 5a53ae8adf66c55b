"""A renewal with the settings that the certificate's entry has (RFC 7030 section 4.2.2).

A failure leaves the certificate as it is; what the administrator has changed meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from fortish.box import LOCAL, Box
from fortish.cmdb.entries import GLOBAL, Entry, Put
from fortish.errors import Deferred, LinkLost, PeerFault
from fortish.est import operations
from fortish.est.asked import signing
from fortish.est.auth import set_auth
from fortish.est.authorities import EnrollFault, authority_changes, box_time
from fortish.est.choice import choose_renewed
from fortish.est.connection import Connection
from fortish.est.context import EstContext, reconstruct
from fortish.est.enroll import Ended, Waiting, bodies, ended, failed, save
from fortish.est.trace import EstLine, dump, trace
from fortish.est.trust import anchor, proxy_of, trust_of
from fortish.messages import Text
from fortish.pki import away, chains, keys, pem, requests, text
from fortish.pki.faults import PkiFault
from fortish.steps import Link, Step

if TYPE_CHECKING:
    from cryptography import x509

    from fortish.pki.csrattrs import CsrAttr


def est_simple_reenroll(box: Box, name: str, scope: str = GLOBAL, key: keys.PrivateKey | None = None) -> Ended:
    """Renew a certificate with its stored settings, itself as TLS client certificate, or over TLS-SRP.

    `key` is that of a request that waits already. Raises `EnrollFault`, `Waiting`.
    """
    context, values = yield from _reconstructed(box, name, scope)
    itself = yield from _shown_itself(context, values)
    # Some servers ask for the HTTP user beside a certificate; instead of one that has ended it is not sent.
    connection = yield from set_auth(box, context, http=not itself, if_asked=_in_time(values["certificate"], box))
    try:
        attributes = yield from operations.csrattrs(connection)
    except (LinkLost, PeerFault) as fault:
        yield trace(EstLine.REENROLL_ATTRS, code=-1)
        raise failed(fault, key) from None
    yield operations.shown_context(connection)
    yield trace(EstLine.SIMPLE_REENROLL)
    try:
        yield from _renew(box, connection, values, attributes, key)
    except (LinkLost, PeerFault, EnrollFault) as fault:
        yield from ended(EstLine.REENROLL_RET, -1)
        raise failed(fault, key) if not isinstance(fault, Waiting) else fault from None
    yield from ended(EstLine.REENROLL_RET, 0)


def _shown_itself(context: EstContext, values: dict[str, Any]) -> Generator[Step, Any, bool]:
    """Whether the certificate is the TLS client certificate of its own renewal (RFC 7030 section 3.3.2).

    A handshake without certificates shows none: over TLS-SRP it is the user who stands behind the renewal, and the HTTP
    user where there is one. A key that may not sign is used for no handshake (section 4.2.1); then what is configured
    for a first enrollment stands in, another certificate or the HTTP user (section 2.3).
    """
    if context.srp is not None:
        return False
    if _may_sign(values["certificate"]):
        yield trace(EstLine.AS_CLIENT, name=context.name)
        context.client_cert = context.name
        return True
    other = f"cert {context.client_cert}" if context.client_cert else "the HTTP user"
    yield trace(EstLine.NOT_AS_CLIENT, name=context.name, instead=other)
    return False


def _may_sign(certificate: str) -> bool:
    try:
        return text.may_sign(pem.certificate(certificate))
    except PkiFault:  # whoever uses it says so
        return True


def _in_time(certificate: str, box: Box) -> bool:
    try:
        return chains.dates_fault([pem.certificate(certificate)], box_time(box)) is None
    except PkiFault:
        return False


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


def _renew(
    box: Box,
    connection: Connection,
    values: dict[str, Any],
    attributes: list[CsrAttr],
    kept: keys.PrivateKey | None,
) -> Ended:
    context = connection.context
    key, body = yield from _request(context, values, attributes, kept)
    if not context.need_pop:
        yield trace(EstLine.POSTED, body=(yield from away.used(key, lambda: body(None))))
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
    yield from save(box, context.name, [*authority_changes(box, context, authorities), put])
    anchor(box, context, connection.link)


def _request(
    context: EstContext, values: dict[str, Any], attributes: list[CsrAttr], kept: keys.PrivateKey | None
) -> Generator[Step, Any, tuple[keys.PrivateKey, Callable[[Link | None], str]]]:
    """The key to certify, and what makes the request for a link. Raises `EnrollFault`."""
    try:
        current = pem.certificate(values["certificate"])
        key = yield from _next_key(values, kept)
        yield from away.used(key, lambda: requests.renewal_request(current, key))  # whether one can be made
    except PkiFault as fault:
        yield trace(EstLine.CSR_FAILED, name=context.name, reason=fault.reason)
        raise EnrollFault(f"no request could be made: {fault.reason}") from None
    digest, notes = signing(attributes, keys.kind_of(key))
    for line, fields in notes:
        yield trace(line, **fields)
    yield trace(EstLine.CSR_FROM_CERT, name=context.name)

    def made(challenge: str | None, linking: str | None) -> x509.CertificateSigningRequest:
        return requests.renewal_request(current, key, challenge, linking=linking, digest=digest)

    return key, bodies(context, made)


def _next_key(values: dict[str, Any], kept: keys.PrivateKey | None) -> Generator[Step, Any, keys.PrivateKey]:
    """The key to certify: the same one; a new one of its kind where the firmware has the setting and it says so.

    `kept` is the new one of a request that waits already.
    """
    key = yield from away.loaded(values["private-key"], values["password"])
    if values.get("est-regeneration-method") == "create-new-key":
        if kept is not None:
            return kept
        return (yield from away.generated_like(key))
    return key
