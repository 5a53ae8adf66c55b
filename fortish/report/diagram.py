"""The sequence diagram of a page: box and server, an arrow there and one back for each exchange, which unfolds.

Each exchange is a piece of SVG of its own; put below each other, the two vertical lines of the pieces join.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from urllib.parse import urlsplit

from fortish.network.exchanged import CONNECT, Exchanged
from fortish.report.text import block, folded, safe
from fortish.report.turns import Turn

WIDTH = 360  # of a piece, in the units of its drawing: about the pixels of a phone
LEFT, RIGHT = 84, 276  # where the two lines stand
LONGEST = 20  # characters of a name in the diagram
REASON = 26  # and of a line of what went wrong
# The texts of an exchange in the order in which they are shown, and what they are called.
# fmt: off
TEXTS = (
    ("failure.txt",      "What went wrong"),
    ("csr.txt",          "Certification request"),
    ("csrattrs.txt",     "CSR attributes"),
    ("certificates.txt", "Certificates"),
    ("request.txt",      "Request"),
    ("response.txt",     "Response"),
    ("connection.txt",   "Connection"),
)
# fmt: on
_OPEN = ("failure.txt", "csr.txt", "csrattrs.txt", "certificates.txt")  # what most readers look for is unfolded


def diagram(exchanges: Sequence[Exchanged], turns: Sequence[Turn], hostname: str) -> str:
    """The diagram of all exchanges."""
    if not exchanges:
        return "<p>No EST exchange.</p>\n"
    lines = {number: turn.number for turn in turns for number in turn.exchanges}
    servers = {exchange.server for exchange in exchanges}
    server = _host(next(iter(servers))) if len(servers) == 1 else "EST servers"
    pieces = [f"<li>{_names(hostname or 'box', server)}</li>\n"]
    connection = 0
    for number, exchange in enumerate(exchanges, 1):
        if exchange.operation != CONNECT and exchange.timing.connection != connection:
            connection = exchange.timing.connection
            pieces.append(f"<li>{_opening(exchange)}</li>\n")
        body = "".join(_details(exchange, lines.get(number)))
        shown = folded(_piece(number, exchange), f'<div class="opened">\n{body}</div>')
        pieces.append(f'<li id="exchange-{number}">{shown}</li>\n')
    return f'<ol class="diagram">\n{"".join(pieces)}</ol>\n'


def spoken(exchange: Exchanged) -> str:
    """An exchange in words."""
    if exchange.fault:
        asked = f"{exchange.method} {exchange.operation}".strip()
        return f"{asked} failed after {exchange.timing.took:.0f} ms: {exchange.fault}"
    status = f"{exchange.status} {exchange.phrase}".strip()
    return f"{exchange.method} {exchange.operation}, answered {status} after {exchange.timing.took:.0f} ms"


def _host(server: str) -> str:
    return urlsplit(server).netloc or server


def _short(text: str, most: int = LONGEST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _svg(height: int, drawn: str, label: str) -> str:
    lives = "".join(f'<line class="life" x1="{x}" y1="0" x2="{x}" y2="{height}"/>' for x in (LEFT, RIGHT))
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{safe(label)}">'
    return f"{head}{lives}{drawn}</svg>"


def _write(x: int, y: int, text: str, kind: str = "", anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{safe(text)}</text>'


def _names(hostname: str, server: str) -> str:
    drawn = ""
    for x, name in ((LEFT, hostname), (RIGHT, server)):
        drawn += f'<rect class="who" x="{x - 80}" y="1" width="160" height="30" rx="5"/>'
        drawn += _write(x, 21, _short(name, 24), "t-name")
    return _svg(40, drawn, f"Between {hostname} and {server}")


def _opening(exchange: Exchanged) -> str:
    """A connection that came about."""
    words = f"{exchange.tls}, opened in {exchange.timing.handshake:.0f} ms"
    ends = f'<circle class="who" cx="{LEFT}" cy="30" r="4"/><circle class="who" cx="{RIGHT}" cy="30" r="4"/>'
    line = f'<line class="life" x1="{LEFT}" y1="30" x2="{RIGHT}" y2="30"/>'
    drawn = line + ends + _write((LEFT + RIGHT) // 2, 22, words, "t-quiet")
    return _svg(44, drawn, f"Connection to {_host(exchange.server)}: {words}")


def _piece(number: int, exchange: Exchanged) -> str:
    middle = (LEFT + RIGHT) // 2
    drawn = '<path class="turnable" d="M8 31 l8 5 l-8 5 z"/>' + _write(24, 41, str(number), "t-quiet", "start")
    asked = "TLS connection" if exchange.operation == CONNECT else f"{exchange.method} {_short(exchange.operation)}"
    drawn += _write(middle, 18, asked, "t-name")
    took = f"{exchange.timing.took:.0f} ms"
    drawn += _write(RIGHT + 8, 41, took, "t-quiet", "start")
    if exchange.fault:
        drawn += f'<path class="lost" d="M{LEFT} 26 H{middle + 30} m-6 -6 l12 12 m0 -12 l-12 12"/>'
        rows = wrap(exchange.fault, REASON, max_lines=3, placeholder="…")
        drawn += "".join(_write(middle, 50 + 15 * at, row, "t-bad") for at, row in enumerate(rows))
        return _svg(50 + 15 * max(1, len(rows)), drawn, f"{number}: {spoken(exchange)}")
    drawn += f'<path class="ask" d="M{LEFT} 26 H{RIGHT - 7}"/><path class="tip" d="M{RIGHT} 26 l-9 -5 v10 z"/>'
    bad = exchange.status >= 400
    line, tip = ("lost", "tip-bad") if bad else ("answer", "tip")
    drawn += f'<path class="{line}" d="M{RIGHT} 60 H{LEFT + 7}"/><path class="{tip}" d="M{LEFT} 60 l9 -5 v10 z"/>'
    words = _short(f"{exchange.status} {exchange.phrase}".strip(), 28)
    drawn += _write(middle, 52, words, "t-bad" if bad else "")
    return _svg(72, drawn, f"{number}: {spoken(exchange)}")


def _details(exchange: Exchanged, line: int | None) -> Iterator[str]:
    yield f"<p>{safe(spoken(exchange))}</p>\n"
    if line is not None:
        yield f'<p class="links">Came of <a href="#line-{line}">line {line}</a></p>\n'
    for name, title in TEXTS:
        if text := exchange.files.get(name, "").strip("\n"):
            if name in _OPEN:
                yield f"<h3>{title}</h3>\n{block(text, title)}"
            else:
                yield folded(title, block(text, title))
