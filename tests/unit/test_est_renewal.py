"""Renewal and rekey: which key, which names octet for octet, and that a failing one harms nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

import fortish
from fortish.box import LOCAL
from fortish.cmdb.entries import GLOBAL
from fortish.est import wire
from fortish.pki import der, keys, pem, requests
from fortish.responder.faults import FAULTS, Fault
from fortish.responder.policy import Policy

NOW = datetime(2023, 4, 6, 22, 37, 34, tzinfo=UTC)
IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
AGAIN = "execute vpn certificate local generate est n"


def enroll(algorithm: str = "ec-secp256r1", more: str = "") -> str:
    where = "https://testrfc7030.com:8443"
    return f'execute vpn certificate local generate est n {algorithm} {where} CN=n,O=Example "" estuser estpwd {more}'


def responder(box: fortish.Appliance):
    return box.runtime.network.responder  # type: ignore[attr-defined]


# --- which key ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", sorted(keys.ALGORITHMS))
def test_a_renewal_keeps_the_very_key_or_its_kind(algorithm: str) -> None:
    with fortish.Appliance(network="lab", firmware="fortigate-7.6") as box:
        session = box.session()
        session.run(IMPORT)
        session.run(enroll(algorithm, '"" "" secret'))
        first = box.cmdb.rows(GLOBAL, LOCAL)["n"].values
        for method, same in (("use-existing-key", True), ("create-new-key", False)):
            session.play(f"config vpn certificate local\nedit n\nset est-regeneration-method {method}\nend\n")
            session.run(AGAIN, answers=["y"])
            assert not session.failed
            values = box.cmdb.rows(GLOBAL, LOCAL)["n"].values
            old = keys.load_private(first["private-key"], "secret")
            new = keys.load_private(values["private-key"], "secret")
            assert values["certificate"] != first["certificate"]
            assert (values["private-key"] == first["private-key"]) is same  # kept as it stood, or sealed anew
            assert keys.same_key(old, new) is same
            assert keys.kind_of(new) == keys.kind_of(old) == algorithm
            assert keys.same_key(box.certificate("n").x509, new)
            assert values["password"] == first["password"]


# --- which names, octet for octet -----------------------------------------------------------------------------------

KEY = ec.derive_private_key(7, ec.SECP256R1())
KINDS = (_ASN1Type.UTF8String, _ASN1Type.PrintableString, _ASN1Type.BMPString, _ASN1Type.T61String, _ASN1Type.IA5String)
ATTRIBUTES = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.LOCALITY_NAME, NameOID.SERIAL_NUMBER)
LETTERS = st.text("ABCabc 019-.", min_size=1, max_size=20)


@st.composite
def attributes(draw: st.DrawFn) -> x509.NameAttribute:
    text, kind = draw(LETTERS), draw(st.sampled_from(KINDS))
    if kind is _ASN1Type.BMPString and draw(st.booleans()):
        text += "я漢"
    return x509.NameAttribute(draw(st.sampled_from(ATTRIBUTES)), text, kind)


@st.composite
def certificates(draw: st.DrawFn) -> tuple[bytes, bytes, x509.Certificate]:
    """Subject and alternative name in DER as they were put in, and the certificate that has them."""
    groups = st.lists(attributes(), min_size=1, max_size=2, unique_by=lambda one: one.oid)
    rdns = draw(st.lists(groups.map(x509.RelativeDistinguishedName), min_size=1, max_size=4))
    subject = x509.Name(rdns)
    directory = x509.DirectoryName(x509.Name([draw(attributes())]))
    san = x509.SubjectAlternativeName([x509.DNSName("a.example"), directory])
    builder = x509.CertificateBuilder(subject, subject, KEY.public_key(), 7, NOW, NOW + timedelta(days=1))
    builder = builder.add_extension(san, critical=draw(st.booleans()))
    return subject.public_bytes(), san.public_bytes(), builder.sign(KEY, hashes.SHA256())


@given(certificates(), st.booleans(), st.booleans())
def test_a_renewal_asks_for_the_same_names_octet_for_octet(
    made: tuple[bytes, bytes, x509.Certificate], rekey: bool, bound: bool
) -> None:
    subject, san, certificate = made
    key = keys.generate_like(KEY) if rekey else KEY
    request = requests.renewal_request(certificate, key, "YWJj" if bound else None)
    fields = list(der.children(der.first(request.tbs_certrequest_bytes)))
    assert fields[1].raw == subject  # version, subject, key, attributes
    assert der.encode(der.OCTET_STRING, san) in fields[3].raw
    asked = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert asked.critical is held.critical
    assert keys.same_key(request, key) and request.is_signature_valid


def test_what_is_posted_has_the_names_of_the_certificate_octet_for_octet() -> None:
    with fortish.Appliance(network="lab") as box:
        session = box.session()
        session.run(IMPORT)
        session.run(enroll(more="full").replace('""', '"DNS:a.example,IP:192.0.2.9,email:a@b.example"', 1))
        assert not session.failed
        session.play("diagnose debug application est -1\ndiagnose debug enable\n")
        before = box.certificate("n").x509
        said = session.run(AGAIN, answers=["y"])
        posted = said.partition("Data to be posted: |||")[2].partition("|||")[0]
        request = x509.load_der_x509_csr(wire.decode(posted.encode()))
        fields = list(der.children(der.first(request.tbs_certrequest_bytes)))
        assert fields[1].raw == before.subject.public_bytes() and "O=Example" in before.subject.rfc4514_string()
        san = before.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.public_bytes()
        assert san in request.public_bytes(Encoding.DER)


# --- a failing renewal ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def box() -> Iterator[fortish.Appliance]:
    with fortish.Appliance(network="lab", hostname="FGT", firmware="fortigate-7.6") as appliance:
        appliance.session().run(IMPORT)
        appliance.session().run(enroll())
        method = "set est-regeneration-method create-new-key"
        appliance.session().play(f"config vpn certificate local\nedit n\n{method}\nend\n")
        yield appliance


def spoil(box: fortish.Appliance, **faults: Fault) -> None:
    state = responder(box)
    state.policy = replace(Policy(), faults=MappingProxyType(faults))


def harmless(box: fortish.Appliance) -> tuple[str, str]:
    """Renew; what was said, and how the event log ends. The configuration must be what it was, or have a renewal."""
    box.runtime.box.pending.clear()
    before, certificate = box.session().run("show"), box.certificate("n").pem
    session = box.session()
    said = session.run(AGAIN, answers=["y"])
    assert "Traceback" not in said
    if said.rstrip().endswith("Done."):
        assert box.certificate("n").pem != certificate and box.events[-1].id == 41986
    else:
        assert box.session().run("show") == before
    assert "match" in session.run("execute vpn certificate local verify n")
    assert not box.runtime.box.enrolling
    return said, str(box.events[-1].id)


# Faults that leave an answer which can be used: `extra` and all matters of form.
TOLERATED = {
    "bare-certificate", "ber", "close-after-401", "cte-binary", "cte-missing", "cte-odd", "der", "extra-certificates",
    "http-1.0", "pem", "slow", "slow-pieces", "type-bare", "type-missing", "type-parameters", "type-upper",
    "type-wrong", "wrap-76", "wrap-none", "wrap-odd", "wrong-subject",
}  # fmt: skip
WAITS = {"retry-date", "retry-huge", "retry-seconds", "status-503-retry"}


@pytest.mark.parametrize("name", sorted(name for name, fault in FAULTS.items() if "simplereenroll" in fault.on))
def test_no_fault_of_a_renewal_harms_the_certificate_in_use(box: fortish.Appliance, name: str) -> None:
    spoil(box, simplereenroll=FAULTS[name])
    said, event = harmless(box)
    if name in TOLERATED:
        assert "Done." in said
    elif name in WAITS:
        assert "asked again in" in said and (GLOBAL, "n") in box.runtime.box.pending
    else:
        assert "Certificate enrollment over EST failed" in said and event == "41990"


# csrattrs that are absent or odd in form are no reason to fail; these are.
FATAL = [name for name in FAULTS if name.startswith(("status-", "no-answer", "truncated", "oversized", "html", "not-"))]
NO_CSRATTRS = {"status-404", "status-501"}
ODD = {"status-503-retry", "not-yet-valid", "truncated"}  # waits; is about a certificate; leaves a short body whole


@pytest.mark.parametrize("name", sorted({*FATAL} - ODD | {"csrattrs-garbage"}))
def test_no_fault_of_csrattrs_harms_the_certificate_in_use(box: fortish.Appliance, name: str) -> None:
    spoil(box, csrattrs=FAULTS[name])
    said, event = harmless(box)
    assert ("Done." in said) is (name in NO_CSRATTRS)
    assert event == ("41986" if name in NO_CSRATTRS else "41990")


@pytest.mark.parametrize("server", ["https://testrfc7030.com:1", "https://elsewhere.example", "https://192.0.2.77"])
def test_a_server_that_is_gone_harms_nothing(box: fortish.Appliance, server: str) -> None:
    spoil(box)
    edit = "config vpn certificate local\nedit n\nset est-server {}\nend\n"
    box.session().play(edit.format(server))
    assert harmless(box)[1] == "41990"
    box.session().play(edit.format("https://testrfc7030.com:8443"))
    assert "Done." in harmless(box)[0]


def test_what_goes_wrong_in_the_background_is_an_event_a_day() -> None:
    with fortish.Appliance(network="lab", hostname="FGT") as box:
        session = box.session()
        session.run(IMPORT)
        session.run(enroll())
        before = box.certificate("n").pem
        spoil(box, simplereenroll=FAULTS["wrong-key"])
        days = "set auto-regenerate-days 100\nset auto-regenerate-days-warning 120"
        session.play(f"config vpn certificate local\nedit n\n{days}\nend\n")
        box.advance(days=250)
        told = [event for event in box.events if event.id == 22200]
        assert len(told) >= 4 and told[0].fields["msg"] == "120 days left"
        box.advance(days=18)
        failed = [event for event in box.events if event.id == 41990]
        assert len(failed) >= 3 and {event.fields["name"] for event in failed} == {"n"}
        assert box.certificate("n").pem == before
        spoil(box)
        box.advance(days=1)
        ids = [event.id for event in box.events if event.id != 22200]
        assert ids[-2:] == [22205, 41987] and box.certificate("n").pem != before


# --- a key that may not sign -----------------------------------------------------------------------------------------

# fmt: off
USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
          "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
# fmt: on


def hold(box: fortish.Appliance, name: str, usage: str, **settings: str) -> None:
    """Give the box a certificate of the lab's CA, for CN=n, whose key usage is `usage` alone."""
    authority, key = responder(box).authority, ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "n")])
    dates = NOW - timedelta(days=1), NOW + timedelta(days=300)
    builder = x509.CertificateBuilder(authority.certificate.subject, subject, key.public_key(), 9, *dates)
    builder = builder.add_extension(x509.KeyUsage(**{one: one == usage for one in USAGES}), critical=True)
    lines = [f"edit {name}", "set password secret", f'set private-key "{keys.encrypted_pem(key, "secret")}"']
    lines += [f'set certificate "{pem.pem(builder.sign(authority.key, hashes.SHA256()))}"']
    lines += ["set enroll-protocol est", "set est-server https://testrfc7030.com:8443"]
    lines += [f"set {word.replace('_', '-')} {value}" for word, value in settings.items()]
    session = box.session()
    session.play("\n".join(["config vpn certificate local", *lines, "next", "end", ""]))
    assert not session.failed


@pytest.mark.parametrize(
    ("usage", "settings", "account", "words"),
    [
        ("digital_signature", {"est_http_username": "estuser", "est_http_password": "estpwd"}, "CN=n", ""),
        ("key_agreement", {"est_http_username": "estuser", "est_http_password": "estpwd"}, "estuser", "the HTTP user"),
        ("key_agreement", {"est_client_cert": "other"}, "CN=n", "cert other"),
        ("key_agreement", {}, "", "the HTTP user"),
    ],
)
def test_a_key_that_may_not_sign_signs_no_handshake(
    usage: str, settings: dict[str, str], account: str, words: str
) -> None:
    """RFC 7030 sections 2.3, 3.3.2 and 4.2.1. The request is signed, to prove possession."""
    with fortish.Appliance(network="lab", hostname="FGT", clock="2023-04-06T22:37:34Z") as box:
        box.session().run(IMPORT)
        hold(box, "other", "digital_signature")
        hold(box, "n", usage, **settings)
        session = box.session()
        session.play("diagnose debug application est -1\ndiagnose debug enable\n")
        said = session.run(AGAIN, answers=["y"])
        assert session.failed is (not account), said
        assert responder(box).history[-1].account == account
        assert (f"The key of n may not sign: {words} is used to authenticate" in said) is bool(words)


def test_a_client_certificate_that_may_not_sign_is_refused_before_anything_is_sent() -> None:
    with fortish.Appliance(network="lab", hostname="FGT", clock="2023-04-06T22:37:34Z") as box:
        box.session().run(IMPORT)
        hold(box, "other", "key_encipherment")
        session = box.session()
        said = session.run(enroll(more='"" "" "" other'))
        assert session.failed and "'other' cannot be used: its key usage allows for no signatures" in said
        assert not responder(box).history
