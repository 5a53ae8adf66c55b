"""Factory certificates for tests that make many boxes: real ones, made once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fortish import factory


@dataclass
class Once:
    """What `factory.make` makes; what it has made for another box before is used again."""

    made: dict[str, factory.Values] = field(default_factory=dict)

    def __call__(self, wanted: factory.Wanted) -> dict[str, factory.Values]:
        new = tuple(name for name in wanted.names if name not in self.made)
        self.made.update(factory.make(replace(wanted, names=new, held={**wanted.held, **self.made})))
        return {name: self.made[name] for name in wanted.names}


once = Once()  # for tests that do not look at what they are
