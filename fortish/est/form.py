"""The form of an EST answer's body, judged: base64 of DER (RFC 8951 section 3), and a certs-only PKCS #7 in it."""

from __future__ import annotations

from cryptography import x509

from fortish.errors import PeerFault
from fortish.est import wire
from fortish.est.verdicts import Failed
from fortish.pki import der, pkcs7
from fortish.pki.certificates import load
from fortish.pki.faults import CertificateUnreadable, DerFault

USUAL = 64  # columns of base64
INDEFINITE = 0x80  # a length that BER has and DER has not


def encoding(content: bytes) -> str:
    """What is unusual about the base64 in a body; '' for nothing. Raises `Failed` where it is none."""
    if content[:1] == b"\x30" and not content[:64].isascii():
        raise Failed("the body is DER, not its base64")
    if b"-----BEGIN" in content:
        raise Failed("the body has PEM armour around its base64")
    try:
        wire.decode(content)
    except PeerFault as fault:
        raise Failed(fault.reason if "empty" in fault.reason else f"the body is not base64: {fault.reason}") from None
    lines = content.rstrip(b"\r\n").split(b"\n")
    notes = []
    if any(b"\t" in line or b" " in line for line in lines):
        notes.append("blanks or tabs stand in the base64, which clients must skip")
    longest = max(len(line.strip()) for line in lines)
    if len(lines) == 1 and not content.endswith(b"\n"):
        notes.append("the base64 is one line without an end")
    elif longest != USUAL and len(lines) > 1:
        notes.append(f"the base64 has lines of {longest} characters")
    return "; ".join(notes)


def transfer(given: str | None) -> str:
    """What is unusual about a Content-Transfer-Encoding, which clients must ignore; '' for nothing."""
    if given is None:
        return "there is no Content-Transfer-Encoding, nor need there be one"
    if given.strip().lower() != "base64":
        return f"Content-Transfer-Encoding says '{wire.printable(given, 60)}', which clients must ignore"
    return ""


def certs_only(content: bytes) -> list[x509.Certificate]:
    """The certificates of a body. Raises `Failed`, where they are not in a certs-only PKCS #7 in DER; PkiFault."""
    data = wire.decode(content)
    if len(data) > 1 and data[1] == INDEFINITE:
        raise Failed("the PKCS #7 is BER with indefinite lengths, not DER")
    try:
        load(data)
    except CertificateUnreadable:
        return pkcs7.read_certs(data)
    raise Failed("a bare certificate stands where a certs-only PKCS #7 should be")


def is_pkcs8(data: bytes) -> bool:
    """Whether a private key in DER is in the form of RFC 5958: behind the version an algorithm, not a number."""
    try:
        _, second, *_ = der.children(der.first(data))
    except (DerFault, ValueError):
        return False
    return second.tag == der.SEQUENCE
