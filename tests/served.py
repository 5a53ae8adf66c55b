"""A small TLS server for tests, whose answers are octets that a style gives: EST as the servers of others speak it."""

from __future__ import annotations

import _ssl
import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7

from fortish.pki.pem import pem
from fortish.responder.authority import Authority

CERTS, CERTS_ONLY = "application/pkcs7-mime", "application/pkcs7-mime; smime-type=certs-only"
BASE64 = ("Content-Transfer-Encoding", "base64")
ROOT = "/.well-known/est/"
BASIC = "Basic " + base64.b64encode(b"estuser:estpwd").decode()


@dataclass(frozen=True)
class Asked:
    """One request, and what TLS knows of who sends it: the certificates it shows, the name of the session."""

    method: str
    path: str
    fields: dict[str, str]  # names in lower case
    body: bytes = field(repr=False)
    shown: tuple[bytes, ...] = ()
    unique: bytes = b""

    @property
    def operation(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def csr(self) -> x509.CertificateSigningRequest:
        return x509.load_der_x509_csr(base64.b64decode(self.body))


def http(status: str, body: bytes = b"", *fields: tuple[str, str], length: bool = True, version: str = "1.1") -> bytes:
    lines = [f"HTTP/{version} {status}", *(f"{name}: {value}" for name, value in fields)]
    lines += [f"Content-Length: {len(body)}"] if length else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(status: str, body: bytes, *fields: tuple[str, str], size: int = 4096) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return http(status, b"", *fields, ("Transfer-Encoding", "chunked"), length=False) + coded


def wrapped(der: bytes, columns: int, end: bytes) -> bytes:
    one = base64.b64encode(der)
    return b"".join(one[at : at + columns] + end for at in range(0, len(one), columns))


class Style:
    """A server.

    `apart`: head and body are records of their own; `closes`: each of its answers ends the connection; `highest`: the
    latest TLS that it speaks.
    """

    apart = True
    closes = False
    highest = ssl.TLSVersion.TLSv1_3
    label = ""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.seen: list[Asked] = []
        self.serial = 100

    def __call__(self, asked: Asked) -> bytes:
        """The octets of an answer."""
        raise NotImplementedError

    def issue(self, csr: x509.CertificateSigningRequest) -> x509.Certificate:
        if not csr.is_signature_valid:
            raise ValueError
        self.serial += 1
        return self.authority.issue(csr.public_key(), csr.subject, self.serial, datetime.now(UTC))

    def certs(self, *certificates: x509.Certificate) -> bytes:
        """A certs-only message."""
        return pkcs7.serialize_certificates(list(certificates), Encoding.DER)

    @property
    def cacerts(self) -> bytes:
        return self.certs(self.authority.certificate)


def same_names(asked: Asked) -> bool:
    """Whether subject and alternative names of a request are those of the certificate shown, octet for octet."""
    held = x509.load_der_x509_certificate(asked.shown[0]) if asked.shown else None
    return (
        held is not None
        and held.subject.public_bytes() == asked.csr.subject.public_bytes()
        and san(held) == san(asked.csr)
    )


def san(of: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    try:
        return of.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.public_bytes()
    except x509.ExtensionNotFound:
        return b""


@contextlib.contextmanager
def serving(kind: type[Style], folder: Path) -> Iterator[tuple[Style, int]]:
    """A server on loopback, its CA certificate in `folder`/ca.pem; the style, and its port."""
    now = datetime.now(UTC)
    authority = Authority.fresh(now)
    (folder / "ca.pem").write_text(pem(authority.certificate) + "\n")
    certificate, key = authority.server_certificate(("localhost",), now)
    clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (folder / "server.pem").write_text(f"{pem(certificate)}\n{clear}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode, context.maximum_version = ssl.CERT_OPTIONAL, kind.highest
    style = kind(authority)
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        over = threading.Event()

        def accepting() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    plain, _ = listener.accept()
                    threads.append(threading.Thread(target=_talk, args=(style, context, plain), daemon=True))
                    threads[-1].start()

        acceptor = threading.Thread(target=accepting, daemon=True)
        acceptor.start()
        try:
            yield style, listener.getsockname()[1]
        finally:
            over.set()
            for thread in (acceptor, *threads):
                thread.join(10)


def _talk(style: Style, context: ssl.SSLContext, plain: socket.socket) -> None:
    plain.settimeout(5)
    with plain, contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as tls:
        shown = tls._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]
        chain = tuple(one.public_bytes(_ssl.ENCODING_DER) for one in shown if one is not None)
        unique = tls.get_channel_binding("tls-unique") if tls.version() == "TLSv1.2" else None
        come = b""
        while True:
            while b"\r\n\r\n" not in come:
                if not (piece := tls.recv(1 << 16)):
                    return
                come += piece
            head, _, come = come.partition(b"\r\n\r\n")
            start, *lines = head.decode().split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            while len(come) < (length := int(fields.get("content-length", "0"))):
                come += tls.recv(1 << 16)
            method, path, _ = start.split(" ")
            asked = Asked(method, path, fields, come[:length], chain, unique or b"")
            come = come[length:]
            style.seen.append(asked)
            try:
                answer = style(asked)
            except ValueError:  # what is no request, whoever reads it
                answer = http("400 Bad Request")
            head, end, body = answer.partition(b"\r\n\r\n")
            for record in (head + end, body) if style.apart else (answer,):
                if record:
                    tls.sendall(record)
            if style.closes:
                tls.unwrap()
                return
