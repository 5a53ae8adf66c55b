"""CA certificates brought up to date before they expire (RFC 7030 section 4.1.3), in the background.

One that came from an EST or a SCEP server, and has `auto-update-days`, is asked for there again while no newer one has
come from that server. What is new is kept beside it; nothing that is held is replaced or removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fortish.box import CA, Box, Kept, Watch
from fortish.cmdb.entries import GLOBAL
from fortish.jobs import watching
from fortish.jobs.watching import Job, Watched
from fortish.steps import Flow

if TYPE_CHECKING:
    from fortish.est.authorities import EnrollFault

KINDS = ("update", "auto-update-days"), ("update-warning", "auto-update-days-warning")
ORIGINS = {"est-url": "EST", "scep-url": "SCEP"}  # where one may have come from, and what the event log calls that


def jobs(box: Box) -> Iterator[Job]:
    """What will fall due."""
    now = box.clock.now()
    for one in watched(box):
        if (one.scope, one.name) not in box.updating and not _is_followed(box, one):
            yield from watching.falling_due(one, now)


def watched(box: Box) -> Iterator[Watched]:
    """The CA certificates that are brought up to date, or warned of: it is known where they come from."""
    (_, days), (_, warning) = KINDS
    for scope in box.cmdb.scopes(CA):
        for name, entry in box.cmdb.rows(scope, CA).items():
            values = entry.values
            if not (values.get(days) or values.get(warning)) or values.get("obsolete") == "enable":
                continue
            if (origin := origin_of(values)) is not None:
                certificate, watch = str(values.get("ca", "")), watch_of(box, (scope, name))
                protocol = ORIGINS[origin].lower()
                yield Watched(scope, name, certificate, values, watch, protocol, KINDS, is_local=False)


def origin_of(values: Mapping[str, Any]) -> str | None:
    """The attribute that says which server a CA certificate came from; None for none."""
    return next((attribute for attribute in ORIGINS if values.get(attribute)), None)


def watch_of(box: Box, kept: Kept) -> Watch:
    """What is remembered of a CA certificate."""
    return box.authority_watches.setdefault(kept, Watch(box.clock.now()))


def _is_followed(box: Box, one: Watched) -> bool:
    """Whether a newer one is held that came from the same server."""
    from fortish.est.authorities import follows
    from fortish.pki.faults import PkiFault

    origin = origin_of(one.values)
    assert origin is not None
    for row in (row for scope in {GLOBAL, one.scope} for row in box.cmdb.rows(scope, CA).values()):
        try:
            if row.values.get(origin) == one.values[origin] and follows(row.values.get("ca", ""), one.certificate):
                return True
        except PkiFault:
            continue
    return False


def update(box: Box, name: str, scope: str = GLOBAL) -> Flow:
    """Ask the server of a CA certificate for newer ones."""
    from fortish.est.authorities import EnrollFault
    from fortish.est.update import est_update
    from fortish.scep.update import scep_update

    kept = scope, name
    entry = box.cmdb.entry(scope, CA, name)
    origin = None if entry is None else origin_of(entry.values)
    watch = watch_of(box, kept)
    watching.begin(watch, box.clock.now())
    box.updating.add(kept)
    try:
        asked = scep_update if origin == "scep-url" else est_update
        new = yield from asked(box, name, scope)
    except EnrollFault as fault:
        _failed(box, kept, origin, fault)
    else:
        watch.succeeded()
        for one in new:
            box.log(41987, **_fields((scope, one), origin), status="success")
    finally:
        box.updating.discard(kept)


def _fields(kept: Kept, origin: str | None) -> dict[str, str]:
    return {"scope": kept[0], "name": kept[1], "cert-type": "ca", "method": ORIGINS[origin or "est-url"]}


def _failed(box: Box, kept: Kept, origin: str | None, fault: EnrollFault) -> None:
    watch, entry, again = box.authority_watches.get(kept), box.cmdb.entry(kept[0], CA, kept[1]), None
    if watch is not None and watch.tried is not None and entry is not None:
        watching.failed(watch, fault, f"{box.hostname} {kept[1]}")
        again = watch.tried + watch.wait
    watching.log_failure(box, _fields(kept, origin), fault.reason, again)


def warn(box: Box, name: str, scope: str = GLOBAL) -> Flow:
    """Write an event that a newer one will be asked for soon; once a day."""
    watch_of(box, (scope, name)).warned = box.clock.now()
    entry = box.cmdb.entry(scope, CA, name)
    watching.log_warning(box, (scope, name), "" if entry is None else str(entry.values.get("ca", "")))
    yield from ()
