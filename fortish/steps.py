"""The steps: what a flow may ask of the world.

A flow is a generator of steps. It holds no socket, no clock and no terminal; one driver carries its steps out and sends
the answers back in. So the same flow runs in a test, at a terminal, in a replayed script and as a background job.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx


LINES_A_STEP = 500  # of a long text


class Kind(Enum):
    """What a question takes for an answer."""

    YES_NO = "one key, y or n"
    LINE = "a line"
    SECRET = "a line that is not echoed"  # noqa: S105
    KEY = "one key of any kind"


@dataclass(frozen=True, slots=True)
class Say:
    """Print `text` and a line end to this administrator; `paged` output stops at each full screen."""

    text: str
    paged: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """Print `line` to every console that has debug output on, if the debug level of `daemon` is not 0.

    `made` is the line, or what makes it: that is called at most once, while the flow stands here, and only if somebody
    will see it. It raises nothing.
    """

    daemon: str
    made: str | Callable[[], str]

    @property
    def line(self) -> str:
        """The line."""
        return self.made if isinstance(self.made, str) else self.made()


@dataclass(frozen=True, slots=True)
class Announce:
    """Print `line` to every console, or to that whose debug switch (`fortish.commands.DebugSwitch`) `to` is."""

    line: str
    to: object = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this administrator; answered with a string ("y" or "n" for YES_NO, a character for KEY)."""

    question: str
    kind: Kind = Kind.YES_NO


@dataclass(frozen=True, slots=True)
class Wait:
    """Let `seconds` of the box's clock pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Compute:
    """Run a slow pure function away from the event loop; answered with its result."""

    work: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Trust:
    """What a TLS server's chain may end in.

    `anchors` are PEM certificates; `public` adds the public bundle; `partial` lets any certificate of `anchors` end the
    chain, also one that is not self-signed (an explicit trust anchor, RFC 7030 section 3.6.1).
    """

    anchors: tuple[str, ...] = ()
    public: bool = True
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Credential:
    """A TLS client certificate: PEM chain, and its key as encrypted PEM with the password for it."""

    name: str
    certificate: str
    key: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Peer:
    """Everything that decides how a connection is opened and whom it may reach.

    `source` is the local address ('' lets the network choose); `srp` user and password for TLS-SRP (RFC 5054);
    `vfid` the VDOM whose network is used; `timeout` seconds of real time for the dial and for each request. `highest`
    is the newest TLS version that is offered ('' for any). A `provisional` connection trusts whoever answers: it is for
    one look at the CA certificates (RFC 7030 section 4.1.1), with no credentials at all. `proxy` is (host, port, user,
    password) of an HTTP proxy, user '' for none.
    """

    host: str
    port: int
    trust: Trust = Trust()
    credential: Credential | None = None
    srp: tuple[str, str] | None = field(default=None, repr=False)
    source: str = ""
    timeout: float = 30.0
    highest: str = ""
    provisional: bool = False
    proxy: tuple[str, int, str, str] | None = field(default=None, repr=False)

    @property
    def origin(self) -> str:
        """`https://host:port`, an IPv6 host in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Link:
    """One authorised connection. `chain` is DER, leaf first, as verified; `handle` is the network's own."""

    peer: Peer
    chain: tuple[bytes, ...]
    tls_version: str
    tls_unique: bytes | None
    handle: Any = field(repr=False, compare=False, default=None)


@dataclass(frozen=True, slots=True)
class Dial:
    """Open and authorise one connection; answered with a `Link`, or `LinkLost` is thrown in."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class Http:
    """One request on this link and never on another; answered with an `httpx.Response` whose body is read.

    `limit` bytes of body are the most that is taken; more is a `PeerFault`.
    """

    link: Link
    request: httpx.Request
    limit: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """What an IP header carries: time to live (0: as the system has it), type of service, and the DF bit."""

    ttl: int = 0
    tos: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class EchoReply:
    """One ICMP echo answer: time in seconds, time to live."""

    seconds: float
    ttl: int


@dataclass(frozen=True, slots=True)
class Resolve:
    """Look up a host; answered with an IPv4 address, or `LinkLost` is thrown in."""

    host: str


@dataclass(frozen=True, slots=True)
class Echo:
    """One ICMP echo request; answered with an `EchoReply`, or None when nothing came within `timeout` seconds.

    `pattern` is repeated to fill the data.
    """

    address: str
    sequence: int
    size: int = 56
    source: str = ""
    timeout: float = 2.0
    header: Header = Header()
    pattern: bytes = b""


@dataclass(frozen=True, slots=True)
class ProbeReply:
    """Who answered a probe, and after how many seconds. `last`: no more hops will be found behind.

    `refusal` says why, where it is not the host itself that answered: !H, !N, !X or !<code>.
    """

    address: str
    seconds: float
    last: bool
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A datagram that lives for `ttl` hops; answered with a `ProbeReply`, or None if nothing came in `timeout` seconds.

    `size` is that of the whole packet in bytes.
    """

    address: str
    ttl: int
    sequence: int
    size: int = 84
    timeout: float = 3.0


@dataclass(frozen=True, slots=True)
class TftpGet:
    """Fetch a file (RFC 1350); answered with its bytes, or `LinkLost` is thrown in."""

    server: str
    name: str
    limit: int = 1 << 22


@dataclass(frozen=True, slots=True)
class TftpPut:
    """Store a file (RFC 1350); answered with None, or `LinkLost` is thrown in."""

    server: str
    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpGet:
    """Fetch a plain http URL; answered with an `httpx.Response` whose body is read, or `LinkLost` is thrown in.

    `limit` bytes of body are the most that is taken; more is a `PeerFault`. `source` is the local address ('' lets the
    network choose). Redirects are not followed.
    """

    url: str
    limit: int = 1 << 22
    source: str = ""
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class HttpPost:
    """POST `body` to a plain http URL; answered as `HttpGet` is, with the same limits."""

    url: str
    body: bytes = field(repr=False)
    content_type: str
    limit: int = 1 << 22
    source: str = ""
    timeout: float = 30.0


Request = Dial | Http | HttpGet | HttpPost | Resolve | Echo | Probe | TftpGet | TftpPut


@dataclass(frozen=True, slots=True)
class Exchange:
    """Ask the network."""

    request: Request


Step = Say | Trace | Announce | Ask | Exchange | Wait | Compute
Flow = Generator[Step, Any, Any]


def dial(peer: Peer) -> Generator[Step, Any, Link]:
    """Open a connection to `peer`. Raises `LinkLost`."""
    link: Link = yield Exchange(Dial(peer))
    return link


def exchange(request: Request) -> Generator[Step, Any, Any]:
    """Ask the network for `request` and return its answer. Raises `LinkLost`, `PeerFault`."""
    return (yield Exchange(request))


def compute(work: Callable[[], Any]) -> Generator[Step, Any, Any]:
    """Run `work` away from the event loop."""
    return (yield Compute(work))


def nothing() -> Flow:
    """A flow without steps."""
    yield from ()


def say(lines: Iterable[str]) -> Flow:
    """Print lines, paged; many of them in several steps, so that the first are seen before the last are made."""
    rows = iter(lines)
    while block := list(islice(rows, LINES_A_STEP)):
        yield Say("\n".join(block), paged=True)
