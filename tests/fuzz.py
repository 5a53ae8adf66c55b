"""What others send, cut, flipped and repeated: no reader may fail in a way of its own, take long, or say much.

`python -m tests.fuzz --minutes 5`; the test suite plays a few hundred of each. A target is a reader with valid inputs
of its own; a mutation is data, so that a failure can be told and played again. Raised may be what is raised on purpose
(`FortishError`), and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import random
import ssl
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.errors import FortishError
from fortish.est import operations, wire
from fortish.est.authorities import take_authorities
from fortish.est.choice import choose
from fortish.est.connection import Connection
from fortish.est.context import EstContext
from fortish.est.digest import challenge, texts
from fortish.est.wanted import wanted_of
from fortish.network import doorway
from fortish.pki import chains, crl, csrattrs, identity, names, pkcs7, requests, text
from fortish.pki.pem import pem
from fortish.pki.template import template_of
from fortish.responder import body as bodies
from fortish.responder.authority import Authority
from fortish.responder.policy import Policy
from fortish.responder.respond import Asked, Visitor, respond
from fortish.responder.state import Responder
from fortish.steps import Exchange, Link, Peer

NOW = datetime(2024, 5, 1, tzinfo=UTC)
SLOW = 2.0  # seconds of processor time for one input; none needs a tenth of it
LONG = 200_000  # characters that may come of one input
ROOT = "/.well-known/est"
LABEL = "labels.x = { keep-subject = true, http-auth = ['digest'], pop = 'optional' }"


# --- mutations --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change: `where` and `size` are taken modulo what there is."""

    kind: str
    where: int
    size: int
    octet: int

    def __call__(self, data: bytes, others: Sequence[bytes]) -> bytes:
        at = self.where % (len(data) + 1)
        return KINDS[self.kind](data, at, self, others)


def _flip(data: bytes, at: int, how: Mutation, others: Sequence[bytes]) -> bytes:
    return data[:at] + bytes((data[at] ^ (1 << how.octet % 8),)) + data[at + 1 :] if at < len(data) else data


def _set(data: bytes, at: int, how: Mutation, others: Sequence[bytes]) -> bytes:
    return data[:at] + bytes((how.octet,)) + data[at + 1 :]


def _lengthen(data: bytes, at: int, how: Mutation, others: Sequence[bytes]) -> bytes:
    """Another length behind the next byte that may be the tag of a constructed value."""
    tags = [place for place in range(at, min(at + 400, len(data) - 1)) if data[place] in (0x30, 0x31, 0xA0, 0xA1, 4)]
    if not tags:
        return data
    lengths = (b"\x80", b"\x00", b"\x81\xff", b"\x82\xff\xff", b"\x84\xff\xff\xff\xff", bytes((how.octet & 0x7F,)))
    return data[: tags[0] + 1] + lengths[how.size % len(lengths)] + data[tags[0] + 2 :]


def _nest(data: bytes, at: int, how: Mutation, others: Sequence[bytes]) -> bytes:
    return data[:at] + b"\x30\x80" * (how.size % 5000) + data[at:]


def _token(data: bytes, at: int, how: Mutation, others: Sequence[bytes]) -> bytes:
    return data[:at] + TOKENS[how.octet % len(TOKENS)] + data[at:]


def _splice(data: bytes, at: int, how: Mutation, others: Sequence[bytes]) -> bytes:
    other = others[how.octet % len(others)]
    return data[:at] + other[how.size % (len(other) + 1) :]


def _piece(data: bytes, at: int, how: Mutation) -> bytes:
    return data[at : at + 1 + how.size % 64]


TOKENS = (
    b"", b"\x00", b"\r\n", b"\n\n", b"\xff\xfe", b"\x1b[2J", b"=", b"====", b'"', b"\\", b",", b";", b": ", b"%00",
    b"%", b"-----BEGIN CERTIFICATE-----\n", b"\xc3\xa9", b"\xe2\x80\xae", b"A" * 5000, b"9" * 400, b"-1", b"\t",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 99999999999999999999\r\n", b"Content-Encoding: gzip\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n", b"\x05\x00", b"\x30\x00", b"\x02\x01\x00",
)  # fmt: skip

# Sorted.
# fmt: off
KINDS: dict[str, Callable[[bytes, int, Mutation, Sequence[bytes]], bytes]] = {
    "cut":     lambda data, at, how, others: data[:at],
    "drop":    lambda data, at, how, others: data[:at] + data[at + 1 + how.size % 64 :],
    "flip":    _flip,
    "length":  _lengthen,
    "nest":    _nest,
    "repeat":  lambda data, at, how, others: data[:at] + _piece(data, at, how) * (how.octet * 4) + data[at:],
    "set":     _set,
    "splice":  _splice,
    "swap":    lambda data, at, how, others: data[at:] + data[:at],
    "token":   _token,
}
# fmt: on


def mutated(data: bytes, mutations: Iterable[Mutation], others: Sequence[bytes]) -> bytes:
    for mutation in mutations:
        data = mutation(data, others)[:LONG]
    return data


# --- targets ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """A reader; `run` gives what it says of its input, to be looked at for length and control characters."""

    seeds: tuple[bytes, ...]
    run: Callable[[bytes], Iterable[str]]


class Wrong(AssertionError):
    """A reader did what it must not."""


def check(target: Target, data: bytes) -> None:
    """Try one input. Raises `Wrong`."""
    since = time.process_time()
    said = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it would stand on somebody's screen
            for line in target.run(data):
                said += len(line)
                if not all(letter.isprintable() or letter == "\n" for letter in line):
                    raise Wrong(f"control characters are said: {line[:200]!r}")
    except FortishError as error:
        said += len(str(error))
    except Wrong:
        raise
    except Exception as error:
        raise Wrong(f"{type(error).__name__}: {error}") from error
    if said > 10 * LONG:  # a trace shows each body whole, and a redirection brings six
        raise Wrong(f"{said} characters are said")
    if (spent := time.process_time() - since) > SLOW:
        raise Wrong(f"it took {spent:.1f} seconds")


@cache
def authority() -> Authority:
    return Authority.fresh(NOW)


KEY = ec.derive_private_key(7, ec.SECP256R1())
SUBJECT = names.subject_name([("CN", "web"), ("O", "Example"), ("DC", "local")])


@cache
def request_seeds() -> tuple[bytes, ...]:
    """Requests in DER."""
    san = names.alternative_names([("DNS", "a.example"), ("IP", "192.0.2.1")])
    plain = requests.new_request(KEY, SUBJECT, san)
    bound = requests.new_request(KEY, SUBJECT, None, "QUJD", linking="QUJD")
    long = requests.new_request(rsa.generate_private_key(65537, 2048), SUBJECT, san)
    return tuple(one.public_bytes(Encoding.DER) for one in (plain, bound, long))


@cache
def certificate_seeds() -> tuple[bytes, ...]:
    """PKCS #7 messages and a bare certificate."""
    issued = authority().issue(KEY.public_key(), SUBJECT, 5, NOW)
    rich = _rich()
    listed = [authority().certificate, issued, rich]
    return pkcs7.write_certs(listed), pkcs7.write_certs([rich]), rich.public_bytes(Encoding.DER)


def _rich() -> x509.Certificate:
    """A certificate with many extensions."""
    builder = x509.CertificateBuilder().subject_name(SUBJECT).issuer_name(SUBJECT).public_key(KEY.public_key())
    builder = builder.serial_number(1 << 150).not_valid_before(NOW).not_valid_after(NOW.replace(year=2034))
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(True, 1), True),
        (x509.KeyUsage(True, False, False, False, True, True, True, False, False), True),
        (x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH, x509.ObjectIdentifier("1.3.6.1.5.5.7.3.28")]), False),
        (x509.SubjectAlternativeName([x509.DNSName("a.example"), x509.RFC822Name("a@b.example")]), False),
        (x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()), False),
        (x509.NameConstraints([x509.DNSName("example")], None), True),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), False),
    ]
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(KEY, hashes.SHA256())


def attribute_seeds() -> tuple[bytes, ...]:
    """CSR attributes: bare OIDs, RFC 7030's own example, templates as RFC 9908 has them."""
    texts = (
        "MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw==",
        "MCYGBysGAQEBARYGCSqGSIb3DQEJAQYFK4EEACIGCWCGSAFlAwQCAg==",
    )
    extension = wire_template()
    return (*(base64.b64decode(one) for one in texts), extension, b"\x30\x00")


def wire_template() -> bytes:
    """A template with a name to fill in, a key's algorithm and two extensions."""
    from fortish.pki import der

    name = der.encode(der.SEQUENCE, der.write_oid("2.5.4.3"))
    given = der.encode(der.SEQUENCE, der.write_oid("2.5.4.10"), der.encode(der.UTF8, b"Example"))
    subject = der.encode(der.SEQUENCE, der.encode(der.SET, name), der.encode(der.SET, given))
    kind = der.encode(der.SEQUENCE, der.write_oid("1.2.840.10045.2.1"), der.write_oid("1.3.132.0.34"))
    usage = der.encode(der.SEQUENCE, der.write_oid("2.5.29.15"), der.encode(der.OCTET_STRING, b"\x03\x02\x07\x80"))
    empty = der.encode(der.SEQUENCE, der.write_oid("2.5.29.17"))
    held = der.encode(der.SET, der.encode(der.SEQUENCE, usage, empty))
    extensions = der.encode(der.SEQUENCE, der.write_oid("1.2.840.113549.1.9.16.2.62"), held)
    parts = der.encode(der.INTEGER, b"\0"), subject, der.encode(0xA0, kind), der.encode(0xA1, extensions)
    template = der.encode(der.SET, der.encode(der.SEQUENCE, *parts))
    attribute = der.encode(der.SEQUENCE, der.write_oid("1.2.840.113549.1.9.16.2.61"), template)
    return der.encode(der.SEQUENCE, attribute)


def _certificates(data: bytes) -> Iterator[str]:
    """All that is said of received certificates, and whether they chain."""
    found = pkcs7.read_certs(data)
    for certificate in found:
        yield from text.trace_block(certificate)
        yield from text.get_block(certificate)
        for row in text.detail_rows(certificate):
            yield " ".join(row)
        yield names.spaced(certificate.subject) + names.slashed(certificate.issuer) + names.tight(certificate.subject)
        yield f"{chains.is_ca(certificate)} {chains.self_signed(certificate)} {text.lacks_client_auth(certificate)}"
        yield f"{identity.names_host(certificate, 'a.example')} {identity.is_cmc_ra(certificate)}"
        with contextlib.suppress(FortishError):
            chains.path_to(certificate, found, [authority().certificate, *found[:3]], NOW)
        with contextlib.suppress(FortishError):
            requests.renewal_request(certificate, KEY)
    chains.issued_for(found, KEY)


def _context() -> EstContext:
    context = EstContext("web", "https://a.example", "a.example", 443)
    context.anchors = (pem(authority().certificate),)
    return context


def _attributes(data: bytes) -> Iterator[str]:
    found = csrattrs.read_csrattrs(data)
    for attribute in found:
        yield f"{attribute.oid} {csrattrs.short_name(attribute.oid)}"
    template_of(found)
    wanted, notes = wanted_of(_context(), found)
    for line, fields in notes:
        yield line.line(**fields)
    requests.new_request(KEY, wanted.subject, wanted.san, extensions=wanted.extensions)


def _body(data: bytes) -> Iterator[str]:
    yield wire.error_text(data)
    yield wire.body_text(data)
    wire.decode(data)


def _answer(data: bytes) -> httpx.Response:
    """A response that h11 would let pass: what stands before an empty line are headers."""
    import h11

    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    body = bytearray()
    head: h11.Response | None = None
    try:
        connection.receive_data(data)
        connection.receive_data(b"")
        while not isinstance(event := connection.next_event(), h11.EndOfMessage | h11.ConnectionClosed):
            if event is h11.NEED_DATA or event is h11.PAUSED:
                break
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
    except h11.ProtocolError:
        pass
    if head is None:
        return httpx.Response(200, content=data)
    plain = [(name, value) for name, value in head.headers.raw_items() if name.lower() != b"content-encoding"]
    extensions = {"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason}
    return httpx.Response(head.status_code, headers=plain, content=bytes(body), extensions=extensions)


def _headers(data: bytes) -> Iterator[str]:
    response = _answer(data)
    yield from wire.header_lines(response)
    yield str(wire.retry_after(response, 0.0))
    yield f"{wire.redirected('https://a.example/x', response.headers.get('location', ''))!r}"
    digest, offered = challenge(texts(response, b"www-authenticate"))
    yield wire.printable(offered)
    if digest is not None:
        digest.answer("GET", "/", 'us"er', "pass")
        digest.go_on(response)


def _challenges(data: bytes) -> Iterator[str]:
    digest, offered = challenge([data.decode("latin-1"), data.decode("utf-8", "surrogateescape")])
    yield wire.printable(offered)
    if digest is not None:
        yield "" if digest.answer("GET", "/", "user", "pass").startswith("Digest ") else "\0"


def _operation(data: bytes) -> Iterator[str]:
    """A whole enrollment from memory, each of whose answers is the same."""
    box = Box.new(VirtualClock(NOW.timestamp()))
    context = _context()
    connection = Connection(context, ("user", "pass"), box.clock.now)
    answer = _answer(data)

    def whole() -> Any:
        received = yield from operations.cacerts(connection)
        yield from take_authorities(box, context, received)
        found = yield from operations.csrattrs(connection)
        wanted_of(context, found)
        issued = yield from operations.simpleenroll(connection, lambda link: "")
        yield from choose(context, issued, KEY, received, NOW)

    for make in (whole, lambda: operations.csrattrs(connection)):
        with contextlib.suppress(FortishError):
            yield from _stepped(make(), answer)


def _stepped(flow: Any, answer: httpx.Response) -> Iterator[str]:
    link = Link(Peer("a.example", 443), (), "TLSv1.2", b"unique")
    given: Any = None
    with contextlib.suppress(StopIteration):
        while True:
            step = flow.send(given)
            given = None
            if isinstance(step, Exchange):
                given = link if "Dial" in type(step.request).__name__ else answer
            elif hasattr(step, "line"):
                yield step.line


def _requested(data: bytes) -> Iterator[str]:
    asked = Asked("POST", f"{ROOT}/simpleenroll", ((b"content-type", b"application/pkcs10"),), data)
    for proof in (True, False):
        wanted = bodies.requested(asked, proof=proof)
        yield names.tight(wanted.subject)


@cache
def responders() -> tuple[Responder, ...]:
    manual = 'approval = "manual"\nhttp-auth = ["basic", "digest"]\npop = "optional"\n'
    return tuple(Responder(authority(), Policy.from_toml(one)) for one in ("", f"{manual}{LABEL}"))


def _responded(data: bytes) -> Iterator[str]:
    """A request: its first line is the target, the second an Authorization, the rest the body."""
    target, authorization, *rest = [*data.split(b"\n", 2), b"", b""]
    kind = (b"content-type", b"application/pkcs10")
    visitor = Visitor("192.0.2.9", 8443, certificate_seeds()[2:], None, b"unique")
    for state in responders():
        for operation in ("simpleenroll", "simplereenroll", "csrattrs", None):
            path = target.decode("latin-1") if operation is None else f"{ROOT}/x/{operation}"
            method = "GET" if operation == "csrattrs" else "POST"
            asked = Asked(method, path, (kind, (b"authorization", authorization)), rest[0] if rest else b"")
            yield str(respond(state, asked, visitor, NOW).status)
            respond(state, asked, Visitor(), NOW).head()


def _hello(data: bytes) -> Iterator[str]:
    yield str(doorway.asks_for_srp(data))


def _crl(data: bytes) -> Iterator[str]:
    found = crl.read(data)
    for row in text.crl_rows(found):
        yield " ".join(row)
    crl.check(found, [authority().certificate], NOW)


def hello_seed() -> bytes:
    """A ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="a.example")
    with contextlib.suppress(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


def answer_seeds() -> tuple[bytes, ...]:
    """Whole HTTP answers."""
    head = "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {length}\r\n\r\n"
    made = []
    for status, kind, more, body in (
        ("200 OK", "application/pkcs7-mime; smime-type=certs-only", "", wire.encode(certificate_seeds()[0]).encode()),
        ("200 OK", "application/csrattrs", "", wire.encode(wire_template()).encode()),
        ("202 Accepted", "text/plain", "Retry-After: Thu, 06 Apr 2034 22:38:34 GMT\r\n", b"wait\n"),
        ("401 Unauthorized", "text/plain", f"WWW-Authenticate: {CHALLENGE}\r\n", b"who?\n"),
        ("307 Temporary Redirect", "text/plain", "Location: /.well-known/est/full/simpleenroll\r\n", b""),
        ("500 Oops", "text/html", "", b"<html>\x1b[2J\xff</html>"),
    ):
        made.append(head.format(status=status, kind=kind, more=more, length=len(body)).encode() + body)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nMCYGB\r\n0\r\nX: y\r\n\r\n"
    return (*made, chunked)


CHALLENGE = (
    'Digest realm="a\\"b", qop="auth,auth-int", algorithm=SHA-256, nonce="7ypf", opaque="x", stale=true, '
    'Basic realm="c", Digest realm="d", nonce="e"'
)


def request_lines() -> tuple[bytes, ...]:
    """What `_responded` takes."""
    body = wire.encode(request_seeds()[0]).encode()
    basic = b"Basic " + base64.b64encode(b"estuser:estpwd")
    digest = b'Digest username="estuser", realm="estrealm", nonce="aa:bb", uri="/.well-known/est/simpleenroll", ' + (
        b'response="00", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="c"'
    )
    path = f"{ROOT}/simpleenroll".encode()
    return (
        b"\n".join((path, basic, body)),
        b"\n".join((b"https://a" + path + b"?x=1", digest, body)),
        b"\n".join((b"/fortish/crl/a", basic, b"")),
        b"\n".join((f"{ROOT}/fault-slow/%73impleenroll".encode(), basic, request_seeds()[1])),
    )


@cache
def targets() -> dict[str, Target]:
    """Every target by its name, sorted."""
    today = authority().revocations([(5, NOW)], 1, NOW)
    ders = (*certificate_seeds(), *attribute_seeds())
    encoded = tuple(wire.encode(der).encode() for der in ders)
    pems = tuple(b"-----BEGIN X-----\n" + one + b"-----END X-----\n" for one in encoded[:1])
    armoured = tuple(wire.encode(der).encode() for der in request_seeds())
    # fmt: off
    return {
        "answers":      Target(answer_seeds(), _headers),
        "attributes":   Target(attribute_seeds(), _attributes),
        "bodies":       Target((*encoded, *pems, *ders), _body),
        "certificates": Target(certificate_seeds(), _certificates),
        "challenges":   Target((CHALLENGE.encode(), b'Basic realm="x"'), _challenges),
        "crls":         Target((today,), _crl),
        "hellos":       Target((hello_seed(),), _hello),
        "operations":   Target(answer_seeds(), _operation),
        "requests":     Target((*request_seeds(), *armoured), _requested),
        "responses":    Target(request_lines(), _responded),
    }
    # fmt: on


# --- HTTP over real TLS -----------------------------------------------------------------------------------------------


async def answered(answers: Iterable[bytes], timeout: float = 5.0) -> list[str]:
    """What our client makes of answers that a TLS server on loopback sends as they stand, then closing.

    Raises `Wrong` where it is neither a response nor a failure on purpose, or comes too late.
    """
    from fortish.network import http, tls
    from fortish.network.identity import Identity
    from fortish.steps import Http, Trust

    sent = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(sent)
            await writer.drain()
        writer.close()

    now = datetime.now(UTC).timestamp()
    state = Responder(Authority.fresh(datetime.now(UTC)))
    context = Identity(state, ("localhost",), lambda: now, False).context
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    peer = Peer("localhost", port, Trust((pem(state.authority.certificate),), public=False), timeout=timeout)
    made = []
    try:
        for sent in answers:
            made.append(await _one_answer(http, tls, Http, peer, port, now, sent))
    finally:
        server.close()
    return made


async def _one_answer(http: Any, tls: Any, ask: Any, peer: Peer, port: int, now: float, sent: bytes) -> str:
    link = await tls.dial(peer, ("127.0.0.1",), port, now)
    since = time.monotonic()
    try:
        response = await http.perform(ask(link, wire.request("GET", f"{peer.origin}/x"), 1 << 20))
        said = f"{response.status_code} {len(response.content)}"
    except FortishError as error:
        said = str(error)
    except Exception as error:
        raise Wrong(f"{type(error).__name__}: {error}: {sent!r}") from error
    finally:
        await link.handle.close(1.0)
    if time.monotonic() - since > 2 * peer.timeout + 5:
        raise Wrong(f"it took {time.monotonic() - since:.1f} seconds: {sent!r}")
    return said


# --- the command line -------------------------------------------------------------------------------------------------


def drawn(chance: random.Random) -> list[Mutation]:
    kinds = list(KINDS)
    many = chance.choice((1, 1, 2, 3, 6))
    return [
        Mutation(chance.choice(kinds), chance.randrange(1 << 16), chance.randrange(1 << 13), chance.randrange(256))
        for _ in range(many)
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", choices=[*targets(), "network"], default=None)
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    chance = random.Random(seed)
    print(f"seed {seed}", flush=True)
    counts: dict[str, int] = {}
    wrong: dict[str, list[str]] = {}
    ends = time.monotonic() + 60 * given.minutes
    chosen = [given.only] if given.only else [*targets(), "network"]
    while time.monotonic() < ends:
        for name in chosen:
            counts[name] = counts.get(name, 0) + _round(name, chance, wrong.setdefault(name, []))
    for name in chosen:
        print(f"{name:<14} {counts.get(name, 0):>9} inputs, {len(wrong[name])} kinds of failure")
        for text_ in wrong[name]:
            print(text_, file=sys.stderr)
    sys.exit(1 if any(wrong.values()) else 0)


def _round(name: str, chance: random.Random, wrong: list[str]) -> int:
    """A hundred inputs of one target; a failure is noted once for each place that it comes from."""
    if name == "network":
        seeds = answer_seeds()
        inputs = [mutated(chance.choice(seeds), drawn(chance), seeds) for _ in range(25)]
        try:
            asyncio.run(answered(inputs))
        except Exception:
            _note(wrong, traceback.format_exc())
        return len(inputs)
    target = targets()[name]
    for _ in range(100):
        seed, mutations = chance.choice(target.seeds), drawn(chance)
        data = mutated(seed, mutations, target.seeds)
        try:
            check(target, data)
        except Wrong:
            _note(wrong, f"{name}: {mutations}\n{data[:2000]!r}\n{traceback.format_exc()}")
    return 100


def _note(wrong: list[str], text_: str) -> None:
    places = [line for line in text_.splitlines() if line.startswith("  File")][-1:]
    if len(wrong) < 20 and not any(place in known for known in wrong for place in places):
        wrong.append(text_)


if __name__ == "__main__":
    main()
