"""The lab's CA: certificates as documented, kept and found again, and the banner that introduces it."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from fortish.errors import UsageError
from fortish.pki import names
from fortish.pki.chains import path_to
from fortish.pki.identity import names_host
from fortish.pki.text import fingerprint, trace_block
from fortish.responder.authority import CERTIFICATE_FILE, FIRST_SERIAL, KEY_FILE, Authority, reserve_serials
from fortish.responder.banner import banner
from fortish.responder.policy import Policy
from fortish.responder.state import Responder

NOW = datetime(2023, 4, 6, 22, 37, 34, tzinfo=UTC)
KEY = ec.derive_private_key(7, ec.SECP256R1())
SUBJECT = names.subject_name([("CN", "firewall-portal1")])


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.fresh(NOW)


def test_the_root_prints_as_the_documented_one(authority):
    lines = trace_block(authority.certificate)
    assert lines[:2] == ["        Version: 3 (0x2)", "        Serial Number:"]
    assert len(lines[2].strip().split(":")) == 8 and int(lines[2].strip()[:2], 16) >= 0x80
    assert lines[3:9] == [
        "        Issuer: CN=estExampleCA",
        "        Subject: CN=estExampleCA",
        "        X509v3 extensions:",
        "            X509v3 Basic Constraints: ",
        "                CA:TRUE",
        "            X509v3 Subject Key Identifier: ",
    ]
    assert len(lines) == 10


def test_the_root_is_valid_from_the_day_before_for_ten_years(authority):
    root = authority.certificate
    assert root.not_valid_before_utc == NOW - timedelta(days=1)
    assert root.not_valid_after_utc == root.not_valid_before_utc.replace(year=2033)


def test_a_root_made_after_29_february_has_an_end():
    root = Authority.fresh(datetime(2024, 3, 1, tzinfo=UTC)).certificate
    assert root.not_valid_after_utc == datetime(2034, 2, 28, tzinfo=UTC)


def test_an_issued_certificate_has_the_documented_extensions_in_order(authority):
    issued = authority.issue(KEY.public_key(), SUBJECT, 476823, NOW)
    lines = trace_block(issued)
    assert lines[1] == "        Serial Number: 476823 (0x74697)"
    assert lines[2:4] == ["        Issuer: CN=estExampleCA", "        Subject: CN=firewall-portal1"]
    assert lines[5:9] == [
        "            X509v3 Basic Constraints: ",
        "                CA:FALSE",
        "            X509v3 Key Usage: ",
        "                Digital Signature",
    ]
    assert lines[9::2] == [
        "            X509v3 Subject Key Identifier: ",
        "            X509v3 Authority Key Identifier: ",
    ]
    assert issued.not_valid_after_utc - issued.not_valid_before_utc == timedelta(days=365)
    assert path_to(issued, [], [authority.certificate], NOW) == [issued, authority.certificate]


def test_a_san_is_critical_only_where_there_is_no_subject(authority):
    san = names.alternative_names([("DNS", "a.example")])
    for subject, critical in ((SUBJECT, False), (x509.Name([]), True)):
        issued = authority.issue(KEY.public_key(), subject, 1, NOW, san=san)
        found = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert (found.value, found.critical) == (san, critical)


def test_only_its_own_certificates_are_its_own(authority):
    other = Authority.fresh(NOW)
    assert authority.has_issued(authority.issue(KEY.public_key(), SUBJECT, 1, NOW))
    assert not authority.has_issued(other.issue(KEY.public_key(), SUBJECT, 1, NOW))
    assert not authority.has_issued(authority.certificate)


def test_a_server_certificate_names_hosts_and_addresses(authority):
    certificate, key = authority.server_certificate(["127.0.0.1", "::1", "localhost", "testrfc7030.com"], NOW)
    assert all(names_host(certificate, host) for host in ("127.0.0.1", "::1", "localhost", "testrfc7030.com"))
    assert not names_host(certificate, "127.0.0.2")
    assert certificate.public_key() == key.public_key()
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH]
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]


def test_a_kept_authority_is_found_again_and_its_key_is_private(authority, tmp_path):
    folder = tmp_path / "a" / "ca"
    authority.save(folder)
    authority.save(folder)
    again = Authority.load(folder)
    assert again.certificate == authority.certificate
    assert again.has_issued(authority.issue(KEY.public_key(), SUBJECT, 1, NOW))
    assert authority.has_issued(again.issue(KEY.public_key(), SUBJECT, 1, NOW))
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert sorted(item.name for item in folder.iterdir()) == [CERTIFICATE_FILE, KEY_FILE]


def test_an_unusable_folder_is_the_callers_error(authority, tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        Authority.load(tmp_path)
    authority.save(tmp_path)
    Authority.fresh(NOW).save(tmp_path / "b")
    (tmp_path / KEY_FILE).write_bytes((tmp_path / "b" / KEY_FILE).read_bytes())
    with pytest.raises(UsageError, match="is not the EC key of"):
        Authority.load(tmp_path)
    (tmp_path / KEY_FILE).write_text("nonsense")
    with pytest.raises(UsageError, match="cannot be read"):
        Authority.load(tmp_path)
    with pytest.raises(UsageError, match="cannot keep the CA"):
        authority.save(tmp_path / KEY_FILE)


def test_no_serial_number_is_given_twice_by_two_runs(tmp_path):
    first, second = reserve_serials(tmp_path), reserve_serials(tmp_path)
    assert first == FIRST_SERIAL
    assert second >= first + 1_000_000
    (tmp_path / "serial").write_text("x")
    with pytest.raises(UsageError, match="does not hold a number"):
        reserve_serials(tmp_path)


def test_the_banner_says_what_to_trust_and_whom_it_lets_in(authority):
    lines = "\n".join(banner(["https://127.0.0.1:8443"], Responder(authority), Path("/tmp/x/cacert.pem")))
    assert "not for production" in lines
    assert "https://127.0.0.1:8443/.well-known/est/" in lines
    assert "estuser / estpwd" in lines
    assert fingerprint(authority.certificate, "sha256") in lines
    assert "curl --cacert /tmp/x/cacert.pem https://127.0.0.1:8443/.well-known/est/cacerts" in lines


def test_the_banner_of_a_root_that_is_not_kept_says_so(authority):
    lines = "\n".join(banner(["https://127.0.0.1:8443"], Responder(authority, Policy(accounts={})), None))
    assert "not kept in a file" in lines and "--insecure" in lines and "no account" in lines
