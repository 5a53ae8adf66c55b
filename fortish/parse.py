"""Text in, commands out: the only doors from text.

The lark grammar is the one source of truth. A scanner of its own WORD terminal splits a line, and a table tells how
many words a verb takes (tests hold both against the grammar): so neither a start nor a long script pays for a parser.
Verbs with keywords inside, and everything the scanner does not take, go through the parser, which words the error. No
schema is consulted: whether a name exists is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from fortish import commands as c
from fortish import grammar, messages
from fortish.commands import Command, Grep, Words
from fortish.errors import CliError
from fortish.messages import Text
from fortish.quoting import joined, open_quote, unquote

BLANK = " \t\r\n\f\v"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MOST_DIGITS = 20  # of a number that is read in full; Python refuses more than some thousand of them

# --- verbs and shapes -----------------------------------------------------------------------------------------------

MANY = 1 << 30  # as many words as there are
Make = Callable[[Words], Command]
# Verbs without keywords inside: the fewest words behind them, one more than the most, what is made of them. Sorted.
# fmt: off
PLAIN: dict[str, tuple[int, int, Make]] = {
    "abort":    (0, 1,    lambda w: c.Abort()),
    "append":   (2, MANY, lambda w: c.Append(w[0], w[1:])),
    "config":   (1, MANY, c.Config),
    "delete":   (1, 2,    lambda w: c.Delete(w[0])),
    "diagnose": (1, MANY, c.Diagnose),
    "edit":     (1, 2,    lambda w: c.Edit(w[0])),
    "end":      (0, 1,    lambda w: c.End()),
    "execute":  (1, MANY, c.Execute),
    "exit":     (0, 1,    lambda w: c.Exit()),
    "get":      (0, MANY, c.Get),
    "next":     (0, 1,    lambda w: c.Next()),
    "purge":    (0, 1,    lambda w: c.Purge()),
    "quit":     (0, 1,    lambda w: c.Exit()),
    "select":   (2, MANY, lambda w: c.Select(w[0], w[1:])),
    "set":      (2, MANY, lambda w: c.Set(w[0], w[1:])),
    "tree":     (0, MANY, c.Tree),
    "unselect": (2, MANY, lambda w: c.Unselect(w[0], w[1:])),
    "unset":    (1, 2,    lambda w: c.Unset(w[0])),
}
# fmt: on
KEYWORDS: tuple[int, int, Make] = (MANY, 0, c.Config)  # of all other verbs: no number of words will do


def verbs() -> tuple[str, ...]:
    """Every verb of the grammar, sorted."""
    return grammar.VERBS


@cache
def _word() -> re.Pattern[str]:
    """The grammar's WORD."""
    return re.compile(grammar.WORD)


def spans(text: str) -> list[tuple[int, int]]:
    """Where each word of a line stands, by the grammar's WORD; in the last one a quote may still be open."""
    still = open_quote(text)
    closed = text + still if still in ('"', "'") else text
    return [(found.start(), min(found.end(), len(text))) for found in _word().finditer(closed)]


def complete_word(typed: str, choices: Iterable[str]) -> list[str]:
    """The choices that `typed` stands for: itself if it is one, else all it begins."""
    known = list(choices)
    return [typed] if typed in known else [choice for choice in known if choice.startswith(typed)]


def number(digits: str) -> int:
    """Decimal digits, a sign before them, as a number: one with more digits than any setting has is just too large."""
    if len(digits) <= MOST_DIGITS:
        return int(digits)
    size = int(digits.removeprefix("-").lstrip("0")[:MOST_DIGITS] or "0")
    return -size if digits.startswith("-") else size


def resolve_verb(typed: str, legal: Iterable[str] | None = None) -> str:
    """The one legal verb that `typed` begins. Raises `CliError` (unknown action, ambiguous)."""
    found = complete_word(typed, verbs() if legal is None else legal)
    if len(found) == 1:
        return found[0]
    raise messages.ambiguous(typed) if found else messages.unknown_action()


def parse(line: str, legal: Iterable[str] | None = None) -> Command | None:
    """One logical line to a command; None for a blank line or a comment.

    `legal` are the verbs that may be abbreviated and used where the line is typed (default: all). Raises `CliError`.
    """
    text = line.lstrip(BLANK)
    if not text or text[0] == "#":
        return None
    text = joined(text)
    words = _word().findall(text)
    if not words or not text.startswith(words[0]):  # it begins with a quote that never ends
        raise _unmatched(text)
    verb = resolve_verb(words[0], legal)
    least, most, make = PLAIN.get(verb, KEYWORDS)
    if least < len(words) <= most and not ("|" in text and any(word[0] == "|" for word in words)):
        if '"' not in text and "'" not in text and "\\" not in text:
            return make(tuple(words[1:]))
        if open_quote(text) is None:
            return make(tuple(map(unquote, words[1:])))
    return _by_grammar(verb + text[len(words[0]) :])


def _by_grammar(text: str) -> Command:
    """The command as the LALR parser reads it; its refusals in the box's words."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    if open_quote(text) is not None:
        raise _unmatched(text)
    try:
        tree = grammar.load("shell", ("start",)).parse(text)
    except UnexpectedToken as error:
        if error.token.type == "$END":
            raise messages.incomplete() from None
        raise messages.parse_error(unquote(_word_at(text, error.token.start_pos or 0))) from None
    except UnexpectedCharacters as error:
        raise messages.parse_error(unquote(_word_at(text, error.pos_in_stream or 0))) from None
    return _command(tree.children[0])


def _word_at(text: str, position: int) -> str:
    found = _word().match(text, position)
    return found.group() if found else text[position:]


def _unmatched(text: str) -> CliError:
    kind = "single" if open_quote(text) == "'" else "double"
    return CliError((Text.UNMATCHED_QUOTE(kind=kind),), -61, text[:1])


def _command(tree: object) -> Command:
    """A parse tree of one command to its value."""
    from lark import Token, Tree

    assert isinstance(tree, Tree)
    words = tuple(unquote(kid) for kid in tree.children if isinstance(kid, Token) and kid.type == "WORD")
    kinds = {kid.type for kid in tree.children if isinstance(kid, Token)}
    pipes = [kid for kid in tree.children if isinstance(kid, Tree)]
    grep = _grep(tuple(unquote(str(kid)) for kid in pipes[0].children[2:])) if pipes else None
    match str(tree.data):
        case "get":
            return c.Get(words, grep)
        case "show":
            return c.Show("FULL" in kinds, words, grep)
        case "tree":
            return c.Tree(words, grep)
        case "execute":
            return c.Execute(words, grep)
        case "diagnose":
            return c.Diagnose(words, grep)
        case "rename":
            return c.Rename(*words)
        case "clone":
            return c.Clone(*words)
        case "move":
            return c.Move(words[0], "AFTER" in kinds, words[1])
        case "sudo":
            return c.Sudo(words[0], words[1:], grep)
        case "alias":
            return c.Alias(*words)
        case verb:
            return PLAIN[verb][2](words)


# --- grep -----------------------------------------------------------------------------------------------------------

_FLAGS = {"i": "ignore_case", "v": "invert", "n": "number", "c": "counted", "f": "blocks"}
_COUNTS = {"A": ("after",), "B": ("before",), "C": ("after", "before")}


def _grep(words: Words) -> Grep:
    """Options and pattern behind `| grep`. Raises `CliError`."""
    fields: dict[str, Any] = {}
    rest = list(words)
    while rest and len(rest[0]) > 1 and rest[0][0] == "-":
        option = rest.pop(0)
        letters = option[1:]
        counted = next((at for at, letter in enumerate(letters) if letter in _COUNTS), None)
        if counted is not None:
            figure = letters[counted + 1 :] or (rest.pop(0) if rest else "")
            if not (figure.isascii() and figure.isdecimal()):
                raise messages.parse_error(figure or option)
            fields.update(dict.fromkeys(_COUNTS[letters[counted]], number(figure)))
            letters = letters[:counted]
        if unknown := [letter for letter in letters if letter not in _FLAGS]:
            raise messages.parse_error(option if len(unknown) == len(letters) else unknown[0])
        fields.update({_FLAGS[letter]: True for letter in letters})
    if not rest:
        raise messages.incomplete()
    if len(rest) > 1:
        raise messages.parse_error(rest[1])
    return Grep(rest[0], **fields)


# --- scripts --------------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """One logical line of a script: the number of its first physical line (from 1), and its text."""

    number: int
    text: str


class LineJoiner:
    """Physical lines in, logical lines out: quotes and a backslash at a line's end join them."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._open: str | None = None
        self._first = 1
        self._number = 0

    @property
    def waiting(self) -> bool:
        """Whether a logical line is unfinished."""
        return bool(self._kept)

    def feed(self, line: str) -> Line | None:
        """One physical line without its end; the logical line that it finishes, if it does."""
        self._number += 1
        if not self._kept:
            self._first = self._number
            if '"' not in line and "'" not in line and "\\" not in line:
                return Line(self._number, line)
            if line.lstrip(BLANK).startswith("#"):
                return Line(self._number, line)
        self._kept.append(line)
        self._open = open_quote(line, self._open) if self._open in ('"', "'") else open_quote(line)
        return None if self._open else self.close()

    def close(self) -> Line | None:
        """The logical line so far, finished or not."""
        if not self._kept:
            return None
        line = Line(self._first, "\n".join(self._kept))
        self._kept, self._open = [], None
        return line


class ScriptReader:
    """A script in pieces of bytes, cut anywhere; complete logical lines come out.

    UTF-8; a line that is not, is taken as Latin-1. CR LF is a line end, a byte order mark is dropped.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._joiner = LineJoiner()
        self._started = False

    def feed(self, piece: bytes) -> list[Line]:
        """The logical lines that `piece` completes."""
        *whole, self._rest = (self._rest + piece).split(b"\n")
        return [line for raw in whole if (line := self._joiner.feed(self._decode(raw)))]

    def close(self) -> list[Line]:
        """What the input ends with: a last line without an end, a quote never closed."""
        if not self._started and self._rest == BYTE_ORDER_MARK:
            self._rest = b""
        lines = [self._joiner.feed(self._decode(self._rest))] if self._rest else []
        self._rest = b""
        return [line for line in [*lines, self._joiner.close()] if line]

    def _decode(self, raw: bytes) -> str:
        if not self._started:
            self._started = True
            raw = raw.removeprefix(BYTE_ORDER_MARK)
        raw = raw.removesuffix(b"\r")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")


def script_lines(text: str) -> Iterator[Line]:
    """The logical lines of a whole script."""
    joiner = LineJoiner()
    for raw in text.removesuffix("\n").split("\n") if text else ():
        if line := joiner.feed(raw.removesuffix("\r")):
            yield line
    if line := joiner.close():
        yield line


def parse_script(text: str) -> Iterator[tuple[int, Command | CliError]]:
    """The commands of a whole script with their line numbers; a line that is refused gives its error in place."""
    for line in script_lines(text):
        try:
            command = parse(line.text)
        except CliError as error:
            yield line.number, error
            continue
        if command is not None:
            yield line.number, command


# --- names ----------------------------------------------------------------------------------------------------------

_NAMES = {"subject": "=", "alternatives": ":"}


def _plain_pairs(text: str, mark: str) -> tuple[tuple[str, str], ...] | None:
    """The pairs of a list that needs no parser: names of letters, nothing escaped; None for any other."""
    if "\\" in text or not text.isascii():
        return None
    pairs = tuple((name.strip(" \t"), value) for name, _, value in (part.partition(mark) for part in text.split(",")))
    return pairs if all(name.isalpha() and value for name, value in pairs) else None


def _pairs(text: str, start: str) -> tuple[tuple[str, str], ...]:
    """The pairs of a list, as the grammar reads it. Raises `ValueError` with the text."""
    if (plain := _plain_pairs(text, _NAMES[start])) is not None:
        return plain
    from lark import Token, Tree
    from lark.exceptions import LarkError

    try:
        tree = grammar.load("names", tuple(_NAMES)).parse(text, start=start)
    except LarkError:
        raise ValueError(text) from None
    pairs = [kid.children for kid in tree.children if isinstance(kid, Tree)]
    texts = [[str(token) for token in pair if isinstance(token, Token)] for pair in pairs]
    return tuple((name.strip(" \t"), re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)) for name, value in texts)


def parse_subject(text: str) -> tuple[tuple[str, str], ...]:
    """`CN=a,O=b` to its fields in order. Raises `ValueError` with the text."""
    return _pairs(text, "subject")


def parse_alternatives(text: str) -> tuple[tuple[str, str], ...]:
    """`DNS:a,IP:b` to its members in order. Raises `ValueError` with the text."""
    return _pairs(text, "alternatives")
