"""One level of where an administrator stands; the levels make a stack."""

from __future__ import annotations

from dataclasses import dataclass

from fortish.cmdb.table import Table
from fortish.cmdb.working import ChildRows, Working


@dataclass(slots=True)
class Frame:
    """One level of where the administrator stands.

    `kind` is table, entry or singleton; `child` holds the rows of a child table, `working` the copy of an entry.
    """

    kind: str
    table: Table
    scope: str
    name: str
    child: ChildRows | None = None
    working: Working | None = None
