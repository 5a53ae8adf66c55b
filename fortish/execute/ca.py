"""`execute vpn certificate ca import …`: CA certificates from a TFTP server or an EST server."""

from __future__ import annotations

from fortish import messages
from fortish.box import CA, Box
from fortish.cmdb.store import Change, Put
from fortish.commands import Arguments, Here
from fortish.errors import LinkLost, PeerFault, StorageFault
from fortish.est import operations
from fortish.est.authorities import EnrollFault, authority_changes, new_authority, next_name, take_authorities
from fortish.est.enroll import set_auth, trust_of
from fortish.execute.est import context_of
from fortish.messages import Text
from fortish.pki import chains, pem
from fortish.pki.faults import PkiFault
from fortish.steps import Flow, Say, TftpGet, exchange


def import_tftp(here: Here, arguments: Arguments) -> Flow:
    """Fetch a PEM or DER file and keep its CA certificates; one that is held already is not stored twice."""
    server, name = arguments["server"], arguments["file"]
    try:
        body = yield from exchange(TftpGet(server, name))
    except LinkLost as lost:
        raise messages.failed(-28, Text.TFTP_FAILED(name=name, server=server, reason=lost.reason)) from None
    _commit(here.box, _changes(here.box, here.scope, body))
    yield Say(Text.DONE())


def _commit(box: Box, changes: list[Change]) -> None:
    try:
        box.cmdb.commit(changes)
    except StorageFault as fault:
        raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None


def _changes(box: Box, scope: str, body: bytes) -> list[Change]:
    try:
        certificates = pem.certificates(body)
        if not certificates or not all(chains.is_ca(certificate) for certificate in certificates):
            raise messages.failed(-146, Text.BAD_CA())
    except PkiFault:
        raise messages.failed(-146, Text.BAD_CA()) from None
    held = {pem.pem(pem.certificate(text)): name for name, text in box.authorities(scope).items()}
    changes: list[Change] = []
    for text in dict.fromkeys(pem.pem(certificate) for certificate in certificates):
        if text not in held:
            name = next_name(box, (change.key for change in changes if isinstance(change, Put)), scope)
            changes.append(Put(scope, CA, name, new_authority(None, text, scope)))
    if not changes:
        raise messages.failed(-5, Text.CA_HELD(name=held[pem.pem(certificates[0])]))
    return changes


def import_est(here: Here, arguments: Arguments) -> Flow:
    """CA certificates (cacerts) from an EST server that the box's store (or the CA named) verifies."""
    box: Box = here.box
    context = context_of(here, {**arguments, "name": "", "subject": "", "san": "", "password": ""})
    trust_of(box, context, context.server_cert or "")
    try:
        connection = yield from set_auth(box, context, http=True)
        received = yield from operations.cacerts(connection)
        usable = yield from take_authorities(box, context, received)
    except (LinkLost, PeerFault, EnrollFault) as fault:
        raise messages.failed(1, Text.EST_CA_FAILED(reason=fault.reason)) from None
    _commit(box, authority_changes(box, context, usable))
    yield Say(Text.DONE())
