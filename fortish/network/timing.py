"""When something on the network began and how long it took, by real time and by the box's clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Timing:
    """When it began, in real time and on the box's clock (seconds since 1970), and how long it took (milliseconds).

    `connection` counts the connections of a network from 1; `handshake` is how long opening this one took.
    """

    at: float
    clock: float
    took: float
    connection: int = 0
    handshake: float = 0.0


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Runs from when it is made. `clock` is the box's time then."""

    clock: float
    at: float = field(default_factory=time.time)
    began: float = field(default_factory=time.perf_counter)

    def took(self) -> float:
        """How long it has run, in milliseconds."""
        return (time.perf_counter() - self.began) * 1000

    def timing(self, connection: int, handshake: float) -> Timing:
        """The same as a value; a connection's number, and how long opening it took."""
        return Timing(self.at, self.clock, self.took(), connection, handshake)
