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
from fortish.pki import csrattrs, keys
from fortish.steps import Step

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


@dataclass(slots=True)
class Walk:
    """What is known on the way."""

    box: Box
    context: EstContext
    credentials: tuple[str, str] | None
    verdicts: list[Verdict] = field(default_factory=list)
    roots: list[x509.Certificate] = field(default_factory=list)
    attributes: list[csrattrs.CsrAttr] = field(default_factory=list)
    key: keys.PrivateKey | None = None
    issued: x509.Certificate | None = None

    def connection(self, *, credentials: bool = True) -> Connection:
        """A connection of its own."""
        return Connection(self.context, self.credentials if credentials else None, self.box.clock.now)


class Failed(FortishError):
    """A check failed; the text says why."""


class Skipped(FortishError):
    """A check cannot be made; the text says why."""


Said: TypeAlias = "Generator[Step, Any, str | None]"
Run: TypeAlias = Callable[[Walk], Said]
Check: TypeAlias = tuple[str, str, Run]  # the section that asks for it, what it asks, what finds out


def typed(response: httpx.Response, wanted: str, smime: str = "") -> str | None:
    """Whether an answer has the type that the RFC gives it."""
    given, *parameters = (part.strip().lower() for part in response.headers.get("content-type", "").split(";"))
    if given != wanted:
        raise Failed(f"the type is '{wire.printable(given, 60)}', not {wanted}")
    if smime and not any(parameter.replace('"', "") == f"smime-type={smime}" for parameter in parameters):
        return f"note: the type lacks smime-type={smime}"
    return None
