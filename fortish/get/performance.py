"""`get system performance …`, `diagnose sys top`: this process' processor time, the host's memory, the box's uptime.

There is no data plane, so the figures of traffic and sessions are 0. What the host does not tell is left out.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fortish.box import Box
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.steps import Flow, Say, Wait, compute

MEMORY, STATM = Path("/proc/meminfo"), Path("/proc/self/statm")
PROCESS = "newcli"  # the box's name for a shell
TOP_DELAY = 5  # seconds between two lists of processes
SAMPLE = 0.1  # seconds of real time over which the processor is watched


def status(here: Here, arguments: Arguments) -> Flow:
    """How busy this is."""
    box: Box = here.box
    processor, memory = yield from compute(lambda: (_processor(), _memory()))
    lines = [*processor, *memory, Text.NO_TRAFFIC(), _uptime(box)]
    yield Say("\n".join(lines), paged=True)


def top(here: Here, arguments: Arguments) -> Flow:
    """The processes, as often as wanted: one, this program.

    A real box goes on until a key is pressed; a script would wait for that for ever.
    """
    box: Box = here.box
    for number in range(arguments["iterations"] or 1):
        if number:
            yield Wait(arguments["delay"] or TOP_DELAY)
        (user, system), memory = yield from compute(lambda: (_load(), _memory_figures()))
        total, free, _ = memory or (0, 0, 0)
        share = 100 * _resident() / total if total else 0.0
        head = Text.TOP_UPTIME(**_up(box))
        load = Text.TOP_LOAD(user=user, system=system, idle=100 - user - system, total=total // 1024, free=free // 1024)
        row = Text.TOP_ROW(name=PROCESS, pid=os.getpid(), state="R", cpu=float(user + system), memory=share)
        yield Say("\n".join([head, load, row]))


def _resident() -> int:
    """The memory of this process in kilobytes; 0 where the host does not tell."""
    try:
        return int(STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def _processor() -> list[str]:
    user, system = _load()
    names = ("CPU", "CPU0")
    return [Text.CPU_STATES(cpu=name, user=user, system=system, idle=100 - user - system) for name in names]


def _load() -> tuple[int, int]:
    """What this process takes of one processor for itself and in the system, in per cent."""
    before, began = os.times(), time.perf_counter()
    time.sleep(SAMPLE)
    after, lasted = os.times(), time.perf_counter() - began
    user = min(100, round(100 * (after.user - before.user) / lasted))
    return user, min(100 - user, round(100 * (after.system - before.system) / lasted))


def _memory() -> list[str]:
    """The memory of the host in kilobytes, where it tells."""
    found = _memory_figures()
    if found is None:
        return []
    total, free, freeable = found
    figures = {"used": total - free - freeable, "free": free, "freeable": freeable}
    shares: dict[str, Any] = {f"{name}_share": 100 * figure / total for name, figure in figures.items()}
    return [Text.MEMORY(total=total, **figures, **shares)]


def _memory_figures() -> tuple[int, int, int] | None:
    return _from_proc() or _from_sysconf()


def _from_proc() -> tuple[int, int, int] | None:
    """Total, free and freeable memory as Linux tells them."""
    try:
        told = {name: int(size) for name, size in re.findall(r"(?m)^(\w+): +(\d+) kB$", MEMORY.read_text("ascii"))}
        return told["MemTotal"], told["MemFree"], max(0, told["MemAvailable"] - told["MemFree"])
    except (OSError, KeyError, ValueError):
        return None


def _from_sysconf() -> tuple[int, int, int] | None:
    """Total and free memory as other systems tell them, some of them."""
    told: Callable[[str], int] | None = getattr(os, "sysconf", None)
    try:
        if told is None:
            return None
        page = told("SC_PAGE_SIZE")
        return told("SC_PHYS_PAGES") * page // 1024, told("SC_AVPHYS_PAGES") * page // 1024, 0
    except (OSError, ValueError):
        return None


def _uptime(box: Box) -> str:
    return Text.UPTIME(**_up(box))


def _up(box: Box) -> dict[str, int]:
    minutes = int(max(0.0, box.clock.now() - box.booted) // 60)
    return {"days": minutes // 1440, "hours": minutes // 60 % 24, "minutes": minutes % 60}
