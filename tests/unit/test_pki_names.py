"""Names: what may be typed, how it is encoded, how it is printed."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from hypothesis import given
from hypothesis import strategies as st

from fortish.pki.faults import RequestFault
from fortish.pki.names import alternative_names, spaced, subject_name, tight


def test_subject_keeps_the_order_typed():
    name = subject_name([("CN", "firewall-portal1"), ("DC", "local"), ("DC", "COM")])
    assert tight(name) == "CN=firewall-portal1, DC=local, DC=COM"
    assert spaced(name) == "CN = firewall-portal1, DC = local, DC = COM"


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("C", "CH", _ASN1Type.PrintableString),
        ("serialNumber", "FGT-1", _ASN1Type.PrintableString),
        ("DC", "local", _ASN1Type.IA5String),
        ("email", "a@b.c", _ASN1Type.IA5String),
        ("CN", "Zürich", _ASN1Type.UTF8String),
        ("1.2.3.4", "x", _ASN1Type.UTF8String),
    ],
)
def test_each_field_has_its_string_type(field, value, kind):
    assert next(iter(subject_name([(field, value)])))._type is kind


@pytest.mark.parametrize("field", ["emailaddress", "EMAIL", "E", "emailAddress", "1.2.840.113549.1.9.1"])
def test_fields_are_known_by_any_case_alias_and_oid(field):
    assert tight(subject_name([(field, "a@b.c")])) == "emailAddress=a@b.c"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("XX", "a"),
        ("", "a"),
        ("9.9.9", "a"),
        ("1.99.1", "a"),
        ("CN", ""),
        ("CN", "a" * 65),
        ("CN", "ü" * 40),
        ("CN", "\udc80"),
        ("O", "a" * 65),
        ("DC", "a" * 64),
        ("1.2.3", "a" * 256),
        ("C", "CHE"),
        ("C", "C1"),
        ("serialNumber", "a@b"),
        ("DC", "zürich"),
        ("email", "ü@b.c"),
    ],
)
def test_a_bad_field_is_refused_by_name(field, value):
    with pytest.raises(RequestFault) as caught:
        subject_name([("OU", "fine"), (field, value)])
    assert field in caught.value.reason


def test_alternative_names_of_every_kind():
    typed = [("DNS", "*.a.b"), ("ip", "172.18.60.184"), ("IP", "2001:db8::1"), ("Email", "a@b.c"), ("uri", "http://x/")]
    assert [str(name.value) for name in alternative_names(typed)] == [value for _, value in typed]


def test_an_international_host_name_is_converted():
    (name,) = alternative_names([("DNS", "zürich.ch")])
    assert name == x509.DNSName("xn--zrich-kva.ch")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("DNS", bad) for bad in ("", "a b", "-a", "a..b", "a" * 64, "a.*.b", "a," * 3, "ab." * 90)),
        *(("IP", bad) for bad in ("", "1.2.3", "1.2.3.256", "host")),
        *(("email", bad) for bad in ("", "a", "a@", "@b", "ü@b")),
        *(("URI", bad) for bad in ("", "//a", "http:", "http://a b")),
        ("dirName", "x"),
        ("", "x"),
    ],
)
def test_a_bad_alternative_name_is_refused_by_name(kind, value):
    with pytest.raises(RequestFault) as caught:
        alternative_names([(kind, value)])
    assert kind in caught.value.reason


def test_no_alternative_names_are_a_fault_not_an_empty_extension():
    with pytest.raises(RequestFault):
        alternative_names([])


@given(st.sampled_from(["CN", "C", "DC", "email", "serialNumber", "1.2.3"]), st.text())
def test_typed_subjects_are_encoded_or_refused(field, value):
    try:
        name = subject_name([(field, value)])
    except RequestFault:
        return
    assert name.public_bytes()
    assert all(line.isprintable() for line in (tight(name), spaced(name)))


@given(st.sampled_from(["DNS", "IP", "email", "URI"]), st.text())
def test_typed_alternative_names_are_encoded_or_refused(kind, value):
    try:
        assert alternative_names([(kind, value)]).public_bytes()
    except RequestFault:
        pass
