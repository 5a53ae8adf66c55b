"""CA certificates of a SCEP server that are asked for again before they expire (GetCACert, RFC 8894 section 4.2).

Nobody is asked: what the CA store does not vouch for is not kept.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fortish.box import CA, UNSET_ADDRESS, Box
from fortish.errors import LinkLost, PeerFault
from fortish.est.authorities import EnrollFault, box_time, enroll_fault, keep_newer
from fortish.scep.authorities import authorities_of, authority_changes, vouched
from fortish.scep.context import ScepContext, check_url
from fortish.scep.operations import Server, get_ca_cert
from fortish.scep.trace import ScepLine, trace
from fortish.steps import Step


def scep_update(box: Box, name: str, scope: str) -> Generator[Step, Any, list[str]]:
    """Ask the server of a CA certificate for those it has now; the names of what is new. Raises `EnrollFault`."""
    try:
        context = _context(box, name, scope)
        received = yield from get_ca_cert(Server(box, context))
        found = authorities_of(received, vouched(box, context, received), box_time(box), encrypts=False)
        new = keep_newer(box, scope, name, authority_changes(box, context, found.cas, learn=True))
    except (LinkLost, PeerFault, EnrollFault) as fault:
        yield trace(ScepLine.CAS_FAILED, name=name, reason=fault.reason)
        raise enroll_fault(fault) from None
    yield trace(ScepLine.CAS_UPDATED, name=name, names=", ".join(new) or "none")
    return new


def _context(box: Box, name: str, scope: str) -> ScepContext:
    """What the entry says of its server. Raises `EnrollFault`."""
    entry = box.cmdb.entry(scope, CA, name)
    if entry is None:
        raise EnrollFault(f"CA certificate '{name}' no longer exists")
    url, source = entry.values["scep-url"], entry.values.get("source-ip", UNSET_ADDRESS)
    try:
        check_url(url)
    except ValueError:
        raise EnrollFault("scep-url is not a valid URL") from None
    identifier, source = entry.values.get("ca-identifier", ""), "" if source == UNSET_ADDRESS else source
    return ScepContext(name, url, identifier, source, scope=scope, vfid=box.vfid(scope))
