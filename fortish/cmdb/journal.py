"""Where commits are kept before memory changes: what a journal promises, and the one that keeps nothing."""

from __future__ import annotations

from typing import Protocol

from fortish.cmdb.entries import Change


class Journal(Protocol):
    """Where commits are kept. Raises `StorageFault`, and then nothing is changed."""

    def append(self, changes: list[Change]) -> None:
        """Keep one transaction."""


class Forgetful:
    """The default journal: keeps nothing."""

    def append(self, changes: list[Change]) -> None:
        """Nothing to do."""
