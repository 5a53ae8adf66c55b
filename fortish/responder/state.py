"""What one responder knows: its CAs, its policy, what it has issued and revoked, who waits, who has been there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from fortish.responder.authority import FIRST_SERIAL, Authority
from fortish.responder.body import Requested
from fortish.responder.digest import Nonces
from fortish.responder.hierarchy import Hierarchy, hierarchy
from fortish.responder.policy import Kind, Policy

KEPT: Final = 10_000  # certificates and visits that are remembered; older ones are forgotten


@dataclass(frozen=True, slots=True)
class Visit:
    """One answered request. `operation` is '' for a path that has none.

    `account` is the user of HTTP or SRP, or the client certificate's subject; `subject` that of the certificate that
    was issued. Both are '' where there is none.
    """

    time: datetime
    address: str
    operation: str
    label: str
    account: str
    status: int
    subject: str


@dataclass(slots=True)
class Waiting:
    """A request that somebody must approve, known again by its key and its names, since its bytes may change.

    Each label has a CA and terms of its own, so what is approved for one is not approved for another.

    `verdict` is "waiting", "approved" or "denied".
    """

    number: int
    time: datetime
    label: str
    account: str
    subject: str
    key: bytes = field(repr=False)
    name: bytes = field(repr=False)
    verdict: str = "waiting"


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that no longer counts. `ca` is the name of its CA; None, where it is not known, means every CA."""

    serial: int
    time: datetime
    ca: str | None


@dataclass(frozen=True, slots=True)
class RegistrationAuthority:
    """Who speaks SCEP for the CA of that name."""

    ca: str
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScepWaiting:
    """What a SCEP transaction has asked for, of which CA; whose public key has signed it, and the request in DER."""

    wanted: Requested
    segment: str
    ca: str
    signer: object = field(repr=False)
    request: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True)
class Undecided:
    """A SCEP transaction waits; with None it does no longer."""

    transaction: str
    waiting: ScepWaiting | None


@dataclass(frozen=True, slots=True)
class Used:
    """A request that was waiting does so no longer."""

    key: bytes
    name: bytes
    label: str


Place: TypeAlias = tuple[bytes, bytes, str]  # key and names, in DER, and the label that was asked
Note: TypeAlias = Visit | Waiting | Used | Revoked | RegistrationAuthority | Undecided | x509.Certificate


@dataclass(slots=True)
class Responder:
    """The only thing that changes here. Not for several threads at once.

    `keep` is called when something has changed, before anybody is told: it stores what is in `unkept`, and says whether
    it could. Where nothing is kept, `unkept` is None.
    """

    authority: Authority
    policy: Policy = field(default_factory=Policy)
    next_serial: int = FIRST_SERIAL
    issued: deque[x509.Certificate] = field(default_factory=lambda: deque(maxlen=KEPT))
    history: deque[Visit] = field(default_factory=lambda: deque(maxlen=KEPT))
    waiting: dict[Place, Waiting] = field(default_factory=dict)
    next_waiting: int = 1
    revoked: dict[int, Revoked] = field(default_factory=dict)  # by serial number
    crl_number: int = 1
    keep: Callable[[], bool] = field(default=lambda: True, repr=False)
    unkept: list[Note] | None = field(default=None, repr=False)
    nonces: Nonces = field(default_factory=Nonces, repr=False)
    hierarchies: dict[tuple[str, Kind], Hierarchy] = field(default_factory=dict, repr=False)
    certificate_ports: set[int] = field(default_factory=set)  # ports that serve nobody without a client certificate
    bodies: dict[Hashable, bytes] = field(default_factory=dict, repr=False)  # made once, by what they depend on
    scep_authorities: dict[str, RegistrationAuthority] = field(default_factory=dict, repr=False)  # by their CA's name
    scep_waiting: dict[str, ScepWaiting] = field(default_factory=dict, repr=False)  # by transaction
    stranger: Authority | None = field(default=None, repr=False)  # same name, another key: for a fault

    def note(self, *notes: Note) -> None:
        """Something has changed; `keep` will store it."""
        if self.unkept is not None:
            self.unkept += notes

    def has_issued(self, certificate: x509.Certificate) -> None:
        """A certificate has been issued."""
        self.issued.append(certificate)
        self.note(certificate)

    def visited(self, visit: Visit) -> bool:
        """A request has been answered; whether all that has changed by it is kept."""
        self.history.append(visit)
        self.note(visit)
        return self.keep()

    def needs_client_certificate(self, port: int) -> bool:
        """Whether visitors of this local port must show a client certificate, whatever they ask for."""
        return port in self.certificate_ports

    def take_serial(self) -> int:
        """The serial number of the next certificate."""
        self.next_serial += 1
        return self.next_serial - 1

    def hierarchy(self, name: str, now: datetime) -> Hierarchy:
        """The CA of that name, '' for the usual one, made when first asked for. Raises KeyError."""
        kind = self.policy.kinds()[name]
        found = self.hierarchies.get((name, kind))
        if found is None:
            root = self.authority if not name else Authority.fresh(now, kind.common_name)
            found = self.hierarchies[name, kind] = hierarchy(root, kind, now)
        return found

    def every_hierarchy(self, now: datetime) -> dict[str, Hierarchy]:
        """Every CA by its name."""
        return {name: self.hierarchy(name, now) for name in self.policy.kinds()}
