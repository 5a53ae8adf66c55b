"""What one responder knows: its CA, its policy, what it has issued, who has been there."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509

from fortish.responder.authority import FIRST_SERIAL, Authority
from fortish.responder.policy import Policy

KEPT: Final = 10_000  # certificates and visits that are remembered; older ones are forgotten


@dataclass(frozen=True, slots=True)
class Visit:
    """One answered request. `operation` is '' for a path that has none.

    `account` is the user of HTTP Basic or SRP, or the client certificate's subject; `subject` that of the certificate
    that was issued. Both are '' where there is none.
    """

    time: datetime
    address: str
    operation: str
    label: str
    account: str
    status: int
    subject: str


@dataclass(slots=True)
class Responder:
    """The only thing that changes here. Not for several threads at once."""

    authority: Authority
    policy: Policy = field(default_factory=Policy)
    next_serial: int = FIRST_SERIAL
    issued: deque[x509.Certificate] = field(default_factory=lambda: deque(maxlen=KEPT))
    history: deque[Visit] = field(default_factory=lambda: deque(maxlen=KEPT))
    certificate_ports: set[int] = field(default_factory=set)  # ports that serve nobody without a client certificate
    bodies: dict[Hashable, bytes] = field(default_factory=dict, repr=False)  # made once, by what they depend on
    stranger: Authority | None = field(default=None, repr=False)  # same name, another key: for a fault

    def needs_client_certificate(self, port: int) -> bool:
        """Whether visitors of this local port must show a client certificate, whatever they ask for."""
        return port in self.certificate_ports

    def take_serial(self) -> int:
        """The serial number of the next certificate."""
        self.next_serial += 1
        return self.next_serial - 1
