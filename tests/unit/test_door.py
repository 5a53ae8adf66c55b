"""The Python door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import fortish
from fortish.errors import UsageError

IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
ENROLL = (
    "execute vpn certificate local generate est est-test101 ec-secp256r1 "
    'https://testrfc7030.com:8443 CN=web "" estuser estpwd'
)


@pytest.fixture(scope="module")
def enrolled() -> Iterator[fortish.Appliance]:
    with fortish.Appliance(network="lab") as box:
        session = box.session()
        session.run(IMPORT)
        session.run(ENROLL)
        assert not session.failed
        yield box


def test_the_published_example_works(enrolled: fortish.Appliance, tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("config system global\nset admin-sport 8443\nend\n")
    session = enrolled.session()
    assert "Version: FortiProxy-VM64" in session.run("get system status")
    before = enrolled.certificate("est-test101").pem
    text = session.run("execute vpn certificate local generate est est-test101", answers=["y"])
    assert "(y/n)y" in text and not session.failed
    assert not session.play((tmp_path / "site.conf").read_text()).failed
    assert enrolled.cmdb["vpn certificate local"]["est-test101"]["enroll-protocol"] == "est"
    enrolled.advance(days=3)
    assert enrolled.certificate("est-test101").pem != before
    assert enrolled.certificate("est-test101").x509.subject.rfc4514_string() == "CN=web"


def test_time_that_passes_renews_a_certificate_that_shall_be() -> None:
    with fortish.Appliance(clock="2024-01-01T00:00:00Z") as box:
        session = box.session()
        session.run(IMPORT)
        session.run(ENROLL)
        first = box.certificate("est-test101").x509
        session.run("config vpn certificate local\nedit est-test101\nset auto-regenerate-days 100\nend")
        box.advance(days=260)
        assert box.certificate("est-test101").x509 == first
        box.advance(days=40)
        assert box.certificate("est-test101").x509.not_valid_before_utc > first.not_valid_before_utc
        assert [event.id for event in box.events] == [41987, 22205, 41987]


def test_time_that_passes_renews_nothing_that_shall_not_be() -> None:
    with fortish.Appliance() as box:
        session = box.session()
        session.run(IMPORT)
        session.run(ENROLL)
        first = box.certificate("est-test101").pem
        before = box.runtime.clock.now()
        box.advance(days=300, hours=1, seconds=5)
        assert box.certificate("est-test101").pem == first
        assert box.runtime.clock.now() == pytest.approx(before + 300 * 86400 + 3605)


def test_a_failed_line_says_so_with_its_code_and_the_next_one_does_not(enrolled: fortish.Appliance) -> None:
    session = enrolled.session()
    assert session.run("emd") == "Unknown action 0\n"
    assert session.failed and session.code == 0
    session.run("config nosuch")
    assert session.failed and session.code == -61
    session.run("get system status")
    assert not session.failed and session.code == 0


def test_several_lines_fail_when_one_of_them_does(enrolled: fortish.Appliance) -> None:
    session = enrolled.session()
    session.run("config system global\nset nosuch x\nend")
    assert session.failed and session.prompt == "FortiProxy-VM64 # "


def test_a_lost_link_behind_grep_is_the_flows_own_error(enrolled: fortish.Appliance) -> None:
    session = enrolled.session()
    text = session.run("execute vpn certificate ca import tftp nosuch.pem 192.0.2.10 | grep x")
    assert session.failed and session.code == -28 and "nosuch.pem" in text


def test_a_played_text_is_the_screen_with_its_failures(enrolled: fortish.Appliance) -> None:
    played = enrolled.session().play("config system alias\nemd\nend\n")
    assert played.failed and [failure.number for failure in played.failures] == [2]
    assert played.text.startswith("FortiProxy-VM64 # config system alias\n\nFortiProxy-VM64 (alias) # emd\nUnknown")


def test_two_sessions_stand_where_they_stand(enrolled: fortish.Appliance) -> None:
    one, two = enrolled.session(), enrolled.session()
    one.run("config system global")
    assert one.prompt.endswith("(global) # ") and two.prompt == "FortiProxy-VM64 # "


def test_nobody_logs_in_who_is_not_configured(enrolled: fortish.Appliance) -> None:
    with pytest.raises(fortish.errors.UsageError, match="no administrator 'nobody'"):
        enrolled.session("nobody")


def test_a_certificate_that_is_not_there_is_a_key_error(enrolled: fortish.Appliance) -> None:
    with pytest.raises(KeyError):
        enrolled.certificate("nosuch")


def test_an_appliance_can_be_closed_twice() -> None:
    box = fortish.Appliance(network="none")
    box.close()
    box.close()


@pytest.mark.parametrize(
    "options",
    [{"firmware": "nosuch"}, {"network": "nosuch"}, {"clock": "noon"}, {"config": "/no/such"}, {"trust": "/no/such"},
     {"files": "/no/such"}],
)  # fmt: skip
def test_options_that_cannot_be_used_are_usage_errors(options: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        fortish.Appliance(**options)


def test_many_boxes_do_not_know_each_other() -> None:
    with fortish.Appliance(hostname="a") as a, fortish.Appliance(hostname="b", firmware="fortigate-7.6") as b:
        a.session().run("config system alias\nedit x\nend")
        assert a.session().prompt == "a # " and b.session().prompt == "b # "
        assert "x" not in b.cmdb["system alias"]
