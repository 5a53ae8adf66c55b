"""`respond` for SCEP (RFC 8894): the same CAs and policy as for EST, behind a registration authority with an RSA key.

The CA's own key is on a curve, with which SCEP can do nothing: so GetCACert brings a registration authority, too.
Envelopes are opened and made by the cryptography library, not by what the box uses.
"""

from __future__ import annotations

import binascii
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization import pkcs7 as smime

from fortish.errors import FortishError
from fortish.pki import cms, der, pkcs7
from fortish.pki.faults import CmsFault, DerFault
from fortish.pki.names import tight
from fortish.responder.access import check_renewal, own_certificate
from fortish.responder.approval import approved
from fortish.responder.authority import Authority
from fortish.responder.body import LIMIT, Requested, requested
from fortish.responder.faults import FAULTS, NO_FAULT, SEGMENT
from fortish.responder.issuing import Terms, issue
from fortish.responder.message import NOT_KEPT, Answer, Asked, Refused, Visitor, answer, refusal
from fortish.responder.registration import authority_of
from fortish.responder.scepfaults import SCEP_FAULTS
from fortish.responder.state import RegistrationAuthority, Responder, ScepWaiting, Undecided, Visit

if TYPE_CHECKING:
    from fortish.responder.policy import Label

PATH: Final = "/scep"
_RA_CERTS: Final = "application/x-x509-ca-ra-cert"
_MESSAGE: Final = "application/x-pki-message"
_TYPE, _STATUS, _FAIL, _SENDER, _RECIPIENT, _TRANSACTION = (
    f"2.16.840.1.113733.1.9.{number}" for number in (2, 3, 4, 5, 6, 7)
)
_FAIL_TEXT: Final = "1.3.6.1.5.5.7.24.1"
_SUCCESS, _FAILURE, _PENDING = "0", "2", "3"
_BAD_ALG, _BAD_CHECK, _BAD_REQUEST, _BAD_CERT_ID = "0", "1", "2", "4"
_MOST_WAITING: Final = 1000
_LONGEST_ID: Final = 128  # characters of a transaction's
_LONGEST_NONCE: Final = 64  # octets
_ISSUED_WRONG: Final = ("untrusted-issuer", "wrong-key")  # what goes wrong with the certificate itself
_OLD: Final = ("DES", cms.FORBIDDEN["DES"]), ("DES3", cms.CIPHERS["DES3"])
# Base64 as clients put it into a URL: a plus sign that was not escaped comes as a blank, some use the alphabet of URLs
# (RFC 4648 section 5), some break lines.
_SLOPPY: Final = str.maketrans(" -_", "++/", "\r\n")
_OTHERS_NONCE: Final = bytes(16)


class _Failed(FortishError):
    """The answer is a failure: its failInfo, and why in a sentence."""

    def __init__(self, info: str, text: str) -> None:
        super().__init__(text)
        self.info, self.text = info, text


class _Undecided(FortishError):
    """The answer is that nothing is decided yet."""


@dataclass(slots=True)
class _Call:
    """One request on its way; the last three fields are filled in as they become known."""

    state: Responder
    asked: Asked
    now: datetime
    segment: str = ""
    operation: str = ""
    subject: str = ""

    @property
    def fault(self) -> str:
        """What is to go wrong ('' for nothing): by the path, or else by the policy."""
        return self.segment.removeprefix(SEGMENT) if self.segment.startswith(SEGMENT) else self.state.policy.scep_fault

    @property
    def label(self) -> Label:
        """What the path segment stands for, nothing left open."""
        return self.state.policy.label(self.segment)


@dataclass(frozen=True, slots=True)
class _Message:
    """A pkiMessage whose signature is right."""

    kind: str
    transaction: str
    nonce: bytes
    signer: x509.Certificate
    envelope: bytes


def respond(state: Responder, asked: Asked, visitor: Visitor, now: datetime) -> Answer:
    """The answer to one request at the time `now` (aware); it is noted in `state.history`. Never raises."""
    call = _Call(state, asked, now)
    try:
        given = _answered(call)
    except Refused as refused:
        given = refusal(refused.status, refused.text, *refused.headers)
    seen = Visit(now, visitor.address, call.operation, call.segment, "", given.status, call.subject)
    return given if state.visited(seen) or call.operation != "PKIOperation" else refusal(503, NOT_KEPT)


def _answered(call: _Call) -> Answer:
    path, _, query = call.asked.target.partition("?")
    if "://" in path:  # absolute form, RFC 9112 section 3.2.2
        path = "/" + path.partition("://")[2].partition("/")[2]
    segment = unquote(path.removeprefix(PATH).strip("/"))
    fault = segment.removeprefix(SEGMENT) if segment.startswith(SEGMENT) else ""
    known = fault in SCEP_FAULTS if fault else not segment or segment in call.state.policy.labels
    if not known or not (path == PATH or path.startswith(f"{PATH}/")):
        raise Refused(404, f"there is nothing here: SCEP is at {PATH}")
    given = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=10) if query.count("&") < 10 else ())
    operation = given.get("operation", "")
    if operation not in OPERATIONS:
        raise Refused(400, f"the operation must be one of {', '.join(OPERATIONS)}")
    call.segment, call.operation = segment, operation
    if call.fault == "status-500":
        raise Refused(500, "500 on purpose")
    if call.asked.method != "GET" and (operation, call.asked.method) != ("PKIOperation", "POST"):
        raise Refused(405, f"{operation} takes GET", ("Allow", "GET"))
    return OPERATIONS[operation](call, given.get("message", ""))


# --- operations -----------------------------------------------------------------------------------------------------


def _capabilities(call: _Call, message: str) -> Answer:
    """RFC 8894 section 3.5.2."""
    body = "".join(f"{name}\n" for name in call.state.policy.scep_capabilities)
    return answer(200, body.encode(), ("Content-Type", "text/plain"))


def _certificates(call: _Call, message: str) -> Answer:
    """RFC 8894 section 4.2.1.2: the CA's certificates, and its registration authority's."""
    name = message if message in call.state.policy.cas else call.label.ca
    published = call.state.hierarchy(name, call.now).published
    ours = authority_of(call.state, name, call.now).certificate
    sent = [] if call.fault == "no-certificates" else [*published, ours]
    return answer(200, pkcs7.write_certs(sent), ("Content-Type", _RA_CERTS))


def _pki(call: _Call, message: str) -> Answer:
    """RFC 8894 section 4.3: one message, with its answer."""
    received = _read(_octets(call.asked, message))
    name, status, info, content = "", _SUCCESS, None, None
    try:
        name, payload = _opened(call, received)
        content = _enveloped(call, received, _decided(call, received, name, payload))
    except _Undecided:
        status = _PENDING
    except _Failed as failed:
        status, info = _FAILURE, failed
    if call.fault == "garbage":
        return answer(200, b"this is not a message", ("Content-Type", _MESSAGE))
    return answer(200, _replied(call, received, name, status, info, content), ("Content-Type", _MESSAGE))


# Sorted by name.
OPERATIONS: Mapping[str, Callable[[_Call, str], Answer]] = MappingProxyType(
    {"GetCACaps": _capabilities, "GetCACert": _certificates, "PKIOperation": _pki}
)


def _octets(asked: Asked, message: str) -> bytes:
    if asked.method == "POST":
        if len(asked.body) > LIMIT:
            raise Refused(413, f"the request is longer than {LIMIT} octets")
        return asked.body
    try:
        return binascii.a2b_base64(message.translate(_SLOPPY).encode("ascii"), strict_mode=True)
    except ValueError:  # binascii.Error and UnicodeEncodeError are ValueErrors
        raise Refused(400, "the message is not base64") from None


def _read(data: bytes) -> _Message:
    try:
        signed = cms.read_signed(data)
    except CmsFault as fault:
        raise Refused(400, fault.reason) from None
    found = {oid: element.content for oid, element in signed.attributes.items()}
    transaction, nonce = found.get(_TRANSACTION, b""), found.get(_SENDER, b"")
    if not transaction.isascii() or not 0 < len(transaction) <= _LONGEST_ID or not 0 < len(nonce) <= _LONGEST_NONCE:
        raise Refused(400, "the message has no usable transactionID or senderNonce")
    kind = found.get(_TYPE, b"").decode("ascii", "replace")
    return _Message(kind, transaction.decode("ascii"), nonce, signed.signer, signed.content)


def _opened(call: _Call, received: _Message) -> tuple[str, bytes]:
    """What was encrypted to one of the registration authorities, and for which CA that one acts."""
    for name, ours in call.state.scep_authorities.items():
        try:
            return name, smime.pkcs7_decrypt_der(received.envelope, ours.certificate, ours.key, [])
        except (ValueError, TypeError, UnsupportedAlgorithm):
            if (payload := _opened_old(call, received, ours)) is not None:
                return name, payload
    raise _Failed(_BAD_CHECK, "the message is not encrypted to this server, or in an unknown way")


def _opened_old(call: _Call, received: _Message, ours: RegistrationAuthority) -> bytes | None:
    """What an old cipher hides, if the policy names it among what the server can do. None: it is not for us."""
    named = call.state.policy.scep_capabilities
    ciphers = [cipher for name, cipher in _OLD if name in named]
    try:
        return cms.open_envelope(received.envelope, ours.certificate, ours.key, ciphers)
    except CmsFault as fault:
        if fault.reason == cms.UNKNOWN_CIPHER:
            raise _Failed(_BAD_ALG, fault.reason) from None
        return None


def _decided(call: _Call, received: _Message, name: str, payload: bytes) -> x509.Certificate:
    """The certificate that is asked for. Raises _Failed, _Undecided."""
    if received.kind == "20":
        waiting = _waiting(call, received, payload)
        return _issued(call, received, waiting)
    if received.kind not in ("17", "19"):
        raise _Failed(_BAD_REQUEST, "messages of that type are not answered here")
    try:
        wanted = requested(Asked("POST", "", ((b"content-type", b"application/pkcs10"),), payload))
        if received.kind == "17":
            _renewed(call, received, wanted)
        elif not _may(call, wanted):
            raise _Failed(_BAD_REQUEST, "the challenge password is wrong")
    except Refused as refused:
        raise _Failed(_BAD_REQUEST, refused.text) from None
    return _issued(call, received, ScepWaiting(wanted, call.segment, name, received.signer.public_key(), payload))


def _may(call: _Call, wanted: Requested) -> bool:
    password = call.state.policy.scep_challenge.encode()
    return not password or hmac.compare_digest(wanted.challenge or b"", password)


def _renewed(call: _Call, received: _Message, wanted: Requested) -> None:
    """A renewal is signed by a certificate of ours that still counts, and names the same subject."""
    shown = Visitor(chain=(received.signer.public_bytes(Encoding.DER),))
    held, wrong = own_certificate(call.state, shown, call.now)
    if held is None:
        raise _Failed(_BAD_CHECK, wrong.replace("client certificate", "certificate that signs"))
    check_renewal(held, wanted)


def _waiting(call: _Call, received: _Message, payload: bytes) -> ScepWaiting:
    """The request that a poll asks about: of the same transaction, the same signer and the same subject."""
    waiting = call.state.scep_waiting.get(received.transaction)
    try:
        _, subject = islice(der.children(der.first(payload)), 2)
    except (DerFault, ValueError):
        raise _Failed(_BAD_REQUEST, "the question names no issuer and subject") from None
    same = waiting is not None and subject.raw == waiting.wanted.subject.public_bytes()
    if waiting is None or not same or waiting.signer != received.signer.public_key():
        raise _Failed(_BAD_CERT_ID, "no such request waits here")
    return waiting


def _issued(call: _Call, received: _Message, asked: ScepWaiting) -> x509.Certificate:
    label = replace(call.state.policy.label(asked.segment), ca=asked.ca)
    try:
        if call.fault == "pending":
            raise Refused(202, "pending on purpose")
        if label.approval == "manual":
            approved(call.state, asked.wanted, asked.segment, "", call.now)
        spoilt = FAULTS[call.fault] if call.fault in _ISSUED_WRONG else NO_FAULT
        certificate = issue(call.state, asked.wanted, Terms(label, spoilt, call.now))
    except Refused as refused:
        if refused.status != 202:
            raise _Failed(_BAD_REQUEST, refused.text) from None
        _remember(call.state, received.transaction, asked)
        raise _Undecided from None
    if call.state.scep_waiting.pop(received.transaction, None) is not None:
        call.state.note(Undecided(received.transaction, None))
    call.state.has_issued(certificate)
    call.subject = tight(certificate.subject)
    return certificate


def _remember(state: Responder, transaction: str, asked: ScepWaiting) -> None:
    waiting = state.scep_waiting
    if transaction not in waiting:
        waiting[transaction] = asked
        state.note(Undecided(transaction, asked))
    while len(waiting) > _MOST_WAITING:
        forgotten = next(iter(waiting))
        del waiting[forgotten]
        state.note(Undecided(forgotten, None))


# --- answers --------------------------------------------------------------------------------------------------------


def _enveloped(call: _Call, received: _Message, certificate: x509.Certificate) -> bytes:
    """The certificate, encrypted to whoever signed the request."""
    recipient = received.signer
    if call.fault == "recipient":
        recipient = _stranger(call).certificate
    if not isinstance(recipient.public_key(), rsa.RSAPublicKey):
        raise _Failed(_BAD_ALG, "an answer can be encrypted to an RSA key only")
    builder = smime.PKCS7EnvelopeBuilder().set_data(pkcs7.write_certs([certificate])).add_recipient(recipient)
    return builder.encrypt(Encoding.DER, [smime.PKCS7Options.Binary])


def _replied(
    call: _Call, received: _Message, name: str, status: str, failed: _Failed | None, content: bytes | None
) -> bytes:
    """CertRep (RFC 8894 section 3.3.2), signed by the registration authority."""
    transaction = f"{received.transaction}0" if call.fault == "transaction" else received.transaction
    nonce = _OTHERS_NONCE if call.fault == "nonce" else received.nonce
    attributes = [(_TRANSACTION, _printable(transaction)), (_TYPE, _printable("3")), (_STATUS, _printable(status))]
    if failed is not None:
        attributes += [(_FAIL, _printable(failed.info)), (_FAIL_TEXT, der.encode(der.UTF8, failed.text.encode()))]
    attributes += [
        (_SENDER, der.encode(der.OCTET_STRING, os.urandom(16))),
        (_RECIPIENT, der.encode(der.OCTET_STRING, nonce)),
    ]
    if call.fault == "unsigned":
        return pkcs7.write_certs([authority_of(call.state, name, call.now).certificate])
    signer = _stranger(call) if call.fault == "stranger" else authority_of(call.state, name, call.now)
    return cms.sign(content, attributes, signer.certificate, signer.key)


def _printable(text: str) -> bytes:
    return der.encode(der.PRINTABLE, text.encode("ascii", "replace"))


def _stranger(call: _Call) -> RegistrationAuthority:
    """Somebody with a key of their own, of whom no client knows."""
    return RegistrationAuthority("", *Authority.fresh(call.now, "stranger").registration_authority(call.now))
