"""The transcript of a page: prompts and typed lines, what was printed, debug lines and configuration scopes folded."""

from __future__ import annotations

from collections.abc import Sequence

from fortish.report.text import block, count, folded, safe
from fortish.report.turns import Turn

SMALL = 12  # turns of a scope that is shown unfolded


def transcript(turns: Sequence[Turn]) -> str:
    """All turns."""
    return f'<div class="screen">\n{_scope(turns)}</div>\n' if turns else "<p>Nothing was typed.</p>\n"


def _scope(turns: Sequence[Turn]) -> str:
    """Turns of one scope; a `config` and what is typed in it, up to the same prompt again, is one part."""
    shown, at = [], 0
    while at < len(turns):
        end = _end(turns, at)
        inside = turns[at + 1 : end]
        shown.append(_scoped(turns[at], inside) if inside else _turn(turns[at]))
        at = end
    return "".join(shown)


def _end(turns: Sequence[Turn], at: int) -> int:
    """Behind the last turn of the scope that a turn opens; behind itself, if it opens none."""
    first, words = turns[at], turns[at].typed.split()
    if not words or len(words[0]) < 3 or not "config".startswith(words[0]) or first.failed:
        return at + 1
    outside = _place(first)
    return next((place for place in range(at + 1, len(turns)) if _place(turns[place]) == outside), len(turns))


def _place(turn: Turn) -> list[str]:
    """A prompt without the host name, which may change in between: `(local) #`."""
    return turn.prompt.split()[1:]


def _scoped(first: Turn, inside: Sequence[Turn]) -> str:
    failed = sum(turn.failed for turn in inside)
    marks = f' <span class="bad">{count(failed, "failure")}</span>' if failed else ""
    summary = f"{_line(first)} <small>{count(len(inside) + 1, 'line')}</small>{marks}"
    body = _said(first) + _scope(inside)
    unfolded = failed > 0 or len(inside) < SMALL
    return f'<div id="line-{first.number}">{folded(summary, body, kind="scope", unfolded=unfolded)}</div>\n'


def _turn(turn: Turn) -> str:
    mark = ' <span class="bad">failed</span>' if turn.failed else ""
    kind = "turn failed" if turn.failed else "turn"
    return f'<div class="{kind}" id="line-{turn.number}"><p class="line">{_line(turn)}{mark}</p>\n{_said(turn)}</div>\n'


def _line(turn: Turn) -> str:
    return f'<code><span class="prompt">{safe(turn.prompt)}</span><kbd>{safe(turn.typed)}</kbd></code>'


def _said(turn: Turn) -> str:
    shown = [_debug(text, turn) if debug else _printed(text, turn) for debug, text in turn.parts]
    shown += [f'<p class="good">Task done: {safe(name)}. {safe(text)}</p>\n' for name, text in turn.tasks]
    if turn.failed and not any(not debug for debug, _ in turn.parts):  # what says so stands nowhere else
        shown += [f'<p class="bad-text">{safe(text)}</p>\n' for text in turn.failures]
    if turn.exchanges:
        links = " ".join(f'<a href="#exchange-{number}">{number}</a>' for number in turn.exchanges)
        shown.append(f'<p class="links">On the network: {links}</p>\n')
    return "".join(shown)


def _printed(text: str, turn: Turn) -> str:
    shown = text.strip("\n")
    return block(shown, f"Output of line {turn.number}") if shown else ""


def _debug(text: str, turn: Turn) -> str:
    lines = count(text.count("\n") + 1, "debug line")
    return folded(lines, block(text, f"Debug lines of line {turn.number}", "debug"), kind="debug")
