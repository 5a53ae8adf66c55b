"""`execute vpn certificate remote …`: certificates of peers from a TFTP server, and out to one."""

from __future__ import annotations

from collections.abc import Iterable

from fortish import messages
from fortish.cmdb.entries import GLOBAL, Entry, Put
from fortish.cmdb.table import words
from fortish.commands import Arguments, Here
from fortish.execute.requests import kept_in
from fortish.execute.transfer import commit, demand, fetched, sent
from fortish.messages import Text
from fortish.pki import pem
from fortish.pki.faults import PkiFault
from fortish.steps import Flow, Say

REMOTE = words("vpn certificate remote")


def import_tftp(here: Here, arguments: Arguments) -> Flow:
    """Fetch a certificate, PEM or DER, and keep it as REMOTE_Cert_N. Of a chain the first is the peer's own."""
    demand(arguments, "file", "server")
    body = yield from fetched(arguments["server"], arguments["file"])
    try:
        text = pem.pem(pem.certificates(body)[0])
    except PkiFault:
        raise messages.failed(-302, Text.BAD_CERTIFICATE()) from None
    known = _known(here)
    for name, entry in known.items():
        if entry.values.get("remote") == text:
            raise messages.failed(-5, Text.CERTIFICATE_HELD(name=name))
    entry = Entry({"remote": text, **kept_in(here.scope)})
    commit(here.box, [Put(here.scope, REMOTE, _next_name(known), entry)])
    yield Say(Text.DONE())


def export_tftp(here: Here, arguments: Arguments) -> Flow:
    """Send a remote certificate as PEM."""
    demand(arguments, "name", "file", "server")
    name = arguments["name"]
    entry = _known(here).get(name)
    if entry is None or not entry.values.get("remote"):
        raise messages.failed(-151, Text.NO_REMOTE(name=name))
    yield from sent(arguments["server"], arguments["file"], f"{entry.values['remote']}\n".encode())
    yield Say(Text.DONE())


def _known(here: Here) -> dict[str, Entry]:
    """The remote certificates that are known here: those of the VDOM and those of the whole box."""
    cmdb = here.box.cmdb
    return {**cmdb.rows(GLOBAL, REMOTE), **cmdb.rows(here.scope, REMOTE)}


def _next_name(taken: Iterable[str]) -> str:
    names, number = set(taken), 1
    while f"REMOTE_Cert_{number}" in names:
        number += 1
    return f"REMOTE_Cert_{number}"
