"""What `?` offers and what execution accepts by name are the same, wherever a few lines lead."""

# ranks: 15 16

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st

from fortish import diagnose, execute, get
from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.cmdb.schema import Schema
from fortish.cmdb.table import Table
from fortish.completion import Candidate, candidates, split
from fortish.messages import Text
from fortish.parse import verbs
from fortish.quoting import quote
from fortish.session import Session
from fortish.steps import Ask, Say, Trace

START = 1_680_820_654.0  # 2023-04-06, in seconds since 1970
DIVIDE = ("config system global", "set vdom-mode multi-vdom", "end", "config vdom", "edit Web", "end")
RESTRICT = (
    *("config system accprofile", "edit looker", "set sysgrp read", "set vpngrp read-write", "next", "end"),
    *("config system admin", "edit joe", "set accprofile looker", "next", "end"),
)
VALUES = ("a", "b", "port1", "root", "Web", "1", "2", "two words", "10.0.0.1", "10.0.0.1/24", "ENC", "x" * 40)
COUNTING = ("-A", "-B", "-C")
LONGEST = 8  # words of a line
BEFORE_OTHERS = ("config", "edit", "set")  # what leads somewhere is typed more often
WALKS = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=100)


@dataclass
class Typist:
    """Somebody who types what `?` offers; every choice is drawn."""

    data: st.DataObject
    session: Session

    def line(self, longest: int = LONGEST) -> str:
        """Some words of a line, as far as they lead; what stands for a value gets one."""
        words: list[str] = []
        while len(words) < longest:
            help_ = candidates(self.session, "".join(f"{word} " for word in words))
            choices = list(help_.candidates)
            assert help_.error is None or any(word in VALUES for word in map(unquoted, words)), words
            if help_.error is not None or not choices or (help_.enter and self.data.draw(st.booleans())):
                break
            if not words:
                choices = [c for c in choices if c.word in BEFORE_OTHERS] * 3 + choices
            words.append(self.word(self.data.draw(st.sampled_from(choices))))
        return " ".join(words)

    def word(self, candidate: Candidate) -> str:
        """A candidate as it is typed."""
        return bare(candidate.word if candidate.literal else self.data.draw(st.sampled_from(VALUES)))


def bare(word: str) -> str:
    """A word as it is typed, in quotes where it needs them."""
    return quote(word) if not word or set(word) & set(" '\"\\#?") else word


def unquoted(word: str) -> str:
    """What `bare` was given, as far as this file goes."""
    return word.strip('"')


def typed(session: Session, line: str) -> tuple[str, bool]:
    """What a line prints until it asks for anything of the world; whether it came so far."""
    printed = []
    flow = session.feed(line)
    for step in flow:
        if isinstance(step, Say):
            printed.append(step.text)
        elif not isinstance(step, Trace):
            flow.close()
            return "\n".join(printed), not isinstance(step, Ask)
    return "\n".join(printed), False


@st.composite
def sessions(draw: st.DrawFn) -> Session:
    """A session on a fresh box: plain, with VDOMs, or of an administrator with a profile."""
    box = Box.new(VirtualClock(START), draw(st.sampled_from(["fortiproxy-guide", "fortigate-7.4", "fortigate-7.6"])))
    session = Session(box)
    kind = draw(st.sampled_from(["plain", "divided", "restricted"]))
    for line in {"plain": (), "divided": DIVIDE, "restricted": RESTRICT}[kind]:
        yes(session, line)
    session.log_in("joe" if kind == "restricted" else "admin")
    return session


def yes(session: Session, line: str) -> None:
    """Type a line and say yes to what it asks."""
    flow = session.feed(line)
    try:
        step = next(flow)
        while True:
            step = flow.send("y" if isinstance(step, Ask) else None)
    except StopIteration:
        return


def walked(data: st.DataObject, session: Session) -> Typist:
    """Somebody who has come somewhere by a few lines."""
    typist = Typist(data, session)
    if data.draw(st.booleans()):
        enter(data, session)
    for _ in range(data.draw(st.integers(0, 3))):
        line = typist.line()
        if line.split()[:1] not in (["exit"], ["quit"]):
            typed(session, line)
        if not session.alive or session.waiting:
            session.log_in(session.administrator)
    assume(session.batch.lines is None)  # else lines are gathered, and not looked at
    return typist


def enter(data: st.DataObject, session: Session) -> None:
    """Go where there is most to say: into a table or settings, and often into an entry."""
    if session.editor.place_kind == "multi":
        for line in data.draw(st.sampled_from([("config global",), ("config vdom", "edit Web")])):
            yes(session, line)
    path = data.draw(st.sampled_from(session.editor.view.paths()))
    yes(session, f"config {' '.join(path)}")
    if session.editor.kind == "table" and data.draw(st.integers(0, 3)):
        yes(session, f"edit {data.draw(st.sampled_from(VALUES[:7]))}")


@WALKS
@given(st.data(), sessions())
def test_a_word_that_is_offered_is_never_a_parse_error(data: st.DataObject, session: Session) -> None:
    typist = walked(data, session)
    words = typist.line(data.draw(st.integers(0, 4)))
    literal = [c.word for c in candidates(session, f"{words} " if words else "").candidates if c.literal]
    assume(literal)
    word = data.draw(st.sampled_from(literal))
    assume(word not in words)  # an error would not tell which of the two it means
    assume(word not in COUNTING)  # without its number the option itself is refused
    kind = session.editor.kind
    printed, _ = typed(session, f"{words} {bare(word)}")
    event(f"{kind}: {(words.split() or [''])[0]}")
    for refusal in (Text.PARSE_ERROR, Text.AMBIGUOUS):
        assert refusal(word=word) not in printed
    assert Text.UNKNOWN_ACTION() not in printed


@cache
def names() -> tuple[str, ...]:
    """Every name that anything may have: verbs, words of paths and commands, attributes, options."""
    schema = Schema()
    found = dict.fromkeys((*verbs(), "to", "before", "after", "full-configuration", "|", "global", "vdom"))
    for path in schema.paths():
        table = schema.table(path)
        assert table is not None
        found.update(dict.fromkeys(path))
        found.update(dict.fromkeys(_names(table)))
    for hooks in (execute.HOOKS, diagnose.HOOKS, get.HOOKS):
        for path in hooks:
            found.update(dict.fromkeys(path))
    return tuple(found)


def _names(table: Table) -> list[str]:
    found = []
    for attribute in table.attributes.values():
        found += [attribute.name, *(choice.name for choice in attribute.choices)]
        found += _names(attribute.child) if attribute.child is not None else []
    return found


@WALKS
@given(st.data(), sessions())
def test_a_name_that_execution_accepts_is_offered(data: st.DataObject, session: Session) -> None:
    typist = walked(data, session)
    words = typist.line(data.draw(st.integers(0, 4)))
    help_ = candidates(session, f"{words} " if words else "")
    assume(all(c.literal for c in help_.candidates) and not names_a_key(words))  # where any name is one
    name = data.draw(st.sampled_from(names()))
    assume(name not in [c.word for c in help_.candidates] and not may_appear(session, words, name))
    narrowed = candidates(session, f"{words} {name}" if words else name)
    if accepted(session, words, name):
        assert narrowed.error is None, f"{words} {name}"


def names_a_key(words: str) -> bool:
    """Whether the key of an entry is next: that it is not there is no matter of parsing."""
    place = len(split(words + " ")[0])
    return words.split()[:1] in (["delete"], ["rename"], ["clone"], ["move"]) and place in (1, 3)


def may_appear(session: Session, words: str, name: str) -> bool:
    """Whether an attribute is hidden, yet taken: a printed configuration has it before what makes it visible."""
    frame = session.editor.frame
    return bool(words) and frame is not None and frame.working is not None and name in frame.table.settable


def accepted(session: Session, words: str, name: str) -> bool:
    """Whether a line that ends with a name is taken, or may go on behind it."""
    printed, went_out = typed(session, f"{words} {name}")
    if Text.INCOMPLETE() in printed:
        printed, _ = typed(session, f"{words} {name} 1")
        refusals = (Text.PARSE_ERROR, Text.AMBIGUOUS, Text.UNKNOWN_ACTION, Text.PERMISSION_DENIED)
        return not any(refusal(word=name) in printed for refusal in refusals)
    return went_out or ("Command fail" not in printed and Text.UNKNOWN_ACTION() not in printed)


def at(*lines: str) -> Session:
    session = Session(Box.new(VirtualClock(START)))
    for line in lines:
        yes(session, line)
    return session


@given(st.sampled_from(names()))
@example("config")
@example("full-configuration")
def test_a_name_offered_somewhere_can_be_cut_as_far_as_it_is_clear(name: str) -> None:
    session = at()
    for start in ("", "config ", "config system ", "config vpn certificate ", "execute ", "diagnose debug ", "show "):
        words = [c.word for c in candidates(session, start).candidates if c.literal]
        if name not in words or name == "|":  # a pipe is a word already
            continue
        for size in range(1, len(name) + 1):
            fitting = [c.word for c in candidates(session, start + name[:size]).candidates if c.literal]
            assert fitting == [word for word in words if word.startswith(name[:size])]
            if len(fitting) == 1 and fitting[0] != "|":
                assert candidates(session, f"{start}{name[:size]} ").error is None
