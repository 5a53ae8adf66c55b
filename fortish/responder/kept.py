"""What survives a restart of a responder with a folder: its CAs, its serial numbers, and what its journal says.

The usual root is in the folder itself, what stands around it and other CAs in folders below. Keys are in clear: it is
for labs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fortish.responder import registration
from fortish.responder.authority import CERTIFICATE_FILE, Authority, reserve_serials
from fortish.responder.hierarchy import Hierarchy, assembled, middle_for, successor_for
from fortish.responder.journal import JOURNAL, Journal
from fortish.responder.policy import Kind, Policy
from fortish.responder.state import RegistrationAuthority, Responder


def kept_responder(folder: Path, policy: Policy, now: datetime, complain: Callable[[str], None]) -> Responder:
    """The responder kept in `folder`, or a new one that is kept there from now on. Raises UsageError.

    `complain` is told when later something cannot be written any more: then CA certificates are still given out, and
    nothing is issued.
    """
    root = _authority(folder, lambda: Authority.fresh(now))
    state = Responder(root, policy, next_serial=reserve_serials(folder))
    for name, kind in policy.kinds().items():
        state.hierarchies[name, kind] = _hierarchy(folder, root, name, kind, now)
        if (speaker := registration.load(name, _place(folder, name))) is not None:
            state.scep_authorities[name] = speaker
    journal = Journal(folder / JOURNAL, complain, lambda made: _speaks(made, _place(folder, made.ca)))
    journal.recall(state)
    state.unkept, state.keep = [], lambda: journal.keep(state)
    return state


def _speaks(made: RegistrationAuthority, place: Path) -> None:
    """Keep who speaks SCEP for a CA that is kept: one that a later policy has named is not. Raises OSError."""
    if (place / CERTIFICATE_FILE).exists():
        registration.save(made, place)


def _place(folder: Path, name: str) -> Path:
    """Where a CA is kept: the usual one in the folder itself."""
    return folder / f"ca-{name}" if name else folder


def _hierarchy(folder: Path, usual: Authority, name: str, kind: Kind, now: datetime) -> Hierarchy:
    place = _place(folder, name)
    root = _authority(place, lambda: Authority.fresh(now, kind.common_name)) if name else usual
    successor = _authority(place / "rollover", lambda: successor_for(root, now)) if kind.rollover else None
    above = successor or root
    below = place / ("intermediate-rollover" if successor else "intermediate")
    middle = _authority(below, lambda: middle_for(above, now)) if kind.intermediate else None
    return assembled(root, successor, middle)


def _authority(folder: Path, make: Callable[[], Authority]) -> Authority:
    if (folder / CERTIFICATE_FILE).exists():
        return Authority.load(folder)
    made = make()
    made.save(folder)
    return made
