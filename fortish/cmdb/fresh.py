"""What the tables of a new box hold: the entries that the schema says the factory made."""

from __future__ import annotations

from typing import Any

from fortish.cmdb.entries import SINGLE, Entry, Rows
from fortish.cmdb.table import Attribute, Table
from fortish.cmdb.types import TYPES


def factory_rows(table: Table) -> Rows:
    """What a table holds on a new box."""
    rows: Rows = {}
    for raw in table.factory:
        values = {name: _value(table.attributes[name], value) for name, value in raw.items()
                  if name in table.attributes and name != table.key}  # fmt: skip
        rows[str(raw[table.key]) if table.is_table else SINGLE] = Entry(values)
    inner = {name: factory_rows(child) for name, child in table.children.items() if child.factory}
    if inner and not table.is_table:
        rows[SINGLE] = Entry(rows[SINGLE].values if SINGLE in rows else {}, inner)
    return rows


def _value(attribute: Attribute, value: Any) -> Any:
    if isinstance(value, list):
        value = tuple(str(item) for item in value)
    if attribute.type == "option" and attribute.multiple:
        return tuple(choice.name for choice in attribute.choices if choice.name in value)
    return value if attribute.type in TYPES else None
