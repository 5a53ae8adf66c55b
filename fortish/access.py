"""What an administrator may see and change: the access profile, asked for each path and command.

The super_admin profile is unrestricted and costs nothing. Every other is looked up as it is configured at that moment:
an access group without permission is not parsed at all, one that may only be read refuses changes with -37. Who may
change administrators and profiles can give away no more than what they have themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from fortish import messages
from fortish.cmdb.entries import GLOBAL, ROOT, SINGLE, Change, Entry, Order, Put
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import PathWords, words
from fortish.messages import Text

T = TypeVar("T")
ADMIN, PROFILE = words("system admin"), words("system accprofile")
SUPER = "super_admin"  # the profile without limits
FACTORY = "admin"  # the administrator that every box has
NONE, READ, WRITE = "none", "read", "read-write"

# By the start of a path, the longest one counts: the profile's group, and the part of it that `custom` details.
# Which command belongs to which group is published in prose only; the rows follow it as far as it goes. Sorted.
# fmt: off
GROUPS: dict[PathWords, tuple[str, str]] = {
    ():                       ("sysgrp",    "cfg"),
    ("certificate",):         ("vpngrp",    ""),
    ("endpoint-control",):    ("utmgrp",    "endpoint-control"),
    ("firewall",):            ("fwgrp",     "others"),
    ("firewall", "address"):  ("fwgrp",     "address"),
    ("firewall", "addrgrp"):  ("fwgrp",     "address"),
    ("firewall", "policy"):   ("fwgrp",     "policy"),
    ("firewall", "schedule"): ("fwgrp",     "schedule"),
    ("firewall", "service"):  ("fwgrp",     "service"),
    ("log",):                 ("loggrp",    "config"),
    ("router",):              ("netgrp",    "route-cfg"),
    ("system",):              ("sysgrp",    "cfg"),
    ("system", "accprofile"): ("sysgrp",    "admin"),
    ("system", "admin"):      ("sysgrp",    "admin"),
    ("system", "dhcp"):       ("netgrp",    "cfg"),
    ("system", "dns"):        ("netgrp",    "cfg"),
    ("system", "interface"):  ("netgrp",    "cfg"),
    ("system", "sdwan"):      ("netgrp",    "cfg"),
    ("system", "zone"):       ("netgrp",    "cfg"),
    ("user",):                ("authgrp",   ""),
    ("vpn",):                 ("vpngrp",    ""),
}

# `execute` by its first words: group, part, and what is needed. Sorted.
EXECUTE: dict[PathWords, tuple[str, str, str]] = {
    ():                ("sysgrp", "mnt", WRITE),
    ("batch",):        ("sysgrp", "cfg", WRITE),
    ("date",):         ("sysgrp", "cfg", READ),
    ("enter",):        ("sysgrp", "cfg", READ),
    ("log",):          ("loggrp", "data-access", READ),
    ("ping",):         ("netgrp", "cfg", READ),
    ("ping-options",): ("netgrp", "cfg", READ),
    ("time",):         ("sysgrp", "cfg", READ),
    ("traceroute",):   ("netgrp", "cfg", READ),
    ("vpn",):          ("vpngrp", "", WRITE),
}

# `diagnose` in the same way. What daemons print holds passwords (`CONFIDES`): debugging is not for readers. Sorted.
DIAGNOSE: dict[PathWords, tuple[str, str, str]] = {
    ():                              ("sysgrp", "mnt", READ),
    ("debug",):                      ("sysgrp", "mnt", WRITE),
    ("debug", "config-error-log"):   ("sysgrp", "cfg", READ),
    ("sys",):                        ("sysgrp", "cfg", READ),
    ("test", "application", "est"):  ("vpngrp", "",    WRITE),
    ("test", "application", "scep"): ("vpngrp", "",    WRITE),
}

# `get` of what is not configuration, in the same way; who is logged in may see what box it is. Sorted.
GET: dict[PathWords, tuple[str, str, str]] = {
    ():                      ("sysgrp", "cfg", READ),
    ("certificate",):        ("vpngrp", "",    READ),
    ("router",):             ("netgrp", "route-cfg", READ),
    ("system", "arp"):       ("netgrp", "cfg", READ),
    ("system", "interface"): ("netgrp", "cfg", READ),
    ("system", "status"):    ("",       "",    NONE),
    ("vpn",):                ("vpngrp", "",    READ),
}

# Daemons whose lines show what a reader may not see, passwords among it: who may change these groups sees them. Sorted.
CONFIDES: dict[str, tuple[str, str]] = {
    "cli":       ("sysgrp", "admin"),
    "est":       ("vpngrp", ""),
    "forticron": ("vpngrp", ""),
    "scep":      ("vpngrp", ""),
}

# The verbs that a profile can switch off, where the firmware knows the setting. Sorted.
VERBS = {
    "config":   "cli-config",
    "diagnose": "cli-diagnose",
    "execute":  "cli-exec",
    "get":      "cli-get",
    "show":     "cli-show",
}
# fmt: on
COMMANDS = {"diagnose": DIAGNOSE, "execute": EXECUTE, "get": GET}

# What a setting of a profile allows, as a number: the more, the higher. Settings with other values give no rights.
RANKS = {NONE: 0, READ: 1, WRITE: 2, "disable": 0, "enable": 1, "vdom": 0, GLOBAL: 1}
NO_RIGHT = frozenset({"admintimeout-override"})  # settings that look like a right and are none


@dataclass(frozen=True, slots=True)
class Access:
    """What one administrator may do. Two administrators of one profile are equal."""

    cmdb: Cmdb
    profile: str

    @property
    def unrestricted(self) -> bool:
        """Whether everything may be done: the prompt then ends in `#`, else in `$`."""
        return self.profile == SUPER

    def _value(self, name: str) -> str:
        table = self.cmdb.schema.table(PROFILE)
        entry = self.cmdb.entry(GLOBAL, PROFILE, self.profile)
        if table is None or entry is None or name not in table.attributes:
            return NONE
        return str(self.cmdb.value_of(table, entry, name))

    def _level(self, group: str, part: str) -> str:
        level = self._value(group)
        if level != "custom":
            return level
        entry = self.cmdb.entry(GLOBAL, PROFILE, self.profile)
        details = entry.children.get(f"{group}-permission", {}).get(SINGLE) if entry is not None else None
        return NONE if details is None else str(details.values.get(part, NONE))

    def level(self, path: PathWords) -> str:
        """none, read or read-write, for a configuration path."""
        return WRITE if self.unrestricted else self._level(*_longest(GROUPS, path))

    def hides(self, path: PathWords) -> bool:
        """Whether a configuration path is not even parsed."""
        return self.level(path) == NONE

    def check_change(self, path: PathWords) -> None:
        """Whether what stands at `path` may be changed. Raises `CliError` (-37)."""
        if self.level(path) != WRITE:
            raise messages.failed(-37, Text.PERMISSION_DENIED())

    def check_changes(self, changes: Iterable[Change]) -> None:
        """Whether a transaction leaves alone who may do more than this administrator, and makes nobody such.

        Raises `CliError` (-37; that the box compares the profiles is inferred).
        """
        changes = list(changes)
        brought = {change.key: change.entry for change in changes if isinstance(change, Put) and change.path == PROFILE}
        for change in changes:
            if isinstance(change, Order) or change.path not in (ADMIN, PROFILE):
                continue
            entries = [self.cmdb.entry(GLOBAL, change.path, change.key)]
            entries += [change.entry] if isinstance(change, Put) else []
            for entry in entries:
                if entry is None:
                    continue
                name = change.key if change.path == PROFILE else str(entry.values.get("accprofile", ""))
                profile = entry if change.path == PROFILE else brought.get(name) or self._profile(name)
                if name == SUPER or (profile is not None and self._exceeded(profile)):
                    raise messages.failed(-37, Text.PERMISSION_DENIED())

    def _profile(self, name: str) -> Entry | None:
        return self.cmdb.entry(GLOBAL, PROFILE, name)

    def _exceeded(self, profile: Entry) -> bool:
        """Whether a profile allows anything that this administrator's does not."""
        mine = dict(_rights(self.cmdb, self._profile(self.profile) or Entry()))
        return any(rank > mine.get(right, 0) for right, rank in _rights(self.cmdb, profile))

    def allows_verb(self, verb: str) -> bool:
        """Whether a verb may be used at all."""
        setting = VERBS.get(verb)
        table = self.cmdb.schema.table(PROFILE)
        if self.unrestricted or setting is None or table is None or setting not in table.attributes:
            return True
        return self._value(setting) == "enable"

    def check_command(self, verb: str, path: PathWords) -> None:
        """Whether a command of `execute`, `diagnose` or `get` may be used. Raises `CliError`: hidden, or -37."""
        if self.unrestricted:
            return
        group, part, needed = _longest(COMMANDS[verb], path)
        level = self._level(group, part) if group else needed
        if level in (WRITE, needed):
            return
        if (verb, *path[:1]) == ("execute", "backup"):
            raise messages.failed(-37, Text.NO_BACKUP_PERMISSION())
        raise messages.parse_error(path[0]) if level == NONE else messages.failed(-37, Text.PERMISSION_DENIED())

    def sees(self, daemon: str) -> bool:
        """Whether the debug lines of a daemon are printed for this administrator."""
        return self.unrestricted or (daemon in CONFIDES and self._level(*CONFIDES[daemon]) == WRITE)


def _rights(cmdb: Cmdb, profile: Entry) -> Iterator[tuple[tuple[str, str], int]]:
    """What a profile allows: each setting, in its parts where it has such, with its rank."""
    table = cmdb.schema.table(PROFILE)
    if table is None:
        return
    for name in table.attributes:
        value = cmdb.value_of(table, profile, name)
        details = table.children.get(f"{name}-permission")
        if details is not None:
            rows = profile.children.get(f"{name}-permission", {})
            for part in details.attributes:
                level = cmdb.value_of(details, rows.get(SINGLE), part) if value == "custom" else value
                yield (name, part), RANKS.get(str(level), 0)
        elif name not in NO_RIGHT and value in RANKS:
            yield (name, ""), RANKS[value]


def _longest(table: Mapping[PathWords, T], path: PathWords) -> T:
    """The row whose words begin the path, the longest such."""
    return next(table[path[:depth]] for depth in range(len(path), -1, -1) if path[:depth] in table)


def access(cmdb: Cmdb, administrator: str) -> Access:
    """What an administrator may do now. One who is not configured any more may do nothing."""
    if cmdb.restoring or (administrator == FACTORY and not cmdb.touched(GLOBAL, ADMIN)):
        # While a backup is read administrators come and go. Untouched the table is as the factory made it, and the
        # schema need not be read for the first prompt.
        return Access(cmdb, SUPER)
    entry = cmdb.entry(GLOBAL, ADMIN, administrator)
    return Access(cmdb, str(entry.values.get("accprofile", "")) if entry is not None else "")


def confined_to(cmdb: Cmdb, administrator: str) -> str | None:
    """The VDOM that an administrator of a divided box cannot leave; None for those of the whole box."""
    entry = cmdb.entry(GLOBAL, ADMIN, administrator)
    profile = cmdb.entry(GLOBAL, PROFILE, str(entry.values.get("accprofile", ""))) if entry is not None else None
    if not cmdb.multi or entry is None or profile is None or profile.values.get("scope") == GLOBAL:
        return None
    vdoms = entry.values.get("vdom") or (ROOT,)
    return None if entry.values.get("accprofile") == SUPER else str(vdoms[0])
