"""Who is asked before anything changes: an administrator's rights, and what keeps transactions apart."""

from __future__ import annotations

from typing import Protocol

from fortish.cmdb.entries import Change
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import PathWords


class Permits(Protocol):
    """What an administrator may see and change."""

    @property
    def unrestricted(self) -> bool:
        """Whether everything may be done."""

    def hides(self, path: PathWords) -> bool:
        """Whether a path is not even parsed."""

    def check_change(self, path: PathWords) -> None:
        """Whether what stands at `path` may be changed. Raises `CliError`."""

    def check_changes(self, changes: list[Change]) -> None:
        """Whether a transaction keeps to the administrator's own rights. Raises `CliError`."""


class Guard(Protocol):
    """What keeps transactions apart (`fortish.cmdb.workspace`). Each method raises `CliError`."""

    def opened(self, scope: str, path: PathWords, key: str) -> None:
        """An entry or singleton is opened."""

    def setting(self, path: PathWords, name: str) -> None:
        """An attribute is about to be changed."""

    def changing(self, cmdb: Cmdb, changes: list[Change]) -> None:
        """Changes are about to be made."""
