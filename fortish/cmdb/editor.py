"""Where in the configuration an administrator stands, and what each verb does there.

The nesting of `config` and `edit` is this stack of frames; which verbs are legal in which kind of frame is one table.
Nothing here prints, asks or waits: `apply` returns lines, or a question that the session asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from fortish import commands as c
from fortish import messages
from fortish.cmdb import checks, rows, tunnels, vdoms
from fortish.cmdb.entries import (
    BLOCK,
    GLOBAL,
    MADE,
    ROOT,
    SINGLE,
    SYSTEM_GLOBAL,
    UNKNOWN,
    VDOM,
    Change,
    Drop,
    Entry,
    Put,
    Rows,
)
from fortish.cmdb.fresh import factory_rows
from fortish.cmdb.outcome import DONE, Outcome
from fortish.cmdb.schema import Attribute, PathWords, Table, View
from fortish.cmdb.store import Cmdb
from fortish.cmdb.types import TYPES
from fortish.cmdb.unknown import Block, text
from fortish.cmdb.working import ChildRows, Working, check_key, find_attribute, next_number
from fortish.errors import CliError, StorageFault
from fortish.messages import Text
from fortish.parse import complete_word
from fortish.values import dataclass

# Which verbs are legal where. The order is that of `?`.
# fmt: off
LEGAL: dict[str, tuple[str, ...]] = {
    # places: the root prompt; with VDOMs also the whole box, the list of VDOMs, one VDOM
    "root":      ("config", "get", "show", "diagnose", "execute", "tree", "alias", "exit", "quit"),
    "multi":     ("config", "get", "show", "diagnose", "execute", "sudo", "alias", "exit", "quit"),
    "global":    ("config", "get", "show", "diagnose", "execute", "tree", "sudo", "end", "exit", "quit"),
    "vdoms":     ("edit", "delete", "get", "show", "end", "exit", "quit"),
    "vdom":      ("config", "get", "show", "diagnose", "execute", "tree", "sudo", "next", "end", "exit", "quit"),
    # frames
    "table":     ("edit", "delete", "purge", "rename", "clone", "get", "show", "tree",
                  "abort", "end", "exit", "quit"),
    "ordered":   ("edit", "delete", "purge", "rename", "clone", "move", "get", "show", "tree",
                  "abort", "end", "exit", "quit"),  # a table whose order means something
    "entry":     ("config", "set", "unset", "append", "select", "unselect", "get", "show", "tree",
                  "next", "abort", "end", "exit", "quit"),
    "singleton": ("config", "set", "unset", "append", "select", "unselect", "get", "show", "tree",
                  "abort", "end", "exit", "quit"),
}
LEGAL["confined"] = LEGAL["root"]  # the root prompt of an administrator who cannot leave one VDOM
VIEWS = {"root": "all", "multi": "none", "global": "global", "vdoms": "none", "vdom": "vdom", "confined": "vdom"}
# fmt: on


SETTINGS = ("system", "settings")
READS = ("diagnose", "execute", "get", "show")  # what `sudo` may carry

VARIABLE = re.compile(r"\$(?:SerialNum|USERFROM|USERNAME)(?![A-Za-z0-9_])")
SECRETS = frozenset({"clear-password", "password", "private-key"})  # types of attribute

# Inside a block that is kept as text every configuration verb is.
KEEPING = tuple(dict.fromkeys((*LEGAL["ordered"], *LEGAL["entry"])))


@dataclass(slots=True)
class Frame:
    """One level of where the administrator stands.

    `kind` is table, entry or singleton; `child` holds the rows of a child table, `working` the copy of an entry.
    """

    kind: str
    table: Table
    scope: str
    name: str
    child: ChildRows | None = None
    working: Working | None = None


def resolve_path(view: View, typed: tuple[str, ...]) -> tuple[Table, tuple[str, ...]]:
    """The table that the words name, each word a unique prefix, and the words left over. Raises `CliError`."""
    path: PathWords = ()
    for place, word in enumerate(typed):
        found = complete_word(word, view.words(path))
        if len(found) != 1:
            raise messages.ambiguous(word) if found else messages.parse_error(word)
        path = (*path, found[0])
        table = view.table(path)
        if table is not None and not _continues(view, path, typed[place + 1 :]):
            return table, typed[place + 1 :]
    raise messages.incomplete()


def _continues(view: View, path: PathWords, rest: tuple[str, ...]) -> bool:
    """Whether a longer path starts with this one and the next word."""
    return bool(rest) and bool(complete_word(rest[0], view.words(path)))


class Permits(Protocol):
    """What an administrator may see and change."""

    @property
    def unrestricted(self) -> bool:
        """Whether everything may be done."""

    def hides(self, path: PathWords) -> bool:
        """Whether a path is not even parsed."""

    def check_change(self, path: PathWords) -> None:
        """Whether what stands at `path` may be changed. Raises `CliError`."""

    def check_changes(self, changes: list[Change]) -> None:
        """Whether a transaction keeps to the administrator's own rights. Raises `CliError`."""


class Guard(Protocol):
    """What keeps transactions apart (`fortish.cmdb.workspace`). Each method raises `CliError`."""

    def opened(self, scope: str, path: PathWords, key: str) -> None:
        """An entry or singleton is opened."""

    def setting(self, path: PathWords, name: str) -> None:
        """An attribute is about to be changed."""

    def changing(self, cmdb: Cmdb, changes: list[Change]) -> None:
        """Changes are about to be made."""


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
        self._block: Block | None = None
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
        if self._block is not None:
            return KEEPING
        kind = self.kind
        return LEGAL["ordered" if kind == "table" and self.frames[-1].table.ordered else kind]

    def rows(self, frame: Frame) -> Rows:
        """The rows of a table frame."""
        return self.cmdb.rows(frame.scope, frame.table.path) if frame.child is None else frame.child.rows

    @property
    def unsaved(self) -> bool:
        """Whether a working copy has changes."""
        return any(frame.working is not None and frame.working.changed for frame in self.frames)

    def check_place(self) -> None:
        """Whether the VDOM that one stands in is still there; if not, one is at the root. Raises `CliError` (-3)."""
        gone = self.place and (not self.cmdb.multi or (len(self.place) > 1 and self.place[1] not in self.cmdb.vdoms()))
        if gone and not self.cmdb.restoring:
            self.place, self.frames, self._block = (), [], None
            raise messages.failed(-3, Text.NOT_IN_DATASOURCE())

    # --- verbs ---

    def apply(self, command: c.Command) -> Outcome:
        """Carry out one configuration verb. Raises `CliError`; then nothing has changed but where we stand."""
        if self._block is not None:
            self._keep(command)
            return DONE
        if self.permits is not None and type(command) in _CHANGES:
            self.permits.check_change(self.frame.table.path if self.frame else VDOM)
        if not self.keep_unknown:
            return _VERBS[type(command)](self, command)
        with self.cmdb.trusting():  # what is named may be among the text that is kept
            try:
                return _VERBS[type(command)](self, command)
            except CliError:
                if not self._unknown(command):
                    raise
                return DONE

    # --- what the schema does not know ---

    def _unknown(self, command: c.Command) -> bool:
        """Keep a block or an attribute whose name is not known; whether it was one."""
        match command:
            case c.Config(path):
                working = self.frame.working if self.frame else None
                known = working.table.attributes if working else {}
                if path[0] in known or (working is None and self._resolves(path)):
                    return False
                self._block = Block(text(command))
                return True
            case c.Set(name, values) if name not in (working := self._working()).table.attributes:
                working.put(name, values)
                return True
            case c.Unset(name):
                return name not in self._working().table.attributes
        return False

    def _resolves(self, path: PathWords) -> bool:
        try:
            return bool(resolve_path(self.view, path))
        except CliError:
            return False

    def _keep(self, command: c.Command) -> None:
        block = self._block
        assert block is not None
        if not block.take(command):
            return
        self._block = None
        if self.frame is None:
            self.commit([Put(GLOBAL, UNKNOWN, block.head, Entry({BLOCK: block.kept()}))])
        else:
            self._working().put(block.head, block.kept())

    def confirm(self, outcome: Outcome) -> Outcome:
        """The question of `outcome` was answered with yes."""
        return (outcome.action() if outcome.action is not None else None) or DONE

    def config(self, command: c.Config) -> Outcome:
        """Enter a table or singleton."""
        frame = self.frame
        if frame is None:
            if self.place_kind == "multi":
                return vdoms.choose(self, command.path)
            table, rest = resolve_path(self.view, command.path)
            scope = self.cmdb.scope_of(table, self.scope)
            if self.cmdb.restoring and not rest:
                self._empty(scope, table)
            self._enter(table, rest, scope, None)
            return DONE
        assert frame.working is not None
        working = frame.working
        children = {n: t for n, t in working.table.children.items() if working.visible(working.table.attributes[n])}
        found = complete_word(command.path[0], children)
        if len(found) != 1:
            raise (messages.ambiguous if found else messages.parse_error)(command.path[0])
        self._enter(children[found[0]], command.path[1:], frame.scope, working.child(found[0]))
        return DONE

    def _empty(self, scope: str, table: Table) -> None:
        """A restore replaces what a table held before: at its first `config`."""
        if (scope, table.path) not in self.cmdb.emptied:
            self.cmdb.emptied.add((scope, table.path))
            self.commit([self._emptied(scope, table, key) for key in list(self.cmdb.rows(scope, table.path))])

    def _emptied(self, scope: str, table: Table, key: str) -> Change:
        """An entry goes, unless it is one that stays: that has what the factory gave it, and the key that it has."""
        if not table.is_table and any(child.factory for child in table.children.values()):
            return Put(scope, table.path, key, Entry({}, factory_rows(table)[key].children))
        if not table.keeps(key):
            return Drop(scope, table.path, key)
        held, fresh = self.cmdb.rows(scope, table.path)[key], factory_rows(table)[key]
        own = {name: held.values[name] for name in MADE if name in held.values}
        return Put(scope, table.path, key, Entry({**fresh.values, **own}))

    def _enter(self, table: Table, rest: tuple[str, ...], scope: str, child: ChildRows | None) -> None:
        if table.keyed:
            self._enter_keyed(table, rest, scope)
            return
        if rest:
            raise messages.parse_error(rest[0])
        if table.is_table:
            self.frames.append(Frame("table", table, scope, table.path[-1], child))
            return
        rows = self.cmdb.rows(scope, table.path) if child is None else child.rows
        if self.guard is not None and child is None:
            self.guard.opened(scope, table.path, SINGLE)
        working = Working(self.cmdb, table, self.scope, SINGLE, rows.get(SINGLE), self._around)
        self.frames.append(Frame("singleton", table, scope, table.path[-1], child, working))

    @property
    def _around(self) -> Working | None:
        """The working copy in which one stands."""
        return next((frame.working for frame in reversed(self.frames) if frame.working is not None), None)

    def _enter_keyed(self, table: Table, rest: tuple[str, ...], scope: str) -> None:
        """`config PATH KEY`, as the replacement messages have it: an entry that is entered like a singleton."""
        if not rest:
            raise messages.incomplete()
        key = check_key(table, rest[0])
        if len(rest) > 1:
            raise messages.parse_error(rest[1])
        base = self.cmdb.rows(scope, table.path).get(key)
        if self.cmdb.restoring:  # a restore replaces what the entry held
            base = Entry()
            self.commit([Put(scope, table.path, key, base)])
        if base is None:
            raise messages.parse_error(rest[0])
        if self.guard is not None:
            self.guard.opened(scope, table.path, key)
        working = Working(self.cmdb, table, self.scope, key, base)
        self.frames.append(Frame("singleton", table, scope, key, None, working))

    def edit(self, command: c.Edit) -> Outcome:
        """Open or create an entry."""
        if self.frame is None:
            return vdoms.edit(self, command.key)
        frame = self._top()
        key = check_key(frame.table, command.key)
        base = self.rows(frame).get(key)
        if base is None and self.permits is not None:
            self.permits.check_change(frame.table.path)
        if base is None and frame.table.ranged and frame.scope != GLOBAL and frame.child is None:
            self._check_not_global(frame.table, key)
        if self.guard is not None and frame.child is None:
            self.guard.opened(frame.scope, frame.table.path, key)
        working = Working(self.cmdb, frame.table, self.scope, key, base, self._around)
        self.frames.append(Frame("entry", frame.table, frame.scope, key, frame.child, working))
        return DONE if base is not None else Outcome((Text.NEW_ENTRY(key=key),))

    def _check_not_global(self, table: Table, key: str) -> None:
        """A VDOM cannot have a certificate under the name of one of the whole box."""
        if key in self.cmdb.rows(GLOBAL, table.path):
            raise messages.failed(-5, Text.DUPLICATE(key=key))

    def _top(self) -> Frame:
        frame = self.frame
        assert frame is not None
        return frame

    def _working(self) -> Working:
        working = self._top().working
        assert working is not None
        return working

    def set(self, command: c.Set) -> Outcome:
        """Replace a value in the working copy."""
        working = self._working()
        attribute = find_attribute(working, command.name)
        if self.guard is not None:
            self.guard.setting(working.table.path, attribute.name)
        working.set(attribute, self._expanded(attribute, command.values))
        return DONE

    def _expanded(self, attribute: Attribute, values: tuple[str, ...]) -> tuple[str, ...]:
        """Values with their variables replaced, however they are quoted: then no value that is printed holds one.

        Secrets are taken as they are typed, and so is everything in a backup.
        """
        if not any("$" in value for value in values) or attribute.type in SECRETS or self.cmdb.restoring:
            return values
        return tuple(VARIABLE.sub(lambda found: self.variables.get(found[0], found[0]), value) for value in values)

    def _found(self, typed: str) -> tuple[Working, Attribute]:
        """The working copy, and the attribute of it that is about to be changed. Raises `CliError`."""
        working = self._working()
        attribute = find_attribute(working, typed)
        if self.guard is not None:
            self.guard.setting(working.table.path, attribute.name)
        return working, attribute

    def unset(self, command: c.Unset) -> Outcome:
        """Back to the default in the working copy."""
        working, attribute = self._found(command.name)
        working.unset(attribute)
        return DONE

    def change_list(self, command: c.Append | c.Select | c.Unselect) -> Outcome:
        """Add to, replace or thin out a list in the working copy."""
        working, attribute = self._found(command.name)
        if not attribute.multiple:
            raise messages.parse_error(command.name)
        typed = TYPES[attribute.type].read(attribute, self._expanded(attribute, command.values), working)
        held = tuple(working.value(attribute.name) or ())
        if isinstance(command, c.Append):
            members = tuple(dict.fromkeys((*held, *typed)))
        elif isinstance(command, c.Select):
            members = typed
        else:
            if missing := [word for word in typed if word not in held]:
                raise messages.value_error(missing[0], -3, Text.NOT_IN_DATASOURCE())
            members = tuple(word for word in held if word not in typed)
        if attribute.type == "option":
            members = tuple(choice.name for choice in attribute.choices if choice.name in members)
        working.put(attribute.name, members)
        return DONE

    # --- saving ---

    def next(self, command: c.Next) -> Outcome:
        """Save the entry, back to its table. A refused entry is discarded."""
        if not self.frames:
            return vdoms.leave(self, one_up=True)
        self._save(self.frames.pop())
        return DONE

    def end(self, command: c.End) -> Outcome:
        """Save and leave the innermost `config`, with the entry open in it. What is refused is discarded."""
        if not self.frames:
            return vdoms.leave(self, one_up=False)
        frame = self.frames.pop()
        if frame.kind == "entry":
            self.frames.pop()
        if frame.table.path == SYSTEM_GLOBAL and (question := vdoms.switched(self, frame)) is not None:
            return question
        before = self.cmdb.value(frame.scope, SETTINGS, SINGLE, "opmode") if frame.table.path == SETTINGS else ""
        self._save(frame)
        after = self.cmdb.value(frame.scope, SETTINGS, SINGLE, "opmode") if before else ""
        return Outcome(("", Text.TO_TRANSPARENT())) if before != after == "transparent" else DONE

    def abort(self, command: c.Abort) -> Outcome:
        """Leave the innermost `config`; what `next` saved stays."""
        if self.frames.pop().kind == "entry":
            self.frames.pop()
        return DONE

    def leave(self, command: c.Exit) -> Outcome:
        """`exit` is for the root."""
        raise CliError((Text.EXIT_INSIDE_CONFIG(),))

    def _save(self, frame: Frame) -> None:
        working = frame.working
        if working is None or (working.base is not None and not working.changed):
            return
        rows = self.rows(frame)
        if frame.table.integer_keys and working.key == "0":
            working.key = next_number(rows)
        put = working.put_change(frame.scope, rows.get(working.key))
        if frame.child is None:
            self.commit([put])
        else:
            frame.child.put(put.key, put.entry)

    def commit(self, changes: list[Change]) -> None:
        """Keep and apply changes. Raises `CliError` where they may not be made or cannot be stored."""
        changes = tunnels.with_interfaces(self.cmdb, changes)
        if self.permits is not None:
            self.permits.check_changes(changes)
        if self.guard is not None:
            self.guard.changing(self.cmdb, changes)
        checks.check_changes(self.cmdb, changes)
        try:
            self.cmdb.commit(changes)
        except StorageFault as fault:
            raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None


# Verbs that change something at once or in the working copy; what is only entered may be looked at.
_CHANGES = frozenset((c.Append, c.Clone, c.Delete, c.Move, c.Purge, c.Rename, c.Select, c.Set, c.Unselect, c.Unset))

# Sorted by the verb's class name.
# fmt: off
_VERBS: dict[type, Callable[[Editor, Any], Outcome]] = {
    c.Abort:    Editor.abort,
    c.Append:   Editor.change_list,
    c.Clone:    rows.clone,
    c.Config:   Editor.config,
    c.Delete:   rows.delete,
    c.Edit:     Editor.edit,
    c.End:      Editor.end,
    c.Exit:     Editor.leave,
    c.Move:     rows.move,
    c.Next:     Editor.next,
    c.Purge:    rows.purge,
    c.Rename:   rows.rename,
    c.Select:   Editor.change_list,
    c.Set:      Editor.set,
    c.Unselect: Editor.change_list,
    c.Unset:    Editor.unset,
}
# fmt: on
CONFIGURES = frozenset(_VERBS)
