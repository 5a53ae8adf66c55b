"""CSR attributes in TOML: the published examples of RFC 9908 octet for octet, and templates as others read them."""

from __future__ import annotations

import base64

import pytest
from pyasn1.codec.der import decoder, encoder
from pyasn1.type import namedtype, tag, univ

from fortish.errors import UsageError
from fortish.pki.csrattrs import read_csrattrs
from fortish.pki.template import template_of
from fortish.responder.attributes import encoded
from fortish.responder.policy import Policy

TEMPLATE = """
[[csrattrs]]
[csrattrs.template]
subject = ["CN", "OU=myDept", "OU=myGroup"]
ec = "secp256r1"
extensions = [
    { san = ["DNS:www.myServer.com", "IP:"] },
    { key-usage = ["digitalSignature", "keyAgreement"], critical = true },
    { oid = "2.5.29.37" },
]
"""


def made(text: str) -> bytes:
    return encoded(Policy.from_toml(text).csrattrs)


ACP_SAN = base64.b64decode(
    "MEmgRwYIKwYBBQUHCAqgOxY5cmZjODk5NCtmZDczOWZjMjNjMzQ0MDExMjIzMzQ0NTUwMDAwMDAwMCtAYWNwLmV4YW1wbGUuY29t"
).hex()


# The examples of RFC 9908 section 5; that of 5.3 is the same as that of 5.6.
@pytest.mark.parametrize(
    ("items", "published"),
    [
        (
            f"{{ extensions = [{{ oid = '2.5.29.17', critical = true, value = '{ACP_SAN}' }}] }}",
            "MGgwZgYJKoZIhvcNAQkOMVkwVzBVBgNVHREBAf8ESzBJoEcGCCsGAQUFBwgKoDsWOXJmYzg5OTQrZmQ3MzlmYzIzYzM0NDAx"
            "MTIyMzM0NDU1MDAwMDAwMDArQGFjcC5leGFtcGxlLmNvbQ==",
        ),
        (
            "'1.2.840.113549.1.9.7', { ec = 'secp384r1' }, '1.3.6.1.1.1.1.22', '1.2.840.10045.4.3.3'",
            "MDIGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiBgcrBgEBAQEWBggqhkjOPQQDAw==",
        ),
        (
            "'1.2.840.113549.1.9.7', { rsa = 4096 }, '1.2.840.113549.1.1.11'",
            "MCkGCSqGSIb3DQEJBzARBgkqhkiG9w0BAQExBAICEAAGCSqGSIb3DQEBCw==",
        ),
        (
            "'1.2.840.113549.1.9.7', { ec = 'secp384r1' }, '2.5.4.5', '1.2.840.10045.4.3.3'",
            "MC4GCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiBgNVBAUGCCqGSM49BAMD",
        ),
        (
            "'1.2.840.113549.1.9.7', { ec = 'secp521r1' }, '1.2.840.113549.1.9.20', '0.9.2342.19200300.100.1.5', "
            "'2.5.4.5', '1.2.840.10045.4.3.4'",
            "MEUGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAjBgkqhkiG9w0BCRQGCgmSJomT8ixkAQUGA1UEBQYIKoZIzj0EAwQ=",
        ),
    ],
    ids=["5.1", "5.2", "5.4", "5.5", "5.6"],
)
def test_the_published_examples_are_met_octet_for_octet(items, published):
    assert base64.b64encode(made(f"csrattrs = [{items}]")).decode() == published


def test_the_faulty_example_of_rfc_7030_can_be_sent_too():
    """Its section 4.5.2: challengePassword, secp384r1, macAddress inside of extensionRequest, ecdsa-with-SHA384."""
    items = "'1.2.840.113549.1.9.7', { ec = 'secp384r1' }, { extension-oids = ['1.3.6.1.1.1.1.22'] }"
    octets = made(f"csrattrs = [{items}, '1.2.840.10045.4.3.3']")
    published = "MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw=="
    assert base64.b64encode(octets).decode() == published


def test_a_value_of_any_attribute_can_be_given():
    octets = made("csrattrs = [{ attribute = '1.2.3', values = ['05:00', '020107'] }]")
    (attribute,) = read_csrattrs(octets)
    assert attribute.oid == "1.2.3" and set(attribute.values) == {b"\x05\x00", b"\x02\x01\x07"}


def test_the_template_that_rfc_9908_describes_reads_as_it_is_described():
    """RFC 9908 section 3.4: a common name to fill in, two units, P-256, an address to fill in, two usages, any EKU."""
    octets = made(TEMPLATE)
    found = template_of(read_csrattrs(octets))
    assert [(name.oid, name.value) for name in found.subject] == [
        ("2.5.4.3", None),
        ("2.5.4.11", b"\x0c\x06myDept"),
        ("2.5.4.11", b"\x0c\x07myGroup"),
    ]
    assert found.key.words == "ec-secp256r1"
    assert [(one.oid, one.critical, one.value) for one in found.extensions] == [
        ("2.5.29.17", False, b"\x30\x14\x82\x10www.myServer.com\x87\x00"),
        ("2.5.29.15", True, b"\x03\x02\x03\x88"),
        ("2.5.29.37", False, None),
    ]


def context(number: int) -> tag.Tag:
    return tag.Tag(tag.tagClassContext, tag.tagFormatConstructed, number)


class Attribute(univ.Sequence):
    componentType = namedtype.NamedTypes(
        namedtype.NamedType("type", univ.ObjectIdentifier()),
        namedtype.NamedType("values", univ.SetOf(componentType=univ.Any())),
    )


class Algorithm(univ.Sequence):
    componentType = namedtype.NamedTypes(
        namedtype.NamedType("algorithm", univ.ObjectIdentifier()),
        namedtype.OptionalNamedType("parameters", univ.Any()),
    )


class KeyTemplate(univ.Sequence):
    componentType = namedtype.NamedTypes(
        namedtype.NamedType("algorithm", Algorithm()),
        namedtype.OptionalNamedType("subjectPublicKey", univ.BitString()),
    )


class RequestTemplate(univ.Sequence):
    """CertificationRequestInfoTemplate of RFC 9908 appendix A, written down once more."""

    componentType = namedtype.NamedTypes(
        namedtype.NamedType("version", univ.Integer()),
        namedtype.OptionalNamedType("subject", univ.SequenceOf(componentType=univ.Any())),
        namedtype.OptionalNamedType("subjectPKInfo", KeyTemplate().subtype(implicitTag=context(0))),
        namedtype.NamedType("attributes", univ.SetOf(componentType=Attribute()).subtype(implicitTag=context(1))),
    )


def template_in(octets: bytes) -> RequestTemplate:
    """The one template in CSR attributes, as somebody else's decoder reads it and writes it again."""
    (attribute,) = read_csrattrs(octets)
    assert attribute.oid == "1.2.840.113549.1.9.16.2.61"
    (value,) = attribute.values
    template, rest = decoder.decode(value, asn1Spec=RequestTemplate())
    assert not rest and encoder.encode(template) == value
    return template


def test_a_template_has_the_tags_that_the_rfc_gives_it():
    template = template_in(made(TEMPLATE))
    assert int(template["version"]) == 0 and len(template["subject"]) == 3
    assert str(template["subjectPKInfo"]["algorithm"]["algorithm"]) == "1.2.840.10045.2.1"
    assert not template["subjectPKInfo"]["subjectPublicKey"].isValue
    (attribute,) = template["attributes"]
    assert str(attribute["type"]) == "1.2.840.113549.1.9.16.2.62" and len(attribute["values"]) == 1


def test_extensions_that_all_have_values_are_an_extension_request():
    octets = made("csrattrs = [{ template = { extensions = [{ extended-key-usage = ['1.3.6.1.5.5.7.3.2'] }] } }]")
    assert bytes.fromhex("06092a864886f70d01090e") in octets  # extensionRequest
    assert bytes.fromhex("060b2a864886f70d010910023e") not in octets  # its template


def test_an_rsa_key_in_a_template_has_a_modulus_of_that_size():
    template = template_in(made("csrattrs = [{ template = { rsa = 3072 } }]"))
    assert not template["subject"].isValue and len(template["attributes"]) == 0
    public, _ = decoder.decode(template["subjectPKInfo"]["subjectPublicKey"].asOctets())
    assert int(public[0]).bit_length() == 3072 and int(public[1]) == 65537


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ("3", "an item must be a table"),
        ("'x'", "not an object identifier: x"),
        ("{}", "an item has one of the keys attribute, ec"),
        ("{ ed = 1 }", "an item has one of the keys attribute, ec"),
        ("{ ec = 'secp384r1', rsa = 2048 }", "an item has one of the keys"),
        ("{ ec = 'P-256' }", "ec must be one of secp256r1"),
        ("{ rsa = 1 }", "rsa must be a number of bits"),
        ("{ rsa = true }", "rsa must be a number of bits"),
        ("{ attribute = '1.2.3' }", "values must be a list of DER values"),
        ("{ attribute = '1.2.3', values = ['0'] }", "must be octets in hexadecimal"),
        ("{ attribute = '1.2.3', values = ['0205'] }", "truncated"),
        ("{ attribute = '1.2.3', values = ['050000'] }", "values must be a list of DER values"),
        ("{ attribute = 3, values = ['0500'] }", "must be an object identifier"),
        ("{ extension-oids = [] }", "must name at least one"),
        ("{ extensions = [] }", "at least one extension"),
        ("{ extensions = [{ oid = '2.5.29.17' }] }", "only an extension of a template may have no value"),
        ("{ extensions = [{ critical = true }] }", "an extension is an oid with a value"),
        ("{ extensions = [{ san = ['DNS:a'], value = '0500' }] }", "an extension is an oid with a value"),
        ("{ extensions = [{ san = ['a'] }] }", "'a' does not start with one of DNS, IP"),
        ("{ extensions = [{ san = ['IP:a'] }] }", "'IP:a' is no name of its kind"),
        ("{ extensions = [{ san = ['DNS:ä'] }] }", "is no name of its kind"),
        ("{ extensions = [{ key-usage = [] }] }", "key-usage must be a list of some of digitalSignature"),
        ("{ extensions = [{ key-usage = ['x'] }] }", "key-usage must be a list of some of digitalSignature"),
        ("{ ec = 'secp384r1' }, { rsa = 2048 }", "ec and rsa may stand there once"),
        ("{ rsa = 2048 }, { rsa = 4096 }", "ec and rsa may stand there once"),
        (
            "{ extensions = [{ san = ['DNS:a'] }] }, { extensions = [{ san = ['DNS:b'] }] }",
            "may stand there once",
        ),
        ("{ template = {} }, { template = {} }", "template may stand there once"),
        ("{ extensions = [{ san = ['DNS:a'] }, { oid = '2.5.29.17', value = '3000' }] }", "stands there twice"),
        (
            "{ template = { extensions = [{ oid = '2.5.29.17' }, { oid = '2.5.29.17', critical = true }] } }",
            "stands there twice",
        ),
        ("{ template = { ec = 'secp256r1', rsa = 2048 } }", "has ec or rsa, not both"),
        ("{ template = { subject = ['XY'] } }", "not an object identifier: XY"),
        ("{ template = { sub = [] } }", "unknown key 'sub'; known are ec, extensions, rsa, subject"),
    ],
)
def test_what_is_wrong_with_an_item_is_named(item, complaint):
    with pytest.raises(UsageError, match=complaint):
        Policy.from_toml(f"csrattrs = [{item}]")
