"""Which interface has which subnet, and which number: what overlaps, or is free, is found without looking at all.

Two subnets overlap only if one holds the other. So an interface's subnet is looked up in a sorted list twice: what
starts inside it, and, for each length of mask that there is, the subnet that would hold it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable
from weakref import WeakKeyDictionary

from fortish.cmdb.entries import GLOBAL, INTERFACE, ROOT, Change, Drop, Entry, Order
from fortish.cmdb.store import Cmdb

UNSET_PAIR = "0.0.0.0 0.0.0.0"
ALL = 0xFFFFFFFF
Watcher = Callable[[list[Change]], None]
Held = tuple[int, int, str]  # first address, last address, interface


def span(pair: str) -> tuple[int, int]:
    """The first and the last address of a subnet, given as address and mask."""
    address, mask = pair.split()
    bits, start = _number(mask), _number(address)
    return start & bits, start | ~bits & ALL


def _number(dotted: str) -> int:
    """An address that was read before, as a number: it is well-formed, and there are many."""
    first, second, third, fourth = map(int, dotted.split("."))
    return first << 24 | second << 16 | third << 8 | fourth


class Subnets:
    """The subnets of one box's interfaces, by VDOM, and the numbers that the interfaces have in SNMP."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._taken: Counter[int] = Counter()
        self._lowest = 1  # no lower number is free
        self._of: dict[str, tuple[str, Held]] = {}
        self._sorted: dict[str, list[Held]] = {}
        self._sizes: dict[str, Counter[int]] = {}

    def put(self, key: str, entry: Entry) -> None:
        """An interface is as this entry says."""
        self.drop(key)
        number = int(entry.values.get("snmp-index", 0))
        self._numbers[key] = number
        self._taken[number] += 1
        pair = str(entry.values.get("ip", UNSET_PAIR))
        if pair != UNSET_PAIR:
            vdom = str(entry.values.get("vdom", ROOT))
            held = (*span(pair), key)
            self._of[key] = vdom, held
            insort(self._sorted.setdefault(vdom, []), held)
            self._sizes.setdefault(vdom, Counter())[held[1] - held[0]] += 1

    def drop(self, key: str) -> None:
        """An interface is gone."""
        if key in self._numbers:
            number = self._numbers.pop(key)
            self._taken[number] -= 1
            self._lowest = max(1, min(self._lowest, number))
        if key in self._of:
            vdom, held = self._of.pop(key)
            del self._sorted[vdom][bisect_left(self._sorted[vdom], held)]
            self._sizes[vdom][held[1] - held[0]] -= 1

    def free_number(self) -> int:
        """The lowest number that no interface has."""
        while self._taken[self._lowest] > 0:
            self._lowest += 1
        return self._lowest

    def overlapping(self, vdom: str, pair: str, but: str) -> str | None:
        """An interface of the VDOM whose subnet overlaps this one; `but` does not count."""
        first, last = span(pair)
        held = self._sorted.get(vdom, [])
        starts = [(first, last)]  # what starts inside; then, of each greater size, what would hold it
        starts += [(first & ~size & ALL,) * 2 for size, count in self._sizes.get(vdom, {}).items()
                   if count and size > last - first]  # fmt: skip
        for low, high in starts:
            for place in range(bisect_left(held, (low,)), len(held)):
                start, end, key = held[place]
                if start > high:
                    break
                if key != but and end >= first:
                    return key
        return None


_KNOWN: WeakKeyDictionary[Cmdb, Subnets] = WeakKeyDictionary()


def of(cmdb: Cmdb) -> Subnets:
    """The subnets and numbers of this configuration, kept true from the first question on."""
    found = _KNOWN.get(cmdb)
    if found is None:
        found = _KNOWN[cmdb] = Subnets()
        for key, entry in cmdb.rows(GLOBAL, INTERFACE).items():
            found.put(key, entry)
        cmdb.watch(_follow(found))
    return found


def _follow(subnets: Subnets) -> Watcher:
    def follow(changes: list[Change]) -> None:
        for change in changes:
            if change.path != INTERFACE or isinstance(change, Order):
                continue
            if isinstance(change, Drop):
                subnets.drop(change.key)
            else:
                subnets.put(change.key, change.entry)

    return follow
