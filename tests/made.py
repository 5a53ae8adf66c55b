"""Factory certificates for tests that make many boxes: real ones, made once; and real keys for those of the others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock

from fortish import factory
from fortish.pki.keys import PrivateKey
from fortish.pki.selfsigned import KEYS


@dataclass
class Once:
    """What `factory.make` makes; what it has made for another box before is used again."""

    made: dict[str, factory.Values] = field(default_factory=dict)

    def __call__(self, wanted: factory.Wanted) -> dict[str, factory.Values]:
        new = tuple(name for name in wanted.names if name not in self.made)
        self.made.update(factory.make(replace(wanted, names=new, held={**wanted.held, **self.made})))
        return {name: self.made[name] for name in wanted.names}


once = Once()  # for tests that do not look at what they are


@dataclass
class Pool(Mapping[str, Callable[[], PrivateKey]]):
    """`selfsigned.KEYS`, with a memory: keys of another test are given again, within a test each is a new one.

    To make a box's keys takes a second, and hundreds of tests list a whole configuration.
    """

    made: defaultdict[str, list[PrivateKey]] = field(default_factory=lambda: defaultdict(list))
    given: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def __getitem__(self, kind: str) -> Callable[[], PrivateKey]:
        return partial(self._key, kind)

    def __iter__(self) -> Iterator[str]:
        return iter(KEYS)

    def __len__(self) -> int:
        return len(KEYS)

    def _key(self, kind: str) -> PrivateKey:
        with self.lock:
            if self.given[kind] == len(self.made[kind]):
                self.made[kind].append(KEYS[kind]())
            self.given[kind] += 1
            return self.made[kind][self.given[kind] - 1]

    def begin(self) -> None:
        """A test begins."""
        self.given.clear()


pool = Pool()
