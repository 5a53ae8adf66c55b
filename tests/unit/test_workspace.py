"""Workspace mode with several administrators, background work, and time that passes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import fortish
from fortish.boot import Options, boot
from fortish.cmdb.entries import GLOBAL, SINGLE, Entry, Put
from fortish.replay import Player, typed_lines
from fortish.session import Session

START, COMMIT = "execute config-transaction start", "execute config-transaction commit"
LOCKED = "The object is currently being configured in another transaction"
IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
ADDRESS = "config firewall address\nedit lone\nend"
POLICY = """config firewall policy
edit {}
set srcintf any
set dstintf any
set srcaddr all
set dstaddr all
set schedule always
set service ALL
end"""
ENROLL = 'execute vpn certificate local generate est n ec-secp256r1 https://testrfc7030.com:8443 CN=n "" estuser estpwd'


@pytest.fixture
def box() -> Iterator[fortish.Appliance]:
    with fortish.Appliance(network="lab", hostname="FGT") as appliance:
        yield appliance


def alias(name: str, command: str = "x") -> str:
    return f"config system alias\nedit {name}\nset command {command}\nend"


def aliases(box: fortish.Appliance) -> dict[str, str]:
    rows = box.cmdb.rows(GLOBAL, ("system", "alias"))
    return {name: entry.values["command"] for name, entry in rows.items()}


def test_nobody_else_sees_a_transaction_before_its_commit(box: fortish.Appliance) -> None:
    one, two = box.session(), box.session()
    one.run(f"{START}\n{alias('a')}")
    assert "edit" in one.run("show system alias") and "edit" not in two.run("show system alias")
    assert aliases(box) == {}
    one.run(COMMIT)
    assert aliases(box) == {"a": "x"} and "edit" in two.run("show system alias")


def test_what_one_transaction_edits_is_locked_for_all_others(box: fortish.Appliance) -> None:
    one, two, three = box.session(), box.session(), box.session()
    one.run(alias("a") + "\n" + alias("b"))
    one.run(f"{START}\nconfig system alias\nedit a\nset command y\nend")
    for other in (two, three):
        if other is three:
            other.run(START)
        assert LOCKED in other.run("config system alias\nedit a\nend")
        assert LOCKED in other.run("config system alias\ndelete a\nend")
        assert LOCKED in other.run("config system alias\nrename a to c\nend")
        other.run("config system alias\nedit b\nset command z\nend")
        assert not other.failed
    one.run(COMMIT)
    assert aliases(box) == {"a": "y", "b": "z"}
    two.run(alias("a", "w"))
    assert not two.failed


def test_background_work_is_not_undone_by_a_commit(box: fortish.Appliance) -> None:
    one = box.session()
    one.run(f"{IMPORT}\n{ENROLL}")
    one.run(f"{START}\nconfig vpn certificate local\nedit n\nset comments mine\nend")
    before = box.certificate("n").pem
    box.session().run("execute vpn certificate local generate est n", answers=["y"])
    renewed = box.certificate("n").pem
    assert renewed != before
    one.run(COMMIT)
    assert not one.failed
    assert box.certificate("n").pem == renewed and box.cmdb["vpn certificate local"]["n"]["comments"] == "mine"


def test_a_commit_that_cannot_be_made_whole_changes_nothing_and_stays_open(box: fortish.Appliance) -> None:
    one = box.session()
    one.run(f"{START}\n{alias('a')}\n{ADDRESS}")
    box.cmdb.commit([Put("root", ("firewall", "address"), "lone", Entry())])  # by nobody who is asked for a lock
    assert "duplicate entry exists: lone" in one.run(COMMIT)
    assert one.failed and aliases(box) == {} and list(box.runtime.box.transactions) == [1]
    assert "edit" in one.run("show system alias")


def test_an_entry_that_others_have_begun_to_use_is_not_deleted(box: fortish.Appliance) -> None:
    one, two = box.session(), box.session()
    one.run(ADDRESS)
    one.run(f"{START}\nconfig firewall address\ndelete lone\nend")
    two.run("config firewall addrgrp\nedit g\nset member lone\nend")
    assert not two.failed
    assert "The entry is used by other 1 entries" in one.run(COMMIT)
    assert "lone" in box.cmdb["firewall address"]


def test_a_target_that_others_have_deleted_is_missed(box: fortish.Appliance) -> None:
    one, two = box.session(), box.session()
    one.run(ADDRESS)
    one.run(f"{START}\nconfig firewall addrgrp\nedit g\nset member lone\nend")
    two.run("config firewall address\ndelete lone\nend")
    assert not two.failed
    assert "entry not found in datasource" in one.run(COMMIT)
    assert "g" not in box.cmdb["firewall addrgrp"]


def test_a_new_order_takes_in_what_others_have_added(box: fortish.Appliance) -> None:
    one, two = box.session(), box.session()
    for number in (1, 2):
        one.run(POLICY.format(number))
        assert not one.failed
    one.run(f"{START}\nconfig firewall policy\nmove 2 before 1\nend")
    two.run(POLICY.format(3))
    one.run(COMMIT)
    assert not one.failed and list(box.cmdb.rows("root", ("firewall", "policy"))) == ["2", "1", "3"]


def test_what_an_administrator_may_not_give_away_is_refused_at_the_commit_too(box: fortish.Appliance) -> None:
    box.session().run(
        "config system accprofile\nedit keepers\nset sysgrp read-write\nend\n"
        "config system admin\nedit keeper\nset accprofile keepers\nset password Secret1!\nend"
    )
    keeper = box.session("keeper")
    keeper.run(f"{START}\nconfig system accprofile\nedit more\nset sysgrp read-write\nset vpngrp read-write\nend")
    assert keeper.failed
    keeper.run(COMMIT)
    assert "more" not in box.cmdb["system accprofile"]


def test_a_transaction_that_nobody_types_in_is_warned_of_and_dropped() -> None:

    async def played() -> tuple[str, Session]:
        runtime = boot(Options(network="lab", hostname="FGT", frozen=True))
        seen: list[str] = []
        session = Session(runtime.box)
        player = Player(runtime, session, seen.append)
        await player.play(typed_lines(f"{START} 1\n{alias('a')}"))
        runtime.clock.set(runtime.clock.now() + 61)
        await runtime.settle(0)
        await player.play(typed_lines("show system alias"))
        player.close()
        await runtime.close()
        return "".join(seen), session

    text, session = asyncio.run(played())
    for line in (
        "config transaction id=1 will expire in 30 seconds",
        "config transaction id=1 will expire in 20 seconds",
        "config transaction id=1 will expire in 10 seconds",
        "config transaction id=1 has expired",
    ):
        assert line in text
    assert text.index("has expired") < text.rindex("show system alias")
    assert "edit" not in text[text.rindex("show system alias") :] and session.transaction is None


def test_a_session_that_ended_leaves_its_transaction_for_the_same_administrator(box: fortish.Appliance) -> None:
    one = box.session()
    one.run(f"{START}\n{alias('a')}\nexit")
    two = box.session()
    two.run("execute config-transaction resume 1")
    assert not two.failed and "edit" in two.run("show system alias")
    assert "There is no config transaction id=1" in box.session().run("execute config-transaction resume 1")
    two.run(COMMIT)
    assert aliases(box) == {"a": "x"}


def test_a_boot_drops_transactions(box: fortish.Appliance) -> None:
    one, two = box.session(), box.session()
    one.run(f"{START}\n{alias('a')}")
    two.run("execute reboot", answers=["y"])
    one.run("show system alias")
    assert aliases(box) == {} and box.runtime.box.transactions == {}


def test_a_backup_holds_what_runs_and_not_a_transaction(box: fortish.Appliance) -> None:
    one = box.session()
    one.run(f"{START}\n{alias('a')}")
    one.run("execute backup config flash mine")
    assert 'edit "a"' not in box.runtime.box.revisions[1].text


def test_no_batch_begins_a_transaction(box: fortish.Appliance) -> None:
    one = box.session()
    one.run(f"execute batch start\n{START}\nexecute batch end")
    assert one.failed and box.runtime.box.transactions == {}


def test_a_singleton_keeps_what_others_have_set_meanwhile(box: fortish.Appliance) -> None:
    one, two = box.session(), box.session()
    one.run(f"{START}\nconfig system dns\nset primary 192.0.2.1\nend")
    assert LOCKED in two.run("config system dns\nset secondary 192.0.2.2\nend")
    one.run(COMMIT)
    assert box.cmdb.value(GLOBAL, "system dns", SINGLE, "primary") == "192.0.2.1"
