"""Trusted paths, and whom a certificate speaks for."""

from __future__ import annotations

import ipaddress
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from fortish.pki import chains, names
from fortish.pki.chains import dates_fault, issued_for, path_to, self_signed
from fortish.pki.faults import ChainFault
from fortish.pki.identity import is_cmc_ra, names_host

NOW = datetime(2024, 6, 1, tzinfo=UTC)
START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
CA = (x509.BasicConstraints(True, None), True)
_KEYS = {}


def key(name):
    return _KEYS.setdefault(name, ec.derive_private_key(1000 + len(_KEYS), ec.SECP256R1()))


def named(text):
    return names.subject_name([("CN", text)])


def made(subject, issuer, *extensions, keys=None, start=START, end=END, aki=None):
    """A certificate; `keys` names the subject's and the issuer's key where they differ from the names."""
    mine, theirs = keys or (subject, issuer)
    builder = x509.CertificateBuilder(
        named(issuer), named(subject), key(mine).public_key(), x509.random_serial_number()
    )
    builder = builder.not_valid_before(start).not_valid_after(end)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    if aki:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key(aki).public_key())
        builder = builder.add_extension(identifier, critical=False)
    return builder.sign(key(theirs), hashes.SHA256())


def ski(name):
    return x509.SubjectKeyIdentifier.from_public_key(key(name).public_key()), False


def usage(cert_sign):
    return x509.KeyUsage(True, False, False, False, False, cert_sign, False, False, False), True


def limited(length):
    return x509.BasicConstraints(True, length), True


ROOT = made("root", "root", CA)
SUB = made("sub", "root", CA, usage(True))
SUBSUB = made("subsub", "sub", CA)
LEAF = made("leaf", "subsub")


def fault(*arguments, **options):
    with pytest.raises(ChainFault) as caught:
        path_to(*arguments, **options)
    return caught.value.reason


@pytest.mark.parametrize("extra", [[], [made("other", "root", CA)], [ROOT, LEAF]])
def test_path_is_found_whatever_the_order_and_the_company(extra):
    assert path_to(LEAF, [SUBSUB, *extra, SUB], [ROOT], NOW) == [LEAF, SUBSUB, SUB, ROOT]
    assert path_to(LEAF, [SUB, *extra, SUBSUB], [ROOT], NOW) == [LEAF, SUBSUB, SUB, ROOT]


def test_an_anchor_that_is_the_leaf_is_a_path_of_one():
    assert path_to(ROOT, [], [ROOT], NOW) == [ROOT]


def test_an_intermediate_anchor_ends_a_path_only_with_partial():
    assert path_to(LEAF, [SUBSUB], [SUB], NOW, partial=True) == [LEAF, SUBSUB, SUB]
    assert path_to(LEAF, [], [LEAF], NOW, partial=True) == [LEAF]
    assert fault(LEAF, [SUBSUB], [SUB], NOW) == chains.NO_ISSUER
    assert path_to(LEAF, [SUBSUB], [SUB, ROOT], NOW) == [LEAF, SUBSUB, SUB, ROOT]


def test_missing_issuers_are_told_apart():
    stranger = made("stranger", "stranger", CA)
    assert fault(LEAF, [SUBSUB], [ROOT], NOW) == "unable to get local issuer certificate"
    assert fault(LEAF, [SUBSUB, SUB, ROOT], [stranger], NOW) == "self-signed certificate in certificate chain"
    assert fault(ROOT, [], [stranger], NOW) == "self-signed certificate"
    assert fault(LEAF, [], [], NOW) == "unable to get local issuer certificate"


def test_a_namesake_with_another_key_has_signed_nothing():
    impostor = made("root", "root", CA, keys=("evil", "evil"))
    child = made("child", "root")
    assert fault(child, [], [impostor], NOW) == "certificate signature failure"
    assert path_to(child, [], [impostor, ROOT], NOW) == [child, ROOT]


def test_a_key_identifier_that_disagrees_is_no_issuer():
    impostor = made("root", "root", CA, ski("evil"), keys=("evil", "evil"))
    assert fault(made("child", "root", aki="root"), [], [impostor], NOW) == "unable to get local issuer certificate"
    good = made("root", "root", CA, ski("root"))
    assert len(path_to(made("child", "root", aki="root"), [], [impostor, good], NOW)) == 2


def test_a_tampered_certificate_is_refused():
    forged = x509.load_der_x509_certificate(
        made("honest", "root").public_bytes(Encoding.DER).replace(b"honest", b"forged")
    )
    assert fault(forged, [], [ROOT], NOW) == "certificate signature failure"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_dates_of_every_certificate_count_the_anchors_too(place):
    for reason, start, end in (
        ("certificate has expired", START, NOW - timedelta(seconds=1)),
        ("certificate is not yet valid", NOW + timedelta(seconds=1), END),
    ):
        dates = [{}, {}, {}]
        dates[place] = {"start": start, "end": end}
        chain = [
            made("x", "sub", **dates[0]),
            made("sub", "root", CA, **dates[1]),
            made("root", "root", CA, **dates[2]),
        ]
        assert fault(chain[0], chain[1:2], chain[2:], NOW) == reason
        assert dates_fault(chain, NOW) == reason


def test_dates_are_inclusive_at_both_ends():
    assert dates_fault([LEAF, ROOT], START) is None
    assert dates_fault([LEAF, ROOT], END) is None
    assert dates_fault([LEAF, ROOT], END + timedelta(seconds=1)) == chains.EXPIRED


def test_an_expired_intermediate_does_not_hide_its_renewed_self():
    old = made("sub", "root", CA, end=NOW - timedelta(days=1))
    for order in ([old, SUB], [SUB, old]):
        assert path_to(made("x", "sub"), order, [ROOT], NOW)[1] == SUB


def test_issuers_must_be_certificate_authorities():
    assert fault(made("x", "leaf"), [LEAF, SUBSUB, SUB], [ROOT], NOW) == "invalid CA certificate"
    no_ca = made("sub", "root", (x509.BasicConstraints(False, None), True))
    assert fault(made("x", "sub"), [no_ca], [ROOT], NOW) == "invalid CA certificate"
    no_signing = made("sub", "root", CA, usage(False))
    assert fault(made("x", "sub"), [no_signing], [ROOT], NOW) == "invalid CA certificate"
    assert fault(made("x", "root"), [], [made("root", "root", CA, usage(False))], NOW) == "invalid CA certificate"


@pytest.mark.parametrize(("length", "good"), [(0, False), (1, False), (2, True), (None, True)])
def test_path_length_counts_the_intermediates_below(length, good):
    root = made("root", "root", limited(length))
    leaf, intermediates = made("x", "subsub"), [made("subsub", "sub", limited(0)), made("sub", "root", limited(1))]
    if good:
        assert path_to(leaf, intermediates, [root], NOW) == [leaf, *intermediates, root]
    else:
        assert fault(leaf, intermediates, [root], NOW) == "path length constraint exceeded"


def test_a_rolled_over_root_does_not_count_against_the_path_length():
    """NewWithOld of RFC 7030 4.1.3: self-issued, not self-signed."""
    old_root = made("root", "root", limited(0))
    new_with_old = made("root", "root", limited(0), keys=("new root", "root"))
    child = made("x", "root", keys=("x", "new root"))
    assert path_to(child, [new_with_old], [old_root], NOW) == [child, new_with_old, old_root]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_unknown_critical_extensions_are_refused_anywhere(place):
    for value in (
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
        x509.NameConstraints([x509.DNSName("a.b")], None),
    ):
        for critical in (True, False):
            more = [[], [], []]
            more[place] = [(value, critical)]
            chain = [made("x", "sub", *more[0]), made("sub", "root", CA, *more[1]), made("root", "root", CA, *more[2])]
            if critical:
                assert fault(chain[0], chain[1:2], chain[2:], NOW) == "unhandled critical extension"
            else:
                assert path_to(chain[0], chain[1:2], chain[2:], NOW) == chain


def test_an_unreadable_extension_of_an_issuer_is_a_fault_in_words():
    odd = made("sub", "root", (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.19"), b"junk"), True))
    assert fault(made("x", "sub"), [odd], [ROOT], NOW) == chains.INVALID_EXTENSION


def test_a_path_has_ten_certificates_at_most():
    rungs = [made(f"r{rung + 1}", f"r{rung}", CA) for rung in range(10)]
    root = made("r0", "r0", CA)
    assert len(path_to(rungs[8], rungs, [root], NOW)) == 10
    assert fault(rungs[9], rungs, [root], NOW) == chains.NO_ISSUER


def test_a_maze_of_cross_certificates_is_left_in_time():
    maze = [made(a, b, CA) for a in "ABCDEFGH" for b in "ABCDEFGH" if a != b]
    began = time.process_time()
    assert fault(made("x", "A"), maze, [ROOT], NOW) == chains.NO_ISSUER
    assert time.process_time() - began < 2


def test_self_signed_needs_name_and_signature():
    assert self_signed(ROOT)
    assert not self_signed(SUB)
    assert not self_signed(made("root", "root", keys=("root", "evil")))


def test_the_issued_certificate_is_chosen_by_key_never_by_position():
    old, new = made("x", "root"), made("x", "root", start=START + timedelta(days=1))
    for order in ([ROOT, old, new], [new, ROOT, old]):
        assert issued_for(order, key("x")) == new
    assert issued_for([ROOT, SUB], key("x")) is None
    assert issued_for([], ed25519.Ed25519PrivateKey.generate()) is None


def host(*alternatives, common="common.example.com"):
    extensions = [(x509.SubjectAlternativeName(alternatives), False)] if alternatives else []
    return made(common, "root", *extensions, keys=("host", "root"))


DNS = x509.DNSName
ADDRESSES = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("192.0.2.1", "2001:db8::1")]


@pytest.mark.parametrize(
    ("certificate", "name", "good"),
    [
        (host(DNS("a.example.com")), "a.example.com", True),
        (host(DNS("A.Example.COM")), "a.eXample.com.", True),
        (host(DNS("a.example.com")), "b.example.com", False),
        (host(DNS("a.example.com")), "common.example.com", False),
        (host(DNS("*.example.com")), "a.example.com", True),
        (host(DNS("*.example.com")), "example.com", False),
        (host(DNS("*.example.com")), "a.b.example.com", False),
        (host(DNS("*.example.com")), ".example.com", False),
        (host(DNS("a*.example.com")), "ab.example.com", False),
        (host(DNS("a.*.com")), "a.example.com", False),
        (host(DNS("*.com")), "example.com", False),
        (host(DNS("*")), "example", False),
        (host(DNS("xn--zrich-kva.ch")), "zürich.ch", True),
        (host(DNS("192.0.2.1")), "192.0.2.1", False),
        (host(*ADDRESSES), "192.0.2.1", True),
        (host(*ADDRESSES), "192.0.2.2", False),
        (host(*ADDRESSES), "[2001:DB8:0::1]", True),
        (host(*ADDRESSES), "common.example.com", False),
        (host(), "common.example.com", True),
        (host(x509.RFC822Name("a@b.c")), "common.example.com", True),
        (host(common="*.example.com"), "a.example.com", True),
        (host(common="192.0.2.1"), "192.0.2.1", True),
        (host(common="*.0.2.1"), "192.0.2.1", False),
        (host(common="a.example.com\x00.evil"), "a.example.com", False),
        (host(), "", False),
    ],
)
def test_names_host_as_libcurl_does(certificate, name, good):
    assert names_host(certificate, name) is good


def test_is_cmc_ra_reads_the_key_purpose():
    purposes = [x509.ObjectIdentifier(f"1.3.6.1.5.5.7.3.{last}") for last in (1, 28)]
    assert is_cmc_ra(made("ra", "root", (x509.ExtendedKeyUsage(purposes), False)))
    assert not is_cmc_ra(made("ra", "root", (x509.ExtendedKeyUsage(purposes[:1]), False)))
    assert not is_cmc_ra(ROOT)
