"""A random walk over whole sessions: legal and illegal lines, driven step by step, with promises checked as it goes.

    python -m tests.walk --lines 1000000 --seed 1

Lines are made from what `?` offers where the walk stands, and then often spoilt. After each line: nothing was raised,
and the prompt shows where one stands, at most one level further in than before. At the end of each walk the whole
configuration is shown, read into a new box, and compared.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from dataclasses import dataclass, field

from fortish import completion
from fortish.access import ADMIN, SUPER
from fortish.boot import restoring
from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.cmdb.editor import CONFIGURES, Editor
from fortish.cmdb.entries import GLOBAL
from fortish.errors import CliError, LinkLost
from fortish.parse import parse_script
from fortish.quoting import quote
from fortish.session import Session
from fortish.steps import Ask, Compute, Exchange, Flow, Kind, Say, Wait
from tests.made import once

START = 1_680_820_654.0  # 2023-04-06, in seconds since 1970
WORDS = 12  # longest line that is made, in words
GARBAGE = (
    *("", "0", "-1", "99999999999", "x" * 300, "a b", "a'b", 'a"b', "a\\b", "#", "?", "|", "<>", "é漢字", "\t", "ENC"),
    *("255.255.255.255", "10.0.0.1/24", "10.0.0.1", "::1", "a.example", "on\nmore", "\x1b[31m", "--", "to", "end"),
)
NAMES = ("a", "b", "c", "port1", "port2", "root", "admin", "one two", "Web", "1", "2", "3")
DIVIDE = ("config system global", "set vdom-mode multi-vdom", "end", "config vdom", "edit Web", "end")
SLOW = ("rsa-2048", "rsa-4096", "2048", "4096", "1536", "rsa-1536")  # keys that would take most of the walk's time


def carried_out(flow: Flow, chance: random.Random, clock: VirtualClock, answers: str = "yn") -> str:
    """What a flow prints. Nobody is there: the network is gone, questions are answered by chance."""
    printed: list[str] = []
    answer: object = None
    error: Exception | None = None
    while True:
        try:
            step = flow.throw(error) if error is not None else flow.send(answer)
        except StopIteration:
            return "\n".join(printed)
        answer, error = None, None
        match step:
            case Say(text):
                printed.append(text)
            case Ask(_, Kind.YES_NO):
                answer = chance.choice(answers)
            case Ask():
                answer = chance.choice(NAMES)
            case Wait(seconds):
                clock.set(clock.now() + seconds)
            case Compute(work):
                answer = work()
            case Exchange():
                error = LinkLost("Could not resolve host")


@dataclass
class Walk:
    """One walk. `prompts` is what the prompt must be, from the root inwards."""

    chance: random.Random
    firmware: str = "fortiproxy-guide"
    lines: int = 0
    typed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = VirtualClock(START)
        self.box = Box.new(self.clock, self.firmware)
        self.box.maker = once
        self.session = Session(self.box)
        if self.chance.random() < 0.4:
            for line in DIVIDE:
                self.type(line, "y")

    # --- lines ---

    def line(self) -> str:
        """A line for where the walk stands: what `?` leads to, spoilt one time in three."""
        words: list[str] = []
        while len(words) < WORDS:
            help_ = completion.candidates(self.session, " ".join(words) + " " if words else "")
            choices = help_.candidates
            if help_.error is not None or not choices or (help_.enter and self.chance.random() < 0.6):
                break
            words.append(self._word(self.chance.choice(choices)))
        if self.chance.random() < 0.33:
            self._spoil(words)
        return " ".join(words)

    def _word(self, candidate: completion.Candidate) -> str:
        if candidate.literal and candidate.word not in SLOW:
            word = candidate.word
            if self.chance.random() < 0.1 and len(word) > 2:
                return word[: self.chance.randrange(1, len(word))]
            return quote(word) if not word or set(word) & set(" '\"\\#") else word
        pool = GARBAGE if self.chance.random() < 0.3 else NAMES
        value = str(self.chance.randrange(5000)) if self.chance.random() < 0.2 else self.chance.choice(pool)
        return value if value and self.chance.random() < 0.5 else quote(value)

    def _spoil(self, words: list[str]) -> None:
        at = self.chance.randrange(len(words) + 1)
        match self.chance.randrange(5):
            case 0:
                words.insert(at, self.chance.choice(GARBAGE))
            case 1 if words:
                del words[min(at, len(words) - 1)]
            case 2:
                words += [self.chance.choice(NAMES)]
            case 3:
                words.insert(at, self.chance.choice(('"', "'", "\\", "| grep -f a", "#")))
            case _ if words:
                words[0] = self.chance.choice(
                    ("end", "next", "abort", "show", "get", "exit", "emd", "sh", "e", "config")
                )

    def administrator(self) -> str:
        """Somebody who may do everything: there always is one."""
        rows = self.box.cmdb.rows(GLOBAL, ADMIN)
        return next(name for name, entry in rows.items() if entry.values.get("accprofile") == SUPER)

    # --- steps ---

    def step(self) -> None:
        """One line, and what must hold after it."""
        self.type(self.chance.choice(('"', "'", "x", "")) if self.session.waiting else self.line())

    def type(self, line: str, answers: str = "yn") -> str:
        """Type a line; the prompt must then be one that the way here explains."""
        session = self.session
        was_root = not session.editor.frames and not session.editor.place
        before = len(session.editor.frames) + len(session.editor.place)
        # `execute enter`, `execute batch end` and an alias may lead anywhere; all else one level in at most.
        leads_anywhere = session.waiting or line.lstrip()[:2] in ("ex", "al")
        self.typed.append(line)
        printed = carried_out(session.feed(line), self.chance, self.clock, answers)
        if not session.alive:
            assert was_root or session.left != "exit" or leads_anywhere, "exit inside config"
            session.log_in(self.administrator())
        self.lines += 1
        self._check(100 if leads_anywhere else before)
        return printed

    def _check(self, before: int) -> None:
        session = self.session
        if session.waiting:
            assert session.prompt == "> "
            return
        depth = len(session.editor.frames) + len(session.editor.place)
        assert depth <= before + 1 or depth == 0, "one line led more than one level in"
        assert (depth == 0) == ("(" not in session.prompt), session.prompt
        if session.editor.frames:
            frame = session.editor.frames[-1]
            assert frame.name[:16] in session.prompt and session.editor.kind == frame.kind

    def leave(self) -> None:
        """To the root prompt, as anybody would get there."""
        if self.session.waiting:
            self.session.drop_line()
        if self.session.batch.lines is not None:
            self.type("execute batch end")
        for _ in range(20):
            if not self.session.editor.frames and not self.session.editor.place:
                return
            self.type("end" if self.session.editor.kind != "entry" or self.chance.random() < 0.8 else "abort")
        raise AssertionError(f"there is no way out of {self.session.prompt}")

    def check_round_trip(self) -> None:
        """What `show` prints, read into a new box, gives the same configuration."""
        self.leave()
        self.session.log_in(self.administrator())
        shown = list(self.session.configuration())
        other = Box.new(VirtualClock(START), self.firmware)
        other.maker = once
        text = "\n".join(shown) + "\n"
        lines = text.split("\n")
        editor = Editor(other.cmdb)
        with restoring(other, text):
            for number, command in parse_script(text):
                assert not isinstance(command, CliError) and type(command) in CONFIGURES, (number, command)
                try:
                    editor.confirm(editor.apply(command))
                except CliError as error:
                    raise AssertionError(f"{lines[number - 1]!r}: {error}") from error
        again = list(Session(other, self.session.administrator).configuration())
        assert again[2:] == shown[2:], first_difference(shown[2:], again[2:])


def first_difference(wanted: list[str], got: list[str]) -> str:
    """The first line in which two listings differ."""
    for place, (one, two) in enumerate(zip(wanted, got, strict=False)):
        if one != two:
            return f"line {place}: {one!r} became {two!r}"
    return f"{len(wanted)} lines became {len(got)}"


def main() -> int:
    """Walk for so many lines; a broken promise prints the way that led to it."""
    parser = argparse.ArgumentParser(description="Random walks over whole sessions.")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--length", type=int, default=400, help="lines of one walk")
    given = parser.parse_args()
    done, seed, started = 0, given.seed, time.monotonic()
    while done < given.lines:
        walk = Walk(random.Random(seed), ("fortiproxy-guide", "fortigate-7.4", "fortigate-7.6")[seed % 3])
        try:
            for _ in range(given.length):
                walk.step()
            walk.check_round_trip()
        except Exception:
            print(
                f"seed {seed}, the last lines of {walk.lines}:",
                *map(repr, walk.typed[-25:]),
                sep="\n  ",
                file=sys.stderr,
            )
            raise
        done, seed = done + walk.lines, seed + 1
        if seed % 50 == 0:
            print(f"{done} lines, {done / (time.monotonic() - started):.0f} a second", flush=True)
    print(f"{done} lines in {seed - given.seed} walks: nothing raised, no wrong prompt, every configuration read back")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
