"""What a lab can ask of the box, of its EST server and of the session: predicates that tell expected and actual.

A finding is in plain words and never names a command to type. Where an author has to say what is expected, because the
predicate itself would give it away, `text` is required.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fortish.cmdb import render
from fortish.cmdb.schema import Table
from fortish.cmdb.store import GLOBAL, ROOT, SINGLE
from fortish.cmdb.views import EntryView, TableView
from fortish.errors import CliError, FortishError, UsageError
from fortish.labs import certified
from fortish.labs.finding import Finding, listed, number
from fortish.responder.reading import Reader, fields, plain
from fortish.session import Session
from fortish.steps import Compute, Say

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

    from fortish.box import Box
    from fortish.responder.state import Visit

READING = ("get", "show", "tree")  # verbs that a check may run: they change nothing
Given = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Start:
    """What is remembered of a lab's beginning: PEM of its certificates by scope and name, texts, how many events."""

    certificates: Mapping[str, str]
    shown: Mapping[str, Sequence[str]]
    events: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """All that checks look at.

    `screen` is every line that was printed, `files` the file server's folder, `now` the world's time (seconds).
    """

    box: Box
    session: Session
    visits: Sequence[Visit]
    screen: Sequence[str]
    start: Start
    authority: x509.Certificate
    files: Path
    now: float


@dataclass(frozen=True, slots=True)
class Check:
    """One predicate with what was given for it. `text` is the author's sentence in place of the one made here."""

    kind: str
    given: Mapping[str, Any]
    text: str = ""

    def judge(self, scene: Scene) -> Finding:
        """How it stands now."""
        try:
            found = KINDS[self.kind].judge(scene, self.given)
        except FortishError as error:  # a certificate that nobody can read, a VDOM that is gone
            found = Finding(False, "what is asked for can be looked at", str(error).strip())
        return Finding(found.ok, self.text, found.actual) if self.text else found


@dataclass(frozen=True, slots=True)
class Predicate:
    """A kind of check: what may be given, what must be, and how it is judged."""

    judge: Callable[[Scene, Given], Finding]
    readers: Mapping[str, Reader]
    needs: tuple[str, ...] = ()


def read_check(where: str, found: object) -> Check:
    """A check in a lab's file. Raises `UsageError` that names the key."""
    if not isinstance(found, dict) or found.get("kind") not in KINDS:
        raise UsageError(f"{where}: kind must be one of {', '.join(KINDS)}")
    kind = KINDS[found["kind"]]
    readers = {"kind": plain(str, "a kind"), "text": plain(str, "a sentence"), **kind.readers}
    given = {key.replace("_", "-"): value for key, value in fields(where, found, readers).items()}
    for key in kind.needs:
        if key not in given:
            raise UsageError(f"{where}: {key}: missing")
    return Check(given.pop("kind"), given, given.pop("text", ""))


# --- the configuration ----------------------------------------------------------------------------------------------


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


def _config(scene: Scene, given: Given) -> Finding:
    table = _table(scene.box, given["path"])
    rows = TableView(scene.box.cmdb, table, given.get("scope", ROOT))
    if "key" not in given and table.is_table:
        wanted = f"{given['path']}: number of entries {_amount(given)}"
        return Finding(_enough(len(rows), given), wanted, str(len(rows)))
    key = given.get("key", SINGLE)
    there = key == SINGLE or key in rows
    if "attribute" not in given:
        wanted = f"{_named(given)} {'is not there' if given.get('absent') else 'is there'}"
        return Finding(there != bool(given.get("absent")), wanted, "it is there" if there else "it is not there")
    value = _value(rows[key], given["attribute"]) if there else None
    return _compared(_named(given), value, given, there)


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


def _amount(given: Given) -> str:
    least, most = given.get("at-least"), given.get("at-most")
    if least == most and least is not None:
        return f"is {least}"
    parts = [f"at least {least}"] if least is not None else []
    return " and ".join([*parts, *([f"at most {most}"] if most is not None else ())]) or "at least 1"


def _enough(count: int, given: Given) -> bool:
    least = given.get("at-least", 0 if "at-most" in given else 1)
    return bool(least <= count <= given.get("at-most", count))


def rendered(box: Box, given: Given) -> list[str]:
    """A table, or one entry of it, as the box shows it."""
    table = _table(box, given["path"])
    rows = box.cmdb.rows(box.cmdb.scope_of(table, given.get("scope", ROOT)), table.path)
    key = given.get("key")
    return list(
        render.show_table(box.cmdb, table, rows if key is None else {key: rows[key]} if key in rows else {}, False)
    )


def place(given: Given) -> str:
    """Under which name the beginning remembers what must stay."""
    return "|".join(given.get(name, "") for name in ("scope", "path", "key"))


def _unchanged(scene: Scene, given: Given) -> Finding:
    before, now = list(scene.start.shown.get(place(given), ())), rendered(scene.box, given)
    gone = [line.strip() for line in before if line not in now]
    new = [line.strip() for line in now if line not in before]
    actual = "as at the beginning" if before == now else f"{len(gone)} lines are gone, {len(new)} are new"
    return Finding(before == now, f"{_named(given)} is as at the beginning", actual)


# --- the rest -------------------------------------------------------------------------------------------------------


def _history(scene: Scene, given: Given) -> Finding:
    wanted = {name: given[name] for name in ("operation", "status", "account", "label") if name in given}
    found = [visit for visit in scene.visits if all(getattr(visit, name) == value for name, value in wanted.items())]
    found = [visit for visit in found if given.get("subject", "") in visit.subject]
    wanted |= {"subject": given["subject"]} if "subject" in given else {}
    words = ", ".join(f"{name} {value if value != '' else 'none'}" for name, value in wanted.items()) or "any"
    seen = [f"{visit.operation or 'other'} answered with {visit.status}" for visit in scene.visits]
    actual = f"{len(found)}; it has seen {listed(seen)}" if seen else "the EST server has seen no request"
    return Finding(_enough(len(found), given), f"requests at the EST server ({words}): {_amount(given)}", actual)


def _event(scene: Scene, given: Given) -> Finding:
    new = scene.box.events[scene.start.events :]
    found = [one for one in new if one.id == given["id"] and given.get("contains", "") in " ".join(one.fields.values())]
    about = f' about "{given["contains"]}"' if "contains" in given else ""
    actual = f"{len(found)}; the log has new events {listed(str(one.id) for one in new)}" if new else "no new event"
    return Finding(_enough(len(found), given), f"events {given['id']}{about} in the log: {_amount(given)}", actual)


def _output(scene: Scene, given: Given) -> Finding:
    lines = printed(scene, given["command"], given.get("scope", ""))
    return _contained(lines, given, f"{len(lines)} lines")


def _screen(scene: Scene, given: Given) -> Finding:
    return _contained(scene.screen, given, "not seen on the screen yet")


def _contained(lines: Sequence[str], given: Given, otherwise: str) -> Finding:
    text = "\n".join(lines)
    ok = given.get("contains", "") in text
    ok = ok and ("lacks" not in given or given["lacks"] not in text)
    ok = ok and ("matches" not in given or re.search(given["matches"], text, re.MULTILINE) is not None)
    return Finding(ok, "", "it is so" if ok else otherwise if lines else "nothing")


def printed(scene: Scene, command: str, vdom: str = "") -> list[str]:
    """What a command that only reads prints in a session of its own."""
    session, lines = Session(scene.box), []
    if vdom == GLOBAL and scene.box.cmdb.multi:
        session.editor.place = (GLOBAL,)
    elif vdom:
        session.enter(vdom)
    flow, answer = session.feed(command), None
    try:
        while True:
            step = flow.send(answer)
            if isinstance(step, Say):
                lines += step.text.split("\n")
            answer = step.work() if isinstance(step, Compute) else None
    except StopIteration:
        return lines
    except CliError as error:
        return [*lines, *error.lines]
    finally:
        flow.close()


def _debug(scene: Scene, given: Given) -> Finding:
    level = scene.box.debug.level(given["daemon"], scene.box.clock.now())
    on = bool(level) and scene.session.debug.enabled
    actual = "it is" if on else "its level is 0" if not level else "its lines are not shown here"
    wanted = f"debug lines of {given['daemon']} are {'shown' if given.get('on', True) else 'not shown'}"
    return Finding(on == given.get("on", True), wanted, actual if not on else "they are shown")


def _clock(scene: Scene, given: Given) -> Finding:
    now = scene.box.clock.now()
    actual = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M}"
    parts, ok = [], True
    if "right-within-hours" in given:
        ok = abs(now - scene.now) <= given["right-within-hours"] * 3600
        parts.append(f"right, to within {given['right-within-hours']} hours")
    for name, sign in (("at-least", 1), ("at-most", -1)):
        if name in given:
            ok = ok and sign * (now - given[name].timestamp()) >= 0
            parts.append(f"{'not before' if sign > 0 else 'not after'} {given[name]:%Y-%m-%d %H:%M}")
    return Finding(ok, f"the box's clock is {' and '.join(parts)}", actual)


def _session(scene: Scene, given: Given) -> Finding:
    session = scene.session
    there = {"administrator": session.administrator, "place": session.place.strip(), "vdom": session.vdom}
    wanted = {name: there[name] == value for name, value in given.items()}
    expected = ", ".join(f"{name} {given[name] or '(root prompt)'}" for name in wanted)
    actual = ", ".join(f"{name} {there[name] or '(root prompt)'}" for name in wanted)
    return Finding(all(wanted.values()), f"where you sit: {expected}", actual)


# --- the table ------------------------------------------------------------------------------------------------------


def _is(where: str, value: object) -> Any:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, (str, int)) for one in value):
        return [str(one) for one in value]
    raise UsageError(f"{where} must be a text, a number or a list of them")


def _pattern(where: str, value: object) -> str:
    text: str = _TEXT(where, value)
    try:
        re.compile(text)
    except re.error as error:
        raise UsageError(f"{where}: {error}") from None
    return text


def _moment(where: str, value: object) -> datetime:
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise UsageError(f"{where} must be an ISO 8601 time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _reading(where: str, value: object) -> str:
    text: str = _TEXT(where, value)
    if text.split()[:1] and text.split()[0] in READING:
        return text
    raise UsageError(f"{where} must begin with one of {', '.join(READING)}: a check changes nothing")


_TEXT, _FLAG = plain(str, "a text"), plain(bool, "true or false")
_KEY: Reader = lambda where, value: str(_is(where, value))  # noqa: E731
_AMOUNT: dict[str, Reader] = {"at-least": number, "at-most": number}

# Sorted, each with what may be given sorted.
# fmt: off
KINDS: dict[str, Predicate] = {
    "authority":   Predicate(certified.authority, {**_AMOUNT, "file": _TEXT, "held": _FLAG, "lab": _FLAG,
                                                   "scope": _TEXT}),
    "certificate": Predicate(certified.certificate, certified.READERS, ("name",)),
    "clock":       Predicate(_clock, {"at-least": _moment, "at-most": _moment, "right-within-hours": number}),
    "config":      Predicate(_config, {**_AMOUNT, "absent": _FLAG, "attribute": _TEXT, "exists": _FLAG, "has": _KEY,
                                       "is": _is, "key": _KEY, "lacks": _KEY, "matches": _pattern, "path": _TEXT,
                                       "scope": _TEXT}, ("path",)),
    "debug":       Predicate(_debug, {"daemon": _TEXT, "on": _FLAG}, ("daemon",)),
    "event":       Predicate(_event, {**_AMOUNT, "contains": _TEXT, "id": number}, ("id",)),
    "history":     Predicate(_history, {**_AMOUNT, "account": _TEXT, "label": _TEXT, "operation": _TEXT,
                                        "status": number, "subject": _TEXT}),
    "output":      Predicate(_output, {"command": _reading, "contains": _TEXT, "lacks": _TEXT, "matches": _pattern,
                                       "scope": _TEXT}, ("command", "text")),
    "screen":      Predicate(_screen, {"contains": _TEXT, "lacks": _TEXT, "matches": _pattern}, ("text",)),
    "session":     Predicate(_session, {"administrator": _TEXT, "place": _TEXT, "vdom": _TEXT}),
    "unchanged":   Predicate(_unchanged, {"key": _KEY, "path": _TEXT, "scope": _TEXT}, ("path",)),
}
# fmt: on
