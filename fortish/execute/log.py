"""`execute log display`: the event log, newest first, in the box's key=value form."""

from __future__ import annotations

from datetime import datetime

from fortish.box import Event
from fortish.cmdb.entries import GLOBAL, ROOT
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.steps import Flow, Say

PAGE = 10  # events that one call prints


def display(here: Here, arguments: Arguments) -> Flow:
    """Print the newest events; in a VDOM those that are its own."""
    events: list[Event] = here.box.events
    if here.scope != GLOBAL:
        events = [event for event in events if _vdom(event) == here.scope]
    shown = events[: -PAGE - 1 : -1]
    lines = [Text.LOG_COUNT(found=len(events)), Text.LOG_RETURNED(returned=len(shown)), ""]
    lines += [f"{number}: {_line(event, here.box.local_time(event.time))}" for number, event in enumerate(shown, 1)]
    yield Say("\n".join(lines).rstrip("\n"), paged=True)


def _vdom(event: Event) -> str:
    """The VDOM that an event is about; the whole box's are kept in the first one."""
    return event.fields.get("vd", ROOT)


def _line(event: Event, when: datetime) -> str:
    fields = {"date": f"{when:%Y-%m-%d}", "time": f"{when:%H:%M:%S}"}
    subtype = "vpn" if event.id > 40000 else "system"
    quoted = {
        "logid": f"01{'01' if subtype == 'vpn' else '00'}0{event.id:05d}",
        "type": "event",
        "subtype": subtype,
        "level": event.level,
        "vd": _vdom(event),
        "logdesc": event.description,
        **event.fields,
    }
    bare = " ".join(f"{name}={value}" for name, value in fields.items())
    return bare + "".join(f' {name}="{value}"' for name, value in quoted.items())
