"""Certificate text: equal to OpenSSL's where OpenSSL is at hand, and to the box's own layout."""

from __future__ import annotations

import ipaddress
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from fortish.pki import der, names, oids, text
from fortish.pki.certificates import load
from fortish.pki.faults import CertificateUnreadable
from fortish.pki.pem import pem

KEY = ec.derive_private_key(12345, ec.SECP256R1())
START, END = (
    datetime(2023, 4, 13, 17, 23, 40, tzinfo=UTC),
    datetime(2024, 4, 12, 17, 23, 40, tzinfo=UTC),
)
CA_NAME = names.subject_name([("CN", "estExampleCA")])
LONG_NAME = names.subject_name(
    [("C", "US"), ("O", "Foo, Inc."), ("CN", "z"), ("email", "a@b.c"), ("DC", "org"), ("1.2.3.4", "q")]
)
CERTOPT = "no_header,no_validity,no_pubkey,no_sigdump,no_signame"
OPENSSL = shutil.which("openssl")
VERSION = subprocess.run([OPENSSL, "version"], check=False, capture_output=True, text=True).stdout if OPENSSL else ""
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="no openssl on PATH")
needs_openssl_30 = pytest.mark.skipif(not VERSION.startswith("OpenSSL 3.0."), reason="spelled differently elsewhere")

SKI = x509.SubjectKeyIdentifier(bytes.fromhex("9bf839d521e6ff49ffac02575bfc4c1a8b1e5d8f"))
AKI = x509.AuthorityKeyIdentifier(bytes.fromhex("1adf3984c256e66ccf2ab426a5fd0cd243f53d3e"), None, None)
KU = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
ALL_KU = x509.KeyUsage(True, True, True, True, True, True, True, True, True)


def made(*extensions, serial=0x74702, subject=None, critical=()):
    builder = x509.CertificateBuilder(
        issuer_name=CA_NAME,
        subject_name=subject or names.subject_name([("CN", "firewall-portal1")]),
        public_key=KEY.public_key(),
        serial_number=serial,
        not_valid_before=START,
        not_valid_after=END,
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=type(extension) in critical)
    return builder.sign(KEY, hashes.SHA256())


def openssl_text(certificate):
    command = [OPENSSL, "x509", "-noout", "-text", "-certopt", CERTOPT, "-nameopt", "compat"]
    printed = subprocess.run(command, input=pem(certificate).encode(), capture_output=True, check=True).stdout
    return printed.decode("latin-1").split("\n")[:-1]


def unknown(oid, value):
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)


GENERAL_NAMES = [
    x509.DNSName("a.b"),
    x509.IPAddress(ipaddress.ip_address("172.18.60.184")),
    x509.IPAddress(ipaddress.ip_address("2001:db8::a:1")),
    x509.RFC822Name("a@b.c"),
    x509.UniformResourceIdentifier("http://x/y?z"),
    x509.DirectoryName(LONG_NAME),
    x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
]
NOTICE = x509.UserNotice(x509.NoticeReference("Org", [1, 2]), "Explicit Text")
POLICIES = x509.CertificatePolicies(
    [
        x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None),
        x509.PolicyInformation(x509.ObjectIdentifier("1.3.5.8"), ["http://a/", NOTICE, x509.UserNotice(None, "T")]),
    ]
)
CONSTRAINTS = x509.NameConstraints(
    [x509.DNSName("a.b"), x509.RFC822Name("c.d"), x509.DirectoryName(LONG_NAME)],
    [x509.IPAddress(ipaddress.ip_network("10.0.0.0/8")), x509.IPAddress(ipaddress.ip_network("2001:db8::/32"))],
)
ACCESS = x509.AuthorityInformationAccess(
    [
        x509.AccessDescription(x509.ObjectIdentifier(oid), x509.UniformResourceIdentifier("http://o/"))
        for oid in ("1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2", "1.2.3")
    ]
)
PURPOSES = [x509.ObjectIdentifier(oid) for oid in (*oids.OBJECTS, "1.2.3.4")]

CASES = {
    "no extensions": made(),
    "as issued in the guide": made(x509.BasicConstraints(False, None), KU, SKI, AKI),
    "CA with path length": made(
        x509.BasicConstraints(True, 3), ALL_KU, critical=(x509.BasicConstraints, x509.KeyUsage)
    ),
    "CA without path length": made(x509.BasicConstraints(True, None)),
    "every key purpose": made(x509.ExtendedKeyUsage(PURPOSES)),
    "AKI with issuer and serial": made(
        x509.AuthorityKeyIdentifier(b"\xab\xcd", [x509.DirectoryName(LONG_NAME)], 0xABCD)
    ),
    "AKI with issuer and serial only": made(x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(CA_NAME)], 2**90)),
    "alternative names": made(x509.SubjectAlternativeName(GENERAL_NAMES), x509.IssuerAlternativeName(GENERAL_NAMES)),
    "policies": made(POLICIES),
    "name constraints": made(CONSTRAINTS, critical=(x509.NameConstraints,)),
    "information access": made(ACCESS),
    "policy numbers": made(x509.PolicyConstraints(3, 2), x509.InhibitAnyPolicy(2)),
    "TLS feature, OCSP no check": made(x509.TLSFeature([x509.TLSFeatureType.status_request]), x509.OCSPNoCheck(), SKI),
    "unknown": made(unknown("1.2.3.4.5", b"\x0c\x05he\nlo\x00\xff"), unknown("1.2.3.4.6", b"\x05\x00")),
    "unknown and empty": made(unknown("1.2.3.4.5", b""), SKI),
    "malformed": made(unknown("2.5.29.17", b"\x30\x05junk"), unknown("2.5.29.14", b"\xff"), KU),
    "Netscape": made(
        unknown("2.16.840.1.113730.1.13", b"\x16\x02hi"), unknown("2.16.840.1.113730.1.1", b"\x03\2\6\xc0")
    ),
    "policy mappings": made(unknown("2.5.29.33", bytes.fromhex("300a300806022a0306022a04"))),
    "long subject": made(subject=LONG_NAME),
    "many kinds of field": made(
        subject=names.subject_name(
            [(name, "AB") for name in names.SHORT_NAMES.values() if name != "x500UniqueIdentifier"]
        )
    ),
    "escapes": made(subject=names.subject_name([("O", "a+b/c, d=e"), ("OU", '"q"\\;<>#'), ("CN", " x ")])),
    "several values in an RDN": made(
        subject=x509.Name([x509.RelativeDistinguishedName(list(names.subject_name([("CN", "a"), ("OU", "b")])))])
    ),
}
SERIALS = (1, 0x7F, 0x80, 0x74697, 2**63 - 1, 2**63, 0xABE832E1F66A6B43, 2**64 - 1, 2**71, 2**158 + 5)


@needs_openssl
@pytest.mark.parametrize("certificate", CASES.values(), ids=CASES.keys())
def test_trace_block_equals_openssls_text(certificate):
    assert text.trace_block(certificate) == openssl_text(certificate)


@needs_openssl
@pytest.mark.parametrize("serial", SERIALS, ids=hex)
def test_trace_block_prints_every_serial_as_openssl_does(serial):
    certificate = made(serial=serial)
    assert text.trace_block(certificate) == openssl_text(certificate)


def with_raw_serial(old, new):
    """A certificate, its signature broken, whose one-octet serial is replaced by what no builder would write."""
    return load(made(serial=old).public_bytes(Encoding.DER).replace(bytes((2, 1, old)), bytes((2, 1, new)), 1))


@needs_openssl
@pytest.mark.parametrize("octet", [0x00, 0x80, 0xFE, 0xFF])
def test_zero_and_negative_serials_are_printed_as_openssl_does(octet):
    certificate = with_raw_serial(0x55, octet)
    assert text.trace_block(certificate)[:3] == openssl_text(certificate)[:3]


@needs_openssl_30
def test_distribution_points_and_other_names_equal_openssl_30s_text():
    full = [x509.UniformResourceIdentifier("http://x/1"), x509.DirectoryName(LONG_NAME), x509.DNSName("d")]
    relative = x509.RelativeDistinguishedName(list(names.subject_name([("CN", "r")])))
    points = [
        x509.DistributionPoint(full, None, None, None),
        x509.DistributionPoint(None, relative, frozenset([x509.ReasonFlags.key_compromise]), full[1:2]),
        x509.DistributionPoint(full[:1], None, None, None),
    ]
    others = [
        x509.OtherName(x509.ObjectIdentifier(oid), value)
        for oid, value in (
            ("1.3.6.1.4.1.311.20.2.3", b"\x0c\x03u@x"),
            ("1.2.3.4", b"\x0c\x01x"),
            ("1.2.3.4", b"\x16\x01y"),
            ("1.2.3.4", b"\x02\x01\x05"),
        )
    ]
    certificate = made(
        x509.CRLDistributionPoints(points), x509.FreshestCRL(points[2:]), x509.SubjectAlternativeName(others)
    )
    assert text.trace_block(certificate) == openssl_text(certificate)


@needs_openssl
@pytest.mark.parametrize("certificate", CASES.values(), ids=CASES.keys())
def test_spaced_names_equal_openssls_oneline(certificate):
    command = [OPENSSL, "x509", "-noout", "-subject", "-nameopt", "oneline"]
    printed = subprocess.run(command, input=pem(certificate), capture_output=True, check=True, text=True).stdout
    assert f"subject={names.spaced(certificate.subject)}\n" == printed


def test_trace_block_is_the_guides():
    assert text.trace_block(
        made(x509.BasicConstraints(True, None), SKI, serial=0xABE832E1F66A6B43, subject=CA_NAME)
    ) == [
        "        Version: 3 (0x2)",
        "        Serial Number:",
        "            ab:e8:32:e1:f6:6a:6b:43",
        "        Issuer: CN=estExampleCA",
        "        Subject: CN=estExampleCA",
        "        X509v3 extensions:",
        "            X509v3 Basic Constraints: ",
        "                CA:TRUE",
        "            X509v3 Subject Key Identifier: ",
        "                9B:F8:39:D5:21:E6:FF:49:FF:AC:02:57:5B:FC:4C:1A:8B:1E:5D:8F",
    ]


def test_get_block_has_the_boxs_layout():
    block = text.get_block(made(x509.BasicConstraints(False, None), KU, critical=(x509.KeyUsage,)))
    assert block[4].startswith("        Fingerprint: ") and len(block[4]) == 21 + 47
    del block[4]
    assert block == [
        "        Subject:     CN = firewall-portal1",
        "        Issuer:      CN = estExampleCA",
        "        Valid from:  2023-04-13 17:23:40  GMT",
        "        Valid to:    2024-04-12 17:23:40  GMT",
        "        Root CA:     No",
        "        Version:     3",
        "        Serial Num:",
        "                07:47:02",
        "        Extensions:",
        "                Name:     X509v3 Basic Constraints",
        "                Critical: no",
        "                Content:",
        "                CA:FALSE",
        "",
        "                Name:     X509v3 Key Usage",
        "                Critical: yes",
        "                Content:",
        "                Digital Signature",
    ]


def test_root_ca_is_yes_for_a_self_issued_ca_only():
    constraints = x509.BasicConstraints(True, None)
    assert "        Root CA:     Yes" in text.get_block(made(constraints, subject=CA_NAME))
    assert "        Root CA:     No" in text.get_block(made(constraints))
    assert "        Root CA:     No" in text.get_block(made(subject=CA_NAME))


def test_fingerprint_is_upper_case_md5_by_default():
    certificate = made()
    assert text.fingerprint(certificate) == certificate.fingerprint(hashes.MD5()).hex(":").upper()
    assert text.fingerprint(certificate, "sha256") == certificate.fingerprint(hashes.SHA256()).hex(":").upper()


@pytest.mark.parametrize(
    ("serial", "shown"), [(0x74702, "07:47:02"), (0x80, "80"), (5, "05"), (2**63, "80" + ":00" * 7)]
)
def test_serial_text_has_the_fewest_octets(serial, shown):
    assert text.serial_text(made(serial=serial)) == shown


@pytest.mark.parametrize(
    ("usages", "lacks"),
    [
        (None, True),
        ([ExtendedKeyUsageOID.SERVER_AUTH], True),
        ([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH], False),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], False),
    ],
)
def test_lacks_client_auth_unless_a_usage_says_so(usages, lacks):
    assert text.lacks_client_auth(made(*([x509.ExtendedKeyUsage(usages)] if usages else []))) is lacks


def test_control_characters_of_a_certificate_do_not_reach_the_terminal():
    san = x509.SubjectAlternativeName([x509.DNSName("a\x1b[2Jb"), x509.RFC822Name("a\r\nb")])
    odd = x509.Name([x509.NameAttribute(x509.ObjectIdentifier("2.5.4.10"), "Zürich\x1b\u202e")])
    for line in (*text.trace_block(made(san, subject=odd)), *text.get_block(made(san, subject=odd))):
        assert not line or line.isprintable()
    assert names.tight(odd) == "O=Zürich\\x1B\\xE2\\x80\\xAE"
    assert names.spaced(odd) == "O = Zürich\\1B\\E2\\80\\AE"


def test_a_malformed_extension_is_dumped_and_hides_no_other():
    shown = text.trace_block(
        made(unknown("2.5.29.17", der.encode(der.SEQUENCE, b"\x87\x03abc")), unknown("1.2.3", b"x"))
    )
    assert shown[-4:] == [
        "            X509v3 Subject Alternative Name: ",
        "                0...abc",
        "            1.2.3: ",
        "                x",
    ]


def test_an_unknown_tls_feature_is_dumped():
    assert text.trace_block(made(unknown("1.3.6.1.5.5.7.1.24", b"\x30\x03\x02\x01\x5b")))[-1] == " " * 16 + "0...["


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([one.public_bytes(Encoding.DER) for one in CASES.values()]),
    st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_whatever_loads_is_printed(data, changes):
    octets = bytearray(data)
    for place, octet in changes:
        octets[place % len(octets)] = octet
    try:
        certificate = load(bytes(octets))
        shown = [text.trace_block(certificate), text.get_block(certificate)]
    except CertificateUnreadable:
        return
    assert all(not line or line.isprintable() for lines in shown for line in lines)
    assert text.lacks_client_auth(certificate) in (True, False)
