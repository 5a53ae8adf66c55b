"""What may stand at one place, as data: words of one kind together, made into candidates only when they are looked at.

A table may have ten thousand entries: they are narrowed to those that fit before anything is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import NamedTuple, Protocol, overload

from fortish import messages
from fortish.access import Access
from fortish.box import Box
from fortish.cmdb.editor import Editor
from fortish.commands import Words
from fortish.hooks import Hook
from fortish.parse import complete_word


class Administrator(Protocol):
    """What completion reads of a session."""

    @property
    def access(self) -> Access:
        """What the administrator may do."""

    @property
    def box(self) -> Box:
        """The box."""

    @property
    def editor(self) -> Editor:
        """Where the administrator stands."""

    @property
    def vdom(self) -> str:
        """The VDOM."""

    @property
    def scope(self) -> str:
        """Where certificates made here are kept."""

    def shadowed(self, hook: Hook, words: Words) -> bool:
        """Whether the words of a hook of `get` mean the configuration."""


class Quoted(str):
    """A word that was typed with quotes or a backslash in it: it is never a verb, a keyword or a pipe."""

    __slots__ = ()


class Candidate(NamedTuple):
    """What may stand at the cursor. A `literal` is typed as it is, others stand for a value (`<string>`).

    `optional`: the line may also end here; `entry`: it is the key of something that is configured; `tabbed`: its help
    stands behind a tab, in no column.
    """

    word: str
    help: str = ""
    literal: bool = True
    mandatory: bool = False
    optional: bool = False
    entry: bool = False
    tabbed: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """Words of one kind, and what makes a candidate of one. `bare` words may not be quoted.

    `unasked` words are offered only to who has begun one, `whole` ones of them only to who has typed all of one.
    """

    words: Collection[str]
    shown: Callable[[str], Candidate]
    literal: bool = True
    bare: bool = False
    unasked: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()

    def fitting(self, start: str) -> Offer:
        """Those that begin with what was typed. What stands for a value always fits."""
        if not start and self.unasked:
            return Offer(tuple(word for word in self.words if word not in self.unasked), self.shown, bare=self.bare)
        if not self.literal or not start:
            return self
        if self.bare and isinstance(start, Quoted):
            return Offer((), self.shown)
        fits = (word for word in self.words if word.startswith(start))
        found = tuple(word for word in fits if word == start or word not in self.whole)
        return Offer(found, self.shown, bare=self.bare)


class Candidates(Sequence[Candidate]):
    """The candidates of several offers in their order; each is made when it is asked for."""

    __slots__ = ("_offers",)

    def __init__(self, offers: Iterable[Offer] = ()) -> None:
        self._offers = tuple(offer for offer in offers if offer.words)

    def __iter__(self) -> Iterator[Candidate]:
        for offer in self._offers:
            yield from map(offer.shown, offer.words)

    def __len__(self) -> int:
        return sum(len(offer.words) for offer in self._offers)

    @overload
    def __getitem__(self, place: int) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, place: int | slice) -> Candidate | tuple[Candidate, ...]:
        if isinstance(place, slice):
            return tuple(self)[place]
        at = place if place >= 0 else len(self) + place
        for offer in self._offers:
            if 0 <= at < len(offer.words):
                return offer.shown(next(islice(offer.words, at, None)))
            at -= len(offer.words)
        raise IndexError(place)

    def literals(self) -> list[str]:
        """The words that are typed as they are, each once."""
        return list(dict.fromkeys(word for offer in self._offers if offer.literal for word in offer.words))


@dataclass(frozen=True, slots=True)
class Next:
    """What may follow finished words. `again` may be typed too but is not listed: it is there already."""

    offers: tuple[Offer, ...] = ()
    enter: bool = False
    again: tuple[Offer, ...] = ()


END = Next(enter=True)


# --- kinds of offers ------------------------------------------------------------------------------------------------


def words(names: Collection[str], help_: Callable[[str], str]) -> Offer:
    """Words whose help is looked up when it is printed."""
    return Offer(names, lambda word: Candidate(word, help_(word)))


def verbs(
    helps: Mapping[str, messages.Text], unasked: frozenset[str] = frozenset(), whole: frozenset[str] = frozenset()
) -> Offer:
    """Words of the grammar with their help."""
    shown = partial(_verb, helps)
    return Offer(tuple(helps), shown, bare=True, unasked=unasked, whole=whole)


def _verb(helps: Mapping[str, messages.Text], word: str) -> Candidate:
    return Candidate(word, helps[word]())


def keywords(*names: str) -> Offer:
    """Words of the grammar without help: such a word repeats itself."""
    return Offer(names, lambda word: Candidate(word, word), bare=True)


def value(word: str, help_: str, *, optional: bool = False) -> Offer:
    """A word that stands for a value."""
    return Offer((word,), lambda _: Candidate(word, help_, False, False, optional), literal=False)


def entries(keys: Iterable[str], help_: str = "") -> Offer:
    """The keys of what is configured, as they are now: a list may stand on a page while others work."""
    return Offer(tuple(keys), lambda key: Candidate(key, help_, True, False, False, True))


def heading(text: str) -> Offer:
    """A line above others that stands for no word."""
    return Offer((text,), lambda _: Candidate(text, "", False, tabbed=True), literal=False)


def tabbed(names: Iterable[str], help_: str) -> Offer:
    """Names with their kind behind a tab."""
    return Offer(tuple(names), lambda name: Candidate(name, help_, tabbed=True))


# --- following ------------------------------------------------------------------------------------------------------


def choose(typed: str, choices: Iterable[str]) -> str:
    """The one choice that `typed` begins. Raises `CliError`."""
    found = complete_word(typed, choices)
    if len(found) != 1:
        raise messages.parse_error(typed)
    return found[0]


def keyword(typed: str, choices: Iterable[str]) -> str:
    """The one word of the grammar that `typed` begins. Raises `CliError`: also for one that is quoted."""
    if isinstance(typed, Quoted):
        raise messages.parse_error(typed)
    return choose(typed, choices)


def ended(rest: Words) -> Next:
    """The line is complete; more words are too many."""
    if rest:
        raise messages.parse_error(rest[0])
    return END
