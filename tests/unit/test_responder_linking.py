"""Linking of identity and proof of possession (RFC 7030 section 3.5, RFC 7894, RFC 9266), by policy and label."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type

from fortish.pki import names
from fortish.pki.csrattrs import read_csrattrs
from fortish.pki.identity import is_cmc_ra
from fortish.responder.authority import Authority
from fortish.responder.policy import Policy
from fortish.responder.respond import Asked, Responder, Visitor, respond

NOW = datetime(2023, 4, 6, 22, 37, 34, tzinfo=UTC)
AUTHORITY = Authority.fresh(NOW)
KEY = ec.derive_private_key(7, ec.SECP256R1())
SUBJECT = names.subject_name([("CN", "a")])
BASIC = b"Basic " + base64.b64encode(b"estuser:estpwd")
CHALLENGE, LINKING = "1.2.840.113549.1.9.7", "1.2.840.113549.1.9.16.2.58"
UNIQUE, EXPORTER = b"0123456789ab", b"e" * 32
REQUIRED = "linking of identity and POP information is required"


def enroll(state, *attributes, visitor=Visitor(tls_unique=UNIQUE), operation="simpleenroll"):
    builder = x509.CertificateSigningRequestBuilder(SUBJECT)
    for oid, value in attributes:
        builder = builder.add_attribute(x509.ObjectIdentifier(oid), value, _tag=_ASN1Type.PrintableString)
    body = builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM)
    headers = ((b"content-type", b"application/pkcs10"), (b"authorization", BASIC))
    return respond(state, Asked("POST", f"/.well-known/est/{operation}", headers, body), visitor, NOW)


def asked_for(state, segment="") -> list[str]:
    answer = respond(state, Asked("GET", f"/.well-known/est/{segment}csrattrs"), Visitor(), NOW)
    return [attribute.oid for attribute in read_csrattrs(base64.b64decode(answer.body))]


def with_pop(pop: str) -> Responder:
    return Responder(AUTHORITY, Policy.from_toml(f"pop = '{pop}'"))


def bound(binding: bytes) -> bytes:
    return base64.b64encode(binding)


@pytest.mark.parametrize("pop", ["off", "optional", "required"])
@pytest.mark.parametrize("operation", ["simpleenroll", "simplereenroll", "serverkeygen"])
def test_what_is_there_is_checked_whatever_the_policy_says(pop, operation):
    state = with_pop(pop)
    for oid in (CHALLENGE, LINKING):
        assert enroll(state, (oid, bound(UNIQUE)), operation=operation).status == 200
        wrong = enroll(state, (oid, bound(b"another")), operation=operation)
        assert wrong.status == 400 and b"linking has failed" in wrong.body
        unknown = enroll(state, (oid, bound(UNIQUE)), visitor=Visitor(), operation=operation)
        assert unknown.status == 400 and b"TLS 1.2" in unknown.body


@pytest.mark.parametrize(("pop", "status"), [("off", 200), ("optional", 200), ("required", 400)])
def test_only_required_refuses_a_request_without(pop, status):
    answer = enroll(with_pop(pop))
    assert answer.status == status
    assert (REQUIRED.encode() in answer.body) is (pop == "required")


def test_a_line_end_behind_the_binding_does_no_harm():
    """globalsign/est writes one; RFC 8951 section 3.1 has white space ignored in base64."""
    state = with_pop("required")
    assert enroll(state, (CHALLENGE, bound(UNIQUE) + b"\r\n")).status == 200
    assert enroll(state, (CHALLENGE, bound(b"another") + b"\r\n")).status == 400


def test_each_attribute_is_judged_by_itself():
    """RFC 7894 section 3.3: both may be sent."""
    state = with_pop("required")
    assert enroll(state, (CHALLENGE, bound(UNIQUE)), (LINKING, bound(UNIQUE))).status == 200
    assert enroll(state, (CHALLENGE, bound(UNIQUE)), (LINKING, bound(b"x"))).status == 400
    assert enroll(state, (CHALLENGE, bound(b"x")), (LINKING, bound(UNIQUE))).status == 400


def test_the_exporter_is_as_good_where_it_is_known():
    state = with_pop("required")
    for visitor in (Visitor(tls_exporter=EXPORTER), Visitor(tls_unique=UNIQUE, tls_exporter=EXPORTER)):
        assert enroll(state, (CHALLENGE, bound(EXPORTER)), visitor=visitor).status == 200
    assert enroll(state, (CHALLENGE, bound(EXPORTER))).status == 400


@pytest.mark.parametrize("value", [b"\0" * 256, b"x" * 300])
def test_an_overlong_attribute_is_refused(value):
    assert enroll(with_pop("off"), (CHALLENGE, value)).status == 400


def test_csrattrs_name_what_is_wanted_and_name_it_once():
    plain = asked_for(with_pop("off"))
    assert CHALLENGE not in plain and LINKING not in plain
    for pop in ("optional", "required"):
        assert asked_for(with_pop(pop)) == [*plain, CHALLENGE, LINKING]
    listed = Policy.from_toml(f"pop = 'required'\ncsrattrs = ['{CHALLENGE}']")
    assert asked_for(Responder(AUTHORITY, listed)) == [CHALLENGE, LINKING]


def test_a_label_may_ask_for_more_or_less_than_the_policy():
    text = "pop = 'required'\nlabels.lax = { pop = 'off', csrattrs = [] }\nlabels.same = {}"
    state = Responder(AUTHORITY, Policy.from_toml(text))
    assert enroll(state, operation="lax/simpleenroll").status == 200
    assert enroll(state, operation="same/simpleenroll").status == 400
    assert respond(state, Asked("GET", "/.well-known/est/lax/csrattrs"), Visitor(), NOW).status == 204
    assert asked_for(state, "same/")[-2:] == [CHALLENGE, LINKING]


# --- registration authorities (RFC 7030 section 3.7) ------------------------------------------------------------------


def with_ra(policy: str) -> tuple[Responder, Visitor]:
    """A responder, and whoever holds a certificate of its segment `ra`."""
    state = Responder(AUTHORITY, Policy.from_toml(f"labels.ra = {{ ra = true, pop = 'off' }}\n{policy}"))
    assert enroll(state, operation="ra/simpleenroll").status == 200
    return state, Visitor(chain=(state.issued[-1].public_bytes(Encoding.DER),), tls_unique=UNIQUE)


def test_a_segment_may_issue_for_registration_authorities():
    state, _ = with_ra("")
    assert is_cmc_ra(state.issued[-1])
    enroll(state)
    assert not is_cmc_ra(state.issued[-1])


@pytest.mark.parametrize("operation", ["simpleenroll", "simplereenroll", "serverkeygen"])
@pytest.mark.parametrize("pop", ["off", "optional", "required"])
def test_a_registration_authority_may_be_exempt_from_linking(pop, operation):
    """It has checked the linking itself, on a connection of its own."""
    state, holder = with_ra(f"pop = '{pop}'\nra-exempt = true")
    for attributes in ([], [(CHALLENGE, bound(b"of another connection"))]):
        assert enroll(state, *attributes, visitor=holder, operation=operation).status == 200


def test_what_it_passes_on_is_somebody_elses_and_so_is_a_renewal():
    for policy, status in (("ra-exempt = true", 200), ("", 403)):
        state, _ = with_ra(policy)
        other = AUTHORITY.issue(KEY.public_key(), names.subject_name([("CN", "the RA")]), 1, NOW, ra=True)
        holder = Visitor(chain=(other.public_bytes(Encoding.DER),), tls_unique=UNIQUE)
        assert enroll(state, visitor=holder, operation="simplereenroll").status == status


def test_it_is_exempt_only_where_the_policy_says_so():
    state, holder = with_ra("pop = 'required'")
    assert enroll(state, visitor=holder).status == 400
    assert enroll(state, (CHALLENGE, bound(b"of another connection")), visitor=holder).status == 400


def test_nobody_else_is_exempt():
    state, _ = with_ra("pop = 'required'\nra-exempt = true")
    assert enroll(state).status == 400
    assert enroll(state, (CHALLENGE, bound(UNIQUE))).status == 200
    holder = Visitor(chain=(state.issued[-1].public_bytes(Encoding.DER),), tls_unique=UNIQUE)
    assert enroll(state, visitor=holder).status == 400
    stranger = Authority.fresh(NOW).issue(KEY.public_key(), SUBJECT, 1, NOW, ra=True)
    answer = enroll(state, visitor=Visitor(chain=(stranger.public_bytes(Encoding.DER),), tls_unique=UNIQUE))
    assert answer.status == 400  # let in by its password, and no authority of this CA
