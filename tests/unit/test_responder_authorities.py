"""Several CAs, an intermediate, a rollover, revocation: what each label's clients see, and that their paths verify."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type

from fortish.pki import crl, der, names
from fortish.pki.chains import path_to, self_signed
from fortish.pki.faults import ChainFault
from fortish.pki.pkcs7 import read_certs
from fortish.pki.requests import new_request, pem_request, renewal_request
from fortish.responder.authority import FIRST_SERIAL, Authority
from fortish.responder.policy import Policy
from fortish.responder.respond import Asked, Responder, Visitor, respond
from fortish.responder.revocation import revoke

NOW = datetime(2023, 4, 6, 22, 37, 34, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
KEY = ec.derive_private_key(7, ec.SECP256R1())
SUBJECT = names.subject_name([("CN", "a"), ("O", "b")])
SAN = names.alternative_names([("DNS", "a.example")])
BODY = pem_request(new_request(KEY, SUBJECT, SAN)).encode()
BASIC = b"Basic " + base64.b64encode(b"estuser:estpwd")


def responder(text: str) -> Responder:
    return Responder(Authority.fresh(NOW), Policy.from_toml(text))


def get(state, path, now=LATER):
    return respond(state, Asked("GET", path), Visitor(), now)


def cacerts(state, segment="", now=LATER) -> list[x509.Certificate]:
    """What cacerts has: on the wire in the order of a SET OF, here in the responder's own."""
    found = read_certs(base64.b64decode(get(state, f"/.well-known/est/{segment}cacerts", now).body))
    assert found == sorted(found, key=lambda one: one.public_bytes(Encoding.DER))
    published = state.hierarchy(state.policy.label(segment.rstrip("/")).ca, now).published
    assert set(found) == set(published) and len(found) == len(published)
    return list(published)


def post(state, path="simpleenroll", body=BODY, *, basic=BASIC, visitor=Visitor(), now=LATER):
    headers = [(b"content-type", b"application/pkcs10"), (b"accept", b"*/*")]
    headers += [(b"authorization", basic)] if basic else []
    return respond(state, Asked("POST", f"/.well-known/est/{path}", tuple(headers), body), visitor, now)


def issued(answer) -> x509.Certificate:
    assert answer.status == 200, answer.body
    (certificate,) = read_certs(base64.b64decode(answer.body))
    return certificate


def holding(certificate) -> Visitor:
    return Visitor(chain=(certificate.public_bytes(Encoding.DER),))


def common(name: x509.Name) -> str:
    return name.rfc4514_string()


# --- several CAs --------------------------------------------------------------------------------------------------

TWO = """
cas = { iot = {}, vip = { common-name = "VIP CA" } }
labels = { iot = { ca = "iot", days = 3 }, vip = { ca = "vip" } }"""


def test_a_label_has_its_own_ca():
    state = responder(TWO)
    roots = [cacerts(state, segment)[0] for segment in ("", "iot/", "vip/")]
    assert [common(root.subject) for root in roots] == ["CN=estExampleCA", "CN=iot", "CN=VIP CA"]
    for root, segment in zip(roots, ("", "iot/", "vip/"), strict=True):
        certificate = issued(post(state, f"{segment}simpleenroll"))
        assert path_to(certificate, [], [root], LATER)[-1] == root
        assert certificate.not_valid_after_utc == LATER + timedelta(days=3 if segment == "iot/" else 365)
    assert cacerts(state, "iot/") == cacerts(state, "iot/")


def test_a_certificate_of_any_of_the_cas_is_one_of_ours():
    state = responder(TWO)
    held = issued(post(state, "iot/simpleenroll"))
    assert post(state, basic=None, visitor=holding(held)).status == 200
    stranger = issued(post(responder(TWO), "iot/simpleenroll"))
    assert post(state, basic=None, visitor=holding(stranger)).status == 401


def test_a_policy_that_changes_brings_its_own_cas():
    state = responder("")
    assert len(cacerts(state)) == 1
    state.policy = Policy.from_toml("intermediate = true")
    assert len(cacerts(state)) == 2 and cacerts(state)[0] == state.authority.certificate


# --- an intermediate ----------------------------------------------------------------------------------------------


def test_with_an_intermediate_cacerts_has_both_and_a_path_needs_it():
    """RFC 7030 section 4.1.3: the chain that is needed to build a path to the root."""
    state = responder("intermediate = true")
    root, middle = cacerts(state)
    assert self_signed(root) and common(middle.subject) == "CN=estExampleCA Intermediate"
    certificate = issued(post(state))
    assert path_to(certificate, [middle], [root], LATER) == [certificate, middle, root]
    with pytest.raises(ChainFault):
        path_to(certificate, [], [root], LATER)
    constraints = middle.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and constraints.value.ca and constraints.value.path_length == 0
    assert middle.not_valid_after_utc == root.not_valid_after_utc


def test_a_ca_is_no_client_even_if_it_was_issued():
    state = responder("intermediate = true")
    assert post(state, basic=None, visitor=holding(cacerts(state)[1])).status == 401


# --- rollover -----------------------------------------------------------------------------------------------------


def test_a_rollover_has_both_roots_and_each_signed_by_the_other():
    """RFC 7030 section 4.1.3, RFC 4210 section 4.4."""
    state = responder("rollover = true")
    new, old, old_with_new, new_with_old = cacerts(state)
    assert old == state.authority.certificate and self_signed(new) and self_signed(old)
    assert new.not_valid_after_utc > old.not_valid_after_utc
    assert len({common(one.subject) for one in (new, old, old_with_new, new_with_old)}) == 1
    for cross, holder, signer in ((old_with_new, old, new), (new_with_old, new, old)):
        assert cross.public_key() == holder.public_key() and not self_signed(cross)
        cross.verify_directly_issued_by(signer)
    assert old_with_new.not_valid_before_utc == old.not_valid_before_utc
    assert new_with_old.not_valid_after_utc == old.not_valid_after_utc


def test_new_certificates_are_the_new_roots_and_reach_the_old_one_too():
    state = responder("rollover = true")
    new, old, _, new_with_old = cacerts(state)
    certificate = issued(post(state))
    assert path_to(certificate, [], [new], LATER) == [certificate, new]
    assert path_to(certificate, [new_with_old], [old], LATER) == [certificate, new_with_old, old]


def test_who_holds_a_certificate_of_the_old_root_may_renew_it():
    state = responder("")
    held = issued(post(state))
    state.policy = Policy.from_toml("rollover = true")
    wanted = pem_request(renewal_request(held, KEY)).encode()
    again = issued(post(state, "simplereenroll", wanted, basic=None, visitor=holding(held)))
    assert path_to(again, [], [cacerts(state)[0]], LATER)


def test_a_renewal_which_nobody_approves_makes_nobody_a_registration_authority():
    labels = "labels.other = { ca = 'other' }\nlabels.ra = { ra = true }\ncas.other = {}"
    state = responder(f"approval = 'manual'\napprove-after = 0\n{labels}")
    refused = set()
    for place in ("", "other/", "ra/"):
        held = issued(post(state, f"{place}simpleenroll"))
        wanted = pem_request(renewal_request(held, KEY)).encode()
        for label in ("", "other/", "ra/"):
            answer = post(state, f"{label}simplereenroll", wanted, basic=None, visitor=holding(held))
            assert answer.status in (200, 403)
            refused |= {(place, label)} if answer.status == 403 else set()
    assert refused == {("", "ra/"), ("other/", "ra/")}


def test_a_rollover_may_have_an_intermediate_below_the_new_root():
    state = responder("rollover = true\nintermediate = true")
    new, middle, *_ = cacerts(state)
    certificate = issued(post(state))
    assert len(cacerts(state)) == 5
    assert path_to(certificate, [middle], [new], LATER) == [certificate, middle, new]


# --- revocation ---------------------------------------------------------------------------------------------------


def revoked_in(state, path="/fortish/crl") -> x509.CertificateRevocationList:
    answer = get(state, path)
    assert answer.status == 200 and ("Content-Type", "application/pkix-crl") in answer.headers
    return crl.read(answer.body)


def test_a_revoked_certificate_lets_nobody_in_and_is_listed():
    state = responder("")
    held = issued(post(state))
    assert not list(revoked_in(state))
    revoke(state, held.serial_number, LATER)
    answer = post(state, basic=None, visitor=holding(held))
    assert answer.status == 401 and b"revoked" in answer.body
    listed = revoked_in(state)
    assert [one.serial_number for one in listed] == [held.serial_number]
    assert crl.check(listed, [state.authority.certificate], LATER) == state.authority.certificate
    assert post(state).status == 200


def test_a_port_for_certificates_refuses_a_revoked_one():
    state = responder("")
    state.certificate_ports.add(9443)
    held = issued(post(state))
    visitor = Visitor(local_port=9443, chain=holding(held).chain)
    target = Asked("GET", "/.well-known/est/cacerts")
    assert respond(state, target, visitor, LATER).status == 200
    revoke(state, held.serial_number, LATER)
    assert respond(state, target, visitor, LATER).status == 403


def test_each_ca_lists_its_own():
    state = responder(TWO + "\nintermediate = true")
    plain, iot = issued(post(state)), issued(post(state, "iot/simpleenroll"))
    for one in (plain, iot):
        revoke(state, one.serial_number, LATER)
    assert [one.serial_number for one in revoked_in(state)] == [plain.serial_number]
    assert [one.serial_number for one in revoked_in(state, "/fortish/crl/iot")] == [iot.serial_number]
    assert not list(revoked_in(state, "/fortish/crl/vip"))
    assert crl.check(revoked_in(state), cacerts(state), LATER) == cacerts(state)[1]


def test_every_list_has_a_higher_number_than_the_one_before():
    state = responder("")
    numbers = []
    for _ in range(3):
        revoke(state, issued(post(state)).serial_number, LATER)
        numbers.append(revoked_in(state).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
    assert numbers == [2, 3, 4]
    revoke(state, FIRST_SERIAL, LATER)  # again: nothing changes
    assert state.crl_number == 4


def test_only_numbers_that_were_given_can_be_revoked():
    state = responder("")
    for serial in (FIRST_SERIAL, FIRST_SERIAL - 1, 0):
        with pytest.raises(KeyError):
            revoke(state, serial, LATER)
    state.next_serial += 10  # given before a restart: nobody knows by which CA
    assert revoke(state, FIRST_SERIAL + 3, LATER).ca is None
    assert [one.serial_number for one in revoked_in(state)] == [FIRST_SERIAL + 3]


@pytest.mark.parametrize("path", ["/fortish/crl/", "/fortish/crl/x", "/fortish/crlx", "/fortish/crl/a/b", "/fortish"])
def test_other_paths_have_no_list(path):
    assert get(responder(""), path).status == 404


def test_a_list_is_read_not_posted():
    answer = respond(responder(""), Asked("POST", "/fortish/crl"), Visitor(), LATER)
    assert answer.status == 405 and ("Allow", "GET, HEAD") in answer.headers


# --- changed names ------------------------------------------------------------------------------------------------

CHANGE = x509.ObjectIdentifier("1.3.6.1.5.5.7.7.36")


def with_change(held, value: bytes) -> bytes:
    """A renewal with a ChangeSubjectName, whose SEQUENCE has `value` inside."""
    builder = x509.CertificateSigningRequestBuilder(held.subject)
    for extension in held.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            builder = builder.add_extension(extension.value, extension.critical)
    signed = builder.add_attribute(CHANGE, b"@" * len(value), _tag=_ASN1Type.UTF8String)
    request = signed.sign(KEY, hashes.SHA256())
    info = request.tbs_certrequest_bytes.replace(b"\x0c" + bytes([len(value)]) + b"@" * len(value),
                                                 b"\x30" + bytes([len(value)]) + value)  # fmt: skip
    signature = KEY.sign(info, ec.ECDSA(hashes.SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    bits = der.encode(der.BIT_STRING, b"\0", signature)
    return base64.b64encode(der.encode(der.SEQUENCE, info, algorithm, bits))


NEW_SUBJECT = names.subject_name([("CN", "new"), ("O", "b")])
NEW_SAN = names.alternative_names([("DNS", "new.example")])


@pytest.mark.parametrize(
    ("value", "subject", "san"),
    [
        (NEW_SUBJECT.public_bytes(), NEW_SUBJECT, None),
        (NEW_SUBJECT.public_bytes() + b"\xa1" + NEW_SAN.public_bytes()[1:], NEW_SUBJECT, NEW_SAN),
        (NEW_SUBJECT.public_bytes() + NEW_SAN.public_bytes(), NEW_SUBJECT, NEW_SAN),
        (b"\xa1" + NEW_SAN.public_bytes()[1:], x509.Name([]), NEW_SAN),
    ],
    ids=["subject", "both", "untagged", "alternative names"],
)
def test_names_are_changed_by_an_attribute(value, subject, san):
    """RFC 7030 section 4.2.2, RFC 6402 section 2.8 and its erratum 3943."""
    state = responder("")
    held = issued(post(state, "full/simpleenroll"))
    answer = post(state, "full/simplereenroll", with_change(held, value), basic=None, visitor=holding(held))
    changed = issued(answer)
    assert changed.subject.public_bytes() == subject.public_bytes()
    found = [one.value for one in changed.extensions if isinstance(one.value, x509.SubjectAlternativeName)]
    assert found == ([san] if san is not None else [])


def test_the_old_names_must_be_there_all_the_same():
    state = responder("")
    held, other = issued(post(state, "full/simpleenroll")), issued(post(state))
    wrong = with_change(other, NEW_SUBJECT.public_bytes())
    assert post(state, "full/simplereenroll", wrong, basic=None, visitor=holding(held)).status == 403


@pytest.mark.parametrize("value", [b"\x02\x01\x00", b"\x30\x03\x31\x01\x00", b"\xa1\x02\x82\x05", b"\x05"])
def test_a_change_that_cannot_be_read_is_a_400(value):
    state = responder("")
    held = issued(post(state, "full/simpleenroll"))
    answer = post(state, "full/simplereenroll", with_change(held, value), basic=None, visitor=holding(held))
    assert answer.status == 400
