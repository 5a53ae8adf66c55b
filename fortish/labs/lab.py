"""One lab, read from its folder: what is told, what the world is like, what must be reached, how it is solved.

Variables of `[seed]` stand as `{name}` in every text of the folder. Seed 0 takes the first of each; any other number
chooses, always the same for the same number. What is not known is an error that names the file and the key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fortish.boot import parse_time
from fortish.errors import UsageError
from fortish.firmware import DEFAULT_FIRMWARE, FIRMWARES
from fortish.labs.checks import Check, read_check
from fortish.labs.finding import number
from fortish.labs.seeds import chosen, filled
from fortish.messages import Text
from fortish.replay import Typed, typed_lines
from fortish.responder.policy import Policy
from fortish.responder.reading import fields, one_of, plain, strings, table
from fortish.screen import is_screen
from fortish.textfile import decoded

LAB, START, BEFORE, SOLUTION, README, FILES = (
    "lab.toml", "start.conf", "before.txt", "solution.txt", "README.md", "files",
)  # fmt: skip
PATHS = ("basics", "certificates", "troubleshooting", "exam")  # the course, in its order
CLOCK = "2024-03-04T09:00:00Z"
HINTS = 3
NOTHING: Mapping[str, str] = MappingProxyType({})
EXTRAS = {"srp": ("tlslite", Text.SRP_EXTRA)}  # what a lab may require: the module of it, and what is said without it
TASK = re.compile(r"^##[ \t]*task[ \t]+(\S+)[ \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to reach. `done` is said when it is; `hints` go from a nudge to nearly the answer."""

    id: str
    text: str
    hints: tuple[str, ...]
    done: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Later:
    """Once the EST server has answered so many requests, it behaves in another way."""

    visits: int
    responder: Policy


@dataclass(frozen=True, slots=True)
class World:
    """What a lab's world is like. Times are ISO 8601; `server_clock` is the world's own where it has one.

    `authorities` are further CAs whose certificates the file server has: name to common name and time of making.
    `login`: who leaves by `exit` is logged out, and somebody else may log in at the same console.
    """

    clock: str = CLOCK
    server_clock: str | None = None
    ca_made: str | None = None
    trusts: bool = False
    firmware: str = DEFAULT_FIRMWARE
    hostname: str = "FGT"
    administrator: str = "admin"
    vdom: str = ""
    login: bool = False
    network: str = "lab"
    responder: Policy = field(default_factory=Policy)
    later: Later | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    authorities: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    certificate_names: tuple[str, ...] = ("testrfc7030.com",)


@dataclass(frozen=True, slots=True)
class Part:
    """The lines of the solution that fulfil one task; '' for what stands before the first."""

    task: str
    lines: tuple[Typed, ...]


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab as one student gets it. `may_fail`: lines of the solution fail on purpose; `requires`: extras."""

    name: str
    folder: Path
    seed: int
    title: str
    minutes: int
    path: str
    order: int
    story: str
    tasks: tuple[Task, ...]
    keep: tuple[Check, ...] = ()
    world: World = field(default_factory=World)
    may_fail: bool = False
    requires: tuple[str, ...] = ()
    made: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)

    @property
    def heading(self) -> str:
        """The title before a sentence."""
        return self.title if self.title.endswith("?") else f"{self.title}:"

    def within(self, made: Mapping[str, str]) -> Lab:
        """The same lab with what is known of its world in its texts. Raises `UsageError`."""
        return read(self.folder, self.seed, made)

    def check_requirements(self) -> None:
        """Whether this lab can be worked at here. Raises `UsageError`, which says what to install."""
        for extra in self.requires:
            module, sentence = EXTRAS[extra]
            if find_spec(module) is None:
                raise UsageError(f"{self.name}: {sentence()}")

    def text(self, name: str) -> str:
        """A text of the folder, this student's values in it; '' where there is none. Raises `UsageError`."""
        return filled(_raw(self.folder / name, missing=""), self.chosen)

    def extra_files(self) -> dict[str, bytes]:
        """What the lab's file server has, by name. Raises `UsageError`."""
        folder = self.folder / FILES
        found = {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.is_dir() else {}
        return found | {name: text.encode() for name, text in self.world.files.items()}

    def solution(self) -> list[Part]:
        """The solution, part by part. Raises `UsageError`."""
        text = self.text(SOLUTION)
        head, *pieces = TASK.split(text)
        copied = is_screen(TASK.sub("", text))
        parts, line = [], 1
        for name, body in (("", head), *zip(pieces[::2], pieces[1::2], strict=True)):
            lines = tuple(
                replace(typed, number=line + typed.number - 1, login="")
                for typed in typed_lines(body, copied)
                if copied or typed.text.strip()
            )
            line += body.count("\n")
            if name or lines:
                parts.append(Part(name, lines))
        return parts


def read(folder: Path, seed: int = 0, made: Mapping[str, str] = NOTHING) -> Lab:
    """The lab in a folder; `made` is known of its world (`fortish.labs.made`). Raises `UsageError`."""
    path = folder / LAB
    raw = _raw(path)
    variables = {**chosen(path, _toml(path, raw).get("seed", {}), seed), **made}
    found = _toml(path, filled(raw, variables))
    found.pop("seed", None)
    values = fields(str(path), found, _LAB)
    for key in ("title", "minutes", "path", "order", "story", "task"):
        if key not in values:
            raise UsageError(f"{path}: {key}: missing")
    tasks = values.pop("task")
    if len({task.id for task in tasks}) != len(tasks):
        raise UsageError(f"{path}: task: two have the same id")
    lab = Lab(folder.resolve().name, folder.resolve(), seed, tasks=tasks, made=made, chosen=variables, **values)
    _known(path, lab)
    return lab


def _known(path: Path, lab: Lab) -> None:
    """Checks ask for tables that this firmware has. Raises `UsageError`."""
    from fortish.cmdb.schema import Schema

    schema = Schema(FIRMWARES[lab.world.firmware].level)
    for where, check in every_check(lab):
        asked = check.given.get("path")
        found = None if asked is None else schema.table(asked)
        if asked is not None and found is None:
            raise UsageError(f"{path}: {where}: path: there is no table {asked!r}")
        attribute = str(check.given.get("attribute", "")).split("/")[0]
        if found is not None and attribute and attribute not in found.attributes and attribute not in found.children:
            raise UsageError(f"{path}: {where}: attribute: {asked!r} has no {attribute!r}")


def every_check(lab: Lab) -> list[tuple[str, Check]]:
    """All checks of a lab, and where they stand."""
    rows = [(f"task {task.id}: check {place}", check) for task in lab.tasks for place, check in _counted(task.checks)]
    return [*rows, *((f"keep {place}", check) for place, check in _counted(lab.keep))]


def _counted(checks: tuple[Check, ...]) -> list[tuple[int, Check]]:
    return list(enumerate(checks, 1))


def _raw(path: Path, missing: str | None = None) -> str:
    try:
        return decoded(path.read_bytes())
    except FileNotFoundError:
        if missing is not None:
            return missing
        raise UsageError(f"{path}: there is no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from None


# --- readers --------------------------------------------------------------------------------------------------------


def _time(where: str, value: object) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    try:
        parse_time(text)
    except UsageError as error:
        raise UsageError(f"{where}: {str(error).removeprefix(f'--clock {text}: ')}") from None
    return text


def _texts(where: str, value: object) -> dict[str, str]:
    for name, text in table(where, value).items():
        if not isinstance(text, str):
            raise UsageError(f"{where}: {name} must be a text")
        _file(where, name)
    return dict(table(where, value))


def _file(where: str, name: str) -> None:
    """Raises `UsageError` for what is no name of a file in the file server's folder."""
    if not name or name.startswith(".") or {"/", "\\", "\0"} & set(name):
        raise UsageError(f"{where}: {name!r} cannot be a name here")


def _authorities(where: str, value: object) -> dict[str, dict[str, Any]]:
    for name in table(where, value):
        _file(where, name)
    return {
        name: fields(f"{where}.{name}", it, {"common-name": _TEXT, "made": _time, "same-key": _FLAG})
        for name, it in table(where, value).items()
    }


def _later(where: str, value: object) -> Later:
    found = fields(where, value, {"responder": Policy.from_table, "visits": number})
    if found.keys() != {"responder", "visits"}:
        raise UsageError(f"{where} needs visits and responder")
    return Later(**found)


def _rows(where: str, value: object) -> list[tuple[str, Any]]:
    if not isinstance(value, list) or not value:
        raise UsageError(f"{where} must be a list of tables, [[{where.rpartition(' ')[2]}]]")
    return [(f"{where} {place}", row) for place, row in enumerate(value, 1)]


def _checks(where: str, value: object) -> tuple[Check, ...]:
    return tuple(read_check(at, row) for at, row in _rows(where, value))


def _tasks(where: str, value: object) -> tuple[Task, ...]:
    return tuple(_task(at, row) for at, row in _rows(where, value))


def _task(where: str, value: object) -> Task:
    found = fields(where, value, _TASK)
    for key in ("id", "text", "check"):
        if not found.get(key):
            raise UsageError(f"{where}: {key}: missing")
    return Task(found["id"], found["text"], found.get("hints", ()), found.get("done", ""), found["check"])


def _prose(where: str, value: object) -> str:
    return str(_TEXT(where, value)).strip()


def _extras(where: str, value: object) -> tuple[str, ...]:
    found = strings(where, value)
    if not set(found) <= EXTRAS.keys():
        raise UsageError(f"{where} must be a list of extras; there are {', '.join(EXTRAS)}")
    return found


def _world(where: str, value: object) -> World:
    return World(**fields(where, value, _WORLD))


_TEXT, _FLAG = plain(str, "a text"), plain(bool, "true or false")
_ID = plain(str, "letters, digits and -", lambda text: re.fullmatch(r"[a-z0-9][a-z0-9-]*", text) is not None)

# Sorted, each with what reads it.
# fmt: off
_TASK = {"check": _checks, "done": _prose, "hints": strings, "id": _ID, "text": _prose}
_WORLD = {
    "administrator":     _TEXT,
    "authorities":       _authorities,
    "ca-made":           _time,
    "certificate-names": strings,
    "clock":             _time,
    "files":             _texts,
    "firmware":          one_of(*FIRMWARES),
    "hostname":          _TEXT,
    "later":             _later,
    "login":             _FLAG,
    "names":             _texts,
    "network":           one_of("lab", "none"),
    "responder":         Policy.from_table,
    "server-clock":      _time,
    "trusts":            _FLAG,
    "vdom":              _TEXT,
}
_LAB = {
    "keep":     _checks,
    "may-fail": _FLAG,
    "minutes":  number,
    "order":    number,
    "path":     one_of(*PATHS),
    "requires": _extras,
    "story":    _prose,
    "task":     _tasks,
    "title":    _prose,
    "world":    _world,
}
# fmt: on
