"""Approval by hand: who waits, how long, what the person at the responder types, and what survives a restart."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from fortish.errors import UsageError
from fortish.pki import names
from fortish.pki.chains import path_to
from fortish.pki.keys import same_key
from fortish.pki.pkcs7 import read_certs
from fortish.pki.requests import new_request, pem_request
from fortish.responder import approval, journal
from fortish.responder.authority import FIRST_SERIAL, Authority
from fortish.responder.control import COMMANDS, obey
from fortish.responder.journal import JOURNAL
from fortish.responder.kept import kept_responder
from fortish.responder.policy import Policy
from fortish.responder.respond import Asked, Responder, Visitor, respond
from fortish.responder.revocation import revoke
from fortish.responder.state import Used

NOW = datetime(2023, 4, 6, 22, 37, 34, tzinfo=UTC)
AUTHORITY = Authority.fresh(NOW)
KEY = ec.derive_private_key(7, ec.SECP256R1())
BASIC = b"Basic " + base64.b64encode(b"estuser:estpwd")


def body(name="a", key=KEY) -> bytes:
    """A request: each time the same octets."""
    return pem_request(new_request(key, names.subject_name([("CN", name)]), None)).encode()


def other_body() -> bytes:
    """The same request as others sign it: ECDSA makes other octets of it each time."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(names.subject_name([("CN", "a")]))
    return pem_request(builder.sign(KEY, hashes.SHA256())).encode()


def post(state, content, path="simpleenroll", *, after=0, basic=BASIC, visitor=Visitor()):
    headers = [(b"content-type", b"application/pkcs10")] + ([(b"authorization", basic)] if basic else [])
    asked = Asked("POST", f"/.well-known/est/{path}", tuple(headers), content)
    return respond(state, asked, visitor, NOW + timedelta(seconds=after))


def issued(answer):
    assert answer.status == 200, answer.body
    (certificate,) = read_certs(base64.b64decode(answer.body))
    return certificate


def responder(text="approval = 'manual'") -> Responder:
    return Responder(AUTHORITY, Policy.from_toml(text))


def typed(state, line: str) -> str:
    lines = obey(state, line, NOW)
    assert lines is not None
    return "\n".join(lines)


# --- waiting ------------------------------------------------------------------------------------------------------


def test_a_request_waits_until_it_is_approved_and_is_known_by_key_and_subject():
    """RFC 7030 section 4.2.3: 202 with Retry-After; the request is repeated, and its octets may differ."""
    state = responder()
    first, second = body(), other_body()
    assert first != second
    for content in (first, second, first):
        answer = post(state, content)
        assert (answer.status, dict(answer.headers)["Retry-After"]) == (202, "10")
    (waiting,) = approval.requests(state)
    assert (waiting.subject, waiting.account, waiting.verdict) == ("CN=a", "estuser", "waiting")
    approval.approve(state, waiting.number)
    assert same_key(issued(post(state, second)), KEY)
    assert approval.requests(state) == []
    assert post(state, second).status == 202  # an approval is good for one certificate


def test_another_key_or_another_subject_is_another_request():
    state = responder()
    for content in (body(), body("b"), body(key=ec.generate_private_key(ec.SECP256R1()))):
        assert post(state, content).status == 202
    assert [one.number for one in approval.requests(state)] == [1, 2, 3]


def test_an_approval_is_for_the_names_that_were_seen():
    state = responder("labels.full = { keep-subject = true, approval = 'manual' }")
    post(state, body(), "full/simpleenroll")
    approval.approve(state, 1)
    san = names.alternative_names([("DNS", "bank.example")])
    other = pem_request(new_request(KEY, names.subject_name([("CN", "a")]), san)).encode()
    assert post(state, other, "full/simpleenroll").status == 202
    assert post(state, body(), "full/simpleenroll").status == 200


def test_a_denied_request_stays_denied():
    state = responder()
    post(state, body())
    approval.deny(state, 1)
    for _ in range(2):
        answer = post(state, body())
        assert answer.status == 403 and b"denied" in answer.body
    approval.approve(state, 1)  # second thoughts
    assert issued(post(state, body()))


def test_nobody_needs_to_be_there_where_the_policy_says_so():
    state = responder("approval = 'manual'\napprove-after = 30")
    assert [post(state, body(), after=after).status for after in (0, 29, 30)] == [202, 202, 200]


@pytest.mark.parametrize(("value", "header"), [("7", "7"), ("0", "0"), ("'date'", "Thu, 06 Apr 2023 22:37:44 GMT")])
def test_retry_after_is_seconds_or_a_date(value, header):
    answer = post(responder(f"approval = 'manual'\nretry-after = {value}"), body())
    assert dict(answer.headers)["Retry-After"] == header


def test_a_label_may_need_approval_or_not():
    state = responder("labels.slow = { approval = 'manual' }")
    assert post(state, body()).status == 200 and post(state, body(), "slow/simpleenroll").status == 202
    state = responder("approval = 'manual'\nlabels.fast = { approval = 'auto' }")
    assert post(state, body(), "fast/simpleenroll").status == 200 and post(state, body()).status == 202


def test_a_holder_renews_without_approval_and_nobody_else_does():
    state = responder()
    held = AUTHORITY.issue(KEY.public_key(), names.subject_name([("CN", "a")]), 1, NOW)
    visitor = Visitor(chain=(held.public_bytes(Encoding.DER),))
    assert post(state, body(), "simplereenroll", basic=None, visitor=visitor).status == 200
    assert post(state, body(), "simplereenroll").status == 202
    assert post(state, body("x"), "serverkeygen").status == 202


def test_who_is_not_let_in_does_not_wait():
    state = responder()
    assert post(state, body(), basic=None).status == 401
    assert approval.requests(state) == []


def test_not_everybody_can_wait(monkeypatch):
    monkeypatch.setattr(approval, "_MOST", 2)
    state = responder()
    statuses = [post(state, body(name)).status for name in "abca"]
    assert statuses == [202, 202, 503, 202]


LABELS = """
approval = "manual"
cas.other = { common-name = "Other CA" }
labels.other = { ca = "other", ra = true }
"""


def test_what_is_approved_for_one_label_is_not_approved_for_another():
    """A label has a CA and terms of its own: nobody has looked at the request in their light."""
    state = responder(LABELS)
    assert post(state, body()).status == 202
    assert typed(state, "approve 1") == "request 1 is approved"
    assert post(state, body(), "other/simpleenroll").status == 202
    assert typed(state, "list").splitlines()[1].endswith("CN=a  label other")
    assert issued(post(state, body())).issuer == AUTHORITY.certificate.subject
    assert typed(state, "approve 2") == "request 2 is approved" and post(state, body()).status == 202
    assert issued(post(state, body(), "other/simpleenroll")).issuer.rfc4514_string() == "CN=Other CA"


def test_a_restart_knows_for_which_label_a_request_was_approved(tmp_path):
    def started():
        return kept_responder(tmp_path, Policy.from_toml(LABELS), NOW, pytest.fail)

    state = started()
    for path in ("simpleenroll", "other/simpleenroll"):
        assert post(state, body(), path).status == 202
    typed(state, "approve 2")
    state = started()
    assert post(state, body()).status == 202
    assert post(state, body(), "other/simpleenroll").status == 200
    (left,) = approval.requests(started())
    assert (left.number, left.label, left.verdict) == (1, "", "waiting")


# --- what is typed ------------------------------------------------------------------------------------------------


def test_the_person_at_the_responder_decides():
    state = responder()
    assert typed(state, "list") == "nothing waits for approval"
    post(state, body())
    post(state, body("b"))
    assert typed(state, "list").splitlines()[1].split() == ["2", "2023-04-06", "22:37:34", "waiting", "estuser", "CN=b"]
    assert typed(state, "approve 1") == "request 1 is approved" and typed(state, "deny 2\n") == "request 2 is denied"
    assert post(state, body()).status == 200 and post(state, body("b")).status == 403
    assert typed(state, "list").split()[3:4] == ["denied"]


def test_what_has_happened_can_be_looked_up():
    state = responder("")
    assert typed(state, "history") == "nobody has been here" and typed(state, "issued") == "nothing has been issued"
    serial = issued(post(state, body())).serial_number
    post(state, body(), "full/simpleenroll", basic=None)
    rows = typed(state, "history").splitlines()
    assert "200  simpleenroll  estuser  CN=a" in rows[0] and "401  full/simpleenroll  -" in rows[1]
    assert typed(state, "history 1").splitlines() == rows[1:] and typed(state, "history 0") == "nobody has been here"
    assert f"{serial} (0x{serial:x})" in typed(state, "issued") and "revoked" not in typed(state, "issued")
    assert typed(state, f"revoke 0x{serial:x}") == f"certificate {serial} (0x{serial:x}) is revoked"
    assert "revoked" in typed(state, "issued") and serial in state.revoked


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", ""),
        ("approv 1", "no command 'approv'; `help` lists them"),
        ("approve", "a number is needed; usage: approve N"),
        ("approve x", "a number is needed; usage: approve N"),
        ("approve -1", "a number is needed; usage: approve N"),
        ("approve 1 2", "a number is needed; usage: approve N"),
        ("deny 9", "there is no request 9; usage: deny N"),
        ("history x", "a number is needed; usage: history [N]"),
        ("revoke 99", "no certificate with the serial number 99 has been issued; usage: revoke SERIAL"),
        ("revoke 010", "a number is needed; usage: revoke SERIAL"),
    ],
)
def test_what_cannot_be_obeyed_is_said(line, said):
    assert typed(responder(), line) == said


def test_help_names_every_command_and_quit_ends():
    text = typed(responder(), "help")
    assert all(name in text for name in [*COMMANDS, "quit"]) and list(COMMANDS) == sorted(COMMANDS)
    assert obey(responder(), "quit", NOW) is None


def test_a_subject_cannot_write_on_the_screen():
    state = responder()
    post(state, body("a\x1b[2Jb"))
    assert "\x1b" not in typed(state, "list") + typed(state, "history")


# --- kept ---------------------------------------------------------------------------------------------------------

KEPT = """
approval = "manual"
intermediate = true
rollover = true
cas.iot = { intermediate = true }
labels.iot = { ca = "iot" }
"""


def kept(folder, text=KEPT, complaints=None) -> Responder:
    return kept_responder(folder, Policy.from_toml(text), NOW, [].append if complaints is None else complaints.append)


def published(state, name=""):
    return [one.public_key() for one in state.hierarchy(name, NOW).published]


def test_keys_requests_and_revocations_survive_a_restart(tmp_path):
    state = kept(tmp_path)
    post(state, body())
    post(state, body("b"))
    approval.approve(state, 1)
    held = issued(post(state, body()))
    revoke(state, held.serial_number, NOW)
    again = kept(tmp_path)
    assert again.authority.certificate == state.authority.certificate
    for name in ("", "iot"):
        assert published(again, name) == published(state, name)
    assert approval.requests(again) == approval.requests(state) and again.next_waiting == 3
    assert again.revoked == state.revoked and again.crl_number == 2
    assert again.next_serial > state.next_serial
    path_to(held, again.hierarchy("", NOW).published, [again.hierarchy("", NOW).published[0]], NOW)
    approval.approve(again, 2)
    assert issued(post(again, body("b"))).serial_number > held.serial_number


def test_without_a_folder_nothing_survives():
    assert Responder(AUTHORITY).next_serial == FIRST_SERIAL and Responder(AUTHORITY).waiting == {}


def test_what_is_kept_is_for_its_owner_only(tmp_path):
    post(kept(tmp_path), body())
    private = [path for path in tmp_path.rglob("*") if path.name in ("cakey.pem", JOURNAL)]
    assert len(private) == 6 and all(path.stat().st_mode & 0o077 == 0 for path in private)


def test_nothing_is_promised_that_cannot_be_kept(tmp_path):
    complaints: list[str] = []
    state = kept(tmp_path, complaints=complaints)
    (tmp_path / JOURNAL).mkdir()
    assert post(state, body()).status == 503
    assert len(complaints) == 1 and JOURNAL in complaints[0]
    assert respond(state, Asked("GET", "/.well-known/est/cacerts"), Visitor(), NOW).status == 200
    (tmp_path / JOURNAL).rmdir()
    assert post(state, body()).status == 202
    assert [one.number for one in approval.requests(kept(tmp_path))] == [1]


@pytest.mark.parametrize(
    "text",
    ["\n", "{}\n", "[\n", '["visit"]\n', '["waiting", 1, 0, "", "", "", "xx", "", "waiting"]\n', '["x"]\n', "[3]\n",
     '["issued", "MAA="]\n', '["numbers", "x", 1]\n', '["scep", "t", "MAA=", "", "", ""]\n', "\xff\n",
     '["revoked", "1", 1e300, null]\n', "[]\n"],
)  # fmt: skip
def test_a_journal_that_is_none_is_the_callers_error(tmp_path, text):
    kept(tmp_path)
    (tmp_path / JOURNAL).write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"line 1, does not hold what a responder keeps"):
        kept(tmp_path)


def test_the_journal_is_readable_by_people(tmp_path):
    post(kept(tmp_path), body())
    waiting, visit = (json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines())
    assert waiting[0] == "waiting" and waiting[5] == "CN=a"
    assert visit == ["visit", NOW.timestamp(), "", "simpleenroll", "", "estuser", 202, ""]


def test_a_line_that_was_not_finished_is_as_if_it_had_not_been(tmp_path):
    state = kept(tmp_path)
    post(state, body())
    whole = (tmp_path / JOURNAL).read_bytes()
    for cut in (1, 30, len(whole) - 1):
        (tmp_path / JOURNAL).write_bytes(whole + whole[:cut].rstrip(b"\n"))
        again = kept(tmp_path)
        assert approval.requests(again) == approval.requests(state)
        post(again, body("b"))
        assert [one.number for one in approval.requests(kept(tmp_path))] == [1, 2]


def test_what_was_issued_and_who_was_there_is_known_again(tmp_path):
    state = kept(tmp_path, "")
    certificates = [issued(post(state, body(name))) for name in "ab"]
    respond(state, Asked("GET", "/nowhere/\udcff"), Visitor("192.0.2.1"), NOW)
    again = kept(tmp_path, "")
    assert list(again.issued) == certificates
    assert again.history == state.history
    assert [visit.status for visit in again.history] == [200, 200, 404]
    revoked = revoke(again, certificates[0].serial_number, NOW)
    assert revoked.ca == ""  # whose it was is known, too


def test_a_journal_gets_shorter_when_most_of_it_no_longer_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_IDLE_LINES", 20)
    state = kept(tmp_path)
    for number in range(30):
        state.note(Used(b"%d" % number, b"", ""))
    post(state, body())
    lines = (tmp_path / JOURNAL).read_text().splitlines()
    assert [json.loads(line)[0] for line in lines] == ["numbers", "visit", "waiting"]
    again = kept(tmp_path)
    assert approval.requests(again) == approval.requests(state)
    assert again.next_waiting == state.next_waiting
