"""ICMP echo over IPv4 (RFC 792): one request, and the answer that is truly its own.

A datagram ICMP socket is tried first, which Linux (net.ipv4.ping_group_range) and macOS give to ordinary users; then a
raw one, which takes privileges. On a raw socket every ICMP message of the host arrives, the request itself too on the
loopback, and on any socket an answer can be late or forged: so each request carries a random payload, and only what
brings back sender, sequence and payload counts.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import secrets
import socket
import struct
import sys
import time
from dataclasses import dataclass

from fortish.errors import LinkLost
from fortish.steps import EchoReply, Header

# RFC 792
_ECHO_REPLY, _ECHO = 0, 8
_HEADER = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence

# The socket option that asks for the time to live; Python names it only from 3.14 on. macOS and the raw sockets of
# every system hand over the IP header instead, where the time to live is too.
_RECEIVE_TTL = {"linux": 12}.get(sys.platform)

# The socket option, and its value, that sets the DF bit (ip(7): IP_MTU_DISCOVER, IP_PMTUDISC_DO; macOS: IP_DONTFRAG).
_DO_NOT_FRAGMENT = {"darwin": (28, 1), "linux": (10, 2)}.get(sys.platform)

_OWN = 16  # random bytes of a payload that a pattern fills
_IDENTIFIER = secrets.randbits(16)  # of this process; Linux puts its own in its place on datagram sockets
_LARGEST = 65535  # bytes of an IP packet, header included
_ANCILLARY = 64  # bytes; enough for one integer with its header


async def echo(
    address: str,
    sequence: int,
    size: int = 56,
    source: str = "",
    timeout: float = 2.0,
    header: Header = Header(),  # noqa: B008 - a frozen value
    pattern: bytes = b"",
) -> EchoReply | None:
    """Send one echo request with `size` bytes of payload to an IPv4 address; None if no answer comes in `timeout` s.

    `source` is the local address ('' lets the network choose), `header` what the IP header is to carry, where the
    system lets a program choose it; `pattern` fills the payload behind its first 16 bytes. The time to live is the one
    in the answer's IP header, or 0 on a system that does not tell it: 0 cannot arrive, and an invented 64 would pass
    for a fact. Raises `LinkLost` with the operating system's words when it lets nothing be sent, as on Windows, which
    has no datagram ICMP.
    """
    probe = _Probe(_ipv4(address), sequence & 0xFFFF, _payload(max(size, 0), pattern))
    link = _open()
    try:
        _prepare(link, source, header)
        started = time.perf_counter()
        link.sendto(probe.request(), (probe.address, 0))
        async with asyncio.timeout(timeout):
            return await _reply(link, probe, started)
    except TimeoutError:
        return None
    except OSError as error:
        raise LinkLost(_words(error)) from error
    finally:
        link.close()


def _payload(size: int, pattern: bytes) -> bytes:
    """Random bytes; with a pattern the first ones only, by which an answer is known as this request's."""
    if not pattern:
        return os.urandom(size)
    kept = min(size, _OWN)
    return os.urandom(kept) + (pattern * (size // len(pattern) + 1))[: size - kept]


@dataclass(frozen=True, slots=True)
class _Probe:
    """One echo request: where to, its sequence number, its payload."""

    address: str
    sequence: int
    payload: bytes

    def request(self) -> bytes:
        """The request as an ICMP message."""
        fields = (_IDENTIFIER, self.sequence)
        checksum = _checksum(_HEADER.pack(_ECHO, 0, 0, *fields) + self.payload)
        return _HEADER.pack(_ECHO, 0, checksum, *fields) + self.payload

    def is_answered_by(self, message: bytes, sender: str, any_identifier: bool) -> bool:
        """Whether the ICMP `message` of `sender` is this request's answer, whole and unaltered.

        `any_identifier` is for datagram sockets, where Linux chooses the identifier and hands out only its own.
        """
        if len(message) < _HEADER.size or sender != self.address or _checksum(message):
            return False
        kind, code, _, identifier, sequence = _HEADER.unpack_from(message)
        if (kind, code, sequence) != (_ECHO_REPLY, 0, self.sequence):
            return False
        return (any_identifier or identifier == _IDENTIFIER) and message[_HEADER.size :] == self.payload


def _checksum(message: bytes) -> int:
    """The Internet checksum (RFC 1071); 0 over a message that carries its right one."""
    padded = message + b"\0" * (len(message) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _unwrapped(packet: bytes) -> tuple[bytes, int]:
    """The ICMP message in `packet`, and the time to live of the IP header before it; 0 if there is no header.

    The first byte tells: 0x45 to 0x4f begin an IPv4 header (RFC 791), and no ICMP type in use is that high.
    """
    if len(packet) < 20 or not 0x45 <= packet[0] <= 0x4F:
        return packet, 0
    return packet[(packet[0] & 0xF) * 4 :], packet[8]


def _told_ttl(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The time to live that came beside the message; 0 if none did."""
    for level, kind, value in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, socket.IP_TTL):
            return int.from_bytes(value[:4], sys.byteorder)
    return 0


def _prepare(link: socket.socket, source: str, header: Header) -> None:
    """Make `link` non-blocking, bound to `source` if that is given, and tell the time to live. Raises `OSError`."""
    link.setblocking(False)
    if header.ttl:
        link.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, header.ttl)
    if header.tos:
        link.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, header.tos)
    if header.whole and _DO_NOT_FRAGMENT is not None:
        link.setsockopt(socket.IPPROTO_IP, *_DO_NOT_FRAGMENT)
    if link.type == socket.SOCK_DGRAM and _RECEIVE_TTL is not None:
        link.setsockopt(socket.IPPROTO_IP, _RECEIVE_TTL, 1)
    if source:
        link.bind((_ipv4(source), 0))


async def _reply(link: socket.socket, probe: _Probe, started: float) -> EchoReply:
    """Wait for the answer to `probe`, sent at `started` of the performance counter. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(link, readable.set)
    try:
        while True:
            await readable.wait()
            readable.clear()
            try:
                packet, ancillary, _, sender = link.recvmsg(_LARGEST, _ANCILLARY)
            except BlockingIOError:
                continue
            seconds = time.perf_counter() - started
            message, ttl = _unwrapped(packet)
            if probe.is_answered_by(message, sender[0], link.type == socket.SOCK_DGRAM):
                return EchoReply(seconds, ttl or _told_ttl(ancillary))
    finally:
        loop.remove_reader(link)


def _open() -> socket.socket:
    """A socket for ICMP, datagram or raw. Raises `LinkLost` when the host gives neither."""
    if sys.platform == "win32":
        raise LinkLost("Protocol not supported")
    try:
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    except OSError:
        return _open_raw()


def _open_raw() -> socket.socket:
    try:
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except OSError as error:
        raise LinkLost(_words(error)) from error


def _ipv4(address: str) -> str:
    """`address` as the system spells it. Raises `LinkLost` when it is no IPv4 address."""
    try:
        return str(ipaddress.IPv4Address(address))
    except ValueError:
        raise LinkLost("not an IPv4 address") from None


def _words(error: OSError) -> str:
    return error.strerror or str(error)
