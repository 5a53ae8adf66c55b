"""What is told of a line that was refused, and of a file that is no script as it stands: templates, MIME envelopes.

A line is told without its secrets: a password that was refused is often right but for one character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fortish.replay import Failure

LONGEST = 60  # characters of a refused line that are shown
_SECRET = re.compile(r"(^|-)(pass|pwd|psk|secret|priv|passwd|key)", re.IGNORECASE)  # of a line with a misspelt verb
_BLOB = re.compile(r"[A-Za-z0-9+/=]{40,}")  # a line of a private key whose quotes were lost, perhaps
_PLACEHOLDER = re.compile(r"\$\{[^}\n]*\}|\$\([A-Za-z_]\w*\)|\{\{.*?\}\}|\{%.*?%\}|%\{.*?\}")


def told(failure: Failure) -> str:
    """A failure on one line: where, the box's words, and the line that was refused, cut."""
    from fortish.report.secrets import MASK

    line, secrets = _masked(failure.line)
    message = failure.message
    for secret in sorted(secrets, key=len, reverse=True):
        message = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, message)
    first, *others = line.strip().split("\n")
    cut = first if len(first) <= LONGEST and not others else f"{first[:LONGEST].rstrip()} ..."
    return f"{failure.file}:{failure.number}: {message}" + (f" in: {cut}" if cut else "")


def _masked(line: str) -> tuple[str, set[str]]:
    from fortish.report.secrets import MASK, masked

    shown, secrets = masked(line)
    words = line.split()
    place = next((at for at, word in enumerate(words) if at and _SECRET.search(word)), len(words))
    if words[:1] != ["execute"] and words[place + 1 :] and shown == line:
        secrets |= set(words[place + 1 :])
        shown = " ".join([*words[: place + 1], MASK])
    return _BLOB.sub(MASK, shown), {bare for secret in secrets if (bare := secret.strip("\"'"))}


def placeholder(text: str) -> tuple[int, str] | None:
    """The first placeholder of a template and the number of its line; None if there is none."""
    found = _PLACEHOLDER.search(text)
    return None if found is None else (text.count("\n", 0, found.start()) + 1, found.group()[:30])


# --- MIME envelopes -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a file: how many lines stand before it, its text, and whether it holds commands."""

    before: int
    text: str
    plays: bool = True


_HEADER = re.compile(r"(Content-[\w-]+|MIME-Version):", re.IGNORECASE)
_BOUNDARY = re.compile(
    r"^content-type:\s*multipart/[^\n]*\n?[^\n]*?boundary=\"?([^\"\s;]+)", re.IGNORECASE | re.MULTILINE
)
_OTHER = re.compile(r"\s*(-----BEGIN |#!|#cloud-config)")  # a license, a shell script, settings of another system

_CODED = re.compile(
    r"^content-(transfer-encoding:\s*base64|type:\s*text/(x-shellscript|cloud-))", re.IGNORECASE | re.MULTILINE
)


def parts(text: str) -> Iterator[Part]:
    """The parts of an envelope as cloud-init takes it; any other text is one part."""
    boundary = _BOUNDARY.search(text.replace("\r", "").split("\n\n", 1)[0]) if _HEADER.match(text) else None
    if boundary is None:
        yield Part(0, text)
        return
    lines = text.split("\n")
    marks = [n for n, line in enumerate(lines) if line.strip() in (f"--{boundary[1]}", f"--{boundary[1]}--")]
    for begin, end in zip(marks, [*marks[1:], len(lines)], strict=True):
        start = begin + 1
        while start < end and lines[start].strip():  # its own headers, to the first empty line
            start += 1
        head = "\n".join(lines[begin:start])
        body = "\n".join(lines[start + 1 : end]).rstrip("\r\n")
        if body.strip():
            yield Part(start + 1, f"{body}\n", plays=not (_CODED.search(head) or _OTHER.match(body)))
