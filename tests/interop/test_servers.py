"""Our client against others' TLS servers that serve what an EST server would: OpenSSL's s_server and gnutls-serv."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import fortish
from fortish.pki import names, pkcs7
from fortish.pki.pem import pem
from fortish.responder.authority import Authority
from fortish.responder.body import armoured
from tests.interop.conftest import Tool

IMPORT = "execute vpn certificate ca import est https://localhost:{port} {rest}"
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
needs_gnutls = pytest.mark.skipif(shutil.which("gnutls-serv") is None, reason="GnuTLS's tools are not here")


class Files:
    """A CA, a server's certificate and key for localhost, and the answer to cacerts as a whole HTTP message."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        now = datetime.now(UTC)
        self.authority = Authority.fresh(now)
        certificate, key = self.authority.server_certificate(("localhost",), now)
        clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        (folder / "server.pem").write_text(f"{pem(certificate)}\n{clear}")
        (folder / "ca.pem").write_text(pem(self.authority.certificate) + "\n")
        body = armoured(pkcs7.write_certs([self.authority.certificate]), 76)
        head = f"HTTP/1.0 200 ok\r\ncontent-type: APPLICATION/PKCS7-MIME\r\nContent-Length: {len(body)}\r\n\r\n"
        est = folder / ".well-known" / "est"
        est.mkdir(parents=True)
        (est / "cacerts").write_bytes(head.encode() + body)
        (folder / "body").write_bytes(body)

    def client_certificate(self, name: str = "client") -> None:
        """A certificate of this CA for a new key: NAME.crt and NAME.key."""
        key = ec.generate_private_key(ec.SECP256R1())
        issued = self.authority.issue(key.public_key(), names.subject_name([("CN", name)]), 9, datetime.now(UTC))
        (self.folder / f"{name}.crt").write_text(pem(issued) + "\n")
        clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / f"{name}.key").write_bytes(clear)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@contextlib.contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[int]:
    """A server that is told its port by `{port}`, until it is no longer needed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [argument.format(port=port) for argument in arguments]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet) as child:
        try:
            for _ in range(2000):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                assert child.poll() is None, "the server has ended"
                time.sleep(0.05)
            yield port
        finally:
            child.terminate()


def authorities(box: fortish.Appliance) -> list[str]:
    return [pem_.strip() for pem_ in box.runtime.box.authorities().values()]


@needs_openssl
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_server_gives_us_its_ca_certificates(files: Files, version: str) -> None:
    server = ["openssl", "s_server", "-accept", "{port}", "-cert", "server.pem", version, "-HTTP"]
    with serving(files.folder, *server) as port:
        with fortish.Appliance(network="real", trust=files.folder / "ca.pem") as box:
            session = box.session()
            printed = session.run(IMPORT.format(port=port, rest=""))
            assert not session.failed, printed
            (entry,) = box.cmdb["vpn certificate ca"].values()
            assert entry["est-url"] == f"https://localhost:{port}"


@needs_openssl
def test_a_server_that_nobody_vouches_for_is_asked_about_first(files: Files, tool: Tool) -> None:
    server = ["openssl", "s_server", "-accept", "{port}", "-cert", "server.pem", "-cert_chain", "ca.pem", "-HTTP"]
    shown = tool("openssl", "x509", "-in", "ca.pem", "-noout", "-fingerprint", "-sha256").stdout.decode()
    fingerprint = shown.strip().partition("=")[2]
    with serving(files.folder, *server) as port, fortish.Appliance(network="real") as box:
        session = box.session()
        assert fingerprint in session.run(IMPORT.format(port=port, rest=""), answers=["n"])
        assert authorities(box) == []
        session.run(IMPORT.format(port=port, rest=""), answers=["y"])
        assert authorities(box) == [pem(files.authority.certificate).strip()]


@needs_openssl
def test_a_client_certificate_is_shown_to_s_server(files: Files) -> None:
    files.client_certificate()
    server = ["openssl", "s_server", "-accept", "{port}", "-cert", "server.pem", "-CAfile", "ca.pem"]
    demands = ["-Verify", "1", "-verify_return_error", "-HTTP"]
    with serving(files.folder, *server, *demands) as port:
        with fortish.Appliance(network="real", trust=files.folder / "ca.pem") as box:
            session = box.session()
            session.play(configured(files))
            without = session.run(IMPORT.format(port=port, rest='""'))
            assert session.failed
            assert "certificate required" in without.lower()
            printed = session.run(IMPORT.format(port=port, rest='"" "" client'))
            assert not session.failed, printed


def configured(files: Files) -> str:
    key, certificate = ((files.folder / f"client.{kind}").read_text().strip() for kind in ("key", "crt"))
    lines = [f'set private-key "{key}"', f'set certificate "{certificate}"']
    return "\n".join(["config vpn certificate local", "edit client", *lines, "next", "end", ""])


@needs_gnutls
@pytest.mark.parametrize("password", ["srppwd", "wrong"])
def test_gnutls_serv_gives_us_its_ca_certificates_over_srp(files: Files, tool: Tool, password: str) -> None:
    pytest.importorskip("tlslite")
    tool("srptool", "--create-conf", "conf")
    tool("srptool", "--passwd", "passwd", "--passwd-conf", "conf", "-u", "srpuser", given=b"srppwd\n")
    server = ["gnutls-serv", "--http", "--httpdata", "body", "-p", "{port}", "--srppasswd", "passwd"]
    server += ["--srppasswdconf", "conf", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+SRP"]
    with serving(files.folder, *server) as port, fortish.Appliance(network="real") as box:
        session = box.session()
        printed = session.run(IMPORT.format(port=port, rest=f'"" "" "" "" srpuser {password}'))
        assert session.failed is (password == "wrong"), printed
        assert authorities(box) == ([] if session.failed else [pem(files.authority.certificate).strip()])
