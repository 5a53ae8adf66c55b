"""Approval by hand: requests wait with a 202 and a Retry-After (RFC 7030 section 4.2.3) until someone decides."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final

from fortish.pki.names import tight
from fortish.responder.body import Requested
from fortish.responder.message import Refused
from fortish.responder.state import Responder, Used, Waiting

_MOST: Final = 1000  # requests that wait or are denied
_DATE_AHEAD: Final = 10  # seconds, where Retry-After is a date


def approved(state: Responder, wanted: Requested, label: str, account: str, now: datetime) -> None:
    """Go on if this request has been approved for this label, which is used up by that.

    Raises Refused: 202, 403, or 503.
    """
    names = wanted.changed or wanted  # what would be certified is what is approved
    name = names.subject.public_bytes() + (names.san.public_bytes() if names.san is not None else b"")
    place = wanted.key, name, label
    found = state.waiting.get(place)
    if found is None:
        if len(state.waiting) >= _MOST:
            raise Refused(503, "too many requests wait for approval", retry_after(state.policy.retry_after, now))
        found = Waiting(state.next_waiting, now, label, account, tight(names.subject), wanted.key, name)
        state.waiting[place] = found
        state.next_waiting += 1
        state.note(found)
    after = state.policy.approve_after
    if found.verdict == "denied":
        raise Refused(403, "the request has been denied")
    if found.verdict == "waiting" and (after is None or now < found.time + timedelta(seconds=after)):
        raise Refused(202, "the request waits for approval", retry_after(state.policy.retry_after, now))
    del state.waiting[place]
    state.note(Used(*place))


def approve(state: Responder, number: int) -> Waiting:
    """Approve a request; the client has its certificate when it asks again. Raises KeyError."""
    return _decide(state, number, "approved")


def deny(state: Responder, number: int) -> Waiting:
    """Deny a request, and every repetition of it. Raises KeyError."""
    return _decide(state, number, "denied")


def requests(state: Responder) -> list[Waiting]:
    """Every request that has not been used up, in the order of its coming."""
    return sorted(state.waiting.values(), key=lambda waiting: waiting.number)


def retry_after(value: int | str, now: datetime, ahead: int = _DATE_AHEAD) -> tuple[str, str]:
    """The header for a number of seconds, or for "date" (RFC 9110 section 10.2.3); anything else as it stands.

    `ahead` is how many seconds a date lies ahead.
    """
    if value == "date":
        later = (now + timedelta(seconds=ahead)).replace(microsecond=0)
        return "Retry-After", format_datetime(later, usegmt=True)
    return "Retry-After", str(value)


def _decide(state: Responder, number: int, verdict: str) -> Waiting:
    found = next((waiting for waiting in state.waiting.values() if waiting.number == number), None)
    if found is None:
        raise KeyError(number)
    found.verdict = verdict
    state.note(found)
    state.keep()
    return found
