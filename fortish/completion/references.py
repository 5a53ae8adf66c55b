"""The entries of tables that can be named from where an administrator stands."""

from __future__ import annotations

from collections.abc import Collection

from fortish.cmdb.schema import Attribute, Table
from fortish.cmdb.store import GLOBAL, Rows
from fortish.completion.offers import Administrator, Offer, entries


def keys(session: Administrator, table: Table) -> Rows:
    """The rows of a table that can be named from here: to be read, not changed."""
    cmdb, place = session.editor.cmdb, session.editor.scope
    own = cmdb.rows(cmdb.scope_of(table, place), table.path)
    # In a VDOM the certificates of the whole box are known too.
    return {**own, **cmdb.rows(GLOBAL, table.path)} if table.ranged else own


def referable(
    session: Administrator, attribute: Attribute, without: Collection[str] = (), *, named: bool = True
) -> tuple[Offer, ...]:
    """The entries that a reference may name, each with the last word of its table's path if that is to be `named`."""
    tables = [table for path in attribute.refs if (table := session.editor.cmdb.schema.table(path)) is not None]
    return tuple(entries(_left(keys(session, table), without), table.path[-1] if named else "") for table in tables)


def _left(names: Collection[str], without: Collection[str]) -> Collection[str]:
    return [name for name in names if name not in without] if without else names
