"""The page: one HTML file that needs nothing else, from the rows of a session and its exchanges."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from errno import EISDIR
from pathlib import Path
from typing import Any

from fortish.errors import UsageError
from fortish.network.exchanged import Exchanged
from fortish.report import secrets
from fortish.report.diagram import diagram
from fortish.report.style import SCRIPT, style_sheet
from fortish.report.text import count, safe
from fortish.report.transcript import transcript
from fortish.report.turns import About, Row, Turn, moment, read

NOTHING = About()
Task = Mapping[str, Any]  # `text`; `at`: when it was done, as a row's `at` or `time`, or None; `hints`: how many


def report(
    rows: Iterable[Row],
    exchanges: Sequence[Exchanged],
    tasks: Sequence[Task] | None = None,
    title: str = "Session",
    about: About = NOTHING,
) -> str:
    """The page of a session: rows as `fortish.report.turns` tells, exchanges as they were kept; tasks of a lab."""
    turns = read(rows, exchanges)
    secrets.mask(turns)
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; form-action 'none'"
    return "".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{safe(policy)}; base-uri \'none\'">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n<meta name="generator" content="fortish">\n',
            f"<title>{safe(title)}</title>\n<style>{style_sheet()}</style>\n</head>\n<body>\n",
            *_body(turns, exchanges, tasks, title, about),
            f"<script>{SCRIPT}</script>\n</body>\n</html>\n",
        )
    )


def _body(
    turns: Sequence[Turn], exchanges: Sequence[Exchanged], tasks: Sequence[Task] | None, title: str, about: About
) -> Iterator[str]:
    parts = {"network": "On the network", "transcript": "Transcript"}
    if tasks is not None:
        parts = {"tasks": "Tasks", **parts}
    links = "".join(f'<li><a href="#{name}">{text}</a></li>' for name, text in parts.items())
    yield f"<header>\n<h1>{safe(title)}</h1>\n{_facts(turns, exchanges, about)}"
    yield f'<nav aria-label="Parts of this page"><ul>{links}</ul></nav>\n<div id="tools"></div>\n</header>\n<main>\n'
    if failed := [turn for turn in turns if turn.failed]:
        yield f'<section aria-labelledby="failures">\n<h2 id="failures">Failures</h2>\n{_failures(failed)}</section>\n'
    if tasks is not None:
        yield f'<section aria-labelledby="tasks">\n<h2 id="tasks">Tasks</h2>\n{_tasks(tasks, about)}</section>\n'
    shown = {"network": diagram(exchanges, turns, about.hostname), "transcript": transcript(turns)}
    for name, part in shown.items():
        yield f'<section aria-labelledby="{name}">\n<h2 id="{name}">{parts[name]}</h2>\n{part}</section>\n'
    yield "</main>\n"


def _facts(turns: Sequence[Turn], exchanges: Sequence[Exchanged], about: About) -> str:
    start = "" if about.start is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(about.start))
    facts = {
        "Host name": about.hostname,
        "Firmware": about.firmware,
        "Started": f"{start} (the box's clock)" if start else "",
        "Typed": count(len(turns), "line"),
        "Failed": count(sum(turn.failed for turn in turns), "line"),
        "EST exchanges": str(len(exchanges)),
    }
    rows = "".join(f"<dt>{name}</dt><dd>{safe(fact)}</dd>\n" for name, fact in facts.items() if fact)
    return f"<dl>\n{rows}</dl>\n"


def _failures(turns: Sequence[Turn]) -> str:
    rows = (
        f'<li><a href="#line-{turn.number}">Line {turn.number}</a>: <code>{safe(turn.typed)}</code>'
        f'<br><span class="bad-text">{safe("; ".join(turn.failures))}</span></li>\n'
        for turn in turns
    )
    return f"<ul>\n{''.join(rows)}</ul>\n"


def _tasks(tasks: Sequence[Task], about: About) -> str:
    rows = "".join(
        f"<tr><td>{safe(str(task.get('text', '')))}</td><td>{_when(task.get('at'), about)}</td>"
        f"<td>{safe(str(task.get('hints', 0)))}</td></tr>\n"
        for task in tasks
    )
    head = '<tr><th scope="col">Task</th><th scope="col">Done</th><th scope="col">Hints</th></tr>'
    return f"<table>\n<thead>{head}</thead>\n<tbody>\n{rows}</tbody>\n</table>\n"


def _when(at: Any, about: About) -> str:
    done = moment(at)
    if done is None:
        return "not yet"
    if about.began is None:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(done))
    minutes, seconds = divmod(max(0, round(done - about.began)), 60)
    return f"after {minutes} min {seconds} s" if minutes else f"after {seconds} s"


def check(path: Path) -> None:
    """Whether a page could be written there; nothing is changed. Raises `UsageError`."""
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        part = _part(path)
        part.touch(mode=0o600)
        part.unlink()
    except OSError as error:
        raise UsageError(f"--report {path}: {error.strerror}") from None


def save(path: Path, text: str) -> None:
    """Write a page whole or not at all, for its owner only. Raises `UsageError`."""
    part = _part(path)
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600, exist_ok=False)
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise UsageError(f"--report {path}: {error.strerror}") from None


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
