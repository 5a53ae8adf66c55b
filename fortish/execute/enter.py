"""`execute enter`: stand in a VDOM without going through `config vdom`."""

from __future__ import annotations

from fortish import messages
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.steps import Flow, Say


def enter(here: Here, arguments: Arguments) -> Flow:
    """Enter a VDOM. On a box without VDOMs there is `root` only, and one is in it already."""
    name = arguments["name"]
    vdoms = here.box.cmdb.vdoms()
    if name not in vdoms:
        raise messages.failed(-3, "", Text.NOT_IN_DATASOURCE())
    here.enter(name)
    yield Say(Text.CURRENT_VDOM(name=name, number=vdoms[name]))
