"""The variables of a lab: what a seed chooses for each, and texts with the values in them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

from fortish.errors import UsageError
from fortish.labs.finding import number
from fortish.responder.reading import table


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with the values in it, each in the place of its name."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def chosen(path: Path, found: object, seed: int) -> dict[str, str]:
    """A value for each variable; of a list of tables, one for each of their keys (`{name.key}`)."""
    values: dict[str, str] = {}
    for name, given in table(f"{path}: seed", found).items():
        where = f"{path}: seed: {name}"
        dice = random.Random(f"{seed}/{name}")  # noqa: S311 - which names a student gets is no secret
        if isinstance(given, list) and given:
            one = dice.choice(given) if seed else given[0]
        elif isinstance(given, dict) and given.keys() == {"from", "to"}:
            first, last = number(where, given["from"]), number(where, given["to"])
            one = dice.randint(first, max(first, last)) if seed else first
        else:
            raise UsageError(f"{where} must be a list, or a table with from and to")
        those = {f"{name}.{key}": value for key, value in one.items()} if isinstance(one, dict) else {name: one}
        for key, value in those.items():
            if not isinstance(value, (str, int)):
                raise UsageError(f"{where} must hold texts, numbers or tables of them")
            values[key] = str(value)
    return values
