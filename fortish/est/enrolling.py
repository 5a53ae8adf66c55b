"""The checks of an EST server that enroll: one certificate, its renewal, and what must be refused."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from fortish.cmdb.checks import random_password
from fortish.est import wire
from fortish.est.authorities import box_time
from fortish.est.connection import Connection
from fortish.est.enroll import bodies
from fortish.est.verdicts import Check, Failed, Run, Said, Skipped, Walk, typed
from fortish.pki import chains, keys, names, pem, pkcs7, requests
from fortish.steps import Credential, Step

if TYPE_CHECKING:
    import httpx
    from cryptography import x509

NAME = "fortish-est-check"  # common name of what is enrolled


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
        raise Failed("a certificate was issued to nobody in particular")
    if response.status_code < 400:
        raise Failed(f"answered {response.status_code}")
    return f"{response.status_code}"


def _challenged(going: Walk) -> Said:
    response = yield from _posted(going, "simpleenroll", _request(going), credentials=None)
    if response.status_code != 401:
        return f"note: answered {response.status_code}, not 401"
    offered = response.headers.get_list("www-authenticate")
    if not any(header.lower().startswith(("basic", "digest")) for header in offered):
        raise Failed("a 401 without a Basic or Digest challenge")
    return "; ".join(wire.printable(header, 80) for header in offered)


def _need_credentials(going: Walk) -> tuple[str, str]:
    if going.credentials is None:
        raise Skipped("no --user was given")
    return going.credentials


def _wrong_password(going: Walk) -> Said:
    user, password = _need_credentials(going)
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

    def spoilt(link: Any) -> str:
        der = bytearray(wire.decode(made(link).encode()))
        der[-1] ^= 0x01
        return wire.encode(bytes(der))

    response = yield from _posted(going, "simpleenroll", spoilt, credentials=credentials)
    if response.status_code < 400:
        raise Failed(f"a request that its key did not sign is answered {response.status_code}")
    return f"{response.status_code}"


def _enrolled(going: Walk) -> Said:
    credentials = _need_credentials(going)
    response = yield from _posted(going, "simpleenroll", _request(going), credentials=credentials)
    if response.status_code == 202:
        wait = wire.retry_after(response, going.box.clock.now())
        if wait is None:
            raise Failed("202 without a Retry-After that can be read")
        return f"note: to be asked again in {round(wait)} seconds: a person decides"
    if response.status_code != 200:
        raise Failed(f"answered {response.status_code}: {wire.error_text(response.content)}")
    certificates = pkcs7.read_certs(wire.decode(response.content))
    assert going.key is not None
    going.issued = chains.issued_for(certificates, going.key)
    if going.issued is None:
        raise Failed("no certificate in the answer is for the key of the request")
    problem = typed(response, "application/pkcs7-mime", "certs-only")
    extra = f", {len(certificates)} certificates where only the issued one belongs" if len(certificates) > 1 else ""
    said = f"{names.tight(going.issued.subject)}{extra}"
    return f"note: {said}; {problem.removeprefix('note: ')}" if problem else f"note: {said}" if extra else said


def _chained(going: Walk) -> Said:
    yield from ()
    if going.issued is None:
        raise Skipped("nothing was issued")
    chains.path_to(going.issued, [], going.roots, box_time(going.box))
    return None


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

    response = yield from _posted(going, "simplereenroll", bodies(going.context, made), credentials=None)
    if response.status_code != 200:
        raise Failed(f"answered {response.status_code}: {wire.error_text(response.content)}")
    renewed = chains.issued_for(pkcs7.read_certs(wire.decode(response.content)), key)
    if renewed is None:
        raise Failed("no certificate in the answer is for the key of the request")
    if renewed.subject != issued.subject:
        raise Failed(f"the subject has become {names.tight(renewed.subject)}")
    return None


def _other_subject(going: Walk) -> Said:
    _as_client(going)
    response = yield from _posted(going, "simplereenroll", _request(going, f"{NAME}-other"), credentials=None)
    if response.status_code < 400:
        raise Failed(f"a renewal for another subject is answered {response.status_code}")
    return f"{response.status_code}"


def _optional(operation: str) -> Run:
    def run(going: Walk) -> Said:
        response = yield from _posted(going, operation, _request(going), credentials=going.credentials)
        if response.status_code in (404, 405, 501):
            return f"note: not offered ({response.status_code})"
        return f"note: answered {response.status_code}"

    return run


# In the order in which they are made.
# fmt: off
ENROLLING: tuple[Check, ...] = (
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
