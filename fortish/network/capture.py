"""`--capture DIR`: each EST exchange kept as files, raw and decoded, for whoever wants to look at the protocol.

One folder an exchange, numbered in order. Passwords and private keys are never in it: an Authorization header is cut to
its scheme, and a request body is a certification request, which holds neither.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fortish.errors import PeerFault, UsageError
from fortish.est import wire
from fortish.pki import csrattrs, pem, pkcs7, text
from fortish.pki.faults import PkiFault

if TYPE_CHECKING:
    import httpx

    from fortish.steps import Http

SECRET = frozenset({"authorization", "proxy-authorization"})
Files = Iterator[tuple[str, str]]


class Capture:
    """A folder of exchanges. Raises `UsageError` where it cannot be written."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._folder, self._now = folder, now
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            taken = [int(path.name[:4]) for path in folder.iterdir() if path.name[:4].isdecimal()]
        except OSError as error:
            raise UsageError(f"--capture {folder}: {error.strerror}") from None
        self._count = max(taken, default=0)

    def keep(self, ask: Http, response: httpx.Response | None, fault: str = "") -> None:
        """Keep one exchange; without a response, what went wrong. Raises `UsageError`."""
        self._count += 1
        operation = wire.printable(ask.request.url.path.rpartition("/")[2], 40) or "root"
        place = self._folder / f"{self._count:04d}-{operation}"
        try:
            place.mkdir(mode=0o700)
            for name, content in self._files(ask, response, fault):
                (place / name).write_text(content, "utf-8")
        except OSError as error:
            raise UsageError(f"--capture {self._folder}: {error.strerror}") from None

    def _files(self, ask: Http, response: httpx.Response | None, fault: str) -> Files:
        yield "connection.txt", "\n".join(self._connection(ask)) + "\n"
        yield from _request(ask.request)
        if response is None:
            yield "failure.txt", f"{fault}\n"
            return
        yield "response.txt", "\n".join([*wire.header_lines(response), wire.body_text(response.content)]) + "\n"
        yield from _decoded(ask.request.url.path, response)

    def _connection(self, ask: Http) -> Iterator[str]:
        link = ask.link
        yield f"time         {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(self._now()))} GMT"
        yield f"server       {link.peer.origin}"
        yield f"TLS          {link.tls_version}"
        yield f"tls-unique   {link.tls_unique.hex() if link.tls_unique else '-'}"
        yield f"client cert  {link.peer.credential.name if link.peer.credential else '-'}"
        yield f"TLS-SRP      {'yes' if link.peer.srp else '-'}"
        yield f"chain        {len(link.chain)} certificates"
        from cryptography import x509

        for der in link.chain:
            yield ""
            yield from text.trace_block(x509.load_der_x509_certificate(der))


def _request(request: httpx.Request) -> Files:
    lines = [f"{request.method} {request.url.raw_path.decode('ascii')} HTTP/1.1"]
    for name, value in request.headers.items():
        shown = f"{value.partition(' ')[0]} (not kept)" if name.lower() in SECRET else value
        lines.append(f"{name}: {shown}")
    yield "request.txt", "\n".join([*lines, "", request.content.decode("latin-1")]) + "\n"
    if request.content:
        yield from _guarded("csr", lambda: _csr(wire.decode(request.content)))


def _csr(der: bytes) -> Files:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    request = x509.load_der_x509_csr(der)
    yield "csr.pem", request.public_bytes(Encoding.PEM).decode()
    lines = [f"subject      {request.subject.rfc4514_string()}", f"key          {_key(request.public_key())}"]
    lines += [f"extension    {e.oid._name} {'critical ' if e.critical else ''}{e.value}" for e in request.extensions]
    lines += [f"attribute    {attribute.oid.dotted_string}" for attribute in request.attributes]
    yield "csr.txt", "\n".join(lines) + "\n"


def _key(key: Any) -> str:
    curve = getattr(key, "curve", None)
    return f"EC {curve.name}" if curve is not None else f"RSA {key.key_size}" if hasattr(key, "key_size") else "other"


def _decoded(path: str, response: httpx.Response) -> Files:
    if response.status_code != 200 or not response.content.strip():
        return
    if path.endswith("/csrattrs"):
        yield from _guarded("csrattrs", lambda: _csrattrs(wire.decode(response.content)))
    else:
        yield from _guarded("certificates", lambda: _certificates(wire.decode(response.content)))


def _csrattrs(der: bytes) -> Files:
    found = csrattrs.read_csrattrs(der)
    rows = (
        f"{a.oid} {csrattrs.short_name(a.oid)}" + "".join(f"\n  {value.hex()}" for value in a.values) for a in found
    )
    yield "csrattrs.txt", "\n".join(rows) + "\n"


def _certificates(der: bytes) -> Files:
    found = pkcs7.read_certs(der)
    yield "certificates.pem", "".join(f"{pem.pem(certificate)}\n" for certificate in found)
    yield "certificates.txt", "\n\n".join("\n".join(text.trace_block(certificate)) for certificate in found) + "\n"


def _guarded(what: str, files: Callable[[], Files]) -> Files:
    """Decoded files, or a note of why there are none: foreign bytes may be anything."""
    from fortish.pki.certificates import UNREADABLE

    try:
        yield from files()
    except (PeerFault, PkiFault) as fault:
        yield f"{what}.txt", f"not decoded: {fault.reason}\n"
    except UNREADABLE as error:
        yield f"{what}.txt", f"not decoded: {error}\n"
