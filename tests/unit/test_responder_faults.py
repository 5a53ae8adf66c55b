"""The fault menu: each fault does what its name says, where it should, and nothing else."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from fortish.pki import names
from fortish.pki.chains import path_to
from fortish.pki.csrattrs import read_csrattrs
from fortish.pki.faults import ChainFault, CsrAttrsFault, Pkcs7Fault
from fortish.pki.keys import same_key
from fortish.pki.pkcs7 import read_certs
from fortish.pki.requests import new_request, pem_request
from fortish.responder.authority import Authority
from fortish.responder.faults import FAULTS, Fault
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
@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
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


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {f"status-{n}" for n in (401, 403, 404, 500, 503)}))
def test_a_fault_lets_nobody_in(name):
    assert enroll(name, headers=HEADERS[:2]).status == 401


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
