"""Who may enrol (RFC 7030 section 3.3): holders of our certificates, users of TLS-SRP, of HTTP Basic and Digest."""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from fortish import httpauth
from fortish.pki.certificates import extension, load
from fortish.pki.chains import dates_fault
from fortish.pki.faults import CertificateUnreadable
from fortish.pki.identity import is_cmc_ra
from fortish.pki.names import tight
from fortish.responder.body import Requested
from fortish.responder.digest import digest_user
from fortish.responder.message import Asked, Refused, Visitor
from fortish.responder.state import Responder


@dataclass(frozen=True, slots=True)
class Holder:
    """Someone who may enrol: the name of the account, and the certificate if it was that which let them in."""

    account: str
    certificate: x509.Certificate | None = None


def holder(state: Responder, asked: Asked, visitor: Visitor, now: datetime, schemes: Sequence[str]) -> Holder:
    """Whoever stands behind a request. A certificate goes before SRP, and that before HTTP. Raises Refused (401).

    `schemes` are those of HTTP that count; the policy may ask for them beside what TLS has (RFC 7030 section 3.2.3).
    """
    certificate, fault = own_certificate(state, visitor, now)
    by_tls: Holder | None = None
    if certificate is not None:
        by_tls = Holder(tight(certificate.subject), certificate)
    elif visitor.srp_user is not None and visitor.srp_user in state.policy.srp_accounts:
        by_tls = Holder(visitor.srp_user)
    if by_tls is not None and not state.policy.http_too:
        return by_tls
    user = _http_user(state, asked, now, schemes, fault)
    return Holder(user) if by_tls is None else by_tls


def _http_user(state: Responder, asked: Asked, now: datetime, schemes: Sequence[str], fault: str) -> str:
    """The user of HTTP Basic or Digest; `fault` is what is wrong with TLS's. Raises Refused (401)."""
    given = asked.header(b"authorization")
    if given is None:
        besides = "beside TLS's own authentication" if state.policy.http_too else "or a client certificate of this CA"
        raise Refused(401, fault or f"user name and password, {besides}, are needed")
    accounts = state.policy.accounts
    if given.lstrip().partition(b" ")[0].lower() == b"digest" and "digest" in schemes:
        return digest_user(given, asked, accounts, state.nonces, now)
    if "basic" in schemes:
        return _basic_user(given, accounts)
    raise Refused(401, "HTTP Digest is needed")


def own_certificate(state: Responder, visitor: Visitor, now: datetime) -> tuple[x509.Certificate | None, str]:
    """The visitor's client certificate if a CA of ours has issued it and it is valid at `now`; else why not ('': none).

    TLS does not look at dates, so they are looked at here.
    """
    if not visitor.chain:
        return None, ""
    try:
        certificate = load(visitor.chain[0])
    except CertificateUnreadable as fault:
        return None, f"the client certificate is {fault.reason}"
    if not any(ca.has_issued(certificate) for ca in state.every_hierarchy(now).values()):
        return None, "the client certificate is not of this CA"
    if certificate.serial_number in state.revoked:
        return None, "the client certificate has been revoked"
    outdated = dates_fault([certificate], now)
    return (None, f"the client {outdated}") if outdated is not None else (certificate, "")


def check_renewal(held: x509.Certificate, wanted: Requested, *, ra: bool = False) -> None:
    """Subject and alternative names must be those of the certificate that is renewed (RFC 7030 section 4.2.2).

    They are compared as encoded; other names are asked for with a ChangeSubjectName. With `ra` a registration
    authority's certificate is to come of it: a renewal, which nobody approves, makes nobody one. Raises Refused (403).
    """
    if ra and not is_cmc_ra(held):
        raise Refused(403, "the certificate to be renewed is no registration authority's, as this path segment's are")
    if held.subject.public_bytes() != wanted.subject.public_bytes():
        raise Refused(403, "the subject is not that of the certificate to be renewed")
    names = extension(held, x509.SubjectAlternativeName)
    before, after = (item.public_bytes() if item is not None else b"" for item in (names, wanted.san))
    if before != after:
        raise Refused(403, "the subjectAltName is not that of the certificate to be renewed")


def _basic_user(given: bytes, accounts: Mapping[str, str]) -> str:
    """The user that an Authorization header proves to be (RFC 7617). Every account is compared, in constant time."""
    read = httpauth.credentials(given.decode("utf-8", "surrogateescape"))
    try:
        pair = binascii.a2b_base64(read.token, strict_mode=True) if read is not None and read.name == "basic" else b""
    except binascii.Error:
        pair = b""
    if b"\0" in pair or b":" not in pair:
        raise Refused(401, "HTTP Basic is needed: a user name and a password")
    matching = [user for user, password in accounts.items() if _same(pair, f"{user}:{password}")]
    if not matching:
        raise Refused(401, "the user name or the password is wrong")
    return matching[0]


def _same(pair: bytes, expected: str) -> bool:
    """Whether both are one user and password; in UTF-8, however its accents are put together (RFC 7617 section 2.1)."""
    shown = httpauth.prepared(pair.decode("utf-8", "surrogateescape"))
    return hmac.compare_digest(httpauth.octets(shown), httpauth.octets(httpauth.prepared(expected)))
