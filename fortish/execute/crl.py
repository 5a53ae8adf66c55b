"""`execute vpn certificate crl import auto`: a revocation list fetched from where its entry says, and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fortish import messages
from fortish.box import UNSET_ADDRESS, Box
from fortish.cmdb.entries import Entry, Put
from fortish.cmdb.table import words
from fortish.commands import Arguments, Here
from fortish.errors import CliError, LinkLost, PeerFault
from fortish.est.authorities import box_time
from fortish.execute.transfer import commit, demand, said
from fortish.messages import Text
from fortish.pki import crl, pem
from fortish.pki.faults import PkiFault
from fortish.steps import Flow, HttpGet, Say, exchange

if TYPE_CHECKING:
    import httpx

CRL = words("vpn certificate crl")
OK = 200


def import_auto(here: Here, arguments: Arguments) -> Flow:
    """Fetch the list of an entry over its http-url; it is stored if a CA of the box has signed it and it is current."""
    demand(arguments, "name")
    box, scope, name = here.box, here.scope, arguments["name"]
    request = _request(name, box.cmdb.entry(scope, CRL, name))
    try:
        answer: httpx.Response = yield from exchange(request)
        if answer.status_code != OK:
            raise PeerFault(f"the server answered {answer.status_code}")
    except (LinkLost, PeerFault) as fault:
        raise messages.failed(1, Text.CRL_NOT_FETCHED(url=request.url, reason=said(fault))) from None
    text = _checked(box, scope, answer.content)
    entry = box.cmdb.entry(scope, CRL, name)
    if entry is None:  # deleted while the list was on its way
        raise _gone(name)
    commit(box, [Put(scope, CRL, name, Entry({**entry.values, "crl": text}, entry.children))])
    yield Say(Text.DONE())


def _request(name: str, entry: Entry | None) -> HttpGet:
    """What fetches the list of an entry. Raises `CliError`."""
    if entry is None:
        raise _gone(name)
    values: dict[str, Any] = entry.values
    url = values.get("http-url", "")
    if not url:
        elsewhere = values.get("ldap-server") or values.get("scep-url")
        raise messages.failed(1, (Text.CRL_ONLY_HTTP if elsewhere else Text.CRL_NO_URL)(name=name))
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        usable = False
    if not usable or " " in url:
        raise messages.failed(1, Text.CRL_BAD_URL(name=name))
    source = values.get("source-ip", UNSET_ADDRESS)
    return HttpGet(url, source="" if source == UNSET_ADDRESS else source)


def _checked(box: Box, scope: str, body: bytes) -> str:
    """The list as PEM, signed by a CA of the store. Raises `CliError` (-542)."""
    try:
        found = crl.read(body)
    except PkiFault:
        raise messages.failed(-542, Text.BAD_CRL()) from None
    try:
        crl.check(found, map(pem.certificate, box.authorities(scope).values()), box_time(box))
    except PkiFault as fault:
        raise messages.failed(-542, Text.CRL_REFUSED(reason=fault.reason)) from None
    return crl.pem_crl(found)


def _gone(name: str) -> CliError:
    return messages.failed(-3, Text.NO_CRL(name=name))
