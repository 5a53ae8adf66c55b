"""Requests that wait for an EST server's decision (202, 429 or 503 with Retry-After, RFC 7030 section 4.2.3).

A request is kept as what it was made of: its key and its options. So it can be made anew, bound to a new session if
need be, by a job that may run after a restart. It is asked again when the server said, never sooner, and given up after
a week.
"""

from __future__ import annotations

from typing import Any

from fortish.box import PATIENCE, Box, Kept, Pending
from fortish.cmdb.secrets import random_password
from fortish.est.authorities import EnrollFault
from fortish.est.context import EstContext
from fortish.est.enroll import Waiting, est_simple_enroll
from fortish.est.renew import est_simple_reenroll
from fortish.est.trust import proxy_of, trust_of
from fortish.pki import away, keys
from fortish.pki.faults import PkiFault
from fortish.steps import Flow

SHORTEST = 1.0  # seconds of one wait, if the server says less; never less than it says (RFC 7030 section 4.2.3)
MOST = 1000  # attempts

# What of a context makes the request anew. Sorted.
OPTIONS = (
    "ca_identifier",
    "client_cert",
    "ec_curvename",
    "host",
    "http_password",
    "http_username",
    "name",
    "password",
    "port",
    "rsa_keysize",
    "scope",
    "server_cert",
    "server_key",
    "source_ip",
    "srp_password",
    "srp_username",
    "sub_alt_name",
    "subject",
    "url",
    "vfid",
)


def keep_new(box: Box, context: EstContext, algorithm: str, waiting: Waiting) -> Pending:
    """Remember a first enrollment; it is asked again when the server said."""
    options: dict[str, Any] = {name: getattr(context, name) for name in OPTIONS}
    options |= {"algorithm": algorithm, "trust": context.trust_name}
    return _keep(box, (context.scope, context.name), waiting, renew=False, options=options)


def keep_renewal(box: Box, kept: Kept, waiting: Waiting) -> Pending:
    """Remember a renewal."""
    return _keep(box, kept, waiting, renew=True, options={})


def _keep(box: Box, kept: Kept, waiting: Waiting, *, renew: bool, options: dict[str, Any]) -> Pending:
    now = box.clock.now()
    before = box.pending.get(kept)
    pending = before or Pending(now, now, renew, options=options)
    pending.due, pending.failures = now + max(waiting.seconds, SHORTEST), 0
    if before is not None:
        pending.attempts += 1
    if waiting.key is not None and not pending.key:
        pending.password = random_password()
        pending.key = keys.encrypted_pem(waiting.key, pending.password)
    box.pending[kept] = pending
    return pending


def given_up(box: Box, pending: Pending) -> bool:
    """Whether a request has waited long enough."""
    return box.clock.now() - pending.since > PATIENCE or pending.attempts >= MOST


def resume(box: Box, kept: Kept) -> Flow:
    """Ask again. Raises `EnrollFault`: it failed for good; `Waiting`: it waits on, and is kept so."""
    pending = box.pending[kept]
    scope, name = kept
    try:
        key = (yield from away.loaded(pending.key, pending.password)) if pending.key else None
    except PkiFault as fault:
        raise EnrollFault(fault.reason) from None
    try:
        if pending.renew:
            yield from est_simple_reenroll(box, name, scope, key)
        else:
            yield from _enroll(box, pending, key)
    except Waiting as waiting:
        if given_up(box, pending):
            raise EnrollFault(f"given up after {pending.attempts} requests: {waiting.reason}") from None
        _keep(box, kept, waiting, renew=pending.renew, options=pending.options)
        raise


def _enroll(box: Box, pending: Pending, key: keys.PrivateKey | None) -> Flow:
    options = dict(pending.options)
    algorithm, explicit = keys.ALGORITHMS[options.pop("algorithm")], options.pop("trust")
    context = EstContext(**options, proxy=proxy_of(box, options["scope"]))
    try:
        trust_of(box, context, explicit)
    except KeyError:
        raise EnrollFault(f"CA certificate '{explicit}' no longer exists") from None
    yield from est_simple_enroll(box, context, algorithm, key)
