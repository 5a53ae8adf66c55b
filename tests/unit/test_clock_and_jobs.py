"""Clocks that jump, and the background work that falls due on them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from fortish import jobs
from fortish.boot import Options, boot
from fortish.box import LOCAL, Box
from fortish.clock import HostClock, VirtualClock
from fortish.cmdb.entries import GLOBAL, Entry, Put
from fortish.drive import Runtime
from fortish.jobs import DAY, renewal, watching

START = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(seconds: float) -> str:
    """One that is valid for so many seconds from START."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web")])
    start = datetime.fromtimestamp(START, UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(seconds=seconds))
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def runtime() -> Runtime:
    return boot(Options(network="none", clock="2024-01-01T00:00:00Z", frozen=True))


def put(box: Box, name: str, days: float, **values: object) -> None:
    """An EST certificate whose server cannot be reached."""
    named = {key.replace("_", "-"): value for key, value in values.items()}
    held = {"enroll-protocol": "est", "est-server": "https://nosuch.example", "certificate": certificate(days * DAY)}
    box.cmdb.commit([Put(GLOBAL, LOCAL, name, Entry({**held, **named}))])


# --- clocks ---


def test_the_virtual_clock_jumps_from_sleeper_to_sleeper_in_order() -> None:
    async def scene() -> list[tuple[str, float]]:
        clock, woken = VirtualClock(100.0), []

        async def sleeper(name: str, *dues: float) -> None:
            for due in dues:
                await clock.until(due)
                woken.append((name, clock.now()))
            clock.finish()

        for _ in range(3):
            clock.begin()
        await asyncio.gather(sleeper("a", 130, 131), sleeper("b", 110, 500), sleeper("c", 130))
        return woken

    woken = asyncio.run(asyncio.wait_for(scene(), 60))
    assert woken == [("b", 110), ("a", 130), ("c", 130), ("a", 131), ("b", 500)]


def test_the_virtual_clock_stands_still_while_anybody_works() -> None:
    async def scene() -> None:
        clock = VirtualClock(0.0)
        clock.begin()
        clock.begin()
        sleeping = asyncio.ensure_future(clock.until(10))
        await asyncio.sleep(0.01)
        assert clock.now() == 0.0 and not sleeping.done()
        clock.finish()
        await asyncio.wait_for(sleeping, 60)
        assert clock.now() == 10.0

    asyncio.run(scene())


def test_a_sleeper_that_is_cancelled_holds_nobody_up() -> None:
    async def scene() -> None:
        clock = VirtualClock(0.0)
        clock.begin()
        clock.begin()
        lost = asyncio.ensure_future(clock.until(5))
        await asyncio.sleep(0)
        lost.cancel()
        with pytest.raises(asyncio.CancelledError):
            await lost
        clock.finish()
        await asyncio.wait_for(clock.until(10), 60)
        assert clock.now() == 10.0

    asyncio.run(scene())


def test_a_due_moment_that_is_past_is_not_waited_for() -> None:
    clock = VirtualClock(10.0)
    asyncio.run(clock.until(10))
    assert clock.now() == 10.0


def test_the_hosts_clock_is_moved_by_an_offset_and_wakes_when_told() -> None:
    async def scene() -> None:
        clock = HostClock(1000.0)
        assert clock.now() == pytest.approx(1000.0, abs=5)
        clock.set(5000.0)
        assert clock.now() == pytest.approx(5000.0, abs=5)
        wake = asyncio.Event()
        waiting = asyncio.ensure_future(clock.until(clock.now() + 1000, wake))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        wake.set()
        await asyncio.wait_for(waiting, 60)
        await asyncio.wait_for(clock.until(clock.now() + 0.01), 60)

    asyncio.run(scene())


def test_a_clock_that_is_moved_on_a_thousand_times_loses_nothing() -> None:
    """Else a long script would leave the box behind its servers, and what they issue would not be valid yet."""
    clock = HostClock()
    for _ in range(1000):
        clock.advance(clock.now())
        clock.advance(clock.now() - 50)
    host = time.time()
    assert clock.now() >= host
    clock.advance(host + 1000)
    assert clock.now() == pytest.approx(host + 1000, abs=5)
    virtual = VirtualClock(10.0)
    virtual.advance(9.0)
    assert virtual.now() == 10.0
    virtual.advance(11.0)
    assert virtual.now() == 11.0


# --- jobs ---


def test_a_renewal_falls_due_in_the_first_second_with_no_more_than_n_whole_days_left() -> None:
    box = runtime().box
    put(box, "a", 365, auto_regenerate_days=30)
    job = jobs.next_job(box)
    assert job is not None and (job.kind, job.name) == ("renew", "a")
    assert job.due == START + 334 * DAY + 1
    box.clock.set(job.due - 1)
    assert watching.days_left(renewal.certificate_of(box, (GLOBAL, "a")), box.clock.now()) == 31
    box.clock.set(job.due)
    assert watching.days_left(renewal.certificate_of(box, (GLOBAL, "a")), box.clock.now()) == 30


def test_a_certificate_that_is_due_already_is_looked_at_seconds_after_its_commit() -> None:
    box = runtime().box
    put(box, "a", 10, auto_regenerate_days=30)
    job = jobs.next_job(box)
    assert job is not None and job.due == START + jobs.SETTLE


def test_nothing_falls_due_without_days_protocol_or_certificate() -> None:
    box = runtime().box
    put(box, "a", 10)
    put(box, "b", 10, auto_regenerate_days=30, enroll_protocol="none")
    put(box, "c", 10, auto_regenerate_days=30, certificate="")
    put(box, "d", 10, auto_regenerate_days=30, certificate="rubbish")
    put(box, "e", 10, auto_regenerate_days=30)
    box.enrolling.add(("global", "e"))
    assert jobs.next_job(box) is None


def test_jobs_are_made_anew_from_the_configuration() -> None:
    box = runtime().box
    put(box, "a", 365, auto_regenerate_days=30, auto_regenerate_days_warning=60)
    assert {job.kind for job in jobs.all_jobs(box)} == {"renew", "warn"}
    assert list(jobs.all_jobs(box)) == list(jobs.all_jobs(box))
    put(box, "a", 365, auto_regenerate_days=10)
    assert [(job.kind, job.due) for job in jobs.all_jobs(box)] == [("renew", START + 354 * DAY + 1)]


def test_a_renewal_that_fails_is_tried_once_a_day() -> None:
    run = runtime()
    put(run.box, "a", 10, auto_regenerate_days=30)
    asyncio.run(run.settle(5 * DAY))
    assert [event.id for event in run.box.events] == [41990] * 5
    times = [event.time for event in run.box.events]
    assert times[0] == START + jobs.SETTLE and times == [times[0] + day * DAY for day in range(5)]
    assert run.box.watches["global", "a"].attempts == 5 and not run.box.enrolling


def test_a_change_of_the_entry_lets_it_be_tried_at_once() -> None:
    run = runtime()
    put(run.box, "a", 10, auto_regenerate_days=30)
    asyncio.run(run.settle(60))
    assert len(run.box.events) == 1
    put(run.box, "a", 10, auto_regenerate_days=29)
    asyncio.run(run.settle(60))
    assert len(run.box.events) == 2


def test_a_clock_that_was_set_back_holds_no_renewal_up() -> None:
    world = runtime()
    put(world.box, "web", 40, auto_regenerate_days=30)
    world.clock.set(START + 60 * DAY)
    asyncio.run(world.settle(10))
    assert [event.id for event in world.box.events] == [41990]
    world.clock.set(START + 12 * DAY)
    asyncio.run(world.settle(10))
    assert [event.id for event in world.box.events] == [41990, 41990]
    job = jobs.next_job(world.box)
    assert job is not None
    assert job.due == pytest.approx(START + 13 * DAY, abs=10)


def test_a_warning_is_an_event_once_a_day_with_the_days_left() -> None:
    run = runtime()
    put(run.box, "a", 40, auto_regenerate_days_warning=30)
    asyncio.run(run.settle(9 * DAY))
    assert run.box.events == []
    asyncio.run(run.settle(11 * DAY + 10))
    events = run.box.events
    assert {event.id for event in events} == {22200} and events[0].level == "warning"
    assert events[0].time == START + 9 * DAY + 1
    assert [event.fields["msg"] for event in events[:3]] == ["30 days left", "29 days left", "28 days left"]


def test_work_on_a_frozen_clock_is_done_at_its_time_when_time_is_let_pass() -> None:
    run = runtime()
    put(run.box, "a", 365, auto_regenerate_days_warning=30)
    asyncio.run(run.settle(400 * DAY))
    assert run.box.events[0].time == START + 334 * DAY + 1
