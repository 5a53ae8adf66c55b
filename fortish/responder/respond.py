"""`respond`: one EST request in (RFC 7030 section 3.2.2), one answer out, and nothing of sockets or clocks between.

An operation is a function in one table. It answers, or raises `Refused`; what a fault spoils is spoilt afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fortish.pki import pkcs7
from fortish.pki.csrattrs import write_csrattrs
from fortish.pki.names import tight
from fortish.responder.access import check_binding, check_renewal, holder, own_certificate
from fortish.responder.authority import Authority
from fortish.responder.body import Requested, armoured, requested
from fortish.responder.faults import FAULTS, NO_FAULT, SEGMENT, Fault, spoilt
from fortish.responder.message import Answer, Asked, Refused, Visitor, Wire, answer, refusal
from fortish.responder.policy import Label, Policy, Wrap
from fortish.responder.state import Responder, Visit

__all__ = ["OPERATIONS", "Answer", "Asked", "Responder", "Visit", "Visitor", "Wire", "refusal", "respond"]

_ROOT: Final = "/.well-known/est/"
_CERTS: Final = "application/pkcs7-mime"
_CERTS_ONLY: Final = "application/pkcs7-mime; smime-type=certs-only"
_CSRATTRS: Final = "application/csrattrs"
_BASE64: Final = ("Content-Transfer-Encoding", "base64")


@dataclass(slots=True)
class _Call:
    """One request on its way; the last four fields are filled in as they become known."""

    state: Responder
    asked: Asked
    visitor: Visitor
    now: datetime
    operation: str = ""
    segment: str = ""
    account: str = ""
    subject: str = ""

    @property
    def wrap(self) -> Wrap:
        """The columns of base64 for this client."""
        wrap = self.state.policy.wrap
        if wrap != "auto":
            return wrap
        known = self.asked.header(b"user-agent") is not None or self.asked.header(b"accept") is not None
        return 64 if known else "none"

    @property
    def label(self) -> Label:
        """What the path segment asks for."""
        return self.state.policy.labels.get(self.segment, Label())

    @property
    def fault(self) -> Fault:
        """What is to go wrong: by the path segment, or else by the policy."""
        if self.segment.startswith(SEGMENT):
            named = FAULTS[self.segment.removeprefix(SEGMENT)]
            return named if self.operation in named.on else NO_FAULT
        faults = self.state.policy.faults
        return faults.get(self.operation) or faults.get("*", NO_FAULT)


def respond(state: Responder, asked: Asked, visitor: Visitor, now: datetime) -> Answer:
    """The answer to one request at the time `now` (aware); it is noted in `state.history`. Never raises."""
    call = _Call(state, asked, visitor, now)
    try:
        given = _answered(call)
    except Refused as refused:
        given = refusal(refused.status, refused.text, *refused.headers)
    state.history.append(
        Visit(now, visitor.address, call.operation, call.segment, call.account, given.status, call.subject)
    )
    return given


def _answered(call: _Call) -> Answer:
    call.segment, call.operation = _route(call.state.policy, call.asked.target)
    if call.state.needs_client_certificate(call.visitor.local_port):
        certificate, wrong = own_certificate(call.state, call.visitor, call.now)
        if certificate is None:
            raise Refused(403, wrong or "this port demands a client certificate")
        call.account = tight(certificate.subject)
    operation = OPERATIONS[call.operation]
    if call.asked.method != operation.method:
        raise Refused(405, f"{call.operation} takes {operation.method}", ("Allow", operation.method))
    fault = call.fault
    if fault.status:
        return spoilt(refusal(fault.status, f"{fault.status} on purpose", *fault.headers), replace(fault, headers=()))
    given = operation.run(call)
    return given if fault is NO_FAULT else spoilt(given, fault)


def _route(policy: Policy, target: str) -> tuple[str, str]:
    """Path segment ('' for none) and operation. Raises Refused (404)."""
    path = target.partition("?")[0]
    if "://" in path:  # absolute form, RFC 9112 section 3.2.2
        path = "/" + path.partition("://")[2].partition("/")[2]
    before, slash, operation = path.removeprefix(_ROOT).rpartition("/")
    segment = unquote(before)
    known = _is_known(policy, segment) if slash else True
    if not path.startswith(_ROOT) or operation not in OPERATIONS or not known:
        raise Refused(404, "there is no such EST operation or path segment here")
    return segment, operation


def _is_known(policy: Policy, segment: str) -> bool:
    return segment in policy.labels or (segment.startswith(SEGMENT) and segment.removeprefix(SEGMENT) in FAULTS)


# --- operations ---------------------------------------------------------------------------------------------------


def _cacerts(call: _Call) -> Answer:
    """RFC 7030 section 4.1: the root, to anyone."""
    key = "cacerts", call.wrap
    body = call.state.bodies.get(key)
    if body is None:
        body = armoured(pkcs7.write_certs([call.state.authority.certificate]), call.wrap)
        call.state.bodies[key] = body
    return answer(200, body, ("Content-Type", _CERTS), _BASE64)


def _csrattrs(call: _Call) -> Answer:
    """RFC 7030 section 4.5: bare OIDs, to anyone; 204 where there are none (section 4.5.2)."""
    own = call.label.csrattrs
    oids = call.state.policy.csrattrs if own is None else own
    if not oids:
        return answer(204, b"")
    key = "csrattrs", oids, call.wrap
    body = call.state.bodies.get(key)
    if body is None:
        body = call.state.bodies[key] = armoured(write_csrattrs(oids), call.wrap)
    return answer(200, body, ("Content-Type", _CSRATTRS), _BASE64)


def _simpleenroll(call: _Call) -> Answer:
    """RFC 7030 section 4.2.1: a certificate for whoever may have one."""
    call.account = holder(call.state, call.asked, call.visitor, call.now).account
    return _certified(call, requested(call.asked))


def _simplereenroll(call: _Call) -> Answer:
    """RFC 7030 section 4.2.2: the same names again, which only a client certificate can prove to be the same.

    Over Basic or SRP nobody knows which certificate is meant, and nothing is compared.
    """
    who = holder(call.state, call.asked, call.visitor, call.now)
    call.account = who.account
    wanted = requested(call.asked)
    if who.certificate is not None:
        check_renewal(who.certificate, wanted)
    return _certified(call, wanted)


def _not_implemented(call: _Call) -> Answer:
    """RFC 7030 sections 4.3 and 4.4 make these optional."""
    raise Refused(501, f"{call.operation} is not implemented here")


@dataclass(frozen=True, slots=True)
class _Operation:
    method: str
    run: Callable[[_Call], Answer]


# Sorted by name; exactly the operations of RFC 7030 section 3.2.2.
OPERATIONS: Mapping[str, _Operation] = MappingProxyType(
    {
        "cacerts": _Operation("GET", _cacerts),
        "csrattrs": _Operation("GET", _csrattrs),
        "fullcmc": _Operation("POST", _not_implemented),
        "serverkeygen": _Operation("POST", _not_implemented),
        "simpleenroll": _Operation("POST", _simpleenroll),
        "simplereenroll": _Operation("POST", _simplereenroll),
    }
)


# --- issuing ------------------------------------------------------------------------------------------------------


def _certified(call: _Call, wanted: Requested) -> Answer:
    """The answer with the new certificate and nothing else (RFC 7030 section 4.2.3)."""
    check_binding(call.visitor, wanted)
    certificate = _issue(call, wanted)
    call.state.issued.append(certificate)
    call.subject = tight(certificate.subject)
    body = armoured(pkcs7.write_certs([certificate]), call.wrap)
    return answer(200, body, ("Content-Type", _CERTS_ONLY), _BASE64)


def _issue(call: _Call, wanted: Requested) -> x509.Certificate:
    """A certificate for what is wanted, as far as the label allows and the fault does not spoil it."""
    fault, state, days = call.fault, call.state, call.state.policy.days
    full = call.label.keep_subject
    subject = wanted.subject if full else _only_common_name(wanted.subject)
    san = wanted.san if full else None
    if not subject.rdns and san is None:
        raise Refused(400, "the request has no common name" if not full else "the request names nobody")
    key = ec.generate_private_key(ec.SECP256R1()).public_key() if fault.wrong_key else wanted.public_key
    issuer = _stranger(state, call.now) if fault.untrusted_issuer else state.authority
    since = call.now - timedelta(days=days + 1) if fault.expired else call.now
    try:
        return issuer.issue(key, subject, state.take_serial(), since, san=san, days=days)
    except (ValueError, TypeError, OverflowError) as error:
        raise Refused(400, f"no certificate can be made of this request: {error}") from None


def _only_common_name(subject: x509.Name) -> x509.Name:
    """The (last) common name alone, its string type kept."""
    return x509.Name(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[-1:])


def _stranger(state: Responder, now: datetime) -> Authority:
    if state.stranger is None:
        (name,) = state.authority.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        state.stranger = Authority.fresh(now, str(name.value))
    return state.stranger
