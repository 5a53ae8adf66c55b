"""`execute cfg …`: saving by hand, for a box whose `cfg-save` is manual or revert."""

from __future__ import annotations

from fortish import messages
from fortish.box import Box
from fortish.commands import Arguments, Here
from fortish.errors import StorageFault
from fortish.execute.power import restarted
from fortish.messages import Text
from fortish.steps import Flow, Say


def save(here: Here, arguments: Arguments) -> Flow:
    """Keep what was changed since it was saved last."""
    box: Box = here.box
    if not box.cmdb.unsafe:
        yield Say(Text.CFG_NOTHING_TO_SAVE())
        return
    try:
        box.save()
    except StorageFault as fault:
        raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None
    yield Say(Text.CFG_SAVED())


def load_again(here: Here, arguments: Arguments) -> Flow:
    """Boot with what is saved."""
    if here.box.cmdb.saved is None:
        yield Say(Text.CFG_NOTHING_TO_RELOAD())
        return
    yield Say(Text.CFG_RELOADED())
    yield from restarted(here)
