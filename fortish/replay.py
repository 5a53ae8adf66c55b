"""Replay: scripts, backups and screen copies played into a session, and what the screen would show.

The same player serves `fortish replay`, the golden transcripts, the demonstration and the Python door.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from fortish import screen
from fortish.access import ADMIN, FACTORY
from fortish.cmdb.entries import GLOBAL
from fortish.commands import DebugSwitch
from fortish.drive import Driving, Runtime, Store, drive
from fortish.errors import Interrupted
from fortish.group import Group, Write
from fortish.login import login
from fortish.session import Session
from fortish.steps import Kind

SETTLE = 60.0  # seconds of box time: background work due by then runs before the next line at the root prompt
BREATH = 50  # lines after which the loop has its turn
ALONE = ("alias", "diagnose", "execute", "sudo")  # verbs that are no part of a group
AGAIN = ("logout", "reboot")  # how a session may end after which the same administrator logs in again


@dataclass(frozen=True, slots=True)
class Failure:
    """A line that failed: where it stood, what was typed, and the box's words on one line.

    Of a value over several lines, `number` is the last of them, and `line` is all of them.
    """

    file: str
    number: int
    line: str
    message: str


class Onlooker(Protocol):
    """Who is told what happens while lines are played."""

    def typed(self, prompt: str, line: str) -> None:
        """A line was typed."""

    def printed(self, text: str, debug: bool) -> None:
        """Lines were printed; `debug`: by a daemon."""

    def failed(self, failure: Failure) -> None:
        """The line that was typed last has failed."""


class Page:
    """A console without a person: prints through `write`, takes answers from what comes next. Never pages."""

    def __init__(self, session: Session, write: Write, onlooker: Onlooker | None = None) -> None:
        self.session, self.write, self.onlooker = session, write, onlooker
        self.driving: Driving | None = None
        self.answer: Callable[[str, Kind], str] = lambda question, kind: "n"
        self.interrupt: int | None = None
        self.lines = 0

    @property
    def debug(self) -> DebugSwitch:
        """The session's debug switch."""
        return self.session.debug

    async def say(self, text: str, paged: bool) -> bool:
        """Print; at the line where Ctrl-C stood, press it."""
        await asyncio.sleep(0)  # a Ctrl-C of the person who watches is heard here
        self.put(text)
        return True

    def put(self, text: str, debug: bool = False) -> None:
        """Print lines and count them."""
        self.write(f"{text}\n")
        if self.onlooker is not None:
            self.onlooker.printed(text, debug)
        self.lines += text.count("\n") + 1
        if self.interrupt is not None and self.lines >= self.interrupt and self.driving is not None:
            self.interrupt = None
            self.write(f"{screen.INTERRUPT}\n")
            if self.onlooker is not None:
                self.onlooker.printed(screen.INTERRUPT, False)
            self.lines += 1
            self.driving.interrupt()

    async def ask(self, question: str, kind: Kind) -> str:
        """Print the question and the answer that comes next."""
        answer = self.answer(question, kind)
        self.put(f"{question}{answer if kind is not Kind.SECRET else ''}")
        return answer

    def trace(self, line: str) -> None:
        """Print a debug line."""
        self.put(line, debug=True)


@dataclass(slots=True)
class Typed:
    """A line to be typed. `interrupt` is after how many printed lines Ctrl-C is pressed; `login` is who comes next.

    `help`: it ends in `?`, and is typed no further here.
    """

    number: int
    text: str
    interrupt: int | None = None
    answers: tuple[str, ...] = ()
    login: str = ""
    help: bool = False


def typed_lines(text: str, transcript: bool | None = None) -> list[Typed]:
    """The lines that a script or a screen copy types. `transcript` None: find out."""
    if transcript is None:
        transcript = screen.is_screen(text)
    if not transcript:
        return [Typed(number, line.removesuffix("\r")) for number, line in enumerate(_split(text), 1)]
    lines: list[Typed] = []
    for turn in screen.turns(text):
        rows = [Typed(turn.number + place, line) for place, line in enumerate(turn.typed)]
        rows[-1].interrupt, rows[-1].answers, rows[-1].login = turn.interrupt, tuple(turn.answers), turn.login
        rows[-1].help = turn.help
        lines += rows
    return lines


def _split(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines and not lines[-1] else lines


@dataclass(slots=True)
class Player:
    """Plays lines into one session. `tick` seconds pass on the box for each line typed (tests freeze the rest).

    With a `store`, lines are stored in groups and shown when they are; without one each commit is stored by itself.
    With `logins` the console asks for a login after `exit`: a script has name and password in its next lines, a screen
    copy shows the name, and no password, so the name is enough there. `unplayed` counts the lines behind the one that
    ended the session, `keep_unknown` is the editor's.
    """

    runtime: Runtime
    session: Session
    write: Write
    yes: bool = False
    stop: bool = False
    tick: float = 0.0
    echo: bool = True
    store: Store | None = None
    onlooker: Onlooker | None = None
    logins: bool = False
    keep_unknown: bool = False
    file: str = "-"
    unplayed: int = 0
    failures: list[Failure] = field(default_factory=list)
    page: Page = field(init=False)
    _group: Group | None = None
    _last: tuple[int, str] = (0, "")
    _held: list[str] = field(default_factory=list)  # physical lines of an unfinished one

    def __post_init__(self) -> None:
        if self.store is not None:
            self._group = Group(self.store, self.write)
            self.write = self._group.write
        self.page = Page(self.session, self.write, self.onlooker)
        self.session.editor.keep_unknown |= self.keep_unknown
        self.runtime.consoles.append(self.page)

    def close(self) -> None:
        """The console is gone."""
        self.runtime.consoles.remove(self.page)

    def begin(self, file: str) -> None:
        """A file begins, in a session of its own, at the root prompt; unless the box is turned off."""
        self.file, self.unplayed = file, 0
        self._last = (0, "")
        if self.session.left != "shutdown":
            self.session.leave("exit")
            self._let_in(FACTORY)

    def _let_in(self, name: str) -> None:
        self.session.log_in(name)
        self.session.editor.keep_unknown = self.keep_unknown

    async def play(self, lines: Iterable[Typed], progress: Callable[[int], None] | None = None) -> None:
        """Type every line. Stops when the session ends, or at a failure if `stop`."""
        queue = deque(lines)
        while queue and self.session.alive:
            typed = queue.popleft()
            if typed.number % BREATH == 0:
                await asyncio.sleep(0)  # Ctrl-C is heard here, too
            if not await self._type(typed, queue) and self.stop:
                return
            if progress is not None:
                progress(1)
        self.unplayed = sum(1 for typed in queue if typed.text.strip() and not typed.text.lstrip().startswith("#"))

    async def settle(self) -> None:
        """The end of the input: what falls due soon is done, wherever the administrator stands.

        Raises `StorageFault` if the last lines cannot be stored.
        """
        self.stored()
        await self.runtime.settle(SETTLE)

    def stored(self) -> None:
        """What was typed so far is stored, and shown. Raises `StorageFault`."""
        if self._group is not None:
            self._group.close()

    def finish(self) -> None:
        """A file ends: a quote that is still open in it is a failure, and does not go on in the next one."""
        if not self.session.waiting:
            return
        number, text = self._last
        self._fail(Typed(number, text), "the input ends inside a quote or behind a backslash")
        self.session.drop_line()

    async def _type(self, typed: Typed, queue: deque[Typed]) -> bool:
        """One line; whether it went well."""
        before = len(self.failures)
        page = self.page
        if not self.session.waiting:
            self._held.clear()
        self._held.append(typed.text)
        self._last = typed.number, typed.text
        if self._group is not None:
            self._group.before(self.file, typed.number, alone=self._alone(typed.text))
        if self.echo:
            self.write(f"{self.session.prompt}{typed.text}".rstrip(" ") + "\n")
        if self.onlooker is not None:
            self.onlooker.typed(self.session.prompt, typed.text)
        page.lines, page.interrupt = 0, typed.interrupt
        if typed.help:
            self._help(typed.text)
            return True
        given = deque(typed.answers)
        page.answer = lambda question, kind: self._answer(typed, given, queue, kind)
        self.runtime.clock.advance(self.runtime.clock.now() + self.tick)
        page.driving = Driving(self.session.feed(typed.text), self.runtime, page)
        await page.driving.run()
        page.driving = None
        if self.session.left in AGAIN:
            self._log_in_again()
        elif self.session.left == "exit" and self.logins:
            await self._log_in(typed, queue)
        if failure := self.session.failure:
            self._fail(typed, " ".join(line for line in failure.lines if line))
        if self.session.at_root:
            await self.runtime.settle(SETTLE, typing=True)
        if self.echo and not self.session.waiting:
            self.write("\n")
        return len(self.failures) == before

    @property
    def at(self) -> int:
        """The number of the line that was typed last."""
        return self._last[0]

    async def _log_in(self, typed: Typed, queue: deque[Typed]) -> None:
        """Let the next administrator in. Where the lines end before, nobody is: that is a failure."""

        def given(question: str, kind: Kind) -> str:
            if not queue:
                raise Interrupted
            return queue.popleft().text

        box = self.session.box
        if typed.login:
            name = typed.login if box.cmdb.entry(GLOBAL, ADMIN, typed.login) is not None else ""
        elif not queue:  # the last line of all: somebody leaves
            return
        else:
            self.page.answer = given
            name = str(await drive(login(box), self.runtime, self.page) or "")
        if name:
            self._let_in(name)
        else:
            self._fail(typed, "nobody has logged in after this")

    def _log_in_again(self) -> None:
        """The same administrator, or the one that every box has."""
        name = self.session.administrator
        self._let_in(name if self.session.box.cmdb.entry(GLOBAL, ADMIN, name) is not None else FACTORY)

    def _help(self, line: str) -> None:
        """What `?` lists at the end of a line."""
        from fortish.completion import candidates, layout

        if lines := layout(candidates(self.session, line[:-1])):
            self.page.put("\n".join(lines))
        if self.echo:
            self.write("\n")

    def _alone(self, line: str) -> bool:
        """Whether a line is stored by itself: it may be one of those verbs, abbreviated."""
        word = line.split(maxsplit=1)[:1]
        return bool(word) and not self.session.waiting and any(verb.startswith(word[0]) for verb in ALONE)

    def _answer(self, typed: Typed, given: deque[str], queue: deque[Typed], kind: Kind) -> str:
        """An answer from the screen copy; or the next line if it is exactly y or n; else n, which is a failure."""
        if given:
            return given.popleft()
        if kind is not Kind.YES_NO:
            return queue.popleft().text if queue else ""
        if queue and queue[0].text in {"y", "n"}:
            return queue.popleft().text
        if self.yes:
            return "y"
        self._fail(typed, "a question was left without an answer (y or n)")
        return "n"

    def _fail(self, typed: Typed, message: str) -> None:
        self.failures.append(Failure(self.file, typed.number, "\n".join(self._held), message))
        if self.onlooker is not None:
            self.onlooker.failed(self.failures[-1])
