"""`execute ping`: echo requests one a second, until five are sent or Ctrl-C; then the statistics."""

from __future__ import annotations

from fortish.commands import Arguments, Here
from fortish.errors import CliError, Interrupted, LinkLost
from fortish.messages import Text
from fortish.steps import Echo, EchoReply, Flow, Resolve, Say, Wait, exchange

COUNT = 5  # requests
INTERVAL = 1.0  # seconds
SIZE = 56  # bytes of data


def ping(here: Here, arguments: Arguments) -> Flow:
    """Ping a host."""
    host = arguments["host"]
    try:
        address = yield from exchange(Resolve(host))
    except LinkLost as lost:
        hint = lost.reason.partition(". ")[2]
        raise CliError((Text.UNRESOLVED(), *([hint] if hint else []))) from None
    yield Say(Text.PING_HEADER(host=host, address=address, size=SIZE))
    times: list[float] = []
    sent = 0
    lead = "\n"
    try:
        for sequence in range(COUNT):
            if sequence:
                yield Wait(INTERVAL)
            sent += 1
            reply: EchoReply | None = yield from exchange(Echo(address, sequence, SIZE))
            if reply is not None:
                times.append(reply.seconds * 1000)
                yield Say(_reply(address, sequence, reply))
    except LinkLost as lost:
        raise CliError((Text.PING_FORBIDDEN(reason=lost.reason),)) from None
    except Interrupted:
        lead = ""  # the line end behind ^C stands for the blank line
    yield Say(lead + "\n".join(_statistics(host, sent, times)))


def _reply(address: str, sequence: int, reply: EchoReply) -> str:
    milliseconds = reply.seconds * 1000
    return Text.PING_REPLY(size=SIZE + 8, address=address, sequence=sequence, ttl=reply.ttl, time=milliseconds)


def _statistics(host: str, sent: int, times: list[float]) -> list[str]:
    lost = round(100 * (sent - len(times)) / sent) if sent else 0
    lines = [Text.PING_STATISTICS(host=host), Text.PING_COUNTS(sent=sent, received=len(times), lost=lost)]
    if times:
        lines.append(Text.PING_TIMES(least=min(times), mean=sum(times) / len(times), most=max(times)))
    return lines
