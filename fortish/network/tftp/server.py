"""A TFTP server for a folder; each transfer has an endpoint, and so a transfer id, of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from fortish.errors import LinkLost
from fortish.network.tftp import packets
from fortish.network.tftp.endpoint import Endpoint, numeric, opened
from fortish.network.tftp.folder import Folder
from fortish.network.tftp.packets import Address
from fortish.network.tftp.transfer import Conversation, receive_file, send_file

WRITE_LIMIT = 16 << 20  # bytes that the server takes for one file
_TRANSFER_LIMIT = 64  # transfers a server carries at once; further requests go unanswered and are repeated


class Server:
    """A TFTP server on one address; each transfer has an endpoint, and so a transfer id, of its own.

    On a wildcard address answers may leave from another address than the one asked, and clients then refuse them:
    bind the address that clients use.
    """

    def __init__(self, endpoint: Endpoint, address: tuple[int, Address], folder: Folder, timing: tuple[float, int]):
        """Use `start`."""
        self._endpoint = endpoint
        self._family, (self._host, self.port) = address
        self._folder = folder
        self._timeout, self._tries = timing
        self._requests: set[packets.Request] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._begin(self._listen())

    @classmethod
    async def start(cls, host: str, port: int, folder: Folder, *, timeout: float = 3.0, tries: int = 4) -> Server:
        """Serve `folder` on a numeric `host` and a `port` (0: any free one). Raises `LinkLost`.

        Each packet is sent `tries` times, `timeout` seconds apart.
        """
        family, local = numeric(host, port)
        endpoint = await opened(family, local)
        return cls(endpoint, (family, (local[0], endpoint.port)), folder, (timeout, tries))

    async def close(self) -> None:
        """Stop serving; transfers under way are dropped. Nothing is left on return."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._endpoint.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self) -> None:
        """Take requests for ever."""
        while True:
            datagram, client = await self._endpoint.inbox.get()
            # A failed send, which only a refusal below can be the cause of, is the client's loss.
            if isinstance(datagram, bytes):
                self._arrived(datagram, client)

    def _arrived(self, datagram: bytes, client: Address) -> None:
        """Begin the transfer that `datagram` asks for, unless it is under way: then the request was sent twice."""
        request = packets.parse_request(datagram, client)
        if request is None:
            packet = packets.parse(datagram)
            if packet is None or packet.opcode != packets.ERROR:
                self._endpoint.send(packets.error(packets.ILLEGAL), client)
        elif request not in self._requests and len(self._requests) < _TRANSFER_LIMIT:
            self._requests.add(request)
            self._begin(self._serve(request))

    async def _serve(self, request: packets.Request) -> None:
        """One transfer, from its request to its end."""
        try:
            endpoint = await opened(self._family, (self._host, 0))
        except LinkLost:  # out of sockets: the client asks again
            self._requests.discard(request)
            return
        talk = Conversation(endpoint, request.client, True, self._timeout, self._tries)
        try:
            # Whatever ends a transfer has been said to the client, or cannot be.
            with contextlib.suppress(LinkLost):
                await self._carry_out(talk, request)
        finally:
            self._requests.discard(request)
            await endpoint.close()

    async def _carry_out(self, talk: Conversation, request: packets.Request) -> None:
        """Do what was asked, or refuse it. Raises `LinkLost`."""
        if request.mode != "octet":
            talk.send(packets.error(packets.SEE_TEXT, "Only octet transfers are served"))
        elif request.opcode == packets.RRQ:
            await self._read(talk, request)
        else:
            await self._write(talk, request)

    async def _read(self, talk: Conversation, request: packets.Request) -> None:
        content = self._folder.read(request.name)
        if content is None:
            talk.send(packets.error(packets.NOT_FOUND))
        else:
            await send_file(talk, content)

    async def _write(self, talk: Conversation, request: packets.Request) -> None:
        """Take a file. One in the directory is replaced, as backups are; one in memory stands (error 6)."""
        if request.name in self._folder.files:
            talk.send(packets.error(packets.EXISTS))
            return
        if not self._folder.may_write(request.name):
            talk.send(packets.error(packets.ACCESS))
            return
        content = await receive_file(talk, packets.ack(0), WRITE_LIMIT)
        if not self._folder.write(request.name, content):
            talk.send(packets.error(packets.ACCESS))
            return
        block = packets.last_block(content)
        talk.send(packets.ack(block))
        # The transfer is over: from here on the same request is a new one.
        self._requests.discard(request)
        await talk.linger(packets.ack(block), block)
