"""A table of the configuration as data: its path, its attributes, and what they may hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

PathWords = tuple[str, ...]


def words(path: str | PathWords) -> PathWords:
    """A config path as its words."""
    return tuple(path.split()) if isinstance(path, str) else path


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of an option, with its help."""

    name: str
    help: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """What may be set in a table, or given to an execute command.

    `size` is the longest string in characters, `low` and `high` the range of an integer; `when` says which values of
    other attributes make this one visible; `support` is acted, kept or refused; `child` is the table of a child table
    or child singleton; `limit` how many members a list takes (0: any number); `listed` that `?` lists what a reference
    may name as it lists certificates; `bare` that `get` prints no blank behind the option;
    `called` is what a refusal calls the members of a list.
    """

    name: str
    type: str
    help: str
    support: str = "kept"
    size: int = 0
    low: int = 0
    high: int = 4294967295
    default: Any = None
    choices: tuple[Choice, ...] = ()
    when: tuple[tuple[str, tuple[str, ...]], ...] = ()
    when_set: bool = False
    refs: tuple[PathWords, ...] = ()
    multiple: bool = False
    mandatory: bool = False
    readonly: bool = False
    always: bool = False
    last: bool = False
    limit: int = 0
    listed: bool = False
    called: str = ""
    bare: bool = False
    child: Table | None = None


@dataclass(frozen=True)
class Table:
    """A configuration path: a table of entries, or a singleton. `nested`: it stands inside an entry of another.

    `ranged` tables hold entries of the whole box and of single VDOMs (certificates). `keyed`: the key stands on the
    `config` line, and there is no `edit`. `typed` is the path as it is typed and printed, where that differs; `maximum`
    how many entries fit (0: any number). In an `ordered` table the order of the entries means something, and they can
    be moved. `brief` are the attributes that `get` of the whole table prints (empty: all). The factory's entries of a
    `permanent` table can be neither deleted nor renamed; `unstored` are those of them that stand in no printed
    configuration.
    """

    path: PathWords
    kind: str
    help: str
    scope: str = "global"
    key: str = ""
    ranged: bool = False
    attributes: dict[str, Attribute] = field(default_factory=dict)
    factory: tuple[dict[str, Any], ...] = ()
    nested: bool = False
    maximum: int = 0
    typed: PathWords = ()
    permanent: bool = False
    ordered: bool = False
    brief: frozenset[str] = frozenset()

    @property
    def shown(self) -> PathWords:
        """The path as it is typed and printed."""
        return self.typed or self.path

    @property
    def is_table(self) -> bool:
        """Whether it holds entries, not just values."""
        return self.kind != "singleton"

    @property
    def keyed(self) -> bool:
        """Whether `config PATH KEY` opens an entry at once."""
        return self.kind == "keyed"

    @cached_property
    def integer_keys(self) -> bool:
        """Whether its keys are numbers (`edit 0` then means the next free one)."""
        return self.is_table and self.attributes[self.key].type == "integer"

    @cached_property
    def children(self) -> dict[str, Table]:
        """Child tables and child singletons by name."""
        return {name: a.child for name, a in self.attributes.items() if a.child is not None}

    @cached_property
    def settable(self) -> dict[str, Attribute]:
        """What `set` may name, were it visible."""
        return {n: a for n, a in self.attributes.items() if a.child is None and not a.readonly and n != self.key}

    @cached_property
    def factory_values(self) -> dict[str, dict[str, Any]]:
        """What entries have from the factory: values by key; a singleton's key is ''."""
        return {str(row[self.key]) if self.is_table else "": row for row in self.factory}

    @cached_property
    def has_factory(self) -> bool:
        """Whether it, or a table inside it, holds anything on a new box."""
        return bool(self.factory) or any(child.has_factory for child in self.children.values())

    @cached_property
    def unstored(self) -> frozenset[str]:
        """The keys of factory entries that stand in no printed configuration."""
        return frozenset(key for key, row in self.factory_values.items() if not row.get("stored", True))

    def keeps(self, key: str) -> bool:
        """Whether an entry can be neither deleted nor renamed."""
        return self.permanent and key in self.factory_values

    @cached_property
    def references(self) -> tuple[Attribute, ...]:
        """The attributes that name entries of other tables."""
        return tuple(a for a in self.attributes.values() if a.refs)
