"""`execute vpn certificate …` over TFTP and HTTP: what is made is checked with cryptography, and with openssl."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import AttributeOID, NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import once

import fortish
from fortish.box import LOCAL, Box
from fortish.clock import VirtualClock
from fortish.cmdb.entries import GLOBAL, Change, Drop, Entry, Put
from fortish.errors import CliError, StorageFault
from fortish.execute import certificate, crl, requests
from fortish.session import Session
from fortish.steps import Compute, Exchange, HttpGet

SERVER = "192.0.2.10"
CLOCK = "2025-06-01T00:00:00Z"
NOW = datetime(2025, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
EXECUTE = "execute vpn certificate"
OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="no openssl on the path")


# --- certificates to work with --------------------------------------------------------------------------------------


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def name_of(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Authority:
    """A CA of the test's own."""

    def __init__(self, common: str = "Test CA", crl_sign: bool | None = None) -> None:
        self.key, self.name = new_key(), name_of(common)
        self.certificate = self.issue(self.name, self.key.public_key(), ca=True, crl_sign=crl_sign)

    def issue(self, subject: x509.Name, public: Any, *, ca: bool = False, crl_sign: bool | None = None) -> Any:
        builder = x509.CertificateBuilder(self.name, subject, public, x509.random_serial_number(), NOW - DAY, NOW + DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if crl_sign is not None:
            usage = x509.KeyUsage(False, False, False, False, False, True, crl_sign, False, False)
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def crl(self, *, since: datetime = NOW - DAY, until: datetime = NOW + DAY, delta: bool = False) -> Any:
        revoked = x509.RevokedCertificateBuilder(4711, NOW - DAY).build()
        builder = x509.CertificateRevocationListBuilder(self.name, since, until, [], [revoked])
        if delta:
            builder = builder.add_extension(x509.DeltaCRLIndicator(1), critical=True)
        return builder.sign(self.key, hashes.SHA256())


def pem_of(thing: Any) -> str:
    text: str = thing.public_bytes(Encoding.PEM).decode()
    return text


def public(thing: Any) -> bytes:
    holder = thing if hasattr(thing, "public_bytes") and not hasattr(thing, "public_key") else thing.public_key()
    octets: bytes = holder.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return octets


# --- a box ----------------------------------------------------------------------------------------------------------


class Site:
    """A box in the lab, the folder behind its file server, and an administrator."""

    def __init__(self, box: fortish.Appliance, folder: Path) -> None:
        self.box, self.folder, self.admin = box, folder, box.session()
        box.runtime.box.maker = once

    def run(self, line: str) -> str:
        text = self.admin.run(f"{EXECUTE} {line}")
        assert not self.admin.failed, text
        return text

    def refused(self, line: str, code: int) -> str:
        before = list(self.admin._session.configuration())
        text = self.admin.run(f"{EXECUTE} {line}")
        assert self.admin.code == code, text
        assert list(self.admin._session.configuration()) == before, "a refused line changes nothing"
        assert text.endswith(f"Command fail. Return code {code}\n")
        return text

    def local(self, name: str) -> Any:
        return self.box.cmdb["vpn certificate local"][name]

    def request(self, name: str) -> x509.CertificateSigningRequest:
        return x509.load_pem_x509_csr(self.local(name)["csr"].encode())

    def key(self, name: str) -> Any:
        entry = self.local(name)
        return load_pem_private_key(entry["private-key"].encode(), entry["password"].encode())

    def write(self, name: str, content: bytes | str) -> None:
        (self.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with fortish.Appliance(files=tmp_path, clock=CLOCK) as box:
        yield Site(box, tmp_path)


def generated(site: Site, name: str = "web", password: str = "secret1") -> None:
    blank = '""'
    site.run(f"local generate ec {name} secp256r1 {name}.example.com {' '.join([blank] * 11)} {password}")


def answered(site: Site, authority: Authority, name: str = "web") -> x509.Certificate:
    request = site.request(name)
    issued: x509.Certificate = authority.issue(request.subject, request.public_key())
    site.write(f"{name}.cer", pem_of(issued))
    site.run(f"local import tftp {name}.cer {SERVER} cer")
    return issued


def openssl(*words: str, check: bool = True) -> str:
    assert OPENSSL is not None
    done = subprocess.run([OPENSSL, *words], capture_output=True, text=True, timeout=120, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout + done.stderr


# --- requests -------------------------------------------------------------------------------------------------------


def test_a_request_holds_everything_that_was_typed(site: Site) -> None:
    site.run(
        "local generate rsa web 2048 web.example.com 'the Netherlands' Holland Delft 'Example, Inc.' 'Web, Front' "
        "admin@example.com DNS:web.example.com,IP:192.0.2.7,email:a@example.com '' challenge1 192.0.2.99 '' secret1"
    )
    request = site.request("web")
    assert request.is_signature_valid
    assert [(part.rfc4514_attribute_name, part.value) for part in request.subject] == [
        ("C", "NL"),
        ("ST", "Holland"),
        ("L", "Delft"),
        ("O", "Example, Inc."),
        ("OU", "Web"),
        ("OU", "Front"),
        ("CN", "web.example.com"),
        ("1.2.840.113549.1.9.1", "admin@example.com"),
    ]
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["web.example.com"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]
    assert names.get_values_for_type(x509.RFC822Name) == ["a@example.com"]
    assert request.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD).value == b"challenge1"
    assert site.local("web")["password"] == "secret1"
    assert site.local("web")["source-ip"] == "192.0.2.99"
    assert public(site.key("web")) == public(request)


def test_a_request_holds_nothing_that_was_not_typed(site: Site) -> None:
    site.run('local generate ec web secp256r1 web "" "" "" "" "" ""')
    request = site.request("web")
    assert request.subject == name_of("web")
    assert list(request.attributes) == []
    assert len(site.local("web")["password"]) == 62
    assert site.local("web")["certificate"] == ""


@pytest.mark.parametrize("size", [1024, 1536, 2048, 4096])
def test_an_rsa_key_has_the_size_that_was_typed(site: Site, size: int) -> None:
    site.run(f'local generate rsa web {size} web "" "" "" "" "" ""')
    key = site.request("web").public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == size


@pytest.mark.parametrize("curve", ["secp256r1", "secp384r1", "secp521r1"])
def test_an_ec_key_is_on_the_curve_that_was_typed(site: Site, curve: str) -> None:
    site.run(f'local generate ec web {curve} web "" "" "" "" "" ""')
    key = site.request("web").public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == curve


@needs_openssl
def test_openssl_verifies_an_exported_request(site: Site) -> None:
    site.run("local generate rsa web 2048 web.example.com nl '' '' Example '' '' DNS:web.example.com '' challenge1")
    site.run(f"local export tftp web csr web.csr {SERVER}")
    text = openssl("req", "-in", str(site.folder / "web.csr"), "-noout", "-verify", "-text")
    assert "self-signature verify OK" in text
    assert "DNS:web.example.com" in text
    assert "challengePassword" in text


def test_a_name_that_is_taken_while_the_key_is_made_is_not_overwritten() -> None:
    box = Box.new(VirtualClock(NOW.timestamp()))
    hook_arguments = dict.fromkeys(
        ("country", "state", "city", "organization", "units", "email", "san", "scep-url", "challenge", "source-ip",
         "ca-identifier", "password", "ca-cert", "fingerprint"), "",
    )  # fmt: skip
    flow = requests.generate_rsa(Session(box), {**hook_arguments, "name": "web", "size": "1024", "common-name": "w"})
    step = next(flow)
    assert isinstance(step, Compute)
    taken = Entry({"comments": "mine"})
    box.cmdb.commit([Put(GLOBAL, LOCAL, "web", taken)])
    with pytest.raises(CliError) as refused:
        flow.send(step.work())
    assert refused.value.code == -5
    assert box.cmdb.entry(GLOBAL, LOCAL, "web") is taken


class Full:
    """A journal that keeps nothing more."""

    def append(self, changes: list[Change]) -> None:
        raise StorageFault("the disk is full")


def test_what_cannot_be_stored_is_said_and_not_there(site: Site) -> None:
    site.box.runtime.box.make_ready()
    site.box.cmdb.journal = Full()
    text = site.refused('local generate ec web secp256r1 web "" "" "" "" "" ""', 1)
    assert "the disk is full" in text
    assert "web" not in site.box.cmdb["vpn certificate local"]


# --- signed certificates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [Encoding.PEM, Encoding.DER])
def test_a_signed_certificate_finds_its_request_among_several(site: Site, form: Encoding) -> None:
    for name in ("one", "two", "three"):
        generated(site, name)
    issued = Authority().issue(name_of("anything"), site.request("two").public_key())
    site.write("x.cer", issued.public_bytes(form))
    site.run(f"local import tftp x.cer {SERVER} cer")
    assert site.box.certificate("two").x509 == issued
    assert site.local("two")["csr"] == ""
    assert [site.local(name)["certificate"] for name in ("one", "three")] == ["", ""]
    assert "state               : OK" in site.admin.run("get vpn certificate local two")
    assert "match" in site.run("local verify two")


def test_a_request_that_is_not_for_the_entrys_key_is_not_answered(site: Site) -> None:
    generated(site)
    entry = site.box.cmdb.entry(GLOBAL, LOCAL, "web")
    assert entry is not None
    stranger = new_key()
    request = x509.CertificateSigningRequestBuilder(name_of("web")).sign(stranger, hashes.SHA256())
    site.box.cmdb.commit([Put(GLOBAL, LOCAL, "web", Entry({**entry.values, "csr": pem_of(request)}))])
    site.write("web.cer", pem_of(Authority().issue(name_of("web"), stranger.public_key())))
    assert "valid/matched" in site.refused(f"local import tftp web.cer {SERVER} cer", -145)


def test_a_request_under_a_foreign_password_is_answered_by_its_own_key(site: Site) -> None:
    generated(site)
    entry = site.box.cmdb.entry(GLOBAL, LOCAL, "web")
    assert entry is not None
    foreign = entry.values["password"]._replace(clear=None)
    site.box.cmdb.commit([Put(GLOBAL, LOCAL, "web", Entry({**entry.values, "password": foreign}))])
    issued = answered(site, Authority())
    assert site.box.certificate("web").x509 == issued


def test_an_entry_that_has_its_certificate_is_not_answered_again(site: Site) -> None:
    generated(site)
    entry = site.box.cmdb.entry(GLOBAL, LOCAL, "web")
    assert entry is not None
    authority, public_key = Authority(), site.request("web").public_key()
    first = pem_of(authority.issue(name_of("first"), public_key)).strip()
    site.box.cmdb.commit([Put(GLOBAL, LOCAL, "web", Entry({**entry.values, "certificate": first}))])
    site.write("web.cer", pem_of(authority.issue(name_of("second"), public_key)))
    assert "No pending request" in site.refused(f"local import tftp web.cer {SERVER} cer", -145)


def test_a_certificate_is_not_put_under_an_enrollment_that_runs(site: Site) -> None:
    generated(site)
    site.write("web.cer", pem_of(Authority().issue(name_of("web"), site.request("web").public_key())))
    site.box.runtime.box.enrolling.add((GLOBAL, "web"))
    assert "already running" in site.refused(f"local import tftp web.cer {SERVER} cer", 1)


def test_an_exported_certificate_is_the_one_that_was_imported(site: Site) -> None:
    generated(site)
    issued = answered(site, Authority())
    site.run(f"local export tftp web cer out.cer {SERVER}")
    assert x509.load_pem_x509_certificate(site.read("out.cer")) == issued


def test_a_signed_certificate_does_not_lose_what_else_the_entry_holds(site: Site) -> None:
    generated(site)
    site.admin.run("config vpn certificate local\nedit web\nset comments kept\nend")
    key = site.local("web")["private-key"]
    answered(site, Authority())
    assert (site.local("web")["comments"], site.local("web")["private-key"]) == ("kept", key)


# --- PKCS #12 -------------------------------------------------------------------------------------------------------


def chained(site: Site) -> tuple[Authority, x509.Certificate]:
    """A box with a signed certificate and its CA."""
    authority = Authority()
    site.write("ca.pem", pem_of(authority.certificate))
    site.run(f"ca import tftp ca.pem {SERVER}")
    generated(site)
    return authority, answered(site, authority)


def test_an_exported_pkcs12_file_holds_key_certificate_and_path_under_the_keys_password(site: Site) -> None:
    authority, issued = chained(site)
    site.run(f"local export tftp web p12 web.p12 {SERVER}")
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(site.read("web.p12"), b"another")
    key, own, others = pkcs12.load_key_and_certificates(site.read("web.p12"), b"secret1")
    assert own == issued
    assert public(key) == public(issued)
    assert others == [authority.certificate]


@needs_openssl
def test_openssl_reads_an_exported_pkcs12_file(site: Site) -> None:
    chained(site)
    site.run(f"local export tftp web p12 web.p12 {SERVER}")
    text = openssl("pkcs12", "-in", str(site.folder / "web.p12"), "-passin", "pass:secret1", "-nodes")
    assert text.count("BEGIN CERTIFICATE") == 2
    assert "BEGIN PRIVATE KEY" in text


@needs_openssl
@pytest.mark.parametrize("password", ["secret2", ""])
def test_a_pkcs12_file_of_openssl_becomes_an_entry_named_after_it(site: Site, password: str) -> None:
    authority, key = Authority(), new_key()
    issued = authority.issue(name_of("shop"), key.public_key())
    leaf, chain, private = (site.folder / name for name in ("leaf", "chain", "key"))
    leaf.write_text(pem_of(issued))
    chain.write_text(
        pem_of(authority.certificate) + pem_of(Authority("Another CA").issue(name_of("x"), public=key.public_key()))
    )
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    target = str(site.folder / "shop.example.com.PFX")
    openssl("pkcs12", "-export", "-in", str(leaf), "-inkey", str(private), "-certfile", str(chain), "-out", target,
            "-passout", f"pass:{password}")  # fmt: skip
    site.run(f"local import tftp shop.example.com.PFX {SERVER} p12 {password}")
    name = "shop.example.com"
    assert public(site.key(name)) == public(site.box.certificate(name).x509) == public(key)
    assert site.local(name)["password"] == password or (not password and len(site.local(name)["password"]) == 62)
    assert [entry["ca"] for entry in site.box.cmdb["vpn certificate ca"].values()] == [
        pem_of(authority.certificate).strip()
    ]


def test_a_ca_certificate_that_is_held_is_not_stored_twice_by_a_pkcs12_file(site: Site) -> None:
    chained(site)
    site.run(f"local export tftp web p12 again.p12 {SERVER}")
    site.run(f"local import tftp again.p12 {SERVER} p12 secret1")
    assert list(site.box.cmdb["vpn certificate ca"]) == ["G_CA_Cert_1"]


@pytest.mark.parametrize("part", ["key", "certificate", "both"])
def test_a_pkcs12_file_without_key_or_without_its_certificate_is_refused(site: Site, part: str) -> None:
    authority, key = Authority(), new_key()
    stranger = authority.issue(name_of("x"), new_key().public_key())
    encryption = BestAvailableEncryption(b"p")
    body = pkcs12.serialize_key_and_certificates(
        b"x",
        key if part in ("key", "both") else None,
        None,
        [stranger] if part in ("certificate", "both") else None,
        encryption,
    )
    site.write("x.p12", body)
    assert "does not hold" in site.refused(f"local import tftp x.p12 {SERVER} p12 p", -145)


def test_a_key_that_cannot_be_read_is_not_exported(site: Site) -> None:
    chained(site)
    entry = site.box.cmdb.entry(GLOBAL, LOCAL, "web")
    assert entry is not None
    other = new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret1")).decode()
    for key, text in (
        (other, "Certificate and private key do not match."),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "cannot be read"),
    ):
        site.box.cmdb.commit([Put(GLOBAL, LOCAL, "web", Entry({**entry.values, "private-key": key}))])
        assert text in site.refused(f"local export tftp web p12 web.p12 {SERVER}", -168)
    assert not (site.folder / "web.p12").exists()


# --- CA and remote certificates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [Encoding.PEM, Encoding.DER])
def test_a_bundle_may_be_pkcs7(site: Site, form: Encoding) -> None:
    authorities = [Authority(f"CA {number}").certificate for number in (1, 2, 3)]
    body = pkcs7.serialize_certificates(authorities, Encoding.DER)
    site.write("bundle.p7b", body if form is Encoding.DER else pem_of(authorities[0]) + pem_of(authorities[1]))
    site.run(f"ca import bundle bundle.p7b {SERVER}")
    held = site.box.cmdb["vpn certificate ca"]
    assert len(held) == (3 if form is Encoding.DER else 2)
    assert {entry["source"] for entry in held.values()} == {"bundle"}


def test_an_exported_ca_certificate_is_the_one_that_is_held(site: Site) -> None:
    authority, _ = chained(site)
    site.run(f"ca export tftp G_CA_Cert_1 out.pem {SERVER}")
    assert x509.load_pem_x509_certificate(site.read("out.pem")) == authority.certificate


def test_a_remote_certificate_takes_the_first_number_that_is_free(site: Site) -> None:
    authority = Authority()
    for number in (1, 2, 3):
        site.write(
            "peer.cer", authority.issue(name_of(f"peer{number}"), new_key().public_key()).public_bytes(Encoding.DER)
        )
        site.run(f"remote import tftp peer.cer {SERVER}")
    site.admin.run("config vpn certificate remote\ndelete REMOTE_Cert_2\nend")
    site.write("peer.cer", pem_of(authority.issue(name_of("peer4"), new_key().public_key())))
    site.run(f"remote import tftp peer.cer {SERVER}")
    assert sorted(site.box.cmdb["vpn certificate remote"]) == ["REMOTE_Cert_1", "REMOTE_Cert_2", "REMOTE_Cert_3"]
    site.run(f"remote export tftp REMOTE_Cert_2 out.cer {SERVER}")
    assert x509.load_pem_x509_certificate(site.read("out.cer")).subject == name_of("peer4")


# --- revocation lists -----------------------------------------------------------------------------------------------


@contextmanager
def serving(answer: Callable[[str], tuple[int, bytes, dict[str, str]]]) -> Iterator[str]:
    """A plain HTTP server on loopback; its address."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, headers = answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def outside(tmp_path: Path, authority: Authority) -> Iterator[Site]:
    """A box on the host's own network that knows one CA."""
    trust = tmp_path / "ca.pem"
    trust.write_text(pem_of(authority.certificate))
    with fortish.Appliance(network="real", clock=CLOCK, trust=trust) as box:
        yield Site(box, tmp_path)


def entered(site: Site, url: str) -> None:
    text = site.admin.run(f'config vpn certificate crl\nedit list\nset http-url "{url}"\nend')
    assert not site.admin.failed, text


@pytest.mark.parametrize("form", [Encoding.PEM, Encoding.DER])
def test_a_list_that_a_known_ca_has_signed_is_stored(outside: Site, authority: Authority, form: Encoding) -> None:
    signed = authority.crl()
    with serving(lambda path: (200, signed.public_bytes(form), {})) as url:
        entered(outside, f"{url}/ca.crl?x=1")
        assert outside.run("crl import auto list") == "Done.\n"
    held = outside.box.cmdb["vpn certificate crl"]["list"]
    assert x509.load_pem_x509_crl(held["crl"].encode()) == signed
    assert held["http-url"] == f"{url}/ca.crl?x=1"
    text = outside.admin.run("get vpn certificate crl details list")
    assert "Issuer:      CN = Test CA\n" in text
    assert "Next update: 2025-06-02 00:00:00  GMT\n" in text
    assert "Revoked:     1\n" in text


def bad_lists(authority: Authority) -> dict[str, tuple[bytes, str]]:
    impostor = Authority()  # the same name, another key
    return {
        "another signature": (pem_of(impostor.crl()).encode(), "its signature is not that of its issuer"),
        "an unknown issuer": (pem_of(Authority("Nobody").crl()).encode(), "CN = Nobody, is no CA of this box"),
        "out of date": (pem_of(authority.crl(since=NOW - 3 * DAY, until=NOW - DAY)).encode(), "out of date"),
        "not yet": (pem_of(authority.crl(since=NOW + DAY, until=NOW + 2 * DAY)).encode(), "not yet valid"),
        "a delta": (pem_of(authority.crl(delta=True)).encode(), "a delta CRL"),
        "a certificate": (pem_of(authority.certificate).encode(), "not a valid CRL"),
        "text": (b"<html>moved</html>", "not a valid CRL"),
        "nothing": (b"", "not a valid CRL"),
    }


@pytest.mark.parametrize("case", sorted(bad_lists(Authority())))
def test_a_list_that_is_not_to_be_believed_is_refused(outside: Site, authority: Authority, case: str) -> None:
    body, reason = bad_lists(authority)[case]
    with serving(lambda path: (200, body, {})) as url:
        entered(outside, f"{url}/ca.crl")
        assert reason in outside.refused("crl import auto list", -542)


def test_a_ca_that_may_not_sign_lists_is_not_believed(tmp_path: Path) -> None:
    limited, allowed = Authority("Limited", crl_sign=False), Authority("Allowed", crl_sign=True)
    trust = tmp_path / "ca.pem"
    trust.write_text(pem_of(limited.certificate) + pem_of(allowed.certificate))
    lists = {"/limited": pem_of(limited.crl()).encode(), "/allowed": pem_of(allowed.crl()).encode()}
    with (
        fortish.Appliance(network="real", clock=CLOCK, trust=trust) as box,
        serving(lambda path: (200, lists[path], {})) as url,
    ):
        site = Site(box, tmp_path)
        entered(site, f"{url}/limited")
        assert "may not sign" in site.refused("crl import auto list", -542)
        entered(site, f"{url}/allowed")
        site.run("crl import auto list")


ANSWERS = {
    "not found": ((404, b"no", {}), "the server answered 404"),
    "moved": ((302, b"", {"Location": "/elsewhere"}), "the server answered 302"),
    "too large": ((200, b"x" * ((1 << 22) + 1), {}), "larger than 4194304 bytes"),
}


@pytest.mark.parametrize("case", sorted(ANSWERS))
def test_an_answer_that_is_no_list_is_said(outside: Site, case: str) -> None:
    answer, reason = ANSWERS[case]
    with serving(lambda path: answer) as url:
        entered(outside, f"{url}/ca.crl")
        assert reason in outside.refused("crl import auto list", 1)


def test_a_server_that_is_not_there_is_said(outside: Site) -> None:
    with serving(lambda path: (200, b"", {})) as url:
        pass
    entered(outside, f"{url}/ca.crl")
    assert "Couldn't connect to server" in outside.refused("crl import auto list", 1)


def test_an_entry_that_is_deleted_meanwhile_does_not_come_back(authority: Authority) -> None:
    import httpx

    box = Box.new(VirtualClock(NOW.timestamp()))
    box.cmdb.commit([Put(GLOBAL, crl.CRL, "list", Entry({"http-url": "http://crl.example.com/"}))])
    ca = Entry({"ca": pem_of(authority.certificate).strip()})
    box.cmdb.commit([Put(GLOBAL, ("vpn", "certificate", "ca"), "G_CA_Cert_1", ca)])
    flow = crl.import_auto(Session(box), {"name": "list"})
    assert next(flow) == Exchange(HttpGet("http://crl.example.com/"))
    box.cmdb.commit([Drop(GLOBAL, crl.CRL, "list")])
    with pytest.raises(CliError) as refused:
        flow.send(httpx.Response(200, content=pem_of(authority.crl()).encode()))
    assert refused.value.code == -3
    assert box.cmdb.entry(GLOBAL, crl.CRL, "list") is None


# --- what may come from a server ------------------------------------------------------------------------------------


IMPORTS = {
    "ca import bundle": -146,
    "ca import tftp": -146,
    "local import tftp cer": -145,
    "local import tftp p12": -167,
    "remote import tftp": -302,
}
_CERTIFICATE = pem_of(Authority().certificate).encode()
_PIECES = st.sampled_from(
    [b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----", b"\x30\x82\x01\x00", b"\n", _CERTIFICATE[28:200]]
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("files")
    with fortish.Appliance(files=folder, clock=CLOCK) as box:
        site = Site(box, folder)
        generated(site)
        yield site


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(st.binary(max_size=200), st.lists(_PIECES, max_size=6).map(b"".join)),
    what=st.sampled_from(sorted(IMPORTS)),
)
def test_no_file_does_more_than_fail(shared: Site, body: bytes, what: str) -> None:
    shared.write("any", body)
    verb, _, kind = what.partition(" tftp ")
    line = (
        f"{verb} tftp any {SERVER} {kind} p".removesuffix("p" if kind != "p12" else "")
        if kind
        else f"{what} any {SERVER}"
    )
    shared.refused(line.strip(), IMPORTS[what])


def test_a_restricted_administrator_does_not_see_certificates_in_details(site: Site) -> None:
    generated(site)
    text = site.admin.run(
        "config system accprofile\nedit viewer\nset sysgrp read\nset vpngrp none\nend\n"
        "config system admin\nedit eve\nset accprofile viewer\nset password x\nend"
    )
    assert not site.admin.failed, text
    eve = site.box.session("eve")
    assert "web.example.com" not in eve.run("get vpn certificate local details")
    assert eve.code == -61
    assert "web.example.com" in site.admin.run("get vpn certificate local details")


def test_the_name_of_a_pkcs12_entry_is_the_files_without_folder_and_ending() -> None:
    name_of_file = certificate._name_of
    files = ("web.p12", "sub/web.PFX", "sub\\web.pfx", "web", "a.example.com.p12", "web.cer")
    assert [name_of_file(name) for name in files] == ["web", "web", "web", "web", "a.example.com", "web.cer"]
