"""Debug levels of the box: which daemons trace, and for how long.

Levels belong to the box; whether a console prints them is that console's own switch (`diagnose debug enable`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

MINUTES = 30  # how long debug stays on unless told (documented)
CLI, CLI_LEVEL = "cli", 3  # the command line has a level from the start; so long it is not in `levels`


@dataclass(slots=True)
class ConsoleDebug:
    """One console's switch.

    `permits` says of a daemon, and of the scope that its lines are about, whether the administrator there may see them.
    """

    enabled: bool = False
    timestamp: bool = False
    permits: Callable[[str, str | None], bool] = lambda daemon, scope: True

    def sees(self, daemon: str, scope: str | None = None) -> bool:
        """Whether the administrator there may see a daemon's lines; without a scope, of what was done there."""
        return self.permits(daemon, scope)


@dataclass(slots=True)
class Debug:
    """The daemons' levels. `minutes` is 0 for no end; `until` is box time in seconds, None while nothing runs."""

    levels: dict[str, int] = field(default_factory=dict)
    minutes: int = MINUTES
    until: float | None = None

    def level(self, daemon: str, now: float) -> int:
        """The level of a daemon: 0 when off or when its time is over."""
        return 0 if self.over(now) else self.levels.get(daemon, 0)

    def cli(self, now: float) -> int:
        """The level of the command line."""
        return CLI_LEVEL if self.over(now) else self.levels.get(CLI, CLI_LEVEL)

    def over(self, now: float) -> bool:
        """Whether the time of debugging has run out."""
        return self.until is not None and now >= self.until

    def start(self, now: float) -> None:
        """Debug goes on: its time starts unless it runs already."""
        if self.over(now):
            self.levels.clear()
            self.until = None
        if self.minutes and self.until is None:
            self.until = now + self.minutes * 60

    def last(self, minutes: int, now: float) -> None:
        """How long debug stays on from now; 0 for no end."""
        self.minutes = minutes
        self.until = now + minutes * 60 if minutes else None

    def left(self, now: float) -> int | None:
        """Whole minutes left, rounded up; None for no end."""
        return None if self.until is None else max(0, -int(-(self.until - now) // 60))

    def reset(self) -> None:
        """Stop everything."""
        self.levels.clear()
        self.minutes, self.until = MINUTES, None
