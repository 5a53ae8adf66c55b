"""`execute date` and `execute time`: the box's clock, in local time. Certificates and background work go by it."""

from __future__ import annotations

import re
import time

from fortish import messages
from fortish.access import access, confined_to
from fortish.box import FIRST_YEAR, LAST_YEAR, Box
from fortish.cmdb.entries import SYSTEM_GLOBAL
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.steps import Flow, Say


def date(here: Here, arguments: Arguments) -> Flow:
    """Show the date, or set it and leave the time of day."""
    local = here.box.local_time()
    typed = arguments["date"]
    if not typed:
        yield Say(Text.DATE_IS(date=f"{local:%Y-%m-%d}"))
        return
    found = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", typed)
    try:
        if found is None:
            raise ValueError(typed)
        year, month, day = map(int, found.groups())
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise ValueError(typed)
        moved = local.replace(year=year, month=month, day=day)
    except ValueError:
        raise messages.value_error(typed, -651, Text.BAD_DATE()) from None
    _set(here, moved.timestamp())


def time_of_day(here: Here, arguments: Arguments) -> Flow:
    """Show the time, or set it and leave the date."""
    local = here.box.local_time()
    typed = arguments["time"]
    if not typed:
        yield Say(Text.TIME_IS(time=f"{local:%H:%M:%S}"))
        yield Say(Text.LAST_NTP_SYNC())
        return
    try:
        found = time.strptime(typed, "%H:%M:%S")
    except ValueError:
        raise messages.value_error(typed, -651, Text.BAD_TIME()) from None
    moved = local.replace(hour=found.tm_hour, minute=found.tm_min, second=min(found.tm_sec, 59), microsecond=0)
    _set(here, moved.timestamp())


def _set(here: Here, now: float) -> None:
    """Move the clock. No time passes by that: the box has been up as long as before. Raises `CliError` (-37)."""
    box: Box = here.box
    access(box.cmdb, here.administrator).check_change(SYSTEM_GLOBAL)
    if confined_to(box.cmdb, here.administrator) is not None:
        raise messages.failed(-37, Text.PERMISSION_DENIED())
    before = box.clock.now()
    box.clock.set(now)
    box.booted += now - before
    if box.debug.until is not None:  # how long debugging goes on is counted in time that passes
        box.debug.until += now - before
