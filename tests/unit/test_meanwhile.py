"""What happens to an enrollment when the box changes under it: saving by hand, deletes, other keys, a boot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

import fortish
from fortish.box import CA, LOCAL, Box
from fortish.cmdb.entries import GLOBAL, Entry, Put
from fortish.debug import ConsoleDebug
from fortish.est.context import EstContext
from fortish.responder.faults import Fault
from fortish.steps import Flow

IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
ENROLL = (
    'execute vpn certificate local generate est {name} ec-secp256r1 https://testrfc7030.com:8443 CN={name} ""'
    " estuser estpwd"
)
WAIT = Fault(status=202, headers=(("Retry-After", "300"),))
AGAIN = "execute vpn certificate local generate est n"


@pytest.fixture
def box() -> Iterator[fortish.Appliance]:
    with fortish.Appliance(network="lab", hostname="FGT") as appliance:
        appliance.session().run(IMPORT)
        yield appliance


def spoil(box: fortish.Appliance, **faults: Fault) -> None:
    responder = box.runtime.network.responder  # type: ignore[attr-defined]
    responder.policy = replace(responder.policy, faults=MappingProxyType(faults))


def verified(box: fortish.Appliance, name: str = "n") -> bool:
    session = box.session()
    session.run(f"execute vpn certificate local verify {name}")
    return not session.failed


# --- saving by hand -------------------------------------------------------------------------------------------------


def test_a_renewal_is_not_undone_because_nobody_saves(box: fortish.Appliance) -> None:
    session = box.session()
    session.run(ENROLL.format(name="n"))
    session.run("config vpn certificate local\nedit n\nset auto-regenerate-days 300\nend")
    session.run("config system global\nset cfg-save revert\nend\nexecute cfg save")
    box.advance(days=66)
    assert [event.id for event in box.events].count(22205) == 1
    renewed = box.certificate("n").pem
    box.session().run("execute reboot\ny")
    assert box.certificate("n").pem == renewed


def test_a_renewal_saves_nothing_of_what_an_administrator_has_not_saved(box: fortish.Appliance) -> None:
    session = box.session()
    session.run(ENROLL.format(name="n"))
    session.run("config system global\nset cfg-save manual\nend\nexecute cfg save")
    session.run("config vpn certificate local\nedit n\nset comments mine\nend")
    before = box.certificate("n").pem
    session.run(AGAIN, answers=["y"])
    assert box.certificate("n").pem != before and box.cmdb["vpn certificate local"]["n"]["comments"] == "mine"
    renewed = box.certificate("n").pem
    session.run("execute cfg reload")
    assert box.certificate("n").pem == renewed
    assert box.cmdb["vpn certificate local"]["n"]["comments"] != "mine"


def test_what_is_kept_at_once_takes_nothing_unsaved_of_its_table_to_the_disk(tmp_path: Path) -> None:
    kept = tmp_path / "state"
    with fortish.Appliance(network="lab", state=kept) as box:
        box.session().run("config system global\nset cfg-save manual\nend\nexecute cfg save")
        box.cmdb.commit([Put(GLOBAL, CA, "unsaved", Entry({"ca": "x"}))])
        box.cmdb.keep([Put(GLOBAL, CA, "issued", Entry({"ca": "y"}))])
    with fortish.Appliance(network="lab", state=kept) as box:
        assert "issued" in box.cmdb.rows(GLOBAL, CA) and "unsaved" not in box.cmdb.rows(GLOBAL, CA)


# --- entries that change --------------------------------------------------------------------------------------------


def test_a_renewal_that_waits_goes_with_its_certificate(box: fortish.Appliance) -> None:
    session = box.session()
    session.run(ENROLL.format(name="n"))
    spoil(box, simplereenroll=WAIT)
    session.run(AGAIN, answers=["y"])
    assert (GLOBAL, "n") in box.runtime.box.pending
    session.run("config vpn certificate local\ndelete n\nend")
    assert not box.runtime.box.pending
    spoil(box)
    assert "Done." in session.run(ENROLL.format(name="n"))


def test_a_renewal_that_waited_is_for_the_key_that_the_entry_has_then(box: fortish.Appliance) -> None:
    session = box.session()
    session.run(ENROLL.format(name="n"))
    session.run(ENROLL.format(name="other"))
    spoil(box, simplereenroll=WAIT)
    session.run(AGAIN, answers=["y"])
    rows = box.cmdb.rows(GLOBAL, LOCAL)
    other = rows["other"].values
    taken = {name: other[name] for name in ("private-key", "password", "certificate")}
    box.cmdb.commit([Put(GLOBAL, LOCAL, "n", Entry({**rows["n"].values, **taken}))])
    spoil(box)
    box.advance(seconds=400)
    assert not box.runtime.box.pending
    assert verified(box)


def test_a_first_enrollment_that_waited_does_not_write_over_an_entry_of_its_name(box: fortish.Appliance) -> None:
    session = box.session()
    session.run(ENROLL.format(name="other"))
    spoil(box, simpleenroll=WAIT)
    session.run(ENROLL.format(name="w"))
    session.run("config vpn certificate local\nclone other to w\nend")
    spoil(box)
    box.advance(seconds=400)
    assert box.certificate("w").pem == box.certificate("other").pem
    assert "exists by now" in box.events[-1].fields["reason"]


# --- boots ----------------------------------------------------------------------------------------------------------


def test_an_enrollment_from_before_a_boot_keeps_nothing(box: fortish.Appliance) -> None:
    inner = box.runtime.box
    inner.enrolling.add((GLOBAL, "n"))
    assert inner.may_keep((GLOBAL, "n"))
    inner.restart()
    assert not inner.may_keep((GLOBAL, "n"))


def test_a_factory_reset_forgets_the_requests_that_wait(box: fortish.Appliance) -> None:
    spoil(box, simpleenroll=WAIT)
    session = box.session()
    session.run(ENROLL.format(name="w"))
    session.run("execute factoryreset", answers=["y"])
    assert not box.runtime.box.pending
    spoil(box)
    box.advance(seconds=400)
    assert "w" not in box.cmdb.rows(GLOBAL, LOCAL)


# --- what is typed --------------------------------------------------------------------------------------------------

DIGITS = "9" * 5000


@pytest.mark.parametrize(
    "line",
    [
        f"execute restore config flash {DIGITS}",
        f"execute ping-options repeat-count {DIGITS}",
        f"diagnose debug application est {DIGITS}",
        f"config router static\nedit {DIGITS}",
        f"config system global\nset admintimeout {DIGITS}",
        f"config router static\nedit 1\nset priority -{DIGITS}",
    ],
)
def test_a_number_of_any_length_is_answered(box: fortish.Appliance, line: str) -> None:
    session = box.session()
    session.run(line, answers=["n"])
    assert session.failed or "application" in line


def test_zeros_before_a_number_do_not_change_it(box: fortish.Appliance) -> None:
    session = box.session()
    session.run(f"config system global\nset admintimeout {'0' * 5000}7\nend")
    assert box.cmdb["system global"][""]["admintimeout"] == 7


def test_bytes_that_are_no_text_pass_through_a_backup(tmp_path: Path) -> None:
    with fortish.Appliance(network="lab", files=tmp_path) as box:
        session = box.session()
        session.run('config firewall address\nedit a\nset comment "caf\udce9"\nend')
        session.run("execute backup config tftp saved.conf 192.0.2.10")
        assert not session.failed and b"caf\xe9" in (tmp_path / "saved.conf").read_bytes()


def test_bytes_that_are_no_text_pass_through_an_est_request(box: fortish.Appliance) -> None:
    session = box.session()
    for line in (ENROLL.format(name="u") + " seg\udce9", ENROLL.format(name="v").replace("estuser", "us\udce9r")):
        assert "Return code 1" in session.run(line)


def test_aliases_that_call_each_other_end_soon(box: fortish.Appliance) -> None:
    session = box.session()
    calls = "\n".join(["alias a"] * 12)
    session.run(f'config system alias\nedit a\nset command "{calls}"\nend')
    assert session.run("alias a").count("parse error") < 2000


def test_a_secret_does_not_show_where_a_program_prints_what_it_holds(box: fortish.Appliance) -> None:
    session = box.session()
    session.run(ENROLL.format(name="n"))
    entry = box.cmdb.rows(GLOBAL, LOCAL)["n"]
    context = EstContext("n", "https://a", "a", 1, http_password="hush", password="hush", srp_password="hush")
    assert "estpwd" not in repr(entry) and "hush" not in repr(context)


def test_a_password_that_is_changed_takes_its_key_along() -> None:
    with fortish.Appliance(network="lab") as box:
        session = box.session()
        session.run("execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
        session.run(ENROLL.format(name="p"))
        assert session.run("config vpn certificate local\nedit p\nset password NewPassw0rd\nend") == ""
        assert "match" in session.run("execute vpn certificate local verify p")
        assert box.cmdb["vpn certificate local"]["p"]["password"] == "NewPassw0rd"
        session.run("config vpn certificate local\nedit p\nunset password\nend")
        assert "match" in session.run("execute vpn certificate local verify p")
        assert "Done." in session.run("execute vpn certificate local generate est p", answers=["y"])


def test_nobody_goes_on_in_a_session_from_before_a_restart() -> None:
    with fortish.Appliance(network="none") as box:
        one, two = box.session(), box.session()
        one.run("config system global\nset alias before")
        two.run("execute factoryreset", answers=["y"])
        assert one.run("end") == "exit\n"
        assert one.prompt.endswith(" # ") and "(" not in one.prompt
        assert box.cmdb["system global"][""]["alias"] == ""


def test_a_job_that_breaks_is_told_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from fortish import jobs
    from fortish.boot import Options, boot

    def broken(box: Box, name: str, scope: str) -> Flow:
        raise RuntimeError("a bug")
        yield

    monkeypatch.setitem(jobs.FLOWS, "renew", broken)
    monkeypatch.delenv("FORTISH_TRACEBACK", raising=False)
    runtime = boot(Options(network="none", frozen=True))
    said: list[str] = []

    class Console:
        debug = ConsoleDebug()

        def trace(self, line: str) -> None:
            said.append(line)

    runtime.consoles.append(Console())  # type: ignore[arg-type]
    now = runtime.box.clock.now()
    asyncio.run(runtime._do(jobs.Job("renew", "x", now)))
    assert runtime.box.watches["global", "x"].tried == now
    assert said and "internal error" in said[0] and "RuntimeError" in said[0]
