"""What the server asks for and what becomes of it: templates (RFC 9908 section 3.4), kinds of keys, hashes."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

import fortish
from fortish.est import wire
from fortish.est.asked import SCHEMES, linking_of
from fortish.est.context import EstContext
from fortish.est.filling import Known
from fortish.est.wanted import wanted_of
from fortish.pki import csrattrs, der, keys, requests, template
from fortish.pki.faults import CsrAttrsFault
from fortish.responder.policy import Policy

IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
ENROLL = "execute vpn certificate local generate est n {key} https://testrfc7030.com:8443 {rest}"
USER = "estuser estpwd full"
AGAIN = "execute vpn certificate local generate est n"
EC = "ecdsa-with-SHA"
SERIAL, ADDRESS = "FPXVM00000000001", "172.18.60.184"  # the box's own, in the lab


@pytest.fixture
def box() -> Iterator[fortish.Appliance]:
    with fortish.Appliance(network="lab", hostname="FGT") as appliance:
        appliance.session().run(IMPORT)
        yield appliance


def watching(box: fortish.Appliance) -> Any:
    """A session that sees the traces."""
    session = box.session()
    session.play("diagnose debug application est -1\ndiagnose debug enable\n")
    return session


def asking(box: fortish.Appliance, *items: str) -> None:
    """From now on csrattrs has these, spelled as a policy spells them."""
    text = f"labels.full = {{ keep-subject = true }}\ncsrattrs = [{', '.join(items)}]"
    box.runtime.network.responder.policy = Policy.from_toml(text)  # type: ignore[attr-defined]


def request_in(said: str) -> x509.CertificateSigningRequest:
    posted = said.rpartition("Data to be posted: |||")[2].partition("|||")[0]
    return x509.load_der_x509_csr(wire.decode(posted.encode()))


def values(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]


# --- over real TLS ---------------------------------------------------------------------------------------------------

RFC_9908 = """{ template = { subject = ["CN", "OU=myDept", "OU=myGroup"], ec = "secp256r1", extensions = [
    { san = ["DNS:www.myServer.com", "IP:"] },
    { key-usage = ["digitalSignature", "keyAgreement"], critical = true },
    { oid = "2.5.29.37" }] } }""".replace("\n", " ")


def test_the_rfcs_own_template_is_filled_in(box: fortish.Appliance) -> None:
    """RFC 9908 section 3.4, the example in its words."""
    asking(box, RFC_9908)
    session = watching(box)
    said = session.run(ENROLL.format(key="ec-secp256r1", rest=f'"" "" {USER}'))
    assert not session.failed, said
    made = request_in(said)
    assert values(made.subject, NameOID.COMMON_NAME) == ["n"]
    assert values(made.subject, NameOID.ORGANIZATIONAL_UNIT_NAME) == ["myDept", "myGroup"]
    found = made.extensions
    names = found.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["www.myServer.com"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(ADDRESS)]
    usage = found.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and usage.value.key_agreement
    purposes = found.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(purposes) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    for line in (
        "The server leaves CN open: n is filled in",
        "The server adds OU=myDept",
        f"The server leaves subjectAltName open: IP Address:{ADDRESS} is filled in",
        "The server adds keyUsage (critical)",
        "The server leaves extendedKeyUsage open: serverAuth, clientAuth is filled in",
    ):
        assert line in said
    assert "asks for a key" not in said and made.signature_hash_algorithm.name == "sha256"  # type: ignore[union-attr]


def test_what_the_administrator_said_stays(box: fortish.Appliance) -> None:
    item = (
        """{ template = { subject = ["CN=theirs", "O", "OU=Lab"], extensions = [{ san = ["DNS:theirs.example"] }] } }"""
    )
    asking(box, item)
    said = watching(box).run(ENROLL.format(key="rsa-2048", rest=f"CN=mine,O=Ours DNS:mine.example {USER}"))
    made = request_in(said)
    assert made.subject.rfc4514_string() == "OU=Lab,O=Ours,CN=mine"
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mine.example"]
    assert "names CN=theirs, which is left out: the subject that was given has CN=mine" in said
    assert "names subjectAltName, which is left out: alternative names were given" in said


@pytest.mark.parametrize(
    ("item", "key", "asked"),
    [
        ('{ ec = "secp384r1" }', "ec-secp384r1", ""),
        ('{ ec = "secp384r1" }', "ec-secp256r1", "ec-secp384r1"),
        ("{ rsa = 2048 }", "rsa-2048", ""),
        ("{ rsa = 4096 }", "rsa-2048", "rsa-4096"),
        ("{ rsa = 4096 }", "ec-secp256r1", "rsa-4096"),
        ("'1.2.840.113549.1.1.1'", "rsa-2048", ""),
        ("'1.2.840.113549.1.1.1'", "ec-secp256r1", "rsa"),
        ("{ template = { ec = 'secp521r1' } }", "ec-secp256r1", "ec-secp521r1"),
        ("{ template = { rsa = 4096 } }", "rsa-2048", "rsa-4096"),
        ("{ template = { rsa = 2048 } }", "rsa-2048", ""),
        ("'1.3.132.0.34'", "ec-secp256r1", ""),  # the guide's: a curve by itself, which the guide's box passes over
    ],
)
def test_the_kind_of_key_stays_the_administrators_and_the_trace_says_if_another_is_asked_for(
    box: fortish.Appliance, item: str, key: str, asked: str
) -> None:
    asking(box, item)
    session = watching(box)
    said = session.run(ENROLL.format(key=key, rest=f'CN=n "" {USER}'))
    assert not session.failed
    family, _, size = key.partition("-")
    public = request_in(said).public_key()
    assert (public.curve.name if family == "ec" else str(public.key_size)) == size  # type: ignore[union-attr]
    line = f"The server asks for a key of the kind {asked}: {key} stays, the administrator's choice"
    assert (line in said) is bool(asked) and ("asks for a key" in said) is bool(asked)
    again = session.run(AGAIN, answers=["y"])
    assert (line in again) is bool(asked)


@pytest.mark.parametrize(
    ("oid", "key", "digest", "said"),
    [
        ("1.2.840.10045.4.3.2", "ec-secp256r1", "sha256", ""),
        (
            "1.2.840.10045.4.3.3",
            "ec-secp256r1",
            "sha384",
            f"{EC}384: the request is signed with {EC}384",
        ),
        (
            "1.2.840.10045.4.3.4",
            "ec-secp256r1",
            "sha512",
            f"{EC}512: the request is signed with {EC}512",
        ),
        ("1.2.840.10045.4.3.4", "rsa-2048", "sha512", "ecdsa-with-SHA512: the request is signed with RSA-SHA512"),
        ("1.2.840.113549.1.1.11", "rsa-2048", "sha256", ""),
        ("1.2.840.113549.1.1.12", "rsa-2048", "sha384", "RSA-SHA384: the request is signed with RSA-SHA384"),
        ("1.2.840.113549.1.1.13", "rsa-1024", "sha512", "RSA-SHA512: the request is signed with RSA-SHA512"),
        ("1.2.840.113549.1.1.5", "rsa-2048", "sha256", "RSA-SHA1: the request is signed with RSA-SHA256"),
        ("1.2.840.113549.1.1.10", "rsa-2048", "sha256", "RSASSA-PSS: the request is signed with RSA-SHA256"),
        ("2.16.840.1.101.3.4.2.2", "ec-secp256r1", "sha256", ""),  # the guide's: a hash without a scheme
    ],
)
def test_the_request_and_its_renewal_are_signed_with_the_hash_that_is_asked_for(
    box: fortish.Appliance, oid: str, key: str, digest: str, said: str
) -> None:
    asking(box, f"'{oid}'")
    session = watching(box)
    for line, answers in ((ENROLL.format(key=key, rest=f'CN=n "" {USER}'), []), (AGAIN, ["y"])):
        printed = session.run(line, answers=answers)
        assert not session.failed, printed
        made = request_in(printed)
        assert made.is_signature_valid and made.signature_hash_algorithm.name == digest  # type: ignore[union-attr]
        assert (f"The server asks for {said}" in printed) is bool(said)
        assert ("the request is signed with" in printed) is bool(said)


def test_beside_a_template_no_hash_of_the_list_counts(box: fortish.Appliance) -> None:
    """RFC 9908 section 4."""
    asking(box, "'1.2.840.10045.4.3.4'", "{ rsa = 4096 }", "{ template = { subject = ['CN'] } }")
    said = watching(box).run(ENROLL.format(key="ec-secp256r1", rest=f'"" "" {USER}'))
    assert request_in(said).signature_hash_algorithm.name == "sha256"  # type: ignore[union-attr]
    assert "asks for" not in said


@pytest.mark.parametrize(
    ("subject", "items", "expected"),
    [
        ("CN=n", ["'2.5.4.5'"], f"serialNumber={SERIAL},CN=n"),  # RFC 9908 section 5.5
        ("CN=n,serialNumber=7", ["'2.5.4.5'"], "serialNumber=7,CN=n"),
        ("CN=n", ["'2.5.4.5'", "{ template = { subject = ['CN'] } }"], "CN=n"),  # section 4
        ('""', ["{ template = { subject = ['CN', 'serialNumber'] } }"], f"serialNumber={SERIAL},CN=n"),
        ("CN=n", ["'2.5.4.10'", "'1.2.840.113549.1.9.1'"], "CN=n"),
    ],
)
def test_the_boxs_serial_number_is_given_where_it_is_asked_for(
    box: fortish.Appliance, subject: str, items: list[str], expected: str
) -> None:
    asking(box, *items)
    said = watching(box).run(ENROLL.format(key="ec-secp256r1", rest=f'{subject} "" {USER}'))
    assert request_in(said).subject.rfc4514_string({NameOID.SERIAL_NUMBER: "serialNumber"}) == expected


def test_a_template_that_cannot_be_read_ends_an_enrollment_and_no_renewal(box: fortish.Appliance) -> None:
    session = watching(box)
    session.run(ENROLL.format(key="ec-secp256r1", rest=f'CN=n "" {USER}'))
    asking(box, f"{{ attribute = '{template.TEMPLATE}', values = ['0500'] }}")
    session.run(AGAIN, answers=["y"])
    assert not session.failed
    said = session.run(ENROLL.format(key="ec-secp256r1", rest=f'CN=n "" {USER}').replace(" n ", " m "))
    assert session.failed and "the template is no SEQUENCE" in said


# --- templates by themselves -----------------------------------------------------------------------------------------


def seq(*parts: bytes) -> bytes:
    return der.encode(der.SEQUENCE, *parts)


def name(oid: str, value: bytes | None) -> bytes:
    return der.encode(der.SET, seq(der.write_oid(oid), *([] if value is None else [value])))


def extension(oid: str, value: bytes | None, *, critical: bool = False) -> bytes:
    flag = der.encode(0x01, b"\xff") if critical else b""
    return seq(der.write_oid(oid), flag, *([] if value is None else [der.encode(der.OCTET_STRING, value)]))


def template_attributes(subject: list[bytes], extensions: list[bytes]) -> list[csrattrs.CsrAttr]:
    attribute = seq(der.write_oid(template.EXTENSION_TEMPLATE), der.encode(der.SET, seq(*extensions)))
    value = seq(der.encode(der.INTEGER, b"\0"), seq(*subject), der.encode(der.CONTEXT_1, attribute))
    return csrattrs.read_csrattrs(seq(seq(der.write_oid(template.TEMPLATE), der.encode(der.SET, value))))


UTF8_ORG = der.encode(der.UTF8, b"Example")
CLIENT_AUTH = seq(der.write_oid("1.3.6.1.5.5.7.3.2"))


def wanted(
    attributes: list[csrattrs.CsrAttr], known: Known, **options: str
) -> tuple[x509.CertificateSigningRequest, str]:
    """The request that is made, and what the trace says."""
    context = EstContext("box1", "https://a.example", "a.example", 443, **options)  # type: ignore[arg-type]
    found, notes = wanted_of(context, attributes, known)
    key = keys.generate(keys.ALGORITHMS["ec-secp256r1"])
    made = requests.new_request(
        key, found.subject, found.san, extensions=found.extensions, attributes=found.attributes, digest=found.digest
    )
    return made, "\n".join(line.line(**fields) for line, fields in notes)


BOX = Known("box1", "S1", "192.0.2.7")


@pytest.mark.parametrize(
    ("oid", "known", "words"),
    [
        ("2.5.29.15", BOX, "keyUsage (critical) open: digitalSignature is"),
        ("2.5.29.15", Known("box1", rsa=True), "keyUsage (critical) open: digitalSignature, keyEncipherment is"),
        ("2.5.29.17", BOX, "subjectAltName (critical) open: DNS:box1, IP Address:192.0.2.7 is"),
        ("2.5.29.17", Known("box1"), "subjectAltName (critical) open: DNS:box1 is"),
        ("2.5.29.17", Known("a box"), ""),
        ("2.5.29.17", Known("192.0.2.7"), ""),
        ("2.5.29.19", BOX, "basicConstraints (critical) open: CA:FALSE is"),
        ("2.5.29.37", BOX, "extendedKeyUsage (critical) open: serverAuth, clientAuth is"),
        ("2.5.29.14", BOX, ""),
        ("1.3.6.1.4.1.311.20.2", BOX, ""),
    ],
)
def test_an_open_extension_is_filled_in_or_left_out_in_words(oid: str, known: Known, words: str) -> None:
    asked = template_attributes([name("2.5.4.3", None)], [extension(oid, None, critical=True)])
    made, said = wanted(asked, known)
    found = [(one.oid.dotted_string, one.critical) for one in made.extensions]
    assert found == ([(oid, True)] if words else [])
    assert f"The server leaves {words} filled in" in said if words else "it has no value, and none is known" in said


def test_open_alternative_names_are_filled_in_among_the_others() -> None:
    names = seq(b"\x82\x03a.b", b"\x87\x00", b"\xa4\x02\x30\x00")
    asked = template_attributes([name("2.5.4.3", None)], [extension("2.5.29.17", names)])
    made, said = wanted(asked, BOX)
    found = list(made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    assert [one.value for one in found] == ["a.b", ipaddress.ip_address("192.0.2.7"), made.subject]
    made, said = wanted(asked, Known("box1"))
    found = list(made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    assert [one.value for one in found] == ["a.b", made.subject]
    assert "names subjectAltName IP Address, which is left out: none is known" in said
    only = template_attributes([], [extension("2.5.29.17", seq(b"\x87\x00"))])
    assert not list(wanted(only, Known("box1"))[0].extensions)


def test_attributes_with_values_are_taken_over_and_others_are_not() -> None:
    friendly = seq(
        der.write_oid("1.2.840.113549.1.9.20"), der.encode(der.SET, der.encode(0x1E, "a".encode("utf-16-be")))
    )
    empty = seq(der.write_oid("0.9.2342.19200300.100.1.5"), der.encode(der.SET))
    value = seq(der.encode(der.INTEGER, b"\0"), der.encode(der.CONTEXT_1, friendly, empty))
    asked = csrattrs.read_csrattrs(seq(seq(der.write_oid(template.TEMPLATE), der.encode(der.SET, value))))
    made, said = wanted(asked, BOX)
    assert [attribute.oid.dotted_string for attribute in made.attributes] == ["1.2.840.113549.1.9.20"]
    assert friendly in made.tbs_certrequest_bytes and made.is_signature_valid
    assert "adds the attribute 1.2.840.113549.1.9.20" in said and "names 0.9.2342.19200300.100.1.5, which is" in said


def test_linking_may_be_asked_for_inside_a_template() -> None:
    challenge = seq(der.write_oid("1.2.840.113549.1.9.7"), der.encode(der.SET))
    value = seq(der.encode(der.INTEGER, b"\0"), der.encode(der.CONTEXT_1, challenge))
    asked = csrattrs.read_csrattrs(seq(seq(der.write_oid(template.TEMPLATE), der.encode(der.SET, value))))
    assert linking_of(asked) == {"challengePassword"}
    assert not list(wanted(asked, BOX)[0].attributes)  # it is made for each session


def test_a_name_that_nobody_knows_is_left_out_in_words() -> None:
    asked = template_attributes([name("2.5.4.10", None), name("2.5.4.11", der.encode(der.NULL))], [])
    made, said = wanted(asked, BOX)
    assert made.subject.rfc4514_string() == "CN=box1"
    assert "names O, which is left out: it has no value, and none is known" in said
    assert "names OU, which is left out: its value cannot be read" in said


def test_rfc_7030s_faulty_example_asks_for_a_key_and_a_hash_and_harms_nothing_else() -> None:
    example = base64.b64decode(
        "MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw=="
    )
    made, said = wanted(csrattrs.read_csrattrs(example), BOX, ec_curvename="secp256r1")
    assert made.subject.rfc4514_string() == "CN=box1" and not list(made.extensions)
    assert made.signature_hash_algorithm.name == "sha384"  # type: ignore[union-attr]
    assert [line.split(": ", 1)[1].split(":")[0] for line in said.splitlines()] == [
        "The server asks for a key of the kind ec-secp384r1",
        "The server asks for ecdsa-with-SHA384",
    ]


def test_every_scheme_is_named_by_openssl() -> None:
    assert all(csrattrs.short_name(oid) != "undefined" for oid in SCHEMES)
    assert list(SCHEMES) == sorted(SCHEMES, key=str)


@given(st.integers(0, 90), st.integers(0, 255), st.booleans())
def test_a_broken_template_is_a_fault_of_its_own_kind(at: int, octet: int, cut: bool) -> None:
    whole = template_attributes(
        [name("2.5.4.3", None), name("2.5.4.10", UTF8_ORG)], [extension("2.5.29.37", CLIENT_AUTH, critical=True)]
    )[0].values[0]
    value = whole[:at] if cut else whole[:at] + bytes((octet,)) + whole[at + 1 :]
    context = EstContext("box1", "https://a.example", "a.example", 443)
    try:
        wanted_of(context, [csrattrs.CsrAttr(template.TEMPLATE, (value,))])
    except CsrAttrsFault:
        pass


@given(st.binary(max_size=200))
def test_no_template_raises_anything_but_its_own_fault(value: bytes) -> None:
    try:
        found = template.template_of([csrattrs.CsrAttr(template.TEMPLATE, (value,))])
        assert found is not None
    except CsrAttrsFault:
        pass
