"""The entries of tables that can be named from where an administrator stands."""

from __future__ import annotations

from collections.abc import Collection

from fortish.cmdb.entries import GLOBAL, Rows
from fortish.cmdb.table import Attribute, PathWords, Table
from fortish.completion.offers import Administrator, Offer, entries, heading, tabbed
from fortish.messages import Text


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
    cmdb, place = session.editor.cmdb, session.editor.scope
    offers = []
    for path in attribute.refs:
        table = cmdb.schema.table(path)
        if table is None:
            inner = _inner(session, path)
            offers.append(entries(_left(inner, without), path[-1] if named else ""))
        else:
            names = [key for key in keys(session, table) if key not in without and cmdb.owns(place, table, key)]
            offers.append(entries(names, table.path[-1] if named else ""))
    return tuple(offers)


def _inner(session: Administrator, path: PathWords) -> Rows:
    """The rows of a table inside a singleton: as they stand in the block that is open, or as they are saved."""
    working = next((frame.working for frame in reversed(session.editor.frames) if frame.working is not None), None)
    rows = working.open_rows(path) if working is not None else None
    return (session.editor.cmdb.inner_rows(path, session.editor.scope) or {}) if rows is None else rows


def certificates(session: Administrator, attribute: Attribute, typed: Collection[str]) -> tuple[Offer, ...]:
    """The certificates of the whole box that may be named, in the box's own layout for them.

    Of those that came with the box only such are listed as stand in no backup, as a box does it; the others, which are
    for SSL inspection, can be typed.
    """
    offers = []
    for table in map(session.box.cmdb.schema.table, attribute.refs):
        if table is not None:
            rows = session.box.cmdb.rows(GLOBAL, table.path)
            listed = [choice.name for choice in attribute.choices]
            listed += [key for key in rows if key in table.unstored or not table.keeps(key)]
            offers.append(tabbed(_left(listed, typed), table.path[-1]))
    return (heading(Text.HELP_CERTIFICATES()), *offers)


def _left(names: Collection[str], without: Collection[str]) -> Collection[str]:
    return [name for name in names if name not in without] if without else names
