"""One exchange with a server as a value: when, how long, how it ended, and its texts, raw and decoded.

Passwords and private keys are never in it: an Authorization header is cut to its scheme, and a request body is a
certification request, which holds neither.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from fortish.errors import PeerFault
from fortish.est import multipart, wire
from fortish.network.timing import Timing
from fortish.pki import csrattrs, names, pem, pkcs7, text
from fortish.pki.faults import PkiFault

if TYPE_CHECKING:
    import httpx
    from cryptography import x509

    from fortish.steps import Http, Link, Peer

SECRET = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})
CONNECT = "connect"  # what a connection that did not come about is called
Files = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One exchange. One that failed has status 0 and a `fault`. `files` are its texts by the name of a file."""

    operation: str
    server: str
    timing: Timing
    method: str = ""
    path: str = ""
    tls: str = ""
    status: int = 0
    phrase: str = ""
    fault: str = ""
    files: Mapping[str, str] = field(default_factory=dict, repr=False)


def exchanged(ask: Http, response: httpx.Response | None, fault: str, timing: Timing) -> Exchanged:
    """What came of a request; without a response, what went wrong."""
    request, link = ask.request, ask.link
    return Exchanged(
        wire.printable(request.url.path.rpartition("/")[2], 40) or "root",
        link.peer.origin,
        timing,
        request.method,
        wire.printable(request.url.raw_path.decode("ascii")),
        link.tls_version,
        0 if response is None else response.status_code,
        "" if response is None else wire.printable(response.reason_phrase, 80),
        fault,
        dict(_files(ask, response, fault, timing)),
    )


def not_connected(peer: Peer, fault: str, timing: Timing) -> Exchanged:
    """A connection that did not come about."""
    files = {"connection.txt": "\n".join(_heading(peer, timing)) + "\n", "failure.txt": f"{fault}\n"}
    return Exchanged(CONNECT, peer.origin, timing, fault=fault, files=files)


def _files(ask: Http, response: httpx.Response | None, fault: str, timing: Timing) -> Files:
    yield "connection.txt", "\n".join(_connection(ask.link, timing)) + "\n"
    yield from _request(ask.request)
    if response is None:
        yield "failure.txt", f"{fault}\n"
        return
    lines = [_cut(line) for line in wire.header_lines(response)]
    secret = ask.request.url.path.endswith("/serverkeygen") and response.is_success  # a private key is in it
    body = f"({len(response.content)} bytes, not kept)" if secret else wire.body_text(response.content)
    yield "response.txt", "\n".join([*lines, body]) + "\n"
    yield from _decoded(ask.request.url.path, response)


def _heading(peer: Peer, timing: Timing) -> Iterator[str]:
    yield f"time         {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(timing.clock))} GMT"
    yield f"took         {timing.took:.1f} ms"
    yield f"server       {peer.origin}"
    yield f"client cert  {peer.credential.name if peer.credential else '-'}"
    yield f"TLS-SRP      {'yes' if peer.srp else '-'}"


def _connection(link: Link, timing: Timing) -> Iterator[str]:
    yield from _heading(link.peer, timing)
    yield f"connection   {timing.connection}, opened in {timing.handshake:.1f} ms"
    yield f"TLS          {link.tls_version}"
    yield f"tls-unique   {link.tls_unique.hex() if link.tls_unique else '-'}"
    yield f"chain        {len(link.chain)} certificates"
    for der in link.chain:
        for _, block in _guarded("certificate", partial(_block, der)):
            yield from ("", block.rstrip("\n"))


def _block(der: bytes) -> Files:
    from cryptography import x509

    yield "", "\n".join(_words(x509.load_der_x509_certificate(der)))


def _words(certificate: x509.Certificate) -> Iterator[str]:
    """A certificate as the trace shows it, which leaves its dates out, and its dates."""
    yield from text.trace_block(certificate)
    for label, value in text.detail_rows(certificate):
        if label in ("Valid from:", "Valid to:", "Fingerprint:"):
            yield f"        {label} {value}"


def _request(request: httpx.Request) -> Files:
    lines = [f"{request.method} {request.url.raw_path.decode('ascii')} HTTP/1.1"]
    lines += [_cut(f"{name}: {value}") for name, value in request.headers.items()]
    yield "request.txt", "\n".join([*lines, "", request.content.decode("latin-1")]) + "\n"
    if request.content:
        yield from _guarded("csr", lambda: _csr(wire.decode(request.content)))


def _cut(line: str) -> str:
    """A header line; what proves who one is, is cut to its first word."""
    name, colon, value = line.partition(": ")
    return f"{name}: {value.partition(' ')[0]} (not kept)" if colon and name.lower() in SECRET else line


def _csr(der: bytes) -> Files:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from fortish.pki.extensions import requested_extensions

    request = x509.load_der_x509_csr(der)
    yield "csr.pem", request.public_bytes(Encoding.PEM).decode()
    signature = request.signature_hash_algorithm
    lines = [f"subject      {names.tight(request.subject)}", f"key          {_key(request.public_key())}"]
    lines += [f"signed with  {signature.name if signature else 'the hash of its curve'}"]
    for item in requested_extensions(request):
        lines += [f"extension    {item.name}{': critical' if item.critical else ''}", *item.lines]
    lines += [f"attribute    {attribute_name(attribute.oid.dotted_string)}" for attribute in request.attributes]
    yield "csr.txt", "\n".join(lines) + "\n"


def attribute_name(oid: str) -> str:
    """An attribute's OID and what it is called."""
    return f"{oid} {csrattrs.short_name(oid)}"


def _key(key: Any) -> str:
    curve = getattr(key, "curve", None)
    return f"EC {curve.name}" if curve is not None else f"RSA {key.key_size}" if hasattr(key, "key_size") else "other"


def _decoded(path: str, response: httpx.Response) -> Files:
    if response.status_code != 200 or not response.content.strip():
        return
    if path.endswith("/csrattrs"):
        yield from _guarded("csrattrs", lambda: _csrattrs(wire.decode(response.content)))
    elif path.endswith("/serverkeygen"):
        made = wire.first(response, "content-type"), response.content
        yield from _guarded("certificates", lambda: _certificates(wire.decode(multipart.generated(*made).certificates)))
    else:
        yield from _guarded("certificates", lambda: _certificates(wire.decode(response.content)))


def _csrattrs(der: bytes) -> Files:
    found = csrattrs.read_csrattrs(der)
    rows = (attribute_name(a.oid) + "".join(f"\n  {value.hex()}" for value in a.values) for a in found)
    yield "csrattrs.txt", "\n".join(rows) + "\n"


def _certificates(der: bytes) -> Files:
    found = pkcs7.read_certs(der)
    yield "certificates.pem", "".join(f"{pem.pem(certificate)}\n" for certificate in found)
    yield "certificates.txt", "\n\n".join("\n".join(_words(certificate)) for certificate in found) + "\n"


def _guarded(what: str, files: Callable[[], Files]) -> Files:
    """Decoded files, or a note of why there are none: foreign bytes may be anything."""
    from fortish.pki.certificates import UNREADABLE

    try:
        yield from files()
    except (PeerFault, PkiFault) as fault:
        yield f"{what}.txt", f"not decoded: {fault.reason}\n"
    except UNREADABLE as error:
        yield f"{what}.txt", f"not decoded: {error}\n"
