"""`respond`: one EST request in (RFC 7030 section 3.2.2), one answer out, and nothing of sockets or clocks between.

An operation is a function in one table. It answers, or raises `Refused`; what a fault spoils is spoilt afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from fortish.pki import pkcs7
from fortish.pki.identity import is_cmc_ra
from fortish.pki.names import tight
from fortish.responder import attributes, clients, digest, keygen, revocation
from fortish.responder.access import Holder, check_renewal, holder, own_certificate
from fortish.responder.approval import approved, retry_after
from fortish.responder.binding import check_binding
from fortish.responder.body import Requested, armoured, requested
from fortish.responder.faults import ELSEWHERE, FAULTS, LONG_WAIT, NO_FAULT, SEGMENT, Fault, spoilt
from fortish.responder.issuing import Terms, issue, packed
from fortish.responder.message import (
    BASIC_CHALLENGE,
    NOT_KEPT,
    Answer,
    Asked,
    Refused,
    Visitor,
    Wire,
    answer,
    promises,
    refusal,
)  # fmt: skip
from fortish.responder.policy import Label, Policy, Wrap
from fortish.responder.state import Responder, Visit

__all__ = [
    "OPERATIONS", "Answer", "Answering", "Asked", "Responder", "Visit", "Visitor", "Wire", "finished", "refusal",
    "respond", "responding",
]  # fmt: skip

Answering: TypeAlias = Generator[Callable[[], Any], Any, Answer]

_ROOT: Final = "/.well-known/est/"
_CERTS: Final = "application/pkcs7-mime"
_CERTS_ONLY: Final = "application/pkcs7-mime; smime-type=certs-only"
_CSRATTRS: Final = "application/csrattrs"
_BASE64: Final = ("Content-Transfer-Encoding", "base64")
_UNREAD: Final = (202, 401)  # answers whose body some clients leave where it is


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
        return "none" if clients.wants_one_line(self.asked) else 64

    @property
    def label(self) -> Label:
        """What the path segment stands for, nothing left open."""
        return self.state.policy.label(self.segment)

    @property
    def terms(self) -> Terms:
        """How a certificate is to be issued."""
        return Terms(self.label, self.fault, self.now)

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
    return finished(responding(state, asked, visitor, now))


def finished(answering: Answering) -> Answer:
    """The answer, whatever it takes."""
    try:
        work = next(answering)
        while True:
            try:
                made = work()
            except Refused as refused:
                work = answering.throw(refused)
            else:
                work = answering.send(made)
    except StopIteration as stop:
        given: Answer = stop.value
        return given


def responding(state: Responder, asked: Asked, visitor: Visitor, now: datetime) -> Answering:
    """The same for a server that has others to answer: what takes long is yielded, to be called elsewhere.

    What that returns is sent in, what it raises (Refused) thrown in.
    """
    call = _Call(state, asked, visitor, now)
    try:
        given = yield from _answered(call)
    except Refused as refused:
        shown = _challenges(call, refused) if refused.status == 401 else ()
        text = "" if refused.status in _UNREAD and clients.is_anonymous(asked) else refused.text
        given = refusal(refused.status, text, *refused.headers, challenges=shown)
        if refused.status == 401 and call.operation and call.fault.close_after_401:
            given = replace(given, wire=Wire(close=True))
    seen = Visit(now, visitor.address, call.operation, call.segment, call.account, given.status, call.subject)
    return given if state.visited(seen) or not promises(asked, given) else refusal(503, NOT_KEPT)


def _challenges(call: _Call, refused: Refused) -> list[str]:
    """What a 401 offers, the strongest first (RFC 7616 section 3.7)."""
    offered = call.label.http_auth
    assert offered is not None  # `Policy.label` fills it in
    if "digest" not in offered:
        return [BASIC_CHALLENGE]
    found = digest.challenges(
        call.state.nonces,
        call.now,
        refused.stale,
        hides_user=call.state.policy.userhash,
        plain=clients.knows_md5_alone(call.asked),
    )
    return [*found, BASIC_CHALLENGE] if "basic" in offered else found


def _answered(call: _Call) -> Answering:
    path = _path(call.asked.target)
    listed = path.startswith(revocation.PATH)
    if not listed:
        call.segment, call.operation = _route(call.state.policy, path)
    _admit(call)
    method = "GET" if listed else OPERATIONS[call.operation].method
    allowed = ("GET", "HEAD") if method == "GET" else (method,)
    if call.asked.method not in allowed:
        raise Refused(405, f"{path.rpartition('/')[2]} takes {method}", ("Allow", ", ".join(allowed)))
    if listed:
        return revocation.crl(call.state, path, call.now)
    fault = call.fault
    if fault.status:
        return _on_purpose(call, fault)
    given = OPERATIONS[call.operation].run(call)
    if not isinstance(given, Answer):
        given = yield from given
    return given if fault is NO_FAULT else spoilt(given, fault)


def _admit(call: _Call) -> None:
    """Some ports are for holders of a client certificate only. Raises Refused (403)."""
    if call.state.needs_client_certificate(call.visitor.local_port):
        certificate, wrong = own_certificate(call.state, call.visitor, call.now)
        if certificate is None:
            raise Refused(403, wrong or "this port demands a client certificate")
        call.account = tight(certificate.subject)


def _on_purpose(call: _Call, fault: Fault) -> Answer:
    """The answer of a fault that has a status."""
    headers = list(fault.headers)
    if fault.redirect:
        right = f"{_ROOT}{call.operation}"
        places = {"loop": call.asked.target, "other": f"{ELSEWHERE}{right}", "same": right}
        headers.append(("Location", places[fault.redirect]))
    if fault.retry_after:
        headers.append(retry_after(fault.retry_after, call.now, LONG_WAIT))
    added = {name.lower() for name, _ in headers}  # in place of those that are left out
    mute = fault.status != 401 or ("www-authenticate" in added and "www-authenticate" in map(str.lower, fault.drop))
    shown = () if mute else _challenges(call, Refused(401, ""))
    given = refusal(fault.status, f"{fault.status} on purpose", *headers, challenges=shown)
    return spoilt(given, replace(fault, headers=(), drop=tuple(n for n in fault.drop if n.lower() not in added)))


def _path(target: str) -> str:
    path = target.partition("?")[0]
    if "://" in path:  # absolute form, RFC 9112 section 3.2.2
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path


def _route(policy: Policy, path: str) -> tuple[str, str]:
    """Path segment ('' for none) and operation. Raises Refused (404)."""
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
    """RFC 7030 section 4.1: the CA's certificates, to anyone."""
    ca = call.state.hierarchy(call.label.ca, call.now)
    key = "cacerts", ca.published, call.wrap
    body = call.state.bodies.get(key)
    if body is None:
        body = armoured(pkcs7.write_certs(ca.published, sort=True), call.wrap)
        call.state.bodies[key] = body
    return answer(200, body, ("Content-Type", _CERTS), _BASE64)


def _csrattrs(call: _Call) -> Answer:
    """RFC 7030 section 4.5: to anyone; 204 where there are none (section 4.5.2)."""
    label = call.label
    items = label.csrattrs or ()
    if label.pop != "off":
        items = attributes.linking(items)
    if not items:
        return answer(204, b"")
    key = "csrattrs", items, call.wrap
    body = call.state.bodies.get(key)
    if body is None:
        body = call.state.bodies[key] = armoured(attributes.encoded(items), call.wrap)
    return answer(200, body, ("Content-Type", _CSRATTRS), _BASE64)


def _simpleenroll(call: _Call) -> Answer:
    """RFC 7030 section 4.2.1: a certificate for whoever may have one."""
    wanted = _linked(call, _holder(call), requested(call.asked))
    _approved(call, wanted)
    return _certified(call, wanted)


def _simplereenroll(call: _Call) -> Answer:
    """RFC 7030 section 4.2.2: the same names again, which only a client certificate can prove to be the same.

    Over HTTP or SRP nobody knows which certificate is meant: nothing is compared, and approval may be needed. Nor is
    it compared where a registration authority passes on a request and is believed.
    """
    who = _holder(call)
    wanted = _linked(call, who, requested(call.asked))
    if who.certificate is None:
        _approved(call, wanted)
    elif not _is_exempt(call, who):
        check_renewal(who.certificate, wanted, ra=call.label.ra)
    return _certified(call, wanted)


def _serverkeygen(call: _Call) -> Answering:
    """RFC 7030 section 4.4: the request's key and signature are ignored, the key comes with the certificate."""
    wanted = _linked(call, _holder(call), requested(call.asked, proof=False))
    _approved(call, wanted)
    made: keygen.Generated = yield partial(keygen.generated, wanted)
    terms = call.terms
    certificates = _issued(call, made.wanted, replace(terms, fault=replace(terms.fault, wrong_key=False)))
    body, kind = yield partial(keygen.multipart, made.key, certificates, _CERTS_ONLY, terms.fault)
    return answer(200, body, ("Content-Type", kind))


def _not_implemented(call: _Call) -> Answer:
    """RFC 7030 section 4.3 makes it optional."""
    raise Refused(501, f"{call.operation} is not implemented here")


@dataclass(frozen=True, slots=True)
class _Operation:
    method: str
    run: Callable[[_Call], Answer | Answering]


# Sorted by name; exactly the operations of RFC 7030 section 3.2.2.
OPERATIONS: Mapping[str, _Operation] = MappingProxyType(
    {
        "cacerts": _Operation("GET", _cacerts),
        "csrattrs": _Operation("GET", _csrattrs),
        "fullcmc": _Operation("POST", _not_implemented),
        "serverkeygen": _Operation("POST", _serverkeygen),
        "simpleenroll": _Operation("POST", _simpleenroll),
        "simplereenroll": _Operation("POST", _simplereenroll),
    }
)


# --- steps of an enrollment ---------------------------------------------------------------------------------------


def _holder(call: _Call) -> Holder:
    who = holder(call.state, call.asked, call.visitor, call.now, call.label.http_auth or ())
    call.account = who.account
    return who


def _is_exempt(call: _Call, who: Holder) -> bool:
    """Whether it is a registration authority, and the policy believes what it has checked."""
    return call.state.policy.ra_exempt and who.certificate is not None and is_cmc_ra(who.certificate)


def _linked(call: _Call, who: Holder, wanted: Requested) -> Requested:
    """The request, if it is linked to its connection as it must be; a registration authority has seen to that itself.

    It may have come on another connection, to the authority: RFC 7030 section 3.7 leaves it to the server's policy.
    """
    if not _is_exempt(call, who):
        check_binding(call.visitor, wanted, call.label.pop or "off")
    return wanted


def _approved(call: _Call, wanted: Requested) -> None:
    if call.label.approval == "manual":
        approved(call.state, wanted, call.segment, call.account, call.now)


def _certified(call: _Call, wanted: Requested) -> Answer:
    """The answer with the new certificate and nothing else (RFC 7030 section 4.2.3)."""
    return answer(200, _issued(call, wanted, call.terms), ("Content-Type", _CERTS_ONLY), _BASE64)


def _issued(call: _Call, wanted: Requested, terms: Terms) -> bytes:
    certificate = issue(call.state, wanted, terms)
    call.state.has_issued(certificate)
    call.subject = tight(certificate.subject)
    return packed(call.state, certificate, terms, call.wrap)
