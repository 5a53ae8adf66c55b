"""Renewals that fail: when they are tried again, what a failure may be, and what survives of it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

import fortish
from fortish.box import DAY, Box, Event, Watch
from fortish.cmdb.entries import GLOBAL
from fortish.errors import Deferred, FortishError, LinkLost, PeerFault, StorageFault, may_pass
from fortish.est.authorities import EnrollFault, enroll_fault
from fortish.jobs import watching
from fortish.network import tls
from fortish.responder.faults import FAULTS, Fault
from fortish.responder.policy import Policy
from fortish.steps import Peer, Trust

IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
ENROLL = 'execute vpn certificate local generate est n ec-secp256r1 https://testrfc7030.com:8443 CN=n "" estuser estpwd'
SCEP = 'execute vpn certificate local generate ec n secp256r1 n "" "" "" "" "" "" "" {} sceppwd'
RENEW = "config vpn certificate local\nedit n\nset auto-regenerate-days {}\nend"
SCEP_URL = "http://testrfc7030.com/scep"
MINUTE = 60.0
N = (GLOBAL, "n")


@pytest.fixture
def box() -> Iterator[fortish.Appliance]:
    with fortish.Appliance(network="lab", hostname="FGT", clock="2024-01-01T00:00:00Z") as appliance:
        appliance.session().run(IMPORT)
        yield appliance


def behave(box: fortish.Appliance, policy: str = "", **faults: Fault) -> None:
    responder = box.runtime.network.responder  # type: ignore[attr-defined]
    responder.policy = replace(Policy.from_toml(policy), faults=MappingProxyType(faults))


def due_and(box: fortish.Appliance, **faults: Fault) -> float:
    """A certificate that is due at once, at a server that has faults: when it is first tried (box time)."""
    session = box.session()
    session.run(ENROLL)
    assert not session.failed
    behave(box, **faults)
    session.run(RENEW.format(364))
    box.advance(seconds=watching.SETTLE + 1)
    return failures(box)[-1].time


def failures(box: fortish.Appliance) -> list[Event]:
    return [event for event in box.events if event.id == 41990]


def watch(box: fortish.Appliance) -> Watch:
    return box.runtime.box.watches[N]


# --- when -----------------------------------------------------------------------------------------------------------


def test_what_may_pass_is_tried_again_after_five_minutes_then_twice_as_long_each_time_and_daily_at_last(
    box: fortish.Appliance,
) -> None:
    first = due_and(box, simplereenroll=Fault(status=503))
    before = box.certificate("n").pem
    box.advance(days=5.1)
    times = [event.time for event in failures(box)]
    gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert times[0] == first
    assert 5 * MINUTE <= gaps[0] <= 5.5 * MINUTE
    assert gaps[:9] == pytest.approx([gaps[0] * 2**n for n in range(9)])
    assert gaps[9:] == [DAY] * 3
    assert watch(box).attempts == len(times) and box.certificate("n").pem == before
    behave(box)
    box.advance(days=1)
    assert box.certificate("n").pem != before
    assert watch(box) == Watch(watch(box).since, watch(box).tried)  # nothing is remembered of the failures


def test_what_another_try_would_not_change_waits_a_day(box: fortish.Appliance) -> None:
    first = due_and(box, simplereenroll=Fault(status=403))
    box.advance(days=3)
    assert [event.time for event in failures(box)] == [first + day * DAY for day in range(len(failures(box)))]
    assert len(failures(box)) == 4


def test_a_failure_says_when_the_next_try_is(box: fortish.Appliance) -> None:
    first = due_and(box, simplereenroll=Fault(status=500))
    told = failures(box)[-1].fields["msg"]
    box.advance(seconds=6 * MINUTE)
    second = failures(box)[-1].time
    assert second > first
    assert told == f"next try {box.runtime.box.local_time(second):%Y-%m-%d %H:%M:%S}"


def test_a_refusal_in_between_starts_the_five_minutes_anew(box: fortish.Appliance) -> None:
    due_and(box, simplereenroll=Fault(status=500))
    box.advance(seconds=20 * MINUTE)
    assert watch(box).failures == 3
    behave(box, simplereenroll=Fault(status=400))
    box.advance(seconds=20 * MINUTE)
    assert watch(box).failures == 0 and watch(box).wait == DAY
    behave(box, simplereenroll=Fault(status=500))
    box.advance(days=1)
    assert watch(box).failures == 1


def test_a_change_of_the_entry_lets_it_be_tried_at_once_and_starts_anew(box: fortish.Appliance) -> None:
    due_and(box, simplereenroll=Fault(status=500))
    box.advance(hours=3)
    tries = len(failures(box))
    assert tries == 6
    changed = box.runtime.box.clock.now()
    box.session().run(RENEW.format(365))
    box.advance(seconds=10)
    assert len(failures(box)) == tries + 1 and failures(box)[-1].time - changed < 10
    assert watch(box).attempts == 1 and watch(box).wait < 5.6 * MINUTE


def test_the_clock_set_forward_or_back_holds_no_try_up(box: fortish.Appliance) -> None:
    first = due_and(box, simplereenroll=Fault(status=500))
    box.runtime.clock.set(first + 10 * DAY)
    box.advance(seconds=1)
    assert len(failures(box)) == 2 and failures(box)[-1].time == first + 10 * DAY
    box.runtime.clock.set(first + DAY)
    box.advance(seconds=10)
    assert len(failures(box)) == 3 and failures(box)[-1].time < first + DAY + 10


def test_a_certificate_that_has_expired_is_tried_on(box: fortish.Appliance) -> None:
    box.session().run(ENROLL)
    box.session().run(RENEW.format(1))
    behave(box, csrattrs=Fault(status=500))
    box.advance(days=380)
    assert failures(box)[-1].time > box.certificate("n").x509.not_valid_after_utc.timestamp() + 10 * DAY


def test_certificates_of_a_fleet_do_not_come_at_once() -> None:
    pauses = [watching.pause(1, f"certificate {number}") for number in range(200)]
    assert min(pauses) >= 300 and max(pauses) <= 330 and len(set(pauses)) == 200
    assert max(pauses) - min(pauses) > 25
    assert watching.pause(1, "certificate 1") == pauses[1]
    assert [watching.pause(n, "x") for n in (0, 9, 10, 1000)] == [
        DAY,
        300 * 2**8 * watching.pause(1, "x") / 300,
        DAY,
        DAY,
    ]


# --- what -----------------------------------------------------------------------------------------------------------

# Of the faults that a renewal may meet: what may pass by itself. All others are the answer's, and stay till tomorrow.
PASS = {"html-error", "no-answer", "status-408", "status-429", "status-500", "status-501", "status-502", "status-503",
        "status-504", "truncated"}  # fmt: skip


@pytest.fixture(scope="module")
def due() -> Iterator[fortish.Appliance]:
    with fortish.Appliance(network="lab", hostname="FGT", clock="2024-01-01T00:00:00Z") as appliance:
        appliance.session().run(IMPORT)
        appliance.session().run(ENROLL)
        yield appliance


@pytest.mark.parametrize("name", sorted(name for name, fault in FAULTS.items() if "simplereenroll" in fault.on))
def test_each_fault_of_a_server_is_told_apart(due: fortish.Appliance, name: str) -> None:
    due.runtime.box.pending.clear()
    behave(due, simplereenroll=FAULTS[name])
    before = len(failures(due))
    due.session().run(RENEW.format(364))
    watch(due).start_again(due.runtime.box.clock.now())
    due.advance(seconds=6)
    if len(failures(due)) > before:
        assert (watch(due).wait < 5.6 * MINUTE) is (name in PASS), failures(due)[-1].fields
        assert watch(due).failures == (name in PASS)
    else:
        assert name not in PASS


@pytest.mark.parametrize(
    ("server", "passes"),
    [("https://testrfc7030.com:1", True), ("https://elsewhere.example", True), ("https://192.0.2.77", True)],
)
def test_a_server_that_is_gone_may_come_back(due: fortish.Appliance, server: str, passes: bool) -> None:
    behave(due)
    due.runtime.box.pending.clear()
    due.session().run(
        f"config vpn certificate local\nedit n\nset est-server {server}\nset auto-regenerate-days 364\nend"
    )
    due.advance(seconds=6)
    assert (watch(due).wait < DAY) is passes
    due.session().run("config vpn certificate local\nedit n\nset est-server https://testrfc7030.com:8443\nend")


@pytest.mark.parametrize(
    "edit",
    [
        "set est-server https://testrfc7030.com/path",
        "set source-ip 192.0.2.99",
        "set est-srp-username somebody",
        "set est-ca-id nosuch",
    ],
)
def test_a_setting_that_is_missing_or_wrong_waits_a_day(box: fortish.Appliance, edit: str) -> None:
    session = box.session()
    session.run(ENROLL)
    session.run(f"config vpn certificate local\nedit n\n{edit}\nset auto-regenerate-days 364\nend")
    box.advance(seconds=6)
    assert failures(box) and watch(box).wait == DAY, failures(box)


def test_a_server_that_is_not_trusted_any_more_waits_a_day(box: fortish.Appliance) -> None:
    session = box.session()
    session.run(ENROLL)
    session.run("config vpn certificate ca\ndelete G_CA_Cert_1\nend")
    session.run(RENEW.format(364))
    box.advance(seconds=6)
    assert "SSL certificate problem" in failures(box)[-1].fields["reason"] and watch(box).wait == DAY


def test_an_http_status_may_pass_where_it_is_the_servers_own_trouble() -> None:
    assert [status for status in range(200, 600) if may_pass(status)] == [408, 429, *range(500, 600)]


def test_every_error_says_whether_it_may_pass() -> None:
    passing: list[FortishError] = [LinkLost("x"), StorageFault("x"), Deferred("x", 5), PeerFault("x", passing=True)]
    lasting: list[FortishError] = [FortishError(), PeerFault("x"), LinkLost("x", passing=False), EnrollFault("x")]
    assert all(error.passing for error in passing) and not any(error.passing for error in lasting)
    assert enroll_fault(Deferred("x", 5)).seconds == 5 and enroll_fault(LinkLost("x")).passing
    assert enroll_fault(enroll_fault(Deferred("x", 5)), "more").reason == "more"
    assert enroll_fault(enroll_fault(Deferred("x", 5)), "more").seconds == 5


@pytest.mark.parametrize(
    ("said", "passes"),
    [(b"", True), (b"HTTP/1.1 400 Bad Request\r\n\r\n", False), (b"\x15\x03\x03\x00\x02\x02\x50", True)],
)
def test_a_handshake_that_is_broken_off_may_pass_and_one_with_what_is_no_tls_does_not(
    said: bytes, passes: bool
) -> None:
    """An empty answer, plain HTTP, and the alert internal_error."""

    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(said)
        await writer.drain()
        writer.close()

    async def dialled() -> LinkLost:
        server = await asyncio.start_server(answering, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(LinkLost) as lost:
                await tls.dial(Peer("127.0.0.1", port, Trust()), ["127.0.0.1"], port, 0.0)
        return lost.value

    assert asyncio.run(dialled()).passing is passes


# --- what survives --------------------------------------------------------------------------------------------------


def test_tries_and_the_next_one_survive_a_restart(tmp_path: Path) -> None:
    kept = tmp_path / "state"
    with fortish.Appliance(network="lab", state=kept, clock="2024-01-01T00:00:00Z") as box:
        box.session().run(IMPORT)
        due_and(box, simplereenroll=Fault(status=500))
        box.advance(seconds=17 * MINUTE)
        before, tries = replace(watch(box)), len(failures(box))
        assert tries == 3
        last = failures(box)[-1].time
    soon = datetime.fromtimestamp(last + MINUTE, UTC).isoformat()
    with fortish.Appliance(network="none", state=kept, clock=soon) as box:
        assert watch(box) == before
        said = box.session().run("diagnose test application forticron 2")
        assert "attempts=3" in said
        box.runtime.clock.set(last + before.wait - 5)
        box.advance(seconds=4)
        assert len(failures(box)) == tries
        box.advance(seconds=2)
        assert len(failures(box)) == tries + 1 and watch(box).attempts == tries + 1
        assert watch(box).wait == pytest.approx(2 * before.wait)


def test_a_boot_forgets_no_failure(box: fortish.Appliance) -> None:
    due_and(box, simplereenroll=Fault(status=500))
    before = replace(watch(box))
    box.session().run("execute reboot", answers=["y"])
    assert watch(box) == before


def test_what_a_box_of_earlier_days_remembers_is_read() -> None:
    assert Watch(**json.loads('{"since": 1.0, "tried": 2.0, "warned": null, "attempts": 3}')).wait == DAY


# --- requests that wait ---------------------------------------------------------------------------------------------


def pending_row(box: Box) -> int:
    return box.pending[N].failures


def test_a_request_that_waits_outlives_a_server_that_is_down(box: fortish.Appliance) -> None:
    session = box.session()
    later = Fault(status=202, headers=(("Retry-After", "600"),))
    behave(box, simpleenroll=later)
    assert "asked again in 600 seconds" in session.run(ENROLL)
    key = box.runtime.box.pending[N].key
    behave(box, cacerts=Fault(status=502))
    box.advance(seconds=11 * MINUTE)
    assert len(failures(box)) == 1 and pending_row(box.runtime.box) == 1
    assert failures(box)[-1].fields["msg"].startswith("next try 20")
    box.advance(seconds=6 * MINUTE)
    assert len(failures(box)) == 2 and box.runtime.box.pending[N].key == key
    behave(box)
    box.advance(seconds=12 * MINUTE)
    assert N not in box.runtime.box.pending and box.certificate("n")


def test_a_request_is_asked_for_no_longer_than_a_week_while_the_server_is_down(box: fortish.Appliance) -> None:
    behave(box, simpleenroll=Fault(status=202, headers=(("Retry-After", "600"),)))
    box.session().run(ENROLL)
    behave(box, cacerts=Fault(status=502))
    box.advance(days=9)
    assert N not in box.runtime.box.pending and "msg" not in failures(box)[-1].fields
    assert len(failures(box)) == 9 + 7


def test_a_server_that_asks_for_ages_is_waited_for_a_week(box: fortish.Appliance) -> None:
    """A renewal is not put off until the certificate has expired; the server is not asked before that week is over."""
    session = box.session()
    session.run(ENROLL)
    before = box.certificate("n").pem
    behave(box, simplereenroll=Fault(status=503, headers=(("Retry-After", "999999999999"),)))
    session.run(RENEW.format(364))
    box.advance(days=6.9)
    said = session.run("diagnose test application forticron 2")
    assert "next=2024-01-0" in said and not failures(box)
    asked = len(box.runtime.network.responder.history)  # type: ignore[attr-defined]
    box.advance(days=0.2)
    assert N not in box.runtime.box.pending and len(failures(box)) == 1
    assert (
        failures(box)[0].fields["reason"].startswith("given up after 1 requests: the server is not to be asked for 99")
    )
    assert len(box.runtime.network.responder.history) == asked  # type: ignore[attr-defined]
    behave(box)
    box.advance(days=1)
    assert box.certificate("n").pem != before


def test_a_first_enrollment_that_a_server_puts_off_for_ages_is_given_up(box: fortish.Appliance) -> None:
    behave(box, simpleenroll=Fault(status=202, headers=(("Retry-After", "999999999999"),)))
    box.session().run(ENROLL)
    box.advance(days=8)
    assert N not in box.runtime.box.pending and "msg" not in failures(box)[0].fields
    assert "No request waits" in box.session().run("diagnose test application est 1")


def test_the_clock_set_back_holds_no_request_up(box: fortish.Appliance) -> None:
    start = box.runtime.box.clock.now()
    box.runtime.clock.set(start + 300 * DAY)
    behave(box, simpleenroll=Fault(status=202, headers=(("Retry-After", "600"),)))
    box.session().run(ENROLL)
    behave(box)
    box.runtime.clock.set(start)
    box.advance(seconds=500)
    assert N in box.runtime.box.pending
    box.advance(seconds=200)
    assert N not in box.runtime.box.pending and box.certificate("n")


def test_a_renewal_that_is_refused_after_it_has_waited_is_tried_a_day_later(box: fortish.Appliance) -> None:
    session = box.session()
    session.run(ENROLL)
    behave(box, simplereenroll=Fault(status=202, headers=(("Retry-After", str(2 * 86400)),)))
    session.run(RENEW.format(364))
    box.advance(seconds=1 * MINUTE)
    assert N in box.runtime.box.pending
    behave(box, simplereenroll=Fault(status=403))
    box.advance(days=2)
    assert N not in box.runtime.box.pending and len(failures(box)) == 1
    box.advance(hours=23)
    assert len(failures(box)) == 1
    box.advance(hours=1)
    assert len(failures(box)) == 2


# --- SCEP -----------------------------------------------------------------------------------------------------------


def test_a_renewal_over_scep_is_tried_again_as_well(box: fortish.Appliance) -> None:
    session = box.session()
    session.run(SCEP.format(SCEP_URL))
    assert not session.failed
    session.run(f"config vpn certificate local\nedit n\nset scep-url {SCEP_URL}/fault-status-500\nend")
    session.run(RENEW.format(364))
    box.advance(seconds=20 * MINUTE)
    gaps = [b.time - a.time for a, b in itertools.pairwise(failures(box))]
    assert len(gaps) == 2 and 300 <= gaps[0] <= 330 and gaps[1] == pytest.approx(2 * gaps[0])
    assert failures(box)[-1].fields["method"] == "SCEP"
    session.run(f"config vpn certificate local\nedit n\nset scep-url {SCEP_URL}/fault-garbage\nend")
    box.advance(seconds=20 * MINUTE)
    assert watch(box).wait == DAY


@pytest.mark.parametrize("header", ["3600", "Mon, 01 Jan 2024 01:00:00 GMT"])
def test_a_scep_server_is_not_asked_before_it_says(header: str) -> None:
    import httpx

    from fortish.scep.operations import _expect_ok

    start = 1704067200.0
    for status in (429, 503):
        with pytest.raises(Deferred) as deferred:
            _expect_ok(httpx.Response(status, headers={"Retry-After": header}), start)
        fault = enroll_fault(deferred.value)
        held = Watch(start, start)
        watching.failed(held, fault, "certificate")
        assert held.wait == 3600 and "the server answered" in fault.reason
    with pytest.raises(PeerFault) as refused:
        _expect_ok(httpx.Response(400, headers={"Retry-After": header}), start)
    assert not refused.value.passing
