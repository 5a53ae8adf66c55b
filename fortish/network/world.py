"""The lab's embedded world: the third of the networks a box may stand in, beside the host's own and none."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Literal

from fortish.cmdb.entries import GLOBAL, INTERFACE
from fortish.errors import LinkLost
from fortish.messages import Text
from fortish.network.real import NoNetwork, RealNetwork
from fortish.network.tls import is_address
from fortish.steps import Echo, EchoReply, HttpGet, HttpPost, Link, Peer, Probe, ProbeReply

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from fortish.box import Box
    from fortish.network.listen import Listener
    from fortish.network.tftp.folder import Folder
    from fortish.network.tftp.server import Server
    from fortish.responder.state import Responder

REFUSED = "Failed to connect to {host} port {port} after 0 ms: Couldn't connect to server"

# The lab's world: names, and how far away its hosts are (milliseconds, time to live).
EST_HOST, EST_ADDRESS, FILE_SERVER = "testrfc7030.com", "54.70.32.33", "192.0.2.10"
NAMES = {EST_HOST: EST_ADDRESS}
DISTANCES = {EST_ADDRESS: (16.0, 31), FILE_SERVER: (0.8, 64)}
SCEP_PORT = 80
EST_PORTS: dict[int, Literal["optional", "required"]] = {8443: "optional", 9443: "required"}
CA_FILE = "estExampleCA.pem"
ROUTER = (0.4, 64)  # how far away the router is
STARTS = (32, 64, 128, 255)  # times to live that systems send with
MTU = 1500  # bytes of the largest packet that leaves the box whole
NO_NETWORK = "0.0.0.0 255.255.255.255"


class LabNetwork(RealNetwork):
    """The embedded world: an EST responder and a file server on loopback, reached under their documented names.

    They start when first needed. The time that a ping takes is made up (there is no distance to measure); everything
    else is real: TLS, certificates, TFTP packets. `names` are further names of its hosts, `certified` those that the
    EST server's certificate has; `clock` is the world's own time where it does not follow its box's.
    """

    def __init__(
        self,
        box: Box,
        responder: Callable[[float], Responder] | None = None,
        files: Path | None = None,
        names: Mapping[str, str] = NAMES,
        certified: tuple[str, ...] = (EST_HOST,),
        clock: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(box)
        self.names = {**NAMES, **names}
        self.certified = certified
        self.now = clock or box.clock.now
        self._make = responder
        self._files = files
        self._responder: Responder | None = None
        self._listeners: dict[int, Listener] = {}
        self._tftp: Server | None = None
        self._folder: Folder | None = None
        self._random = random.Random(7030)  # noqa: S311 - ping times, no secrets
        self._sources: dict[int, str] = {}
        self._plain_source = ""  # of the one plain request that is under way

    @property
    def responder(self) -> Responder:
        """The EST responder of this world, made with a fresh CA when first asked for."""
        if self._responder is None:
            self._responder = (self._make or fresh_responder)(self.now())
        return self._responder

    @property
    def folder(self) -> Folder:
        """What the file server serves: the CA certificate, and the folder given."""
        if self._folder is None:
            from fortish.network.tftp.folder import Folder
            from fortish.pki import pem

            body = f"{pem.pem(self.responder.authority.certificate)}\n".encode()
            self._folder = Folder({CA_FILE: body}, self._files)
        return self._folder

    async def resolve(self, host: str) -> str:
        """A name of the lab, or any address. Raises `LinkLost`."""
        address = self.names.get(host.lower().rstrip("."), host)
        if not is_address(address):
            raise LinkLost(f"Could not resolve host: {host}. {Text.LAB_ONLY(host=host)}")
        return address

    async def dial(self, peer: Peer) -> Link:
        """Connect to the responder; any other address is not there."""
        from fortish.network import tls

        if peer.proxy is not None:  # the lab has none
            await self.resolve(peer.proxy[0])
            raise LinkLost(REFUSED.format(host=peer.proxy[0], port=peer.proxy[1]))
        address = await self.resolve(peer.host)
        self._bind(peer.source)
        if address != EST_ADDRESS or peer.port not in EST_PORTS:
            raise LinkLost(REFUSED.format(host=peer.host, port=peer.port))
        port = await self._listening(peer.port)
        inside = replace(peer, source="")
        link = await tls.dial(inside, ("127.0.0.1",), port, self.box.clock.now())
        source = peer.source or next(iter(self.box.addresses()), "127.0.0.1")
        self._sources[link.handle.local_port] = source
        return link

    def _bind(self, source: str) -> None:
        """A source address must be the box's own. Raises `LinkLost`."""
        if source and source not in self.box.addresses():
            reason = f"bind failed with source address {source}: {Text.NO_SOURCE(address=source)}"
            raise LinkLost(reason, passing=False)

    async def fetch(self, request: HttpGet | HttpPost) -> httpx.Response:
        """Plain HTTP: the responder's SCEP; no other host of the lab serves any."""
        from fortish.network import fetch

        host, port = fetch.host_of(request)
        address = await self.resolve(host)
        self._bind(request.source)
        if address != EST_ADDRESS or port != SCEP_PORT:
            raise LinkLost(REFUSED.format(host=host, port=port))
        source = request.source or next(iter(self.box.addresses()), "127.0.0.1")
        if SCEP_PORT not in self._listeners:
            from fortish.network.plain import listen_plain

            now, visitors = self.box.clock.now, lambda port: self._plain_source
            self._listeners[SCEP_PORT] = await listen_plain(self.responder, "127.0.0.1", 0, now, visitors)
        self._plain_source = source
        inside = replace(request, source="")
        return await fetch.perform(inside, ("127.0.0.1",), self._listeners[SCEP_PORT].port)

    async def _listening(self, port: int) -> int:
        if port not in self._listeners:
            from fortish.network.listen import listen

            self._listeners[port] = await listen(
                self.responder,
                "127.0.0.1",
                0,
                names=self.certified,
                clock=self.now,
                client_certificate=EST_PORTS[port],
                source_of=lambda visitor: self._sources.get(visitor, ""),
            )
        return self._listeners[port].port

    async def echo(self, request: Echo) -> EchoReply | None:
        """The lab's hosts and the box's own addresses answer."""
        if request.address in self.box.addresses() or request.address.startswith("127."):
            return EchoReply(0.0001, 255)
        if request.header.whole and request.size + 28 > MTU:  # the headers of IPv4 and ICMP
            raise LinkLost(os.strerror(errno.EMSGSIZE))
        distance = self._distance(request.address)
        if distance is None or 0 < request.header.ttl < len(self._route(request.address)):
            return None
        return EchoReply(self._seconds(distance[0]), distance[1])

    def _distance(self, address: str) -> tuple[float, int] | None:
        return DISTANCES.get(address) or (ROUTER if address == self._router() else None)

    def _seconds(self, milliseconds: float) -> float:
        return milliseconds / 1000 * self._random.uniform(0.8, 1.2)

    def _router(self) -> str:
        """The router of the box's first network: its lowest address that is not the box's; '' without a network."""
        for entry in self.box.cmdb.rows(GLOBAL, INTERFACE).values():
            network = IPv4Interface("/".join(str(entry.values.get("ip", NO_NETWORK)).split())).network
            if network.num_addresses > 2:
                return next(str(host) for host in network.hosts() if str(host) not in self.box.addresses())
        return ""

    def _route(self, address: str) -> list[str]:
        """Who is passed on the way to an address, itself included; '' for one that does not tell its name.

        As many routers as its time to live has lost of the 32, 64, 128 or 255 that it was sent with. Nobody behind the
        router knows an address that is not in the lab.
        """
        distance = self._distance(address)
        if distance is None:
            return [self._router()]
        lost = next(start for start in STARTS if start >= distance[1]) - distance[1]
        return [*([self._router()] * min(lost, 1)), *([""] * (lost - 1)), address]

    async def probe(self, request: Probe) -> ProbeReply | None:
        """The router and the lab's hosts answer, the box itself at once."""
        if request.address in self.box.addresses() or request.address.startswith("127."):
            return ProbeReply(request.address, 0.0001, True)
        route = self._route(request.address)
        who = route[request.ttl - 1] if request.ttl <= len(route) else ""
        distance = self._distance(who)
        return None if distance is None else ProbeReply(who, self._seconds(distance[0]), who == request.address)

    async def tftp(self, server: str) -> tuple[str, int]:
        """Where the lab's file server listens."""
        address = await self.resolve(server)
        if address != FILE_SERVER:
            raise LinkLost("no answer")
        if self._tftp is None:
            from fortish.network.tftp.server import Server

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
