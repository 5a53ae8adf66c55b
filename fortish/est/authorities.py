"""CA certificates of a verified EST server (RFC 7030 section 4.1.3): which may be kept, and under which name."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from fortish.box import CA, Box
from fortish.cmdb.entries import GLOBAL, Change, Entry, Put
from fortish.errors import Deferred, FortishError, LinkLost, PeerFault, StorageFault
from fortish.est.context import EstContext
from fortish.est.trace import EstLine, trace
from fortish.pki import chains, keys, pem
from fortish.pki.faults import PkiFault
from fortish.steps import Step

if TYPE_CHECKING:
    from cryptography import x509

ORIGINS = ("est-url", "scep-url")  # attributes that say which server a CA certificate came from
INHERITED = ("auto-update-days", "auto-update-days-warning", "source-ip")  # what a newer CA certificate goes on with


class EnrollFault(FortishError):
    """An enrollment failed; the traces have been given. `reason` is a sentence for the console.

    `seconds` is how long the server asks not to be asked again, 0 where it does not.
    """

    def __init__(self, reason: str, *, passing: bool = False, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.passing = passing
        self.seconds = seconds


def enroll_fault(fault: LinkLost | PeerFault | PkiFault | StorageFault | EnrollFault, reason: str = "") -> EnrollFault:
    """What ends an enrollment because of `fault`; `reason` where it says more than the fault's own."""
    seconds = fault.seconds if isinstance(fault, Deferred | EnrollFault) else 0.0
    return EnrollFault(reason or fault.reason, passing=fault.passing, seconds=seconds)


def box_time(box: Box) -> datetime:
    """The box's time, aware."""
    return datetime.fromtimestamp(box.clock.now(), UTC)


def take_authorities(
    box: Box, context: EstContext, received: list[x509.Certificate]
) -> Generator[Step, Any, list[x509.Certificate]]:
    """The CA certificates of a verified server that may be kept, and trusted from now on (RFC 7030 section 4.1.3).

    The newest root is believed, the server being verified; all others must chain to it or to one that is held. What
    does not, or is no CA, is passed over. They are stored when the enrollment has succeeded (`authority_changes`).
    Raises `EnrollFault`.
    """
    usable = yield from _usable(box, context, received)
    if not context.trust_name:
        context.anchors = tuple(dict.fromkeys((*context.anchors, *map(pem.pem, usable))))
    yield trace(EstLine.CAS_IMPORTED)
    return usable


def authority_changes(box: Box, context: EstContext, usable: list[x509.Certificate]) -> list[Change]:
    """What stores CA certificates: one already held only learns where it came from, a new one gets the next name."""
    held = {pem.pem(pem.certificate(text_)): name for name, text_ in box.authorities(context.scope).items()}
    changes: list[Change] = []
    for certificate in usable:
        body = pem.pem(certificate)
        name = held.get(body)
        if name is not None:
            entry = box.cmdb.entry(context.scope, CA, name)
            if entry is not None and entry.values.get("est-url") != context.url:
                learnt = Entry({**entry.values, "est-url": context.url}, entry.children)
                changes.append(Put(context.scope, CA, name, learnt))
            continue
        name = next_name(box, (change.key for change in changes if isinstance(change, Put)), scope=context.scope)
        changes.append(Put(context.scope, CA, name, new_authority(context, body)))
    return changes


def _usable(
    box: Box, context: EstContext, received: list[x509.Certificate]
) -> Generator[Step, Any, list[x509.Certificate]]:
    """The received certificates that may be kept, in an order of ours: theirs means nothing (RFC 5652 section 5.1)."""
    newest = newest_root(received)
    known = [pem.certificate(text_) for text_ in box.authorities(context.scope).values()]
    anchors = known if newest is None else [newest, *known]
    at = box_time(box)
    usable = []
    for certificate in sorted(received, key=partial(_rank, newest)):
        try:
            if not chains.is_ca(certificate):
                yield trace(EstLine.SKIPPED_CA, reason="it is not a CA certificate")
                continue
            _verify(certificate, received, anchors, at)
        except PkiFault as fault:
            yield trace(EstLine.SKIPPED_CA, reason=fault.reason)
            continue
        usable.append(certificate)
    if not usable:
        raise EnrollFault("the server sent no usable CA certificate")
    return usable


def _rank(newest: x509.Certificate | None, certificate: x509.Certificate) -> tuple[object, ...]:
    """Where a certificate stands: the newest root, other roots, intermediates, the links between old root and new."""
    is_link = newest is not None and certificate.subject == newest.subject
    return (
        certificate != newest,
        not chains.self_signed(certificate),
        is_link,
        not is_link or newest is None or not keys.same_key(certificate, newest),
    )


def newest_root(received: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """The server's current root: of the self-signed CA certificates the one that lasts longest (section 4.1.3)."""
    roots = [certificate for certificate in received if _is_root(certificate)]
    return max(roots, key=lambda certificate: certificate.not_valid_after_utc, default=None)


def _is_root(certificate: x509.Certificate) -> bool:
    try:
        return chains.self_signed(certificate) and chains.is_ca(certificate)
    except PkiFault:
        return False


def _verify(
    certificate: x509.Certificate, received: list[x509.Certificate], anchors: list[x509.Certificate], at: datetime
) -> None:
    """Whether a path leads to an anchor: from the certificate, or, of an old root, from its link to the new one.

    That link (OldWithNew, RFC 4210 section 4.4) has the old root's name and key. Raises `PkiFault`.
    """
    try:
        chains.path_to(certificate, received, anchors, at)
    except PkiFault:
        for other in received:
            if other.subject == certificate.subject and keys.same_key(other, certificate) and other != certificate:
                chains.path_to(other, received, anchors, at)
                return
        raise


# --- one after the other ----------------------------------------------------------------------------------------------


def follows(new: str, old: str) -> bool:
    """Whether a CA certificate (PEM) takes the place of another one of the same server (RFC 7030 section 4.1.3).

    It lasts longer; a root takes the place of a root, an intermediate that of one with its name. Raises `PkiFault`.
    """
    after, before = pem.certificate(new), pem.certificate(old)
    if after.not_valid_after_utc <= before.not_valid_after_utc:
        return False
    if chains.self_signed(after) or chains.self_signed(before):
        return chains.self_signed(after) and chains.self_signed(before)
    return after.subject == before.subject


def keep_newer(box: Box, scope: str, name: str, changes: list[Change]) -> list[str]:
    """Store what is new of what the server of the CA certificate `name` has sent, in one commit; its names.

    What takes the place of `name` is watched as that was. Of what is held only that learns where it comes from, if
    nobody knew. Raises `EnrollFault`.
    """
    entry = box.cmdb.entry(scope, CA, name)
    if entry is None:
        raise EnrollFault(f"CA certificate '{name}' no longer exists")
    settings = {setting: entry.values[setting] for setting in INHERITED if setting in entry.values}
    new, learnt = [], []
    for put in (change for change in changes if isinstance(change, Put)):
        held = box.cmdb.entry(scope, CA, put.key)
        after = follows(put.entry.values["ca"], entry.values["ca"])
        if held is None:
            new.append(put)
        elif after and not any(held.values.get(origin) for origin in ORIGINS):
            learnt.append(put)
        if after:
            put.entry.values.update({**settings, **put.entry.values})
    try:
        if (scope, name) not in box.updating:
            raise StorageFault("the box was restarted meanwhile, or its VDOM is gone")
        if new or learnt:
            box.cmdb.keep([*new, *learnt])
    except StorageFault as fault:
        raise enroll_fault(fault, f"it could not be stored: {fault.reason}") from None
    return [put.key for put in new]


def new_authority(context: EstContext | None, body: str, scope: str = GLOBAL) -> Entry:
    """A new entry of the CA store."""
    values: dict[str, Any] = {"ca": body}
    if (scope if context is None else context.scope) == GLOBAL:
        values["range"] = "global"
    if context is not None:
        values["est-url"] = context.url
        if context.ca_identifier:
            values["ca-identifier"] = context.ca_identifier
    return Entry(values)


def next_name(box: Box, taken: Iterable[str] = (), scope: str = GLOBAL) -> str:
    """The next free `G_CA_Cert_N`, or `CA_Cert_N` in a VDOM."""
    prefix = "G_CA_Cert_" if scope == GLOBAL else "CA_Cert_"
    names_ = {*box.cmdb.rows(scope, CA), *taken}
    number = 1
    while f"{prefix}{number}" in names_:
        number += 1
    return f"{prefix}{number}"
