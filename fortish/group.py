"""Lines whose commits are stored together, in one transaction, and shown when they are."""

from __future__ import annotations

import time
from collections.abc import Callable

from fortish.drive import Store
from fortish.errors import StorageFault

GROUP_LINES, GROUP_SECONDS = 500, 0.2  # of a group: lines at most, seconds of real time
Write = Callable[[str], object]


class Group:
    """Lines whose commits are stored together. What they print is held back until they are.

    A line that may wait for the network, or do things that cannot be undone, is no part of a group.
    """

    def __init__(self, store: Store, write: Write) -> None:
        self._store, self._write = store, write
        self._held: list[str] = []
        self._from: tuple[str, int] | None = None  # where the open group began
        self._to = ("", 0)
        self._lines, self._began = 0, 0.0

    def write(self, text: str) -> None:
        """Print, now or when the group is stored."""
        if self._from is None:
            self._write(text)
        else:
            self._held.append(text)

    def before(self, file: str, number: int, *, alone: bool) -> None:
        """A line is about to be typed. Raises `StorageFault`."""
        if self._from is not None and (
            alone or self._lines >= GROUP_LINES or time.monotonic() - self._began > GROUP_SECONDS
        ):
            self.close()
        if self._from is None and not alone:
            self._store.begin()
            self._from, self._lines, self._began = (file, number), 0, time.monotonic()
        self._to = file, number
        self._lines += 1

    def close(self) -> None:
        """Store the group and print what it held back. Raises `StorageFault` that names its lines."""
        if self._from is None:
            return
        begin, self._from = self._from, None
        held, self._held = "".join(self._held), []
        try:
            self._store.store()
        except StorageFault as fault:
            file, number = self._to
            there = str(number) if file == begin[0] else f"{file}:{number}"
            raise StorageFault(f"{begin[0]}:{begin[1]} to {there}: not stored: {fault.reason}") from None
        self._write(held)
