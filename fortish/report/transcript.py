"""The transcript of a page: prompts and typed lines, what was printed, debug lines and configuration scopes folded.

A browser lays out only the chunks that are looked at, so that a day of work opens as quickly as a minute.
"""

from __future__ import annotations

from collections.abc import Sequence

from fortish.report.text import block, count, folded, long_block, safe
from fortish.report.turns import Part, Turn

SMALL = 12  # turns of a scope that is shown unfolded
CHUNK = 50  # parts that are laid out together


def transcript(turns: Sequence[Turn]) -> str:
    """All turns."""
    return f'<div class="screen">\n{_scope(turns)}</div>\n' if turns else "<p>Nothing was typed.</p>\n"


def _scope(turns: Sequence[Turn]) -> str:
    """Turns of one scope; a `config` and what is typed in it, up to the same prompt again, is one part."""
    shown, at = [], 0
    while at < len(turns):
        end = _end(turns, at)
        inside = turns[at + 1 : end]
        shown.append(_sitting(turns[at]) + (_scoped(turns[at], inside) if inside else _turn(turns[at])))
        at = end
    if len(shown) <= 2 * CHUNK:
        return "".join(shown)
    chunks = ("".join(shown[at : at + CHUNK]) for at in range(0, len(shown), CHUNK))
    return "".join(f'<div class="chunk">\n{chunk}</div>\n' for chunk in chunks)


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


def _sitting(turn: Turn) -> str:
    return f'<p class="sitting">Came back at {safe(turn.sitting)}</p>\n' if turn.sitting else ""


def _scoped(first: Turn, inside: Sequence[Turn]) -> str:
    failed = sum(turn.failed for turn in inside)
    marks = f' <em class="bad">{count(failed, "failure")}</em>' if failed else ""
    summary = f"{_line(first)} <small>{count(len(inside) + 1, 'line')}</small>{marks}"
    unfolded = failed > 0 or len(inside) < SMALL
    # The line stands in the summary: a link to it leads there, and unfolds it.
    head = f'<div class="turn" id="l{first.number}" data-n="{first.number}">'
    body = f"{_said(first)}<div>\n{_scope(inside)}</div>\n"
    return f"{head}{folded(summary, body, kind='scope', unfolded=unfolded)}</div>\n"


def _turn(turn: Turn) -> str:
    mark = ' <em class="bad">failed</em>' if turn.failed else ""
    kind = "turn failed" if turn.failed else "turn"
    head = f'<div class="{kind}" id="l{turn.number}" data-n="{turn.number}">'
    return f"{head}<p>{_line(turn)}{mark}</p>\n{_said(turn)}</div>\n"


def _line(turn: Turn) -> str:
    return f"<b>{safe(turn.prompt)}</b><kbd>{safe(turn.typed)}</kbd>"


def _said(turn: Turn) -> str:
    shown = [_part(part) for part in turn.parts]
    if turn.failed and all(part.debug for part in turn.parts):  # what says so stands nowhere else
        shown += [f'<p class="bad-text">{safe(text)}</p>\n' for text in turn.failures]
    if turn.exchanges:
        links = " ".join(f'<a href="#x{number}">{number}</a>' for number in turn.exchanges)
        shown.append(f'<p class="links">On the network: {links}</p>\n')
    shown += [
        f'<p class="good"><strong>Task done: {safe(name)}.</strong> {safe(text)}</p>\n' for name, text in turn.tasks
    ]
    return "".join(shown)


def _part(part: Part) -> str:
    text = part.text
    if not part.debug:
        return long_block(text) if text else ""
    return folded(count(text.count("\n") + 1, "debug line"), block(text), kind="debug")
