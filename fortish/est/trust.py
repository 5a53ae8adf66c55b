"""Whom an enrollment trusts, and the proxy on the way to its server.

Explicit trust anchors (RFC 7030 section 3.6.1) are the CA that is named for a server, or else the box's CA
certificates; the public bundle is the implicit ones. A server that the box's own CA certificates have verified, and
whose cacerts it keeps, is never again verified by a public CA (section 4.1.3). One that only a public CA has verified
still is: to make it show another certificate, TLS would have to say so ("trusted CA indication"), and Python's cannot.
"""

from __future__ import annotations

from fortish.box import CA, Box
from fortish.cmdb.entries import GLOBAL
from fortish.est.context import EstContext
from fortish.pki import certificates, chains, pem
from fortish.steps import Link, Trust

SETTING = (*CA[:2], "setting")

# What TLS says of a chain that ends in nobody known.
UNKNOWN = (chains.SELF_SIGNED_IN_CHAIN, chains.SELF_SIGNED, chains.NO_ISSUER)

# Why the public CA certificates do not count for a server.
ANCHORED = "the box's own have verified it before"
GENERATES = "it is to make a private key"


def trust_of(box: Box, context: EstContext, explicit: str) -> None:
    """Whom the connection and the issued certificate may chain to.

    The CA named `explicit` alone; without one the box's CA certificates, and for TLS the public bundle too, unless the
    server was anchored before or is to make a private key (RFC 7030 section 6).
    """
    store = box.authorities(context.scope)
    if explicit:
        anchor = store.get(explicit) or _remote(box, context.scope, explicit)
        context.trust, context.trust_name = Trust((anchor,), public=False, partial=True), explicit
        context.anchors = (anchor,)
    else:
        anchored = is_anchored(box, context)
        context.own_only = ANCHORED if anchored else GENERATES if context.server_key else ""
        context.anchors = tuple(store.values())
        context.trust = Trust(context.anchors, public=not context.own_only)


def is_anchored(box: Box, context: EstContext) -> bool:
    """Whether only the box's own CA certificates may verify the server, of which its cacerts has brought one."""
    if (context.scope, context.url) not in box.anchored:
        return False
    scopes = dict.fromkeys((GLOBAL, context.scope))
    return any(row.values.get("est-url") == context.url for s in scopes for row in box.cmdb.rows(s, CA).values())


def anchor(box: Box, context: EstContext, link: Link | None) -> None:
    """Note, once its cacerts are kept, that the server of `link` was verified by one of the box's CA certificates."""
    if link is None or not link.chain or context.trust_name:
        return
    root = certificates.load(link.chain[-1])
    if any(pem.certificate(text) == root for text in box.authorities(context.scope).values()):
        box.anchored.add((context.scope, context.url))


def is_unknown(reason: str) -> bool:
    """Whether a connection failed because nobody vouches for the server's CA."""
    return any(words in reason for words in UNKNOWN)


def _remote(box: Box, scope: str, name: str) -> str:
    """A remote certificate that `scope` knows. Raises `KeyError`."""
    path = (*CA[:2], "remote")
    entry = box.cmdb.entry(scope, path, name) or box.cmdb.rows(GLOBAL, path)[name]
    return str(entry.values["remote"])


def proxy_of(box: Box, scope: str) -> tuple[str, int, str, str] | None:
    """The HTTP proxy that `config vpn certificate setting` names: host, port, user, password."""
    table = box.cmdb.schema.table(SETTING)
    if table is None or not box.cmdb.touched(place := box.cmdb.scope_of(table, scope), SETTING):
        return None
    entry = box.cmdb.entry(place, SETTING)
    host, port, user, password = (
        box.cmdb.value_of(table, entry, name) for name in ("proxy", "proxy-port", "proxy-username", "proxy-password")
    )
    return (host, port, user or "", getattr(password, "clear", None) or "") if host else None
