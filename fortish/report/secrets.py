"""Secrets that were typed, masked: behind `set password` and its like, and the passwords of execute lines.

What the box itself prints stays as it stands on the screen, save in the answer to a line that failed and in debug
lines: there a secret that was typed is masked, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fortish import execute, hooks
from fortish.errors import CliError
from fortish.report.turns import Turn

MASK = "******"
SHORTEST = 4  # characters of a secret that is looked for elsewhere: a shorter one would hit by chance
_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*(?:"|$)|'[^']*(?:'|$)|\\.|\\$|[^\s"'\\])+""", re.DOTALL)
_ATTRIBUTE = re.compile(r"^p(as?)?$|pass|pwd|psk|secret|private|^key$|key-string|community", re.IGNORECASE)
_PARAMETER = re.compile("password|challenge")
_PLACES = ("root", "global", "vdom")  # a command may be there in one kind of place only
_SHOWN = re.compile(r"""^(""|'')$|=|^(DNS|IP|email|URI):|^\d+(\.\d+){3}$""")
_USER = re.compile(r"(://[^\s/@:]*):[^\s/@]*@")


def mask(turns: Iterable[Turn]) -> None:
    """Mask every secret in what was typed, and wherever it comes back."""
    turns = list(turns)
    secrets: set[str] = set()
    going_on = False  # a secret in quotes goes on in the next line
    for turn in turns:
        if going_on and turn.prompt.strip() == ">":
            secrets.add(turn.typed)
            turn.typed = MASK
            continue
        turn.typed, found = masked(turn.typed)
        secrets |= found
        going_on = any(word[:1] in ("'", '"') and not _closed(word) for word in found)
    known = {_bare(secret) for secret in secrets} | secrets
    if pattern := _pattern(known):
        for turn in turns:
            _hide(turn, pattern)


def masked(line: str) -> tuple[str, set[str]]:
    """A line with its secrets masked, and the secrets as they were typed."""
    spans = [(found.start(), found.end(), found.group()) for found in _WORD.finditer(line)]
    secret = set(_secret(tuple(word for _, _, word in spans)))
    shown, at, found_ = [], 0, set()
    for place, (start, end, word) in enumerate(spans):
        if place in secret and _bare(word):
            shown += [line[at:start], MASK]
            found_.add(word)
            at = end
    return _USER.sub(rf"\1:{MASK}@", "".join([*shown, line[at:]])), found_


def _bare(word: str) -> str:
    """A word without its quotes."""
    return re.sub(r"\\(.)", r"\1", word.strip(word[0]) if word[:1] in ("'", '"') else word)


def _closed(word: str) -> bool:
    return len(word) > 1 and word[-1] == word[0]


def _secret(words: tuple[str, ...]) -> Iterator[int]:
    """Which words are secrets."""
    head = next((place for place, word in enumerate(words) if word != "sudo"), 0)
    if words[:1] == ("sudo",):
        head = 2
    verb, rest = (words[head] if head < len(words) else ""), words[head + 1 :]
    if verb == "set":
        if rest and _ATTRIBUTE.search(rest[0]):
            yield from range(head + 2, len(words))
    elif len(verb) > 2 and "execute".startswith(verb):
        yield from (head + 1 + place for place in _executed(tuple(map(_bare, rest))))
    else:
        yield from _behind_url(words)


def _executed(words: tuple[str, ...]) -> Iterator[int]:
    """Which words of an execute line are secrets: those of a password's place, and what no place is known for."""
    hook, rest = None, words
    for place in _PLACES:
        try:
            hook, rest, _ = hooks.find(execute.HOOKS, words, place)
        except CliError:
            continue
        if hook is not None:
            break
    if hook is None:
        yield from _behind_url(words)
        return
    first = len(words) - len(rest)
    names = [parameter.name for parameter in hook.parameters] if hook.done else ["what", "server"]
    for at in range(len(rest)):
        if at >= len(names) or _PARAMETER.search(names[at]):
            yield first + at


def _behind_url(words: tuple[str, ...]) -> Iterator[int]:
    """Of a line that is no command: all behind a URL that is not plainly something else."""
    url = next((place for place, word in enumerate(words) if "://" in word), len(words))
    yield from (place for place in range(url + 1, len(words)) if not _SHOWN.search(words[place]))


def _pattern(secrets: set[str]) -> re.Pattern[str] | None:
    """Any of the secrets, as a whole word."""
    words = sorted((secret for secret in secrets if len(secret) >= SHORTEST), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)") if words else None


def _hide(turn: Turn, pattern: re.Pattern[str]) -> None:
    """Mask what comes back in a turn."""
    turn.typed = pattern.sub(MASK, turn.typed)
    turn.failures = [pattern.sub(MASK, text) for text in turn.failures]
    turn.parts = [(debug, pattern.sub(MASK, text) if debug or turn.failed else text) for debug, text in turn.parts]
