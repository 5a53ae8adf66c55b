"""Time zones: which there are, and the box's local time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fortish import zones
from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.cmdb.editor import Editor
from fortish.cmdb.entries import GLOBAL, SINGLE, SYSTEM_GLOBAL
from fortish.errors import CliError
from fortish.firmware import FIRMWARES
from fortish.parse import parse
from fortish.session import Session
from fortish.steps import Compute, Say, Wait

SUMMER, WINTER = 1_688_169_600.0, 1_704_067_200.0  # 2023-07-01, 2024-01-01, both 00:00 UTC


def typed(box: Box, *lines: str) -> str:
    editor = Editor(box.cmdb)
    for line in lines:
        command = parse(line, editor.legal)
        assert command is not None
        editor.apply(command)
    return box.timezone


@pytest.mark.parametrize("name", FIRMWARES)
def test_a_new_box_is_in_the_zone_that_the_schema_says(name: str) -> None:
    box = Box.new(VirtualClock(SUMMER), name)
    assert box.timezone == zones.FACTORY and not box.cmdb.touched(GLOBAL, SYSTEM_GLOBAL)
    assert box.cmdb.value(GLOBAL, SYSTEM_GLOBAL, SINGLE, "timezone") == zones.FACTORY == box.timezone


def test_every_zone_that_is_listed_can_be_set() -> None:
    names = zones.names()
    assert {"Europe/Berlin", "UTC", zones.FACTORY} <= {*names} and list(names) == sorted(names)
    assert all(map(zones.is_known, names))


@pytest.mark.parametrize(
    "name", ["", "23", "Europe", "europe/berlin", "localtime", "posix/UTC", "/etc/passwd", "a\0b", "Ü"]
)
def test_what_is_no_zone_is_none(name: str) -> None:
    assert not zones.is_known(name)
    assert name not in zones.names()


def test_local_time_follows_the_zone_and_its_summer() -> None:
    box = Box.new(VirtualClock(SUMMER))
    assert box.local_time().utcoffset() == timedelta(hours=-7)
    assert box.local_time(WINTER).utcoffset() == timedelta(hours=-8)
    assert typed(box, "config system global", "set timezone Asia/Kolkata", "end") == "Asia/Kolkata"
    assert f"{box.local_time():%H:%M}" == "05:30"


def test_a_zone_that_this_host_does_not_know_is_utc() -> None:
    assert zones.local(SUMMER, "04").utcoffset() == timedelta(0)


def test_a_refused_zone_changes_nothing() -> None:
    box = Box.new(VirtualClock(SUMMER))
    with pytest.raises(CliError) as caught:
        typed(box, "config system global", "set timezone Mars/Olympus")
    assert caught.value.code == -3 and box.timezone == zones.FACTORY


def said(box: Box, line: str) -> list[str]:
    """What a line prints; slow work is done at once, and time passes where it is waited."""
    flow, answer, printed = Session(box).feed(line), None, []
    while True:
        try:
            step = flow.send(answer)
        except StopIteration:
            return printed
        answer = None
        match step:
            case Say(text):
                printed.append(text)
            case Compute(work):
                answer = work()
            case Wait(seconds):
                box.clock.set(box.clock.now() + seconds)


def test_a_date_keeps_the_local_time_of_day_across_the_end_of_summer() -> None:
    box = Box.new(VirtualClock(SUMMER))
    assert said(box, "execute time")[0] == "current time is: 17:00:00"
    said(box, "execute date 2024-01-31")
    assert said(box, "execute time")[0] == "current time is: 17:00:00"
    assert said(box, "execute date") == ["current date is: 2024-01-31"]
    said(box, "execute time 23:59:59")
    assert said(box, "execute date") == ["current date is: 2024-01-31"]
    assert box.clock.now() == 1_706_774_399.0  # 2024-02-01 07:59:59 UTC


def test_the_list_of_processes_is_printed_as_often_as_wanted() -> None:
    box = Box.new(VirtualClock(SUMMER))
    assert len(said(box, "diagnose sys top")) == 1
    lists = said(box, "diagnose sys top 60 20 3")
    assert [text.splitlines()[0] for text in lists] == [
        f"Run Time:  0 days, 0 hours and {minutes} minutes" for minutes in (0, 1, 2)
    ]
    assert "Return code -650" in said(box, "diagnose sys top 61")[0]
