"""The checks of an EST server that enroll: one certificate, its renewal, and what must be refused."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from fortish.cmdb.secrets import random_password
from fortish.errors import PeerFault
from fortish.est import form, multipart, wire
from fortish.est.answers import ANSWERS, RENEWED
from fortish.est.connection import Connection
from fortish.est.enroll import bodies
from fortish.est.operations import MADE
from fortish.est.verdicts import Answered, Check, Failed, Said, Skipped, Walk
from fortish.pki import chains, keys, names, pem, pkcs7, requests
from fortish.steps import Credential, Link, Step

if TYPE_CHECKING:
    import httpx
    from cryptography import x509

NAME = "fortish-est-check"  # common name of what is enrolled
NOT_OFFERED = frozenset({404, 405, 501})


# --- simpleenroll ---------------------------------------------------------------------------------------------------


def _request(going: Walk, common_name: str = NAME) -> Callable[[Link], str]:
    key = going.key = going.key or keys.generate(keys.ALGORITHMS["ec-secp256r1"])
    subject = names.subject_name([("CN", common_name)])

    def made(challenge: str | None, linking: str | None) -> x509.CertificateSigningRequest:
        return requests.new_request(key, subject, None, challenge, linking=linking)

    return bodies(going.context, made)


def _posted(
    going: Walk, operation: str, body: Callable[[Link], str], *, credentials: tuple[str, str] | None
) -> Generator[Step, Any, httpx.Response]:
    connection = Connection(going.context, credentials, going.box.clock.now)
    if going.context.need_pop:
        yield from connection.bindable()
    return (yield from connection.post(operation, body))


def _anonymous(going: Walk) -> Said:
    _as_nobody(going)
    response = yield from _posted(going, "simpleenroll", _request(going), credentials=None)
    if response.status_code in MADE:
        raise Failed("a certificate was issued to nobody in particular")
    if response.status_code < 400:
        raise Failed(f"answered {response.status_code}")
    return f"{response.status_code}"


def _challenged(going: Walk) -> Said:
    response, ends = yield from _unproved(going, "simpleenroll")
    if response.status_code != 401:
        return f"note: answered {response.status_code}, not 401"
    offered = response.headers.get_list("www-authenticate")
    if not any(header.lower().startswith(("basic", "digest")) for header in offered):
        raise Failed("a 401 without a Basic or Digest challenge")
    said = "; ".join(wire.printable(header, 80) for header in offered)
    return f"note: {said}; {ends}" if ends else said


def _anonymous_renewal(going: Walk) -> Said:
    response, ends = yield from _unproved(going, "simplereenroll")
    if response.status_code in MADE:
        raise Failed("a certificate was issued to nobody in particular")
    if response.status_code < 400:
        raise Failed(f"answered {response.status_code}")
    return f"note: {response.status_code}; {ends}" if ends else f"{response.status_code}"


def _unproved(going: Walk, operation: str) -> Generator[Step, Any, tuple[httpx.Response, str]]:
    """The answer to whoever shows nothing; and what is to be said of the connection's end, '' for nothing."""
    _as_nobody(going)
    connection = Connection(going.context, None, going.box.clock.now)
    if going.context.need_pop:
        yield from connection.bindable()
    response = yield from connection.post(operation, _request(going))
    first = connection.link
    if response.status_code != 401 or not going.keeps_open or "close" in response.headers.get("connection", "").lower():
        return response, ""
    yield from connection.get("cacerts")
    ends = "the 401 ends the connection, and no Connection header says so (RFC 9112 section 9.6)"
    return response, ends if connection.link is not first else ""


def _as_nobody(going: Walk) -> None:
    """From now on no certificate is shown. Raises `Skipped`: without one there would be no answer."""
    if going.closed:
        raise Skipped("the server lets nobody in without a client certificate")
    going.context.credential = None


def _need_credentials(going: Walk) -> tuple[str, str] | None:
    """From now on the certificate that was given is shown, if one was; the user and the password, if any."""
    if not going.known:
        raise Skipped("neither --user nor --cert was given")
    going.context.credential = going.own
    return going.credentials


def _wrong_password(going: Walk) -> Said:
    if going.credentials is None:
        raise Skipped("no --user was given")
    _as_nobody(going)
    user, password = going.credentials
    response = yield from _posted(
        going, "simpleenroll", _request(going), credentials=(user, f"{password}-{random_password()[:8]}")
    )
    if response.status_code < 400:
        raise Failed(f"a wrong password is answered {response.status_code}")
    return f"{response.status_code}"


def _garbage(going: Walk) -> Said:
    credentials = _need_credentials(going)
    going.context.need_pop, asked = False, going.context.need_pop
    try:
        response = yield from _posted(going, "simpleenroll", lambda link: "MAMCAQc=\n", credentials=credentials)
    finally:
        going.context.need_pop = asked
    if not 400 <= response.status_code < 500:
        raise Failed(f"what is no request is answered {response.status_code}")
    return f"{response.status_code}"


def _bad_signature(going: Walk) -> Said:
    credentials = _need_credentials(going)
    made = _request(going)

    def spoilt(link: Link) -> str:
        der = bytearray(wire.decode(made(link).encode()))
        der[-1] ^= 0x01
        return wire.encode(bytes(der))

    response = yield from _posted(going, "simpleenroll", spoilt, credentials=credentials)
    if response.status_code < 400:
        raise Failed(f"a request that its key did not sign is answered {response.status_code}")
    return f"{response.status_code}"


def _enrolled(going: Walk) -> Said:
    credentials = _need_credentials(going)
    key = going.key = going.key or keys.generate(keys.ALGORITHMS["ec-secp256r1"])
    return (yield from _brings(going, "simpleenroll", key, NAME, _request(going), credentials))


def _brings(
    going: Walk,
    operation: str,
    key: keys.PrivateKey,
    wanted: str,
    body: Callable[[Link], str],
    credentials: tuple[str, str] | None,
) -> Said:
    """An enrollment; its answer is kept for whoever looks at its form.

    Without `credentials` a 401 is answered with those of the walk, as the box does.
    """
    started = going.box.clock.now()
    response = yield from _posted(going, operation, body, credentials=credentials)
    if response.status_code == 401 and credentials is None and going.credentials is not None:
        going.together, started = True, going.box.clock.now()
        response = yield from _posted(going, operation, body, credentials=going.credentials)
    took = going.box.clock.now() - started
    wait = wire.retry_after(response, going.box.clock.now())
    if response.status_code == 202:
        if wait is None:
            raise Failed("answered 202 without a Retry-After that can be read")
        return f"note: answered 202, to be asked again in {round(wait)} seconds: a person decides"
    if response.status_code not in MADE:
        later = "" if wait is None else f", to be asked again in {round(wait)} seconds"
        raise Failed(f"answered {response.status_code}{later}: {wire.error_text(response.content)}")
    certificates = pkcs7.read_certs(_decoded(response))
    found = chains.issued_for(certificates, key)
    if found is None:
        raise Failed("no certificate in the answer is for the key of the request")
    going.answers[operation] = Answered(response, took, found)
    return _described(found, f"CN={wanted}")


def _described(issued: x509.Certificate, wanted: str) -> str:
    """A certificate's subject; a note of what was not asked for."""
    subject = names.tight(issued.subject)
    notes = [] if subject == wanted else [f"its subject is {subject or 'empty'}, where {wanted} was asked for"]
    if chains.is_ca(issued):
        notes.append("it is a CA's, which nobody asked for")
    return f"note: {'; '.join(notes)}" if notes else subject


def _decoded(response: httpx.Response) -> bytes:
    try:
        return wire.decode(response.content)
    except PeerFault as fault:
        raise Failed(fault.reason if "empty" in fault.reason else f"the body is not base64: {fault.reason}") from None


# --- simplereenroll -------------------------------------------------------------------------------------------------


def _as_client(going: Walk) -> None:
    if going.issued is None or going.key is None:
        raise Skipped("nothing was issued")
    password = random_password()
    key = keys.encrypted_pem(going.key, password)
    going.context.credential = Credential(NAME, pem.pem(going.issued), key, password)


def _renewed(going: Walk) -> Said:
    _as_client(going)
    issued, key = going.issued, going.key
    assert issued is not None and key is not None  # noqa: PT018

    def made(challenge: str | None, linking: str | None) -> x509.CertificateSigningRequest:
        return requests.renewal_request(issued, key, challenge, linking=linking)

    said = yield from _brings(going, "simplereenroll", key, NAME, bodies(going.context, made), None)
    renewed = going.answers.get("simplereenroll")
    if renewed is not None and renewed.certificate.subject != issued.subject:
        raise Failed(f"the subject has become {names.tight(renewed.certificate.subject)}")
    if renewed is None:
        return said
    return "note: it wants user and password, too" if going.together else None


def _other_subject(going: Walk) -> Said:
    _as_client(going)
    shown = going.credentials if going.together else None
    response = yield from _posted(going, "simplereenroll", _request(going, f"{NAME}-other"), credentials=shown)
    if response.status_code < 400:
        raise Failed(f"a renewal for another subject is answered {response.status_code}")
    return f"{response.status_code}"


def _as_best(going: Walk) -> None:
    """From now on the certificate that was issued is shown; where none was, the one that was given."""
    if going.issued is None:
        going.context.credential = going.own


def _fullcmc(going: Walk) -> Said:
    _as_best(going)
    response = yield from _posted(going, "fullcmc", _request(going), credentials=going.credentials)
    offered = "answered" if response.status_code not in NOT_OFFERED else "not offered:"
    return f"note: {offered} {response.status_code}"


def _keygen(going: Walk) -> Said:
    _as_best(going)
    response = yield from _posted(going, "serverkeygen", _request(going), credentials=going.credentials)
    if response.status_code not in MADE:
        offered = "answered" if response.status_code not in NOT_OFFERED else "not offered:"
        return f"note: {offered} {response.status_code}"
    given = response.headers.get("content-type", "")
    made = multipart.generated(given, response.content)
    data = wire.decode(made.key)
    key = keys.load_der(data)
    certificates = pkcs7.read_certs(wire.decode(made.certificates))
    if chains.issued_for(certificates, key) is None:
        raise Failed("the key that was made is not the certificate's")
    if not form.is_pkcs8(data):
        raise Failed("the key that was made is not in PKCS #8 (RFC 5958), but in the old form of its kind")
    first = multipart.parts(given, response.content)[0]
    if first.kind != multipart.KEY:
        return f"note: {keys.kind_of(key)}; the certificate comes before its key"
    return keys.kind_of(key)


# In the order in which they are made.
# fmt: off
ENROLLING: tuple[Check, ...] = (
    ("RFC 7030 4.2.1",  "simpleenroll refuses who is not authenticated",                 _anonymous),
    ("RFC 7030 3.2.3",  "a 401 says how to authenticate",                                _challenged),
    ("RFC 7030 3.2.3",  "a wrong password is refused",                                   _wrong_password),
    ("RFC 7030 4.2.1",  "what is no certification request is refused",                   _garbage),
    ("RFC 7030 4.2.1",  "a request that its key did not sign is refused",                _bad_signature),
    ("RFC 7030 4.2.3",  "simpleenroll issues a certificate for the key of the request",  _enrolled),
    *ANSWERS,
    ("RFC 7030 4.2.2",  "simplereenroll refuses who is not authenticated",               _anonymous_renewal),
    ("RFC 7030 4.2.2",  "simplereenroll renews with the certificate itself",             _renewed),
    *RENEWED,
    ("RFC 7030 4.2.2",  "simplereenroll refuses another subject",                        _other_subject),
    ("RFC 7030 4.3",    "fullcmc, which is optional",                                    _fullcmc),
    ("RFC 7030 4.4",    "serverkeygen, which is optional",                               _keygen),
)
# fmt: on
