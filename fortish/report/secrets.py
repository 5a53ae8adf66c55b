"""Secrets, masked wherever they stand: what was typed behind `set password` and its like, passwords of execute lines,
private keys, and what the box prints behind ENC.

A page is given away more easily than a terminal is shown: so it tells less than the screen did.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from fortish import execute, hooks
from fortish.errors import CliError
from fortish.network.exchanged import Exchanged
from fortish.report.turns import Turn

MASK = "******"
SHORTEST = 4  # characters of a secret that is looked for elsewhere: a shorter one would hit by chance
_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*(?:"|$)|'[^']*(?:'|$)|\\.|\\$|[^\s"'\\])+""", re.DOTALL)
# What a secret is set by, abbreviated too: p is password, est-http-pa is est-http-password.
_ATTRIBUTE = re.compile(
    r"(^|-)p(as?|s)?$|(?<!by)pass(?!ive)|pwd|psk|secret|^secr?e?$|^priv|^key$|key-string|community", re.IGNORECASE
)
_NEVER = frozenset({"disable", "enable"})  # `set password-renewal enable`
_PARAMETER = re.compile("password|challenge")
_PLACES = ("root", "global", "vdom")  # a command may be there in one kind of place only
_SHOWN = re.compile(r"""^(""|'')$|=|^(DNS|IP|email|URI):|^\d+(\.\d+){3}$""")
_USER = re.compile(r"(://[^\s/@:]*):([^\s/@]*)@")
_KEY = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_ENC = re.compile(r"\bENC [^\s\"]+")
_BEGIN, _END = re.compile("-----BEGIN [A-Z ]*PRIVATE KEY-----"), re.compile("-----END [A-Z ]*PRIVATE KEY-----")
_DEPTH, _FEW = 3, 8  # of the tree of alternatives that looks for secrets: characters, words of a leaf


def mask(turns: Sequence[Turn], exchanges: Iterable[Exchanged]) -> list[Exchanged]:
    """Mask every secret in what was typed, and wherever it comes back; the exchanges without secrets."""
    secrets: set[str] = set()
    going_on = key = False  # a secret in quotes, a private key, goes on in the next line
    for turn in turns:
        if key or (going_on and turn.prompt.strip() == ">"):
            key = key and not _END.search(turn.typed)
            secrets.add(turn.typed.strip())
            turn.typed = MASK
            continue
        key = _BEGIN.search(turn.typed) is not None and not _END.search(turn.typed)
        turn.typed, found = masked(turn.typed)
        secrets |= found
        going_on = any(word[:1] in ("'", '"') and not _closed(word) for word in found)
    hide = _Hider({_bare(secret) for secret in secrets} | secrets)
    for turn in turns:
        turn.typed = hide(turn.typed)
        turn.failures = [hide(text) for text in turn.failures]
        for part in turn.parts:
            part.texts = [hide(part.text)]
    return [_hidden(exchange, hide) for exchange in exchanges]


def _hidden(exchange: Exchanged, hide: _Hider) -> Exchanged:
    files = {name: hide(text) for name, text in exchange.files.items()}
    path, phrase, fault = hide(exchange.path), hide(exchange.phrase), hide(exchange.fault)
    return replace(exchange, path=path, phrase=phrase, fault=fault, files=files)


def masked(line: str) -> tuple[str, set[str]]:
    """A line with its secrets masked, and the secrets as they were typed."""
    spans = [(found.start(), found.end(), found.group()) for found in _WORD.finditer(line)]
    secret = set(_secret(tuple(word for _, _, word in spans)))
    shown, at = [], 0
    found_ = {found.group(2) for found in _USER.finditer(line) if found.group(2)}
    for place, (start, end, word) in enumerate(spans):
        if place in secret and _bare(word) not in _NEVER | {""}:
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


class _Hider:
    """Masks known secrets, as whole words, and what is secret by its look."""

    def __init__(self, secrets: set[str]) -> None:
        words = sorted((secret for secret in secrets if len(secret) >= SHORTEST), key=len, reverse=True)
        self._known = re.compile(rf"(?<!\w)(?:{_any_of(words, 0)})(?!\w)") if words else None

    def __call__(self, text: str) -> str:
        if "-----" in text:
            text = _KEY.sub(rf"\1 {MASK} \2", text)
        if "ENC " in text:
            text = _ENC.sub(f"ENC {MASK}", text)
        return self._known.sub(MASK, text) if self._known is not None else text


def _any_of(words: Sequence[str], depth: int) -> str:
    """A pattern of any of the words: a tree by their first characters, since there may be thousands."""
    if len(words) <= _FEW or depth == _DEPTH:
        return "|".join(re.escape(word[depth:]) for word in words)
    branches: dict[str, list[str]] = {}
    for word in words:
        branches.setdefault(word[depth], []).append(word)
    return "|".join(f"{re.escape(first)}(?:{_any_of(rows, depth + 1)})" for first, rows in branches.items())
