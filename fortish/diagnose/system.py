"""`diagnose sys …`: the VDOMs, and who uses an entry of the configuration."""

from __future__ import annotations

from fortish import messages
from fortish.access import access
from fortish.box import Box
from fortish.cmdb.entries import GLOBAL
from fortish.cmdb.references import User
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import Table
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.steps import Flow, Say


def vd_list(here: Here, arguments: Arguments) -> Flow:
    """Every VDOM, by its number."""
    vdoms = sorted(here.box.cmdb.vdoms().items(), key=lambda vdom: vdom[1])
    rows = (Text.VD_ROW(name=name, number=number) for name, number in vdoms)
    yield Say("\n".join([Text.VD_LIST(), *rows]), paged=True)


def references(here: Here, arguments: Arguments) -> Flow:
    """Who names an entry: `system.interface.name port1`. Nothing is printed when nobody does."""
    box: Box = here.box
    cmdb = box.cmdb
    rights = access(cmdb, here.administrator)
    table = _table(cmdb, arguments["path"])
    if rights.hides(table.path):
        raise messages.parse_error(arguments["path"])
    scope = cmdb.scope_of(table, here.scope)
    if arguments["key"] not in cmdb.rows(scope, table.path) and table.ranged:
        scope = GLOBAL
    if arguments["key"] not in cmdb.rows(scope, table.path):
        raise messages.failed(-3, Text.NOT_IN_TABLE())
    _index(cmdb, here.scope)
    users = sorted(user for user in cmdb.users(scope, table.path, arguments["key"]) if not rights.hides(user.path))
    if users:
        yield Say("\n".join(_used_by(cmdb, user, arguments["key"]) for user in users), paged=True)


def _table(cmdb: Cmdb, typed: str) -> Table:
    """The table of `system.interface.name`; a `:` may stand before the name of the key. Raises `CliError`."""
    *path, key = typed.replace(":", ".").split(".")
    table = cmdb.schema.table(tuple(path))
    if table is None or not table.is_table or key != table.key:
        raise messages.parse_error(typed)
    return table


def _index(cmdb: Cmdb, place: str) -> None:
    """Have every table read: what the factory put there may name the entry."""
    for path in cmdb.schema.paths():
        table = cmdb.schema.table(path)
        if table is not None:
            cmdb.rows(cmdb.scope_of(table, place), path)


def _used_by(cmdb: Cmdb, user: User, name: str) -> str:
    table = cmdb.schema.table(user.path)
    assert table is not None
    *children, attribute = user.attribute.split("/")
    fields = {"path": ".".join(table.path), "key_name": table.key, "key": user.key, "attribute": attribute}
    if children:
        text = Text.USED_BY_CHILD if table.is_table else Text.USED_BY_INNER
    else:
        text = Text.USED_BY_TABLE if table.is_table else Text.USED_BY_SINGLETON
    return text(**fields, child=".".join(children), name=name)
