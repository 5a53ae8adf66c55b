"""`execute vpn certificate ca …`: CA certificates from a TFTP or an EST server, and out to a TFTP server."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

from fortish import messages
from fortish.box import CA, Box
from fortish.cmdb.entries import Change, Put
from fortish.commands import Arguments, Here
from fortish.errors import CliError, LinkLost, PeerFault
from fortish.est import operations
from fortish.est.auth import set_auth
from fortish.est.authorities import EnrollFault, authority_changes, new_authority, next_name, take_authorities
from fortish.est.bootstrap import accepted
from fortish.est.context import EstContext
from fortish.est.trust import anchor, is_unknown, trust_of
from fortish.execute.est import context_of
from fortish.execute.transfer import commit, demand, fetched, sent
from fortish.messages import Text
from fortish.pki import chains, pem, pkcs7
from fortish.pki.faults import PkiFault
from fortish.steps import Flow, Link, Say, Step

if TYPE_CHECKING:
    from cryptography import x509


def import_tftp(here: Here, arguments: Arguments) -> Flow:
    """Fetch a PEM or DER file and keep its CA certificates; one that is held already is not stored twice."""
    demand(arguments, "file", "server")
    body = yield from fetched(arguments["server"], arguments["file"])
    try:
        certificates = pem.certificates(body)
        if not all(chains.is_ca(certificate) for certificate in certificates):
            raise _no_ca()
    except PkiFault:
        raise _no_ca() from None
    changes = store_changes(here.box, here.scope, certificates)
    if not changes:
        raise messages.failed(-5, Text.CA_HELD(name=_held(here.box, here.scope)[pem.pem(certificates[0])]))
    commit(here.box, changes)
    yield Say(Text.DONE())


def import_bundle(here: Here, arguments: Arguments) -> Flow:
    """Fetch a bundle (PEM, or certs-only PKCS #7) and keep the CA certificates that are new; others are passed over.

    The entries are marked as coming from a bundle and numbered as other imports are: the box's own names for them are
    not published.
    """
    demand(arguments, "file", "server")
    body = yield from fetched(arguments["server"], arguments["file"])
    found = list(dict.fromkeys(_bundle(body)))
    authorities = [certificate for certificate in found if _is_ca(certificate)]
    if not authorities:
        raise _no_ca()
    changes = store_changes(here.box, here.scope, authorities, source="bundle")
    if not changes:
        raise messages.failed(-5, Text.BUNDLE_HELD(held=len(authorities)))
    commit(here.box, changes)
    counts = {"new": len(changes), "held": len(authorities) - len(changes), "other": len(found) - len(authorities)}
    yield Say(Text.BUNDLE_IMPORTED(**counts))
    yield Say(Text.DONE())


def export_tftp(here: Here, arguments: Arguments) -> Flow:
    """Send a CA certificate as PEM."""
    name = arguments["name"]
    demand(arguments, "name", "file", "server")
    held = here.box.authorities(here.scope)
    if name not in held:
        raise messages.failed(-151, Text.NO_CA(name=name))
    yield from sent(arguments["server"], arguments["file"], f"{held[name]}\n".encode())
    yield Say(Text.DONE())


def store_changes(box: Box, scope: str, certificates: Iterable[x509.Certificate], source: str = "") -> list[Change]:
    """What stores the CA certificates that are not held yet, each under the next free name."""
    held = _held(box, scope)
    changes: list[Change] = []
    for text in dict.fromkeys(pem.pem(certificate) for certificate in certificates):
        if text not in held:
            name = next_name(box, (change.key for change in changes if isinstance(change, Put)), scope)
            entry = new_authority(None, text, scope)
            if source:
                entry.values["source"] = source
            changes.append(Put(scope, CA, name, entry))
    return changes


def _held(box: Box, scope: str) -> dict[str, str]:
    """The CA certificates in the store: PEM to name."""
    return {pem.pem(pem.certificate(text)): name for name, text in box.authorities(scope).items()}


def _bundle(body: bytes) -> list[x509.Certificate]:
    try:
        return pem.certificates(body)
    except PkiFault:
        pass
    try:
        return pkcs7.read_certs(body)
    except PkiFault:
        raise _no_ca() from None


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return chains.is_ca(certificate)
    except PkiFault:
        return False


def _no_ca() -> CliError:
    return messages.failed(-146, Text.BAD_CA())


def _offered(box: Box, context: EstContext) -> Generator[Step, Any, tuple[list[x509.Certificate], Link | None]]:
    """The CA certificates of a verified server that may be kept. Raises `LinkLost`, `PeerFault`, `EnrollFault`."""
    connection = yield from set_auth(box, context, http=True)
    received = yield from operations.cacerts(connection)
    return (yield from take_authorities(box, context, received)), connection.link


def import_est(here: Here, arguments: Arguments) -> Flow:
    """CA certificates (cacerts) from an EST server that the box's store (or the CA named) verifies.

    Where nobody vouches for the server and no CA was named, its root is shown and asked about.
    """
    box: Box = here.box
    context = context_of(here, {**arguments, "name": "", "subject": "", "san": "", "password": ""})
    trust_of(box, context, context.server_cert or "")
    try:
        try:
            usable, link = yield from _offered(box, context)
        except LinkLost as lost:
            if context.server_cert or not is_unknown(lost.reason):
                raise
            if not (yield from accepted(box, context, lost.reason)):
                raise
            usable, link = yield from _offered(box, context)
    except (LinkLost, PeerFault, EnrollFault) as fault:
        raise messages.failed(1, Text.EST_CA_FAILED(reason=fault.reason)) from None
    commit(box, authority_changes(box, context, usable))
    anchor(box, context, link)
    yield Say(Text.DONE())
