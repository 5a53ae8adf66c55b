"""`execute ping`: echo requests as `execute ping-options` has them, until the last one or Ctrl-C; then statistics."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from typing import Any

from fortish.commands import Arguments, Here
from fortish.errors import CliError, Interrupted, LinkLost
from fortish.execute.options import PingOptions, chosen
from fortish.messages import Text
from fortish.steps import Echo, EchoReply, Flow, Resolve, Say, Step, Wait, exchange

HEADER = 8  # bytes of ICMP before the data
# A packet that could not be sent does not end the command, as the system spells the reasons.
UNSENT = frozenset(os.strerror(code) for code in (errno.EHOSTUNREACH, errno.EMSGSIZE, errno.ENETUNREACH))


def ping(here: Here, arguments: Arguments) -> Flow:
    """Ping a host."""
    host, options = arguments["host"], chosen(here)
    source = options.source_on(here.box)
    address = yield from address_of(host)
    times: list[float] = []
    sent, answered = 0, False
    lead = "\n"
    try:
        yield Say(Text.PING_HEADER(host=host, address=address, size=options.data_size))
        for sequence in range(options.repeat_count):
            if sequence and not (answered and options.adaptive_ping == "enable"):
                yield Wait(options.interval)
            sent += 1
            reply = yield from _once(address, sequence, options, source)
            answered = reply is not None
            if reply is not None:
                times.append(reply.seconds * 1000)
                yield Say(_reply(address, sequence, options.data_size, reply))
    except Interrupted:
        lead = ""  # the line end behind ^C stands for the blank line
    yield Say(lead + "\n".join(_statistics(host, sent, times)))


def address_of(host: str) -> Generator[Step, Any, str]:
    """The address of a host. Raises `CliError`."""
    try:
        address: str = yield from exchange(Resolve(host))
    except LinkLost as lost:
        hint = lost.reason.partition(". ")[2]
        raise CliError((Text.UNRESOLVED(), *([hint] if hint else []))) from None
    return address


def _once(address: str, sequence: int, options: PingOptions, source: str) -> Generator[Step, Any, EchoReply | None]:
    """One request; None if no answer comes. Raises `CliError` if this host lets nobody send any."""
    size, timeout = options.data_size, float(options.timeout)
    request = Echo(address, sequence, size, source, timeout, options.header, options.fill)
    try:
        reply: EchoReply | None = yield from exchange(request)
    except LinkLost as lost:
        if lost.reason not in UNSENT:
            raise CliError((Text.PING_FORBIDDEN(reason=lost.reason),)) from None
        yield Say(Text.SENDTO_FAILED())
        return None
    return reply


def _reply(address: str, sequence: int, size: int, reply: EchoReply) -> str:
    milliseconds = reply.seconds * 1000
    return Text.PING_REPLY(size=size + HEADER, address=address, sequence=sequence, ttl=reply.ttl, time=milliseconds)


def _statistics(host: str, sent: int, times: list[float]) -> list[str]:
    lost = round(100 * (sent - len(times)) / sent) if sent else 0
    lines = [Text.PING_STATISTICS(host=host), Text.PING_COUNTS(sent=sent, received=len(times), lost=lost)]
    if times:
        lines.append(Text.PING_TIMES(least=min(times), mean=sum(times) / len(times), most=max(times)))
    return lines
