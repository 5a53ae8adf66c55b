"""Revocation: certificates that no longer count, and the lists that say so (RFC 5280 section 5)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from fortish.responder.authority import FIRST_SERIAL
from fortish.responder.message import Answer, Refused, answer
from fortish.responder.state import Responder, Revoked

PATH: Final = "/fortish/crl"  # of the usual CA's list; a slash and a name behind it for another CA's


def revoke(state: Responder, serial: int, now: datetime) -> Revoked:
    """Revoke a certificate of this responder's. Raises KeyError for a number that it has not given.

    A certificate that is no longer remembered, only that its number was given, is listed by all CAs.
    """
    if serial in state.revoked:
        return state.revoked[serial]
    certificate = next((one for one in state.issued if one.serial_number == serial), None)
    if certificate is None and not FIRST_SERIAL <= serial < state.next_serial:
        raise KeyError(serial)
    hierarchies = state.every_hierarchy(now).items()
    owner = (
        None if certificate is None else next((name for name, ca in hierarchies if ca.has_issued(certificate)), None)
    )
    found = state.revoked[serial] = Revoked(serial, now, owner)
    state.crl_number += 1
    state.note(found)
    state.keep()
    return found


def crl(state: Responder, path: str, now: datetime) -> Answer:
    """The revocation list at a path. Raises Refused (404)."""
    name = path.removeprefix(PATH).removeprefix("/")
    if path != (f"{PATH}/{name}" if name else PATH) or name not in state.policy.kinds():
        raise Refused(404, "there is no such revocation list here")
    listed = [(one.serial, one.time) for one in state.revoked.values() if one.ca in (None, name)]
    body = state.hierarchy(name, now).issuer.revocations(listed, state.crl_number, now)
    return answer(200, body, ("Content-Type", "application/pkix-crl"))
