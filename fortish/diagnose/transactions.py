"""`diagnose sys config-transaction …`: which transactions of workspace mode are open, what they change and lock."""

from __future__ import annotations

from fortish.cmdb.entries import Change, Drop, Order, Put
from fortish.cmdb.snapshots import held
from fortish.cmdb.workspace import Transaction
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.steps import Flow, say


def status(here: Here, arguments: Arguments) -> Flow:
    """Every open transaction."""
    now = here.box.clock.now()
    yield from say(
        Text.TRANSACTION_ROW(id=one.id, name=one.administrator, count=len(one.changes()), seconds=int(one.due - now))
        for one in here.box.transactions.values()
    )


def entities(here: Here, arguments: Arguments) -> Flow:
    """What the transaction that is open here has changed."""
    one: Transaction | None = here.transaction
    yield from say([_changed(one, change) for change in one.changes()] if one is not None else [])


def locks(here: Here, arguments: Arguments) -> Flow:
    """The entries that are locked, and by which transaction."""
    yield from say(
        Text.TRANSACTION_ITEM(what="lock", path=".".join(path), key=f" {key}".rstrip(), scope=scope, id=one.id)
        for one in here.box.transactions.values()
        for scope, path, key in one.locked
    )


def _changed(one: Transaction, change: Change) -> str:
    match change:
        case Order():
            what, key = "move", ""
        case Drop():
            what, key = "delete", change.key
        case Put():
            before = held(one.branch.schema, one.base, (change.scope, change.path))
            what, key = ("edit" if change.key in before else "add"), change.key
    fields = {"path": ".".join(change.path), "key": f" {key}".rstrip(), "scope": change.scope}
    return Text.TRANSACTION_ITEM(what=what, id=one.id, **fields)
