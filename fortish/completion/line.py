"""The text left of the cursor, split into finished words and the unfinished one, by the grammar's own rule."""

from __future__ import annotations

from fortish.commands import Words
from fortish.completion.offers import Quoted
from fortish.parse import spans
from fortish.quoting import joined, open_quote, unquote

QUOTES = ('"', "'")


def split(text: str) -> tuple[Words, str]:
    """The finished words of a text, unquoted, and the unfinished one as it was typed ('' behind a blank)."""
    still = open_quote(text)
    line = joined(text + still)[:-1] if still in QUOTES else joined(text)
    ends = spans(line)
    found = [line[start:end] for start, end in ends]
    last = found.pop() if found and ends[-1][1] == len(line) else ""
    return tuple(map(_finished, found)), last


def _finished(word: str) -> str:
    plain = unquote(word)
    return word if plain == word else Quoted(plain)


def typed_value(partial: str) -> str:
    """An unfinished word without its quotes."""
    still = open_quote(partial)
    plain = unquote(partial + still) if still in QUOTES else unquote(partial)
    return partial if plain == partial else Quoted(plain)


def is_pipe(word: str) -> bool:
    """Whether a word is a pipe; a quoted one is not."""
    return word == "|" and not isinstance(word, Quoted)


def piped(words: Words, partial: str) -> tuple[Words, str]:
    """The same with the first `|` as a word of its own: nothing need stand between it and its neighbour."""
    for place, word in enumerate(words):
        if word[:1] == "|" and not isinstance(word, Quoted):
            behind = (word[1:],) if len(word) > 1 else ()
            return (*words[:place], "|", *behind, *words[place + 1 :]), partial
    return ((*words, "|"), partial[1:]) if partial[:1] == "|" else (words, partial)
