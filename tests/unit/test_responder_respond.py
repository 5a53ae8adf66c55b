"""`respond` without a network: every operation, every status, who may enrol, what is issued."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.name import _ASN1Type
from hypothesis import given
from hypothesis import strategies as st

from fortish.pki import der, names
from fortish.pki.keys import same_key, spki
from fortish.pki.pkcs7 import read_certs
from fortish.pki.requests import new_request, pem_request, renewal_request
from fortish.responder.authority import FIRST_SERIAL, Authority
from fortish.responder.body import LIMIT, armoured
from fortish.responder.policy import Label, Policy
from fortish.responder.respond import OPERATIONS, Asked, Responder, Visit, Visitor, respond

NOW = datetime(2023, 4, 6, 22, 37, 34, tzinfo=UTC)
KEY = ec.derive_private_key(7, ec.SECP256R1())
SUBJECT = names.subject_name([("CN", "firewall-portal1"), ("DC", "local"), ("DC", "COM")])
SAN = names.alternative_names([("DNS", "firewall-portal1.local.ca"), ("IP", "172.18.60.184")])
REQUEST = new_request(KEY, SUBJECT, SAN)
AUTHORITY = Authority.fresh(NOW)
BASIC = b"Basic " + base64.b64encode(b"estuser:estpwd")
TEXT = ("Content-Type", "text/plain")
NOBODY = Visitor()

# The documented renewal's request: its version field is 2.
DOCUMENTED = base64.b64decode(
    "MIIBQDCB5gIBAjAbMRkwFwYDVQQDDBBmaXJld2FsbC1wb3J0YWwxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQoJQmPedxPNUcfCyRvpq"
    "yt1oiiJX/me+TdButUSu8hg+9nPF6+xNf+5LmtG/YKHeXyCKG6xB9OmJf255Zmx+5qBpMGcGCSqGSIb3DQEJDjFaMFgwCQYDVR0TBAIwADAL"
    "BgNVHQ8EBAMCB4AwHQYDVR0OBBYEFJv4OdUh5v9J/6wCV1v8TBqLHl2PMB8GA1UdIwQYMBaAFBrfOYTCVuZszyq0JqX9DNJD9T0+MAoGCCqG"
    "SM49BAMCA0kAMEYCIQCK3Li51F7fXsyKZwtIcYMFvDobY3cKKTTDixtN7QZ2jwIhAKUkqfWPAzwcxQaNQw6pyYvo18ymB9aEheeIXZfGI+tV"
)


@pytest.fixture
def state() -> Responder:
    return Responder(AUTHORITY)


def der_of(thing) -> bytes:
    return thing.public_bytes(Encoding.DER)


def get(state, path, *headers, method="GET", visitor=NOBODY, now=NOW):
    asked = Asked(method, f"/.well-known/est/{path}", ((b"accept", b"*/*"), *headers))
    return respond(state, asked, visitor, now)


def post(state, path, body, *, basic=BASIC, kind=b"application/pkcs10", visitor=NOBODY, now=NOW, known=True):
    headers = [(b"content-type", kind)] + ([(b"user-agent", b"fortish")] if known else [])
    headers += [(b"authorization", basic)] if basic else []
    content = body if isinstance(body, bytes) else base64.encodebytes(der_of(body))
    return respond(state, Asked("POST", f"/.well-known/est/{path}", tuple(headers), content), visitor, now)


def issued(answer) -> x509.Certificate:
    assert answer.status == 200, answer.body
    (certificate,) = read_certs(base64.b64decode(answer.body))
    return certificate


def with_certificate(certificate, **more) -> Visitor:
    return Visitor(chain=(der_of(certificate), der_of(AUTHORITY.certificate)), **more)


# --- cacerts and csrattrs -----------------------------------------------------------------------------------------


def test_cacerts_are_the_root_with_the_documented_headers(state):
    answer = get(state, "cacerts")
    assert answer.headers == (
        ("Status", "200 OK"),
        ("Content-Type", "application/pkcs7-mime"),
        ("Content-Transfer-Encoding", "base64"),
        ("Content-Length", str(len(answer.body))),
    )
    assert read_certs(base64.b64decode(answer.body)) == [AUTHORITY.certificate]
    assert answer.head() == (
        b"HTTP/1.1 200 OK\r\nStatus: 200 OK\r\nContent-Type: application/pkcs7-mime\r\n"
        b"Content-Transfer-Encoding: base64\r\nContent-Length: %d\r\n\r\n" % len(answer.body)
    )


def test_csrattrs_are_the_documented_octets(state):
    answer = get(state, "csrattrs")
    assert answer.body == b"MCYGBysGAQEBARYGCSqGSIb3DQEJAQYFK4EEACIGCWCGSAFlAwQCAg==\n"
    assert dict(answer.headers)["Content-Length"] == "57"
    assert dict(answer.headers)["Content-Type"] == "application/csrattrs"


def test_no_csrattrs_are_a_204_without_a_body():
    answer = get(Responder(AUTHORITY, Policy(csrattrs=())), "csrattrs")
    assert (answer.status, answer.headers, answer.body) == (204, (("Status", "204 No Content"),), b"")


def test_a_label_may_have_csrattrs_of_its_own(state):
    policy = Policy(labels={"none": Label(csrattrs=()), "p521": Label(csrattrs=("1.3.132.0.35",))})
    state = Responder(AUTHORITY, policy)
    assert get(state, "none/csrattrs").status == 204
    assert get(state, "p521/csrattrs").body == b"MAcGBSuBBAAj\n"
    assert len(get(state, "csrattrs").body) == 57


# --- simpleenroll -------------------------------------------------------------------------------------------------


def test_an_enrollment_is_answered_as_documented(state):
    answer = post(state, "simpleenroll", REQUEST)
    assert answer.headers == (
        ("Status", "200 OK"),
        ("Content-Type", "application/pkcs7-mime; smime-type=certs-only"),
        ("Content-Transfer-Encoding", "base64"),
        ("Content-Length", str(len(answer.body))),
    )
    assert 585 <= len(answer.body) <= 590
    lines = answer.body.split(b"\n")
    assert {len(line) for line in lines[:-2]} == {64} and lines[-1] == b""


def test_the_certificate_has_the_requests_key_and_only_its_common_name(state):
    certificate = issued(post(state, "simpleenroll", REQUEST))
    assert same_key(certificate, KEY)
    assert certificate.subject == x509.Name([next(iter(SUBJECT))])
    assert next(iter(certificate.subject))._type is _ASN1Type.UTF8String
    assert [type(item.value) for item in certificate.extensions] == [
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.SubjectKeyIdentifier,
        x509.AuthorityKeyIdentifier,
    ]
    assert not any(item.critical for item in certificate.extensions)
    assert certificate.not_valid_after_utc == NOW + timedelta(days=365)
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)
    assert AUTHORITY.has_issued(certificate)


def test_the_common_names_string_type_is_the_requests():
    printable = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a", _ASN1Type.PrintableString)])
    certificate = issued(post(Responder(AUTHORITY), "simpleenroll", new_request(KEY, printable, None)))
    assert certificate.subject.public_bytes() == printable.public_bytes()


def test_serial_numbers_are_consecutive_from_the_documented_one(state):
    serials = [issued(post(state, "simpleenroll", REQUEST)).serial_number for _ in range(3)]
    assert serials == [FIRST_SERIAL, FIRST_SERIAL + 1, FIRST_SERIAL + 2] == [476823, 476824, 476825]
    assert [certificate.serial_number for certificate in state.issued] == serials


def test_the_segment_full_keeps_subject_and_san(state):
    certificate = issued(post(state, "full/simpleenroll", REQUEST))
    assert certificate.subject.public_bytes() == SUBJECT.public_bytes()
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == SAN


@pytest.mark.parametrize(
    ("label", "request_", "reason"),
    [
        ("", new_request(KEY, names.subject_name([("O", "x")]), SAN), b"no common name"),
        ("full/", new_request(KEY, x509.Name([]), None), b"names nobody"),
    ],
)
def test_a_request_without_a_name_is_refused(state, label, request_, reason):
    answer = post(state, f"{label}simpleenroll", request_)
    assert answer.status == 400 and reason in answer.body
    assert not state.issued and state.next_serial == FIRST_SERIAL


def test_an_alternative_name_alone_is_a_name_for_full(state):
    certificate = issued(post(state, "full/simpleenroll", new_request(KEY, x509.Name([]), SAN)))
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()])
def test_other_kinds_of_key_are_certified_too(state, key):
    assert same_key(issued(post(state, "simpleenroll", new_request(key, SUBJECT, None))), key)


def test_the_policy_sets_the_life_of_a_certificate():
    state = Responder(AUTHORITY, Policy(days=3))
    assert issued(post(state, "simpleenroll", REQUEST)).not_valid_after_utc == NOW + timedelta(days=3)


# --- bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        base64.encodebytes(der_of(REQUEST)),
        base64.b64encode(der_of(REQUEST)),
        base64.encodebytes(der_of(REQUEST)).replace(b"\n", b"\r\n\t"),
        pem_request(REQUEST).encode(),
        pem_request(REQUEST).replace("CERTIFICATE REQ", "NEW CERTIFICATE REQ").encode() + b"\n",
        der_of(REQUEST),
    ],
    ids=["76 columns", "one line", "CRLF and TAB", "PEM", "NEW PEM", "DER"],
)
def test_a_request_is_taken_in_every_style(state, body):
    assert same_key(issued(post(state, "simpleenroll", body)), KEY)


def test_the_documented_request_is_taken_although_its_version_is_2(state):
    info = next(der.children(der.first(DOCUMENTED)))
    key = load_der_public_key(list(der.children(info))[2].raw)
    assert spki(issued(post(state, "simplereenroll", base64.encodebytes(DOCUMENTED)))) == spki(key)
    answer = post(state, "simpleenroll", DOCUMENTED.replace(b"portal1", b"portal2"))
    assert answer.status == 400 and b"signature" in answer.body


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()])
def test_a_signature_over_version_2_is_checked_for_every_kind_of_key(state, key):
    request = new_request(key, SUBJECT, None)
    spoilt = der_of(request).replace(b"\x02\x01\x00", b"\x02\x01\x02", 1)  # signed over 0, so wrong now
    answer = post(state, "simpleenroll", spoilt)
    assert answer.status == 400 and b"signature" in answer.body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", b"not a certification request"),
        (b"*", b"not base64"),
        (b"MAA=", b"not a certification request"),
        (base64.b64encode(der_of(REQUEST)[:-5]), b"not a certification request: truncated"),
        (base64.b64encode(der_of(REQUEST)[:-1] + bytes([der_of(REQUEST)[-1] ^ 1])), b"signature"),
        (base64.b64encode(der_of(AUTHORITY.certificate)), b"not a certification request"),
    ],
)
def test_a_bad_request_is_a_400_that_says_why(state, body, reason):
    answer = post(state, "simpleenroll", body)
    assert answer.status == 400 and TEXT in answer.headers
    assert reason in answer.body
    assert not state.issued


def test_a_body_above_the_limit_is_a_413(state):
    assert post(state, "simpleenroll", b"A" * (LIMIT + 1)).status == 413
    assert post(state, "simpleenroll", b"A" * LIMIT).status == 400


@pytest.mark.parametrize("value", [b"base64", b"binary", b"7bit", b"quoted-printable", b"", b"no such thing"])
@pytest.mark.parametrize("operation", ["simpleenroll", "simplereenroll", "serverkeygen"])
def test_a_content_transfer_encoding_is_ignored_whatever_it_says(state, operation, value):
    """RFC 8951 section 3."""
    headers = ((b"content-type", b"application/pkcs10"), (b"authorization", BASIC))
    body = base64.encodebytes(der_of(REQUEST))
    for further in ((), ((b"content-transfer-encoding", value),)):
        asked = Asked("POST", f"/.well-known/est/{operation}", (*headers, *further), body)
        assert respond(state, asked, Visitor(), NOW).status == 200


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (b"application/pkcs10", 200),
        (b"Application/PKCS10 ; charset=x", 200),
        (b"application/pkcs7-mime", 415),
        (b"", 415),
    ],
)
def test_the_type_is_pkcs10_with_any_parameters(state, kind, status):
    assert post(state, "simpleenroll", REQUEST, kind=kind).status == status


@pytest.mark.parametrize(
    ("wrap", "known", "columns", "end"),
    [
        ("auto", True, 64, b"\n"),
        ("auto", False, 0, b""),
        ("none", True, 0, b""),
        (64, False, 64, b"\n"),
        (76, True, 76, b"\r\n"),
    ],
)
def test_base64_is_wrapped_as_the_policy_has_it(wrap, known, columns, end):
    answer = post(Responder(AUTHORITY, Policy(wrap=wrap)), "simpleenroll", REQUEST, known=known)
    first, *rest = answer.body.split(end) if end else [answer.body]
    assert len(first) == (columns or len(answer.body)) and b"\n" not in first
    assert not end or rest[-1] == b""
    assert issued(answer)


def test_cacerts_are_made_once_for_each_style(state):
    assert get(state, "cacerts").body is get(state, "cacerts").body
    one_line = respond(state, Asked("GET", "/.well-known/est/cacerts"), Visitor(), NOW).body
    assert b"\n" in get(state, "cacerts").body and b"\n" not in one_line
    assert armoured(b"", 64) == b""


# --- who may enrol ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "basic",
    [
        None,
        b"Basic",
        b"Basic !",
        b"Basic " + base64.b64encode(b"estuser"),
        b"Basic " + base64.b64encode(b"estuser:wrong"),
        b"Basic " + base64.b64encode(b"estuser:estpwd\0"),
        b"Basic " + base64.b64encode(b"estuser:estpwd:"),
        b"Basic " + base64.b64encode(b"nobody:estpwd"),
        b"Digest x",
        b"Bearer " + base64.b64encode(b"estuser:estpwd"),
    ],
)
@pytest.mark.parametrize("operation", ["simpleenroll", "simplereenroll"])
def test_whoever_proves_nothing_is_challenged(state, operation, basic):
    answer = post(state, operation, REQUEST, basic=basic)
    assert answer.status == 401
    assert answer.headers[:2] == (("Status", "401 Unauthorized"), ("WWW-Authenticate", 'Basic realm="estrealm"'))
    assert TEXT in answer.headers and not state.issued
    assert state.history[-1].account == ""


def test_the_scheme_is_basic_in_any_case_and_passwords_may_hold_colons():
    state = Responder(AUTHORITY, Policy(accounts={"ä": "p:w:ü", "": "only"}))
    assert issued(post(state, "simpleenroll", REQUEST, basic=b"bASIC " + base64.b64encode("ä:p:w:ü".encode())))
    assert issued(post(state, "simpleenroll", REQUEST, basic=b"Basic " + base64.b64encode(b":only")))


def test_a_client_certificate_of_this_ca_is_enough(state):
    held = issued(post(state, "simpleenroll", REQUEST))
    assert issued(post(state, "simpleenroll", REQUEST, basic=None, visitor=with_certificate(held)))
    assert state.history[-1].account == "CN=firewall-portal1"


@pytest.mark.parametrize(
    ("certificate", "later", "reason"),
    [
        (Authority.fresh(NOW).issue(KEY.public_key(), SUBJECT, 1, NOW), 1, b"not of this CA"),
        (AUTHORITY.issue(KEY.public_key(), SUBJECT, 1, NOW), 366, b"client certificate has expired"),
        (AUTHORITY.issue(KEY.public_key(), SUBJECT, 1, NOW), -1, b"client certificate is not yet valid"),
        (AUTHORITY.certificate, 1, b"not of this CA"),
    ],
    ids=["another CA", "expired", "not yet valid", "the root"],
)
def test_a_client_certificate_that_is_none_of_ours_or_out_of_date_is_not(state, certificate, later, reason):
    visitor, now = with_certificate(certificate), NOW + timedelta(days=later)
    answer = post(state, "simpleenroll", REQUEST, basic=None, visitor=visitor, now=now)
    assert answer.status == 401 and reason in answer.body
    assert post(state, "simpleenroll", REQUEST, visitor=visitor, now=now).status == 200  # HTTP Basic still counts


def test_an_unreadable_client_certificate_is_refused(state):
    assert post(state, "simpleenroll", REQUEST, basic=None, visitor=Visitor(chain=(b"x",))).status == 401


def test_a_user_of_srp_is_enough_if_the_policy_knows_them(state):
    assert issued(post(state, "simpleenroll", REQUEST, basic=None, visitor=Visitor(srp_user="srpuser")))
    assert state.history[-1].account == "srpuser"
    assert post(state, "simpleenroll", REQUEST, basic=None, visitor=Visitor(srp_user="x")).status == 401


def test_a_policy_may_ask_for_the_http_user_beside_what_tls_has(state):
    """RFC 7030 section 3.2.3; libest does unless it is told otherwise."""
    held = issued(post(state, "simpleenroll", REQUEST))
    state.policy = Policy.from_toml("http-too = true\nlabels.full = { keep-subject = true }")
    for visitor in (with_certificate(held), Visitor(srp_user="srpuser")):
        refused = post(state, "simpleenroll", REQUEST, basic=None, visitor=visitor)
        assert refused.status == 401 and b"beside TLS's own" in refused.body
        assert issued(post(state, "simpleenroll", REQUEST, visitor=visitor))
    assert post(state, "simplereenroll", REQUEST, visitor=with_certificate(held)).status == 403  # it is still compared
    assert state.history[-1].account == "CN=firewall-portal1"


@pytest.mark.parametrize("operation", ["cacerts", "csrattrs"])
def test_reading_needs_no_authentication(state, operation):
    assert get(state, operation).status == 200


def test_a_port_for_certificates_serves_nobody_else(state):
    state.certificate_ports.add(9443)
    held = AUTHORITY.issue(KEY.public_key(), SUBJECT, 1, NOW)
    assert state.needs_client_certificate(9443) and not state.needs_client_certificate(8443)
    assert get(state, "cacerts", visitor=Visitor(local_port=9443)).status == 403
    assert post(state, "simpleenroll", REQUEST, visitor=Visitor(local_port=9443)).status == 403
    visitor = with_certificate(held, local_port=9443)
    assert get(state, "cacerts", visitor=visitor).status == 200
    expired = get(state, "cacerts", visitor=visitor, now=NOW + timedelta(days=366))
    assert expired.status == 403 and b"expired" in expired.body


# --- simplereenroll -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["", "full/"])
def test_a_certificate_renews_itself(state, label):
    held = issued(post(state, f"{label}simpleenroll", REQUEST))
    wanted = renewal_request(held, KEY)
    again = issued(post(state, f"{label}simplereenroll", wanted, basic=None, visitor=with_certificate(held)))
    assert again.subject == held.subject and again.serial_number == held.serial_number + 1
    assert [item.value for item in again.extensions] == [item.value for item in held.extensions]


def test_a_certificate_may_be_rekeyed(state):
    held, other = issued(post(state, "simpleenroll", REQUEST)), ec.generate_private_key(ec.SECP256R1())
    wanted = renewal_request(held, other)
    again = issued(post(state, "simplereenroll", wanted, basic=None, visitor=with_certificate(held)))
    assert same_key(again, other)
    ours = again.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert ours == x509.SubjectKeyIdentifier.from_public_key(other.public_key())


@pytest.mark.parametrize(
    ("subject", "san", "reason"),
    [
        ([("CN", "other")], SAN, b"subject is not"),
        ([("CN", "firewall-portal1"), ("DC", "COM"), ("DC", "local")], SAN, b"subject is not"),
        ([("CN", "firewall-portal1"), ("DC", "local"), ("DC", "COM")], None, b"subjectAltName is not"),
        (
            [("CN", "firewall-portal1"), ("DC", "local"), ("DC", "COM")],
            names.alternative_names([("DNS", "x")]),
            b"subjectAltName is not",
        ),
    ],
)
def test_other_names_than_the_certificates_are_refused(state, subject, san, reason):
    held = issued(post(state, "full/simpleenroll", REQUEST))
    wanted = new_request(KEY, names.subject_name(subject), san)
    answer = post(state, "full/simplereenroll", wanted, visitor=with_certificate(held))
    assert answer.status == 403 and TEXT in answer.headers
    assert reason in answer.body
    assert len(state.issued) == 1


def test_over_basic_a_renewal_is_not_compared(state):
    assert issued(post(state, "simplereenroll", REQUEST))


# --- proof-of-possession linking ----------------------------------------------------------------------------------


def test_a_challenge_password_must_be_this_connections_tls_unique(state):
    unique = b"0123456789ab"
    bound = new_request(KEY, SUBJECT, None, challenge=base64.b64encode(unique).decode())
    assert post(state, "simpleenroll", bound, visitor=Visitor(tls_unique=unique)).status == 200
    other = post(state, "simpleenroll", bound, visitor=Visitor(tls_unique=b"another"))
    assert other.status == 400 and b"linking has failed" in other.body
    unknown = post(state, "simpleenroll", bound)
    assert unknown.status == 400 and b"TLS 1.2" in unknown.body


def test_a_request_without_a_challenge_password_needs_no_linking(state):
    assert post(state, "simpleenroll", REQUEST, visitor=Visitor(tls_unique=b"x")).status == 200


# --- paths and methods --------------------------------------------------------------------------------------------


def test_the_operations_are_sorted():
    assert list(OPERATIONS) == sorted(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_wrong_method_is_told_the_right_one(state, operation):
    right = OPERATIONS[operation].method
    allowed = {"GET": "GET, HEAD"}.get(right, right)
    for method in {"GET", "POST", "HEAD", "PUT", "DELETE", "get"} - set(allowed.split(", ")):
        answer = get(state, operation, method=method)
        assert answer.status == 405 and ("Allow", allowed) in answer.headers


def test_fullcmc_is_not_implemented(state):
    answer = post(state, "fullcmc", REQUEST)
    assert answer.status == 501 and b"fullcmc" in answer.body


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "*",
        "",
        "/.well-known/est",
        "/.well-known/est/",
        "/.well-known/est/enroll",
        "/.well-known/est/CACERTS",
        "/.well-known/est/cacerts/",
        "/.well-known/est//cacerts",
        "/.well-known/est/nolabel/cacerts",
        "/.well-known/est/full/full/cacerts",
        "/.well-known/est/wrong-key/cacerts",
        "/.well-known/est/fault-x/cacerts",
        "/est/cacerts",
        "cacerts",
        "https://host",
    ],
)
def test_an_unknown_path_is_a_404(state, target):
    answer = respond(state, Asked("GET", target), Visitor("192.0.2.1"), NOW)
    assert answer.status == 404 and TEXT in answer.headers
    assert state.history[-1] == Visit(NOW, "192.0.2.1", "", "", "", 404, "")


@pytest.mark.parametrize(
    "target",
    [
        "/.well-known/est/cacerts?x=/y",
        "https://host:8443/.well-known/est/cacerts",
        "/.well-known/est/full/cacerts",
        "/.well-known/est/%66ull/cacerts",
    ],
)
def test_a_path_is_known_with_query_label_or_in_absolute_form(state, target):
    assert respond(state, Asked("GET", target), Visitor(), NOW).status == 200


def test_every_visit_is_remembered(state):
    post(state, "full/simpleenroll", REQUEST, visitor=Visitor("192.0.2.1"))
    subject = "CN=firewall-portal1, DC=local, DC=COM"
    assert list(state.history) == [Visit(NOW, "192.0.2.1", "simpleenroll", "full", "estuser", 200, subject)]


# --- anything at all ----------------------------------------------------------------------------------------------


@given(
    target=st.text(max_size=20).map(lambda text: f"/.well-known/est/{text}"),
    basic=st.binary(max_size=30),
    visitor=st.binary(max_size=30).map(lambda octets: Visitor(chain=(octets,))),
)
def test_no_request_line_or_credential_raises(target, basic, visitor):
    state = Responder(AUTHORITY)
    assert respond(state, Asked("GET", target), visitor, NOW).status in {200, 404, 405, 501}
    assert post(state, "simpleenroll", REQUEST, basic=basic, visitor=visitor).status in {200, 401}


@given(st.binary(max_size=80))
def test_no_body_raises(body):
    assert post(Responder(AUTHORITY), "simpleenroll", body).status == 400


@given(at=st.integers(0, len(der_of(REQUEST)) - 1), octet=st.integers(0, 255))
def test_no_spoilt_request_raises_or_is_certified(at, octet):
    whole = der_of(REQUEST)
    spoilt = whole[:at] + bytes([octet]) + whole[at + 1 :]
    answer = post(Responder(AUTHORITY), "full/simpleenroll", base64.b64encode(spoilt))
    assert answer.status == (200 if spoilt == whole else 400)


def test_a_policys_clock_may_be_far_off(state):
    far = replace(Policy(), days=36500)
    answer = post(Responder(AUTHORITY, far), "simpleenroll", REQUEST, now=datetime(9990, 1, 1, tzinfo=UTC))
    assert answer.status == 400
