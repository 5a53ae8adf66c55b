"""The three networks a box may stand in: the lab's embedded world, the host's own network, or none."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from fortish.errors import LinkLost
from fortish.messages import Text
from fortish.network.tls import is_address
from fortish.steps import Dial, Echo, EchoReply, Http, Link, Peer, Request, Resolve, TftpGet, TftpPut

if TYPE_CHECKING:
    from pathlib import Path

    from fortish.box import Box
    from fortish.network.listen import Listener
    from fortish.network.tftp import Folder, Server
    from fortish.responder.state import Responder

TFTP_PORT = 69


class RealNetwork:
    """The host's resolver and network; nothing is embedded."""

    def __init__(self, box: Box) -> None:
        self.box = box

    async def resolve(self, host: str) -> str:
        """A name's IPv4 address. Raises `LinkLost`."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET)
        except OSError:
            raise LinkLost(f"Could not resolve host: {host}") from None
        return str(found[0][4][0])

    async def perform(self, request: Request) -> Any:
        """Carry out one request. Raises `LinkLost`, `PeerFault`."""
        match request:
            case Dial(peer):
                return await self.dial(peer)
            case Http():
                from fortish.network import http

                return await http.perform(request)
            case Resolve(host):
                return await self.resolve(host)
            case Echo():
                return await self.echo(request)
            case TftpGet(server, name, limit):
                from fortish.network import tftp

                address, port = await self.tftp(server)
                return await tftp.get(address, port, name, limit=limit)
            case TftpPut(server, name, content):
                from fortish.network import tftp

                address, port = await self.tftp(server)
                return await tftp.put(address, port, name, content)

    async def dial(self, peer: Peer) -> Link:
        """Connect to a host of the real network."""
        from fortish.network import tls

        address = peer.host if is_address(peer.host) else await self.resolve(peer.host)
        return await tls.dial(peer, address, peer.port, self.box.clock.now())

    async def echo(self, request: Echo) -> EchoReply | None:
        """A real ICMP echo request."""
        from fortish.network import icmp

        return await icmp.echo(request.address, request.sequence, request.size, request.source, request.timeout)

    async def tftp(self, server: str) -> tuple[str, int]:
        """Where a TFTP server listens."""
        return await self.resolve(server), TFTP_PORT

    async def hang_up(self, link: Link) -> None:
        """Close a link."""
        from fortish.network import http

        if link.handle.http is not None:
            await link.handle.http.aclose()
        await http.close(link.handle)

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

    async def echo(self, request: Echo) -> EchoReply | None:
        """Nothing answers."""
        return None

    async def tftp(self, server: str) -> tuple[str, int]:
        """Always fails."""
        raise LinkLost(Text.NO_NETWORK(host=server))


# The lab's world: names, and how far away its hosts are (milliseconds, time to live).
EST_HOST, EST_ADDRESS, FILE_SERVER = "testrfc7030.com", "54.70.32.33", "192.0.2.10"
NAMES = {EST_HOST: EST_ADDRESS}
DISTANCES = {EST_ADDRESS: (16.0, 31), FILE_SERVER: (0.8, 64)}
EST_PORTS: dict[int, Literal["optional", "required"]] = {8443: "optional", 9443: "required"}
CA_FILE = "estExampleCA.pem"


class LabNetwork(RealNetwork):
    """The embedded world: an EST responder and a file server on loopback, reached under their documented names.

    They start when first needed. The time that a ping takes is made up (there is no distance to measure); everything
    else is real: TLS, certificates, TFTP packets.
    """

    def __init__(
        self, box: Box, responder: Callable[[float], Responder] | None = None, files: Path | None = None
    ) -> None:
        super().__init__(box)
        self._make = responder
        self._files = files
        self._responder: Responder | None = None
        self._listeners: dict[int, Listener] = {}
        self._tftp: Server | None = None
        self._folder: Folder | None = None
        self._random = random.Random(7030)  # noqa: S311 - ping times, no secrets
        self._sources: dict[int, str] = {}

    @property
    def responder(self) -> Responder:
        """The EST responder of this world, made with a fresh CA when first asked for."""
        if self._responder is None:
            self._responder = (self._make or fresh_responder)(self.box.clock.now())
        return self._responder

    @property
    def folder(self) -> Folder:
        """What the file server serves: the CA certificate, and the folder given."""
        if self._folder is None:
            from fortish.network.tftp import Folder
            from fortish.pki import pem

            body = f"{pem.pem(self.responder.authority.certificate)}\n".encode()
            self._folder = Folder({CA_FILE: body}, self._files)
        return self._folder

    async def resolve(self, host: str) -> str:
        """A name of the lab, or any address. Raises `LinkLost`."""
        address = NAMES.get(host.lower().rstrip("."), host)
        if not is_address(address):
            raise LinkLost(f"Could not resolve host: {host}. {Text.LAB_ONLY(host=host)}")
        return address

    async def dial(self, peer: Peer) -> Link:
        """Connect to the responder; any other address is not there."""
        from fortish.network import tls

        address = await self.resolve(peer.host)
        if peer.source and peer.source not in self.box.addresses():
            raise LinkLost(f"bind failed with source address {peer.source}: {Text.NO_SOURCE(address=peer.source)}")
        if address != EST_ADDRESS or peer.port not in EST_PORTS:
            raise LinkLost(f"Failed to connect to {peer.host} port {peer.port} after 0 ms: Couldn't connect to server")
        port = await self._listening(peer.port)
        inside = Peer(peer.host, peer.port, peer.trust, peer.credential, peer.srp, "", peer.timeout)
        link = await tls.dial(inside, "127.0.0.1", port, self.box.clock.now())
        source = peer.source or next(iter(self.box.addresses()), "127.0.0.1")
        self._sources[link.handle.writer.get_extra_info("sockname")[1]] = source
        return link

    async def _listening(self, port: int) -> int:
        if port not in self._listeners:
            from fortish.network.listen import listen

            self._listeners[port] = await listen(
                self.responder,
                "127.0.0.1",
                0,
                names=(EST_HOST,),
                clock=self.box.clock.now,
                client_certificate=EST_PORTS[port],
                source_of=lambda visitor: self._sources.get(visitor, ""),
            )
        return self._listeners[port].port

    async def echo(self, request: Echo) -> EchoReply | None:
        """The lab's hosts and the box's own addresses answer."""
        if request.address in self.box.addresses() or request.address.startswith("127."):
            return EchoReply(0.0001, 255)
        distance = DISTANCES.get(request.address)
        if distance is None:
            return None
        return EchoReply(distance[0] / 1000 * self._random.uniform(0.8, 1.2), distance[1])

    async def tftp(self, server: str) -> tuple[str, int]:
        """Where the lab's file server listens."""
        address = await self.resolve(server)
        if address != FILE_SERVER:
            raise LinkLost("no answer")
        if self._tftp is None:
            from fortish.network.tftp import Server

            self._tftp = await Server.start("127.0.0.1", 0, self.folder)
        return "127.0.0.1", self._tftp.port

    async def close(self) -> None:
        """Stop the servers."""
        for listener in self._listeners.values():
            await listener.close()
        if self._tftp is not None:
            await self._tftp.close()
        self._listeners, self._tftp = {}, None


def fresh_responder(now: float) -> Responder:
    """A responder with a fresh CA and the documented policy. `now` in seconds since 1970."""
    from fortish.responder.authority import Authority
    from fortish.responder.state import Responder

    return Responder(Authority.fresh(datetime.fromtimestamp(now, UTC)))


NETWORKS = {"lab": LabNetwork, "none": NoNetwork, "real": RealNetwork}
