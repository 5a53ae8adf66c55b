"""What the schema does not know, kept as text: `fortish replay --keep-unknown`.

A backup of a real box holds far more than the tables here. Kept, not refused, it is printed again where it stood: an
unknown attribute inside its entry, an unknown block inside its entry or at the end of the whole configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fortish import commands as c
from fortish.quoting import quote

_BARE = re.compile(r"[A-Za-z0-9_./:*-]+")
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Kept:
    """Kept lines, without their indentation from outside."""

    lines: tuple[str, ...]


@dataclass(slots=True)
class Block:
    """An unknown `config` that is being read. `depth` counts what is open in it: config and edit."""

    head: str
    lines: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=lambda: ["config"])

    def take(self, command: c.Command) -> bool:
        """One more command; whether it ends the block."""
        if isinstance(command, c.End) and self.opened[-1] == "edit":
            self.take(c.Next())
        if isinstance(command, c.Next | c.End) and len(self.opened) > 0:
            self.opened.pop()
        if not self.opened:
            return True
        self.lines.append(INDENT * len(self.opened) + text(command))
        if isinstance(command, c.Config | c.Edit):
            self.opened.append("config" if isinstance(command, c.Config) else "edit")
        return False

    def kept(self) -> Kept:
        """The whole block."""
        return Kept((self.head, *self.lines, "end"))


def words(values: c.Words) -> str:
    """Words as a configuration holds them: quoted where they must be."""
    return " ".join(value if _BARE.fullmatch(value) else quote(value) for value in values)


def text(command: c.Command) -> str:
    """A configuration command as text."""
    verb = type(command).__name__.lower()
    match command:
        case c.Config(path):
            return f"config {words(path)}"
        case c.Edit(key) | c.Delete(key):
            return f"{verb} {key if key.isdecimal() else quote(key)}"
        case c.Set(name, values) | c.Append(name, values) | c.Select(name, values) | c.Unselect(name, values):
            return f"{verb} {name} {words(values)}"
        case c.Unset(name):
            return f"unset {name}"
        case c.Rename(key, new) | c.Clone(key, new):
            return f"{verb} {quote(key)} to {quote(new)}"
        case c.Move(key, after, anchor):
            return f"move {quote(key)} {'after' if after else 'before'} {quote(anchor)}"
    return verb


def show(name: str, value: object) -> Iterator[str]:
    """The lines of something kept, under its name."""
    if isinstance(value, Kept):
        yield from value.lines
    elif isinstance(value, tuple):
        yield f"set {name} {words(value)}"
