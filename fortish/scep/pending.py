"""SCEP requests that wait for the CA's decision (pkiStatus PENDING, RFC 8894 section 3.3.3).

All that asks again is kept as plain values: the request itself, both keys, the transaction. The caps on how long are
those of EST.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fortish.box import Box, Kept, Pending
from fortish.cmdb.secrets import random_password
from fortish.est.authorities import EnrollFault
from fortish.est.pending import given_up
from fortish.pki import away, keys, pem, requests
from fortish.pki.faults import PkiFault
from fortish.scep.context import ScepContext
from fortish.scep.enroll import POLL, Request, Undecided, scep_poll
from fortish.scep.message import MessageType, Signer
from fortish.steps import Flow, Step

if TYPE_CHECKING:
    pass

PROTOCOL = "scep"


def keep(box: Box, kept: Kept, undecided: Undecided) -> Pending:
    """Remember a request; its decision is asked for a minute later."""
    now = box.clock.now()
    pending = box.pending.get(kept)
    if pending is None:
        request, password = undecided.request, random_password()
        options = _options(request, password)
        key = keys.encrypted_pem(request.key, password)
        pending = Pending(now, now, request.renews, key, password, 0, options, PROTOCOL)
        box.pending[kept] = pending
    pending.due, pending.failures = now + POLL, 0
    pending.attempts += 1
    return pending


def resume(box: Box, kept: Kept) -> Flow:
    """Ask for the decision. Raises `EnrollFault`: it failed for good; `Undecided`: it waits on, and is kept so."""
    pending = box.pending[kept]
    try:
        request = yield from _request(pending)
    except (PkiFault, TypeError, KeyError, ValueError) as fault:
        raise EnrollFault(f"the waiting request cannot be read: {fault}") from None
    try:
        yield from scep_poll(box, request)
    except Undecided as undecided:
        if given_up(box, pending):
            raise EnrollFault(f"given up after {pending.attempts} requests: {undecided.reason}") from None
        keep(box, kept, undecided)
        raise


def _options(request: Request, password: str) -> dict[str, Any]:
    return {
        "context": asdict(request.context),
        "csr": requests.pem_request(request.csr),
        "kind": request.kind.value,
        "password": request.password,
        "signer": pem.pem(request.signer.certificate),
        "signer-key": keys.encrypted_pem(request.signer.key, password),
        "transaction": request.transaction,
    }


def _request(pending: Pending) -> Generator[Step, Any, Request]:
    options = pending.options
    signer_key: Any = yield from away.loaded(options["signer-key"], pending.password)  # RSA, as it was kept
    key = yield from away.loaded(pending.key, pending.password)
    return Request(
        ScepContext(**options["context"]),
        requests.read_request(options["csr"]),
        key,
        Signer(pem.certificate(options["signer"]), signer_key),
        options["transaction"],
        options["password"],
        MessageType(options["kind"]),
        pending.renew,
    )
