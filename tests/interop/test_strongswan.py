"""strongSwan's `pki --estca` and `pki --est` against our server."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from fortish.pki import pkcs7
from fortish.pki.keys import same_key
from tests.interop.conftest import Server, Tool


def speaks_est() -> bool:
    if shutil.which("pki") is None:
        return False
    ended = subprocess.run(["pki", "--est", "--help"], capture_output=True, timeout=120, check=False)
    return b"EST server" in ended.stdout + ended.stderr


pytestmark = pytest.mark.skipif(not speaks_est(), reason="there is no strongSwan with pki --est")


def request(server: Server, tool: Tool, kind: str = "ecdsa", size: int = 256) -> None:
    """A new key and a request for it, as strongSwan makes them."""
    key = tool("pki", "--gen", "--type", kind, "--size", size, "--outform", "pem").stdout
    (server.folder / "key.pem").write_bytes(key)
    made = tool("pki", "--req", "--type", "priv", "--in", "key.pem", "--dn", "CN=swan", "--san", "swan.example")
    (server.folder / "req.der").write_bytes(made.stdout)


def enrolled(server: Server, tool: Tool, *options: object) -> x509.Certificate:
    command = ["pki", "--est", "--url", server.url, "--in", "req.der", "--cacert", server.ca, *options]
    return x509.load_der_x509_certificate(tool(*command).stdout)


def key_of(server: Server):
    return load_pem_private_key((server.folder / "key.pem").read_bytes(), None)


@pytest.mark.parametrize("policy", ["", 'wrap = "none"'], ids=["auto", "one line"])
def test_it_fetches_the_ca_certificates(server: Server, tool: Tool, policy: str) -> None:
    server.obeys(policy)
    tool("pki", "--estca", "--url", server.url, "--cacert", server.ca, "--caout", "got.der")
    got = x509.load_der_x509_certificate((server.folder / "got.der").read_bytes())
    assert got == server.state.authority.certificate


def test_it_fetches_a_chain_of_two(server: Server, tool: Tool) -> None:
    server.obeys("intermediate = true")
    tool("pki", "--estca", "--url", server.url, "--cacert", server.ca, "--caout", "got.der")
    got = {x509.load_der_x509_certificate(path.read_bytes()) for path in server.folder.glob("got*.der")}
    assert got == set(server.state.hierarchy("", server.state.history[-1].time).published)


@pytest.mark.parametrize(("kind", "size"), [("ecdsa", 256), ("ecdsa", 384), ("rsa", 2048)])
def test_it_enrolls_and_enrolls_again(server: Server, tool: Tool, kind: str, size: int) -> None:
    request(server, tool, kind, size)
    first = enrolled(server, tool, "--userpass", "estuser:estpwd")
    assert same_key(first, key_of(server))
    (server.folder / "old.der").write_bytes(first.public_bytes(Encoding.DER))
    # The certificate has no alternative names, so the request for the next one must have none.
    plain = ["pki", "--req", "--type", "priv", "--in", "key.pem", "--dn", "CN=swan"]
    (server.folder / "req.der").write_bytes(tool(*plain).stdout)
    again = enrolled(server, tool, "--cert", "old.der", "--key", "key.pem")
    assert again.serial_number > first.serial_number
    assert ("simplereenroll", 200) in server.statuses


def test_it_waits_for_an_approval(server: Server, tool: Tool) -> None:
    server.obeys('approval = "manual"\napprove-after = 1\nretry-after = 1')
    request(server, tool)
    issued = enrolled(server, tool, "--userpass", "estuser:estpwd", "--interval", "1", "--maxpolltime", "20")
    assert same_key(issued, key_of(server))
    assert ("simpleenroll", 202) in server.statuses


def test_a_wrong_password_gives_it_no_certificate(server: Server, tool: Tool) -> None:
    request(server, tool)
    command = ["pki", "--est", "--url", server.url, "--in", "req.der", "--cacert", server.ca]
    ended = tool(*command, "--userpass", "estuser:wrong", succeeds=False)
    assert ended.returncode != 0
    assert ended.stdout == b""
    assert not server.state.issued


def test_what_it_wraps_is_read_by_us(server: Server, tool: Tool) -> None:
    """A PKCS #7 message with content and a signer; strongSwan 5.9.8 writes it and ends with status 1 all the same."""
    (server.folder / "own.der").write_bytes(tool("pki", "--gen", "--type", "rsa", "--size", "2048").stdout)
    own = tool("pki", "--self", "--in", "own.der", "--dn", "CN=own").stdout
    (server.folder / "own.crt").write_bytes(own)
    (server.folder / "text").write_bytes(b"content")
    sign = ["pki", "--pkcs7", "--sign", "--in", "text", "--cert", "own.crt", "--key", "own.der"]
    assert pkcs7.read_certs(tool(*sign, succeeds=False).stdout) == [x509.load_der_x509_certificate(own)]
