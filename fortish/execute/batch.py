"""`execute batch`: lines are gathered, then run one after the other in this session with nothing of theirs printed.

Nobody sits there to be asked, so a question is answered y and one for a text gets an empty one. What failed stands in
the log of the last run.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from fortish import messages
from fortish.commands import Arguments, Here
from fortish.errors import CliError, FortishError, Interrupted
from fortish.messages import Text
from fortish.steps import Ask, Flow, Kind, Say, Step, say

NO_CODE = -1  # in the log: the line failed with an error that prints no code


def start(here: Here, arguments: Arguments) -> Flow:
    """From now on lines are gathered."""
    if here.batch.lines is not None:
        raise messages.failed(NO_CODE, Text.BATCH_STARTED())
    if here.transaction is not None:
        raise messages.failed(NO_CODE, Text.TRANSACTION_NO_BATCH())
    here.batch.lines = []
    yield Say(Text.BATCH_START())


def end(here: Here, arguments: Arguments) -> Flow:
    """Run what was gathered. The first failure is the failure of this command, too."""
    lines = here.batch.lines
    if lines is None:
        raise messages.failed(NO_CODE, Text.BATCH_NOT_STARTED())
    here.batch.lines, here.batch.log = None, []
    yield Say(Text.BATCH_END())
    here.batch.running = True
    try:
        here.failure = yield from _run(here, lines)
    finally:
        here.batch.running = False


def _run(here: Here, lines: list[str]) -> Generator[Step, Any, CliError | None]:
    """Run lines and log what they came to; the first failure."""
    first = None
    for line in lines:
        finished = yield from _quietly(here.feed(line))
        failure = here.failure
        here.batch.log.append((0 if failure is None else failure.code or NO_CODE, line))
        first = first or failure
        if not finished or not here.alive:
            break
    return first


def status(here: Here, arguments: Arguments) -> Flow:
    """Whether lines are being gathered."""
    yield Say(Text.BATCH_STOPPED() if here.batch.lines is None else Text.BATCH_RUNNING())


def lastlog(here: Here, arguments: Arguments) -> Flow:
    """What the lines of the last run came to."""
    yield from say(Text.BATCH_LOG(code=code, line=line) for code, line in here.batch.log)


def _quietly(flow: Flow) -> Generator[Step, Any, bool]:
    """A flow that prints nothing and asks nobody; whether it came to its end without Ctrl-C."""
    finished = True
    resume: Callable[[], Step] = partial(next, flow)
    while True:
        try:
            step = resume()
        except StopIteration:
            return finished
        except Interrupted:
            return False
        match step:
            case Say():
                resume = partial(flow.send, None)
            case Ask(_, kind):
                resume = partial(flow.send, "y" if kind is Kind.YES_NO else "")
            case _:
                try:
                    resume = partial(flow.send, (yield step))
                except FortishError as error:  # a lost link, Ctrl-C: the flow's own business
                    finished = finished and not isinstance(error, Interrupted)
                    resume = partial(flow.throw, error)
