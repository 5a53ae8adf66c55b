"""EST servers of others: what they insist on and how they answer, over real TLS. docs/peers.md says who they are.

Each is written anew after its source. What it does not look at, it lets pass here, too.
"""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fortish.responder.authority import Authority
from tests.served import BASE64, BASIC, CERTS, CERTS_ONLY, ROOT, Asked, Style, chunked, http, same_names, wrapped


class Libest(Style):
    """cisco/libest 3 with HTTP Basic, which it wants beside a certificate, too; no connection is kept."""

    closes = True
    challenge = 'Basic realm="estrealm"'
    attributes = b""

    def __call__(self, asked: Asked) -> bytes:
        if asked.operation == "cacerts":
            return self.ok(CERTS, wrapped(self.cacerts, 64, b"\n"))
        if asked.operation == "csrattrs":
            status = ("Status", "204 No Content")
            return (
                self.ok("application/csrattrs", self.attributes)
                if self.attributes
                else http("204 No Content", b"", status)
            )
        if not asked.fields.get("content-type", "").startswith("application/pkcs10"):
            return self.error("400 Bad Request", "Invalid content type used.")
        given = asked.fields.get("authorization")
        if given is None:
            return http("401 Unauthorized", b"", ("WWW-Authenticate", self.challenge))
        if not self.knows(given):
            return self.error("401 Unauthorized", "The server was unable to authorize the request.")
        return self.enrolled(asked)

    def knows(self, given: str) -> bool:
        return given == BASIC

    def enrolled(self, asked: Asked) -> bytes:
        return self.ok(CERTS_ONLY, wrapped(self.certs(self.issue(asked.csr)), 64, b"\n"))

    def ok(self, kind: str, body: bytes) -> bytes:
        return http("200 OK", body, ("Status", "200 OK"), ("Content-Type", kind), BASE64)

    def error(self, status: str, text: str) -> bytes:
        fields = ("Status", status), ("Content-Type", "text/plain"), ("Connection", "close")
        return http(status, f"Error {status.replace(' ', ': ', 1)}\n{text}\n".encode(), *fields)


class LibestDigest(Libest):
    """Set to HTTP Digest: Basic is refused without a challenge, and of a proof 256 octets are read."""

    challenge = 'Digest qop="auth", realm="estrealm", nonce="1690000000"'

    def knows(self, given: str) -> bool:
        if not given.startswith("Digest "):
            return False
        read = given[7:][:256]
        found = {m[1]: m[2] or m[3] for m in re.finditer(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', read)}
        if not found.keys() >= {"uri", "nonce", "nc", "cnonce", "username", "response"}:
            return False

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        middle = ":".join((found["nonce"], found["nc"], found["cnonce"], "auth"))
        return found["response"] == md5(f"{md5('estuser:estrealm:estpwd')}:{middle}:{md5('POST:' + found['uri'])}")


class LibestPop(Libest):
    """With proof of possession linked to the TLS session, of which it knows no newer one than 1.2."""

    highest = ssl.TLSVersion.TLSv1_2
    attributes = b"MAsGCSqGSIb3DQEJBw=="

    def enrolled(self, asked: Asked) -> bytes:
        oid = x509.ObjectIdentifier("1.2.840.113549.1.9.7")
        if asked.csr.attributes.get_attribute_for_oid(oid).value != base64.b64encode(asked.unique):
            return self.error("401 Unauthorized", "Proof of Possession Mismatch.")
        return super().enrolled(asked)


class OldLibest(Libest):
    """Release 1: what is no success has no length, and 204 is cut off behind its status line."""

    def __call__(self, asked: Asked) -> bytes:
        return b"HTTP/1.1 204 No Content" if asked.operation == "csrattrs" else super().__call__(asked)

    def error(self, status: str, text: str) -> bytes:
        return http(status, f"{text}\n".encode(), ("Content-Type", "text/plain"), length=False)


class LibestKeygen(Libest):
    """Its serverkeygen: a line end before the first boundary, a key as RSA has it, no word of the encoding's lines."""

    def enrolled(self, asked: Asked) -> bytes:
        key = rsa.generate_private_key(65537, 2048)
        made = self.authority.issue(key.public_key(), asked.csr.subject, 7, datetime.now(UTC))
        encoded = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        head = b"\r\nContent-Type: %b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        edge = b"\r\n--est-server-boundary"
        body = edge.replace(b"\r", b"") + head % b"application/pkcs8" + wrapped(encoded, 64, b"\n")
        body += edge + head % CERTS_ONLY.encode() + wrapped(self.certs(made), 64, b"\n") + edge + b"--\r\n"
        kind = ("Content-Type", "multipart/mixed; boundary=est-server-boundary")
        return http("200 OK", body, ("Status", "200 OK"), kind)


class GlobalSign(Style):
    """globalsign/est (Go): chunks, 76 columns with CRLF, an empty list of attributes, Basic for renewals, too."""

    def __call__(self, asked: Asked) -> bytes:
        more = ("Server", "Go"), ("Strict-Transport-Security", "max-age=31536000")
        if asked.operation == "cacerts":
            return chunked("200 OK", wrapped(self.cacerts, 76, b"\r\n"), ("Content-Type", CERTS), BASE64, *more)
        if asked.operation == "csrattrs":
            return http("200 OK", b"MAA=\r\n", ("Content-Type", "application/csrattrs"), BASE64, *more)
        if asked.fields.get("authorization") != BASIC:
            challenge = ("WWW-Authenticate", 'Basic realm="estserver"')
            return http(
                "401 Unauthorized", b"401 unauthorized\n", ("Content-Type", "text/plain; charset=utf-8"), challenge
            )
        if asked.operation == "simplereenroll" and not same_names(asked):
            return http("403 Forbidden", b"403 Subject and SubjectAltName fields in CSR must be the same\n")
        body = wrapped(self.certs(self.issue(asked.csr)), 76, b"\r\n")
        return chunked("200 OK", body, ("Content-Type", CERTS_ONLY), BASE64, *more)


class OpenXpki(Style):
    """OpenXPKI: one line; the type of certificates whatever comes; a request that waits is known by its SHA-1."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(authority)
        self.waiting: set[str] = set()

    def __call__(self, asked: Asked) -> bytes:
        kind = ("Content-Type", CERTS_ONLY)
        if asked.operation == "cacerts":
            return http("200 OK", base64.b64encode(self.cacerts), kind, BASE64)
        if asked.operation == "csrattrs":
            return http("200 OK", b"MAA=", ("Content-Type", "application/csrattrs"), BASE64)
        known = hashlib.sha1(base64.b64decode(asked.body)).hexdigest()
        if asked.operation == "simpleenroll" and known not in self.waiting:
            self.waiting.add(known)
            return http(
                "202 Request Pending - Retry Later", b"Request Pending - Retry Later (x)\n", kind, ("Retry-After", "1")
            )
        return http("200 OK", base64.b64encode(self.certs(self.issue(asked.csr))), kind, BASE64)


class Dogtag(Style):
    """Dogtag, below Tomcat: chunks, 76 columns with CRLF, and no attributes, which is told in HTML."""

    def __call__(self, asked: Asked) -> bytes:
        if asked.operation == "cacerts":
            return chunked("200 ", wrapped(self.cacerts, 76, b"\r\n"), ("Content-Type", CERTS))
        if asked.operation == "csrattrs":
            return chunked("404 ", b"<!doctype html><html></html>", ("Content-Type", "text/html;charset=utf-8"))
        if not asked.shown and asked.fields.get("authorization") != BASIC:
            return http("401 ", b"", ("WWW-Authenticate", 'Basic realm="EST"'))
        if asked.operation == "simplereenroll" and not same_names(asked):
            return http("403 ")
        return chunked("200 ", wrapped(self.certs(self.issue(asked.csr)), 76, b"\r\n"), ("Content-Type", CERTS_ONLY))


class Foundries(Style):
    """foundriesio/estserver (Go): 201, one line, no parameter.

    For a renewal it wants one certificate and no chain, which is not asked here: OpenSSL sends a root that it knows.
    """

    def __call__(self, asked: Asked) -> bytes:
        if asked.operation == "cacerts":
            return http("200 OK", base64.b64encode(self.cacerts), ("Content-Type", CERTS))
        if asked.operation == "csrattrs":
            return http("404 Not Found", b'{"message":"Not Found"}\n', ("Content-Type", "application/json"))
        if asked.fields.get("content-type") != "application/pkcs10":
            return http("400 Bad Request", b"Invalid content-type")
        if asked.operation == "simplereenroll" and not same_names(asked):
            return http("401 Unauthorized", b"Client must provide certificate")
        return http("201 Created", base64.b64encode(self.certs(self.issue(asked.csr))), ("Content-Type", CERTS))


class Infisical(Style):
    """Infisical: a path segment; Basic but for cacerts; a 401 says more than its length, and stays open."""

    apart = False
    label = "6f1b2c1e"

    def __call__(self, asked: Asked) -> bytes:
        if not asked.path.startswith(f"{ROOT}{self.label}/"):
            return http("404 Not Found", b"{}", ("Content-Type", "application/json; charset=utf-8"))
        if asked.operation == "cacerts":
            return http("200 OK", base64.b64encode(self.cacerts), ("Content-Type", CERTS_ONLY), BASE64)
        if asked.operation == "csrattrs":
            return http("404 Not Found", b"{}", ("Content-Type", "application/json; charset=utf-8"))
        if asked.fields.get("authorization") != BASIC:
            return (
                http("401 Unauthorized", b"", ("WWW-Authenticate", 'Basic realm="infisical"'))
                + b"Authentication required"
            )
        issued = self.certs(self.issue(asked.csr), self.authority.certificate)
        return http("200 OK", base64.b64encode(issued), ("Content-Type", CERTS_ONLY), BASE64)


class Ejbca(Style):
    """EJBCA: an alias always; errors in HTML; its key's answer has a blank before the semicolon."""

    label = "alias"

    def __call__(self, asked: Asked) -> bytes:
        if not asked.path.startswith(f"{ROOT}{self.label}/"):
            return self.error("400 Bad Request", "EST alias does not exist")
        if asked.operation == "cacerts":
            return http("200 OK", base64.b64encode(self.cacerts), ("Content-Type", CERTS), BASE64)
        if asked.operation == "csrattrs":
            return http("204 No Content")
        if not asked.shown and asked.fields.get("authorization") != BASIC:
            return self.error("401 Unauthorized", "Invalid username or password")
        return self.enrolled(asked)

    def enrolled(self, asked: Asked) -> bytes:
        if asked.operation == "serverkeygen":
            return self.generated(asked)
        return http("200 OK", base64.b64encode(self.certs(self.issue(asked.csr))), ("Content-Type", CERTS_ONLY), BASE64)

    def generated(self, asked: Asked) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        made = self.authority.issue(key.public_key(), asked.csr.subject, 7, datetime.now(UTC))
        encoded = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        head = b"Content-Type: %b\r\nContent-Transfer-Encoding: base64\r\n\r\n%b\r\n"
        parts = head % (b"application/pkcs8", base64.b64encode(encoded))
        parts += b"--CONTENTBOUNDARY\r\n" + head % (CERTS_ONLY.encode(), base64.b64encode(self.certs(made)))
        body = b"--CONTENTBOUNDARY\r\n" + parts + b"--CONTENTBOUNDARY--\r\n"
        return http("200 OK", body, ("Content-Type", "multipart/mixed ; boundary=CONTENTBOUNDARY"))

    def error(self, status: str, text: str) -> bytes:
        page = f"<html><head><title>Error</title></head><body>{text}</body></html>"
        return http(status, page.encode(), ("Content-Type", "text/html;charset=UTF-8"))


class Flask(Style):
    """A server of Flask: HTTP/1.0, the chain behind the certificate, attributes for who is known, 204 with a type."""

    closes = True

    def __call__(self, asked: Asked) -> bytes:
        if asked.operation == "cacerts":
            return self.old("200 OK", base64.b64encode(self.cacerts), ("Content-Type", CERTS), BASE64)
        if not asked.shown and asked.fields.get("authorization") != BASIC:
            return self.old("401 UNAUTHORIZED", b"Authentication required", ("WWW-Authenticate", 'Basic realm="EST"'))
        if asked.operation == "csrattrs":
            return self.old("204 NO CONTENT", b"", ("Content-Type", "application/csrattrs"))
        if asked.operation == "simplereenroll" and not asked.shown:
            return self.old("401 UNAUTHORIZED", b"Client certificate required for re-enrollment")
        issued = self.certs(self.issue(asked.csr), self.authority.certificate)
        return self.old("200 OK", base64.b64encode(issued), ("Content-Type", CERTS), BASE64)

    def old(self, status: str, body: bytes, *fields: tuple[str, str]) -> bytes:
        return http(status, body, *fields, ("Server", "Werkzeug"), version="1.0")


class Der(Style):
    """A server that sends DER, which is what RFC 7030 seems to say where RFC 8951 says base64."""

    def __call__(self, asked: Asked) -> bytes:
        if asked.operation == "cacerts":
            return http("200 OK", self.cacerts, ("Content-Type", CERTS))
        if asked.operation == "csrattrs":
            return http("501 Not Implemented")
        return http("200 OK", self.certs(self.issue(asked.csr)), ("Content-Type", CERTS_ONLY))


class XiPki(Style):
    """XiPKI: nothing of the encoding is told; refusals are empty; attributes hold every key that the profile takes."""

    label = "alias"

    def __call__(self, asked: Asked) -> bytes:
        if not asked.path.startswith(f"{ROOT}{self.label}/"):
            return http("404 Not Found")
        if asked.operation == "cacerts":
            return http("200 OK", base64.b64encode(self.cacerts), ("Content-Type", CERTS))
        if asked.operation == "csrattrs":
            return http("200 OK", base64.b64encode(self.keys()), ("Content-Type", "application/csrattrs"))
        if asked.fields.get("authorization", BASIC) != BASIC or not (asked.shown or "authorization" in asked.fields):
            return http("401 Unauthorized")
        if asked.fields.get("content-type", "").lower() != "application/pkcs10":
            return http("415 Unsupported Media Type")
        if asked.operation == "serverkeygen":
            return self.generated(asked)
        return http("200 OK", base64.b64encode(self.certs(self.issue(asked.csr))), ("Content-Type", CERTS_ONLY))

    def keys(self) -> bytes:
        """Of a profile with two extensions, and RSA, P-256 and P-384 for keys."""
        extensions = bytes.fromhex("06092A864886F70D01090E 310A 0603551D0F 0603551D11")
        curves = ("06082A8648CE3D030107", "06052B81040022")
        keys = [bytes.fromhex("06072A8648CE3D0201") + tlv(0x31, bytes.fromhex(curve)) for curve in curves]
        rsa_key = bytes.fromhex("06092A864886F70D010101")
        return tlv(0x30, tlv(0x30, extensions) + rsa_key + b"".join(tlv(0x30, key) for key in keys))

    def generated(self, asked: Asked) -> bytes:
        """A word before the first boundary, a boundary that is no token, parts that tell their type alone."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self.authority.issue(key.public_key(), asked.csr.subject, 7, datetime.now(UTC))
        encoded = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        edge = b"--estBounary_a/b+cdEFgh12"
        body = b"XiPKI EST server\r\n"
        for kind, der in (("application/pkcs8", encoded), (CERTS_ONLY, self.certs(made))):
            lines = wrapped(der, 76, b"\r\n").removesuffix(b"\r\n")
            body += edge + f"\r\nContent-Type: {kind}\r\n\r\n".encode() + lines + b"\r\n"
        return http(
            "200 OK", body + edge + b"--\r\n", ("Content-Type", f"multipart/mixed; boundary={edge[2:].decode()}")
        )


def tlv(tag: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([tag, len(content)]) + content


STYLES = {
    "DER": Der,
    "Dogtag": Dogtag,
    "EJBCA": Ejbca,
    "Flask": Flask,
    "foundries.io": Foundries,
    "globalsign/est": GlobalSign,
    "Infisical": Infisical,
    "libest 1": OldLibest,
    "libest, Basic": Libest,
    "libest, Digest": LibestDigest,
    "libest, linking": LibestPop,
    "OpenXPKI": OpenXpki,
    "XiPKI": XiPki,
}
