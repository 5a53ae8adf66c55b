"""The sequence diagram of a page: box and server, an arrow there and one back for each exchange, which unfolds.

It is drawn with borders alone: its words stay words, which wrap on a phone and can be heard and copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import dedent
from urllib.parse import urlsplit

from fortish.network.exchanged import CONNECT, Exchanged
from fortish.report.text import block, count, folded, moments, safe
from fortish.report.turns import Turn, written

PAUSE = 10.0  # seconds of the box's clock between two exchanges that are told
# The texts of an exchange in the order in which they are shown, and what they are called.
# fmt: off
TEXTS: Mapping[str, str] = {
    "failure.txt":      "What went wrong",
    "csr.txt":          "Certification request (CSR)",
    "csrattrs.txt":     "CSR attributes",
    "certificates.txt": "Certificates",
    "request.txt":      "HTTP request",
    "response.txt":     "HTTP response",
    "connection.txt":   "Connection",
}
# fmt: on
_RAW = ("request.txt", "response.txt", "connection.txt")  # folded: what most readers look for is not
_SUBJECT, _KEY = re.compile(r"^subject +(.*)$", re.MULTILINE), re.compile(r"^key +(.*)$", re.MULTILINE)
_HOLDER = re.compile(r"^ *Subject: *(.*)$", re.MULTILINE)
_UNTIL = re.compile(r"^ *Valid to: *(\S+)", re.MULTILINE)


def diagram(exchanges: Sequence[Exchanged], turns: Sequence[Turn], hostname: str) -> str:
    """The diagram of all exchanges."""
    if not exchanges:
        return "<p>No EST exchange.</p>\n"
    lines = {number: turn.number for turn in turns for number in turn.exchanges}
    servers = {exchange.server for exchange in exchanges}
    server = _host(next(iter(servers))) if len(servers) == 1 else "EST servers"
    pieces = [f'<li class="ends"><span>{safe(hostname or "box")}</span> <span>{_breaking(server)}</span></li>\n']
    before: Exchanged | None = None
    for number, exchange in enumerate(exchanges, 1):
        pieces += _between(before, exchange, many=len(servers) > 1)
        body = "".join(_details(exchange, lines.get(number)))
        shown = folded(_arrows(number, exchange), f'<div class="opened">\n{body}</div>\n')
        pieces.append(f'<li id="x{number}">{shown}</li>\n')
        before = exchange
    return f'<ol class="diagram">\n{"".join(pieces)}</ol>\n'


def _host(server: str) -> str:
    return urlsplit(server).netloc or server


def _breaking(server: str) -> str:
    """A server's name, which breaks before its port rather than inside a word."""
    return safe(server).replace(":", "<wbr>:")


def _between(before: Exchanged | None, exchange: Exchanged, *, many: bool) -> Iterator[str]:
    """What stands above an exchange: how long nothing happened, a connection that came about."""
    pause = 0.0 if before is None else exchange.timing.clock - before.timing.clock
    if pause >= PAUSE:
        yield f'<li class="pause"><span>{moments(pause)} later</span></li>\n'
    known = 0 if before is None else before.timing.connection
    if exchange.operation != CONNECT and exchange.timing.connection != known:
        server = f"{_host(exchange.server)}, " if many else ""
        words = f"{server}{exchange.tls}, opened in {exchange.timing.handshake:.0f} ms"
        yield f'<li class="opening"><span>{safe(words)}</span></li>\n'


def _arrows(number: int, exchange: Exchanged) -> str:
    took = f"{exchange.timing.took:.0f} ms"
    asked = "TLS connection" if exchange.operation == CONNECT else f"{exchange.method} {exchange.operation}"
    if exchange.fault:
        way = f'<span class="lost">{safe(asked)}</span> <span class="why">{safe(exchange.fault)}'
        way += f" <small>{took}</small></span>"
    else:
        kind = "answer refused" if exchange.status >= 400 else "answer"
        status = f"{exchange.status} {exchange.phrase}".strip()
        way = f'<span class="ask">{safe(asked)}</span> '
        way += f'<span class="{kind}"><span>{safe(status)}</span> <small>{took}</small></span>'
    note = "".join(f"<span>{safe(words)}</span> " for words in _gist(exchange))
    return f'<span class="no">{number}</span> <span class="way">{way}</span> <span class="note">{note}</span>'


def _gist(exchange: Exchanged) -> tuple[str, str]:
    """What was asked for, and what was given, in a few words each."""
    texts = exchange.files
    asked = ", ".join(found.group(1) for one in (_SUBJECT, _KEY) if (found := one.search(texts.get("csr.txt", ""))))
    holders = _HOLDER.findall(texts.get("certificates.txt", ""))
    until = _UNTIL.findall(texts.get("certificates.txt", ""))
    given = ""
    if holders:
        given = f"{holders[0]}{f', until {until[0]}' if until else ''}"
        given += f", and {len(holders) - 1} more" if len(holders) > 1 else ""
    elif wanted := [row for row in texts.get("csrattrs.txt", "").split("\n") if row and not row.startswith(" ")]:
        given = count(len(wanted), "attribute")
    return asked, given


def _details(exchange: Exchanged, line: int | None) -> Iterator[str]:
    came = "" if line is None else f'<a href="#l{line}">Line {line}</a>, '
    when = f"{came}{written(exchange.timing.clock)} on the box's clock"
    yield f'<p class="links">{safe(exchange.server)}{safe(exchange.path)}<br>{when}</p>\n'
    for name, title in TEXTS.items():
        if text := dedent(exchange.files.get(name, "")).strip("\n"):
            if name not in _RAW:
                yield f"<h3>{title}</h3>\n{block(text)}"
            else:  # a server that refuses says why in its response
                yield folded(title, block(text), unfolded=name == "response.txt" and exchange.status >= 400)
