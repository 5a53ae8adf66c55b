"""Who the box says it is: a client certificate or a TLS-SRP user, and HTTP credentials."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fortish import httpauth
from fortish.box import Box
from fortish.cmdb.entries import GLOBAL
from fortish.est.authorities import EnrollFault, box_time
from fortish.est.connection import Connection
from fortish.est.context import EstContext
from fortish.est.trace import EstLine, trace
from fortish.messages import Text
from fortish.pki import chains, pem, text
from fortish.pki.faults import PkiFault
from fortish.steps import Credential, Step

Ended = Generator[Step, Any, None]


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


def set_auth(box: Box, context: EstContext, *, http: bool, if_asked: bool = True) -> Generator[Step, Any, Connection]:
    """Who the box says it is: a client certificate or a TLS-SRP user, HTTP credentials. Raises `EnrollFault`.

    Without `http` the HTTP user is sent to who asks for it, and not before; without `if_asked`, too, to nobody.
    """
    yield trace(EstLine.SET_AUTH)
    if context.srp is not None:
        yield trace(EstLine.SRP_USERNAME)
        yield trace(EstLine.SRP_PASSWORD)
    elif context.client_cert:
        yield from _set_identity(box, context, context.client_cert)
    user, password = context.http_username or "", context.http_password or ""
    credentials = (user, password) if user or password else None
    wrong = http_fault(*credentials) if credentials else None
    if http and credentials:
        if wrong:
            raise EnrollFault(wrong())
        yield trace(EstLine.USERNAME)
        yield trace(EstLine.PASSWORD)
    may = http or (if_asked and wrong is None)
    return Connection(context, credentials if may else None, box.clock.now, unasked=http)


def http_fault(user: str, password: str) -> Text | None:
    """Why this cannot be sent as HTTP Basic or Digest; None where it can be (RFC 7617 section 2)."""
    if not httpauth.can_be_user(user):
        return Text.HTTP_USER
    return None if httpauth.can_be_password(password) else Text.HTTP_PASSWORD


def _set_identity(box: Box, context: EstContext, name: str) -> Ended:
    try:
        context.credential = credential_of(box, name, context.scope)
        certificate = pem.certificate(context.credential.certificate)
        if not text.may_sign(certificate):  # as it would have to in the handshake (RFC 7030 section 4.2.1)
            raise EnrollFault("its key usage allows for no signatures")
    except (EnrollFault, PkiFault) as fault:
        yield trace(EstLine.NO_IDENTITY, name=name, reason=fault.reason)
        raise EnrollFault(f"certificate '{name}' cannot be used: {fault.reason}") from None
    if text.lacks_client_auth(certificate):
        yield trace(EstLine.KEY_USAGE, name=name)
    yield trace(EstLine.IDENTITY, name=name)
