"""One EST connection: dialled when first needed, kept for all operations, dialled anew once if the server closed it.

Every request goes out on one `Link`, so a request may be bound to its TLS session (RFC 7030 section 3.5). A challenge
is answered once, on a verified link. Redirections are followed (section 3.2.1): inside the origin unasked; to another
one on a connection of its own, which is verified as the first and gets no user and no password, and for a POST only if
the administrator agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from fortish import httpauth
from fortish.errors import LinkLost, PeerFault
from fortish.est import wire
from fortish.est.context import EstContext
from fortish.est.trace import EstLine, late, trace
from fortish.est.trust import is_unknown
from fortish.messages import Text
from fortish.steps import Ask, Http, Link, Peer, Step, dial, exchange

if TYPE_CHECKING:
    import httpx

    from fortish.est.digest import Digest

Body = Callable[[Link], str]
Asked = Generator[Step, object, "httpx.Response"]

REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTIONS = 5
SEE_OTHER = 303  # RFC 9110 section 15.4.4
SECRET_ANSWERS = frozenset({"serverkeygen"})  # operations whose answer has a private key in it
BINDABLE = "TLSv1.2"  # tls-unique is not defined on anything newer (RFC 8446 appendix C.5)


class Connection:
    """The connection of one enrollment. `credentials` are for HTTP authentication; `now` is the box's clock.

    `unasked`: HTTP Basic is sent at once, not only to who asks for it. `provisional`: whoever answers is listened to,
    and nothing secret is sent.
    """

    def __init__(
        self,
        context: EstContext,
        credentials: tuple[str, str] | None,
        now: Callable[[], float],
        *,
        unasked: bool = True,
        provisional: bool = False,
    ) -> None:
        self.context = context
        self.now = now
        self.credentials = None if provisional else credentials
        self.provisional = provisional
        self.link: Link | None = None  # to the server itself
        self._home = context.host.lower(), context.port
        self._others: dict[tuple[str, int], Link] = {}  # to where it has redirected
        self._basic = unasked  # whether HTTP Basic is sent, where there are credentials
        self._digest: Digest | None = None
        self._dialled = False
        self._secret = False

    def get(self, operation: str) -> Asked:
        """GET an operation. Raises `LinkLost`, `PeerFault`."""
        return (yield from self._ask("GET", EstLine.GET, operation, None))

    def post(self, operation: str, body: Body) -> Asked:
        """POST what `body` makes for the link it goes out on. Raises `LinkLost`, `PeerFault`."""
        return (yield from self._ask("POST", EstLine.POST, operation, body))

    def bindable(self) -> Generator[Step, object, Link]:
        """The link that a bound request will go out on: one whose TLS session has a name. Raises `LinkLost`."""
        if self.link is None or self.link.tls_unique is None:
            yield trace(EstLine.BINDING)
            try:
                self.link = yield from self._dial(self._home)
            except LinkLost as lost:
                yield trace(EstLine.ERROR_BUF, reason=lost.reason.rstrip("."))
                raise _unbindable(lost) from None
        return self.link

    def _ask(self, method: str, line: EstLine, operation: str, body: Body | None) -> Asked:
        url = wire.operation_url(self.context.url, self.context.label, operation)
        self._secret = operation in SECRET_ANSWERS
        for _ in range(MOST_REDIRECTIONS + 1):
            response = yield from self._authenticated(method, line, url, body)
            if response.status_code not in REDIRECTIONS or "location" not in response.headers:
                return response
            if response.status_code == SEE_OTHER:  # the answer is to be fetched there, not the request repeated
                method, line, body = "GET", EstLine.GET, None
            url = yield from self._redirected(method, url, wire.first(response, "location"), body)
        yield trace(EstLine.REDIRECT_LOOP)
        raise PeerFault(f"the server redirects more than {MOST_REDIRECTIONS} times")

    def _redirected(self, method: str, url: str, location: str, body: Body | None) -> Generator[Step, object, str]:
        """Where to go on. Raises `PeerFault`: not there; `LinkLost`: another server cannot be reached or verified."""
        there = wire.redirected(url, location)
        shown = wire.printable(location if there is None else there, wire.TEXT_LIMIT)
        refused = self._refused(there)
        if there is not None and not refused and self._is_elsewhere(there) and method == "POST":
            agreed = (yield Ask(Text.EST_REDIRECTED(url=shown))) == "y"
            refused = "" if agreed else "nobody has agreed to send the request to another server"
        if there is None or refused:
            yield trace(EstLine.REDIRECT_REFUSED, url=shown, reason=refused)
            raise PeerFault(f"the server redirects to {shown}: not followed, {refused}")
        yield trace(EstLine.REDIRECT, url=shown)
        if self._is_elsewhere(there):
            yield from self._elsewhere(there, body)
        return there

    def _refused(self, there: str | None) -> str:
        """Why a redirection is followed in no case, '' where it may be."""
        if there is None:
            return "it is no usable https address"
        if not self._is_elsewhere(there):
            return ""
        if self.context.srp is not None:
            return "TLS-SRP authorises one server, and this is another"
        return "it is another server, and this one is not verified" if self.provisional else ""

    def _is_elsewhere(self, url: str) -> bool:
        return wire.origin(url) != self._home

    def _elsewhere(self, url: str, body: Body | None) -> Generator[Step, object, None]:
        """Connect to another server, unless there is a connection; a bound request is made anew for it, and shown."""
        place = wire.origin(url)
        if place not in self._others:
            yield trace(EstLine.REDIRECT_OTHER, host=place[0], port=place[1])
            try:
                self._others[place] = yield from self._dial(place)
            except LinkLost as lost:
                yield trace(EstLine.ERROR_BUF, reason=lost.reason.rstrip("."))
                raise
        if body is not None and self.context.need_pop:
            yield trace(EstLine.POSTED, body=body(self._others[place]))

    def _authenticated(self, method: str, line: EstLine, url: str, body: Body | None) -> Asked:
        """One request; once more where the server asks for HTTP authentication that it has not had."""
        response = yield from self._traced(method, line, url, body)
        if response.status_code != 401 or self.credentials is None or self._is_elsewhere(url):
            return response
        if self._basic and self._digest is None and "www-authenticate" not in response.headers:
            return (yield from self._without_basic(response, method, line, url, body))
        if (yield from self._answers(response, basic=not self._basic)):
            return (yield from self._traced(method, line, url, body))
        return response

    def _without_basic(self, refused: httpx.Response, method: str, line: EstLine, url: str, body: Body | None) -> Asked:
        """What a server says that refuses HTTP Basic without a challenge: once more without it, to see the challenge.

        libest is one, when it is set to HTTP Digest.
        """
        yield trace(EstLine.NO_CHALLENGE)
        self._basic = False
        response = yield from self._traced(method, line, url, body)
        if response.status_code != 401:
            return response
        if (yield from self._answers(response, basic=False)):
            return (yield from self._traced(method, line, url, body))
        self._basic = True
        return refused

    def _answers(self, response: httpx.Response, *, basic: bool) -> Generator[Step, object, bool]:
        """Whether a challenge can be answered: by HTTP Digest, or by Basic where that is yet to be tried."""
        from fortish.est.digest import challenge, offers_basic, texts

        headers = texts(response, b"www-authenticate")
        asked, unknown = challenge(headers)
        if asked is not None and (self._digest is None or asked.stale):
            self._digest = asked
            realm = wire.printable(asked.realm, wire.TEXT_LIMIT)
            yield trace(EstLine.DIGEST, algorithm=asked.algorithm, realm=realm)
            return True
        if basic and self._digest is None and offers_basic(headers):
            self._basic = True
            yield trace(EstLine.BASIC)
            return True
        if asked is None and unknown:
            yield trace(EstLine.UNANSWERED, offered=wire.printable(unknown, wire.TEXT_LIMIT))
        return False

    def _traced(self, method: str, line: EstLine, url: str, body: Body | None) -> Asked:
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
        if self._secret and response.is_success:
            yield trace(EstLine.BUFFER_HIDDEN)
        else:
            yield late(EstLine.BUFFER, lambda: {"body": wire.body_text(response.content)})
        return response

    def _on_a_link(self, method: str, url: str, body: Body | None) -> Asked:
        """One request; again on a new connection if a kept one turns out to be closed."""
        place = wire.origin(url)
        kept = self.link if place == self._home else self._others[place]
        if kept is not None:
            try:
                return (yield from self._send(kept, method, url, body))
            except LinkLost as lost:
                if not lost.closed:
                    raise
                yield trace(EstLine.REDIAL)
        fresh = yield from self._dial(place)
        if place == self._home:
            self.link = fresh
        else:
            self._others[place] = fresh
        if kept is not None and body is not None and self.context.need_pop:
            yield trace(EstLine.POSTED, body=body(fresh))
        return (yield from self._send(fresh, method, url, body))

    def _send(self, link: Link, method: str, url: str, body: Body | None) -> Asked:
        request = wire.request(method, url, body(link) if body else "", self._authorization(method, url))
        response: httpx.Response = yield from exchange(Http(link, request, wire.BODY_LIMIT))
        if self._digest is not None and response.status_code != 401 and not self._is_elsewhere(url):
            self._digest.go_on(response)
        return response

    def _authorization(self, method: str, url: str) -> str:
        """What proves who asks, the server being authorised by then (RFC 7030 section 3.2.3); to no other one."""
        if self.credentials is None or self._is_elsewhere(url):
            return ""
        if self._digest is not None:
            return self._digest.answer(method, wire.target(url), *self.credentials)
        return httpauth.basic(*self.credentials) if self._basic else ""

    def _dial(self, place: tuple[str, int]) -> Generator[Step, object, Link]:
        """Connect to a host and port. A client certificate is shown wherever it is asked for: it is no secret."""
        context = self.context
        if not self._dialled and context.srp is None:  # over TLS-SRP no certificate is looked at
            explicit = EstLine.EXPLICIT_CA if context.server_cert else EstLine.GLOBAL_CAS
            yield trace(EstLine.PROVISIONAL if self.provisional else explicit, name=context.trust_name)
            yield trace(EstLine.EX_DATA)
            self._dialled = True
        context.has_hostinfo = True
        peer = Peer(
            *place,
            context.trust,
            None if self.provisional else context.credential,
            None if self.provisional else context.srp,
            source=context.source_ip or "",
            timeout=context.timeout,
            highest=BINDABLE if context.need_pop else "",
            provisional=self.provisional,
            proxy=context.proxy,
        )
        try:
            return (yield from dial(peer))
        except LinkLost as lost:
            if context.own_only and is_unknown(lost.reason):
                yield trace(EstLine.OWN_CAS, reason=context.own_only)
            raise


def _unbindable(lost: LinkLost) -> LinkLost:
    """The same in words, where a server that wants a bound request speaks nothing that one can be bound to."""
    if "alert protocol version" not in lost.reason:
        return lost
    return LinkLost(f"{lost.reason}: the server wants the request bound to its session, but does not speak TLS 1.2")
