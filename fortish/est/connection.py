"""One EST connection: dialled when first needed, kept for all operations, dialled anew once if the server closed it.

Every request goes out on one `Link`, so a request may be bound to its TLS session (RFC 7030 section 3.5).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from fortish.errors import LinkLost, PeerFault
from fortish.est import wire
from fortish.est.context import EstContext
from fortish.est.trace import EstLine, trace
from fortish.steps import Http, Link, Peer, Step, dial, exchange

if TYPE_CHECKING:
    import httpx

Body = Callable[[Link], str]
Asked = Generator[Step, object, "httpx.Response"]


class Connection:
    """The connection of one enrollment. `authenticate` says whether HTTP credentials are sent."""

    def __init__(self, context: EstContext, credentials: tuple[str, str] | None) -> None:
        self.context = context
        self.credentials = credentials
        self.link: Link | None = None
        self._dialled = False

    def get(self, operation: str) -> Asked:
        """GET an operation. Raises `LinkLost`, `PeerFault`."""
        return (yield from self._ask("GET", EstLine.GET, operation, None))

    def post(self, operation: str, body: Body) -> Asked:
        """POST what `body` makes for the link it goes out on. Raises `LinkLost`, `PeerFault`."""
        return (yield from self._ask("POST", EstLine.POST, operation, body))

    def _ask(self, method: str, line: EstLine, operation: str, body: Body | None) -> Asked:
        url = wire.operation_url(self.context.url, self.context.label, operation)
        yield trace(EstLine.URL, url=url)
        yield trace(line)
        try:
            response = yield from self._on_a_link(method, url, body)
        except LinkLost as lost:
            yield trace(EstLine.ERROR_BUF, reason=lost.reason.rstrip("."))
            raise
        except PeerFault as fault:
            yield trace(EstLine.TOO_LARGE, reason=fault.reason)
            raise
        for header in wire.header_lines(response):
            yield trace(EstLine.HEADER, line=header)
        yield trace(EstLine.RESPONSE, status=response.status_code)
        yield trace(EstLine.BUFFER, body=wire.body_text(response.content))
        return response

    def _on_a_link(self, method: str, url: str, body: Body | None) -> Asked:
        """One request; again on a new connection if a kept one turns out to be closed."""
        kept = self.link
        if kept is not None:
            try:
                return (yield from self._send(kept, method, url, body))
            except LinkLost as lost:
                if not lost.closed:
                    raise
                yield trace(EstLine.REDIAL)
        self.link = yield from self._dial()
        return (yield from self._send(self.link, method, url, body))

    def _send(self, link: Link, method: str, url: str, body: Body | None) -> Asked:
        request = wire.request(method, url, body(link) if body else "", self.credentials)
        response: httpx.Response = yield from exchange(Http(link, request, wire.BODY_LIMIT))
        return response

    def _dial(self) -> Generator[Step, object, Link]:
        context = self.context
        if not self._dialled:
            explicit = EstLine.EXPLICIT_CA if context.server_cert else EstLine.GLOBAL_CAS
            yield trace(explicit, name=context.trust_name)
            yield trace(EstLine.EX_DATA)
            self._dialled = True
        context.has_hostinfo = True
        peer = Peer(context.host, context.port, context.trust, context.credential, source=context.source_ip or "")
        return (yield from dial(peer))
