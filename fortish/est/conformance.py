"""A walk through an EST server as the box would take it, with a verdict for each thing that the RFCs ask of a server.

It changes nothing but what it must: it is issued one certificate, and one more for its renewal. A check that cannot be
made because an earlier one failed is skipped, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from fortish.box import Box
from fortish.cmdb.checks import random_password
from fortish.errors import FortishError, LinkLost, PeerFault
from fortish.est import wire
from fortish.est.authorities import box_time
from fortish.est.connection import Connection
from fortish.est.context import EstContext
from fortish.est.enroll import bodies
from fortish.est.operations import LINKING
from fortish.pki import chains, csrattrs, keys, names, pem, pkcs7, requests
from fortish.pki.faults import PkiFault
from fortish.steps import Credential, Step, Trust

if TYPE_CHECKING:
    import httpx
    from cryptography import x509

NAME = "fortish-est-check"  # common name of what is enrolled


class Result(Enum):
    """How a check came out. A note is no judgement: the RFC leaves it open."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    NOTE = "note"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check: the section that asks for it, what it asks, how it came out, and why."""

    section: str
    title: str
    result: Result
    cause: str = ""


@dataclass(slots=True)
class Walk:
    """What is known on the way."""

    box: Box
    context: EstContext
    credentials: tuple[str, str] | None
    verdicts: list[Verdict] = field(default_factory=list)
    roots: list[x509.Certificate] = field(default_factory=list)
    attributes: list[csrattrs.CsrAttr] = field(default_factory=list)
    key: keys.PrivateKey | None = None
    issued: x509.Certificate | None = None

    def connection(self, *, credentials: bool = True) -> Connection:
        """A connection of its own."""
        return Connection(self.context, self.credentials if credentials else None, self.box.clock.now)


class _Failed(FortishError):
    """A check failed; the text says why."""


class _Skipped(FortishError):
    """A check cannot be made; the text says why."""


Run = Callable[[Walk], Generator[Step, Any, "str | None"]]


def walk(
    box: Box, context: EstContext, anchors: tuple[str, ...], credentials: tuple[str, str] | None
) -> Generator[Step, Any, list[Verdict]]:
    """Every check in its order. `anchors` are PEM certificates ('' none: the public bundle); credentials are HTTP's."""
    context.trust = Trust(anchors, public=not anchors, partial=bool(anchors))
    going = Walk(box, context, credentials)
    for section, title, run in CHECKS:
        try:
            said = yield from run(going)
        except _Skipped as skipped:
            verdict = Verdict(section, title, Result.SKIP, str(skipped))
        except _Failed as failed:
            verdict = Verdict(section, title, Result.FAIL, str(failed))
        except (LinkLost, PeerFault, PkiFault) as fault:
            verdict = Verdict(section, title, Result.FAIL, fault.reason)
        else:
            noted = said is not None and said.startswith("note: ")
            verdict = Verdict(
                section, title, Result.NOTE if noted else Result.PASS, (said or "").removeprefix("note: ")
            )
        going.verdicts.append(verdict)
        if run is _verified and verdict.result is Result.FAIL:
            rest = CHECKS[len(going.verdicts) :]
            going.verdicts += [Verdict(s, t, Result.SKIP, "the server is not verified") for s, t, _ in rest]
            break
    return going.verdicts


Said = Generator[Step, Any, "str | None"]


# --- TLS and HTTP ---------------------------------------------------------------------------------------------------


def _verified(going: Walk) -> Said:
    connection = going.connection(credentials=False)
    yield from connection.get("cacerts")
    assert connection.link is not None
    return connection.link.tls_version


def _unknown_operation(going: Walk) -> Said:
    response = yield from going.connection(credentials=False).get("nosuchoperation")
    if response.status_code < 400:
        raise _Failed(f"an operation that does not exist is answered {response.status_code}")
    return f"{response.status_code}"


def _kept_open(going: Walk) -> Said:
    connection = going.connection(credentials=False)
    yield from connection.get("cacerts")
    first = connection.link
    yield from connection.get("cacerts")
    return "one connection carries several requests" if connection.link is first else "note: it closes each connection"


# --- cacerts --------------------------------------------------------------------------------------------------------


def _got(going: Walk, operation: str) -> Generator[Step, Any, httpx.Response]:
    return (yield from going.connection(credentials=False).get(operation))


def _cacerts(going: Walk) -> Said:
    response = yield from _got(going, "cacerts")
    if response.status_code != 200:
        raise _Failed(f"answered {response.status_code} {response.reason_phrase}")
    return None


def _cacerts_type(going: Walk) -> Said:
    response = yield from _got(going, "cacerts")
    return _typed(response, "application/pkcs7-mime")


def _cacerts_body(going: Walk) -> Said:
    response = yield from _got(going, "cacerts")
    content = response.content
    found = pkcs7.read_certs(wire.decode(content))
    going.roots = [c for c in found if chains.self_signed(c) and chains.is_ca(c)]
    if content[:1] == b"\x30" and not content[:64].isascii():
        raise _Failed("the body is DER: it must be base64 (RFC 8951 section 3)")
    if b"-----BEGIN" in content:
        raise _Failed("the body has PEM armour")
    return f"{len(found)} certificates"


def _cacerts_root(going: Walk) -> Said:
    yield from ()
    if not going.roots:
        raise _Failed("there is no self-signed root among the certificates")
    return "; ".join(names.tight(root.subject) for root in going.roots)


def _cacerts_chain(going: Walk) -> Said:
    if not going.roots:
        raise _Skipped("there is no root")
    response = yield from _got(going, "cacerts")
    found = pkcs7.read_certs(wire.decode(response.content))
    for certificate in found:
        chains.path_to(certificate, found, going.roots, box_time(going.box))
    return None


# --- csrattrs -------------------------------------------------------------------------------------------------------


def _csrattrs(going: Walk) -> Said:
    response = yield from _got(going, "csrattrs")
    if response.status_code in (204, 404, 501) or (response.status_code == 200 and not response.content.strip()):
        return f"note: none ({response.status_code})"
    if response.status_code != 200:
        raise _Failed(f"answered {response.status_code} {response.reason_phrase}")
    going.attributes = csrattrs.read_csrattrs(wire.decode(response.content))
    return ", ".join(f"{a.oid} {csrattrs.short_name(a.oid)}" for a in going.attributes) or "note: an empty list"


def _csrattrs_type(going: Walk) -> Said:
    response = yield from _got(going, "csrattrs")
    if response.status_code != 200:
        raise _Skipped("there are none")
    return _typed(response, "application/csrattrs")


def _linking(going: Walk) -> Said:
    yield from ()
    asked = {LINKING[a.oid] for a in going.attributes if a.oid in LINKING}
    going.context.need_pop, going.context.linking = bool(asked), frozenset(asked)
    return f"note: asked for: {' and '.join(sorted(asked))}" if asked else "note: not asked for"


# --- simpleenroll ---------------------------------------------------------------------------------------------------


def _request(going: Walk, common_name: str = NAME) -> Callable[[Any], str]:
    key = going.key = going.key or keys.generate(keys.ALGORITHMS["ec-secp256r1"])
    subject = names.subject_name([("CN", common_name)])

    def made(challenge: str | None, linking: str | None) -> x509.CertificateSigningRequest:
        return requests.new_request(key, subject, None, challenge, linking=linking)

    return bodies(going.context, made)


def _posted(
    going: Walk, operation: str, body: Callable[[Any], str], *, credentials: tuple[str, str] | None
) -> Generator[Step, Any, httpx.Response]:
    connection = Connection(going.context, credentials, going.box.clock.now)
    if going.context.need_pop:
        yield from connection.bindable()
    return (yield from connection.post(operation, body))


def _anonymous(going: Walk) -> Said:
    response = yield from _posted(going, "simpleenroll", _request(going), credentials=None)
    if response.status_code == 200:
        raise _Failed("a certificate was issued to nobody in particular")
    if response.status_code < 400:
        raise _Failed(f"answered {response.status_code}")
    return f"{response.status_code}"


def _challenged(going: Walk) -> Said:
    response = yield from _posted(going, "simpleenroll", _request(going), credentials=None)
    if response.status_code != 401:
        return f"note: answered {response.status_code}, not 401"
    offered = response.headers.get_list("www-authenticate")
    if not any(header.lower().startswith(("basic", "digest")) for header in offered):
        raise _Failed("a 401 without a Basic or Digest challenge")
    return "; ".join(wire.printable(header, 80) for header in offered)


def _need_credentials(going: Walk) -> tuple[str, str]:
    if going.credentials is None:
        raise _Skipped("no --user was given")
    return going.credentials


def _wrong_password(going: Walk) -> Said:
    user, password = _need_credentials(going)
    response = yield from _posted(
        going, "simpleenroll", _request(going), credentials=(user, f"{password}-{random_password()[:8]}")
    )
    if response.status_code < 400:
        raise _Failed(f"a wrong password is answered {response.status_code}")
    return f"{response.status_code}"


def _garbage(going: Walk) -> Said:
    credentials = _need_credentials(going)
    going.context.need_pop, asked = False, going.context.need_pop
    try:
        response = yield from _posted(going, "simpleenroll", lambda link: "MAMCAQc=\n", credentials=credentials)
    finally:
        going.context.need_pop = asked
    if not 400 <= response.status_code < 500:
        raise _Failed(f"what is no request is answered {response.status_code}")
    return f"{response.status_code}"


def _bad_signature(going: Walk) -> Said:
    credentials = _need_credentials(going)
    made = _request(going)

    def spoilt(link: Any) -> str:
        der = bytearray(wire.decode(made(link).encode()))
        der[-1] ^= 0x01
        return wire.encode(bytes(der))

    response = yield from _posted(going, "simpleenroll", spoilt, credentials=credentials)
    if response.status_code < 400:
        raise _Failed(f"a request that its key did not sign is answered {response.status_code}")
    return f"{response.status_code}"


def _enrolled(going: Walk) -> Said:
    credentials = _need_credentials(going)
    response = yield from _posted(going, "simpleenroll", _request(going), credentials=credentials)
    if response.status_code == 202:
        wait = wire.retry_after(response, going.box.clock.now())
        if wait is None:
            raise _Failed("202 without a Retry-After that can be read")
        return f"note: to be asked again in {round(wait)} seconds: a person decides"
    if response.status_code != 200:
        raise _Failed(f"answered {response.status_code}: {wire.error_text(response.content)}")
    certificates = pkcs7.read_certs(wire.decode(response.content))
    assert going.key is not None
    going.issued = chains.issued_for(certificates, going.key)
    if going.issued is None:
        raise _Failed("no certificate in the answer is for the key of the request")
    problem = _typed(response, "application/pkcs7-mime", "certs-only")
    extra = f", {len(certificates)} certificates where only the issued one belongs" if len(certificates) > 1 else ""
    said = f"{names.tight(going.issued.subject)}{extra}"
    return f"note: {said}; {problem.removeprefix('note: ')}" if problem else f"note: {said}" if extra else said


def _chained(going: Walk) -> Said:
    yield from ()
    if going.issued is None:
        raise _Skipped("nothing was issued")
    chains.path_to(going.issued, [], going.roots, box_time(going.box))
    return None


# --- simplereenroll -------------------------------------------------------------------------------------------------


def _as_client(going: Walk) -> None:
    if going.issued is None or going.key is None:
        raise _Skipped("nothing was issued")
    password = random_password()
    key = keys.encrypted_pem(going.key, password)
    going.context.credential = Credential(NAME, pem.pem(going.issued), key, password)


def _renewed(going: Walk) -> Said:
    _as_client(going)
    issued, key = going.issued, going.key
    assert issued is not None and key is not None  # noqa: PT018

    def made(challenge: str | None, linking: str | None) -> x509.CertificateSigningRequest:
        return requests.renewal_request(issued, key, challenge, linking=linking)

    response = yield from _posted(going, "simplereenroll", bodies(going.context, made), credentials=None)
    if response.status_code != 200:
        raise _Failed(f"answered {response.status_code}: {wire.error_text(response.content)}")
    renewed = chains.issued_for(pkcs7.read_certs(wire.decode(response.content)), key)
    if renewed is None:
        raise _Failed("no certificate in the answer is for the key of the request")
    if renewed.subject != issued.subject:
        raise _Failed(f"the subject has become {names.tight(renewed.subject)}")
    return None


def _other_subject(going: Walk) -> Said:
    _as_client(going)
    response = yield from _posted(going, "simplereenroll", _request(going, f"{NAME}-other"), credentials=None)
    if response.status_code < 400:
        raise _Failed(f"a renewal for another subject is answered {response.status_code}")
    return f"{response.status_code}"


def _optional(operation: str) -> Run:
    def run(going: Walk) -> Said:
        response = yield from _posted(going, operation, _request(going), credentials=going.credentials)
        if response.status_code in (404, 405, 501):
            return f"note: not offered ({response.status_code})"
        return f"note: answered {response.status_code}"

    return run


def _typed(response: httpx.Response, wanted: str, smime: str = "") -> str | None:
    """Whether an answer has the type that the RFC gives it."""
    given, *parameters = (part.strip().lower() for part in response.headers.get("content-type", "").split(";"))
    if given != wanted:
        raise _Failed(f"the type is '{wire.printable(given, 60)}', not {wanted}")
    if smime and not any(parameter.replace('"', "") == f"smime-type={smime}" for parameter in parameters):
        return f"note: the type lacks smime-type={smime}"
    return None


# In the order in which they are made. The section is the one that asks for it.
# fmt: off
CHECKS: tuple[tuple[str, str, Run], ...] = (
    ("RFC 7030 3.3.1",  "the server is verified over TLS 1.2 or newer",                  _verified),
    ("RFC 7030 3.2.2",  "an operation that does not exist is refused",                   _unknown_operation),
    ("RFC 9112 9.3",    "connections are kept open",                                     _kept_open),
    ("RFC 7030 4.1.2",  "cacerts is answered without authentication",                    _cacerts),
    ("RFC 7030 4.1.3",  "cacerts is of type application/pkcs7-mime",                     _cacerts_type),
    ("RFC 8951 3",      "cacerts is base64 of a certs-only PKCS #7",                     _cacerts_body),
    ("RFC 7030 4.1.3",  "cacerts holds the root",                                        _cacerts_root),
    ("RFC 7030 4.1.3",  "all of cacerts chains to its roots",                            _cacerts_chain),
    ("RFC 7030 4.5.2",  "csrattrs can be read",                                          _csrattrs),
    ("RFC 7030 4.5.2",  "csrattrs is of type application/csrattrs",                      _csrattrs_type),
    ("RFC 7030 3.5",    "proof of possession is to be linked to the TLS session",        _linking),
    ("RFC 7030 4.2.1",  "simpleenroll refuses who is not authenticated",                 _anonymous),
    ("RFC 7030 3.2.3",  "a 401 says how to authenticate",                                _challenged),
    ("RFC 7030 3.2.3",  "a wrong password is refused",                                   _wrong_password),
    ("RFC 7030 4.2.1",  "what is no certification request is refused",                   _garbage),
    ("RFC 7030 4.2.1",  "a request that its key did not sign is refused",                _bad_signature),
    ("RFC 7030 4.2.3",  "simpleenroll issues a certificate for the key of the request",  _enrolled),
    ("RFC 7030 4.2.3",  "what was issued chains to the root of cacerts",                 _chained),
    ("RFC 7030 4.2.2",  "simplereenroll renews with the certificate itself",             _renewed),
    ("RFC 7030 4.2.2",  "simplereenroll refuses another subject",                        _other_subject),
    ("RFC 7030 4.3",    "fullcmc, which is optional",                                    _optional("fullcmc")),
    ("RFC 7030 4.4",    "serverkeygen, which is optional",                               _optional("serverkeygen")),
)
# fmt: on
