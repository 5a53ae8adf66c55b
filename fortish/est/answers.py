"""The checks of what an enrollment has brought: the form of the answer, and whether the certificate is to be trusted.

Nothing is asked here: what came is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from fortish.est import wire
from fortish.est.authorities import box_time
from fortish.est.form import certs_only, encoding, transfer
from fortish.est.verdicts import Answered, Check, Run, Said, Skipped, Walk, typed
from fortish.pki import chains, pkcs7

SLOW = 0.25  # seconds, and
SLOWER = 4.0  # times the quickest answer: then it is said

Judge: TypeAlias = Callable[[Walk, Answered], "str | None"]


def _of(operation: str, judge: Judge) -> Run:
    def run(going: Walk) -> Said:
        yield from ()
        if operation not in going.answers:
            raise Skipped("nothing was issued")
        return judge(going, going.answers[operation])

    return run


def _type(going: Walk, answer: Answered) -> str | None:
    return typed(answer.response, "application/pkcs7-mime", "certs-only")


def _encoding(going: Walk, answer: Answered) -> str | None:
    notes = [encoding(answer.response.content), transfer(answer.response.headers.get("content-transfer-encoding"))]
    return f"note: {'; '.join(filter(None, notes))}" if any(notes) else None


def _packed(going: Walk, answer: Answered) -> str | None:
    found = certs_only(answer.response.content)
    return None if len(found) == 1 else f"note: {len(found)} certificates, where only the issued one belongs"


def _trusted(going: Walk, answer: Answered) -> str | None:
    if not going.roots:
        raise Skipped("cacerts has brought no root")
    received = pkcs7.read_certs(wire.decode(answer.response.content))
    between = [*received, *going.published]
    chains.path_to(answer.certificate, between, going.roots, box_time(going.box))
    return None


def _carried(going: Walk, answer: Answered) -> str | None:
    notes = []
    if answer.response.status_code != 200:
        notes.append(f"answered with {answer.response.status_code}, where 200 is asked for (RFC 7030 section 4.2.3)")
    if answer.response.http_version == "HTTP/1.0":
        notes.append("answered with HTTP/1.0, so that each request needs a connection of its own")
    if answer.took > SLOW and answer.took > SLOWER * going.quickest:
        took = f"{answer.took:.1f} seconds, where another took {1000 * going.quickest:.0f} ms"
        notes.append(f"the answer took {took}")
    return f"note: {'; '.join(notes)}" if notes else None


def _checks(operation: str, brought: str) -> tuple[Check, ...]:
    """In the order in which they are made."""
    # fmt: off
    found: tuple[tuple[str, str, Judge], ...] = (
        ("RFC 7030 4.2.3",  f"{operation}'s answer is of type application/pkcs7-mime",              _type),
        ("RFC 8951 3",      f"{operation}'s answer is base64",                                      _encoding),
        ("RFC 7030 4.2.3",  f"{operation}'s answer is a certs-only PKCS #7 with one certificate",   _packed),
        ("RFC 7030 3.2",    f"{operation}'s answer comes at once, over HTTP/1.1",                   _carried),
        ("RFC 7030 4.2.3",  f"what was {brought} chains to the root of cacerts",                    _trusted),
    )
    # fmt: on
    return tuple((section, title, _of(operation, judge)) for section, title, judge in found)


ANSWERS = _checks("simpleenroll", "issued")
RENEWED = _checks("simplereenroll", "renewed")
