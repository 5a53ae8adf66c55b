"""A whole configuration as a value: what a table holds in it, and the changes that lead from one to another.

With it goes what the settings of the box say about saving (`cfg-save`), which commits and snapshots are asked for.
"""

from __future__ import annotations

from fortish.cmdb.entries import GLOBAL, SINGLE, SYSTEM_GLOBAL, VDOM, Change, Drop, Order, Place, Put, Rows, Snapshot
from fortish.cmdb.fresh import factory_rows
from fortish.cmdb.schema import Schema

CFG_SAVE, AUTOMATIC = "cfg-save", "automatic"


def held(schema: Schema, snapshot: Snapshot, place: Place) -> Rows:
    """The rows of a table in a snapshot: the factory's where it has none."""
    if place in snapshot:
        return snapshot[place]
    table = schema.table(place[1])
    return {} if table is None or (place[0] != GLOBAL and table.ranged) else factory_rows(table)


def difference(schema: Schema, old: Snapshot, new: Snapshot) -> list[Change]:
    """The changes that lead from one configuration to another."""
    changes: list[Change] = []
    for place in dict.fromkeys((*old, *new)):
        gone = place[0] != GLOBAL and place[0] not in held(schema, new, (GLOBAL, VDOM))
        changes += _between(place, held(schema, old, place), {} if gone else held(schema, new, place))
    # VDOMs go last: their entries are removed before them.
    return sorted(changes, key=lambda change: isinstance(change, Drop) and change.path == VDOM)


def _between(place: Place, old: Rows, new: Rows) -> list[Change]:
    """The changes that lead from one table's rows to others."""
    changes: list[Change] = [Drop(*place, key) for key in old if key not in new]
    changes += [Put(*place, key, entry) for key, entry in new.items()
                if old.get(key) is not entry and old.get(key) != entry]  # fmt: skip
    reached = [*(key for key in old if key in new), *(key for key in new if key not in old)]
    if reached != list(new):
        changes.append(Order(*place, tuple(new)))
    return changes


def save_mode(snapshot: Snapshot) -> str:
    """How changes are saved in a configuration: `cfg-save` of the box."""
    settings = snapshot.get((GLOBAL, SYSTEM_GLOBAL), {}).get(SINGLE)
    return AUTOMATIC if settings is None else str(settings.values.get(CFG_SAVE, AUTOMATIC))


def new_save_mode(changes: list[Change]) -> str | None:
    """What a transaction sets `cfg-save` to; None if it does not touch the settings of the box."""
    mode = None
    for change in changes:
        if change.path == SYSTEM_GLOBAL and not isinstance(change, Order):
            mode = str(change.entry.values.get(CFG_SAVE, AUTOMATIC)) if isinstance(change, Put) else AUTOMATIC
    return mode
