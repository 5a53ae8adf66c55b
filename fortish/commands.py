"""Commands: one parsed line each, immutable, with no schema consulted yet; and what a hook may see of the box.

Words are already unquoted. A command says what was typed, in the field's own verbs; what it means depends on where the
administrator stands and is the editor's or the session's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from fortish.errors import CliError
    from fortish.steps import Flow

Words = tuple[str, ...]


class Grep(NamedTuple):
    """`| grep [-ivncf] [-A n] [-B n] [-C n] pattern`. Counts are lines."""

    pattern: str
    ignore_case: bool = False
    invert: bool = False
    number: bool = False
    counted: bool = False
    blocks: bool = False
    after: int = 0
    before: int = 0


class Config(NamedTuple):
    """Enter a table or a singleton."""

    path: Words


class Edit(NamedTuple):
    """Open or create an entry."""

    key: str


class Set(NamedTuple):
    """Replace an attribute's value."""

    name: str
    values: Words


class Append(NamedTuple):
    """Add members to a list."""

    name: str
    values: Words


class Select(NamedTuple):
    """Leave only these members in a list."""

    name: str
    values: Words


class Unselect(NamedTuple):
    """Take members out of a list."""

    name: str
    values: Words


class Unset(NamedTuple):
    """Back to the default."""

    name: str


class Get(NamedTuple):
    """`get [path|key|command]`."""

    words: Words
    grep: Grep | None = None


class Show(NamedTuple):
    """`show [full-configuration] [path|key]`."""

    full: bool
    words: Words
    grep: Grep | None = None


class Tree(NamedTuple):
    """`tree [path]`."""

    words: Words
    grep: Grep | None = None


class Next(NamedTuple):
    """Save the entry, back to its table."""


class End(NamedTuple):
    """Save and leave the innermost `config`."""


class Abort(NamedTuple):
    """Leave the innermost `config` without saving."""


class Delete(NamedTuple):
    """Remove an entry."""

    key: str


class Purge(NamedTuple):
    """Remove all entries."""


class Rename(NamedTuple):
    """`rename key to new`."""

    key: str
    new: str


class Clone(NamedTuple):
    """`clone key to new`."""

    key: str
    new: str


class Move(NamedTuple):
    """`move key before|after anchor`."""

    key: str
    after: bool
    anchor: str


class Execute(NamedTuple):
    """`execute …`."""

    words: Words
    grep: Grep | None = None


class Diagnose(NamedTuple):
    """`diagnose …`."""

    words: Words
    grep: Grep | None = None


class Sudo(NamedTuple):
    """`sudo global|VDOM command…`."""

    scope: str
    words: Words
    grep: Grep | None = None


class Alias(NamedTuple):
    """`alias name`."""

    name: str


class Exit(NamedTuple):
    """Leave the shell."""


Command = (
    Config | Edit | Set | Append | Select | Unselect | Unset | Get | Show | Tree | Next | End | Abort | Delete | Purge
    | Rename | Clone | Move | Execute | Diagnose | Sudo | Alias | Exit
)  # fmt: skip


class DebugSwitch(Protocol):
    """One console's own debug settings."""

    enabled: bool
    timestamp: bool

    def sees(self, daemon: str, scope: str | None = None) -> bool:
        """Whether the administrator there may see a daemon's lines about a scope; None: about what was done there."""


@dataclass(slots=True)
class Batch:
    """`execute batch`: the lines that wait for its end (None: it is stopped), and the last run as (code, line).

    `running`: the lines are being run at this moment.
    """

    lines: list[str] | None = None
    log: list[tuple[int, str]] = field(default_factory=list)
    running: bool = False


class Here(Protocol):
    """What a hook may see: the box, the administrator, the VDOM and this console."""

    @property
    def box(self) -> Any:
        """The box (`fortish.box.Box`); typed loosely because boxes stand below this row."""

    @property
    def administrator(self) -> str:
        """Who is logged in."""

    @property
    def vdom(self) -> str:
        """The VDOM the administrator stands in."""

    @property
    def scope(self) -> str:
        """Where certificates made or imported here are kept: `global`, or the VDOM on a box that has several."""

    @property
    def debug(self) -> DebugSwitch:
        """The debug switch of this console."""

    @property
    def options(self) -> dict[str, Any]:
        """What `execute …-options` set; lasts as long as the session."""

    @property
    def batch(self) -> Batch:
        """What `execute batch` has gathered."""

    @property
    def alive(self) -> bool:
        """Whether the session goes on."""

    failure: CliError | None  # of the last line

    @property
    def transaction(self) -> Any:
        """The transaction of workspace mode that is open here (`fortish.cmdb.workspace.Transaction`), or None."""

    def work_in(self, transaction: Any) -> None:
        """From now on configuration is that of a transaction; None: the running one. At the root prompt."""

    def put(self, changes: list[Any]) -> None:
        """Make changes (`fortish.cmdb.entries.Change`) as this administrator. Raises `CliError`."""

    @property
    def keeps_unknown(self) -> bool:
        """Whether what the schema does not know is kept as text."""

    def configuration(self, full: bool = False) -> Iterator[str]:
        """The whole configuration, as `show` prints it at the root."""

    def leave(self, how: str) -> None:
        """The session ends: logout, reboot or shutdown."""

    def enter(self, vdom: str) -> None:
        """Stand in a VDOM, on a box that has several. Raises `CliError` for one that is not the administrator's."""

    def feed(self, line: str) -> Flow:
        """Run one more line of text in this session."""


Arguments = Mapping[str, Any]
Run = Callable[[Here, Arguments], "Flow"]
