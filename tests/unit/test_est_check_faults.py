"""`fortish est-check` names each fault of the menu, with its section; and takes whatever else answers at a port."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import ssl
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fortish.est.verdicts import Result, Verdict
from fortish.estcheck import report
from fortish.main import main
from fortish.pki.pem import pem
from fortish.responder.authority import Authority
from fortish.responder.faults import FAULTS
from tests.unit.test_est_check import verdicts

TYPE = "RFC 7030 4.2.3"
AGAIN = "answered 202, to be asked again in "

# What is said of each fault: the section (of a first enrollment, and of a renewal where that differs), how it came out,
# and words of the cause. Sorted.
# fmt: off
SAID: dict[str, tuple[str, str, str]] = {
    "bare-certificate":   (TYPE, "fail", "a bare certificate stands where a certs-only PKCS #7 should be"),
    "ber":                (TYPE, "fail", "the PKCS #7 is BER with indefinite lengths"),
    "close-after-401":    ("RFC 7030 3.2.3|RFC 7030 4.2.2", "note", "the 401 ends the connection, and no Connection"),
    "csrattrs-204":       ("RFC 7030 4.5.2", "note", "none (204)"),
    "csrattrs-404":       ("RFC 7030 4.5.2", "note", "none (404)"),
    "csrattrs-garbage":   ("RFC 7030 4.5.2", "fail", "the CSR attributes are malformed"),
    "cte-binary":         ("RFC 8951 3", "note", "Content-Transfer-Encoding says 'binary'"),
    "cte-missing":        ("RFC 8951 3", "note", "there is no Content-Transfer-Encoding"),
    "cte-odd":            ("RFC 8951 3", "note", "Content-Transfer-Encoding says 'BASE 64; x=y'"),
    "der":                ("RFC 8951 3", "fail", "the body is DER, not its base64"),
    "empty-body":         (f"{TYPE}|RFC 7030 4.2.2", "fail", "the body is empty"),
    "expired":            (TYPE, "fail", "certificate has expired"),
    "extra-certificates": (TYPE, "note", "3 certificates, where only the issued one belongs"),
    "html-error":         (f"{TYPE}|RFC 7030 4.2.2", "fail", "answered 500: <html>.[2J"),
    "http-1.0":           ("RFC 7030 3.2", "note", "answered with HTTP/1.0"),
    "keygen-cert-first":  ("RFC 7030 4.4", "note", "the certificate comes before its key"),
    "keygen-pkcs1":       ("RFC 7030 4.4", "fail", "the key that was made is not in PKCS #8"),
    "keygen-wrong-key":   ("RFC 7030 4.4", "fail", "the key that was made is not the certificate's"),
    "no-answer":          (f"{TYPE}|RFC 7030 4.2.2", "fail", "Empty reply from server"),
    "no-certificates":    (f"{TYPE}|RFC 7030 4.2.2", "fail", "the PKCS #7 message holds no certificates"),
    "not-base64":         (f"{TYPE}|RFC 7030 4.2.2", "fail", "the body is not base64"),
    "not-pkcs7":          (f"{TYPE}|RFC 7030 4.2.2", "fail", "not a PKCS #7 message"),
    "not-yet-valid":      (TYPE, "fail", "certificate is not yet valid"),
    "oversized":          (f"{TYPE}|RFC 7030 4.2.2", "fail", "the body is larger than 1048576 bytes"),
    "pem":                ("RFC 8951 3", "fail", "the body has PEM armour around its base64"),
    "redirect-loop":      (f"{TYPE}|RFC 7030 4.2.2", "fail", "the server redirects more than 5 times"),
    "redirect-other":     (f"{TYPE}|RFC 7030 4.2.2", "fail", "the server redirects to https://est.example.com/"),
    "redirect-same":      (f"{TYPE}|RFC 7030 4.2.2", "fail", "the server redirects more than 5 times"),
    "retry-date":         (f"{TYPE}|RFC 7030 4.2.2", "note", AGAIN),
    "retry-huge":         (f"{TYPE}|RFC 7030 4.2.2", "note", f"{AGAIN}999999999 seconds"),
    "retry-missing":      (f"{TYPE}|RFC 7030 4.2.2", "fail", "answered 202 without a Retry-After"),
    "retry-seconds":      (f"{TYPE}|RFC 7030 4.2.2", "note", f"{AGAIN}600 seconds"),
    "slow":               ("RFC 7030 3.2", "note", "the answer took 1."),
    "slow-pieces":        ("RFC 7030 3.2", "note", "the answer took 0."),
    "status-503-retry":   (f"{TYPE}|RFC 7030 4.2.2", "fail", "answered 503, to be asked again in 600 seconds"),
    "truncated":          (f"{TYPE}|RFC 7030 4.2.2", "fail", "transfer closed with"),
    "type-bare":          (TYPE, "note", "the type lacks smime-type=certs-only"),
    "type-missing":       (TYPE, "fail", "there is no Content-Type"),
    "type-parameters":    (TYPE, "note", "the type has more parameters: charset, name"),
    "type-upper":         (TYPE, "note", "the type is spelled APPLICATION/PKCS7-MIME"),
    "type-wrong":         (TYPE, "fail", "the type is 'text/html', not application/pkcs7-mime"),
    "untrusted-issuer":   (TYPE, "fail", "unable to get local issuer certificate"),
    "wrap-76":            ("RFC 8951 3", "note", "the base64 has lines of 76 characters"),
    "wrap-none":          ("RFC 8951 3", "note", "the base64 is one line without an end"),
    "wrap-odd":           ("RFC 8951 3", "note", "blanks or tabs stand in the base64"),
    "wrong-key":          (f"{TYPE}|RFC 7030 4.2.2", "fail", "no certificate in the answer is for the key of the req"),
    "wrong-subject":      (f"{TYPE}|RFC 7030 4.2.2", "note|fail", "CN=somebody else"),
    **{f"status-{status}": (f"{TYPE}|RFC 7030 4.2.2", "fail", f"answered {status}: {status} on purpose")
       for status in (400, 401, 403, 404, 415, 423, 500, 501, 502, 503, 504)},
}
# fmt: on
CASES = [(name, operation) for name, fault in FAULTS.items() for operation in sorted(fault.on)]


@pytest.fixture(scope="module")
def good() -> dict[str, Verdict]:
    return {verdict.title: verdict for verdict in verdicts()}


@pytest.mark.parametrize(("name", "operation"), CASES)
def test_every_fault_of_the_menu_is_named(good: dict[str, Verdict], name: str, operation: str) -> None:
    sections, results, words = SAID[name]
    renewal = operation == "simplereenroll"
    section, result = (text.split("|")[-1 if renewal else 0] for text in (sections, results))
    found = verdicts(**{operation: FAULTS[name]})
    told = [verdict for verdict in found if words in verdict.cause and verdict != good[verdict.title]]
    assert told, [verdict for verdict in found if verdict.result is not Result.PASS]
    assert (section, result) in {(verdict.section, verdict.result.value) for verdict in told}
    shown = json.loads(report("https://a.example", found, "json"))
    assert shown["failed"] == sum(check["result"] == "fail" for check in shown["checks"])
    suite = ET.fromstring(report("https://a.example", found, "junit"))
    assert int(suite.get("failures", "")) == shown["failed"] == len(suite.findall("testcase/failure"))


def test_a_good_server_has_no_note_about_its_form(good: dict[str, Verdict]) -> None:
    noted = [verdict.title for verdict in good.values() if verdict.result is not Result.PASS]
    assert noted == ["proof of possession is to be linked to the TLS session", "fullcmc, which is optional"]


# --- whatever else answers at a port ----------------------------------------------------------------------------------

Serving = Callable[[socket.socket], None]
HTML = b"<!DOCTYPE html><html><head><title>\x1b]0;x\x07</title></head><body>\xff\xfe It works! \x00</body></html>"


def shut(client: socket.socket) -> None:
    pass


def silent(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while client.recv(1 << 16):
            pass


def ssh(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    silent(client)


def http(client: socket.socket) -> None:
    client.recv(1 << 16)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def html(client: socket.socket) -> None:
    while client.recv(1 << 16):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(HTML) + HTML)


def banner(client: socket.socket) -> None:
    client.sendall(b"220 mail.example ESMTP \x1b[2J\r\n")
    silent(client)


def drip(client: socket.socket) -> None:
    client.recv(1 << 16)
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        client.sendall(b"A")
        time.sleep(0.05)


def endless(client: socket.socket) -> None:
    client.recv(1 << 16)
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        client.sendall(b"A" * 65536)


def headers(client: socket.socket) -> None:
    client.recv(1 << 16)
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        client.sendall(b"X-Filler: " + b"y" * 1000 + b"\r\n")


def hints(client: socket.socket) -> None:
    client.recv(1 << 16)
    while True:
        client.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")


def noise(client: socket.socket) -> None:
    client.recv(1 << 16)
    client.sendall(bytes(range(256)) * 40)


def empty(client: socket.socket) -> None:
    while client.recv(1 << 16):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


# fmt: off
PLAIN: dict[str, tuple[Serving, str]] = {
    "it hangs up":      (shut,    "SSL_connect"),
    "it says nothing":  (silent,  "Connection timed out"),
    "SSH":              (ssh,     "SSL_connect: "),
    "plain HTTP":       (http,    "SSL_connect: "),
    "mail":             (banner,  "SSL_connect: "),
}
TLS: dict[str, tuple[Serving, str]] = {
    "it hangs up":      (shut,    "it gives no answer"),
    "it says nothing":  (silent,  "Operation timed out"),
    "SSH":              (ssh,     "Invalid HTTP response"),
    "HTML":             (html,    "the type is 'text/html'"),
    "a slow body":      (drip,    "Operation timed out"),
    "an endless body":  (endless, "the body is larger than"),
    "endless headers":  (headers, "Too large response headers"),
    "endless hints":    (hints,   "more than 100 informational responses"),
    "noise":            (noise,   "Invalid HTTP response"),
    "empty answers":    (empty,   "the body is empty"),
}
# fmt: on


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's context for localhost, and the file with whom to trust."""
    folder, now = tmp_path_factory.mktemp("identity"), datetime.now(UTC)
    authority = Authority.fresh(now)
    certificate, key = authority.server_certificate(("localhost",), now)
    clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (folder / "server.pem").write_text(f"{pem(certificate)}\n{clear}")
    (folder / "ca.pem").write_text(f"{pem(authority.certificate)}\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context, folder / "ca.pem"


@contextlib.contextmanager
def serving(serve: Serving, context: ssl.SSLContext | None) -> Iterator[int]:
    """A server whose threads end with their clients; its port."""

    def one(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            if context is None:
                serve(client)
                return
            with context.wrap_socket(client, server_side=True) as inside:
                serve(inside)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                client.settimeout(60)
                threading.Thread(target=one, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def checked(port: int, trust: Path, form: str, words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What est-check prints; it fails, within its time, and says nothing else."""
    since, patience = time.monotonic(), "1" if "timed out" in words else "30"
    where = ["est-check", f"https://localhost:{port}", "--trust", str(trust)]
    assert main([*where, "--timeout", patience, "--format", form]) == 1
    assert time.monotonic() - since < 60
    said = capsys.readouterr()
    assert said.err == ""
    assert all(line.isprintable() for line in said.out.splitlines())
    return said.out


@pytest.mark.parametrize("name", PLAIN)
def test_what_speaks_no_tls_is_said_to(
    name: str, identity: tuple[ssl.SSLContext, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    serve, words = PLAIN[name]
    with serving(serve, None) as port:
        first = json.loads(checked(port, identity[1], "json", words, capsys))["checks"][0]
    assert (first["section"], first["result"]) == ("RFC 7030 3.3.1", "fail")
    assert words in first["cause"]


@pytest.mark.parametrize("name", TLS)
@pytest.mark.parametrize("form", ["json", "junit", "text"])
def test_what_speaks_no_est_is_said_to(
    name: str, form: str, identity: tuple[ssl.SSLContext, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    serve, words = TLS[name]
    with serving(serve, identity[0]) as port:
        said = checked(port, identity[1], form, words, capsys)
    if form == "junit":
        said = " ".join(failure.get("message", "") for failure in ET.fromstring(said).iter("failure"))
    assert words in said


def test_without_a_terminal_a_password_is_missed_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORTISH_PASSWORD", raising=False)
    for nothing in (io.StringIO(""), None):
        monkeypatch.setattr("sys.stdin", nothing)
        assert main(["est-check", "https://localhost:1", "--user", "x"]) == 2
        assert "FORTISH_PASSWORD" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "x", "nan", "1e9"])
def test_a_time_that_is_none_is_an_unusable_argument(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["est-check", "https://localhost:1", "--timeout", seconds])
    assert ended.value.code == 2
    assert "--timeout" in capsys.readouterr().err
