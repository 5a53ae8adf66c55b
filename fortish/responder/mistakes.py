"""Where in a policy's text a mistake stands: what the policy complains of has no line, since TOML's values have none.

The line is looked for by the words of the complaint, deepest key first. Where they fit several lines it is the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_PREFIX: Final = "policy: "
_SYNTAX: Final = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
_KEY: Final = re.compile(r"""\s*((?:[\w.-]|"[^"]*"|'[^']*'|\s*\.\s*)+?)\s*=""")
_HEADER: Final = re.compile(r"\s*\[\[?\s*(.+?)\s*\]\]?\s*$")
_PART: Final = re.compile(r""""([^"]*)"|'([^']*)'|([\w*-]+)""")
_STRING: Final = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'""")

Path = tuple[str, ...]


def placed(file: object, text: str, complaint: str) -> str:
    """A complaint of `Policy.from_toml` as `file:line: message`; any other as it is."""
    if not complaint.startswith(_PREFIX):
        return complaint
    said = complaint.removeprefix(_PREFIX)
    if syntax := _SYNTAX.search(said):
        at = f"{syntax['line']}:{syntax['column']}" if syntax["line"] else str(max(1, len(text.splitlines())))
        return f"{file}:{at}: {said[: syntax.start()]}"
    line = _line(text, _words(said))
    return f"{file}:{line}: {said}" if line else f"{file}: {said}"


def _words(said: str) -> Path:
    """The keys that a complaint names, outermost first, and what it quotes."""
    said = said.partition("; known are ")[0]
    *before, last = said.split(": ")
    words = [part for place in before for part in place.split(".")]
    if demand := re.match(r"([\w.*-]+) must ", last):
        words += demand[1].split(".")
    elif quoted := re.search(r"'([^']*)'", last):
        words.append(quoted[1])
    elif before and " " not in last:
        words.append(last)
    return tuple(words)


def _line(text: str, words: Path) -> int | None:
    keyed = list(_keyed(text))
    for size in range(len(words), 0, -1):
        inside = [(number, code) for number, path, code in keyed if path[:size] == words[:size]]
        if inside:
            rest = words[size:]
            return next((number for number, code in inside if rest and _names(code, rest[-1])), inside[0][0])
    return next((number for number, _, code in keyed if words and _names(code, words[-1])), None)


def _names(code: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", code) is not None


def _keyed(text: str) -> Iterator[tuple[int, Path, str]]:
    """Each line that is not empty: its number, the key that it belongs to, and the line without its comment."""
    section: Path = ()
    path: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        code = _code(line)
        if header := _HEADER.fullmatch(code):
            section = path = _parts(header[1])
        elif key := _KEY.match(code):
            path = section + _parts(key[1])
        if code.strip():
            yield number, path, code


def _code(line: str) -> str:
    """A line without its comment."""
    bare = _STRING.sub(lambda found: "x" * len(found[0]), line)
    return line[: bare.index("#")] if "#" in bare else line


def _parts(key: str) -> Path:
    return tuple(next(filter(None, found), "") for found in _PART.findall(key))
