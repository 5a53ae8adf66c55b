"""The renewal of local certificates in the background, and requests that wait for a server's decision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fortish.box import LOCAL, PATIENCE, Box, Kept, Pending, Watch
from fortish.cmdb.entries import GLOBAL
from fortish.jobs import watching
from fortish.jobs.watching import Job, Watched
from fortish.steps import Flow

if TYPE_CHECKING:
    from fortish.est.authorities import EnrollFault

METHODS = {"est": "EST", "scep": "SCEP"}  # the protocols that renew, as the event log has them
KINDS = ("renew", "auto-regenerate-days"), ("warn", "auto-regenerate-days-warning")


def jobs(box: Box) -> Iterator[Job]:
    """What will fall due."""
    now = box.clock.now()
    for (scope, name), pending in box.pending.items():
        if (scope, name) not in box.enrolling:
            yield Job("poll", name, _due(pending, now), scope)
    for one in watched(box):
        if (one.scope, one.name) not in box.enrolling and (one.scope, one.name) not in box.pending:
            yield from watching.falling_due(one, now)


def _due(pending: Pending, now: float) -> float:
    """When a request is asked for again, or given up. Where the clock was set back, it has waited for nothing yet."""
    if pending.since > now:
        pending.due, pending.since = pending.due - (pending.since - now), now
    return min(pending.due, pending.since + PATIENCE)


def watched(box: Box) -> Iterator[Watched]:
    """The certificates that renew by themselves, or that are warned of."""
    for scope in box.cmdb.scopes(LOCAL):
        for name, entry in box.cmdb.rows(scope, LOCAL).items():
            values, protocol = entry.values, entry.values.get("enroll-protocol")
            if protocol in METHODS and any(values.get(attribute) for _, attribute in KINDS):
                certificate, watch = str(values.get("certificate", "")), watch_of(box, (scope, name))
                yield Watched(scope, name, certificate, values, watch, protocol, KINDS)


def watch_of(box: Box, kept: Kept) -> Watch:
    """What is remembered of a certificate."""
    return box.watches.setdefault(kept, Watch(box.clock.now()))


def certificate_of(box: Box, kept: Kept) -> str:
    """A local certificate's PEM; '' for none."""
    entry = box.cmdb.entry(kept[0], LOCAL, kept[1])
    return "" if entry is None else str(entry.values.get("certificate", ""))


def renew(box: Box, name: str, scope: str = GLOBAL) -> Flow:
    """Renew a certificate. A failure leaves it as it is, and says when it is tried again."""
    from fortish.est.authorities import EnrollFault
    from fortish.est.enroll import Waiting

    kept = scope, name
    entry = box.cmdb.entry(scope, LOCAL, name)
    protocol = str(entry.values.get("enroll-protocol")) if entry is not None else ""
    watch = watch_of(box, kept)
    watching.begin(watch, box.clock.now())
    box.enrolling.add(kept)
    try:
        yield from _renewed(box, protocol, kept)
    except Waiting:
        pass
    except EnrollFault as fault:
        _failed(box, kept, protocol, fault)
    else:
        watch.succeeded()
        box.log(22205, scope=scope, name=name)
        box.log(41987, **_fields(kept, protocol), status="success")
    finally:
        box.enrolling.discard(kept)


def _seed(box: Box, kept: Kept) -> str:
    """What decides how much later than others a certificate comes: a renewed one has another serial number."""
    from fortish.pki import pem
    from fortish.pki.certificates import serial_number
    from fortish.pki.faults import PkiFault

    try:
        return f"{box.hostname} {kept[1]} {serial_number(pem.certificate(certificate_of(box, kept)))}"
    except PkiFault:
        return f"{box.hostname} {kept[1]}"


def _fields(kept: Kept, protocol: str) -> dict[str, str]:
    return {"scope": kept[0], "name": kept[1], "cert-type": "local", "method": METHODS.get(protocol, "EST")}


def _failed(box: Box, kept: Kept, protocol: str, fault: EnrollFault) -> None:
    """A renewal has failed: it is tried again, unless nothing is watched any more."""
    watch, again = box.watches.get(kept), None
    if watch is not None and watch.tried is not None:
        watching.failed(watch, fault, _seed(box, kept))
        again = watch.tried + watch.wait
    watching.log_failure(box, _fields(kept, protocol), fault.reason, again)


def _renewed(box: Box, protocol: str, kept: Kept) -> Flow:
    """Renew by an entry's protocol. Raises `EnrollFault`; `Waiting`: nothing is decided, and the request is kept."""
    from fortish.est import pending as waits
    from fortish.est.enroll import Waiting
    from fortish.est.renew import est_simple_reenroll
    from fortish.scep import pending as undecided
    from fortish.scep.enroll import Undecided, scep_renew

    scope, name = kept
    try:
        if protocol == "scep":
            yield from scep_renew(box, name, scope)
        else:
            yield from est_simple_reenroll(box, name, scope)
    except Undecided as waiting:
        undecided.keep(box, kept, waiting)
        raise
    except Waiting as waiting:
        waits.keep_renewal(box, kept, waiting)
        raise


def poll(box: Box, name: str, scope: str = GLOBAL) -> Flow:
    """Ask a server again that had not decided. What may pass by itself ends no request.

    One that the server puts off for longer than anybody waits is given up, and nobody is asked.
    """
    from fortish.est import pending as waits
    from fortish.est.authorities import EnrollFault
    from fortish.est.enroll import Waiting
    from fortish.scep import pending as undecided

    kept = scope, name
    if kept not in box.pending:
        return
    pending = box.pending[kept]
    if (early := pending.due - box.clock.now()) > 0:
        del box.pending[kept]
        reason = f"given up after {pending.attempts} requests: the server is not to be asked for {round(early)} seconds"
        _refused(box, kept, pending, EnrollFault(reason))
        return
    resume = undecided.resume if pending.protocol == "scep" else waits.resume
    box.enrolling.add(kept)
    try:
        yield from resume(box, kept)
    except Waiting:
        return
    except EnrollFault as fault:
        if _asked_again(box, kept, pending, fault):
            return
        box.pending.pop(kept, None)
        _refused(box, kept, pending, fault)
    else:
        box.pending.pop(kept, None)
        box.log(41987, **_fields(kept, pending.protocol), status="success")
    finally:
        box.enrolling.discard(kept)


def _asked_again(box: Box, kept: Kept, pending: Pending, fault: EnrollFault) -> bool:
    """Whether a request goes on waiting though asking for it has failed."""
    from fortish.est.pending import given_up

    if not fault.passing or given_up(box, pending) or box.pending.get(kept) is not pending:
        return False
    pending.failures += 1
    pending.attempts += 1
    pending.due = box.clock.now() + max(
        watching.pause(pending.failures, _seed(box, kept)), min(fault.seconds, PATIENCE)
    )
    watching.log_failure(box, _fields(kept, pending.protocol), fault.reason, pending.due)
    return True


def _refused(box: Box, kept: Kept, pending: Pending, fault: EnrollFault) -> None:
    """A request has failed for good; a renewal is tried anew later."""
    if pending.renew and kept in box.watches:
        watching.begin(box.watches[kept], box.clock.now())
        _failed(box, kept, pending.protocol, fault)
    else:
        watching.log_failure(box, _fields(kept, pending.protocol), fault.reason, None)


def warn(box: Box, name: str, scope: str = GLOBAL) -> Flow:
    """Write an event that a certificate will be renewed soon; once a day."""
    kept = scope, name
    watch_of(box, kept).warned = box.clock.now()
    watching.log_warning(box, kept, certificate_of(box, kept))
    yield from ()
