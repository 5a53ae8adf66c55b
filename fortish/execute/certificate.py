"""`execute vpn certificate local …` beside enrollment: signed certificates and PKCS #12 in, everything out, verify."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from fortish import messages
from fortish.box import LOCAL, Box
from fortish.cmdb.entries import Entry, Put
from fortish.cmdb.secrets import random_password, seal
from fortish.cmdb.types import XSS
from fortish.commands import Arguments, Here
from fortish.errors import CliError
from fortish.est.authorities import box_time
from fortish.execute.ca import store_changes
from fortish.execute.requests import check_free, kept_in
from fortish.execute.transfer import commit, demand, fetched, sent
from fortish.messages import Text
from fortish.pki import away, chains, keys, pem, pkcs12, requests
from fortish.pki.faults import ChainFault, PkiFault
from fortish.steps import Flow, Say, Step, compute

if TYPE_CHECKING:
    from cryptography import x509

LONGEST_NAME = 35  # characters of a local certificate's name
_ENDINGS = (".p12", ".pfx")


# --- in -------------------------------------------------------------------------------------------------------------


def import_tftp(here: Here, arguments: Arguments) -> Flow:
    """Fetch a certificate that answers a pending request, or a PKCS #12 file with a key of its own."""
    demand(arguments, "file", "server", "type")
    if arguments["type"] == "p12":
        yield from _import_p12(here, arguments)
    elif arguments["password"]:
        raise messages.parse_error(arguments["password"])  # a certificate has no password
    else:
        body = yield from fetched(arguments["server"], arguments["file"])
        put = yield from _answered(here.box, here.scope, body)
        commit(here.box, [put])
    yield Say(Text.DONE())


def _answered(box: Box, scope: str, body: bytes) -> Generator[Step, Any, Put]:
    """The entry whose request one of the certificates in `body` answers: it has the key. Raises `CliError` (-145)."""
    try:
        certificates = pem.certificates(body)
    except PkiFault:
        raise messages.failed(-145, Text.BAD_CERTIFICATE()) from None
    for name, entry in list(box.cmdb.rows(scope, LOCAL).items()):
        certificate = yield from _answer_to(entry, certificates)
        if certificate is None or box.cmdb.entry(scope, LOCAL, name) is not entry:  # it was changed meanwhile
            continue
        if (scope, name) in box.enrolling:
            raise messages.failed(1, Text.EST_BUSY(name=name))
        # The request has had its answer: it is not kept, so the same certificate is not taken twice.
        kept = {attribute: value for attribute, value in entry.values.items() if attribute != "csr"}
        return Put(scope, LOCAL, name, Entry({**kept, "certificate": pem.pem(certificate)}, entry.children))
    raise messages.failed(-145, Text.NO_REQUEST(), Text.BAD_CERTIFICATE())


def _answer_to(entry: Entry, certificates: list[x509.Certificate]) -> Generator[Step, Any, x509.Certificate | None]:
    """The certificate for the key of an entry's pending request; None too if the entry's own key is another."""
    request = entry.values.get("csr")
    if not request or entry.values.get("certificate"):
        return None
    try:
        found = chains.issued_for(certificates, requests.read_request(request))
        secret = entry.values.get("password")
        if found is None or (secret is not None and secret.clear is None):  # a key that another box has encrypted
            return found
        password = secret.clear if secret is not None else ""
        key = yield from away.loaded(entry.values.get("private-key", ""), password)
    except PkiFault:
        return None
    return found if keys.same_key(found, key) else None


def _import_p12(here: Here, arguments: Arguments) -> Flow:
    box, scope, name = here.box, here.scope, _name_of(arguments["file"])
    check_free(here, name)
    body = yield from fetched(arguments["server"], arguments["file"])
    try:
        contents: pkcs12.Contents = yield from compute(partial(pkcs12.read, body, arguments["password"]))
    except PkiFault as fault:
        raise messages.failed(-167, Text.P12_UNREADABLE(reason=fault.reason)) from None
    if contents.key is None or contents.certificate is None:
        raise messages.failed(-145, Text.P12_INCOMPLETE())
    # The file's password becomes the key's: whoever exports it again knows it.
    password = arguments["password"] or random_password()
    values = {
        "password": seal(password),
        "private-key": keys.encrypted_pem(contents.key, password),
        "certificate": pem.pem(contents.certificate),
        **kept_in(scope),
    }
    check_free(here, name)
    authorities = [certificate for certificate in contents.others if _is_ca(certificate)]
    commit(box, [*store_changes(box, scope, authorities), Put(scope, LOCAL, name, Entry(values))])


def _name_of(file: str) -> str:
    """The name of the entry that a PKCS #12 file becomes: the file's, without folders and ending. Raises `CliError`."""
    name = file.rpartition("/")[2].rpartition("\\")[2]
    if name.lower().endswith(_ENDINGS):
        name = name[:-4]
    if not name:
        raise messages.value_error(file, -651, Text.BAD_FILE_NAME(name=file))
    if len(name) > LONGEST_NAME:
        raise messages.value_error(file, -166, Text.TOO_LONG(size=len(name), limit=LONGEST_NAME), blank=False)
    if not XSS.isdisjoint(name):
        raise messages.value_error(file, -173, Text.XSS())
    return name


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return chains.is_ca(certificate)
    except PkiFault:
        return False


# --- out ------------------------------------------------------------------------------------------------------------


def export_tftp(here: Here, arguments: Arguments) -> Flow:
    """Send the certificate or the request as PEM, or certificate, key and known CA certificates as PKCS #12."""
    demand(arguments, "name", "type", "file", "server")
    values = _held(here, arguments["name"])
    content = yield from _EXPORTS[arguments["type"]](here, arguments["name"], values)
    yield from sent(arguments["server"], arguments["file"], content)
    yield Say(Text.DONE())


Exported = Generator[Step, Any, bytes]


def _certificate(here: Here, name: str, values: dict[str, Any]) -> Exported:
    if not values["certificate"]:
        raise _nothing(name, "certificate")
    yield from ()
    return f"{values['certificate']}\n".encode()


def _request(here: Here, name: str, values: dict[str, Any]) -> Exported:
    if not values["csr"]:
        raise _nothing(name, "certificate request")
    yield from ()
    return f"{values['csr'].strip()}\n".encode()


def _pkcs12(here: Here, name: str, values: dict[str, Any]) -> Exported:
    if not values["certificate"] or not values["private-key"]:
        raise _nothing(name, "certificate with its private key", -168)
    # The command takes no password, and a file without one would leave the key in clear: it is the private key's own.
    password = values["password"] or ""
    try:
        key = yield from away.loaded(values["private-key"], password)
        certificate = pem.certificate(values["certificate"])
    except PkiFault as fault:
        raise messages.failed(-168, Text.EST_NO_KEY(name=name, reason=fault.reason)) from None
    if not keys.same_key(key, certificate):
        raise messages.failed(-168, Text.VERIFY_MISMATCH())
    chain = _known_path(here, certificate)
    try:
        content: bytes = yield from compute(partial(pkcs12.write, name, key, certificate, chain, password))
    except PkiFault as fault:
        raise messages.failed(-168, Text.P12_NOT_MADE(reason=fault.reason)) from None
    return content


_EXPORTS = {"cer": _certificate, "csr": _request, "p12": _pkcs12}


def _known_path(here: Here, certificate: x509.Certificate) -> list[x509.Certificate]:
    """The CA certificates of the store above `certificate`, as far as they lead to a root that is valid now."""
    store = [pem.certificate(text) for text in here.box.authorities(here.scope).values()]
    try:
        return chains.path_to(certificate, store, store, box_time(here.box))[1:]
    except ChainFault:
        return []


def _nothing(name: str, what: str, code: int = 1) -> CliError:
    return messages.failed(code, Text.EXPORT_NOTHING(name=name, what=what))


# --- verify ---------------------------------------------------------------------------------------------------------


def _held(here: Here, name: str) -> dict[str, Any]:
    values: dict[str, Any] | None = here.box.local(name, here.scope)
    if values is None:
        raise messages.failed(-151, Text.NO_SUCH_CERTIFICATE(name=name))
    return values


def verify(here: Here, arguments: Arguments) -> Flow:
    """Whether a certificate and its private key belong together."""
    name = arguments["name"]
    values = _held(here, name)
    if not values["certificate"] or not values["private-key"]:
        raise messages.failed(1, Text.VERIFY_NOTHING(name=name))
    try:
        key = yield from away.loaded(values["private-key"], values["password"] or "")
        fits = keys.same_key(key, pem.certificate(values["certificate"]))
    except PkiFault as fault:
        raise messages.failed(-145, Text.EST_NO_KEY(name=name, reason=fault.reason)) from None
    if not fits:
        raise messages.failed(-145, Text.VERIFY_MISMATCH())
    yield Say(Text.VERIFY_MATCH())
