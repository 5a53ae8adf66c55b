"""`get vpn certificate … details`: certificates, requests and revocation lists in a few lines each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fortish import messages
from fortish.cmdb.entries import GLOBAL
from fortish.cmdb.table import words
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.pki import crl, names, pem, requests, text
from fortish.pki.faults import PkiFault
from fortish.steps import Flow, Say

Row = tuple[str, str]


def local(here: Here, arguments: Arguments) -> Flow:
    """Local certificates; of one that is pending, the subject that was requested."""
    yield from _details(here, "local", arguments, _local)


def ca(here: Here, arguments: Arguments) -> Flow:
    """CA certificates."""
    yield from _details(here, "ca", arguments, lambda values: _certificate(values.get("ca", "")))


def remote(here: Here, arguments: Arguments) -> Flow:
    """Certificates of peers."""
    yield from _details(here, "remote", arguments, lambda values: _certificate(values.get("remote", "")))


def crls(here: Here, arguments: Arguments) -> Flow:
    """Revocation lists."""
    yield from _details(here, "crl", arguments, lambda values: text.crl_rows(crl.read(values["crl"])))


def _details(here: Here, table: str, arguments: Arguments, rows_of: Callable[[dict[str, Any]], list[Row]]) -> Flow:
    """The block of one entry, or of all that are kept here. Raises `CliError`."""
    cmdb, path = here.box.cmdb, words(f"vpn certificate {table}")
    name = arguments["name"]
    if table == "local":
        yield from here.box.ready((name,) if name else cmdb.rows(here.scope, path))
    rows = dict(cmdb.rows(here.scope, path))
    if name:
        # One that is named may be another scope's: in a VDOM the certificates of the whole box are known too.
        entry = rows.get(name) or cmdb.entry(GLOBAL, path, name)
        if entry is None:
            raise messages.failed(-3, Text.NOT_IN_TABLE())
        rows = {name: entry}
    lines = [line for key, entry in rows.items() for line in _block(key, entry.values, rows_of)]
    yield Say("\n".join([*lines, ""]), paged=True)


def _block(name: str, values: dict[str, Any], rows_of: Callable[[dict[str, Any]], list[Row]]) -> Iterator[str]:
    yield Text.DETAILS_HEAD(name=name)
    try:
        found = rows_of(values)
    except (PkiFault, KeyError):  # nothing there yet, or what another program has written
        found = []
    for label, value in [("Name:", name), *found]:
        yield Text.DETAILS_ROW(label=label, value=value)


def _local(values: dict[str, Any]) -> list[Row]:
    if values.get("certificate"):
        return _certificate(values["certificate"])
    request = requests.read_request(values["csr"])
    return [("Subject:", names.spaced(request.subject))]


def _certificate(held: str) -> list[Row]:
    return text.detail_rows(pem.certificate(held))
