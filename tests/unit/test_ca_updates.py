"""CA certificates that are asked for again before they expire (RFC 7030 sections 4.1.2, 4.1.3): when, and what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

import fortish
from fortish import jobs
from fortish.box import CA, DAY, Event
from fortish.cmdb.entries import GLOBAL
from fortish.est.authorities import follows
from fortish.pki import chains, pem
from fortish.responder.authority import Authority
from fortish.responder.faults import Fault
from fortish.responder.policy import Policy

START = datetime(2024, 1, 1, tzinfo=UTC)
IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
URL = "https://testrfc7030.com:8443"
ENROLL = f'execute vpn certificate local generate est n ec-secp256r1 {URL} CN=n "" estuser estpwd'
ONE = (GLOBAL, "G_CA_Cert_1")
MINUTE = 60.0


@pytest.fixture
def box() -> Iterator[fortish.Appliance]:
    """A box that has enrolled: its CA certificate knows where it came from."""
    with fortish.Appliance(network="lab", hostname="FGT", clock=START.isoformat()) as appliance:
        session = appliance.session()
        session.run(IMPORT)
        session.run(ENROLL)
        assert not session.failed
        yield appliance


def responder(box: fortish.Appliance):
    return box.runtime.network.responder  # type: ignore[attr-defined]


def behave(box: fortish.Appliance, policy: str = "", **faults: Fault) -> None:
    responder(box).policy = replace(Policy.from_toml(policy), faults=MappingProxyType(faults))


def edit(box: fortish.Appliance, *lines: str, name: str = "G_CA_Cert_1") -> None:
    session = box.session()
    session.play("\n".join(["config vpn certificate ca", f"edit {name}", *lines, "end", ""]))
    assert not session.failed


def store(box: fortish.Appliance) -> dict[str, x509.Certificate]:
    return {name: pem.certificate(row.values["ca"]) for name, row in box.cmdb.rows(GLOBAL, CA).items()}


def events(box: fortish.Appliance, number: int) -> list[Event]:
    return [event for event in box.events if event.id == number and event.fields.get("cert-type", "ca") == "ca"]


def asked(box: fortish.Appliance) -> int:
    return sum(visit.operation == "cacerts" for visit in responder(box).history)


def left(box: fortish.Appliance, name: str = "G_CA_Cert_1") -> int:
    end = store(box)[name].not_valid_after_utc.timestamp()
    return int((end - box.runtime.box.clock.now()) // DAY)


# --- when -----------------------------------------------------------------------------------------------------------


def test_a_new_root_is_kept_before_the_old_one_expires(box: fortish.Appliance) -> None:
    held = store(box)
    edit(box, "set auto-update-days 3000")
    behave(box, "rollover = true")
    seen = asked(box)
    box.advance(days=left(box) - 3001)
    assert asked(box) == seen and store(box) == held
    box.advance(days=2)
    found = store(box)
    assert asked(box) == seen + 1
    assert found["G_CA_Cert_1"] == held["G_CA_Cert_1"]
    assert set(found.values()) == set(responder(box).hierarchy("", START).published) and len(found) == 4
    assert [event.fields["name"] for event in events(box, 41987)] == ["G_CA_Cert_2", "G_CA_Cert_3", "G_CA_Cert_4"]
    rows = box.cmdb.rows(GLOBAL, CA)
    assert chains.self_signed(found["G_CA_Cert_2"]) and rows["G_CA_Cert_2"].values["auto-update-days"] == 3000
    assert all(row.values["est-url"] == URL for row in rows.values())
    assert not any("auto-update-days" in rows[name].values for name in ("G_CA_Cert_3", "G_CA_Cert_4"))


def test_it_is_asked_for_in_the_first_second_with_no_more_than_n_whole_days_left(box: fortish.Appliance) -> None:
    edit(box, "set auto-update-days 3000")
    (job,) = [job for job in jobs.all_jobs(box.runtime.box) if job.kind == "update"]
    end = store(box)["G_CA_Cert_1"].not_valid_after_utc.timestamp()
    assert job.due == end - 3001 * DAY + 1 and (job.scope, job.name) == ONE


def test_a_server_that_has_nothing_new_is_asked_once_a_day_and_no_event_tells_of_it(box: fortish.Appliance) -> None:
    edit(box, "set auto-update-days 5000")
    box.advance(seconds=10)
    log, seen = len(box.events), asked(box)
    box.advance(days=3)
    assert asked(box) == seen + 3 and len(box.events) == log and len(store(box)) == 1


def test_once_a_newer_one_is_held_the_old_one_is_asked_for_no_more(box: fortish.Appliance) -> None:
    edit(box, "set auto-update-days 3000")
    behave(box, "rollover = true")
    box.advance(days=left(box) - 2999)
    seen = asked(box)
    box.runtime.box.cmdb.rows(GLOBAL, CA)["G_CA_Cert_2"].values["auto-update-days"] = 0
    box.advance(days=30)
    assert asked(box) == seen
    said = box.session().run("diagnose test application forticron 2")
    assert "Name-G_CA_Cert_1: type=ca" in said and "next=-" in said


def test_a_newer_one_that_is_held_already_learns_where_it_comes_from(box: fortish.Appliance) -> None:
    """Somebody has imported the new root by hand: it takes the old one's place, and no other entry changes."""
    behave(box, "rollover = true")
    hierarchy = responder(box).hierarchy("", START)
    edit(box, f'set ca "{pem.pem(hierarchy.published[0])}"', name="mine")
    stranger = pem.pem(Authority.fresh(START + timedelta(days=30), "Stranger").certificate)
    edit(box, f'set ca "{stranger}"', name="stranger")
    others = {name: dict(row.values) for name, row in box.cmdb.rows(GLOBAL, CA).items() if name != "mine"}
    edit(box, "set auto-update-days 3000")
    box.advance(days=left(box) - 2999)
    rows = box.cmdb.rows(GLOBAL, CA)
    assert rows["mine"].values["est-url"] == URL and rows["mine"].values["auto-update-days"] == 3000
    others["G_CA_Cert_1"]["auto-update-days"] = 3000
    assert {name: dict(rows[name].values) for name in others} == others
    assert sorted(rows) == ["G_CA_Cert_1", "G_CA_Cert_2", "G_CA_Cert_3", "mine", "stranger"]
    seen = asked(box)
    box.advance(hours=10)
    assert asked(box) == seen


def test_a_warning_comes_once_a_day_until_a_newer_one_is_held(box: fortish.Appliance) -> None:
    edit(box, "set auto-update-days 3000", "set auto-update-days-warning 3003")
    behave(box, "rollover = true")
    box.advance(days=left(box) - 3004)
    assert not events(box, 22200)
    box.advance(days=10)
    assert [event.fields["msg"] for event in events(box, 22200)] == [
        "3003 days left",
        "3002 days left",
        "3001 days left",
    ]
    assert {event.fields["cert"] for event in events(box, 22200)} == {"G_CA_Cert_1"}


@pytest.mark.parametrize("edits", [("unset est-url",), ("set obsolete enable",), ("set auto-update-days 0",)])
def test_what_is_not_watched(box: fortish.Appliance, edits: tuple[str, ...]) -> None:
    edit(box, "set auto-update-days 5000", *edits)
    seen = asked(box)
    box.advance(days=2)
    assert asked(box) == seen
    assert box.session().run("diagnose test application forticron 2").strip() == "No certificate renews by itself."


def test_a_renewal_lives_on_with_what_was_kept_in_time(box: fortish.Appliance) -> None:
    """The new root was there before the server used it: the renewal asks for no CA certificates."""
    behave(box, "rollover = true")
    edit(box, "set auto-update-days 5000")
    box.advance(seconds=10)
    seen = asked(box)
    session = box.session()
    assert "Done." in session.run("execute vpn certificate local generate est n", answers=["y"])
    assert asked(box) == seen and len(store(box)) == 4


# --- failures -------------------------------------------------------------------------------------------------------


def test_a_server_that_is_down_is_asked_again_as_at_a_renewal(box: fortish.Appliance) -> None:
    held = store(box)
    behave(box, cacerts=Fault(status=500))
    edit(box, "set auto-update-days 5000")
    box.advance(seconds=40 * MINUTE)
    times = [event.time for event in events(box, 41990)]
    assert len(times) == 4 and 300 <= times[1] - times[0] <= 330
    assert times[2] - times[1] == pytest.approx(2 * (times[1] - times[0]))
    assert events(box, 41990)[-1].fields["msg"].startswith("next try 20") and store(box) == held
    assert box.runtime.box.authority_watches[ONE].attempts == 4
    behave(box, "rollover = true")
    box.advance(hours=2)
    assert len(store(box)) == 4 and box.runtime.box.authority_watches[ONE].attempts == 0


def test_a_server_that_says_when_it_may_be_asked_is_not_asked_before(box: fortish.Appliance) -> None:
    behave(box, cacerts=Fault(status=503, headers=(("Retry-After", "7200"),)))
    edit(box, "set auto-update-days 5000")
    box.advance(hours=1.9)
    assert len(events(box, 41990)) == 1
    box.advance(hours=0.2)
    assert len(events(box, 41990)) == 2 and not box.runtime.box.pending


def test_a_server_that_asks_for_ages_is_asked_again_after_a_week(box: fortish.Appliance) -> None:
    behave(box, cacerts=Fault(status=503, headers=(("Retry-After", "999999999999"),)))
    edit(box, "set auto-update-days 5000")
    box.advance(days=6.9)
    assert len(events(box, 41990)) == 1
    box.advance(days=0.2)
    assert len(events(box, 41990)) == 2


@pytest.mark.parametrize("edits", [("set est-url https://testrfc7030.com/x",), ("set ca-identifier nosuch",)])
def test_what_will_not_pass_waits_a_day(box: fortish.Appliance, edits: tuple[str, ...]) -> None:
    edit(box, "set auto-update-days 5000", *edits)
    box.advance(hours=23)
    assert len(events(box, 41990)) == 1
    box.advance(hours=2)
    assert len(events(box, 41990)) == 2


def test_nobody_is_believed_provisionally_and_nobody_is_asked(box: fortish.Appliance) -> None:
    """The server's CA is another one: the root that it shows is not kept, and no question is put to anybody."""
    own = responder(box)
    stranger = Authority.fresh(START, "estExampleCA")
    edit(box, f'set ca "{pem.pem(stranger.certificate)}"', "set auto-update-days 5000")
    held = store(box)
    box.advance(days=1)
    assert own.authority.certificate not in store(box).values() and store(box) == held
    assert "SSL certificate problem" in events(box, 41990)[0].fields["reason"]


def test_only_what_is_verified_is_kept(box: fortish.Appliance) -> None:
    """A CA certificate that chains to nothing held or to the newest root is passed over."""
    held = store(box)
    behave(box, cacerts=Fault(extra=True))
    edit(box, "set auto-update-days 5000")
    box.advance(seconds=10)
    assert store(box) == held and not events(box, 41990)


def test_who_is_gone_meanwhile_gets_nothing(box: fortish.Appliance) -> None:
    """A flow is held in the hand: the entry is deleted, and the box is booted, while the server thinks."""
    from fortish.est.authorities import EnrollFault, keep_newer

    core = box.runtime.box
    with pytest.raises(EnrollFault, match="no longer exists"):
        keep_newer(core, GLOBAL, "nosuch", [])
    with pytest.raises(EnrollFault, match="restarted meanwhile") as fault:
        keep_newer(core, GLOBAL, "G_CA_Cert_1", [])
    assert fault.value.passing
    core.updating.add(ONE)
    core.restart()
    assert not core.updating


# --- other places ---------------------------------------------------------------------------------------------------


def test_tries_survive_a_restart(tmp_path: Path) -> None:
    kept = tmp_path / "state"
    with fortish.Appliance(network="lab", state=kept, clock=START.isoformat()) as box:
        box.session().run(IMPORT)
        box.session().run(f"config vpn certificate ca\nedit G_CA_Cert_1\nset est-url {URL[:-4]}1\nend")
        edit(box, "set auto-update-days 5000")
        box.advance(seconds=7 * MINUTE)
        before = replace(box.runtime.box.authority_watches[ONE])
        assert before.attempts == 2
        soon = datetime.fromtimestamp(box.runtime.box.clock.now(), UTC)
    with fortish.Appliance(network="none", state=kept, clock=soon.isoformat()) as box:
        assert box.runtime.box.authority_watches == {ONE: before}
        box.advance(seconds=MINUTE)
        assert box.runtime.box.authority_watches == {ONE: before}
        box.advance(seconds=12 * MINUTE)
        assert box.runtime.box.authority_watches[ONE].attempts == 3


def test_a_ca_certificate_of_a_vdom_is_followed_in_its_vdom() -> None:
    with fortish.Appliance(network="lab", hostname="FGT", clock=START.isoformat()) as box:
        session = box.session()
        session.run("config system global\nset vdom-mode multi-vdom\nend", answers=["y"])
        behave(box, "rollover = true")
        body = pem.pem(responder(box).authority.certificate)
        session = box.session()
        session.play(
            "config vdom\nedit lab\ny\nconfig vpn certificate ca\nedit CA_Cert_1\n"
            f'set ca "{body}"\nset est-url {URL}\nset auto-update-days 5000\nend\nend\n'
        )
        assert not session.failed
        box.advance(seconds=10)
        assert [*box.cmdb.rows("lab", CA)] == [f"CA_Cert_{number}" for number in range(1, 5)]
        assert not box.cmdb.rows(GLOBAL, CA)
        assert ("lab", "CA_Cert_1") in box.runtime.box.authority_watches
        session = box.session()
        session.run("config vdom\ndelete lab\nend", answers=["y"])
        assert not box.runtime.box.authority_watches


def test_a_deleted_one_is_forgotten(box: fortish.Appliance) -> None:
    edit(box, "set auto-update-days 5000")
    box.advance(seconds=10)
    assert ONE in box.runtime.box.authority_watches
    box.session().run("config vpn certificate ca\ndelete G_CA_Cert_1\nend")
    assert not box.runtime.box.authority_watches


def test_a_job_that_breaks_waits_a_day(box: fortish.Appliance) -> None:
    core, now = box.runtime.box, box.runtime.box.clock.now()
    core.updating.add(ONE)
    assert jobs.postpone(core, jobs.Job("update", "G_CA_Cert_1", now))
    assert jobs.postpone(core, jobs.Job("update-warning", "G_CA_Cert_1", now))
    watch = core.authority_watches[ONE]
    assert (watch.tried, watch.warned, watch.wait) == (now, now, DAY) and not core.updating
    assert not jobs.postpone(core, jobs.Job("revert", "", now))


# --- which follows which --------------------------------------------------------------------------------------------


def named(name: str, days: int, issuer: Authority | None = None) -> str:
    """A CA certificate that lasts so many days; a root without an issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    above = subject if issuer is None else issuer.certificate.subject
    builder = x509.CertificateBuilder(above, subject, key.public_key(), 7, START, START + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return pem.pem(builder.sign(key if issuer is None else issuer.key, hashes.SHA256()))


def test_a_root_follows_a_root_and_an_intermediate_one_of_its_name() -> None:
    above = Authority.fresh(START)
    old, new = named("Root 1", 10), named("Root 2", 20)
    middle, newer, other = named("Sub", 10, above), named("Sub", 20, above), named("Other", 20, above)
    assert follows(new, old) and not follows(old, new) and not follows(old, old)
    assert follows(newer, middle) and not follows(other, middle) and not follows(middle, newer)
    assert not follows(newer, old) and not follows(new, middle)


def test_an_intermediate_is_followed_by_its_successor(box: fortish.Appliance) -> None:
    behave(box, "intermediate = true")
    box.session().run("execute vpn certificate ca import est " + URL)
    middle = next(name for name, one in store(box).items() if not chains.self_signed(one))
    edit(box, "set auto-update-days 5000", name=middle)
    box.advance(seconds=10)
    assert (GLOBAL, middle) in box.runtime.box.authority_watches
    said = box.session().run("diagnose test application forticron 2")
    assert f"Name-{middle}: type=ca" in said and "next=-" not in said
