"""`fortish est-check`: a good server passes, and each fault is found where the RFC asks for it."""

from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from fortish.boot import Options, boot
from fortish.drive import drive
from fortish.est.conformance import CHECKS, walk
from fortish.est.context import EstContext
from fortish.est.verdicts import Result, Verdict
from fortish.estcheck import failures, report
from fortish.main import main
from fortish.pki import pem
from fortish.responder.faults import FAULTS, Fault
from fortish.responder.policy import Policy

URL = "https://testrfc7030.com:8443"


def verdicts(
    policy: str = "", *, label: str = "", credentials: tuple[str, str] | None = ("estuser", "estpwd"), **faults: Fault
) -> list[Verdict]:
    async def run() -> list[Verdict]:
        runtime = boot(Options(network="lab"))
        responder = runtime.network.responder  # type: ignore[attr-defined]
        responder.policy = replace(Policy.from_toml(policy), faults=MappingProxyType(faults))
        context = EstContext("check", URL, "testrfc7030.com", 8443, ca_identifier=label or None)
        anchors = (pem.pem(responder.authority.certificate),)
        try:
            found: list[Verdict] = await drive(walk(runtime.box, context, anchors, credentials), runtime)
            return found
        finally:
            await runtime.network.close()

    return asyncio.run(run())


def failed(found: list[Verdict]) -> set[str]:
    return {verdict.title for verdict in found if verdict.result is Result.FAIL}


def test_the_labs_own_server_passes_every_check() -> None:
    found = verdicts()
    assert not failed(found) and len(found) == len(CHECKS)
    assert not [verdict for verdict in found if verdict.result is Result.SKIP]


def test_a_server_that_demands_linking_passes_and_is_said_to() -> None:
    found = verdicts('pop = "required"')
    assert not failed(found)
    assert any("challengePassword" in verdict.cause for verdict in found if verdict.section == "RFC 7030 3.5")


def test_without_a_user_what_needs_one_is_skipped() -> None:
    found = verdicts(credentials=None)
    assert not failed(found)
    assert sum(verdict.result is Result.SKIP for verdict in found) >= 5


@pytest.mark.parametrize(
    ("operation", "fault", "title"),
    [
        ("simpleenroll", "wrong-key", "simpleenroll issues a certificate for the key of the request"),
        ("simpleenroll", "not-pkcs7", "simpleenroll issues a certificate for the key of the request"),
        ("simpleenroll", "untrusted-issuer", "what was issued chains to the root of cacerts"),
        ("simpleenroll", "expired", "what was issued chains to the root of cacerts"),
        ("simplereenroll", "status-500", "simplereenroll renews with the certificate itself"),
        ("csrattrs", "csrattrs-garbage", "csrattrs can be read"),
    ],
)
def test_a_fault_is_found_where_it_is(operation: str, fault: str, title: str) -> None:
    assert title in failed(verdicts(**{operation: FAULTS[fault]}))


def test_a_server_that_issues_to_anybody_fails() -> None:
    found = verdicts(simpleenroll=Fault(status=200))
    assert "simpleenroll refuses who is not authenticated" in failed(found)


def test_a_server_that_is_not_verified_is_not_asked_for_more(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_text(pem.pem(boot(Options(network="lab")).network.responder.authority.certificate))  # type: ignore[attr-defined]
    assert main(["est-check", URL, "--network", "lab", "--trust", str(other)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("fail  RFC 7030 3.3.1") and out.count("skip ") == len(CHECKS) - 1


@pytest.mark.parametrize("url", ["http://a.example", "a.example", "https://a.example/path", "https://"])
def test_what_is_no_est_url_is_an_unusable_argument(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["est-check", url]) == 2
    assert "https://host[:port]" in capsys.readouterr().err


def test_the_reports_are_what_their_formats_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORTISH_PASSWORD", "estpwd")
    assert main(["est-check", URL, "--network", "lab", "--user", "estuser", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["failed"] == 0
    found = [
        Verdict("RFC 1", 'a "quoted" <title>', Result.FAIL, "it's & broken"),
        Verdict("RFC 2", "b", Result.SKIP, "c"),
    ]
    suite = ET.fromstring(report(URL, found, "junit"))
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "1")
    assert suite[0][0].get("message") == "it's & broken"
    assert failures(found) == 1 and report(URL, found, "text").endswith("1 of 2 checks failed")
