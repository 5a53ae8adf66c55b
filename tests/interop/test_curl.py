"""curl and OpenSSL's command line as EST client of our server: every way to prove who one is."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess
from email.parser import BytesParser

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from fortish.pki import pkcs7
from fortish.pki.keys import same_key
from tests.interop.conftest import Server, Tool

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("openssl") is None, reason="there is no curl, or no openssl"
)
USER = ["--user", "estuser:estpwd"]
BOUND = """[req]
distinguished_name = names
attributes = linked
prompt = no
[names]
CN = a device
[linked]
challengePassword = b2YgYW5vdGhlciBUTFM=
[none]
"""
KEYS = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"], "ed25519": ["ed25519"]}


def curl_speaks(feature: str) -> bool:
    if shutil.which("curl") is None:
        return False
    return feature in subprocess.run(["curl", "--version"], capture_output=True, text=True, check=False).stdout


def request(tool: Tool, *options: str, kind: str = "ec", subject: str = "/CN=curl") -> None:
    made = ["openssl", "req", "-new", "-newkey", *KEYS[kind], "-noenc", "-keyout", "key.pem", "-subj", subject]
    tool(*made, *options, "-outform", "DER", "-out", "req.der")
    tool("openssl", "base64", "-in", "req.der", "-out", "req.b64")


def curl(tool: Tool, server: Server, *options: object) -> bytes:
    return tool("curl", "--silent", "--show-error", "--fail", "--cacert", server.ca, *options).stdout


def posted(tool: Tool, server: Server, *options: object, operation: str = "simpleenroll", url: str = "") -> bytes:
    return curl(
        tool, server, *options, "--header", "Content-Type: application/pkcs10", "--data-binary", "@req.b64",
        f"{url or server.url}/.well-known/est/{operation}",
    )  # fmt: skip


def certificate_in(body: bytes) -> x509.Certificate:
    (certificate,) = pkcs7.read_certs(base64.b64decode(body))
    return certificate


def is_ours(certificate: x509.Certificate, server: Server, tool: Tool) -> bool:
    """Whether it is for the key in key.pem, and OpenSSL says that our CA has issued it."""
    (server.folder / "cert.pem").write_bytes(pem_of(certificate))
    tool("openssl", "verify", "-CAfile", server.ca, "cert.pem")
    return same_key(certificate, load_pem_private_key((server.folder / "key.pem").read_bytes(), None))


def pem_of(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def test_openssl_reads_the_ca_certificates(server: Server, tool: Tool) -> None:
    body = curl(tool, server, f"{server.url}/.well-known/est/cacerts")
    der = tool("openssl", "base64", "-d", given=body).stdout
    printed = tool("openssl", "pkcs7", "-inform", "DER", "-print_certs", given=der).stdout
    assert x509.load_pem_x509_certificate(printed[printed.index(b"-----BEGIN") :]) == server.state.authority.certificate


def test_openssl_reads_the_attributes(server: Server, tool: Tool) -> None:
    body = curl(tool, server, f"{server.url}/.well-known/est/csrattrs")
    parsed = tool("openssl", "asn1parse", "-inform", "DER", given=base64.b64decode(body)).stdout
    assert b":secp384r1" in parsed
    assert b":sha384" in parsed


@pytest.mark.parametrize("kind", KEYS)
def test_basic_enrolls(server: Server, tool: Tool, kind: str) -> None:
    request(tool, kind=kind)
    assert is_ours(certificate_in(posted(tool, server, *USER)), server, tool)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_digest_enrolls(server: Server, tool: Tool, version: str) -> None:
    server.obeys('http-auth = ["digest"]')
    request(tool)
    issued = certificate_in(posted(tool, server, "--digest", *USER, f"--tlsv{version}", "--tls-max", version))
    assert is_ours(issued, server, tool)
    assert server.statuses == [("simpleenroll", 401), ("simpleenroll", 200)]


@pytest.mark.parametrize("hidden", ["true", "false"])
def test_digest_users_of_any_script_enroll(server: Server, tool: Tool, hidden: str) -> None:
    """Hidden (`userhash`), and as curl names one who is not: in UTF-8, between quotes."""
    server.obeys(f'http-auth = ["digest"]\naccounts = {{ "m\u00fcller" = "stra\u00dfe" }}\nuserhash = {hidden}')
    request(tool)
    issued = certificate_in(posted(tool, server, "--digest", "--user", "m\u00fcller:stra\u00dfe"))
    assert is_ours(issued, server, tool)
    assert server.state.history[-1].account == "m\u00fcller"


def test_digest_takes_no_wrong_password(server: Server, tool: Tool) -> None:
    server.obeys('http-auth = ["digest"]')
    request(tool)
    with pytest.raises(AssertionError, match="401"):
        posted(tool, server, "--digest", "--user", "estuser:wrong")
    assert not server.state.issued


@pytest.mark.parametrize("port", ["url", "certificates_url"])
def test_a_client_certificate_enrolls_again(server: Server, tool: Tool, port: str) -> None:
    request(tool)
    first = certificate_in(posted(tool, server, *USER))
    assert is_ours(first, server, tool)  # leaves cert.pem
    shown = ["--cert", "cert.pem", "--key", "key.pem"]
    again = certificate_in(posted(tool, server, *shown, operation="simplereenroll", url=getattr(server, port)))
    assert again.serial_number > first.serial_number
    assert server.state.history[-1].account == "CN=curl"


@pytest.mark.parametrize("policy", ["", "intermediate = true"])
def test_certificates_are_in_the_profile_of_rfc_5280(server: Server, tool: Tool, policy: str) -> None:
    """RFC 7030 sections 3.3.1 and 3.3.2, for the server's own and those of its clients, by OpenSSL's strict checks.

    The root is as documented: it has no key usage, and its basic constraints are not critical. They find nothing else.
    """
    server.obeys(policy)
    request(tool)
    issued = pem_of(certificate_in(posted(tool, server, *USER)))
    own = ssl.get_server_certificate(("localhost", int(server.url.rpartition(":")[2]))).encode()
    chain = server.state.hierarchy("", server.state.history[-1].time).published
    (server.folder / "chain.pem").write_bytes(b"".join(map(pem_of, chain)))
    for certificate in (issued, own):
        (server.folder / "cert.pem").write_bytes(certificate)
        trust = ["-CAfile", server.ca, "-untrusted", "chain.pem"]
        tool("openssl", "verify", *trust, "cert.pem")
        said = tool("openssl", "verify", "-x509_strict", *trust, "cert.pem", succeeds=False)
        faults = [line for line in (said.stdout + said.stderr).decode().splitlines() if " depth lookup" in line]
        assert all(f" at {len(chain)} depth lookup" in fault for fault in faults), faults


def test_a_registration_authority_passes_on_what_was_bound_to_another_connection(server: Server, tool: Tool) -> None:
    """RFC 7030 section 3.7."""
    server.obeys("pop = 'required'\nra-exempt = true\nlabels.ra = { ra = true, pop = 'off' }")
    request(tool, subject="/CN=the RA")
    certificate = certificate_in(posted(tool, server, *USER, operation="ra/simpleenroll"))
    (server.folder / "ra.pem").write_bytes(pem_of(certificate) + (server.folder / "key.pem").read_bytes())
    (server.folder / "bound.cnf").write_text(BOUND)
    request(tool, "-config", "bound.cnf", "-reqexts", "none", subject="/CN=a device")
    with pytest.raises(AssertionError, match="400"):
        posted(tool, server, *USER)
    issued = certificate_in(posted(tool, server, "--cert", "ra.pem", "--key", "ra.pem"))
    assert is_ours(issued, server, tool) and server.state.history[-1].account == "CN=the RA"


def test_nobody_enrolls_without_proof(server: Server, tool: Tool) -> None:
    request(tool)
    with pytest.raises(AssertionError, match="401"):
        posted(tool, server)


@pytest.mark.skipif(not curl_speaks("TLS-SRP"), reason="this curl has no TLS-SRP")
@pytest.mark.parametrize("password", ["srppwd", "wrong"])
def test_tls_srp_enrolls_who_knows_the_password(server: Server, tool: Tool, password: str) -> None:
    pytest.importorskip("tlslite")
    request(tool)
    # curl looks for a certificate of the server's even where the password has authorised it: so it is told not to.
    srp = ["--insecure", "--tlsauthtype", "SRP", "--tlsuser", "srpuser", "--tlspassword", password, "--tls-max", "1.2"]
    if password == "srppwd":
        assert is_ours(certificate_in(posted(tool, server, *srp)), server, tool)
        assert server.state.history[-1].account == "srpuser"
    else:
        with pytest.raises(AssertionError):
            posted(tool, server, *srp)
        assert not server.state.history


def test_a_generated_key_comes_with_its_certificate(server: Server, tool: Tool) -> None:
    request(tool, kind="rsa")
    headers = server.folder / "headers"
    body = posted(tool, server, *USER, "--dump-header", headers, operation="serverkeygen")
    kind = next(line for line in headers.read_bytes().splitlines() if line.lower().startswith(b"content-type:"))
    parts = BytesParser().parsebytes(kind + b"\r\n\r\n" + body).get_payload()
    by_type = {part.get_content_type(): part.get_payload(decode=True) for part in parts}
    key = load_der_private_key(by_type["application/pkcs8"], None)
    (certificate,) = pkcs7.read_certs(by_type["application/pkcs7-mime"])
    assert same_key(certificate, key)


@pytest.mark.parametrize("columns", [0, 64, 76])
@pytest.mark.parametrize("http", ["--http1.0", "--http1.1"])
def test_any_layout_of_base64_is_taken(server: Server, tool: Tool, columns: int, http: str) -> None:
    request(tool)
    text = base64.b64encode((server.folder / "req.der").read_bytes()).decode()
    lines = [text[at : at + columns] for at in range(0, len(text), columns)] if columns else [text]
    (server.folder / "req.b64").write_text("\r\n".join(lines))
    assert is_ours(certificate_in(posted(tool, server, *USER, http)), server, tool)


def test_a_chunked_request_is_taken(server: Server, tool: Tool) -> None:
    request(tool)
    issued = certificate_in(posted(tool, server, *USER, "--header", "Transfer-Encoding: chunked"))
    assert is_ours(issued, server, tool)


def test_the_revocation_list_is_one_that_openssl_takes(server: Server, tool: Tool) -> None:
    from fortish.responder import revocation

    request(tool)
    assert is_ours(certificate_in(posted(tool, server, *USER)), server, tool)
    crl = curl(tool, server, f"{server.url}{revocation.PATH}")
    (server.folder / "crl.der").write_bytes(crl)
    tool("openssl", "crl", "-inform", "DER", "-in", "crl.der", "-CAfile", server.ca, "-out", "crl.pem", "-noout")


# --- OpenSSL alone ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "protocol"), [("-tls1_2", b"TLSv1.2"), ("-tls1_3", b"TLSv1.3")])
def test_s_client_gets_an_answer(server: Server, tool: Tool, option: str, protocol: bytes) -> None:
    port = server.url.rpartition(":")[2]
    ask = b"GET /.well-known/est/csrattrs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    client = ["openssl", "s_client", "-connect", f"localhost:{port}", "-CAfile", server.ca, option]
    said = tool(*client, "-verify_return_error", "-verify_hostname", "localhost", "-ign_eof", given=ask).stdout
    assert b"Verify return code: 0 (ok)" in said
    assert protocol in said
    assert b"HTTP/1.1 200 OK\r\n" in said


def test_s_client_is_not_renegotiated_with_nor_given_a_ticket(server: Server, tool: Tool) -> None:
    port = server.url.rpartition(":")[2]
    client = ["openssl", "s_client", "-connect", f"localhost:{port}", "-CAfile", server.ca, "-tls1_2"]
    said = tool(*client, "-no_ign_eof", given=b"R\n", succeeds=False)
    assert b"TLS session ticket:" not in said.stdout
    assert b"no renegotiation" in said.stderr
