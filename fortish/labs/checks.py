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

from fortish.cmdb.entries import GLOBAL
from fortish.errors import CliError, FortishError, UsageError
from fortish.labs import certified, configured
from fortish.labs.finding import AMOUNT, Finding, amount, enough, listed, number, pattern
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


# --- the rest -------------------------------------------------------------------------------------------------------


def _history(scene: Scene, given: Given) -> Finding:
    wanted = {name: given[name] for name in ("operation", "status", "account", "label") if name in given}
    found = [visit for visit in scene.visits if all(getattr(visit, name) == value for name, value in wanted.items())]
    found = [visit for visit in found if given.get("subject", "") in visit.subject]
    wanted |= {"subject": given["subject"]} if "subject" in given else {}
    words = ", ".join(f"{name} {value if value != '' else 'none'}" for name, value in wanted.items()) or "any"
    seen = [f"{visit.operation or 'other'} answered with {visit.status}" for visit in scene.visits]
    actual = f"{len(found)}; it has seen {listed(seen)}" if seen else "the EST server has seen no request"
    return Finding(enough(len(found), given), f"requests at the EST server ({words}): {amount(given)}", actual)


def _event(scene: Scene, given: Given) -> Finding:
    new = scene.box.events[scene.start.events :]
    found = [one for one in new if one.id == given["id"] and given.get("contains", "") in " ".join(one.fields.values())]
    about = f' about "{given["contains"]}"' if "contains" in given else ""
    actual = f"{len(found)}; the log has new events {listed(str(one.id) for one in new)}" if new else "no new event"
    return Finding(enough(len(found), given), f"events {given['id']}{about} in the log: {amount(given)}", actual)


def _output(scene: Scene, given: Given) -> Finding:
    lines = printed(scene, given["command"], given.get("scope", ""))
    return _contained(lines, given, f"it is not so, in {len(lines)} lines")


def _screen(scene: Scene, given: Given) -> Finding:
    return _contained(scene.screen or [""], given, "not seen on the screen yet")


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

# Sorted, each with what may be given sorted.
# fmt: off
KINDS: dict[str, Predicate] = {
    "authority":   Predicate(certified.authority, {**AMOUNT, "file": _TEXT, "held": _FLAG, "lab": _FLAG,
                                                  "scope": _TEXT}),
    "certificate": Predicate(certified.certificate, certified.READERS, ("name",)),
    "clock":       Predicate(_clock, {"at-least": _moment, "at-most": _moment, "right-within-hours": number}),
    "config":      Predicate(configured.config, configured.READERS, ("path",)),
    "debug":       Predicate(_debug, {"daemon": _TEXT, "on": _FLAG}, ("daemon",)),
    "event":       Predicate(_event, {**AMOUNT, "contains": _TEXT, "id": number}, ("id",)),
    "history":     Predicate(_history, {**AMOUNT, "account": _TEXT, "label": _TEXT, "operation": _TEXT,
                                        "status": number, "subject": _TEXT}),
    "output":      Predicate(_output, {"command": _reading, "contains": _TEXT, "lacks": _TEXT, "matches": pattern,
                                       "scope": _TEXT}, ("command", "text")),
    "screen":      Predicate(_screen, {"contains": _TEXT, "lacks": _TEXT, "matches": pattern}, ("text",)),
    "session":     Predicate(_session, {"administrator": _TEXT, "place": _TEXT, "vdom": _TEXT}),
    "unchanged":   Predicate(configured.unchanged, configured.STAYS, ("path",)),
}
# fmt: on
