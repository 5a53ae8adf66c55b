"""`diagnose debug config-error-log`: the lines of a backup that were not understood when it was read."""

from __future__ import annotations

from fortish.commands import Arguments, Here
from fortish.steps import Flow, Say


def read(here: Here, arguments: Arguments) -> Flow:
    """Print them."""
    if here.box.config_errors:
        yield Say("\n".join(here.box.config_errors), paged=True)


def clear(here: Here, arguments: Arguments) -> Flow:
    """Forget them."""
    here.box.config_errors.clear()
    yield from ()
