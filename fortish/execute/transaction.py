"""`execute config-transaction …`: workspace mode, in which changes come into force together or not at all."""

from __future__ import annotations

from fortish import messages
from fortish.box import Box
from fortish.cmdb.workspace import MINUTES, Transaction, merged
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.parse import number
from fortish.steps import Flow, Say


def start(here: Here, arguments: Arguments) -> Flow:
    """From now on changes are this transaction's, and nobody else's."""
    box: Box = here.box
    _check_no_batch(here)
    _check_none_open(here)
    minutes = arguments["minutes"] or MINUTES
    box.last_transaction += 1
    transaction = Transaction(
        box.last_transaction,
        here.administrator,
        box.cmdb.branch(),
        box.cmdb.snapshot(),
        int(minutes),
        box.clock.now() + int(minutes) * 60,
        here.debug,
    )
    box.transactions[transaction.id] = transaction
    here.work_in(transaction)
    yield Say(Text.TRANSACTION_STARTED(id=transaction.id))


def commit(here: Here, arguments: Arguments) -> Flow:
    """Let the changes come into force, all of them; where one cannot, none does and the transaction stays."""
    transaction = _open(here)
    changes = merged(transaction, here.box.cmdb)
    here.work_in(None)
    try:
        if changes:
            here.put(changes)
    except BaseException:
        here.work_in(transaction)
        raise
    del here.box.transactions[transaction.id]
    yield from ()


def abort(here: Here, arguments: Arguments) -> Flow:
    """Forget the changes."""
    del here.box.transactions[_open(here).id]
    here.work_in(None)
    yield from ()


def resume(here: Here, arguments: Arguments) -> Flow:
    """Go on in a transaction that was left when a session ended."""
    _check_none_open(here)
    transaction = here.box.transactions.get(number(str(arguments["id"])))
    if transaction is None or transaction.administrator != here.administrator or transaction.console is not None:
        raise messages.failed(-3, Text.TRANSACTION_NOT_YOURS(id=arguments["id"], name=here.administrator))
    transaction.console = here.debug
    here.work_in(transaction)
    yield from ()


def _open(here: Here) -> Transaction:
    _check_no_batch(here)
    transaction: Transaction | None = here.transaction
    if transaction is None:
        raise messages.failed(1, Text.TRANSACTION_NONE())
    return transaction


def _check_none_open(here: Here) -> None:
    if here.transaction is not None:
        raise messages.failed(1, Text.TRANSACTION_OPEN(id=here.transaction.id))


def _check_no_batch(here: Here) -> None:
    if here.batch.running:
        raise messages.failed(1, Text.TRANSACTION_NO_BATCH())
