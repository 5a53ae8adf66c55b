"""The host's own network, and none at all: two of the networks a box may stand in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fortish.errors import LinkLost, PeerFault
from fortish.messages import Text
from fortish.network.timing import Stopwatch
from fortish.network.tls import is_address
from fortish.steps import (
    Dial,
    Echo,
    EchoReply,
    Http,
    HttpGet,
    HttpPost,
    Link,
    Peer,
    Probe,
    ProbeReply,
    Request,
    Resolve,
    TftpGet,
    TftpPut,
)  # fmt: skip

if TYPE_CHECKING:
    import httpx

    from fortish.box import Box
    from fortish.network.capture import Keeper

TFTP_PORT = 69


class RealNetwork:
    """The host's resolver and network; nothing is embedded."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.capture: Keeper | None = None
        self._opened: dict[int, tuple[int, float]] = {}  # by link: its number, how long opening it took
        self._dials = 0

    async def resolve(self, host: str) -> str:
        """A name's IPv4 address. Raises `LinkLost`."""
        return (await self.addresses(host, socket.AF_INET))[0]

    async def addresses(self, host: str, family: int = socket.AF_UNSPEC) -> list[str]:
        """The addresses of a host in the order in which the system would try them. Raises `LinkLost`."""
        if family is socket.AF_UNSPEC and is_address(host):
            return [host]
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # the latter for a name that no resolver takes, as one with a label too long
            raise LinkLost(f"Could not resolve host: {host}") from None
        return list(dict.fromkeys(str(one[4][0]) for one in found))

    async def perform(self, request: Request) -> Any:
        """Carry out one request. Raises `LinkLost`, `PeerFault`."""
        match request:
            case Dial(peer):
                return await self._open(peer)
            case Http():
                return await self.http(request)
            case HttpGet() | HttpPost():
                return await self.fetch(request)
            case Resolve(host):
                return await self.resolve(host)
            case Echo():
                return await self.echo(request)
            case Probe():
                return await self.probe(request)
            case TftpGet(server, name, limit):
                from fortish.network.tftp import client

                address, port = await self.tftp(server)
                return await client.get(address, port, name, limit=limit)
            case TftpPut(server, name, content):
                from fortish.network.tftp import client

                address, port = await self.tftp(server)
                return await client.put(address, port, name, content)

    async def _open(self, peer: Peer) -> Link:
        """Connect, and note how long it took; what did not come about is kept where exchanges are."""
        watch = Stopwatch(self.box.clock.now())
        self._dials += 1
        try:
            link = await self.dial(peer)
        except (LinkLost, PeerFault) as fault:
            if self.capture is not None:
                from fortish.network.exchanged import not_connected

                self.capture.keep(not_connected(peer, fault.reason, watch.timing(self._dials, 0.0)))
            raise
        self._opened[id(link.handle)] = self._dials, watch.took()
        return link

    async def http(self, request: Http) -> httpx.Response:
        """One HTTP request on its link; kept where exchanges are."""
        from fortish.network import http

        watch = Stopwatch(self.box.clock.now())
        try:
            response = await http.perform(request)
        except (LinkLost, PeerFault) as fault:
            self._keep(request, None, fault.reason, watch)
            raise
        self._keep(request, response, "", watch)
        return response

    def _keep(self, request: Http, response: httpx.Response | None, fault: str, watch: Stopwatch) -> None:
        if self.capture is not None:
            from fortish.network.exchanged import exchanged

            timing = watch.timing(*self._opened.get(id(request.link.handle), (0, 0.0)))
            self.capture.keep(exchanged(request, response, fault, timing))

    async def dial(self, peer: Peer) -> Link:
        """Connect to a host of the real network."""
        from fortish.network import tls

        host, port = (peer.host, peer.port) if peer.proxy is None else peer.proxy[:2]
        try:
            async with asyncio.timeout(peer.timeout):
                addresses = await self.addresses(host)
        except TimeoutError:
            raise LinkLost(f"Resolving timed out after {round(peer.timeout * 1000)} milliseconds") from None
        except LinkLost as lost:
            raise (lost if peer.proxy is None else LinkLost(f"Could not resolve proxy: {host}")) from None
        return await tls.dial(peer, addresses, port, self.box.clock.now())

    async def fetch(self, request: HttpGet | HttpPost) -> httpx.Response:
        """Plain HTTP from a host of the real network."""
        from fortish.network import fetch

        host, _ = fetch.host_of(request)
        return await fetch.perform(request, await self.addresses(host))

    async def echo(self, request: Echo) -> EchoReply | None:
        """A real ICMP echo request."""
        from fortish.network import icmp

        sent = request.address, request.sequence, request.size, request.source, request.timeout
        return await icmp.echo(*sent, request.header, request.pattern)

    async def probe(self, request: Probe) -> ProbeReply | None:
        """A real datagram."""
        from fortish.network import hops

        return await hops.probe(request)

    async def tftp(self, server: str) -> tuple[str, int]:
        """Where a TFTP server listens."""
        return await self.resolve(server), TFTP_PORT

    async def hang_up(self, links: Sequence[Link]) -> None:
        """Close links; at once, where this is cancelled."""
        if not links:
            return
        from fortish.network.http import GOODBYE

        try:
            for link in links:
                self._opened.pop(id(link.handle), None)
                await link.handle.close(GOODBYE)
        except asyncio.CancelledError:
            for link in links:
                link.handle.abort()
            raise

    async def close(self) -> None:
        """Nothing is kept open."""


class NoNetwork(RealNetwork):
    """No network: no name resolves, nothing answers."""

    async def resolve(self, host: str) -> str:
        """Always fails."""
        raise LinkLost(Text.NO_NETWORK(host=host))

    async def dial(self, peer: Peer) -> Link:
        """Always fails, also for an address."""
        raise LinkLost(f"Could not resolve host: {peer.host}. {Text.NO_NETWORK(host=peer.host)}")

    async def fetch(self, request: HttpGet | HttpPost) -> httpx.Response:
        """Always fails, also for an address."""
        from fortish.network import fetch

        host, _ = fetch.host_of(request)
        raise LinkLost(f"Could not resolve host: {host}. {Text.NO_NETWORK(host=host)}")

    async def echo(self, request: Echo) -> EchoReply | None:
        """Nothing answers."""
        return None

    async def probe(self, request: Probe) -> ProbeReply | None:
        """Nobody answers."""
        return None

    async def tftp(self, server: str) -> tuple[str, int]:
        """Always fails."""
        raise LinkLost(Text.NO_NETWORK(host=server))
