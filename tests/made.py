"""Factory certificates for tests that make many boxes: real ones, made once in this process."""

from __future__ import annotations

from dataclasses import replace

from fortish import factory

_MADE: dict[str, factory.Values] = {}


def once(wanted: factory.Wanted) -> dict[str, factory.Values]:
    """What `factory.make` makes; what it has made for another box before is used again."""
    new = tuple(name for name in wanted.names if name not in _MADE)
    _MADE.update(factory.make(replace(wanted, names=new, held={**wanted.held, **_MADE})))
    return {name: _MADE[name] for name in wanted.names}
