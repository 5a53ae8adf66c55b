"""SCEP with others: strongSwan's pki, certmonger and scepclient against our server, our box against scepserver.

Packages: strongswan-pki with libstrongswan-extra-plugins (for curl), certmonger, scep.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

import fortish
from fortish.pki.keys import same_key
from fortish.responder import approval
from tests.interop.conftest import Server, Tool

NOTHING = ' ""'
GETCERT = """set -e
getcert add-scep-ca -s -c lab -u "$1" >add.txt
for second in 1 2 3 4 5 6 7 8 9 10; do getcert list-cas -s -c lab | grep -q thumbprint && break; sleep 1; done
getcert request -s -c lab -I web -f "$PWD/web.crt" -k "$PWD/web.key" -L sceppwd -N CN=web -D web.example -w -v
cp web.crt first.crt
getcert resubmit -s -i web -w -v
getcert list -s
"""


def speaks_scep() -> bool:
    """Whether there is a strongSwan that can fetch over HTTP."""
    if shutil.which("pki") is None:
        return False
    said = subprocess.run(["pki", "--help"], capture_output=True, text=True, check=False)
    return "--scep " in said.stdout + said.stderr and "plugin 'curl'" not in said.stderr


needs_pki = pytest.mark.skipif(not speaks_scep(), reason="there is no strongSwan with SCEP and its curl plugin")
needs_scepclient = pytest.mark.skipif(shutil.which("scepclient") is None, reason="there is no scepclient")
needs_scepserver = pytest.mark.skipif(shutil.which("scepserver") is None, reason="there is no scepserver")
needs_certmonger = pytest.mark.skipif(
    shutil.which("getcert") is None or shutil.which("dbus-run-session") is None, reason="there is no certmonger"
)


def is_for(server: Server, certificate: str, key: str) -> x509.Certificate:
    """The certificate in a file; our CA has issued it for the key in another."""
    found = x509.load_pem_x509_certificate((server.folder / certificate).read_bytes())
    found.verify_directly_issued_by(server.state.authority.certificate)
    assert same_key(found, load_pem_private_key((server.folder / key).read_bytes(), None))
    return found


# --- strongSwan -------------------------------------------------------------------------------------------------------


def swan(tool: Tool, server: Server, url: str, *options: str, key: str = "swan.key", out: str = "swan.crt") -> None:
    """Enrolls with a new key."""
    tool("pki", "--scepca", "--url", url, "--caout", "swanca", "--raout", "swanra", "--outform", "pem", "--force")
    (server.folder / key).write_bytes(
        tool("pki", "--gen", "--type", "rsa", "--size", "2048", "--outform", "pem").stdout
    )
    trust = ["--cacert-enc", "swanra.pem", "--cacert-sig", "swanra.pem", "--cacert", "swanca.pem", "--outform", "pem"]
    made = tool("pki", "--scep", "--url", url, "--in", key, "--dn", "CN=swan", *trust, *options)
    (server.folder / out).write_bytes(made.stdout)


@needs_pki
def test_strongswan_enrolls_and_renews(server: Server, tool: Tool) -> None:
    url = server.scep()
    swan(tool, server, url, "--password", "sceppwd")
    first = is_for(server, "swan.crt", "swan.key")
    old = ["--cert", "swan.crt", "--key", "swan.key"]
    swan(tool, server, url, *old, key="new.key", out="new.crt")
    assert is_for(server, "new.crt", "new.key").serial_number == first.serial_number + 1


@needs_pki
@pytest.mark.parametrize("options", [("--cipher", "des3"), ("--digest", "sha512")], ids=["triple DES", "SHA-512"])
def test_strongswan_enrolls_with_other_algorithms(server: Server, tool: Tool, options: tuple[str, ...]) -> None:
    server.obeys(
        'scep-capabilities = ["AES", "DES3", "POSTPKIOperation", "SCEPStandard", "SHA-256", "SHA-384", "SHA-512"]'
    )
    swan(tool, server, server.scep(), "--password", "sceppwd", *options)
    is_for(server, "swan.crt", "swan.key")


@needs_pki
def test_strongswan_asks_again_until_somebody_has_approved(server: Server, tool: Tool) -> None:
    server.obeys('approval = "manual"')

    def approve() -> None:
        while not (found := approval.requests(server.state)):
            time.sleep(0.05)
        server.loop.call_soon_threadsafe(approval.approve, server.state, found[0].number)

    person = threading.Thread(target=approve, daemon=True)
    person.start()
    swan(tool, server, server.scep(), "--password", "sceppwd", "--interval", "1", "--maxpolltime", "200")
    person.join()
    is_for(server, "swan.crt", "swan.key")


# --- certmonger -------------------------------------------------------------------------------------------------------


@needs_certmonger
def test_certmonger_enrolls_and_renews(server: Server) -> None:
    home = server.folder / "home"
    home.mkdir()
    session = ["dbus-run-session", "sh", "-c", GETCERT, "sh", server.scep()]
    environment = {**os.environ, "HOME": str(home)}
    ended = subprocess.run(session, cwd=server.folder, env=environment, capture_output=True, timeout=200, check=False)
    assert b"status: MONITORING" in ended.stdout, (ended.stdout[-2000:], ended.stderr[-2000:])
    first, again = is_for(server, "first.crt", "web.key"), is_for(server, "web.crt", "web.key")
    assert again.serial_number == first.serial_number + 1


# --- scepclient and scepserver ----------------------------------------------------------------------------------------


@needs_scepclient
@pytest.mark.parametrize("post", [True, False], ids=["POST", "GET"])
def test_scepclient_enrolls_where_des_is_let_in(server: Server, tool: Tool, post: bool) -> None:
    """It seals with DES, and without POST sends base64 in the alphabet of URLs."""
    words = ["AES", "DES", *(["POSTPKIOperation"] if post else [])]
    server.obeys(f"scep-capabilities = {words}".replace("'", '"'))
    url = server.scep()
    authority = server.state.scep_authorities[""].certificate.public_bytes(Encoding.DER)
    chosen = ["-ca-fingerprint", hashlib.sha256(authority).hexdigest(), "-challenge", "sceppwd", "-cn", "web"]
    tool("scepclient", "-server-url", url, "-private-key", "go.key", "-certificate", "go.crt", *chosen)
    assert is_for(server, "go.crt", "go.key").subject.rfc4514_string() == "CN=web"


@needs_scepclient
def test_scepclient_is_told_why_des_is_refused(server: Server, tool: Tool) -> None:
    url = server.scep()
    authority = server.state.scep_authorities[""].certificate.public_bytes(Encoding.DER)
    chosen = ["-ca-fingerprint", hashlib.sha256(authority).hexdigest(), "-challenge", "sceppwd"]
    ended = tool("scepclient", "-server-url", url, "-private-key", "go.key", *chosen, succeeds=False)
    assert b"badAlg" in ended.stdout + ended.stderr
    assert not server.state.issued


@contextmanager
def scepserver(folder: Path, *options: str) -> Iterator[str]:
    """Debian's server with a CA of its own, ca.pem in depot; its URL."""
    made = ["scepserver", "ca", "-init", "-depot", "depot", "-organization", "lab", "-country", "DE"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True, timeout=120)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serving = ["scepserver", "-depot", "depot", "-port", str(port), "-allowrenew", "0", *options]
    with subprocess.Popen(serving, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(1000):
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/scep"
        finally:
            process.terminate()


def enroll(name: str, url: str, password: str = "") -> str:
    return f"execute vpn certificate local generate rsa {name} 2048 {name}{7 * NOTHING} {url} {password}".rstrip()


@needs_scepserver
def test_the_box_enrolls_and_renews_at_scepserver(tmp_path: Path) -> None:
    """Its answers are sealed with DES. With a challenge password it wants one for a renewal, too, which has none."""
    with scepserver(tmp_path) as url, fortish.Appliance(network="real", trust=tmp_path / "depot" / "ca.pem") as box:
        session = box.session()
        said = session.run(enroll("web", url))
        assert not session.failed, said
        root = x509.load_pem_x509_certificate((tmp_path / "depot" / "ca.pem").read_bytes())
        first = box.certificate("web").x509
        first.verify_directly_issued_by(root)
        session.run("config vpn certificate local\nedit web\nset auto-regenerate-days 364\nend")
        box.advance(days=2)
        second = box.certificate("web").x509
        second.verify_directly_issued_by(root)
        assert second.serial_number != first.serial_number


@needs_scepserver
def test_the_box_shows_scepserver_a_challenge_password(tmp_path: Path) -> None:
    trust = tmp_path / "depot" / "ca.pem"
    with scepserver(tmp_path, "-challenge", "secret") as url, fortish.Appliance(network="real", trust=trust) as box:
        session = box.session()
        refused = session.run(enroll("other", url, "wrong"))
        assert session.failed
        assert "the server refuses: badRequest" in refused
        said = session.run(enroll("web", url, "secret"))
        assert not session.failed, said
