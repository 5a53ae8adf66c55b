"""`execute traceroute`: three probes for each number of hops, until the host itself answers or Ctrl-C.

In the lab the routers on the way are worked out from how far away its hosts are; on a real network every probe is real.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fortish.commands import Arguments, Here
from fortish.errors import CliError, LinkLost
from fortish.execute.ping import address_of
from fortish.messages import Text
from fortish.steps import Flow, Probe, ProbeReply, Say, Step, exchange

HOPS, PROBES = 32, 3
SIZE = 84  # bytes of a whole packet


def traceroute(here: Here, arguments: Arguments) -> Flow:
    """Find the way to a host."""
    host = arguments["host"]
    address = yield from address_of(host)
    yield Say(Text.TRACEROUTE_HEADER(host=host, address=address, hops=HOPS, probes=PROBES, size=SIZE))
    for hops in range(1, HOPS + 1):
        replies: list[ProbeReply | None] = []
        for number in range(PROBES):
            replies += [(yield from _once(Probe(address, hops, (hops - 1) * PROBES + number, SIZE)))]
        yield Say(_row(hops, replies))
        if any(reply is not None and reply.last for reply in replies):
            return


def _once(probe: Probe) -> Generator[Step, Any, ProbeReply | None]:
    """One probe; None if no answer comes. Raises `CliError`."""
    try:
        reply: ProbeReply | None = yield from exchange(probe)
    except LinkLost as lost:
        raise CliError((Text.TRACEROUTE_NOT(reason=lost.reason),)) from None
    return reply


def _row(hops: int, replies: list[ProbeReply | None]) -> str:
    """One number of hops: who answered, named once, and how long each answer took."""
    pieces, named = "", ""
    for reply in replies:
        if reply is None:
            pieces += Text.TRACEROUTE_SILENT()
            continue
        if reply.address != named:
            pieces += Text.TRACEROUTE_ROUTER(address=reply.address)
            named = reply.address
        pieces += Text.TRACEROUTE_TIME(time=reply.seconds * 1000)
        if reply.refusal:
            pieces += f" {reply.refusal}"
    return Text.TRACEROUTE_ROW(hops=hops, replies=pieces)
