"""VDOMs: scopes, references and certificates of a divided box."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

import fortish
from fortish.box import LOCAL
from fortish.cmdb.entries import GLOBAL
from fortish.responder.faults import Fault

LDAP = "config user ldap\nedit corp\nset server 192.0.2.5\nset cnid uid\nset dn dc=corp\nend"


@pytest.fixture
def box():  # type: ignore[no-untyped-def]
    with fortish.Appliance(network="lab", hostname="FGT") as appliance:
        session = appliance.session()
        session.run("config system global\nset vdom-mode multi-vdom\nend\ny")
        yield appliance


def test_a_name_in_one_vdom_does_not_hold_an_entry_in_another(box: fortish.Appliance) -> None:
    session = box.session()
    session.run("config vdom\nedit Web\ny")
    session.run(LDAP)
    session.run("config vpn certificate crl\nedit c\nset ldap-server corp\nend\nnext\nedit root")
    session.run(LDAP)
    assert session.run("config user ldap\ndelete corp\nend") == ""
    session.run("next\nedit Web")
    assert "used by other 1 entries" in session.run("config user ldap\ndelete corp\nend")
    session.run("config user ldap\nrename corp to company\nend")
    assert 'set ldap-server "company"' in session.run("show vpn certificate crl")


def test_switching_moves_what_is_not_of_the_whole_box_to_root_and_back() -> None:
    with fortish.Appliance(network="lab") as appliance:
        session = appliance.session()
        session.run("execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
        session.run(
            'execute vpn certificate local generate est one ec-secp256r1 https://testrfc7030.com:8443 CN=one "" estuser'
            " estpwd"
        )
        session.run("config vpn certificate local\nedit one\nset range vdom\nend")
        rows = appliance.cmdb.rows
        session.run("config system global\nset vdom-mode multi-vdom\nend\ny")
        assert "one" in rows("root", LOCAL) and "one" not in rows(GLOBAL, LOCAL)
        session.run("config global\nconfig system global\nset vdom-mode no-vdom\nend\ny")
        assert "one" in rows(GLOBAL, LOCAL) and "one" not in rows("root", LOCAL)


def test_a_certificate_of_a_vdom_renews_by_itself(box: fortish.Appliance) -> None:
    session = box.session()
    session.run("config vdom\nedit Web\ny")
    session.run("execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
    assert "Done." in session.run(
        'execute vpn certificate local generate est w ec-secp256r1 https://testrfc7030.com:8443 CN=w "" estuser estpwd'
    )
    before = box.cmdb.rows("Web", LOCAL)["w"].values["certificate"]
    session.run("config vpn certificate local\nedit w\nset auto-regenerate-days 364\nend\nend")
    box.advance(days=2)
    assert box.cmdb.rows("Web", LOCAL)["w"].values["certificate"] != before
    assert "w" not in box.cmdb.rows(GLOBAL, LOCAL)


def test_a_shown_configuration_with_vdoms_reads_back_on_a_new_box(box: fortish.Appliance) -> None:
    session = box.session()
    session.run("config vdom\nedit Web\ny")
    session.run(LDAP)
    session.run("next\nedit root\nend")
    shown = session.run("show")
    with fortish.Appliance(network="lab", hostname="FGT") as other:
        played = other.session().play(shown)
        assert not played.failed, played.failures
        assert other.session().run("show").split("\n")[4:] == shown.split("\n")[4:]


def test_an_administrator_of_one_vdom_cannot_leave_it(box: fortish.Appliance) -> None:
    session = box.session()
    session.run("config vdom\nedit Web\ny")
    session.run(
        "end\nconfig global\nconfig system accprofile\nedit web\nset vpngrp read-write\nset authgrp read-write\nend"
    )
    session.run("config system admin\nedit wally\nset accprofile web\nset vdom Web\nset password Secret1!\nend\nend")
    wally = box.session("wally")
    assert wally.prompt == "FGT $ "
    wally.run(LDAP)
    assert "corp" in box.cmdb.rows("Web", ("user", "ldap"))
    assert "parse error before 'global'" in wally.run("config global")


# --- access profiles ------------------------------------------------------------------------------------------------


@pytest.fixture
def staff():  # type: ignore[no-untyped-def]
    """A box with three administrators: bob may change the system, rob may read it, boss may do everything."""
    with fortish.Appliance(network="lab", hostname="FGT") as appliance:
        appliance.session().run(
            "config system accprofile\nedit writer\nset sysgrp read-write\nset vpngrp read\nnext\n"
            "edit reader\nset sysgrp read\nnext\nedit more\nset sysgrp read-write\nset vpngrp read-write\nend\n"
            "config system admin\nedit bob\nset accprofile writer\nset password Secret1!\nnext\n"
            "edit rob\nset accprofile reader\nset password Secret1!\nnext\n"
            "edit moe\nset accprofile more\nset password Secret1!\nnext\n"
            "edit boss\nset accprofile super_admin\nset password Secret1!\nend"
        )
        yield appliance


@pytest.mark.parametrize(
    "lines",
    [
        "edit bob\nset accprofile super_admin\nend",
        "edit bob\nset accprofile more\nend",
        "edit new\nset accprofile super_admin\nset password Secret1!\nend",
        "edit boss\nset password Known1!\nend",
        "edit moe\nset password Known1!\nend",
        "clone boss to twin\nend",
        "delete boss\nend",
        "rename boss to friend\nend",
    ],
)
def test_nobody_gains_or_takes_rights_that_they_do_not_have(staff: fortish.Appliance, lines: str) -> None:
    before = dict(staff.cmdb.rows(GLOBAL, ("system", "admin")))
    assert "Return code -37" in staff.session("bob").run(f"config system admin\n{lines}")
    assert staff.cmdb.rows(GLOBAL, ("system", "admin")) == before


@pytest.mark.parametrize("change", ["set vpngrp read-write", "set fwgrp read", "set scope global"])
def test_an_access_profile_cannot_be_widened_from_inside(staff: fortish.Appliance, change: str) -> None:
    before = dict(staff.cmdb.rows(GLOBAL, ("system", "accprofile")))
    said = staff.session("bob").run(f"config system accprofile\nedit writer\n{change}\nend")
    assert "Return code -37" in said
    assert staff.cmdb.rows(GLOBAL, ("system", "accprofile")) == before


def test_who_may_change_administrators_makes_others_of_the_same_or_fewer_rights(staff: fortish.Appliance) -> None:
    bob = staff.session("bob")
    bob.run("config system accprofile\nedit less\nset sysgrp custom\nconfig sysgrp-permission\nset cfg read\nend\nend")
    said = bob.run(
        "config system admin\nedit rob\nset accprofile less\nnext\nedit twin\nset accprofile writer\n"
        "set password Secret1!\nend"
    )
    assert not bob.failed, said
    admins = staff.cmdb["system admin"]
    assert (admins["rob"]["accprofile"], admins["twin"]["accprofile"]) == ("less", "writer")


def test_who_may_only_read_the_settings_does_not_set_the_clock(staff: fortish.Appliance) -> None:
    rob, before = staff.session("rob"), staff.runtime.box.clock.now()
    assert "Return code -37" in rob.run("execute date 2031-01-01")
    assert "Return code -37" in rob.run("execute time 00:00:01")
    assert abs(staff.runtime.box.clock.now() - before) < 60
    assert "current date is" in rob.run("execute date")
    bob = staff.session("bob")
    bob.run("execute date 2031-01-01")
    assert not bob.failed


# --- a VDOM that goes ---------------------------------------------------------------------------------------------


def test_who_stands_in_a_vdom_that_is_deleted_is_led_to_the_root_and_leaves_nothing_in_it(
    box: fortish.Appliance,
) -> None:
    inside = box.session()
    inside.run("config vdom\nedit Web\ny\nconfig firewall address\nedit a")
    box.session().run("config vdom\ndelete Web\nend")
    assert "Return code -3" in inside.run("set comment x") and inside.prompt == "FGT # "
    assert not [scope for scope, _ in box.cmdb.snapshot() if scope == "Web"]


def test_nothing_is_asked_for_or_kept_in_a_vdom_that_is_gone(box: fortish.Appliance) -> None:
    inside = box.session()
    inside.run("config vdom\nedit Web\ny\nexecute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
    responder = box.runtime.network.responder  # type: ignore[attr-defined]
    wait = Fault(status=202, headers=(("Retry-After", "60"),))
    responder.policy = replace(responder.policy, faults=MappingProxyType({"simpleenroll": wait}))
    enroll = 'execute vpn certificate local generate est w ec-secp256r1 https://testrfc7030.com:8443 CN=w "" estuser x'
    inside.run(enroll.replace(" x", " estpwd"))
    assert ("Web", "w") in box.runtime.box.pending
    box.session().run("config vdom\ndelete Web\nend")
    assert not box.runtime.box.pending
    asked = len(responder.history)
    box.advance(seconds=600)
    assert len(responder.history) == asked
