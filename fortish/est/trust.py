"""Whom an enrollment trusts, and the proxy on the way to its server."""

from __future__ import annotations

from fortish.box import CA, Box
from fortish.cmdb.store import GLOBAL
from fortish.est.context import EstContext
from fortish.steps import Trust

SETTING = (*CA[:2], "setting")


def trust_of(box: Box, context: EstContext, explicit: str) -> None:
    """Whom the connection and the issued certificate may chain to.

    The CA named `explicit` alone; without one the box's CA certificates, and for TLS the public bundle too.
    """
    store = box.authorities(context.scope)
    if explicit:
        anchor = store.get(explicit) or _remote(box, context.scope, explicit)
        context.trust, context.trust_name = Trust((anchor,), public=False, partial=True), explicit
        context.anchors = (anchor,)
    else:
        context.trust, context.anchors = Trust(tuple(store.values())), tuple(store.values())


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
