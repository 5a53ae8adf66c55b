"""Checks on the configuration: a value, an entry, how many there are, and what must be as it was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fortish.cmdb import render
from fortish.cmdb.entries import GLOBAL, ROOT, SINGLE
from fortish.cmdb.table import Attribute, Table
from fortish.cmdb.views import EntryView, TableView
from fortish.errors import UsageError
from fortish.factory import KINDS, LOCAL
from fortish.labs.finding import AMOUNT, Finding, amount, enough, pattern
from fortish.responder.reading import Reader, plain

if TYPE_CHECKING:
    from fortish.box import Box
    from fortish.labs.checks import Scene

HIDDEN = "a secret value"
Given = Mapping[str, Any]
SECRET = ("clear-password", "password", "private-key")  # types of attributes


def _table(box: Box, path: str) -> Table:
    table = box.cmdb.schema.table(path)
    if table is None:
        raise UsageError(f"path: there is no table '{path}'")
    return table


def _named(given: Given) -> str:
    """Where a value stands, in words."""
    parts = [given["path"], *([f'"{given["key"]}"'] if "key" in given else ()), given.get("attribute", "")]
    scope = f" in VDOM {given['scope']}" if given.get("scope", GLOBAL) != GLOBAL else ""
    return f"{' '.join(filter(None, parts))}{scope}"


def config(scene: Scene, given: Given) -> Finding:
    """A value, or whether an entry is there, or how many there are."""
    table = _table(scene.box, given["path"])
    rows = TableView(scene.box.cmdb, table, given.get("scope", ROOT))
    if "key" not in given and table.is_table:
        wanted = f"{given['path']}: number of entries {amount(given)}"
        return Finding(enough(len(rows), given), wanted, str(len(rows)))
    key = given.get("key", SINGLE)
    there = key == SINGLE or key in rows
    if "attribute" not in given:
        return _present(there, given)
    value = _value(rows[key], given["attribute"]) if there else None
    aim = _aim(table, given["attribute"])
    if aim is None and ("absent" in given or "exists" in given):
        return _present(value is not None, given)
    found = _compared(_named(given), value, given, there)
    secret = isinstance(aim, Attribute) and aim.type in SECRET and value  # what is found is kept in files
    return replace(found, actual=HIDDEN) if secret else found


def _present(there: bool, given: Given) -> Finding:
    """Whether an entry is there, or is not, as it is wanted."""
    wanted = f"{_named(given)} {'is not there' if given.get('absent') else 'is there'}"
    return Finding(there != bool(given.get("absent")), wanted, "it is there" if there else "it is not there")


def _aim(table: Table, attribute: str) -> Attribute | Table | None:
    """What `child/key/attribute` names: an attribute, also of a nested table; a nested table; None: a row of one."""
    words = attribute.split("/")
    while (child := table.children.get(words[0])) is not None:
        if len(words) == 1:
            return child
        table, words = child, words[2 if child.is_table else 1 :]
        if not words:
            return None
    return table.attributes.get(words[0])


def _value(entry: EntryView, attribute: str) -> Any:
    """A value; `child/key/attribute` goes into nested tables. None where there is none."""
    found: Any = entry
    for word in attribute.split("/"):
        if isinstance(found, Mapping) and SINGLE in found and word not in found:
            found = found[SINGLE]  # a nested singleton
        try:
            found = found[word]
        except (KeyError, TypeError):
            return None
    return found


def _compared(name: str, value: Any, given: Given, there: bool) -> Finding:
    """A value against what is wanted of it."""
    values = [str(one) for one in value] if isinstance(value, (tuple, list, Mapping)) else []
    text = " ".join(values) if values or isinstance(value, (tuple, list, Mapping)) else _as_text(value)
    actual = f'"{text}"' if text else "no value" if there else "its entry is not there"
    if given.get("absent"):
        return Finding(there and not text, f"{name} has no value", actual)
    if given.get("exists"):
        return Finding(bool(text), f"{name} has a value", actual)
    if "is" in given:
        wanted = given["is"]
        same = values == wanted if isinstance(wanted, list) and values else text == _as_text(wanted)
        return Finding(there and same, f'{name} is "{_as_text(wanted)}"', actual)
    if "matches" in given:
        return Finding(
            re.search(given["matches"], text) is not None, f'{name} has the form "{given["matches"]}"', actual
        )
    member = given["lacks"] if "lacks" in given else given["has"]
    inside = member in values if values else member in text
    if "lacks" in given:
        return Finding(there and not inside, f'{name} does not contain "{member}"', actual)
    return Finding(inside, f'{name} contains "{member}"', actual)


def _as_text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def rendered(box: Box, given: Given) -> list[str]:
    """A table, or one entry of it, as the box shows it."""
    table = _table(box, given["path"])
    rows = box.cmdb.rows(box.cmdb.scope_of(table, given.get("scope", ROOT)), table.path)
    key = given.get("key")
    if key is not None:
        shown = {key: rows[key]} if key in rows else {}
    else:  # the keys of factory certificates are made when somebody reads them: that is no change
        shown = {name: entry for name, entry in rows.items() if table.path != LOCAL or name not in KINDS}
    return list(render.show_table(box.cmdb, table, shown, False))


def place(given: Given) -> str:
    """Under which name the beginning remembers what must stay."""
    return "|".join(given.get(name, "") for name in ("scope", "path", "key"))


def unchanged(scene: Scene, given: Given) -> Finding:
    """A table, or one entry, as it was shown when the lab began."""
    if place(given) not in scene.start.shown:  # the lab was changed since it was started
        return Finding(True, f"{_named(given)} is as at the beginning", "it was not looked at then")
    before, now = list(scene.start.shown[place(given)]), rendered(scene.box, given)
    gone = [line.strip() for line in before if line not in now]
    new = [line.strip() for line in now if line not in before]
    actual = "as at the beginning" if before == now else f"{len(gone)} lines are gone, {len(new)} are new"
    return Finding(before == now, f"{_named(given)} is as at the beginning", actual)


# --- readers --------------------------------------------------------------------------------------------------------


def _is(where: str, value: object) -> Any:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, (str, int)) for one in value):
        return [str(one) for one in value]
    raise UsageError(f"{where} must be a text, a number or a list of them")


_TEXT, _FLAG = plain(str, "a text"), plain(bool, "true or false")
_KEY: Reader = lambda where, value: str(_is(where, value))  # noqa: E731

# fmt: off
READERS: dict[str, Reader] = {
    **AMOUNT,
    "absent":    _FLAG,
    "attribute": _TEXT,
    "exists":    _FLAG,
    "has":       _KEY,
    "is":        _is,
    "key":       _KEY,
    "lacks":     _KEY,
    "matches":   pattern,
    "path":      _TEXT,
    "scope":     _TEXT,
}
STAYS: dict[str, Reader] = {"key": _KEY, "path": _TEXT, "scope": _TEXT}
# fmt: on
