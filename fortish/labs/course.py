"""Where labs are: those that are shipped, in the order of the course, and folders that are given by path."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from fortish.errors import UsageError
from fortish.labs.lab import LAB, PATHS, Lab, read

CATALOGUE = Path(__file__).parent / "catalogue"


@cache
def shipped() -> tuple[Lab, ...]:
    """The shipped labs, in the order of the course. Raises `UsageError`."""
    labs = [read(path.parent) for path in CATALOGUE.glob(f"*/{LAB}")]
    return tuple(sorted(labs, key=lambda lab: (PATHS.index(lab.path), lab.order, lab.name)))


def folder_of(name: str) -> Path:
    """The folder of a lab that is named, or given by path. Raises `UsageError`."""
    if os.sep in name or (os.altsep and os.altsep in name) or name in (".", ".."):
        if not os.path.isfile(Path(name) / LAB):
            raise UsageError(f"{name}: no lab is there: it has no {LAB}")
        return Path(name)
    if not os.path.isfile(CATALOGUE / name / LAB):
        names = ", ".join(lab.name for lab in shipped())
        raise UsageError(f"no lab '{name}'; there are {names}; a folder is given as ./{name}")
    return CATALOGUE / name


def find(name: str, seed: int = 0) -> Lab:
    """A lab by its name or its path. Raises `UsageError`."""
    return read(folder_of(name), seed)


def after(lab: Lab) -> Lab | None:
    """The next shipped lab of the course; None behind the last one, and for a lab that is not shipped."""
    rows = shipped()
    places = [place for place, one in enumerate(rows) if one.folder == lab.folder]
    return rows[places[0] + 1] if places and places[0] + 1 < len(rows) else None
