"""Issuing: what a certificate says, by request, label and fault, and how it is packed for the answer."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from fortish.pki import der, pkcs7
from fortish.responder.authority import Authority
from fortish.responder.body import Requested, armoured
from fortish.responder.faults import Fault
from fortish.responder.hierarchy import Hierarchy, name_of
from fortish.responder.message import Refused
from fortish.responder.policy import Label, Wrap
from fortish.responder.state import Responder

_SOON = timedelta(days=7)
_WRONG_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody else")])
_END = b"\0\0"  # of an indefinite length


@dataclass(frozen=True, slots=True)
class Terms:
    """How a certificate is to be issued."""

    label: Label
    fault: Fault
    now: datetime


def issue(state: Responder, wanted: Requested, terms: Terms) -> x509.Certificate:
    """A certificate for what is wanted, as far as the label allows and the fault does not spoil it. Raises Refused."""
    label, fault, now = terms.label, terms.fault, terms.now
    names = wanted.changed or wanted
    full = label.keep_subject
    subject = names.subject if full else _only_common_name(names.subject)
    san = names.san if full else None
    if not subject.rdns and san is None:
        raise Refused(400, "the request has no common name" if not full else "the request names nobody")
    key = ec.generate_private_key(ec.SECP256R1()).public_key() if fault.wrong_key else wanted.public_key
    ca = state.hierarchy(label.ca, now)
    issuer = _stranger(state, ca, now) if fault.untrusted_issuer else ca.issuer
    days = label.days or state.policy.days
    since = now - timedelta(days=days + 1) if fault.expired else now + _SOON if fault.not_yet_valid else now
    subject = _WRONG_NAME if fault.wrong_subject else subject
    try:
        return issuer.issue(key, subject, state.take_serial(), since, san=san, days=days, ra=label.ra)
    except (ValueError, TypeError, OverflowError) as error:
        raise Refused(400, f"no certificate can be made of this request: {error}") from None


def packed(state: Responder, certificate: x509.Certificate, terms: Terms, wrap: Wrap) -> bytes:
    """The body with a certificate and nothing else (RFC 7030 section 4.2.3), unless the fault has it otherwise."""
    fault = terms.fault
    certificates = [certificate]
    if fault.extra:
        ca = state.hierarchy(terms.label.ca, terms.now)
        stranger = _stranger(state, ca, terms.now).certificate
        certificates = [ca.published[-1], stranger, certificate, *ca.published[:-1]]
    content = _formed(certificates, fault)
    if fault.form == "der":
        return content
    text = armoured(content, wrap if fault.wrap is None else fault.wrap)
    return b"-----BEGIN PKCS7-----\n%b\n-----END PKCS7-----\n" % text.strip() if fault.form == "pem" else text


def _formed(certificates: list[x509.Certificate], fault: Fault) -> bytes:
    if fault.form == "bare":
        return certificates[0].public_bytes(Encoding.DER)
    if fault.form == "none":
        return pkcs7.write_certs([])
    whole = pkcs7.write_certs(certificates)
    return _indefinite(whole) if fault.form == "ber" else whole


def _indefinite(content_info: bytes) -> bytes:
    """The same PKCS #7 with indefinite lengths, as streaming encoders write it."""
    kind, explicit = der.children(der.first(content_info))
    parts = list(der.children(next(der.children(explicit))))
    inside = b"".join(
        bytes((part.tag, 0x80)) + part.content + _END if part.tag == der.CONTEXT_0 else part.raw for part in parts
    )
    signed_data = b"\x30\x80" + inside + _END
    return b"\x30\x80" + kind.raw + b"\xa0\x80" + signed_data + _END + _END


def _only_common_name(subject: x509.Name) -> x509.Name:
    """The (last) common name alone, its string type kept."""
    return x509.Name(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[-1:])


def _stranger(state: Responder, ca: Hierarchy, now: datetime) -> Authority:
    if state.stranger is None or name_of(state.stranger) != name_of(ca.issuer):
        state.stranger = Authority.fresh(now, name_of(ca.issuer))
    return state.stranger


def base64_lines(content: bytes) -> bytes:
    """Base64 as a part of a multipart body has it: 64 columns, CRLF."""
    text = base64.b64encode(content)
    return b"\r\n".join(text[at : at + 64] for at in range(0, len(text), 64))
