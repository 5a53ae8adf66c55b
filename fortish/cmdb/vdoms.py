"""VDOMs: where an administrator of a divided box stands, and how VDOMs are made, entered and removed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fortish import messages
from fortish.cmdb.entries import GLOBAL, MULTI, ROOT, SINGLE, SYSTEM_GLOBAL, VDOM, Change, Drop, Entry, Put
from fortish.cmdb.outcome import DONE, Outcome
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import PathWords
from fortish.cmdb.working import in_use
from fortish.messages import Text
from fortish.parse import complete_word

if TYPE_CHECKING:
    from fortish.cmdb.editor import Editor
    from fortish.cmdb.frame import Frame

PLACES = (GLOBAL, "vdom")  # what `config` may name at the root of a box with VDOMs
SHORT_NAME, LONG_NAME = 11, 31  # longest name of a VDOM, in characters; the second with long-vdom-name
VDOM_NAME = re.compile(r"[A-Za-z0-9_-]+")
RESERVED = frozenset({"all", "global", "vdom"})


def choose(editor: Editor, path: PathWords) -> Outcome:
    """`config global` and `config vdom`. Raises `CliError`."""
    found = complete_word(path[0], PLACES)
    if len(found) != 1 or len(path) > 1:
        raise messages.parse_error(path[0] if len(found) != 1 else path[1])
    editor.place = (found[0],)
    return DONE


def scope(cmdb: Cmdb, typed: str) -> str:
    """The scope that is named: a VDOM by its whole name, as keys are; `global` may be cut. Raises `CliError`."""
    if typed in cmdb.vdoms():
        return typed
    if not complete_word(typed, (GLOBAL,)):
        raise messages.parse_error(typed)
    return GLOBAL


def edit(editor: Editor, name: str) -> Outcome:
    """Enter a VDOM; a new one is made after a question. Raises `CliError`."""
    cmdb = editor.cmdb
    if name in cmdb.vdoms():
        editor.place = (PLACES[1], name)
        return Outcome((_current(cmdb, name),))
    if editor.permits is not None:
        editor.permits.check_change(VDOM)
    _check_name(cmdb, name)
    if cmdb.restoring:
        return _make(editor, name)
    return Outcome(question=Text.NEW_VDOM_QUESTION(), action=lambda: _make(editor, name, ""))


def _current(cmdb: Cmdb, name: str) -> str:
    return Text.CURRENT_VF(name=name, number=cmdb.vdoms()[name])


def _check_name(cmdb: Cmdb, name: str) -> None:
    long = cmdb.value(GLOBAL, SYSTEM_GLOBAL, SINGLE, "long-vdom-name") == "enable"
    limit = LONG_NAME if long else SHORT_NAME
    if not name:
        raise messages.incomplete()
    if len(name) > limit:
        raise messages.value_error(name, -1, Text.TOO_LONG(size=len(name), limit=limit), blank=False)
    if not VDOM_NAME.fullmatch(name):
        raise messages.value_error(name, -173, Text.XSS())
    if name in RESERVED:
        raise messages.value_error(name, -515, Text.RESERVED_NAME(name=name))
    table = cmdb.schema.table(VDOM)
    if table is not None and len(cmdb.vdoms()) >= table.maximum:
        raise messages.failed(-4, Text.SET_OPERATOR(code=-4))


def _make(editor: Editor, name: str, *before: str) -> Outcome:
    """A new VDOM with the lowest free number."""
    numbers = set(editor.cmdb.vdoms().values())
    free = next(number for number in range(1, len(numbers) + 2) if number not in numbers)
    editor.commit([Put(GLOBAL, VDOM, name, Entry({"vfid": free}))])
    editor.place = (PLACES[1], name)
    return Outcome((*before, _current(editor.cmdb, name)))


def delete(editor: Editor, name: str) -> Outcome:
    """Remove a VDOM that nothing uses, with all that is configured in it. Raises `CliError`."""
    cmdb = editor.cmdb
    if name not in cmdb.vdoms():
        raise messages.failed(-3, "", Text.NOT_IN_DATASOURCE())
    if name in (ROOT, cmdb.value(GLOBAL, SYSTEM_GLOBAL, SINGLE, "management-vdom")):
        raise messages.failed(-514, Text.MANAGEMENT_VDOM(name=name))
    users = cmdb.users(GLOBAL, VDOM, name)
    if users:
        raise in_use(len(users))
    editor.commit([*drops(cmdb, name), Drop(GLOBAL, VDOM, name)])
    return DONE


def drops(cmdb: Cmdb, name: str) -> list[Drop]:
    """What removes every entry of a VDOM."""
    return [Drop(name, path, key) for (scope, path), rows in cmdb.snapshot().items() if scope == name for key in rows]


def leave(editor: Editor, *, one_up: bool) -> Outcome:
    """`end` leads to the root prompt, `next` from a VDOM to the list of them."""
    editor.place = editor.place[:1] if one_up else ()
    return DONE


def switched(editor: Editor, frame: Frame) -> Outcome | None:
    """What `end` answers when it divides the box into VDOMs, or makes it one again; None if it does neither.

    Raises `CliError` while there are VDOMs that would be lost.
    """
    cmdb, working = editor.cmdb, frame.working
    if working is None or cmdb.restoring:
        return None
    wanted = working.value("vdom-mode")
    if (wanted == MULTI) == cmdb.multi:
        return None
    if wanted != MULTI and len(cmdb.vdoms()) > 1:
        fields = {"name": "vdom-mode", "value": wanted}
        checking = Text.CHECKING_FAIL(**fields, code=-23)
        raise messages.failed(-23, Text.VDOMS_LEFT(), Text.CHECK_FAIL(**fields), checking)

    def switch() -> Outcome:
        put = working.put_change(frame.scope, cmdb.entry(frame.scope, SYSTEM_GLOBAL))
        editor.commit([put, *moved_ranges(cmdb, to_vdom=wanted == MULTI)])
        return Outcome((Text.LOGGED_OUT(),), logout=True)

    return Outcome(("",), Text.LOGOUT_QUESTION(), switch)


def moved_ranges(cmdb: Cmdb, *, to_vdom: bool) -> list[Change]:
    """The changes that go with a new VDOM mode: ranged entries of the one domain become the root VDOM's, or back.

    Entries that are known to the whole box (`range global`) stay where they are.
    """
    source, target = (GLOBAL, ROOT) if to_vdom else (ROOT, GLOBAL)
    changes: list[Change] = []
    for path in cmdb.schema.paths():
        table = cmdb.schema.table(path)
        if table is None or not table.ranged:
            continue
        for key, entry in cmdb.rows(source, path).items():
            if not to_vdom or entry.values.get("range") != GLOBAL:
                changes += [Drop(source, path, key), Put(target, path, key, entry)]
    return changes
