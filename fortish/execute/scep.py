"""SCEP behind the box's commands: `ca import auto`, and `local generate rsa|ec` with the URL of a server."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from fortish import messages
from fortish.box import UNSET_ADDRESS, Box, Kept
from fortish.cmdb.types import XSS
from fortish.commands import Arguments, Here
from fortish.errors import LinkLost, PeerFault, StorageFault
from fortish.execute.transfer import commit, demand
from fortish.messages import Text
from fortish.steps import Ask, Flow, Say, Step

if TYPE_CHECKING:
    from cryptography import x509

    from fortish.pki.keys import PrivateKey
    from fortish.scep.authorities import Authorities
    from fortish.scep.context import ScepContext

FAILED = -303  # "SCEP certificate enrollment failed"
_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{2}:?)*[0-9A-Fa-f]{2}")
_DIGITS = frozenset({32, 40, 64})  # of MD5, SHA-1 and SHA-256


def check(here: Here, arguments: Arguments) -> None:
    """What `generate rsa|ec` was told of a SCEP server. Raises `CliError`."""
    if arguments["scep-url"]:
        _check_url(arguments["scep-url"])
    authority = arguments["ca-cert"]
    if authority and authority not in here.box.authorities(here.scope):
        raise messages.value_error(authority, -3, Text.NO_CA(name=authority))
    check_fingerprint(arguments["fingerprint"])


def check_pending(box: Box, kept: Kept) -> None:
    """No request of that name may wait for a server. Raises `CliError`."""
    if kept in box.pending:
        sentence = Text.SCEP_PENDING if box.pending[kept].protocol == "scep" else Text.EST_PENDING
        raise messages.failed(1, sentence(name=kept[1], seconds=_seconds(box, kept)))


def check_fingerprint(typed: str) -> None:
    """A fingerprint must be one. Raises `CliError`."""
    if typed and not (_FINGERPRINT.fullmatch(typed) and len(typed.replace(":", "")) in _DIGITS):
        raise messages.value_error(typed, -651, Text.BAD_FINGERPRINT())


def enroll(
    here: Here, arguments: Arguments, csr: x509.CertificateSigningRequest, key: PrivateKey, password: str
) -> Flow:
    """Have a request certified; nothing is stored before the certificate is there."""
    from fortish.est.authorities import EnrollFault
    from fortish.scep import pending
    from fortish.scep.enroll import Undecided, new_request, scep_enroll

    box: Box = here.box
    context = _context(here, arguments, arguments["name"], arguments["scep-url"])
    context.challenge, context.ca_cert = arguments["challenge"], arguments["ca-cert"]
    kept = context.scope, context.name
    fields = {"scope": context.scope, "name": context.name, "cert-type": "local", "method": "SCEP"}
    box.enrolling.add(kept)
    try:
        request = yield from new_request(box, context, csr, key, password)
        yield from scep_enroll(box, request)
    except Undecided as undecided:
        pending.keep(box, kept, undecided)
        yield from _waits(box, kept)
        return
    except EnrollFault as fault:
        box.log(41990, **fields, status="failure", reason=fault.reason)
        raise messages.failed(FAILED, Text.SCEP_FAILED(reason=fault.reason)) from None
    finally:
        box.enrolling.discard(kept)
    box.log(41987, **fields, status="success")
    yield Say(Text.DONE())


def import_auto(here: Here, arguments: Arguments) -> Flow:
    """CA certificates of a SCEP server (GetCACert).

    A fingerprint that is given must be that of one of them. Without one, a CA that the box's store does not vouch for
    is shown with its SHA-256 fingerprint and asked about.
    """
    from fortish.est.authorities import EnrollFault
    from fortish.scep.authorities import authority_changes

    demand(arguments, "url")
    _check_url(arguments["url"])
    check_fingerprint(arguments["fingerprint"])
    box: Box = here.box
    context = _context(here, arguments, "", arguments["url"])
    try:
        authorities = yield from _offered(box, context)
    except (LinkLost, PeerFault, EnrollFault) as fault:
        raise messages.failed(FAILED, Text.SCEP_CA_FAILED(reason=fault.reason)) from None
    commit(box, authority_changes(box, context, authorities.cas, learn=True))
    yield Say(Text.DONE())


def _offered(box: Box, context: ScepContext) -> Generator[Step, Any, Authorities]:
    """The CA certificates of a server that somebody vouches for. Raises `LinkLost`, `PeerFault`, `EnrollFault`."""
    from fortish.est.authorities import EnrollFault, box_time
    from fortish.scep import operations
    from fortish.scep.authorities import Anchors, authorities_of, vouched
    from fortish.scep.trace import ScepLine, trace

    received = yield from operations.get_ca_cert(operations.Server(box, context))
    anchors = vouched(box, context, received)
    try:
        found = authorities_of(received, anchors, box_time(box), encrypts=False)
    except EnrollFault as fault:
        root = None if context.fingerprint else _root(received)
        if root is None or (yield from _asked(root)) != "y":
            yield trace(ScepLine.NOT_TRUSTED, reason=fault.reason)
            raise
        found = authorities_of(received, Anchors((root,), partial=False), box_time(box), encrypts=False)
    yield trace(ScepLine.AUTHORITY)
    return found


def _asked(root: x509.Certificate) -> Generator[Step, Any, str]:
    """Show a root and ask about it."""
    from fortish.est.bootstrap import fingerprint
    from fortish.pki import names

    subject = names.spaced(root.subject)
    answer: str = yield Ask(Text.SCEP_UNKNOWN_CA(subject=subject, fingerprint=fingerprint(root)))
    return answer


def _root(received: list[x509.Certificate]) -> x509.Certificate | None:
    """The root that lasts longest, None where there is none."""
    from fortish.pki import chains
    from fortish.pki.faults import PkiFault

    def is_root(certificate: x509.Certificate) -> bool:
        try:
            return chains.self_signed(certificate) and chains.is_ca(certificate)
        except PkiFault:
            return False

    return max(filter(is_root, received), key=lambda certificate: certificate.not_valid_after_utc, default=None)


def _context(here: Here, arguments: Arguments, name: str, url: str) -> ScepContext:
    from fortish.scep.context import ScepContext

    source = "" if arguments["source-ip"] == UNSET_ADDRESS else arguments["source-ip"]
    scope = here.scope
    return ScepContext(
        name,
        url,
        arguments["ca-identifier"],
        source,
        fingerprint=arguments["fingerprint"],
        scope=scope,
        vfid=here.box.vfid(scope),
    )


def _check_url(url: str) -> None:
    """Raises `CliError`."""
    from fortish.scep.context import check_url

    try:
        check_url(url)
        if not XSS.isdisjoint(url):
            raise ValueError(url)
    except ValueError:
        raise messages.value_error(url, -651, Text.SCEP_BAD_URL()) from None


def _waits(box: Box, kept: Kept) -> Flow:
    """The CA has not decided: it is asked again in the background."""
    try:
        box.keep()
    except StorageFault as fault:
        raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None
    yield Say(Text.SCEP_WAITS(seconds=_seconds(box, kept)))


def _seconds(box: Box, kept: Kept) -> int:
    return max(0, round(box.pending[kept].due - box.clock.now()))
