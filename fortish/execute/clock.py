"""`execute date` and `execute time`: the box's clock, which its certificates and background work go by. UTC."""

from __future__ import annotations

import calendar
import re
import time

from fortish import messages
from fortish.access import access
from fortish.box import FIRST_YEAR, LAST_YEAR, Box
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.steps import Flow, Say

DAY = 86400


SETTINGS = ("system", "global")  # whoever may change these may set the clock


def date(here: Here, arguments: Arguments) -> Flow:
    """Show the date, or set it and leave the time of day."""
    clock = here.box.clock
    typed = arguments["date"]
    if not typed:
        yield Say(Text.DATE_IS(date=time.strftime("%Y-%m-%d", time.gmtime(clock.now()))))
        return
    found = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", typed)
    try:
        if found is None:
            raise ValueError(typed)
        if not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
            raise ValueError(typed)
        day = calendar.timegm(time.strptime("-".join(found.groups()), "%Y-%m-%d"))
    except ValueError:
        raise messages.value_error(typed, -651, Text.BAD_DATE()) from None
    _set(here, day + clock.now() % DAY)


def time_of_day(here: Here, arguments: Arguments) -> Flow:
    """Show the time, or set it and leave the date."""
    clock = here.box.clock
    typed = arguments["time"]
    if not typed:
        yield Say(Text.TIME_IS(time=time.strftime("%H:%M:%S", time.gmtime(clock.now()))))
        yield Say(Text.LAST_NTP_SYNC())
        return
    try:
        found = time.strptime(typed, "%H:%M:%S")
    except ValueError:
        raise messages.value_error(typed, -651, Text.BAD_TIME()) from None
    midnight = clock.now() - clock.now() % DAY
    _set(here, midnight + found.tm_hour * 3600 + found.tm_min * 60 + found.tm_sec)


def _set(here: Here, now: float) -> None:
    """Move the clock. No time passes by that: the box has been up as long as before. Raises `CliError` (-37)."""
    box: Box = here.box
    access(box.cmdb, here.administrator).check_change(SETTINGS)
    before = box.clock.now()
    box.clock.set(now)
    box.booted += now - before
    if box.debug.until is not None:  # how long debugging goes on is counted in time that passes
        box.debug.until += now - before
