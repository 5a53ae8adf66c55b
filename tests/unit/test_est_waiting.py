"""HTTP as servers really speak it: silent closes, HTTP/1.0, long error bodies, and every way to say "later"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

import fortish
from fortish.box import CA, LOCAL
from fortish.cmdb.entries import GLOBAL
from fortish.responder.faults import FAULTS, Fault
from fortish.responder.policy import Policy

IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
WHERE = 'ec-secp256r1 https://testrfc7030.com:8443 CN=w "" estuser estpwd'
ENROLL, KEYGEN = (f"execute vpn certificate local generate {kind} w {WHERE}" for kind in ("est", "est-serverkeygen"))
AGAIN = "execute vpn certificate local generate est w"
CLOSES = Fault(close_after_401=True)
EVERY = ("cacerts", "csrattrs", "simpleenroll", "simplereenroll", "serverkeygen")


@pytest.fixture
def box() -> Iterator[fortish.Appliance]:
    with fortish.Appliance(network="lab", hostname="FGT") as appliance:
        appliance.session().run(IMPORT)
        yield appliance


def responder(box: fortish.Appliance):
    return box.runtime.network.responder  # type: ignore[attr-defined]


def behave(box: fortish.Appliance, policy: str = "", **faults: Fault) -> None:
    responder(box).policy = replace(Policy.from_toml(policy), faults=MappingProxyType(faults))


def later(status: int, seconds: str = "600") -> Fault:
    return Fault(status=status, headers=(("Retry-After", seconds),))


def pending(box: fortish.Appliance):
    return box.runtime.box.pending.get((GLOBAL, "w"))


def traced(box: fortish.Appliance):
    session = box.session()
    session.play("diagnose debug application est -1\ndiagnose debug enable\n")
    return session


# --- connections ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [ENROLL, KEYGEN])
@pytest.mark.parametrize("pop", ["off", "required"])
def test_a_server_that_closes_silently_after_401_is_answered_on_a_new_connection(
    box: fortish.Appliance, line: str, pop: str
) -> None:
    policy = f'http-auth = ["digest"]\npop = "{pop}"'
    behave(box, policy, simpleenroll=CLOSES, serverkeygen=CLOSES)
    said = traced(box).run(line)
    assert "The server asks for HTTP Digest" in said and "The connection was closed, connecting again" in said
    assert "w" in box.cmdb.rows(GLOBAL, LOCAL), said


def test_a_wrong_password_is_not_tried_for_ever_where_the_server_closes(box: fortish.Appliance) -> None:
    behave(box, 'http-auth = ["digest"]', simpleenroll=CLOSES)
    session = box.session()
    before = len(responder(box).history)
    said = session.run(ENROLL.replace("estpwd", "wrong"))
    assert "401" in said
    assert len([visit for visit in list(responder(box).history)[before:] if visit.operation == "simpleenroll"]) == 2


@pytest.mark.parametrize("line", [ENROLL, KEYGEN])
def test_a_server_of_http_1_0_is_asked_on_a_connection_for_each_request(box: fortish.Appliance, line: str) -> None:
    behave(box, **dict.fromkeys(EVERY, FAULTS["http-1.0"]))
    said = traced(box).run(line)
    assert "Header received:HTTP/1.0 200 OK" in said and "w" in box.cmdb.rows(GLOBAL, LOCAL)
    assert "Done." in box.session().run(AGAIN, answers=["y"])


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", EVERY[:3])
def test_an_errors_body_is_cut_and_made_printable(box: fortish.Appliance, operation: str) -> None:
    body = b"\x1b[2J\x07" + b"very long \xff\x00 text " * 20_000
    behave(box, **{operation: Fault(status=500, body=body, content_type="text/html")})
    said = box.session().run(ENROLL)
    line = next(line for line in said.splitlines() if "500" in line)
    assert line.isprintable() and len(line) < 350 and line.endswith("...")
    assert "very long" in box.events[-1].fields["reason"] and len(box.events[-1].fields["reason"]) < 350


# --- later ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [202, 429, 503])
@pytest.mark.parametrize("line", [ENROLL, KEYGEN])
@pytest.mark.parametrize("at", ["cacerts", "csrattrs", "itself"])
def test_an_enrollment_waits_at_any_operation_and_is_resumed(
    box: fortish.Appliance, status: int, line: str, at: str
) -> None:
    operation = at if at != "itself" else "serverkeygen" if line == KEYGEN else "simpleenroll"
    store = list(box.cmdb.rows(GLOBAL, CA))
    behave(box, **{operation: later(status)})
    session = box.session()
    assert "asked again in 600 seconds" in session.run(line) and not session.failed
    assert bool(pending(box).key) is (at == "itself")  # before, there is no key yet
    assert list(box.cmdb.rows(GLOBAL, CA)) == store
    behave(box)
    box.advance(seconds=590)
    assert pending(box)
    box.advance(seconds=15)
    assert not pending(box) and "match" in session.run("execute vpn certificate local verify w")
    asked = "serverkeygen" if line == KEYGEN else "simpleenroll"
    assert responder(box).history[-1].operation == asked


@pytest.mark.parametrize("status", [202, 429, 503])
@pytest.mark.parametrize("operation", ["csrattrs", "simplereenroll"])
def test_a_renewal_waits_at_any_operation_and_is_resumed(box: fortish.Appliance, status: int, operation: str) -> None:
    session = box.session()
    session.run(ENROLL)
    before = box.certificate("w").pem
    behave(box, **{operation: later(status)})
    assert "asked again in 600 seconds" in session.run(AGAIN, answers=["y"])
    assert box.certificate("w").pem == before
    behave(box)
    box.advance(seconds=610)
    assert not pending(box) and box.certificate("w").pem != before


@pytest.mark.parametrize("status", [429, 503])
def test_without_retry_after_nobody_waits(box: fortish.Appliance, status: int) -> None:
    behave(box, cacerts=Fault(status=status))
    assert f"the server answered {status}" in box.session().run(ENROLL)
    assert not pending(box)


def test_ca_certificates_are_not_waited_for_by_themselves(box: fortish.Appliance) -> None:
    behave(box, cacerts=later(503))
    said = box.session().run("execute vpn certificate ca import est https://testrfc7030.com:8443")
    assert "asks to come back in 600 seconds" in said and not box.runtime.box.pending


def test_a_waiting_request_is_bound_anew_to_each_session(box: fortish.Appliance) -> None:
    behave(box, 'pop = "required"\napproval = "manual"\nretry-after = 300\napprove-after = 500')
    session = traced(box)
    assert "the request will be bound to the TLS session" in session.run(ENROLL)
    key = pending(box).key
    box.advance(seconds=301)
    assert pending(box).attempts == 2 and pending(box).key == key
    box.advance(seconds=301)  # the server checks what is bound against the session it came in
    assert not pending(box), box.events[-1].fields
    assert "match" in session.run("execute vpn certificate local verify w")
    assert [visit.status for visit in responder(box).history if visit.operation == "simpleenroll"] == [202, 202, 200]


@pytest.mark.parametrize("line", [ENROLL, KEYGEN])
@pytest.mark.parametrize("pop", ["off", "required"])
def test_a_waiting_request_outlives_the_box(tmp_path: Path, line: str, pop: str) -> None:
    policy = f'pop = "{pop}"\napproval = "manual"\nretry-after = 600\napprove-after = 500'
    with fortish.Appliance(network="lab", state=tmp_path / "box.db", clock="2023-04-06T22:00:00Z") as first:
        first.session().run(IMPORT)
        behave(first, policy)
        server = responder(first)
        assert "asked again in 600 seconds" in first.session().run(line)
        kept = pending(first)
    with fortish.Appliance(network="lab", state=tmp_path / "box.db", clock="2023-04-06T22:05:00Z") as second:
        second.runtime.network._make = lambda now: server  # type: ignore[attr-defined]
        again = pending(second)
        assert (again.key, again.due, again.options) == (kept.key, kept.due, kept.options)
        assert "waits for the EST server" in second.session().run(line)
        second.advance(seconds=601)
        assert not pending(second), second.events[-1].fields
        assert "match" in second.session().run("execute vpn certificate local verify w")
    with fortish.Appliance(network="lab", state=tmp_path / "box.db") as third:
        assert not pending(third) and "w" in third.cmdb.rows(GLOBAL, LOCAL)
