"""A walk through an EST server as the box would take it, with a verdict for each thing that the RFCs ask of a server.

It changes nothing but what it must: it is issued one certificate, and one more for its renewal. A check that cannot be
made because an earlier one failed is skipped, and says so.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from fortish.box import Box
from fortish.errors import LinkLost, PeerFault
from fortish.est import wire
from fortish.est.context import EstContext
from fortish.est.enrolling import ENROLLING
from fortish.est.reading import READING
from fortish.est.verdicts import Check, Failed, Result, Skipped, Verdict, Walk
from fortish.pki.faults import PkiFault
from fortish.steps import Credential, Step, Trust

CHECKS: tuple[Check, ...] = (*READING, *ENROLLING)
LONGEST = 400  # characters of a cause
VERIFIED = CHECKS[0][2]  # without which nothing else is asked


def walk(
    box: Box,
    context: EstContext,
    anchors: tuple[str, ...],
    credentials: tuple[str, str] | None,
    own: Credential | None = None,
) -> Generator[Step, Any, list[Verdict]]:
    """Every check in its order.

    `anchors` are PEM certificates (none: the public bundle); credentials are HTTP's, `own` is a client certificate.
    """
    context.trust = Trust(anchors, public=not anchors, partial=bool(anchors))
    going = Walk(box, context, credentials, own)
    for section, title, run in CHECKS:
        try:
            said = yield from run(going)
        except Skipped as skipped:
            verdict = Verdict(section, title, Result.SKIP, str(skipped))
        except Failed as failed:
            verdict = Verdict(section, title, Result.FAIL, str(failed))
        except (LinkLost, PeerFault, PkiFault) as fault:
            verdict = Verdict(section, title, Result.FAIL, fault.reason)
        else:
            noted = said is not None and said.startswith("note: ")
            verdict = Verdict(
                section, title, Result.NOTE if noted else Result.PASS, (said or "").removeprefix("note: ")
            )
        going.verdicts.append(replace(verdict, cause=wire.printable(verdict.cause, LONGEST)))
        if run is VERIFIED and verdict.result is Result.FAIL:
            rest = CHECKS[len(going.verdicts) :]
            going.verdicts += [
                Verdict(s, t, Result.SKIP, "the server is not verified, or does not answer") for s, t, _ in rest
            ]
            break
    return going.verdicts
