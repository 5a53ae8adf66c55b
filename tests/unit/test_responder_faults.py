"""The fault menu: each fault does what its name says, where it should, and nothing else."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates, load_pem_pkcs7_certificates

from fortish.pki import names
from fortish.pki.chains import path_to
from fortish.pki.csrattrs import read_csrattrs
from fortish.pki.faults import ChainFault, CsrAttrsFault, Pkcs7Fault
from fortish.pki.keys import same_key
from fortish.pki.pkcs7 import read_certs
from fortish.pki.requests import new_request, pem_request
from fortish.responder.authority import Authority
from fortish.responder.faults import ELSEWHERE, FAULTS, KEYGEN, Fault
from fortish.responder.policy import Policy
from fortish.responder.respond import Answer, Asked, Responder, Visitor, Wire, respond

NOW = datetime(2023, 4, 6, 22, 37, 34, tzinfo=UTC)
KEY = ec.derive_private_key(7, ec.SECP256R1())
BODY = pem_request(new_request(KEY, names.subject_name([("CN", "a")]), None)).encode()
AUTHORITY = Authority.fresh(NOW)
HEADERS = (
    (b"accept", b"*/*"),
    (b"content-type", b"application/pkcs10"),
    (b"authorization", b"Basic " + base64.b64encode(b"estuser:estpwd")),
)


def enroll(fault: str = "", *, policy: Policy | None = None, headers=HEADERS, operation="simpleenroll") -> Answer:
    segment = f"fault-{fault}/" if fault else ""
    state = Responder(AUTHORITY, policy or Policy())
    return respond(state, Asked("POST", f"/.well-known/est/{segment}{operation}", headers, BODY), Visitor(), NOW)


def attributes(fault: str) -> Answer:
    target = f"/.well-known/est/fault-{fault}/csrattrs"
    return respond(Responder(AUTHORITY), Asked("GET", target, HEADERS), Visitor(), NOW)


def certificate(answer: Answer) -> x509.Certificate:
    assert answer.status == 200
    (found,) = read_certs(base64.b64decode(answer.body))
    return found


@pytest.mark.parametrize("operation", ["simpleenroll", "simplereenroll"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 415, 423, 500, 501, 502, 503, 504])
def test_a_status_fault_answers_with_that_status(operation, status):
    answer = enroll(f"status-{status}", operation=operation)
    assert answer.status == status and answer.headers[0][1].startswith(str(status))
    assert ("Content-Type", "text/plain") in answer.headers
    assert ("WWW-Authenticate" in dict(answer.headers)) is (status == 401)


def test_not_base64_is_not():
    with pytest.raises(binascii.Error):
        base64.b64decode(enroll("not-base64").body, validate=True)


def test_not_pkcs7_is_base64_of_something_else():
    with pytest.raises(Pkcs7Fault):
        read_certs(base64.b64decode(enroll("not-pkcs7").body.rstrip(), validate=True))


def test_wrong_key_is_a_good_certificate_for_somebody_else():
    found = certificate(enroll("wrong-key"))
    assert not same_key(found, KEY) and AUTHORITY.has_issued(found)


def test_untrusted_issuer_has_the_right_name_and_the_wrong_key():
    found = certificate(enroll("untrusted-issuer"))
    assert found.issuer == AUTHORITY.certificate.subject and same_key(found, KEY)
    with pytest.raises(ChainFault):
        path_to(found, [], [AUTHORITY.certificate], NOW)


def test_expired_ended_yesterday():
    found = certificate(enroll("expired"))
    assert found.not_valid_after_utc == NOW - timedelta(days=1)
    assert found.not_valid_after_utc - found.not_valid_before_utc == timedelta(days=365)


def test_oversized_is_2_mib_with_the_length_to_match():
    answer = enroll("oversized")
    assert len(answer.body) == 2 << 20 and dict(answer.headers)["Content-Length"] == str(2 << 20)


def test_truncated_promises_more_than_it_sends():
    answer = enroll("truncated")
    assert answer.wire == Wire(cut=100, close=True)
    assert int(dict(answer.headers)["Content-Length"]) == len(answer.body) > 100


def test_csrattrs_404_and_204():
    assert attributes("csrattrs-404").status == 404
    answer = attributes("csrattrs-204")
    assert (answer.status, answer.body) == (204, b"") and "Content-Length" not in dict(answer.headers)


def test_csrattrs_garbage_is_base64_of_no_der():
    answer = attributes("csrattrs-garbage")
    assert dict(answer.headers)["Content-Type"] == "application/csrattrs"
    with pytest.raises(CsrAttrsFault):
        read_csrattrs(base64.b64decode(answer.body.rstrip(), validate=True))


@pytest.mark.parametrize("name", FAULTS)
def test_a_segment_spoils_only_the_operations_it_is_for(name):
    right = Asked("GET", f"/.well-known/est/fault-{name}/cacerts", HEADERS)
    plain = Asked("GET", "/.well-known/est/cacerts", HEADERS)
    state = Responder(AUTHORITY)
    assert respond(state, right, Visitor(), NOW) == respond(state, plain, Visitor(), NOW)
    if name.startswith("csrattrs"):
        assert same_key(certificate(enroll(name)), KEY)
    else:
        assert len(attributes(name).body) == 57


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if not fault.status])
def test_a_fault_lets_nobody_in(name):
    operation = "serverkeygen" if FAULTS[name].on == KEYGEN else "simpleenroll"
    assert enroll(name, headers=HEADERS[:2], operation=operation).status == 401


def test_a_policy_chooses_faults_by_operation_and_for_all_others():
    policy = Policy(faults={"simplereenroll": FAULTS["wrong-key"], "*": FAULTS["status-503"]})
    assert not same_key(certificate(enroll(policy=policy, operation="simplereenroll")), KEY)
    assert enroll(policy=policy).status == 503


def test_a_fault_can_be_spelled_out():
    fault = Fault(
        status=202, headers=(("Retry-After", "60"),), drop=("status",), content_type="text/html", body=b"later", delay=2
    )
    assert enroll(policy=Policy(faults={"simpleenroll": fault})) == Answer(
        202,
        "Accepted",
        (("Retry-After", "60"), ("Content-Type", "text/html"), ("Content-Length", "5")),
        b"later",
        Wire(delay=2),
    )


def test_headers_are_added_before_the_length():
    answer = enroll(policy=Policy(faults={"*": Fault(headers=(("X", "y"),), close=True)}))
    assert [name for name, _ in answer.headers][-2:] == ["X", "Content-Length"]
    assert answer.wire == Wire(close=True) and same_key(certificate(answer), KEY)


# --- how it is packed ---------------------------------------------------------------------------------------------


def named(answer: Answer, name: str) -> str | None:
    return dict(answer.headers).get(name)


def test_a_bare_certificate_is_one_without_its_pkcs7():
    found = x509.load_der_x509_certificate(base64.b64decode(enroll("bare-certificate").body))
    assert same_key(found, KEY)


def test_ber_has_indefinite_lengths_and_the_same_certificate():
    octets = base64.b64decode(enroll("ber").body)
    assert octets[:2] == b"\x30\x80" and octets.endswith(b"\x31\0" + b"\0" * 6)
    assert same_key(certificate(enroll("ber")), KEY)
    with pytest.warns(UserWarning, match="DER"):  # other people read it too, though not as DER
        assert same_key(load_der_pkcs7_certificates(octets)[0], KEY)


def test_der_is_sent_as_it_is_and_pem_in_its_armour():
    der, pem = enroll("der"), enroll("pem")
    assert same_key(read_certs(der.body)[0], KEY) and named(der, "Content-Transfer-Encoding") is None
    assert pem.body.startswith(b"-----BEGIN PKCS7-----\n") and same_key(load_pem_pkcs7_certificates(pem.body)[0], KEY)


def test_no_certificates_are_a_pkcs7_all_the_same():
    with pytest.raises(Pkcs7Fault, match="no certificates"):
        read_certs(base64.b64decode(enroll("no-certificates").body))


def test_an_empty_body_is_a_200_without_an_octet():
    answer = enroll("empty-body")
    assert (answer.status, answer.body, named(answer, "Content-Length")) == (200, b"", "0")


def test_extra_certificates_stand_around_the_one_that_was_asked_for():
    found = read_certs(base64.b64decode(enroll("extra-certificates").body))
    assert len(found) >= 3 and AUTHORITY.certificate in found
    assert not same_key(found[0], KEY)
    assert sum(same_key(one, KEY) for one in found) == 1


@pytest.mark.parametrize(("name", "columns", "end"), [("76", 76, b"\r\n"), ("none", 0, b""), ("odd", 61, b" \r\n\t")])
def test_lines_are_wrapped_as_the_fault_has_it(name, columns, end):
    answer = enroll(f"wrap-{name}")
    assert same_key(certificate(answer), KEY)
    first = answer.body.split(end)[0] if end else answer.body
    assert len(first) == (columns or len(answer.body)) and b"\n" not in first


# --- headers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "header", "value"),
    [
        ("cte-binary", "Content-Transfer-Encoding", "binary"),
        ("cte-missing", "Content-Transfer-Encoding", None),
        ("cte-odd", "Content-Transfer-Encoding", "BASE 64; x=y"),
        ("type-bare", "Content-Type", "application/pkcs7-mime"),
        ("type-missing", "Content-Type", None),
        (
            "type-parameters",
            "Content-Type",
            'application/pkcs7-mime; charset="x;y"; name=smime.p7m; smime-type=certs-only',
        ),
        ("type-upper", "Content-Type", "APPLICATION/PKCS7-MIME; SMIME-TYPE=CERTS-ONLY"),
        ("type-wrong", "Content-Type", "text/html"),
    ],
)
def test_a_header_is_wrong_and_the_certificate_right(name, header, value):
    answer = enroll(name)
    assert named(answer, header) == value and same_key(certificate(answer), KEY)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("loop", "/.well-known/est/fault-redirect-loop/simpleenroll"),
        ("other", f"{ELSEWHERE}/.well-known/est/simpleenroll"),
        ("same", "/.well-known/est/simpleenroll"),
    ],
)
def test_a_redirect_leads_where_its_name_says(name, place):
    answer = enroll(f"redirect-{name}")
    assert (answer.status, named(answer, "Location")) == (307, place)


@pytest.mark.parametrize(
    ("name", "status", "value"),
    [
        ("retry-date", 202, "Thu, 06 Apr 2023 22:47:34 GMT"),
        ("retry-huge", 202, "999999999"),
        ("retry-missing", 202, None),
        ("retry-seconds", 202, "600"),
        ("status-503-retry", 503, "600"),
    ],
)
def test_retry_after_is_as_the_fault_has_it(name, status, value):
    answer = enroll(name)
    assert (answer.status, named(answer, "Retry-After")) == (status, value)


def test_an_error_in_html_has_control_characters():
    answer = enroll("html-error")
    assert (answer.status, named(answer, "Content-Type")) == (500, "text/html")
    assert {0x1B, 0x07, 0x00, 0x08, 0xFF} <= set(answer.body)


# --- the certificate ----------------------------------------------------------------------------------------------


def test_not_yet_valid_starts_in_a_week():
    assert certificate(enroll("not-yet-valid")).not_valid_before_utc == NOW + timedelta(days=7)


def test_wrong_subject_is_somebody_elses():
    found = certificate(enroll("wrong-subject"))
    assert found.subject.rfc4514_string() == "CN=somebody else" and same_key(found, KEY)


# --- the wire -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("http-1.0", Wire(http_version="1.0", close=True)),
        ("no-answer", Wire(silent=True, close=True)),
        ("slow", Wire(delay=1.0)),
        ("slow-pieces", Wire(pieces=100, pause=0.05)),
    ],
)
def test_the_wire_is_told_what_to_do(name, wire):
    answer = enroll(name)
    assert answer.wire == wire and same_key(certificate(answer), KEY)


def test_after_a_401_the_connection_ends_without_a_word():
    refused = enroll("close-after-401", headers=HEADERS[:2])
    assert refused.status == 401 and refused.wire == Wire(close=True)
    assert "connection" not in {name.lower() for name, _ in refused.headers}
    assert enroll("close-after-401").wire == Wire()


def test_every_word_of_a_fault_can_be_spelled_in_a_policy():
    words = (
        "close-after-401 = true, encoding = 'x', extra = true, form = 'ber', http-version = '1.0', key-first = false"
    )
    words += ", not-yet-valid = true, pause = 1, pieces = 2, pkcs1 = true, redirect = 'same', retry-after = 'date'"
    words += ", silent = true, wrap = 'odd', wrong-subject = true"
    fault = Policy.from_toml(f"faults.simpleenroll = {{ {words} }}").faults["simpleenroll"]
    assert fault == Fault(
        close_after_401=True,
        encoding="x",
        extra=True,
        form="ber",
        http_version="1.0",
        key_first=False,
        not_yet_valid=True,
        pause=1.0,
        pieces=2,
        pkcs1=True,
        redirect="same",
        retry_after="date",
        silent=True,
        wrap="odd",
        wrong_subject=True,
    )
