"""What a walk through an EST server is made of: its checks, what is known on the way, and how a check comes out."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from fortish.box import Box
from fortish.errors import FortishError
from fortish.est import wire
from fortish.est.connection import Connection
from fortish.est.context import EstContext
from fortish.est.multipart import type_of
from fortish.pki import csrattrs, keys
from fortish.steps import Credential, Step

if TYPE_CHECKING:
    import httpx
    from cryptography import x509


class Result(Enum):
    """How a check came out. A note is no judgement: the RFC leaves it open."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    NOTE = "note"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check: the section that asks for it, what it asks, how it came out, and why."""

    section: str
    title: str
    result: Result
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """A certificate's way here: the answer that brought it, how many seconds that took, and which it is."""

    response: httpx.Response
    took: float
    certificate: x509.Certificate


@dataclass(slots=True)
class Walk:
    """What is known on the way."""

    box: Box
    context: EstContext
    credentials: tuple[str, str] | None
    own: Credential | None = None  # a client certificate that was given
    closed: bool = False  # whether the server lets nobody in without one
    together: bool = False  # whether it wants user and password beside the certificate of a renewal
    verdicts: list[Verdict] = field(default_factory=list)
    published: list[x509.Certificate] = field(default_factory=list)  # what cacerts has, roots among them
    roots: list[x509.Certificate] = field(default_factory=list)
    attributes: list[csrattrs.CsrAttr] = field(default_factory=list)
    key: keys.PrivateKey | None = None
    answers: dict[str, Answered] = field(default_factory=dict)  # by operation
    guarded: dict[str, int] = field(default_factory=dict)  # what needs authentication only to be read, and its status
    quickest: float = float("inf")  # seconds that any answer took
    keeps_open: bool = False  # whether its connections carry several requests

    @property
    def issued(self) -> x509.Certificate | None:
        """What the first enrollment brought."""
        first = self.answers.get("simpleenroll")
        return None if first is None else first.certificate

    def connection(self, *, credentials: bool = True) -> Connection:
        """A connection of its own. With `credentials` user and certificate are shown; else what must be."""
        self.context.credential = self.own if credentials or self.closed else None
        return Connection(self.context, self.credentials if credentials else None, self.box.clock.now)

    @property
    def known(self) -> bool:
        """Whether there is anything to be authenticated with."""
        return self.credentials is not None or self.own is not None


class Failed(FortishError):
    """A check failed; the text says why."""


class Skipped(FortishError):
    """A check cannot be made; the text says why."""


Said: TypeAlias = "Generator[Step, Any, str | None]"
Run: TypeAlias = Callable[[Walk], Said]
Check: TypeAlias = tuple[str, str, Run]  # the section that asks for it, what it asks, what finds out


def typed(response: httpx.Response, wanted: str, smime: str = "") -> str | None:
    """Whether an answer has the type that the RFC gives it; a note where it is written in an unusual way."""
    whole = response.headers.get("content-type", "")
    given = whole.partition(";")[0].strip()
    if not given:
        raise Failed(f"there is no Content-Type, where {wanted} should be")
    if given.lower() != wanted:
        raise Failed(f"the type is '{wire.printable(given, 60)}', not {wanted}")
    _, parameters = type_of(whole)
    lacks = smime and parameters.get("smime-type", "").lower() != smime
    notes = [f"the type lacks smime-type={smime}"] if lacks else []
    if others := sorted(parameters.keys() - {"smime-type"}):
        notes.append(f"the type has more parameters: {wire.printable(', '.join(others), 60)}")
    if given != given.lower():
        notes.append(f"the type is spelled {wire.printable(given, 60)}, which means the same")
    return f"note: {'; '.join(notes)}" if notes else None
