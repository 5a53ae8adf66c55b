"""What an access profile lets an administrator see of commands and of what daemons print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import fortish
from fortish import diagnose, execute, get
from fortish.access import COMMANDS, CONFIDES
from fortish.completion import candidates
from fortish.diagnose.debug import DAEMONS
from fortish.replay import Player, typed_lines
from fortish.session import Session

ENROLL = 'execute vpn certificate local generate est n ec-secp256r1 https://testrfc7030.com:8443 CN=n "" estuser estpwd'
PROFILES = """
config system accprofile
edit watchers
set sysgrp read-write
set vpngrp read
next
edit keepers
set sysgrp read-write
set vpngrp read-write
next
edit nobodies
next
end
config system admin
edit watcher
set accprofile watchers
set password Secret1!
next
edit keeper
set accprofile keepers
set password Secret1!
next
edit nobody
set accprofile nobodies
set password Secret1!
next
end
"""
TABLES = {"diagnose": diagnose.HOOKS, "execute": execute.HOOKS, "get": get.HOOKS}


@contextmanager
def sitting(box: fortish.Appliance, name: str) -> Iterator[list[str]]:
    """An administrator who sits there with debug on; what they see, as it grows."""
    seen: list[str] = []
    player = Player(box.runtime, Session(box.runtime.box, name), seen.append)
    box.call(player.play(typed_lines("diagnose debug enable\ndiagnose debug application est -1")))
    try:
        yield seen
    finally:
        player.close()


def test_lines_with_passwords_reach_only_who_may_change_certificates() -> None:
    with fortish.Appliance(network="lab", hostname="FGT") as box:
        admin = box.session()
        admin.play(PROFILES)
        admin.run("execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
        with sitting(box, "watcher") as watched, sitting(box, "keeper") as kept:
            assert admin.run(ENROLL).endswith("Done.\n")
        assert "estpwd" in "".join(kept) and "est_simple_enroll" in "".join(kept)
        assert "estpwd" not in "".join(watched) and "est_simple_enroll" not in "".join(watched)
        assert "Debug messages will be on" in "".join(watched)


DIVIDED = """config system global
set vdom-mode multi-vdom
end
y
config vdom
edit A
y
end
config global
config system admin
edit va
set accprofile prof_admin
set vdom A
set password Secret1!
end
end"""


def test_who_is_confined_to_a_vdom_sees_nothing_of_another_one() -> None:
    with fortish.Appliance(network="lab", hostname="FGT", firmware="fortigate-7.4") as box:
        box.session().play(DIVIDED)
        admin = box.session()
        admin.play("config vdom\nedit root\nexecute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
        assert admin.run(ENROLL).endswith("Done.\n")
        with sitting(box, "va") as foreign:
            admin.run("config vpn certificate local\nedit n\nset auto-regenerate-days 364\nend")
            admin.run("diagnose debug enable\ndiagnose debug application est -1")
            box.advance(seconds=30)
        assert [event.id for event in box.events].count(22205) == 1
        assert "est_ctx" not in "".join(foreign)


def test_who_is_confined_to_a_vdom_leaves_the_clock_alone() -> None:
    with fortish.Appliance(network="lab", hostname="FGT", firmware="fortigate-7.4") as box:
        box.session().play(DIVIDED)
        confined = box.session(administrator="va")
        assert "Permission denied" in confined.run("execute date 2020-01-01")
        assert "2020" not in confined.run("execute date")


def test_a_verb_that_the_profile_bars_is_unknown_however_the_line_goes_on() -> None:
    with fortish.Appliance(network="lab", hostname="FGT", firmware="fortigate-7.4") as box:
        box.session().play(PROFILES)
        nobody = box.session(administrator="nobody")
        for line in ("config", "config system global", "show", "diagnose", "get"):
            assert nobody.run(line) == "Unknown action 0\n", line


def test_a_command_that_is_not_there_is_no_shorter_form_of_another() -> None:
    with fortish.Appliance(network="lab", hostname="FGT", firmware="fortigate-7.4") as box:
        box.session().play(DIVIDED)
        inside = box.session()
        inside.play("config vdom\nedit A")
        assert "command parse error before 'factoryreset'\n" in inside.run("execute factoryreset")


def test_what_a_profile_hides_of_commands_is_neither_offered_nor_parsed() -> None:
    with fortish.Appliance(network="lab", hostname="FGT") as box:
        box.session().play(PROFILES)
        nobody = box.session(administrator="nobody")
        for verb, table in TABLES.items():
            for path, hook in table.items():
                if (verb, path) == ("get", ("system", "status")) or not hook.done:
                    continue
                nobody.run(f"{verb} {hook.words}")
                assert nobody.failed, hook.words
        offered = [candidate.word for candidate in candidates(Session(box.runtime.box, "nobody"), "get ").candidates]
        assert "system" in offered and "vpn" not in offered


def test_rows_name_commands_that_exist() -> None:
    for verb, rows in COMMANDS.items():
        for prefix in rows:
            assert any(path[: len(prefix)] == prefix for path in TABLES[verb]), (verb, prefix)


def test_every_daemon_says_who_sees_its_lines() -> None:
    assert set(CONFIDES) == {"cli", *DAEMONS}
