"""`execute reboot`, `shutdown`, `factoryreset`: what is not saved is gone, and the session ends."""

from __future__ import annotations

from fortish import factory, messages
from fortish.box import Box
from fortish.commands import Arguments, Here
from fortish.errors import StorageFault
from fortish.messages import Text
from fortish.steps import Ask, Flow, Say


def restarted(here: Here) -> Flow:
    """The box boots; its clock goes on."""
    box: Box = here.box
    box.restart()
    here.leave("reboot")
    yield from ()


def reboot(here: Here, arguments: Arguments) -> Flow:
    """Boot, after a question."""
    if (yield Ask(Text.REBOOT_QUESTION())) != "y":
        return
    yield Say(f"\n{Text.REBOOTING()}\n{Text.GOING_DOWN()}")
    yield from restarted(here)


def shutdown(here: Here, arguments: Arguments) -> Flow:
    """Go out, after a question. What is not saved is gone at the next start."""
    if (yield Ask(Text.SHUTDOWN_QUESTION())) != "y":
        return
    yield Say(f"\n{Text.SHUTTING_DOWN()}\n{Text.GOING_DOWN()}")
    here.box.restart()
    here.leave("shutdown")


def factory_reset(here: Here, arguments: Arguments) -> Flow:
    """All as it came from the factory, after a question; then boot. Events and revisions stay, requests do not.

    The factory's certificates are made anew when they are next read, but for those of the unit itself.
    """
    box: Box = here.box
    if (yield Ask(Text.RESET_QUESTION())) != "y":
        return
    try:
        box.cmdb.replace(factory.lasting(box.cmdb))
    except StorageFault as fault:
        raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None
    box.pending.clear()
    box.anchored.clear()
    yield Say(f"\n{Text.RESETTING()}\n{Text.GOING_DOWN()}")
    yield from restarted(here)
