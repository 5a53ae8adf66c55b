"""EST clients of others: how they ask, and how strictly they read what they get. docs/peers.md says who they are.

Each is written anew after what its client insists on; what a client lets pass is no business of it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import warnings
from dataclasses import dataclass, field, replace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from fortish.pki import names, requests

KEY = ec.generate_private_key(ec.SECP256R1())
DER = requests.new_request(KEY, names.subject_name([("CN", "peer")]), None).public_bytes(Encoding.DER)
BASIC = b"Authorization: Basic " + base64.b64encode(b"estuser:estpwd")
CERTS, CERTS_ONLY = b"application/pkcs7-mime", b"application/pkcs7-mime; smime-type=certs-only"
ROOT = "/.well-known/est/"


def wrapped(columns: int, end: bytes) -> bytes:
    one = base64.b64encode(DER)
    return b"".join(one[at : at + columns] + end for at in range(0, len(one), columns))


PEM = b"-----BEGIN CERTIFICATE REQUEST-----\n" + wrapped(64, b"\n") + b"-----END CERTIFICATE REQUEST-----\n"


@dataclass(frozen=True)
class Said:
    """A response as octets: its status line, its headers as they are spelled, what is behind them."""

    status: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes = field(repr=False)

    def __getitem__(self, name: bytes) -> bytes | None:
        """The first header that is spelled so."""
        return next((value for held, value in self.fields if held == name), None)

    @property
    def code(self) -> int:
        return int(self.status.split(b" ")[1])


def said(raw: bytes) -> Said:
    head, end, body = raw.partition(b"\r\n\r\n")
    assert end
    status, *lines = head.split(b"\r\n")
    return Said(status, [tuple(line.split(b": ", 1)) for line in lines], body)  # type: ignore[misc]


def strict(der: bytes) -> list[x509.Certificate]:
    """The certificates of PKCS #7 in DER, read by a reader that minds BER."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return pkcs7.load_der_pkcs7_certificates(der)


class Reader:
    """A client. What it is known to insist on, its subclasses say."""

    head: tuple[bytes, ...] = ()  # of every request; {host} is filled in
    post: tuple[bytes, ...] = (b"Content-Type: application/pkcs10", b"Content-Transfer-Encoding: base64")
    body = wrapped(64, b"\n")
    tail = b""  # what it sends behind the body
    digest = False  # whether it knows HTTP Digest
    keygen = False

    def request(self, method: str, path: str, *more: bytes) -> bytes:
        posting = method == "POST"
        lines = [f"{method} {path} HTTP/1.1".encode(), *self.head, *(self.post if posting else ()), *more]
        if posting:
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"", self.body if posting else b""]) + (self.tail if posting else b"")

    def decoded(self, answer: Said, kind: bytes) -> bytes:
        """The DER in an answer that is accepted."""
        assert answer.code == 200
        return base64.b64decode(answer.body[: int(answer[b"Content-Length"] or b"0")])

    def certificates(self, answer: Said, kind: bytes) -> list[x509.Certificate]:
        return strict(self.decoded(answer, kind))

    def waits(self, answer: Said) -> int:
        """How long it waits, in seconds."""
        assert answer.code == 202
        return int(answer[b"Retry-After"] or b"")

    def authorization(self, answer: Said, path: str) -> bytes:
        """What it answers a challenge with."""
        assert answer.code == 401
        challenge = answer[b"WWW-Authenticate"] or b""
        if challenge.startswith(b"Basic"):
            return BASIC
        assert challenge.startswith(b"Digest ")
        return self.digested(challenge[7:], path)

    def digested(self, challenge: bytes, path: str) -> bytes:
        raise NotImplementedError


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


class Libest(Reader):
    """Sixteen headers, names and values in this very case, a length, lines of base64, CA certificates that verify."""

    head = (b"User-Agent: libest 3.2.0", b"Connection: close", b"Host: localhost:8443", b"Accept: */*")
    tail = b"\r\n"
    digest = keygen = True
    statuses = (200, 202, 204, 400, 401, 404, 423)

    def decoded(self, answer: Said, kind: bytes) -> bytes:
        assert answer.status == b"HTTP/1.1 200 OK" and len(answer.fields) <= 16
        given = answer[b"Content-Type"] or b""
        assert given.startswith(kind)
        length = int(answer[b"Content-Length"] or b"0")
        assert 0 < length <= 4096 or kind == CERTS
        return self.openssl(answer.body[:length])

    def openssl(self, text: bytes) -> bytes:
        """As OpenSSL's filter reads it: whole lines, none longer than 76 characters."""
        lines = text.replace(b"\r\n", b"\n").split(b"\n")
        assert lines.pop() == b"" and all(0 < len(line) <= 76 for line in lines)
        return base64.b64decode(b"".join(lines), validate=True)

    def certificates(self, answer: Said, kind: bytes) -> list[x509.Certificate]:
        found = super().certificates(answer, kind)
        if kind == CERTS:
            roots = [one for one in found if one.issuer == one.subject]
            assert roots and all(any(verifies(one, root, found) for root in roots) for one in found)
        return found

    def waits(self, answer: Said) -> int:
        value = answer[b"Retry-After"] or b""
        assert re.fullmatch(rb"\d{1,10}", value) and answer.status == b"HTTP/1.1 202 Accepted"
        return int(value)

    def digested(self, challenge: bytes, path: str) -> bytes:
        """MD5 or nothing; the path segment is not in the uri."""
        words = [quoted or plain for quoted, plain in re.findall(rb'"([^"]*)"|([^\s,;="]+)', challenge)]
        found = dict(zip(words[::2], words[1::2], strict=False))
        assert found.get(b"algorithm", b"md5").lower() == b"md5"
        assert len(found[b"nonce"]) < 64 and len(found[b"realm"]) < 255
        realm, nonce, uri = found[b"realm"].decode(), found[b"nonce"].decode(), ROOT + path.rpartition("/")[2]
        middle = f"{nonce}:00000001:0123456789abcdef:auth"
        response = md5(f"{md5(f'estuser:{realm}:estpwd')}:{middle}:{md5(f'POST:{uri}')}")
        return (
            f'Authorization: Digest username="estuser", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'cnonce="0123456789abcdef", nc=00000001, qop="auth", response="{response}"'
        ).encode()

    def generated(self, answer: Said) -> tuple[bytes, list[x509.Certificate]]:
        """Two parts and no word around them, two headers each, the boundary as it stands behind the equals sign."""
        kind, _, boundary = (answer[b"Content-Type"] or b"").partition(b"boundary=")
        assert kind.startswith(b"multipart/mixed") and 0 < len(boundary) < 66
        edge = b"--" + re.escape(boundary)
        part = edge + rb"\r\nContent-Type: (%b)\r\nContent-Transfer-Encoding: base64\r\n\r\n([\w+/=\r\n]+?)\r\n"
        parts = (part % b"application/pkcs8") + (part % re.escape(CERTS_ONLY)) + edge + rb"--\r\n"
        found = re.fullmatch(parts, answer.body)
        assert found is not None and max(len(found[2]), len(found[4])) <= 8192
        return self.openssl(found[2] + b"\n"), strict(self.openssl(found[4] + b"\n"))


class OldLibest(Libest):
    """Release 1 names itself otherwise."""

    head = (b"User-Agent: libest client 1.0", *Libest.head[1:])
    keygen = False


class StrongSwan(Reader):
    """One line of base64, HTTP/1.1, and the head in what is read first: 1024 octets."""

    head = (b"Host: localhost:8443",)
    post = (b"Content-Type: application/pkcs10",)
    body = base64.b64encode(DER)

    def decoded(self, answer: Said, kind: bytes) -> bytes:
        assert answer.status.startswith(b"HTTP/1.1 200")
        assert sum(len(name) + len(value) + 4 for name, value in answer.fields) < 900
        assert len(answer.body) == int(answer[b"Content-Length"] or b"0") > 0
        return base64.b64decode(answer.body, validate=True)


class GlobalSign(Reader):
    """One certificate; it posts in chunks."""

    head = (b"Host: localhost:8443", b"User-Agent: globalsign/est", b"Accept: application/pkcs7-mime")
    post = (*Reader.post, b"Transfer-Encoding: chunked", b"Accept-Encoding: gzip")
    body = wrapped(76, b"\r\n")
    keygen = True

    def request(self, method: str, path: str, *more: bytes) -> bytes:
        if method == "GET":
            return super().request(method, path, *more)
        lines = [f"POST {path} HTTP/1.1".encode(), *self.head, *self.post, *more, b"", b""]
        return b"\r\n".join(lines) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(self.body), self.body)

    def decoded(self, answer: Said, kind: bytes) -> bytes:
        assert (answer[b"Content-Type"] or b"").partition(b";")[0].startswith(kind.partition(b";")[0])
        return base64.b64decode(re.sub(rb"[\r\n]", b"", answer.body), validate=True)

    def generated(self, answer: Said) -> tuple[bytes, list[x509.Certificate]]:
        boundary = re.search(rb'boundary="?([^";]+)', answer[b"Content-Type"] or b"")
        assert boundary is not None
        first, second = (part.partition(b"\r\n\r\n") for part in answer.body.split(b"--" + boundary[1])[1:3])
        assert b"application/pkcs8" in first[0] and b"smime-type=certs-only" in second[0]
        return base64.b64decode(first[2]), strict(base64.b64decode(second[2]))


class BouncyCastle(Reader):
    """A length wherever a body may be, no body where none is expected, every value of a challenge in quotes."""

    head = (b"Connection: close", b"Host: localhost")
    digest = True

    def decoded(self, answer: Said, kind: bytes) -> bytes:
        assert CERTS in (answer[b"Content-Type"] or b"") or kind == b"application/csrattrs"
        assert (answer[b"Content-Transfer-Encoding"] or b"").lower() == b"base64" and answer[b"Content-Length"]
        return super().decoded(answer, kind)

    def waits(self, answer: Said) -> int:
        assert int(answer[b"Content-Length"] or b"0") <= 1
        return super().waits(answer)

    def authorization(self, answer: Said, path: str) -> bytes:
        assert int(answer[b"Content-Length"] or b"-1") in (0, 1)
        return super().authorization(answer, path)

    def digested(self, challenge: bytes, path: str) -> bytes:
        assert re.fullmatch(rb'(\s*[A-Za-z]+\s*=\s*"[^"]*"\s*(,|$))+', challenge)
        found = dict(re.findall(r'([A-Za-z]+)="([^"]*)"', challenge.decode()))
        assert found.keys() <= {"realm", "nonce", "opaque", "algorithm", "qop"} and found["qop"] == "auth"
        middle = f"{found['nonce']}:00000001:abc:auth"
        response = md5(":".join((md5(f"estuser:{found['realm']}:estpwd"), middle, md5(f"POST:{path}"))))
        values = {"username": "estuser", **found, "uri": path, "response": response, "cnonce": "abc"}
        values |= {"nc": "00000001", "algorithm": "MD5", "opaque": "made up"}
        return b"Authorization: Digest " + ",".join(f'{name}="{value}"' for name, value in values.items()).encode()


class Lgtti(Reader):
    """These types to the letter, and one certificate."""

    head = (b"User-Agent: rfc7030-est-client", b"Host: localhost", b"Accept: */*", b"Connection: close")

    def decoded(self, answer: Said, kind: bytes) -> bytes:
        assert answer[b"Content-Type"] == kind
        return super().decoded(answer, kind)


class Azure(Reader):
    """IoT Edge: the type may have parameters, but for it the status is 200."""

    head = (b"host: localhost:8443",)
    post = (b"content-type: application/pkcs10", b"content-transfer-encoding: base64")
    body = PEM

    def decoded(self, answer: Said, kind: bytes) -> bytes:
        given = answer[b"Content-Type"] or b""
        assert given == kind.partition(b";")[0] or given.startswith(kind.partition(b";")[0] + b";")
        return super().decoded(answer, kind)


class Cyclone(Reader):
    """CycloneEST: a bare type before a semicolon, one certificate, the last challenge, no algorithm in its proof."""

    head = (b"Host: localhost:8443", b"User-Agent: Mozilla/5.0", b"Accept: */*")
    body = wrapped(64, b"\r\n")
    digest = True

    def decoded(self, answer: Said, kind: bytes) -> bytes:
        assert re.split(rb"[; \t]", answer[b"Content-Type"] or b"")[0] == kind.partition(b";")[0]
        assert sum(len(name) + len(value) + 2 for name, value in answer.fields) < 2048
        return super().decoded(answer, kind)

    def authorization(self, answer: Said, path: str) -> bytes:
        last = [value for name, value in answer.fields if name.lower() == b"www-authenticate"][-1]
        return super().authorization(replace(answer, fields=[(b"WWW-Authenticate", last)]), path)

    def digested(self, challenge: bytes, path: str) -> bytes:
        found = dict(re.findall(r'(\w+)=(?:")?([^",]*)', challenge.decode()))
        assert found.get("algorithm", "MD5") == "MD5" and found["qop"] == "auth"
        assert 0 < len(found["realm"]) <= 32 and 0 < len(found["nonce"]) <= 64 >= len(found.get("opaque", ""))
        middle = f"{found['nonce']}:00000007:{'0a' * 16}:auth"  # it counts on whatever the nonce
        response = md5(":".join((md5(f"estuser:{found['realm']}:estpwd"), middle, md5(f"POST:{path}"))))
        return (
            f'Authorization: Digest username="estuser", realm="{found["realm"]}", uri="{path}", '
            f'nonce="{found["nonce"]}", qop=auth, nc=00000007, cnonce="{"0a" * 16}", response="{response}"'
        ).encode()


class DigiCert(Reader):
    """TrustCore: a type that it knows, a boundary as it stands at the end of its header, parts that end with a line."""

    head = (b"User-Agent: Mozilla/5.0", b"Host: localhost", b"Accept: */*")
    post = (b"Content-Transfer-Encoding: base64", b"Content-Type: application/pkcs10")
    body = wrapped(64, b"\r\n")
    keygen = True

    def decoded(self, answer: Said, kind: bytes) -> bytes:
        given = (answer[b"Content-Type"] or b"").lower()
        assert re.match(re.escape(kind.partition(b";")[0]) + rb"(?:[\s;]|$)", given)
        assert b"smime-type=" not in given or re.search(rb"smime-type=certs-only(?:[\s;]|$)", given)
        return super().decoded(answer, kind)

    def generated(self, answer: Said) -> tuple[bytes, list[x509.Certificate]]:
        boundary = (answer[b"Content-Type"] or b"").lower().find(b"boundary=") + len(b"boundary=")
        edge = b"--" + (answer[b"Content-Type"] or b"")[boundary:]
        lines = answer.body.replace(b"\r\n", b"\n").split(b"\n")
        assert lines[-2:] == [edge + b"--", b""]  # its last line: a word behind it would be searched for a boundary
        first, second = (at for at, line in enumerate(lines) if line == edge)
        key, certificates = lines[first + 1 : second], lines[second + 1 : -2]
        for part, kind in ((key, b"application/pkcs8"), (certificates, CERTS)):
            fields = part[: part.index(b"")]
            assert b"Content-Type: " + kind in fields[0].partition(b";")[0]
            assert fields[1:] == [b"Content-Transfer-Encoding: base64"]
        body = [b"".join(part[part.index(b"") :]) for part in (key, certificates)]
        return base64.b64decode(body[0], validate=True), strict(base64.b64decode(body[1], validate=True))


class EstClientPython(Reader):
    """A Content-Transfer-Encoding of base64, in lower case, or the body is taken as it is."""

    head = (b"Host: localhost", b"User-Agent: python-requests/2", b"Accept: */*", b"Connection: keep-alive")
    post = (b"Content-Type: application/pkcs10",)
    body = PEM

    def decoded(self, answer: Said, kind: bytes) -> bytes:
        assert answer[b"Content-Transfer-Encoding"] == b"base64" and not answer.body.startswith(b"-----BEGIN")
        return super().decoded(answer, kind)


class Thales(Reader):
    """Thales' estclient: one certificate; two roots at most, and each of the others in its place."""

    head = (b"Host: localhost:8443", b"User-Agent: Go-http-client/1.1", b"Accept: application/pkcs7-mime")
    post = (b"Content-Type: application/pkcs10", b"Accept-Encoding: gzip")

    def certificates(self, answer: Said, kind: bytes) -> list[x509.Certificate]:
        found = super().certificates(answer, kind)
        roots = [one for one in found if one.issuer == one.subject and signed(one, one)]
        if kind == CERTS and len(roots) == 2:
            new, old = sorted(roots, key=lambda one: one.not_valid_after_utc, reverse=True)
            for keeps, signs in ((new, old), (old, new)):
                crossed = [one for one in found if one not in roots and one.public_key() == keeps.public_key()]
                assert len(crossed) == 1 and issued(crossed[0], signs)
        else:
            assert len(roots) == (1 if kind == CERTS else 0)
        return found


class Hotspot(Reader):
    """The OSU client of hostap: curl, which is told never to use HTTP Basic."""

    head = (b"Host: localhost:8443", b"Accept: */*")


PEERS: dict[str, Reader] = {
    "Azure IoT Edge": Azure(),
    "Bouncy Castle": BouncyCastle(),
    "CycloneEST": Cyclone(),
    "DigiCert TrustCore": DigiCert(),
    "est-client-python": EstClientPython(),
    "globalsign/est": GlobalSign(),
    "hostap OSU": Hotspot(),
    "lgtti": Lgtti(),
    "libest": Libest(),
    "libest 1": OldLibest(),
    "strongSwan 5.9": StrongSwan(),
    "Thales estclient": Thales(),
}


def verifies(one: x509.Certificate, root: x509.Certificate, pool: list[x509.Certificate], depth: int = 7) -> bool:
    """Whether a path leads from a certificate to a root, by name and signature."""
    if one == root:
        return True
    above = [held for held in pool if held.subject == one.issuer and held != one and signed(one, held)]
    return depth > 0 and any(verifies(held, root, pool, depth - 1) for held in above)


def issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    return one.issuer == by.subject and signed(one, by)


def signed(one: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except Exception:  # whatever it is, it is no signature
        return False
    return True
