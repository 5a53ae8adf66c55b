"""nginx and Apache before our responder, as many an EST server stands: TLS, and who is let in, are theirs.

A client certificate ends at the front. The responder cannot know of it, so a password goes with it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Server
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import fortish.door
from fortish.pki.pem import pem

SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"  # where Debian has both
NGINX, APACHE = shutil.which("nginx", path=SBIN), shutil.which("apache2", path=SBIN)
MODULES = Path("/usr/lib/apache2/modules")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="no nginx")
needs_apache = pytest.mark.skipif(APACHE is None or not MODULES.is_dir(), reason="no apache2")
Start = Callable[..., int]
ENROLL = "execute vpn certificate local generate est {name} ec-secp256r1 https://localhost:{port} CN={name} '' {more}"
# fmt: off
LOADED = (
    "mpm_event", "authz_core", "authn_core", "authn_file", "authz_user", "auth_digest", "ssl", "socache_shmcb", "proxy",
    "proxy_http", "headers",
)
# fmt: on

NGINX_CONF = """
daemon off; pid {folder}/pid; error_log stderr; {user}
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/front.pem; ssl_certificate_key {folder}/front.pem;
    location / {{ proxy_pass {back}; proxy_ssl_verify on; proxy_ssl_trusted_certificate {folder}/ca.pem;
                  proxy_ssl_name localhost; {more} }}
  }}
}}
"""
APACHE_CONF = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
Mutex file:{folder} default
ErrorLog {folder}/errors
Listen 127.0.0.1:{port}
{user}
{modules}
SSLEngine on
SSLProtocol {protocol}
SSLCertificateFile {folder}/front.pem
SSLCACertificateFile {folder}/ca.pem
SSLProxyEngine on
SSLProxyCACertificateFile {folder}/ca.pem
ProxyPass / {back}/
{more}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture
def front(server: Server) -> Iterator[Start]:
    """Starts a front with a certificate of the responder's CA; its port."""
    folder = Path(tempfile.mkdtemp(prefix="front"))  # one that a server which has given up root's rights can read
    folder.chmod(0o755)
    certificate, key = server.state.authority.server_certificate(("localhost",), datetime.now(UTC))
    clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (folder / "front.pem").write_text(f"{pem(certificate)}\n{clear}")
    (folder / "ca.pem").write_text(server.ca.read_text())
    digest = hashlib.md5(b"alice:front:wonder", usedforsecurity=False).hexdigest()
    (folder / "digests").write_text(f"alice:front:{digest}\n")
    (folder / "passwords").write_text("m\u00fcller:{PLAIN}stra\u00dfe7\n", "utf-8")
    running: list[subprocess.Popen[bytes]] = []

    def start(form: str, more: str = "", protocol: str = "TLSv1.2 TLSv1.3") -> int:
        port = free_port()
        fields = {"folder": folder, "port": port, "back": server.url, "protocol": protocol, **rights(form)}
        text = form.format(**fields, modules=loaded(), more=more.replace("FOLDER", str(folder)))
        (folder / "conf").write_text(text)
        nginx, apache = [NGINX, "-p", folder, "-c", "conf"], [APACHE, "-f", folder / "conf", "-DFOREGROUND"]
        command = [str(word) for word in (nginx if form is NGINX_CONF else apache)]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        reached(port, running[-1])
        return port

    yield start
    for one in running:
        one.terminate()
        one.communicate(timeout=120)
    shutil.rmtree(folder)


def rights(form: str) -> dict[str, str]:
    """Whose rights a server takes that root has started."""
    user = "user root;" if form is NGINX_CONF else "User www-data\nGroup www-data"
    return {"user": user if os.getuid() == 0 else ""}


def loaded() -> str:
    return "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED)


def reached(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server listens."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.02)
    process.kill()
    raise AssertionError(process.communicate()[1].decode("utf-8", "replace"))


@pytest.fixture
def session(server: Server) -> Iterator[fortish.door.Administrator]:
    """Somebody at a box that trusts the responder's CA."""
    with fortish.Appliance(network="real", trust=server.ca) as box:
        yield box.session()


def enrolled(
    session: fortish.door.Administrator, name: str, port: int, more: str = "estuser estpwd", typed: str = ""
) -> str:
    """What the box says to an enrollment, and to what is typed then."""
    return session.play(f"{ENROLL.format(name=name, port=port, more=more)}\n{typed}").text


def is_done(said: str) -> bool:
    return "\nDone.\n" in said


@needs_nginx
def test_nginx_in_front_passes_passwords_on(server: Server, front: Start, session: fortish.door.Administrator) -> None:
    port = front(NGINX_CONF)
    assert is_done(enrolled(session, "basic", port))
    server.obeys('http-auth = ["digest"]')
    assert is_done(enrolled(session, "digest", port))
    assert is_done(
        enrolled(session, "digest", port, typed="y\n")
    )  # no certificate gets there, so its user is asked for
    posted = [status for operation, status in server.statuses if operation in ("simpleenroll", "simplereenroll")]
    assert posted == [200, 401, 200, 401, 200]


@needs_nginx
def test_nginx_may_ask_for_the_password_itself(front: Start, session: fortish.door.Administrator) -> None:
    """It compares octets: UTF-8, here."""
    behind = "proxy_set_header Authorization 'Basic ZXN0dXNlcjplc3Rwd2Q=';"
    port = front(NGINX_CONF, f"auth_basic front; auth_basic_user_file FOLDER/passwords; {behind}")
    assert is_done(enrolled(session, "n", port, "m\u00fcller stra\u00dfe7"))
    assert "the server answered 401" in enrolled(session, "m", port)


@needs_apache
def test_apache_may_ask_for_a_digest_itself(front: Start, session: fortish.door.Administrator) -> None:
    """It knows MD5 alone."""
    behind = 'RequestHeader set Authorization "Basic ZXN0dXNlcjplc3Rwd2Q="'
    lines = ["AuthType Digest", "AuthName front", "AuthUserFile FOLDER/digests", "Require valid-user", behind]
    port = front(APACHE_CONF, "\n".join(["<Location />", *lines, "</Location>"]))
    session.play("diagnose debug application est -1\ndiagnose debug enable\n")
    said = enrolled(session, "n", port, "alice wonder")
    assert is_done(said) and said.count("Response 401") == 1  # its nonce is counted on
    assert "the server answered 401" in enrolled(session, "m", port, "alice wander")


@needs_apache
@pytest.mark.parametrize("protocol", ["TLSv1.2", "TLSv1.3"])
def test_apache_may_want_a_client_certificate_for_some_paths(
    server: Server, front: Start, session: fortish.door.Administrator, protocol: str
) -> None:
    """It asks in the middle of a request: by renegotiation, or by TLS 1.3's authentication after the handshake."""
    port = front(APACHE_CONF, '<Location "/.well-known/est/full/">\nSSLVerifyClient require\n</Location>', protocol)
    assert is_done(enrolled(session, "first", port))
    assert is_done(enrolled(session, "second", port, "estuser estpwd full '' '' first"))
    before = len(server.state.history)
    assert "tls alert" in enrolled(session, "third", port, "estuser estpwd full")
    assert len(server.state.history) == before
