"""Time zones by their IANA names, as the host has them or the tzdata package: what a box's local time follows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import cache

FACTORY = "US/Pacific"  # of a new box
NAME = re.compile(r"[A-Z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
# What a host's folder of zones holds beside them.
NO_ZONES, NO_FOLDERS = frozenset({"Factory", "localtime", "posixrules"}), frozenset({"SystemV", "posix", "right"})


def is_known(name: str) -> bool:
    """Whether there is a zone of this name."""
    return _is_name(name) and _zone(name) is not None


def _is_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None and name not in NO_ZONES and name.partition("/")[0] not in NO_FOLDERS


@cache
def names() -> tuple[str, ...]:
    """Every zone, sorted."""
    from zoneinfo import available_timezones

    return tuple(sorted(filter(_is_name, available_timezones())))


@cache
def _zone(name: str) -> tzinfo | None:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not there; a folder; a name that leads elsewhere
        return None


def local(seconds: float, name: str) -> datetime:
    """A time (seconds since 1970) in a zone; in UTC if this host does not know the zone."""
    return datetime.fromtimestamp(seconds, _zone(name) or UTC)
