"""A TFTP client: fetches a file, or stores one."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

from fortish.network.tftp import packets
from fortish.network.tftp.endpoint import numeric, opened
from fortish.network.tftp.transfer import Conversation, receive_file, send_file


async def get(
    address: str, port: int, name: str, *, limit: int, timeout: float = 3.0, tries: int = 4, source: str = ""
) -> bytes:
    """Fetch file `name` in octet mode from the server at `address`, at most `limit` bytes of it.

    Each packet is sent `tries` times, `timeout` seconds apart; `source` is the local address ('' lets the network
    choose). Raises `LinkLost`. The last ACK is sent once: a server that misses it has sent the whole file all the same.
    """
    request = packets.request(packets.RRQ, name)
    async with _conversation(address, port, source, timeout, tries) as talk:
        content = await receive_file(talk, request, limit)
        talk.send(packets.ack(packets.last_block(content)))
        return content


async def put(
    address: str, port: int, name: str, content: bytes, *, timeout: float = 3.0, tries: int = 4, source: str = ""
) -> None:
    """Store `content` as file `name` in octet mode on the server at `address`; the rest is as for `get`."""
    request = packets.request(packets.WRQ, name)
    async with _conversation(address, port, source, timeout, tries) as talk:
        await talk.exchange(request, packets.ACK, 0)
        await send_file(talk, content)


@contextlib.asynccontextmanager
async def _conversation(
    address: str, port: int, source: str, timeout: float, tries: int
) -> AsyncIterator[Conversation]:
    """A client's side of a transfer, from a fresh port, closed at the end. Raises `LinkLost`."""
    family, server = numeric(address, port)
    anywhere = "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104 - answers come from a port that is not known yet
    endpoint = await opened(family, numeric(source or anywhere, 0, family)[1])
    try:
        yield Conversation(endpoint, server, False, timeout, tries)
    finally:
        await endpoint.close()
