"""TFTP (RFC 1350): a client that fetches and stores a file, and a small server for a folder.

Both ends run the same two loops in lock step, `_send_file` and `_receive_file`; only who speaks first differs. A block
is sent again when its answer is late, never because an old answer comes twice (RFC 1123 section 4.2.3.1), so duplicates
die out. Options (RFC 2347) are neither asked for nor granted: a server may ignore them, and this one does. Addresses
are numeric; names are looked up elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fortish.errors import LinkLost

BLOCK_SIZE = 512  # bytes; a shorter block is the last
WRITE_LIMIT = 16 << 20  # bytes that the server takes for one file

# RFC 1350 section 5
_RRQ, _WRQ, _DATA, _ACK, _ERROR = range(1, 6)
_SHORTEST = {_DATA: 4, _ACK: 4, _ERROR: 4}  # bytes, opcode included
_LONGEST = {_DATA: 4 + BLOCK_SIZE, _ACK: 1 << 16, _ERROR: 1 << 16}

# RFC 1350, appendix, without its full stops
_SEE_TEXT, _NOT_FOUND, _ACCESS, _FULL, _ILLEGAL, _UNKNOWN_ID, _EXISTS, _NO_USER = range(8)
_ERROR_TEXTS = {
    _SEE_TEXT: "The server gave no reason",
    _NOT_FOUND: "File not found",
    _ACCESS: "Access violation",
    _FULL: "Disk full or allocation exceeded",
    _ILLEGAL: "Illegal TFTP operation",
    _UNKNOWN_ID: "Unknown transfer ID",
    _EXISTS: "File already exists",
    _NO_USER: "No such user",
}

_BLOCK_NUMBERS = 1 << 16
_TIMED_OUT = "Timeout was reached"
_TEXT_LIMIT = 200  # characters of the other end's error text that are kept
_REQUEST_LIMIT = 512  # bytes; RFC 1350 sets no limit, servers do
_INBOX_LIMIT = 64  # datagrams; what comes on top is dropped, as a network may
_TRANSFER_LIMIT = 64  # transfers a server carries at once; further requests go unanswered and are repeated

_Address = tuple[str, int]


# --- the client ---------------------------------------------------------------------------------------------------


async def get(
    address: str, port: int, name: str, *, limit: int, timeout: float = 3.0, tries: int = 4, source: str = ""
) -> bytes:
    """Fetch file `name` in octet mode from the server at `address`, at most `limit` bytes of it.

    Each packet is sent `tries` times, `timeout` seconds apart; `source` is the local address ('' lets the network
    choose). Raises `LinkLost`. The last ACK is sent once: a server that misses it has sent the whole file all the same.
    """
    request = _request(_RRQ, name)
    async with _conversation(address, port, source, timeout, tries) as talk:
        content = await _receive_file(talk, request, limit)
        talk.send(_ack(_last_block(content)))
        return content


async def put(
    address: str, port: int, name: str, content: bytes, *, timeout: float = 3.0, tries: int = 4, source: str = ""
) -> None:
    """Store `content` as file `name` in octet mode on the server at `address`; the rest is as for `get`."""
    request = _request(_WRQ, name)
    async with _conversation(address, port, source, timeout, tries) as talk:
        await talk.exchange(request, _ACK, 0)
        await _send_file(talk, content)


def _request(opcode: int, name: str) -> bytes:
    """A read or write request. Raises `LinkLost` for a name that cannot be put in one."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise LinkLost("the file name cannot be encoded") from None
    packet = struct.pack("!H", opcode) + encoded + b"\0octet\0"
    if not encoded or b"\0" in encoded:
        raise LinkLost("the file name is not usable")
    if len(packet) > _REQUEST_LIMIT:
        raise LinkLost("the file name is too long")
    return packet


# --- packets ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Packet:
    """A DATA, ACK or ERROR; `number` is the block or the error code, `body` what follows it."""

    opcode: int
    number: int
    body: bytes


def _parse(datagram: bytes) -> _Packet | None:
    """The packet of a running transfer in `datagram`; None if it is none, or one that belongs nowhere in a transfer."""
    opcode = int.from_bytes(datagram[:2], "big")
    if opcode not in _SHORTEST or not _SHORTEST[opcode] <= len(datagram) <= _LONGEST[opcode]:
        return None
    return _Packet(opcode, int.from_bytes(datagram[2:4], "big"), datagram[4:])


def _data(block: int, body: bytes) -> bytes:
    return struct.pack("!HH", _DATA, block) + body


def _ack(block: int) -> bytes:
    return struct.pack("!HH", _ACK, block)


def _error(code: int, text: str = "") -> bytes:
    return struct.pack("!HH", _ERROR, code) + (text or _ERROR_TEXTS[code]).encode() + b"\0"


def _error_text(packet: _Packet) -> str:
    """The other end's words, fit for a terminal and for the middle of a sentence."""
    text = packet.body.partition(b"\0")[0].decode("utf-8", "replace")[:_TEXT_LIMIT]
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable.strip(" .") or _ERROR_TEXTS.get(packet.number, f"TFTP error {packet.number}")


def _wrapped(block: int) -> int:
    """A block number as it travels: it rolls over to 0, as peers for large files expect; RFC 1350 does not say."""
    return block % _BLOCK_NUMBERS


def _last_block(content: bytes | bytearray) -> int:
    """The number of the short block that ends `content`, as it travels."""
    return _wrapped(len(content) // BLOCK_SIZE + 1)


# --- a transfer, seen from either end -----------------------------------------------------------------------------


class _Endpoint(asyncio.DatagramProtocol):
    """One datagram socket whose arrivals, and failures, queue up in `inbox`."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[tuple[bytes | OSError, _Address]] = asyncio.Queue(_INBOX_LIMIT)
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._arrived(data, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            self._arrived(exc, ("", 0))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._closed.done():
            self._closed.set_result(None)

    @property
    def port(self) -> int:
        """The local port."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def send(self, packet: bytes, to: _Address) -> None:
        """Send `packet`; a failure arrives in `inbox`."""
        assert self._transport is not None
        self._transport.sendto(packet, to)

    async def close(self) -> None:
        """Close the socket; it is gone on return."""
        assert self._transport is not None
        self._transport.close()
        await self._closed

    def _arrived(self, item: bytes | OSError, sender: _Address) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self.inbox.put_nowait((item, sender))


@dataclass(slots=True)
class _Conversation:
    """One transfer with one peer, whose transfer id, its port, is not `known` to a client before the first answer.

    The host must be the one asked: a packet from any other address is a stranger's, also if it carries the right block.
    """

    endpoint: _Endpoint
    peer: _Address
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
                await self._answer(last, _DATA, _wrapped(block + 1))

    async def _answer(self, sent: bytes, opcode: int, block: int) -> bytes:
        """Wait for the packet wanted. Raises `LinkLost` for an error, or for nonsense, from the peer."""
        while True:
            packet, sender = await self._from_peer()
            if packet.opcode == _ERROR:
                raise LinkLost(_error_text(packet))
            if (packet.opcode, packet.number) == (opcode, block):
                self.peer, self.known = sender, True
                return packet.body
            # The block before comes again: our ACK was lost, and the peer waits for it. An old ACK is never answered.
            if packet.opcode == _DATA == opcode and sent == _ack(packet.number):
                self.send(sent)

    async def _from_peer(self) -> tuple[_Packet, _Address]:
        """The peer's next packet; strangers are turned away (RFC 1350 section 4). Raises `LinkLost` for nonsense."""
        while True:
            datagram, sender = await self.endpoint.inbox.get()
            if isinstance(datagram, OSError):
                raise LinkLost(_words(datagram))
            packet = _parse(datagram)
            if self._is_stranger(sender):
                # An error is never answered with an error: two ends could do so for ever.
                if packet is None or packet.opcode != _ERROR:
                    self.endpoint.send(_error(_UNKNOWN_ID), sender)
                continue
            if packet is None:
                self.endpoint.send(_error(_ILLEGAL), sender)
                raise LinkLost(_ERROR_TEXTS[_ILLEGAL])
            return packet, sender

    def _is_stranger(self, sender: _Address) -> bool:
        return sender != self.peer if self.known else sender[0] != self.peer[0]


async def _receive_file(talk: _Conversation, packet: bytes, limit: int) -> bytes:
    """Take every block that follows on `packet`; the last is not yet acknowledged on return. Raises `LinkLost`."""
    content = bytearray()
    body = b"-" * BLOCK_SIZE
    while len(body) == BLOCK_SIZE:
        block = _last_block(content)
        body = await talk.exchange(packet, _DATA, block)
        content += body
        if len(content) > limit:
            talk.send(_error(_FULL))
            raise LinkLost(f"the file is larger than {limit} bytes")
        packet = _ack(block)
    return bytes(content)


async def _send_file(talk: _Conversation, content: bytes) -> None:
    """Send `content` in blocks; the last is short, and empty if it has to be. Raises `LinkLost`."""
    for start in range(0, len(content) + 1, BLOCK_SIZE):
        block = _wrapped(start // BLOCK_SIZE + 1)
        await talk.exchange(_data(block, content[start : start + BLOCK_SIZE]), _ACK, block)


# --- sockets ------------------------------------------------------------------------------------------------------


def _words(error: OSError) -> str:
    return error.strerror or str(error) or "the network failed"


def _numeric(address: str, port: int, family: int = 0) -> tuple[int, _Address]:
    """Family and socket address of a numeric `address`; names are not looked up. Raises `LinkLost`."""
    if not 0 <= port <= 0xFFFF:
        raise LinkLost(f"{port} is not a port")
    try:
        found = socket.getaddrinfo(address, port, family, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)
    except OSError as error:
        raise LinkLost(_words(error)) from error
    except ValueError:  # Python tries IDNA first
        raise LinkLost("the address is not usable") from None
    return found[0][0], (str(found[0][4][0]), port)


async def _open(family: int, local: _Address) -> _Endpoint:
    """A datagram endpoint bound to `local`. Raises `LinkLost`."""
    try:
        bound = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise LinkLost(_words(error)) from error
    try:
        bound.setblocking(False)
        bound.bind(local)
        _, endpoint = await asyncio.get_running_loop().create_datagram_endpoint(_Endpoint, sock=bound)
    except OSError as error:
        bound.close()
        raise LinkLost(_words(error)) from error
    return endpoint


@contextlib.asynccontextmanager
async def _conversation(
    address: str, port: int, source: str, timeout: float, tries: int
) -> AsyncIterator[_Conversation]:
    """A client's side of a transfer, from a fresh port, closed at the end. Raises `LinkLost`."""
    family, server = _numeric(address, port)
    anywhere = "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104 - answers come from a port that is not known yet
    endpoint = await _open(family, _numeric(source or anywhere, 0, family)[1])
    try:
        yield _Conversation(endpoint, server, False, timeout, tries)
    finally:
        await endpoint.close()


# --- the server ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Folder:
    """What a server serves: `files`, read only, over a `directory` that is read and written.

    Names are relative, with "/" between parts. None leads out of the directory, neither by ".." nor by a symbolic link,
    and no subfolder is made.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    directory: Path | None = None

    def read(self, name: str) -> bytes | None:
        """The content of `name`; None if there is no such file, or none that may be read."""
        if name in self.files:
            return self.files[name]
        place = self._place(name)
        try:
            # A pipe or a device would block, or never end.
            return place.read_bytes() if place is not None and place.is_file() else None
        except OSError:
            return None

    def may_write(self, name: str) -> bool:
        """Whether `write` would try: `name` is no file in memory, and its folder is there."""
        place = None if name in self.files else self._place(name)
        try:
            return place is not None and place.parent.is_dir() and (place.is_file() or not os.path.lexists(place))
        except OSError:  # a name too long, a folder closed to us
            return False

    def write(self, name: str, content: bytes) -> bool:
        """Store `content` as `name`, whole or not at all; False when that cannot be.

        The file is readable for its owner only: what a box stores by TFTP is mostly its configuration.
        """
        place = self._place(name)
        if place is None or not self.may_write(name):
            return False
        try:
            _replace(place, content)
        except OSError:
            return False
        return True

    def _place(self, name: str) -> Path | None:
        """Where in the directory `name` is, symbolic links followed; None if there is no such place."""
        if self.directory is None or not _is_plain(name):
            return None
        try:
            root = self.directory.resolve(strict=True)
            place = root.joinpath(name).resolve()
        except (OSError, RuntimeError):  # RuntimeError: symbolic links in a circle, before Python 3.13
            return None
        return place if place != root and place.is_relative_to(root) else None


def _is_plain(name: str) -> bool:
    """Whether `name` stays below its folder on any platform: no drive, no stream, no step up, no root."""
    if not name.isprintable() or "\\" in name or ":" in name:
        return False
    return all(part not in {"", ".", ".."} for part in name.split("/"))


def _replace(place: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `place` and rename it there. Raises `OSError`."""
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".tftp-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, place)
    except BaseException:
        os.unlink(temporary)
        raise


@dataclass(frozen=True, slots=True)
class _Request:
    """A read or write request as it came, and from where; equal when it is the same one, sent again."""

    client: _Address
    opcode: int
    name: str
    mode: str


def _parse_request(datagram: bytes, client: _Address) -> _Request | None:
    """The request in `datagram`, options ignored (RFC 2347); None if it is none."""
    opcode = int.from_bytes(datagram[:2], "big")
    name, _, rest = datagram[2:].partition(b"\0")
    mode, end, _ = rest.partition(b"\0")
    if opcode not in {_RRQ, _WRQ} or not name or not mode or not end:
        return None
    try:
        return _Request(client, opcode, name.decode(), mode.decode("ascii").lower())
    except UnicodeDecodeError:
        return None


class Server:
    """A TFTP server on one address; each transfer has an endpoint, and so a transfer id, of its own.

    On a wildcard address answers may leave from another address than the one asked, and clients then refuse them:
    bind the address that clients use.
    """

    def __init__(self, endpoint: _Endpoint, address: tuple[int, _Address], folder: Folder, timing: tuple[float, int]):
        """Use `start`."""
        self._endpoint = endpoint
        self._family, (self._host, self.port) = address
        self._folder = folder
        self._timeout, self._tries = timing
        self._requests: set[_Request] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._begin(self._listen())

    @classmethod
    async def start(cls, host: str, port: int, folder: Folder, *, timeout: float = 3.0, tries: int = 4) -> Server:
        """Serve `folder` on a numeric `host` and a `port` (0: any free one). Raises `LinkLost`.

        Each packet is sent `tries` times, `timeout` seconds apart.
        """
        family, local = _numeric(host, port)
        endpoint = await _open(family, local)
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

    def _arrived(self, datagram: bytes, client: _Address) -> None:
        """Begin the transfer that `datagram` asks for, unless it is under way: then the request was sent twice."""
        request = _parse_request(datagram, client)
        if request is None:
            packet = _parse(datagram)
            if packet is None or packet.opcode != _ERROR:
                self._endpoint.send(_error(_ILLEGAL), client)
        elif request not in self._requests and len(self._requests) < _TRANSFER_LIMIT:
            self._requests.add(request)
            self._begin(self._serve(request))

    async def _serve(self, request: _Request) -> None:
        """One transfer, from its request to its end."""
        try:
            endpoint = await _open(self._family, (self._host, 0))
        except LinkLost:  # out of sockets: the client asks again
            self._requests.discard(request)
            return
        talk = _Conversation(endpoint, request.client, True, self._timeout, self._tries)
        try:
            # Whatever ends a transfer has been said to the client, or cannot be.
            with contextlib.suppress(LinkLost):
                await self._carry_out(talk, request)
        finally:
            self._requests.discard(request)
            await endpoint.close()

    async def _carry_out(self, talk: _Conversation, request: _Request) -> None:
        """Do what was asked, or refuse it. Raises `LinkLost`."""
        if request.mode != "octet":
            talk.send(_error(_SEE_TEXT, "Only octet transfers are served"))
        elif request.opcode == _RRQ:
            await self._read(talk, request)
        else:
            await self._write(talk, request)

    async def _read(self, talk: _Conversation, request: _Request) -> None:
        content = self._folder.read(request.name)
        if content is None:
            talk.send(_error(_NOT_FOUND))
        else:
            await _send_file(talk, content)

    async def _write(self, talk: _Conversation, request: _Request) -> None:
        """Take a file. One in the directory is replaced, as backups are; one in memory stands (error 6)."""
        if request.name in self._folder.files:
            talk.send(_error(_EXISTS))
            return
        if not self._folder.may_write(request.name):
            talk.send(_error(_ACCESS))
            return
        content = await _receive_file(talk, _ack(0), WRITE_LIMIT)
        if not self._folder.write(request.name, content):
            talk.send(_error(_ACCESS))
            return
        block = _last_block(content)
        talk.send(_ack(block))
        # The transfer is over: from here on the same request is a new one.
        self._requests.discard(request)
        await talk.linger(_ack(block), block)
