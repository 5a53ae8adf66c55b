"""The public CA certificates: found one by one under OpenSSL's own names, and trusted as if the bundle were read."""

from __future__ import annotations

import datetime
import hashlib
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from fortish import cache
from fortish.network import roots
from fortish.network.tls import _context
from fortish.steps import Trust

BUNDLE = Path(certifi.where())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache.folder.cache_clear()
    yield tmp_path / "cache" / "fortish"
    cache.folder.cache_clear()


def named(rdns: list[list[tuple[x509.ObjectIdentifier, str, _ASN1Type]]]) -> bytes:
    """A certificate with this subject, in DER."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime(2024, 1, 1)
    name = x509.Name(
        x509.RelativeDistinguishedName(x509.NameAttribute(oid, text, kind) for oid, text, kind in rdn) for rdn in rdns
    )
    made = x509.CertificateBuilder().subject_name(name).issuer_name(x509.Name([])).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(9))
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


CN, ORG, UTF8 = NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, _ASN1Type.UTF8String
ODD = {
    "capitals and spaces": [[(ORG, "  A  Big\t Name ", UTF8)], [(CN, "X", _ASN1Type.PrintableString)]],
    "two fields in one": [[(CN, "zz", UTF8), (ORG, "AA", UTF8)]],
    "beyond ASCII": [[(CN, "ÄÖ Straße", UTF8)]],
    "two octets for a character": [[(CN, "Ab Ü", _ASN1Type.BMPString)]],
    "four octets for a character": [[(CN, "Ab Ü", _ASN1Type.UniversalString)]],
    "an old kind": [[(CN, "Caf\u00e9 X", _ASN1Type.T61String)]],
    "IA5": [[(NameOID.DOMAIN_COMPONENT, "COM", _ASN1Type.IA5String)]],
    "a number": [[(CN, "12 34", _ASN1Type.NumericString)]],
    "nothing": [],
}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is what this is compared with")
@pytest.mark.parametrize("odd", sorted(ODD))
def test_odd_names_are_called_as_openssl_calls_them(odd: str) -> None:
    raw = named(ODD[odd])
    said = subprocess.run(
        ["openssl", "x509", "-noout", "-hash", "-inform", "DER"], input=raw, capture_output=True, check=True
    )
    assert roots.subject_hash(raw) == said.stdout.decode().strip()


def everything(folder: Path, pattern: str) -> set[tuple[str, bytes]]:
    """Name without number, and the certificate, of each file."""
    return {
        (file.name.partition(".")[0], hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read_text())).digest())
        for file in folder.glob(pattern)
    }


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is what this is compared with")
def test_the_folder_is_what_openssl_makes_of_the_whole_bundle(place: Path, tmp_path: Path) -> None:
    for number, raw in enumerate(roots._certificates(BUNDLE)):
        (tmp_path / f"{number}.pem").write_text(ssl.DER_cert_to_PEM_cert(raw))
    subprocess.run(["openssl", "rehash", tmp_path], check=True)
    folder = roots._folder(BUNDLE)
    assert folder is not None
    assert everything(folder, "*.[0-9]") == everything(tmp_path, "*.[0-9]")
    assert len(everything(folder, "*.[0-9]")) == BUNDLE.read_text().count("BEGIN CERTIFICATE")


def meets(context: ssl.SSLContext, server: trustme.LeafCert, host: str) -> None:
    """A handshake with a server, in memory. Raises ssl.SSLError."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.configure_cert(theirs)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [context.wrap_bio(down, up, server_hostname=host), theirs.wrap_bio(up, down, server_side=True)]
    done = 0
    while done < len(ends):
        done = 0
        for end in ends:
            try:
                end.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                pass


def test_a_public_ca_is_trusted_and_another_is_not(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, unknown = trustme.CA(), trustme.CA()
    twin = trustme.CA()  # of the same name as the others: trustme's differ by a random unit only
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(BUNDLE.read_bytes() + known.cert_pem.bytes() + twin.cert_pem.bytes())
    monkeypatch.setattr(roots, "_bundle", lambda: bundle)
    for authority in (known, twin):
        meets(_context(Trust(), "", False, None), authority.issue_cert("a.example"), "a.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        meets(_context(Trust(), "", False, None), unknown.issue_cert("a.example"), "a.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        meets(_context(Trust(public=False), "", False, None), known.issue_cert("a.example"), "a.example")


def test_what_was_cleared_away_is_made_again(place: Path) -> None:
    folder = roots._folder(BUNDLE)
    assert folder is not None
    whole = sorted(os.listdir(folder))
    (folder / whole[0]).unlink()
    assert roots._folder(BUNDLE) == folder
    assert sorted(os.listdir(folder)) == whole
    assert os.listdir(place) == [folder.name]


def test_another_bundle_has_a_folder_of_its_own(place: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    other = tmp_path / "other.pem"
    other.write_bytes(authority.cert_pem.bytes())
    assert roots._folder(other) != roots._folder(BUNDLE)


def test_without_a_place_the_bundle_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    cache.folder.cache_clear()
    context = _context(Trust(), "", False, None)
    cache.folder.cache_clear()
    assert len(context.get_ca_certs()) == BUNDLE.read_text().count("BEGIN CERTIFICATE")


def test_a_folder_into_which_others_may_write_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fortish").mkdir()
    (tmp_path / "fortish").chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache.folder.cache_clear()
    assert cache.folder() is None
    cache.folder.cache_clear()
