"""When what is watched falls due: so many days before it expires, and again after a try that has failed.

`auto-regenerate-days` N, and `auto-update-days` N of a CA certificate: when N is at least the whole days left. What may
pass by itself is tried again after five minutes, then ten, twenty, forty and so on, after a day at most; what another
try would not change soon a day later. A fleet does not come at once: host name, certificate's name and serial number
decide by how much later it comes, a tenth of the time at most.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fortish.box import DAY, PATIENCE, Box, Kept, Watch
from fortish.cmdb.entries import GLOBAL
from fortish.messages import Text

if TYPE_CHECKING:
    from fortish.est.authorities import EnrollFault

SETTLE = 5.0  # seconds of box time between a commit and the first look at it (the guide states no delay)
FIRST = 300.0  # seconds from the first try that failed to the second
SPREAD = 0.1  # how much later at most a certificate comes, as a part of the time

Kind = str


@dataclass(frozen=True, slots=True)
class Job:
    """Work of a kind (`FLOWS`) for a certificate, or for what else `name` names, due at `due` (box time, seconds)."""

    kind: Kind
    name: str
    due: float
    scope: str = GLOBAL


@dataclass(frozen=True, slots=True)
class Watched:
    """A certificate (PEM) that is watched: its entry's values, what is remembered of it, and how it is renewed.

    `kinds` are its jobs, what renews it and what warns of that, each with the attribute that says how many days before
    the end. `is_local`: it is no CA certificate.
    """

    scope: str
    name: str
    certificate: str
    values: Mapping[str, Any]
    watch: Watch
    protocol: str
    kinds: tuple[tuple[Kind, str], tuple[Kind, str]]
    is_local: bool = True


def falling_due(watched: Watched, now: float) -> Iterator[Job]:
    """The jobs of a certificate: what renews it, and what warns of that."""
    watch = watched.watch
    _forget_what_lies_ahead(watch, now)
    expiry = expiry_of(watched.certificate)
    if expiry is None:
        return
    for (kind, attribute), done, wait in zip(
        watched.kinds, (watch.tried, watch.warned), (watch.wait, DAY), strict=True
    ):
        days = watched.values.get(attribute, 0)
        if days:
            # N >= whole days left, from the first second at which fewer than N + 1 whole days are left.
            due = max(math.floor(expiry - (days + 1) * DAY) + 1, watch.since + SETTLE)
            again = due if done is None or done < watch.since else max(due, done + wait)
            yield Job(kind, watched.name, again, watched.scope)


def _forget_what_lies_ahead(watch: Watch, now: float) -> None:
    """The clock was set back: what was done at a time that has not come yet holds nothing up."""
    watch.since = min(watch.since, now)
    watch.tried = None if watch.tried is not None and watch.tried > now else watch.tried
    watch.warned = None if watch.warned is not None and watch.warned > now else watch.warned


@lru_cache(maxsize=1024)
def expiry_of(text: str) -> float | None:
    """When a certificate (PEM) expires, in seconds since 1970; None for none."""
    from fortish.pki import pem
    from fortish.pki.faults import PkiFault

    try:
        return pem.certificate(text).not_valid_after_utc.timestamp() if text else None
    except PkiFault:
        return None


def days_left(text: str, now: float) -> int:
    """Whole days until a certificate (PEM) expires; 0 for none."""
    expiry = expiry_of(text)
    return 0 if expiry is None else math.floor((expiry - now) / DAY)


# --- tries ----------------------------------------------------------------------------------------------------------


def pause(failures: int, seed: str) -> float:
    """Seconds from a try that failed to the next one. `failures`: how many in a row for what may pass by itself.

    `seed` decides how much later than others it comes.
    """
    if not failures:
        return DAY
    later: float = 1 + SPREAD * zlib.crc32(seed.encode()) / 2**32
    return min(DAY, FIRST * 2.0 ** min(failures - 1, 10) * later)


def begin(watch: Watch, now: float) -> None:
    """It is tried."""
    watch.tried, watch.attempts = now, watch.attempts + 1


def failed(watch: Watch, fault: EnrollFault, seed: str) -> None:
    """The try has failed. A server that says when it may be asked again is not asked before; after a week it is."""
    watch.failures = watch.failures + 1 if fault.passing else 0
    watch.wait = max(pause(watch.failures, seed), min(fault.seconds, PATIENCE))


def log_failure(box: Box, fields: Mapping[str, str], reason: str, again: float | None) -> None:
    """Write the event of a failure; `again` is when the next try is (box time), None for never."""
    told = {} if again is None else {"msg": Text.NEXT_TRY(when=f"{box.local_time(again):%Y-%m-%d %H:%M:%S}")}
    box.log(41990, **fields, status="failure", reason=reason, **told)


def log_warning(box: Box, kept: Kept, certificate: str) -> None:
    """Write the event that a certificate will be renewed soon."""
    left = days_left(certificate, box.clock.now())
    scope, name = kept
    box.log(22200, scope=scope, action="auto-update", status="warning", cert=name, msg=f"{left} days left")
