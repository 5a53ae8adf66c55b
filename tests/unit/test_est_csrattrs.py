"""CSR attributes in every form seen: what becomes of the request, with a real enrollment for each."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from cryptography import x509

import fortish
from fortish.box import LOCAL
from fortish.cmdb.entries import GLOBAL
from fortish.est import wire
from fortish.pki import der, template
from fortish.responder.faults import Fault
from fortish.responder.policy import Policy

ENROLL = (
    "execute vpn certificate local generate est c ec-secp256r1 https://testrfc7030.com:8443 CN=c"
    " DNS:a.example estuser estpwd"
)


def seq(*parts: bytes) -> bytes:
    return der.encode(der.SEQUENCE, *parts)


def oid(dotted: str) -> bytes:
    return der.write_oid(dotted)


def attribute(dotted: str, *values: bytes) -> bytes:
    return seq(oid(dotted), der.encode(der.SET, *values))


def number(octets: str) -> bytes:
    return der.encode(der.INTEGER, bytes.fromhex(octets))


CHALLENGE, LINKING, REQUEST = "1.2.840.113549.1.9.7", "1.2.840.113549.1.9.16.2.58", "1.2.840.113549.1.9.14"
RSA, EC, P384, SHA384 = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.3.132.0.34", "1.2.840.10045.4.3.3"
MAC = "1.3.6.1.1.1.1.22"
OU = der.encode(der.SET, seq(oid("2.5.4.11"), der.encode(der.UTF8, b"Lab")))
TEMPLATE = attribute(template.TEMPLATE, seq(number("00"), seq(OU)))
EXTENSIONS = seq(seq(oid("2.5.29.15"), der.encode(der.OCTET_STRING, bytes.fromhex("03020780"))))

# What the server sends; the OIDs that the trace names; what the request is bound by; what it has beside the
# administrator's words. By how much there is of it.
# fmt: off
FORMS = {
    "empty SEQUENCE":                (seq(), [], "", ""),
    "empty SEQUENCE in BER":         (b"\x30\x80\x00\x00", [], "", ""),
    "bare OIDs":                     (seq(oid(MAC), oid(SHA384)), [MAC, SHA384], "", ""),
    "an OID that nobody knows":      (seq(oid("2.999.7")), ["2.999.7"], "", ""),
    "the same OID twice":            (seq(oid(MAC), oid(MAC)), [MAC, MAC], "", ""),
    "a curve":                       (seq(attribute(EC, oid(P384))), [EC], "", ""),
    "a size of RSA":                 (seq(attribute(RSA, number("1000"))), [RSA], "", ""),
    "RSA without a size":            (seq(attribute(RSA)), [RSA], "", ""),
    "requested extensions":          (seq(attribute(REQUEST, EXTENSIONS)), [REQUEST], "", ""),
    "RFC 7030's faulty example":     (seq(oid(CHALLENGE), attribute(EC, oid(P384)), attribute(REQUEST, oid(MAC)),
                                          oid(SHA384)), [CHALLENGE, EC, REQUEST, SHA384], "challengePassword", ""),
    "values of any kind":            (seq(attribute("2.999.7", der.encode(der.NULL), seq(), number("ff"))),
                                      ["2.999.7"], "", ""),
    "challengePassword as attribute": (seq(attribute(CHALLENGE)), [CHALLENGE], "challengePassword", ""),
    "estIdentityLinking":            (seq(oid(LINKING)), [LINKING], "estIdentityLinking", ""),
    "both ways to link":             (seq(oid(LINKING), oid(CHALLENGE)), [LINKING, CHALLENGE],
                                      "challengePassword and estIdentityLinking", ""),
    "a template":                    (seq(TEMPLATE), [template.TEMPLATE], "", "OU=Lab"),
    "a template after a list":       (seq(oid(SHA384), attribute(RSA, number("1000")), TEMPLATE),
                                      [SHA384, RSA, template.TEMPLATE], "", "OU=Lab"),
    "a template before a list":      (seq(TEMPLATE, attribute(REQUEST, EXTENSIONS)), [template.TEMPLATE, REQUEST],
                                      "", "OU=Lab"),
}
# fmt: on


def enrolled(fault: Fault) -> tuple[str, x509.CertificateSigningRequest | None]:
    """What the trace says of an enrollment, and the request that went out."""
    with fortish.Appliance(network="lab", hostname="FGT") as box:
        session = box.session()
        session.run("execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
        state = box.runtime.network.responder  # type: ignore[attr-defined]
        state.policy = replace(Policy(), faults=MappingProxyType({"csrattrs": fault}))
        session.play("diagnose debug application est -1\ndiagnose debug enable\n")
        said = session.run(ENROLL)
        posted = said.partition("Data to be posted: |||")[2].partition("|||")[0]
        assert ("c" in box.cmdb.rows(GLOBAL, LOCAL)) is ("Done." in said)
        return said, x509.load_der_x509_csr(wire.decode(posted.encode())) if posted else None


@pytest.mark.parametrize("form", FORMS)
def test_every_form_leads_to_the_request_that_it_asks_for(form: str) -> None:
    sent, named, bound, added = FORMS[form]
    fault = Fault(status=200, body=wire.encode(sent).encode(), content_type="application/csrattrs")
    said, request = enrolled(fault)
    assert "Done." in said and request is not None
    shown = [line.split()[3] for line in said.splitlines() if line.startswith("[1474] ")]
    assert shown == named
    assert (f"The server asks for {bound}:" in said) is bool(bound)
    assert f"\nneed_pop:{int(bool(bound))}\n" in said
    attributes = {attribute.oid.dotted_string for attribute in request.attributes}
    assert (CHALLENGE in attributes, LINKING in attributes) == ("challenge" in bound, "Linking" in bound)
    assert request.subject.rfc4514_string() == ",".join(filter(None, (added, "CN=c")))
    assert request.public_key().curve.name == "secp256r1"  # type: ignore[union-attr]
    asked = form in ("bare OIDs", "RFC 7030's faulty example")  # for SHA-384, and with no template beside it
    assert request.signature_hash_algorithm.name == ("sha384" if asked else "sha256")  # type: ignore[union-attr]
    usage = ["2.5.29.15"] if form == "requested extensions" else []  # a template's list does not count
    assert [extension.oid.dotted_string for extension in request.extensions] == ["2.5.29.17", *usage]


@pytest.mark.parametrize("status", [204, 404, 501])
def test_a_server_without_attributes_may_say_so_by_status(status: int) -> None:
    said, request = enrolled(Fault(status=status, body=b""))
    assert "Done." in said and request is not None and f"The server has no csrattrs: {status}" in said


def test_an_empty_answer_means_no_attributes() -> None:
    said, _ = enrolled(Fault(status=200, body=b" \r\n", content_type="application/csrattrs"))
    assert "Done." in said and "The server has no csrattrs: 200" in said


@pytest.mark.parametrize("kind", ["application/csrattrs; charset=x", "text/plain", "application/CSRATTRS"])
@pytest.mark.parametrize("body", [b"MAA=", b"MA\r\nA=\r\n", b"\x30\x07\x06\x05\x2b\x81\x04\x00\x22"])
def test_the_body_may_be_of_any_type_and_any_lines(kind: str, body: bytes) -> None:
    said, request = enrolled(Fault(status=200, body=body, content_type=kind))
    assert "Done." in said and request is not None


@pytest.mark.parametrize(
    "body",
    [b"!", b"MAA", wire.encode(seq(number("01"))).encode(), wire.encode(seq(seq())).encode(), b"MAXerQ==", b"AAAA"],
)
def test_what_is_no_list_of_attributes_ends_the_enrollment(body: bytes) -> None:
    said, request = enrolled(Fault(status=200, body=body, content_type="application/csrattrs"))
    assert "Certificate enrollment over EST failed" in said and request is None
