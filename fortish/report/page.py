"""The page: one HTML file that needs nothing else, from the rows of a session and its exchanges."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence

from fortish.network.exchanged import Exchanged
from fortish.report import secrets
from fortish.report.diagram import diagram
from fortish.report.style import SCRIPT, style_sheet
from fortish.report.tasks import Task, reached, tasks_table
from fortish.report.text import count, moments, safe
from fortish.report.transcript import transcript
from fortish.report.turns import About, Row, Turn, read, written

NOTHING = About()
SAME = 60.0  # seconds that two clocks may differ and yet tell the same time
MOST = 20  # failures that are listed at the top
Part = tuple[str, str, str]  # an anchor, a heading, markup


def report(
    rows: Iterable[Row],
    exchanges: Sequence[Exchanged],
    tasks: Sequence[Task] | None = None,
    title: str = "Session",
    about: About = NOTHING,
) -> str:
    """The page of a session: rows as `fortish.report.turns` tells, exchanges as they were kept; tasks of a lab."""
    turns = read(rows, exchanges)
    exchanges = secrets.mask(turns, exchanges)
    parts = _parts(turns, exchanges, tasks, about)
    links = "".join(f'<a href="#{anchor}">{anchor.capitalize()}</a> ' for anchor, _, _ in parts)
    style = style_sheet()
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(SCRIPT)}; form-action 'none'"
    return "".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}; base-uri \'none\'">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n<meta name="generator" content="fortish">\n',
            f"<title>{safe(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n",
            f"<header>\n<h1>{safe(title)}</h1>\n{_facts(turns, exchanges, tasks, about)}</header>\n",
            f'<nav aria-label="Parts of this page">{links}<span id="tools"></span></nav>\n<main>\n',
            *(_section(part) for part in parts),
            f"</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        )
    )


def _hash(text: str) -> str:
    """A source of a content security policy: this text and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _section(part: Part) -> str:
    anchor, heading, markup = part
    head = f'<section id="{anchor}" aria-labelledby="h-{anchor}">\n<h2 id="h-{anchor}">{heading}</h2>\n'
    return f"{head}{markup}</section>\n"


def _parts(
    turns: Sequence[Turn], exchanges: Sequence[Exchanged], tasks: Sequence[Task] | None, about: About
) -> list[Part]:
    failed = [turn for turn in turns if turn.failed]
    rows = [
        ("tasks", "Tasks", "" if tasks is None else tasks_table(tasks, about.broken)),
        ("failures", "Failures", _failures(failed) if failed else ""),
        ("network", "On the network", diagram(exchanges, turns, about.hostname)),
        ("transcript", "Transcript", transcript(turns)),
    ]
    return [row for row in rows if row[2]]


def _facts(turns: Sequence[Turn], exchanges: Sequence[Exchanged], tasks: Sequence[Task] | None, about: About) -> str:
    failed = sum(turn.failed for turn in turns)
    facts = {
        "Tasks": "" if tasks is None else reached(tasks),
        "Host name": about.hostname,
        "Firmware": about.firmware,
        "Seed": "" if about.seed is None else str(about.seed),
        "Began": "" if about.began is None else written(about.began),
        "Box's clock": _other_clock(about),
        "At the prompt": "" if about.worked is None else moments(about.worked),
        "Typed": count(len(turns), "line") + (f", {failed:,} failed" if failed else ""),
        "EST exchanges": f"{len(exchanges):,}",
    }
    rows = "".join(f"<div><dt>{name}</dt><dd>{safe(fact)}</dd></div>\n" for name, fact in facts.items() if fact)
    return f"<dl>\n{rows}</dl>\n"


def _other_clock(about: About) -> str:
    """The box's time at the beginning, where it is another than the real one."""
    if about.start is None or (about.began is not None and abs(about.start - about.began) < SAME):
        return ""
    return written(about.start)


def _failures(turns: Sequence[Turn]) -> str:
    rows = (
        f'<li><a href="#l{turn.number}">Line {turn.number}</a> <kbd>{safe(turn.typed)}</kbd>'
        f'<p class="bad-text">{safe("; ".join(turn.failures))}</p></li>\n'
        for turn in turns[:MOST]
    )
    rest = f"<p>And {len(turns) - MOST:,} more, marked in the transcript.</p>\n" if len(turns) > MOST else ""
    return f'<ul class="failures">\n{"".join(rows)}</ul>\n{rest}'
