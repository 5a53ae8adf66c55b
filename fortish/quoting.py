"""Quotes, backslashes and lines that go on: what a word is worth as typed, and what is still open at a line's end."""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"\\([\"'\\])")
_PIECE = re.compile(r"""([^"'\\]++)|"((?:[^"\\]++|\\.)*+)"|'([^']*+)'|\\(.?)""", re.DOTALL)
_JOINED = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*'|\\[^\r\n])|\\\r?\n""", re.DOTALL)
_BARE = re.compile(r"""(?:[^"'\\]++|\\.)*+""", re.DOTALL)
_DOUBLE = re.compile(r"""(?:[^"\\]++|\\.)*+""", re.DOTALL)
_SINGLE = re.compile(r"[^']*+")


def unquote(word: str) -> str:
    """The value of a word as typed: pieces joined, quotes and escapes undone."""
    if '"' not in word and "'" not in word and "\\" not in word:
        return str(word)
    return "".join(_piece(match) for match in _PIECE.finditer(word))


def _piece(match: re.Match[str]) -> str:
    bare, double, single, escaped = match.groups()
    if double is not None:
        return _ESCAPED.sub(r"\1", double)
    return bare or single or escaped or ""


def quote(value: str) -> str:
    """`value` as a configuration prints it; `unquote(quote(value)) == value`."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")
    return f'"{escaped}"'


def joined(text: str) -> str:
    """A line without the backslashes at line ends that continue it; in quotes they are data."""
    if "\\\n" in text or "\\\r\n" in text:
        return _JOINED.sub(lambda m: m.group(1) or "", text)
    return text


def open_quote(text: str, quote: str | None = None) -> str | None:
    """What is still open at the end of `text`: a quote character, a backslash (the line goes on), or None.

    `quote` is what was open before it.
    """
    at = 0
    while True:
        if quote is None or quote == "\\":
            at = _end(_BARE, text, at)
            if at >= len(text):
                return None
            quote = text[at]
            at += 1
            if quote == "\\":  # the last character: a backslash that escapes the line end
                return quote
        at = _end(_DOUBLE if quote == '"' else _SINGLE, text, at)
        if at >= len(text) or text[at] != quote:
            return quote
        quote = None
        at += 1


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
