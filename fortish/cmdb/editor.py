"""Where in the configuration an administrator stands, and which function carries out each verb there.

The nesting of `config` and `edit` is this stack of frames. The verbs themselves stand in modules by what they do:
`entering`, `leaving`, `rows` (of a table, from outside), `setting` (values of the open entry), `vdoms`.
Nothing here prints, asks or waits: `apply` returns lines, or a question that the session asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fortish import commands as c
from fortish import messages
from fortish.cmdb import entering, keeping, leaving, rows, setting, tunnels, vdoms
from fortish.cmdb.changes import check_changes
from fortish.cmdb.entries import GLOBAL, ROOT, VDOM, Change, Rows
from fortish.cmdb.frame import Frame
from fortish.cmdb.legal import KEEPING, LEGAL, VIEWS
from fortish.cmdb.outcome import DONE, Outcome
from fortish.cmdb.rights import Guard, Permits
from fortish.cmdb.schema import View
from fortish.cmdb.store import Cmdb
from fortish.cmdb.unknown import Block
from fortish.cmdb.working import Working
from fortish.errors import CliError, StorageFault
from fortish.messages import Text


class Editor:
    """Applies configuration verbs for one administrator.

    `keep_unknown`: what the schema does not know is kept as text and not refused.
    """

    def __init__(self, cmdb: Cmdb, vdom: str = ROOT) -> None:
        self.cmdb, self.home = cmdb, vdom
        self.place: tuple[str, ...] = ()  # with VDOMs: (), (global,), (vdom,) or (vdom, name)
        self.confined = False  # to the VDOM `home`
        self.permits: Permits | None = None  # None: everything
        self.guard: Guard | None = None  # None: no transaction is open
        self._view: tuple[object, View] | None = None
        self.variables: Mapping[str, str] = {}  # what stands for $USERNAME and the like in values
        self.keep_unknown = False
        self.block: Block | None = None  # that is being read, to be kept as text
        self.frames: list[Frame] = []

    # --- where we stand ---

    @property
    def frame(self) -> Frame | None:
        """The innermost frame; None at the root."""
        return self.frames[-1] if self.frames else None

    @property
    def kind(self) -> str:
        """The row of `LEGAL` that holds here."""
        return self.frames[-1].kind if self.frames else self.place_kind

    @property
    def place_kind(self) -> str:
        """Root on a box without VDOMs; else multi at the root, global, vdoms in `config vdom`, vdom in one."""
        if not self.place:
            return "root" if not self.cmdb.multi else "confined" if self.confined else "multi"
        return "global" if self.place == (GLOBAL,) else "vdoms" if len(self.place) == 1 else "vdom"

    @property
    def vdom(self) -> str:
        """The VDOM that one stands in, or the one that speaks for the box."""
        return self.place[1] if len(self.place) > 1 else self.home

    @property
    def scope(self) -> str:
        """From where tables are looked at: a VDOM, or `global`."""
        return GLOBAL if self.place_kind in ("multi", "global", "vdoms") else self.vdom

    @contextmanager
    def elsewhere(self, scope: str) -> Iterator[None]:
        """Stand for a moment at the root of another scope: `global` or a VDOM."""
        place, frames = self.place, self.frames
        self.place, self.frames = (GLOBAL,) if scope == GLOBAL else (vdoms.PLACES[1], scope), []
        try:
            yield
        finally:
            self.place, self.frames = place, frames

    @property
    def view(self) -> View:
        """The tables that can be named here."""
        kind = VIEWS[self.place_kind]
        permits = self.permits
        if permits is None or permits.unrestricted:
            return self.cmdb.schema.view(kind)
        made_for = kind, permits, self.cmdb.generation
        if self._view is None or self._view[0] != made_for:
            self._view = made_for, View(self.cmdb.schema, kind, permits.hides)
        return self._view[1]

    @property
    def legal(self) -> tuple[str, ...]:
        """The verbs that may be used here."""
        if self.block is not None:
            return KEEPING
        kind = self.kind
        return LEGAL["ordered" if kind == "table" and self.frames[-1].table.ordered else kind]

    @property
    def top(self) -> Frame:
        """The innermost frame, where a verb is legal in frames only."""
        return self.frames[-1]

    @property
    def working(self) -> Working:
        """The working copy that is open, where a verb is legal in one only."""
        working = self.frames[-1].working
        assert working is not None
        return working

    def rows(self, frame: Frame) -> Rows:
        """The rows of a table frame."""
        return self.cmdb.rows(frame.scope, frame.table.path) if frame.child is None else frame.child.rows

    def check_place(self) -> None:
        """Whether the VDOM that one stands in is still there; if not, one is at the root. Raises `CliError` (-3)."""
        gone = self.place and (not self.cmdb.multi or (len(self.place) > 1 and self.place[1] not in self.cmdb.vdoms()))
        if gone and not self.cmdb.restoring:
            self.place, self.frames, self.block = (), [], None
            raise messages.failed(-3, Text.NOT_IN_DATASOURCE())

    # --- verbs ---

    def apply(self, command: c.Command) -> Outcome:
        """Carry out one configuration verb. Raises `CliError`; then nothing has changed but where we stand."""
        if self.block is not None:
            keeping.take(self, command)
            return DONE
        if self.permits is not None and type(command) in _CHANGES:
            self.permits.check_change(self.frame.table.path if self.frame else VDOM)
        if not self.keep_unknown:
            return _VERBS[type(command)](self, command)
        with self.cmdb.trusting():  # what is named may be among the text that is kept
            try:
                return _VERBS[type(command)](self, command)
            except CliError:
                if not keeping.keep_unknown(self, command):
                    raise
                return DONE

    def confirm(self, outcome: Outcome) -> Outcome:
        """The question of `outcome` was answered with yes."""
        return (outcome.action() if outcome.action is not None else None) or DONE

    def commit(self, changes: list[Change]) -> None:
        """Keep and apply changes. Raises `CliError` where they may not be made or cannot be stored."""
        changes = tunnels.with_interfaces(self.cmdb, changes)
        if self.permits is not None:
            self.permits.check_changes(changes)
        if self.guard is not None:
            self.guard.changing(self.cmdb, changes)
        check_changes(self.cmdb, changes)
        try:
            self.cmdb.commit(changes)
        except StorageFault as fault:
            raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None


# Verbs that change something at once or in the working copy; what is only entered may be looked at.
_CHANGES = frozenset((c.Append, c.Clone, c.Delete, c.Move, c.Purge, c.Rename, c.Select, c.Set, c.Unselect, c.Unset))

# Sorted by the verb's class name.
# fmt: off
_VERBS: dict[type, Callable[[Editor, Any], Outcome]] = {
    c.Abort:    leaving.abort,
    c.Append:   setting.change_list,
    c.Clone:    rows.clone,
    c.Config:   entering.config,
    c.Delete:   rows.delete,
    c.Edit:     entering.edit,
    c.End:      leaving.end,
    c.Exit:     leaving.leave,
    c.Move:     rows.move,
    c.Next:     leaving.next_,
    c.Purge:    rows.purge,
    c.Rename:   rows.rename,
    c.Select:   setting.change_list,
    c.Set:      setting.set_,
    c.Unselect: setting.change_list,
    c.Unset:    setting.unset,
}
# fmt: on
CONFIGURES = frozenset(_VERBS)
