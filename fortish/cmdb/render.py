"""How the configuration is printed: `show`, `get`, `tree`.

All three give lines lazily from a snapshot taken at the call; `show` reads back to the same configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fortish.cmdb import unknown
from fortish.cmdb.entries import SINGLE, Entry, Rows
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import Attribute, Table
from fortish.cmdb.types import TYPES
from fortish.cmdb.working import is_visible
from fortish.quoting import quote

INDENT = "    "
COLUMN = 20
EMPTY = ("", None, ())
# Types whose empty value `show full-configuration` prints as `set name ''`; others as `unset name`.
_STRINGS = frozenset({"string", "var-string", "fqdn", "label", "password", "clear-password", "user"})
_BLOCKS = frozenset({"certificate", "ca-certificate"})


class Reading:
    """An entry as it is read: values or defaults, and which attributes are visible."""

    def __init__(self, cmdb: Cmdb, table: Table, key: str, entry: Entry) -> None:
        self.cmdb, self.table, self.key, self.entry = cmdb, table, key, entry

    def value(self, name: str) -> Any:
        """The value, or its default; the key under its own name; a computed one if it is computed."""
        if name == self.table.key:
            return self.key
        computed = COMPUTED.get((self.table.path, name))
        return self.cmdb.value_of(self.table, self.entry, name) if computed is None else computed(self)

    def visible(self) -> Iterator[Attribute]:
        """The attributes to be seen, in schema order."""
        for attribute in self.table.attributes.values():
            if is_visible(attribute, self.value):
                yield attribute


def _state(reading: Reading) -> str:
    """The state of a local certificate: OK once there is one, PENDING while only the request is there."""
    return "OK" if reading.value("certificate") else "PENDING" if reading.value("csr") else ""


COMPUTED: dict[tuple[tuple[str, ...], str], Callable[[Reading], str]] = {
    (("vpn", "certificate", "local"), "state"): _state
}


# --- show -----------------------------------------------------------------------------------------------------------


def show_table(cmdb: Cmdb, table: Table, rows: Rows, full: bool, depth: int = 0) -> Iterator[str]:
    """`config … end` of a table or singleton."""
    path = table.path[-1] if table.nested else " ".join(table.shown)
    if table.keyed:
        for key, entry in list(rows.items()):
            yield f"{INDENT * depth}config {path} {quote(key)}"
            yield from _show_values(Reading(cmdb, table, key, entry), full, depth + 1)
            yield f"{INDENT * depth}end"
        return
    yield f"{INDENT * depth}config {path}"
    if table.is_table:
        for key, entry in list(rows.items()):
            yield from _show_entry(Reading(cmdb, table, key, entry), full, depth + 1)
    else:
        yield from _show_values(Reading(cmdb, table, SINGLE, rows.get(SINGLE, Entry())), full, depth + 1)
    yield f"{INDENT * depth}end"


def stored(table: Table, rows: Rows) -> Rows:
    """The rows of a printed configuration: some that come with the box stand in none."""
    return {key: entry for key, entry in rows.items() if key not in table.unstored} if table.unstored else rows


def shown_key(table: Table, key: str) -> str:
    """A key behind `edit`: numbers bare, names quoted."""
    return key if table.integer_keys else quote(key)


def _show_entry(reading: Reading, full: bool, depth: int) -> Iterator[str]:
    yield f"{INDENT * depth}edit {shown_key(reading.table, reading.key)}"
    yield from _show_values(reading, full, depth + 1)
    yield f"{INDENT * depth}next"


def _show_values(reading: Reading, full: bool, depth: int) -> Iterator[str]:
    for attribute in reading.table.attributes.values():
        if not (full or attribute.child is not None or _may_differ(reading, attribute)):
            continue  # most of them: no condition need be looked at to know that nothing is shown
        if not is_visible(attribute, reading.value):
            continue
        if attribute.child is not None:
            rows = reading.entry.children.get(attribute.name, {})
            block = list(show_table(reading.cmdb, attribute.child, rows, full, depth)) if rows or full else []
            if full or len(block) > 2:  # more than `config` and `end`
                yield from block
        elif attribute.name != reading.table.key and (reading.table.path, attribute.name) not in COMPUTED:
            line = _set_line(reading, attribute, full)
            if line:
                yield INDENT * depth + line
    for name, value in reading.entry.values.items():
        if name not in reading.table.attributes:
            yield from (INDENT * depth + line for line in unknown.show(name, value))


def _always(reading: Reading, attribute: Attribute) -> bool:
    """Whether it is printed with its default, too: a new box may have something else there, and it must read back."""
    return attribute.always or attribute.name in reading.table.factory_values.get(reading.key, ())


def _may_differ(reading: Reading, attribute: Attribute) -> bool:
    """Whether it may have a line where defaults are not printed."""
    return attribute.name in reading.entry.values or _always(reading, attribute)


def _set_line(reading: Reading, attribute: Attribute, full: bool) -> str:
    value = reading.value(attribute.name)
    wanted = full or _always(reading, attribute)
    if not wanted and value == reading.cmdb.default(reading.table, attribute):
        return ""
    if value in EMPTY:
        if not wanted and attribute.name not in reading.entry.values:
            return ""
        bare = attribute.multiple or attribute.type not in _STRINGS | {"reference"}
        return f"unset {attribute.name}" if bare else f"set {attribute.name} ''"
    return f"set {attribute.name} {TYPES[attribute.type].show(value)}"


# --- get ------------------------------------------------------------------------------------------------------------


def get_entry(cmdb: Cmdb, table: Table, key: str, entry: Entry) -> Iterator[str]:
    """One attribute a line: the name padded to 20 columns, `: `, the value."""
    reading = Reading(cmdb, table, key, entry)
    seen = list(reading.visible())
    for attribute in [*(a for a in seen if not a.last), *(a for a in seen if a.last)]:
        if attribute.child is None:
            yield from _got(attribute, reading.value(attribute.name))
        elif attribute.child.is_table:
            yield from _got_child(cmdb, attribute, entry.children.get(attribute.name, {}))
        else:
            inner = entry.children.get(attribute.name, {}).get(SINGLE, Entry())
            yield f"{attribute.name}:"
            yield from (f"    {line}" for line in get_entry(cmdb, attribute.child, SINGLE, inner))


def _got(attribute: Attribute, value: Any) -> Iterator[str]:
    if attribute.type in _BLOCKS and value:
        from fortish.pki import pem, text

        yield f"{attribute.name:<{COLUMN}}: "
        yield from text.get_block(pem.certificate(value))
        return
    yield f"{attribute.name:<{COLUMN}}: {_read(attribute, value)}"


def _read(attribute: Attribute, value: Any) -> str:
    text = TYPES[attribute.type].get(value)
    return text.rstrip(" ") if attribute.bare else text


def _got_child(cmdb: Cmdb, attribute: Attribute, rows: Rows) -> Iterator[str]:
    assert attribute.child is not None
    yield f"{attribute.name}:"
    for key, entry in rows.items():
        yield f"    == [ {key} ]"
        yield f"    {_one_line(Reading(cmdb, attribute.child, key, entry))}"


def _one_line(reading: Reading) -> str:
    """An entry on one line, three blanks behind each pair; of some tables a few attributes only."""
    brief = reading.table.brief
    return "".join(
        f"{attribute.name}: {_read(attribute, reading.value(attribute.name))}   "
        for attribute in reading.visible()
        if attribute.child is None and attribute.type not in _BLOCKS and (not brief or attribute.name in brief)
    )


def get_table(cmdb: Cmdb, table: Table, rows: Rows) -> Iterator[str]:
    """`== [ key ]` and one line for each entry."""
    if not table.is_table:
        yield from get_entry(cmdb, table, SINGLE, rows.get(SINGLE, Entry()))
        return
    for key, entry in list(rows.items()):
        yield f"== [ {key} ]"
        # A certificate table's line holds the name alone: attested for the listing, the rest is inferred.
        yield f"{table.key}: {key}   " if table.ranged else _one_line(Reading(cmdb, table, key, entry))


# --- tree -----------------------------------------------------------------------------------------------------------


_LISTED = frozenset({"mac-ranges", "reference", "string"})


def tree_table(table: Table, margin: str = "") -> Iterator[str]:
    """The schema of a table: `*` the key, (n) the longest string, (min,max) an integer's range."""
    name = f"[{table.path[-1]}]" if table.is_table else f"<{table.path[-1]}>"
    head = f"-- {name} --"
    rows = list(table.attributes.values())
    for place, attribute in enumerate(rows):
        mark = "+-" if place == len(rows) - 1 and place else "|-"
        lead = f"{margin}{head}" if place == 0 else f"{margin}{' ' * (len(head) - 2)}{mark} "
        if attribute.child is not None:
            inner = list(tree_table(attribute.child, ""))
            yield lead.removesuffix(" ") + " " + inner[0].removeprefix("-- ")
            yield from (f"{margin}{' ' * len(head)}  {line}" for line in inner[1:])
            continue
        if attribute.multiple and attribute.type in _LISTED:  # on the box such a list is a table of its own
            key = "name" if attribute.type == "reference" else attribute.name
            yield f"{lead}[{attribute.name}] --*{key}{_tree_size(attribute)}"
            continue
        star = "*" if attribute.name == table.key else ""
        yield f"{lead}{star}{attribute.name}{_tree_size(attribute)}"


def _tree_size(attribute: Attribute) -> str:
    if attribute.type == "integer":
        return f"\t({attribute.low},{attribute.high})"
    return f"\t({attribute.size})" if attribute.size else " "
