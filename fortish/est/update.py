"""CA certificates of an EST server that are asked for again before they expire (RFC 7030 sections 4.1.2 and 4.1.3).

As at an enrollment: the server is verified by what is held, never provisionally, and what it sends must chain to its
newest root or to what is held. Nobody is asked, nothing secret is sent.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fortish.box import CA, UNSET_ADDRESS, Box
from fortish.cmdb.entries import Entry
from fortish.errors import LinkLost, PeerFault
from fortish.est import operations
from fortish.est.auth import set_auth
from fortish.est.authorities import EnrollFault, authority_changes, enroll_fault, keep_newer, take_authorities
from fortish.est.context import EstContext, split_url
from fortish.est.trace import EstLine, trace
from fortish.est.trust import anchor, proxy_of, trust_of
from fortish.steps import Step


def est_update(box: Box, name: str, scope: str) -> Generator[Step, Any, list[str]]:
    """Ask the server of a CA certificate for those it has now; the names of what is new. Raises `EnrollFault`."""
    entry = box.cmdb.entry(scope, CA, name)
    if entry is None:
        raise EnrollFault(f"CA certificate '{name}' no longer exists")
    context = _context(box, name, scope, entry)
    trust_of(box, context, "")
    try:
        connection = yield from set_auth(box, context, http=False)
        received = yield from operations.cacerts(connection)
        usable = yield from take_authorities(box, context, received)
        new = keep_newer(box, scope, name, authority_changes(box, context, usable))
    except (LinkLost, PeerFault, EnrollFault) as fault:
        yield trace(EstLine.NO_CA_CERTS, code=-1)
        raise enroll_fault(fault) from None
    yield trace(EstLine.CAS_UPDATED, name=name, names=", ".join(new) or "none")
    anchor(box, context, connection.link)
    return new


def _context(box: Box, name: str, scope: str, entry: Entry) -> EstContext:
    """What the entry says of its server. Raises `EnrollFault`."""
    url, source = entry.values["est-url"], entry.values.get("source-ip", UNSET_ADDRESS)
    try:
        host, port = split_url(url)
    except ValueError:
        raise EnrollFault("est-url is not a valid URL") from None
    return EstContext(
        name,
        url,
        host,
        port,
        ca_identifier=entry.values.get("ca-identifier"),
        source_ip=None if source == UNSET_ADDRESS else source,
        scope=scope,
        vfid=box.vfid(scope),
        proxy=proxy_of(box, scope),
    )
