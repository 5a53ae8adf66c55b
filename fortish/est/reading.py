"""The checks of an EST server for which nothing is enrolled: TLS, cacerts, csrattrs."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from fortish.errors import LinkLost, PeerFault
from fortish.est import wire
from fortish.est.asked import linking_of
from fortish.est.authorities import box_time
from fortish.est.form import encoding
from fortish.est.verdicts import Check, Failed, Said, Skipped, Walk, typed
from fortish.pki import chains, csrattrs, names, pkcs7
from fortish.steps import Step

if TYPE_CHECKING:
    import httpx

REFUSALS = frozenset({401, 403})
NONE = frozenset({204, 404, 501})  # an answer to csrattrs that means that there are none

# --- TLS and HTTP ---------------------------------------------------------------------------------------------------


def _verified(going: Walk) -> Said:
    connection = going.connection(credentials=False)
    try:
        yield from connection.get("cacerts")
    except (LinkLost, PeerFault) as fault:
        if going.own is not None and not going.closed and isinstance(fault, LinkLost):
            going.closed = True
            return f"note: {(yield from _verified(going))}, but only with a client certificate: {fault.reason}"
        if connection.link is None:
            raise
        raise Failed(f"it is, with {connection.link.tls_version}, but it gives no answer: {fault.reason}") from None
    assert connection.link is not None
    return connection.link.tls_version


def _unknown_operation(going: Walk) -> Said:
    response = yield from going.connection(credentials=False).get("nosuchoperation")
    if response.status_code < 400:
        raise Failed(f"an operation that does not exist is answered {response.status_code}")
    return f"{response.status_code}"


def _kept_open(going: Walk) -> Said:
    connection = going.connection(credentials=False)
    yield from connection.get("cacerts")
    first = connection.link
    yield from connection.get("cacerts")
    going.keeps_open = connection.link is first
    return "one connection carries several requests" if going.keeps_open else "note: it closes each connection"


# --- cacerts --------------------------------------------------------------------------------------------------------


def _got(going: Walk, operation: str) -> Generator[Step, Any, httpx.Response]:
    """What an operation that only reads answers to nobody in particular; where it must be, to the user."""
    started = going.box.clock.now()
    response: httpx.Response = yield from going.connection(credentials=False).get(operation)
    going.quickest = min(going.quickest, going.box.clock.now() - started)
    if response.status_code in REFUSALS and going.known:
        going.guarded[operation] = response.status_code
        response = yield from going.connection().get(operation)
    return response


def _guarded(going: Walk, operation: str) -> str:
    """What is to be said of an operation that should need no authentication, but does; '' for nothing."""
    refused = going.guarded.get(operation)
    return f"{refused} to whoever is not authenticated, which should not be needed here" if refused else ""


def _cacerts(going: Walk) -> Said:
    response = yield from _got(going, "cacerts")
    if response.status_code != 200:
        raise Failed(f"answered {response.status_code} {response.reason_phrase}")
    noted = _guarded(going, "cacerts")
    return f"note: {noted}" if noted else None


def _cacerts_given(going: Walk) -> Generator[Step, Any, httpx.Response]:
    """The answer, if there is one whose form can be judged. Raises `Skipped`."""
    response = yield from _got(going, "cacerts")
    if response.status_code != 200:
        raise Skipped("cacerts is not answered")
    return response


def _cacerts_type(going: Walk) -> Said:
    response = yield from _cacerts_given(going)
    return typed(response, "application/pkcs7-mime")


def _cacerts_body(going: Walk) -> Said:
    response = yield from _cacerts_given(going)
    content = response.content
    found = pkcs7.read_certs(wire.decode(content))
    going.published = found
    going.roots = [c for c in found if chains.self_signed(c) and chains.is_ca(c)]
    noted = encoding(content)
    return f"note: {len(found)} certificates; {noted}" if noted else f"{len(found)} certificates"


def _cacerts_root(going: Walk) -> Said:
    yield from _cacerts_given(going)
    if not going.roots:
        raise Failed("there is no self-signed root among the certificates")
    return "; ".join(names.tight(root.subject) for root in going.roots)


def _cacerts_chain(going: Walk) -> Said:
    if not going.roots:
        raise Skipped("there is no root")
    response = yield from _got(going, "cacerts")
    found = pkcs7.read_certs(wire.decode(response.content))
    for certificate in found:
        chains.path_to(certificate, found, going.roots, box_time(going.box))
    return None


# --- csrattrs -------------------------------------------------------------------------------------------------------


def _csrattrs(going: Walk) -> Said:
    response = yield from _got(going, "csrattrs")
    if response.status_code in NONE or (response.status_code == 200 and not response.content.strip()):
        return f"note: none ({response.status_code})"
    if response.status_code != 200:
        raise Failed(f"answered {response.status_code} {response.reason_phrase}")
    going.attributes = csrattrs.read_csrattrs(wire.decode(response.content))
    listed = ", ".join(f"{a.oid} {csrattrs.short_name(a.oid)}" for a in going.attributes)
    noted = "; ".join(filter(None, (_guarded(going, "csrattrs"), "" if listed else "an empty list")))
    return "note: " + "; ".join(filter(None, (listed, noted))) if noted else listed


def _csrattrs_type(going: Walk) -> Said:
    response = yield from _got(going, "csrattrs")
    if response.status_code != 200:
        raise Skipped("there are none" if response.status_code in NONE else "csrattrs is not answered")
    return typed(response, "application/csrattrs")


def _linking(going: Walk) -> Said:
    yield from ()
    asked = linking_of(going.attributes)
    going.context.need_pop, going.context.linking = bool(asked), asked
    return f"note: asked for: {' and '.join(sorted(asked))}" if asked else "note: not asked for"


# In the order in which they are made.
# fmt: off
READING: tuple[Check, ...] = (
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
)
# fmt: on
