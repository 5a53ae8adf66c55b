"""What survives a restart of a responder with a folder: its CAs, its serial numbers, who waits, what is revoked.

The usual root is in the folder itself, what stands around it and other CAs in folders below. Keys are in clear: it is
for labs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fortish.errors import UsageError
from fortish.responder.authority import CERTIFICATE_FILE, Authority, replace_file, reserve_serials
from fortish.responder.hierarchy import Hierarchy, assembled, middle_for, successor_for
from fortish.responder.policy import Kind, Policy
from fortish.responder.state import Responder, Revoked, Waiting

STATE_FILE: Final = "state.json"


def kept_responder(folder: Path, policy: Policy, now: datetime, complain: Callable[[str], None]) -> Responder:
    """The responder kept in `folder`, or a new one that is kept there from now on. Raises UsageError.

    `complain` is told when later something cannot be written any more: that is no reason to stop serving.
    """
    root = _authority(folder, lambda: Authority.fresh(now))
    state = Responder(root, policy, next_serial=reserve_serials(folder))
    for name, kind in policy.kinds().items():
        state.hierarchies[name, kind] = _hierarchy(folder, root, name, kind, now)
    _recall(state, folder / STATE_FILE)
    state.keep = lambda: _store(state, folder / STATE_FILE, complain)
    return state


def _hierarchy(folder: Path, usual: Authority, name: str, kind: Kind, now: datetime) -> Hierarchy:
    place = folder / f"ca-{name}" if name else folder
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


def _store(state: Responder, path: Path, complain: Callable[[str], None]) -> None:
    found = {
        "crl-number": state.crl_number,
        "next-waiting": state.next_waiting,
        "revoked": [[str(one.serial), one.time.timestamp(), one.ca] for one in state.revoked.values()],
        "waiting": [_row(one) for one in state.waiting.values()],
    }
    try:
        replace_file(path, json.dumps(found, indent=1).encode(), 0o600)
    except OSError as error:
        complain(f"cannot keep {path}: {error.strerror}")


def _row(one: Waiting) -> list[object]:
    known = [one.number, one.time.timestamp(), one.label, one.account, one.subject]
    return [*known, one.key.hex(), one.name.hex(), one.verdict]


def _recall(state: Responder, path: Path) -> None:
    try:
        found = json.loads(path.read_text("utf-8")) if path.exists() else {}
        state.crl_number = int(found.get("crl-number", 1))
        state.next_waiting = int(found.get("next-waiting", 1))
        for serial, time, ca in found.get("revoked", []):
            state.revoked[int(serial)] = Revoked(int(serial), _moment(time), ca)
        for number, time, label, account, subject, key, name, verdict in found.get("waiting", []):
            octets = bytes.fromhex(key), bytes.fromhex(name)
            state.waiting[octets] = Waiting(int(number), _moment(time), label, account, subject, *octets, verdict)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise UsageError(f"{path} does not hold what a responder keeps there") from None


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
