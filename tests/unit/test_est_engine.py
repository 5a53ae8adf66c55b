"""The EST engine beyond the guide: Digest, redirections, Retry-After, requests that wait, templates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fortish
from fortish.box import LOCAL
from fortish.clock import VirtualClock
from fortish.cmdb.entries import GLOBAL
from fortish.est import wire
from fortish.responder import issuing
from fortish.responder.faults import Fault
from fortish.responder.policy import Policy

IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
ENROLL = (
    "execute vpn certificate local generate est {name} ec-secp256r1 https://testrfc7030.com:8443 CN={name}"
    ' "" estuser estpwd'
)


@pytest.fixture
def box() -> Iterator[fortish.Appliance]:
    with fortish.Appliance(network="lab", hostname="FGT") as appliance:
        appliance.session().run(IMPORT)
        yield appliance


def spoil(box: fortish.Appliance, **faults: Fault) -> None:
    responder = box.runtime.network.responder  # type: ignore[attr-defined]
    responder.policy = replace(responder.policy, faults=MappingProxyType(faults))


class Running(VirtualClock):
    """A clock that is a second further on each time somebody looks at it."""

    looks = 0

    def now(self) -> float:
        self.looks += 1
        return super().now() + self.looks


def test_a_certificate_that_begins_while_its_request_is_answered_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fortish.boot.VirtualClock", Running)
    with fortish.Appliance(network="lab", hostname="FGT") as box:
        session = box.session()
        session.run(IMPORT)
        session.run(ENROLL.format(name="n"))
        assert not session.failed


# --- HTTP authentication -------------------------------------------------------------------------------------


@pytest.mark.parametrize("schemes", ["basic", "digest"])
def test_a_password_needs_no_user_name(box: fortish.Appliance, schemes: str) -> None:
    """RFC 7030 section 3.2.3."""
    responder = box.runtime.network.responder  # type: ignore[attr-defined]
    responder.policy = Policy.from_toml(f'accounts = {{ "" = "secret" }}\nhttp-auth = ["{schemes}"]')
    session = box.session()
    session.run(ENROLL.format(name="n").replace("estuser estpwd", '"" secret'))
    assert not session.failed and responder.history[-1].status == 200
    session.run(ENROLL.format(name="m").replace("estuser estpwd", '"" wrong'))
    assert session.failed


# --- clocks that differ -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead", "taken"), [(1, True), (299, True), (400, False)])
def test_a_ca_whose_clock_is_a_little_ahead_is_no_fault(
    box: fortish.Appliance, monkeypatch: pytest.MonkeyPatch, ahead: int, taken: bool
) -> None:
    monkeypatch.setattr(issuing, "_SOON", timedelta(seconds=ahead))
    spoil(box, simpleenroll=Fault(not_yet_valid=True))
    session = box.session()
    said = session.run(ENROLL.format(name="n"))
    assert session.failed is not taken
    assert ("not yet valid" in said) is not taken


# --- Retry-After ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "seconds"),
    [
        ("120", 120.0),
        ("Thu, 06 Apr 2023 22:38:34 GMT", 60.0),
        ("Thu, 06 Apr 2023 22:38:34 -0000", 60.0),
        ("Fri, 07 Apr 2023 00:38:34 +0200", 60.0),
        ("Thu, 06 Apr 2000 22:38:34 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("9" * 40, float("9" * 12)),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_a_date(given_: str, seconds: float | None) -> None:
    assert wire.retry_after(httpx.Response(202, headers={"Retry-After": given_}), 1_680_820_654.0) == seconds


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_no_retry_after_raises(text: str) -> None:
    found = wire.retry_after(httpx.Response(202, headers={"Retry-After": text}), 0.0)
    assert found is None or found >= 0


# --- requests that wait ---------------------------------------------------------------------------------------------


def test_a_request_that_waits_is_asked_again_with_the_same_key(box: fortish.Appliance) -> None:
    spoil(box, simpleenroll=Fault(status=202, headers=(("Retry-After", "600"),)))
    session = box.session()
    assert "asked again in 600 seconds" in session.run(ENROLL.format(name="w"))
    assert not session.failed
    assert "w" not in box.cmdb.rows(GLOBAL, LOCAL)
    key = box.runtime.box.pending[GLOBAL, "w"].key
    box.advance(seconds=601)
    assert box.runtime.box.pending[GLOBAL, "w"].attempts == 2
    assert box.runtime.box.pending[GLOBAL, "w"].key == key
    spoil(box)
    box.advance(seconds=601)
    assert not box.runtime.box.pending
    assert "CN=w" in box.certificate("w").x509.subject.rfc4514_string()
    assert [event.id for event in box.events][-1] == 41987
    assert "match" in session.run("execute vpn certificate local verify w")


def test_a_request_that_is_refused_in_the_end_is_an_event_and_leaves_nothing(box: fortish.Appliance) -> None:
    spoil(box, simpleenroll=Fault(status=202, headers=(("Retry-After", "60"),)))
    box.session().run(ENROLL.format(name="w"))
    spoil(box, simpleenroll=Fault(status=403))
    box.advance(seconds=120)
    assert not box.runtime.box.pending and "w" not in box.cmdb.rows(GLOBAL, LOCAL)
    assert box.events[-1].id == 41990


def test_a_request_is_given_up_after_a_week(box: fortish.Appliance) -> None:
    spoil(box, simpleenroll=Fault(status=503, headers=(("Retry-After", "172800"),)))
    box.session().run(ENROLL.format(name="w"))
    box.advance(days=6)
    assert box.runtime.box.pending[GLOBAL, "w"].attempts == 4
    box.advance(days=3)
    assert not box.runtime.box.pending
    assert "given up after 4 requests" in box.events[-1].fields["reason"]


def test_nobody_is_asked_again_before_the_time_that_he_said(box: fortish.Appliance) -> None:
    """RFC 7030 section 4.2.3. What is put off for longer than a week is given up instead (test_retries.py)."""
    spoil(box, simpleenroll=Fault(status=202, headers=(("Retry-After", str(6 * 86400)),)))
    session = box.session()
    assert "asked again in 518400 seconds" in session.run(ENROLL.format(name="w"))
    history = box.runtime.network.responder.history  # type: ignore[attr-defined]
    before = len(history)
    box.advance(days=6, seconds=-600)
    assert len(history) == before and box.runtime.box.pending
    spoil(box)
    box.advance(seconds=1200)
    assert "CN=w" in box.certificate("w").x509.subject.rfc4514_string()


def test_a_renewal_waits_too_and_the_certificate_in_use_stays(box: fortish.Appliance) -> None:
    session = box.session()
    session.run(ENROLL.format(name="n"))
    before = box.certificate("n").pem
    spoil(box, simplereenroll=Fault(status=202, headers=(("Retry-After", "300"),)))
    session.run("config vpn certificate local\nedit n\nset auto-regenerate-days 364\nend")
    box.advance(seconds=30)
    assert box.runtime.box.pending[GLOBAL, "n"].renew and box.certificate("n").pem == before
    spoil(box)
    box.advance(seconds=300)
    assert not box.runtime.box.pending and box.certificate("n").pem != before
