"""One emulated box: its configuration, clock, debug levels, event log and background work. Many fit in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from fortish import factory, messages, zones
from fortish.cmdb.entries import GLOBAL, INTERFACE, SINGLE, SYSTEM_GLOBAL, VDOM, Change, Drop, Order, Put
from fortish.cmdb.journal import Journal
from fortish.cmdb.schema import Schema
from fortish.cmdb.store import Cmdb
from fortish.cmdb.table import PathWords, words
from fortish.cmdb.workspace import Transaction
from fortish.debug import Debug
from fortish.errors import StorageFault
from fortish.factory import LOCAL as LOCAL
from fortish.firmware import DEFAULT_FIRMWARE, FIRMWARES, Firmware
from fortish.messages import Text
from fortish.steps import Flow, compute

CA = words("vpn certificate ca")
FIRST_YEAR, LAST_YEAR = 2000, 2099  # what the clock can be set to; CA certificates last ten years longer
DAY = 86400.0  # seconds
PATIENCE = 7 * DAY  # how long a request waits for a server's decision, and how long a server's word puts anything off
UNSET_ADDRESS = "0.0.0.0"  # noqa: S104 - an attribute that holds no address, nothing is bound


class Clock(Protocol):
    """A box's clock: seconds since 1970, UTC."""

    def now(self) -> float:
        """The time on the box."""

    def set(self, now: float) -> None:
        """Move the clock."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the event log. `id` is the log id as published, `time` box time in seconds."""

    id: int
    time: float
    level: str
    description: str
    fields: dict[str, str]


# By id: level and description, as the vendor's log reference has them.
# fmt: off
EVENTS: dict[int, tuple[str, str]] = {
    22200: ("warning",     "Certificate will be auto-updated"),
    22205: ("information", "Certificate succeed to auto-generate"),
    41986: ("information", "Certificate regenerated"),
    41987: ("information", "Certificate updated"),
    41990: ("warning",     "Certificate update failed"),
}
# fmt: on


@dataclass(slots=True)
class Watch:
    """What is remembered of a watched certificate: when it was last looked at, tried and warned about (box time).

    `attempts` are the tries since it was renewed, `failures` the last ones in a row that failed for what may pass by
    itself; it is tried again after `wait` seconds.
    """

    since: float
    tried: float | None = None
    warned: float | None = None
    attempts: int = 0
    failures: int = 0
    wait: float = DAY

    def start_again(self, now: float) -> None:
        """It was changed: what was done before holds nothing up."""
        self.since, self.tried, self.warned = now, None, None
        self.succeeded()

    def succeeded(self) -> None:
        """It was renewed."""
        self.attempts, self.failures, self.wait = 0, 0, DAY


@dataclass(frozen=True, slots=True)
class Revision:
    """A configuration that was put aside on the box (`execute backup config flash`). `time` is box time."""

    id: int
    time: float
    administrator: str
    firmware: str
    comment: str
    text: str


Kept = tuple[str, str]  # a local certificate: its scope and its name


@dataclass(slots=True)
class Pending:
    """A request that a server has not decided (EST's 202, SCEP's PENDING): all that asks again. Times are box time.

    `renew`: it is for the entry's own renewal. `key` is an encrypted PEM under `password`, '' while none was made.
    `options` are the enrollment's, as plain values; `protocol` is est or scep; `failures` is as in `Watch`.
    """

    due: float
    since: float
    renew: bool
    key: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    attempts: int = 1
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    protocol: str = "est"
    failures: int = 0


@dataclass(slots=True)
class Box:
    """One box.

    `enrolling` are the certificates with an enrollment under way, `updating` the CA certificates whose server is being
    asked for newer ones: one at a time each. `watches` and `authority_watches` are what is remembered of both.
    `anchored` are the EST servers (scope, URL) that the box's own CA certificates have verified, which no public CA may
    verify any more (RFC 7030 section 4.1.3). `failed_logins` are the names that failed to log in: how often in a row,
    and when last (box time). `keep` stores what the box remembers beside its configuration, where it has a place for
    it; it raises `StorageFault`.

    `booted` is box time; `logouts` counts how often everybody was logged out; `config_errors` are the lines of a backup
    that were not understood; `unsaved_since` is when the first change was made that is not saved (`cfg-save`), `warned`
    whether everybody knows that it is about to be undone. `transactions` are those of workspace mode, by their number;
    they do not outlive a boot. `reboot_reason` is why it was booted last. `maker` makes the keys of factory
    certificates.
    """

    firmware: Firmware
    clock: Clock
    cmdb: Cmdb
    debug: Debug = field(default_factory=Debug)
    events: list[Event] = field(default_factory=list)
    watches: dict[Kept, Watch] = field(default_factory=dict)
    enrolling: set[Kept] = field(default_factory=set)
    authority_watches: dict[Kept, Watch] = field(default_factory=dict)
    updating: set[Kept] = field(default_factory=set)
    pending: dict[Kept, Pending] = field(default_factory=dict)
    failed_logins: dict[str, tuple[int, float]] = field(default_factory=dict)
    revisions: dict[int, Revision] = field(default_factory=dict)
    anchored: set[tuple[str, str]] = field(default_factory=set)
    keep: Callable[[], None] = lambda: None
    booted: float = 0.0
    logouts: int = 0
    config_errors: list[str] = field(default_factory=list)
    unsaved_since: float | None = None
    warned: bool = False
    reboot_reason: str = "power cycle"
    transactions: dict[int, Transaction] = field(default_factory=dict)
    last_transaction: int = 0
    maker: factory.Maker = factory.make

    @classmethod
    def new(cls, clock: Clock, firmware: str = DEFAULT_FIRMWARE, journal: Journal | None = None) -> Box:
        """A box as it comes from the factory. Raises `KeyError` for a firmware that is not emulated."""
        emulated = FIRMWARES[firmware]
        cmdb = Cmdb(Schema(emulated.level), journal)
        cmdb.firmware_defaults[SYSTEM_GLOBAL, "hostname"] = emulated.hostname
        box = cls(emulated, clock, cmdb, booted=clock.now())
        cmdb.watch(box.notice)
        cmdb.before_reading = box._before_reading
        return box

    @property
    def hostname(self) -> str:
        """The name in the prompt."""
        if not self.cmdb.touched(GLOBAL, SYSTEM_GLOBAL):  # the first prompt need not wait for the schema
            return self.firmware.hostname
        entry = self.cmdb.entry(GLOBAL, SYSTEM_GLOBAL, SINGLE)
        return str(entry.values.get("hostname", self.firmware.hostname)) if entry else self.firmware.hostname

    @property
    def timezone(self) -> str:
        """The name of the time zone that is set."""
        if not self.cmdb.touched(GLOBAL, SYSTEM_GLOBAL):  # to print a time the schema need not be read
            return zones.FACTORY
        entry = self.cmdb.entry(GLOBAL, SYSTEM_GLOBAL, SINGLE)
        return str(entry.values.get("timezone", zones.FACTORY)) if entry else zones.FACTORY

    def local_time(self, seconds: float | None = None) -> datetime:
        """Box time (seconds since 1970) as the box prints it: in its time zone. None: now."""
        return zones.local(self.clock.now() if seconds is None else seconds, self.timezone)

    def variables(self, administrator: str, origin: str = "console") -> dict[str, str]:
        """What stands in a value for these words (the vendor's documentation); `origin` is where somebody logged in."""
        return {"$SerialNum": self.firmware.serial, "$USERFROM": origin, "$USERNAME": administrator}

    def save(self) -> None:
        """Keep what is not saved yet. Raises `StorageFault`."""
        self.cmdb.save()
        self.notice([])

    def restart(self) -> None:
        """The box boots: what is not saved is gone, nothing is debugged; the clock goes on."""
        self.cmdb.revert()
        self.debug.reset()
        self.enrolling.clear()
        self.updating.clear()
        self.failed_logins.clear()
        self.config_errors.clear()
        self.transactions.clear()
        self.booted, self.reboot_reason = self.clock.now(), "warm reboot"
        self.logouts += 1

    def log(self, event: int, *, scope: str = GLOBAL, **fields: str) -> None:
        """Write an event. `scope` is that of what it is about: an event of a VDOM has the VDOM's name in it."""
        level, description = EVENTS[event]
        if scope != GLOBAL:
            fields = {"vd": scope, **fields}
        self.events.append(Event(event, self.clock.now(), level, description, fields))

    def notice(self, changes: list[Change]) -> None:
        """A commit touched certificates: what is watched is looked at anew, a few seconds from now."""
        if not self.cmdb.unsafe:
            self.unsaved_since, self.warned = None, False
        elif self.unsaved_since is None:
            self.unsaved_since = self.clock.now()
        for change in changes:
            if isinstance(change, Drop) and change.path == VDOM:
                self._forget(change.key)
            if not isinstance(change, Order) and change.path in (CA, LOCAL):
                self._look_again(change)

    def _look_again(self, change: Put | Drop) -> None:
        kept, local, now = (change.scope, change.key), change.path == LOCAL, self.clock.now()
        watches, busy = (self.watches, self.enrolling) if local else (self.authority_watches, self.updating)
        if isinstance(change, Drop):
            watches.pop(kept, None)
            if local and kept in self.pending and self.pending[kept].renew:
                del self.pending[kept]
        elif kept not in busy:
            if kept in watches or ("enroll-protocol" if local else "auto-update-days") in change.entry.values:
                watches.setdefault(kept, Watch(now)).start_again(now)
        elif kept in watches:
            watches[kept].succeeded()

    def _forget(self, vdom: str) -> None:
        """A VDOM is gone: nothing more is asked for it."""
        memories: tuple[dict[Kept, Any], ...] = self.pending, self.watches, self.authority_watches
        for memory in memories:
            for kept in [kept for kept in memory if kept[0] == vdom]:
                del memory[kept]
        for names in (self.enrolling, self.updating, self.anchored):
            names.difference_update([kept for kept in names if kept[0] == vdom])

    def may_keep(self, kept: Kept) -> bool:
        """Whether what an enrollment brings may be stored: it was begun since the box booted, its VDOM is there."""
        scope = kept[0]
        there = scope == GLOBAL or (self.cmdb.multi and scope in self.cmdb.vdoms())
        return kept in self.enrolling and there

    def vfid(self, scope: str) -> int:
        """The number of a VDOM; 0 for the whole box."""
        return 0 if scope == GLOBAL else self.cmdb.vdoms().get(scope, 0)

    # --- certificates ---

    def ready(self, names: Iterable[str] = factory.KINDS) -> Flow:
        """Those of the named factory certificates that nobody has read yet are made. Raises `CliError`."""
        if missing := factory.missing(self.cmdb, names):
            wanted = self._wanted(missing)
            self._fill((yield from compute(lambda: self.maker(wanted))))

    def make_ready(self, names: Iterable[str] = factory.KINDS) -> None:
        """The same at once, for who cannot wait for a flow. Raises `CliError`."""
        if missing := factory.missing(self.cmdb, names):
            self._fill(self.maker(self._wanted(missing)))

    def _fill(self, made: dict[str, factory.Values]) -> None:
        try:
            factory.fill(self.cmdb, made)
        except StorageFault as fault:
            raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None
        for transaction in self.transactions.values():
            factory.fill_branch(transaction.branch, transaction.base, made)

    def _wanted(self, names: tuple[str, ...]) -> factory.Wanted:
        return factory.wanted(self.cmdb, names, self.firmware.product, self.firmware.serial, self.clock.now())

    def _before_reading(self, path: PathWords, key: str) -> None:
        if path == LOCAL:
            self.make_ready((key,))

    def scope_of_local(self, name: str, scope: str = GLOBAL) -> str | None:
        """Where the local certificate that is known as `name` in `scope` is kept: there, or for the whole box."""
        return next((s for s in dict.fromkeys((scope, GLOBAL)) if self.cmdb.entry(s, LOCAL, name) is not None), None)

    def local(self, name: str, scope: str = GLOBAL) -> dict[str, Any] | None:
        """The values of a local certificate, defaults included, secrets in clear; None if there is none.

        In the scope of a VDOM its own certificates are known and those of the whole box. A factory certificate that
        nobody has read is made for it. Raises `CliError` if that cannot be kept.
        """
        kept = self.scope_of_local(name, scope)
        if kept == GLOBAL:
            self.make_ready((name,))
        entry = None if kept is None else self.cmdb.entry(kept, LOCAL, name)
        table = self.cmdb.schema.table(LOCAL)
        if entry is None or table is None:
            return None
        values = {attribute: self.cmdb.value_of(table, entry, attribute) for attribute in table.attributes}
        return {attribute: getattr(value, "clear", value) for attribute, value in values.items()}

    def authorities(self, scope: str = GLOBAL) -> dict[str, str]:
        """The CA certificates in the store, as `scope` knows them: name to PEM."""
        known = {name: entry for s in (GLOBAL, scope) for name, entry in self.cmdb.rows(s, CA).items()}
        return {name: entry.values["ca"] for name, entry in known.items() if "ca" in entry.values}

    def addresses(self) -> dict[str, str]:
        """The addresses of the box's interfaces: address to interface name."""
        rows = self.cmdb.rows(GLOBAL, INTERFACE).items()
        found = {str(entry.values.get("ip", UNSET_ADDRESS)).split()[0]: name for name, entry in rows}
        found.pop(UNSET_ADDRESS, None)
        return found
