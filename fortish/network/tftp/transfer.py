"""A TFTP transfer, seen from either end.

Both ends run the same two loops in lock step, `send_file` and `receive_file`; only who speaks first differs. A block
is sent again when its answer is late, never because an old answer comes twice (RFC 1123 section 4.2.3.1), so duplicates
die out.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from fortish.errors import LinkLost
from fortish.network.tftp import packets
from fortish.network.tftp.endpoint import Endpoint, words
from fortish.network.tftp.packets import Address

_TIMED_OUT = "Timeout was reached"


@dataclass(slots=True)
class Conversation:
    """One transfer with one peer, whose transfer id, its port, is not `known` to a client before the first answer.

    The host must be the one asked: a packet from any other address is a stranger's, also if it carries the right block.
    """

    endpoint: Endpoint
    peer: Address
    known: bool
    timeout: float
    tries: int

    def send(self, packet: bytes) -> None:
        """Send `packet` once."""
        self.endpoint.send(packet, self.peer)

    async def exchange(self, packet: bytes, opcode: int, block: int) -> bytes:
        """Send `packet` until `opcode` with `block` comes back; answered with what follows it. Raises `LinkLost`."""
        for _ in range(self.tries):
            self.send(packet)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.timeout):
                    return await self._answer(packet, opcode, block)
        raise LinkLost(_TIMED_OUT)

    async def linger(self, last: bytes, block: int) -> None:
        """Repeat the `last` ACK whenever `block` comes again (RFC 1350 section 6: dallying).

        As long as a peer with our timing would go on trying: a single time-out would end just as its next try comes.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.timeout * self.tries):
                await self._answer(last, packets.DATA, packets.wrapped(block + 1))

    async def _answer(self, sent: bytes, opcode: int, block: int) -> bytes:
        """Wait for the packet wanted. Raises `LinkLost` for an error, or for nonsense, from the peer."""
        while True:
            packet, sender = await self._from_peer()
            if packet.opcode == packets.ERROR:
                raise LinkLost(packets.error_text(packet))
            if (packet.opcode, packet.number) == (opcode, block):
                self.peer, self.known = sender, True
                return packet.body
            # The block before comes again: our ACK was lost, and the peer waits for it. An old ACK is never answered.
            if packet.opcode == packets.DATA == opcode and sent == packets.ack(packet.number):
                self.send(sent)

    async def _from_peer(self) -> tuple[packets.Packet, Address]:
        """The peer's next packet; strangers are turned away (RFC 1350 section 4). Raises `LinkLost` for nonsense."""
        while True:
            datagram, sender = await self.endpoint.inbox.get()
            if isinstance(datagram, OSError):
                raise LinkLost(words(datagram))
            packet = packets.parse(datagram)
            if self._is_stranger(sender):
                # An error is never answered with an error: two ends could do so for ever.
                if packet is None or packet.opcode != packets.ERROR:
                    self.endpoint.send(packets.error(packets.UNKNOWN_ID), sender)
                continue
            if packet is None:
                self.endpoint.send(packets.error(packets.ILLEGAL), sender)
                raise LinkLost(packets.ERROR_TEXTS[packets.ILLEGAL])
            return packet, sender

    def _is_stranger(self, sender: Address) -> bool:
        return sender != self.peer if self.known else sender[0] != self.peer[0]


async def receive_file(talk: Conversation, packet: bytes, limit: int) -> bytes:
    """Take every block that follows on `packet`; the last is not yet acknowledged on return. Raises `LinkLost`."""
    content = bytearray()
    body = b"-" * packets.BLOCK_SIZE
    while len(body) == packets.BLOCK_SIZE:
        block = packets.last_block(content)
        body = await talk.exchange(packet, packets.DATA, block)
        content += body
        if len(content) > limit:
            talk.send(packets.error(packets.FULL))
            raise LinkLost(f"the file is larger than {limit} bytes")
        packet = packets.ack(block)
    return bytes(content)


async def send_file(talk: Conversation, content: bytes) -> None:
    """Send `content` in blocks; the last is short, and empty if it has to be. Raises `LinkLost`."""
    for start in range(0, len(content) + 1, packets.BLOCK_SIZE):
        block = packets.wrapped(start // packets.BLOCK_SIZE + 1)
        await talk.exchange(packets.data(block, content[start : start + packets.BLOCK_SIZE]), packets.ACK, block)
