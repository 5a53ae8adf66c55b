"""`fortish est-check`: a good server passes, and each fault is found where the RFC asks for it."""

from __future__ import annotations

import asyncio
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fortish.boot import Options, boot
from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.drive import drive
from fortish.est.conformance import CHECKS, walk
from fortish.est.context import EstContext
from fortish.est.verdicts import Failed, Result, Verdict, Walk
from fortish.estcheck import failures, report
from fortish.main import main
from fortish.pki import keys, names, pem
from fortish.responder.authority import Authority
from fortish.responder.faults import FAULTS, Fault
from fortish.responder.policy import Policy
from fortish.steps import Credential, Dial, Exchange, Flow, Http, Link

URL = "https://testrfc7030.com:8443"


def verdicts(
    policy: str = "",
    *,
    label: str = "",
    credentials: tuple[str, str] | None = ("estuser", "estpwd"),
    port: int = 8443,
    certificate: bool = False,
    **faults: Fault,
) -> list[Verdict]:
    async def run() -> list[Verdict]:
        runtime = boot(Options(network="lab"))
        responder = runtime.network.responder  # type: ignore[attr-defined]
        responder.policy = replace(Policy.from_toml(policy), faults=MappingProxyType(faults))
        url = f"https://testrfc7030.com:{port}"
        context = EstContext("check", url, "testrfc7030.com", port, ca_identifier=label or None)
        own = held(responder.authority, runtime.box.clock.now()) if certificate else None
        anchors = (pem.pem(responder.authority.certificate),)
        try:
            found: list[Verdict] = await drive(walk(runtime.box, context, anchors, credentials, own), runtime)
            return found
        finally:
            await runtime.network.close()

    return asyncio.run(run())


def held(authority: Authority, now: float) -> Credential:
    """A certificate that the server's CA has issued, and its key."""
    key, begins = keys.generate(keys.ALGORITHMS["ec-secp256r1"]), datetime.fromtimestamp(now, UTC)
    certificate = (
        x509.CertificateBuilder(authority.certificate.subject, names.subject_name([("CN", "client")]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=1))
        .sign(authority.key, SHA256())
    )
    return Credential("c", pem.pem(certificate), keys.encrypted_pem(key, "x"), "x")


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


def test_a_server_that_wants_a_user_beside_a_certificate_passes_and_is_said_to() -> None:
    found = {verdict.title: verdict for verdict in verdicts("http-too = true")}
    assert not failed(list(found.values()))
    renewal = found["simplereenroll renews with the certificate itself"]
    assert (renewal.result, renewal.cause) == (Result.NOTE, "it wants user and password, too")
    assert found["simplereenroll refuses another subject"].cause == "403"


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


@pytest.mark.parametrize(("line", "status"), [("estpwd\n", 0), ("estpwd\r\nmore\n", 0), ("wrong\n", 1)])
def test_a_password_may_come_through_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, status: int
) -> None:
    monkeypatch.delenv("FORTISH_PASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    assert main(["est-check", URL, "--network", "lab", "--user", "estuser"]) == status
    assert capsys.readouterr().err == ""


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


def outside(policy: Fault, *, user: bool = True) -> dict[str, Verdict]:
    """The verdicts of what is only read, by title, where both operations are answered on purpose."""
    found = verdicts(credentials=("estuser", "estpwd") if user else None, cacerts=policy, csrattrs=policy)
    return {verdict.title: verdict for verdict in found if "cacerts" in verdict.title or "csrattrs" in verdict.title}


@pytest.mark.parametrize("status", [401, 404, 500])
def test_what_follows_from_an_answer_that_is_none_is_skipped_not_failed(status: int) -> None:
    """Its text is no base64, and has no root in it: that is no news, and no cause."""
    found = outside(Fault(status=status, body=b"why not"))
    failures = {title: verdict.cause for title, verdict in found.items() if verdict.result is Result.FAIL}
    answered = f"answered {status} {'Unauthorized' if status == 401 else 'Not Found' if status == 404 else 'Internal'}"
    assert all(cause.startswith(answered) for cause in failures.values()), failures
    assert set(failures) == {"cacerts is answered without authentication"} | (
        set() if status == 404 else {"csrattrs can be read"}
    )
    skipped = {verdict.cause for verdict in found.values() if verdict.result is Result.SKIP}
    assert {"cacerts is not answered", "cacerts has brought no root"} <= skipped


def test_who_must_be_authenticated_to_read_the_attributes_is_and_it_is_said() -> None:
    """RFC 7030 section 4.5.1: the server SHOULD NOT ask for it; the box would send its password all the same."""

    def answer(request: httpx.Request) -> httpx.Response:
        if "authorization" not in request.headers:
            return httpx.Response(401, headers={"WWW-Authenticate": "Basic"})
        return httpx.Response(200, content=b"MAsGCSqGSIb3DQEJAQ==")

    context = EstContext("check", URL, "testrfc7030.com", 8443)
    for credentials, wanted in ((("a", "b"), "note: 1.2.840.113549.1.9.1 emailAddress; 401 to whoever"), (None, "")):
        going = Walk(Box.new(VirtualClock(0)), context, credentials)
        check = next(run for _, title, run in CHECKS if title == "csrattrs can be read")
        if credentials is None:
            with pytest.raises(Failed, match="answered 401"):
                by_hand(check(going), answer)
        else:
            assert by_hand(check(going), answer).startswith(wanted)


def by_hand(flow: Flow, answer: Callable[[httpx.Request], httpx.Response]) -> Any:
    """What a flow returns whose server is a function."""
    given: Any = None
    try:
        while True:
            match flow.send(given):
                case Exchange(Dial(peer)):
                    given = Link(peer, (), "TLSv1.3", None)
                case Exchange(Http(_, request)):
                    given = answer(request)
                case _:
                    given = None
    except StopIteration as stop:
        return stop.value


# --- a client certificate ---------------------------------------------------------------------------------------------


def test_a_certificate_is_shown_where_somebody_must_be_known_and_only_there() -> None:
    found = {verdict.title: verdict for verdict in verdicts(credentials=None, certificate=True)}
    assert not failed(list(found.values()))
    skipped = {title for title, verdict in found.items() if verdict.result is Result.SKIP}
    assert skipped == {"a wrong password is refused"}
    assert found["simpleenroll refuses who is not authenticated"].cause == "401"
    assert found["simplereenroll refuses who is not authenticated"].cause.startswith("401")


def test_a_server_that_lets_nobody_in_without_a_certificate_is_judged_with_one() -> None:
    found = {verdict.title: verdict for verdict in verdicts(port=9443, certificate=True)}
    assert not failed(list(found.values()))
    first = found["the server is verified over TLS 1.2 or newer"]
    assert first.result is Result.NOTE and "but only with a client certificate" in first.cause
    skipped = {verdict.cause for verdict in found.values() if verdict.result is Result.SKIP}
    assert skipped == {"the server lets nobody in without a client certificate"}
    assert found["simpleenroll issues a certificate for the key of the request"].result is Result.PASS


def test_without_a_certificate_such_a_server_is_not_judged() -> None:
    assert failed(verdicts(port=9443)) == {"the server is verified over TLS 1.2 or newer"}


def test_a_certificate_and_its_key_are_read_from_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority = Authority.fresh(datetime.now(UTC))
    (certificate, key), (_, other) = (authority.server_certificate([name], datetime.now(UTC)) for name in "ab")
    cert, good, bad, locked = (tmp_path / name for name in ("c.pem", "k.pem", "bad.pem", "locked.pem"))
    cert.write_text(pem.pem(certificate))
    for path, text in ((good, key), (bad, other)):
        path.write_bytes(text.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    locked.write_text(keys.encrypted_pem(key, "x"))
    check = ["est-check", URL, "--network", "lab"]
    for wrong, said in (
        (["--key", str(good)], "--key: there is no --cert"),
        (["--cert", str(tmp_path / "no")], "No such file"),
        (["--cert", str(good)], "--cert"),
        (["--cert", str(cert)], "--key"),
        (["--cert", str(cert), "--key", str(bad)], "not the key of the certificate"),
        (["--cert", str(cert), "--key", str(locked)], "--key"),
    ):
        assert main([*check, *wrong]) == 2
        assert said in capsys.readouterr().err
    cert.write_text(cert.read_text() + "\n" + good.read_text())
    assert main([*check, "--cert", str(cert)]) == 1  # a stranger's: it is refused, and that is told
    assert "simpleenroll issues a certificate" in capsys.readouterr().out
