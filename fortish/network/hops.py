"""Who answers on the way to a host: a UDP datagram with a short life, and the ICMP error that it brings back.

Linux keeps such errors, with the router that sent them, for the socket that caused them (ip(7), IP_RECVERR), and gives
them to ordinary users. No other system does; there nothing is tried.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
import sys
import time

from fortish.errors import LinkLost
from fortish.messages import Text
from fortish.steps import Probe, ProbeReply

_FIRST_PORT = 33434  # where nothing listens, by an old custom
_HEADERS = 28  # bytes of IPv4 and UDP before the data
_RECEIVE_ERRORS, _ERROR_QUEUE = 11, 0x2000  # IP_RECVERR and MSG_ERRQUEUE, which Python does not name
_ERROR = struct.Struct("=IBBBBII")  # sock_extended_err: errno, origin, type, code, padding, info, data
_FROM_ICMP = 2
_OFFENDER = slice(_ERROR.size + 4, _ERROR.size + 8)  # the address in the sockaddr_in behind it

# RFC 792
_UNREACHABLE, _TIME_EXCEEDED, _PORT = 3, 11, 3
_REFUSALS = {0: "!N", 1: "!H", 2: "!P", 9: "!X", 10: "!X", 13: "!X"}  # by the code of `unreachable`


async def probe(request: Probe) -> ProbeReply | None:
    """Send one datagram to an IPv4 address; None if nobody answers in time.

    Raises `LinkLost` with the operating system's words when it lets nothing be sent, and on a system other than Linux.
    """
    if sys.platform != "linux":
        raise LinkLost(Text.TRACEROUTE_LINUX())
    try:
        address = str(ipaddress.IPv4Address(request.address))
    except ValueError:
        raise LinkLost("not an IPv4 address") from None
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.setblocking(False)
            link.setsockopt(socket.IPPROTO_IP, _RECEIVE_ERRORS, 1)
            link.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, request.ttl)
            started = time.perf_counter()
            link.sendto(bytes(max(0, request.size - _HEADERS)), (address, _FIRST_PORT + request.sequence))
            async with asyncio.timeout(request.timeout):
                return await _reply(link, started)
    except TimeoutError:
        return None
    except OSError as error:
        raise LinkLost(error.strerror or str(error)) from error


async def _reply(link: socket.socket, started: float) -> ProbeReply:
    """Wait for the error, or for an answer of somebody who does listen there."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(link, readable.set)
    try:
        while True:
            await readable.wait()
            readable.clear()
            seconds = time.perf_counter() - started
            reply = _error(link, seconds) or _answer(link, seconds)
            if reply is not None:
                return reply
    finally:
        loop.remove_reader(link)


def _error(link: socket.socket, seconds: float) -> ProbeReply | None:
    """The ICMP error that is there for this socket."""
    try:
        _, ancillary, _, _ = link.recvmsg(0, 512, _ERROR_QUEUE)
    except OSError:
        return None
    for level, kind, value in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, _RECEIVE_ERRORS) and len(value) >= _OFFENDER.stop:
            return _of_icmp(value, seconds)
    return None


def _of_icmp(value: bytes, seconds: float) -> ProbeReply | None:
    """What an extended error says."""
    _, origin, kind, code, *_ = _ERROR.unpack_from(value)
    if origin != _FROM_ICMP or kind not in (_UNREACHABLE, _TIME_EXCEEDED):
        return None
    address = str(ipaddress.IPv4Address(value[_OFFENDER]))
    arrived = (kind, code) == (_UNREACHABLE, _PORT)
    refusal = "" if arrived or kind == _TIME_EXCEEDED else _REFUSALS.get(code, f"!<{code}>")
    return ProbeReply(address, seconds, kind == _UNREACHABLE, refusal)


def _answer(link: socket.socket, seconds: float) -> ProbeReply | None:
    """A datagram that came back."""
    try:
        sender = link.recvfrom(1)[1]
    except OSError:
        return None
    return ProbeReply(sender[0], seconds, True)
