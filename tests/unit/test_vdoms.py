"""VDOMs: scopes, references and certificates of a divided box."""

from __future__ import annotations

import pytest

import fortish
from fortish.box import LOCAL
from fortish.cmdb.store import GLOBAL

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
