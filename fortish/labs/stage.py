"""A lab's world, set up: the box as the lab begins, its EST server with its CA, its file server, and who sits there.

A stage that is kept lives in a folder and goes on where it was left: the box in its state file, the CA in `ca`, what
the EST server has seen, and the beginning with which all is compared.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fortish.boot import Options, boot, parse_time, trust
from fortish.box import LOCAL
from fortish.clock import Clock, HostClock, VirtualClock
from fortish.drive import Runtime
from fortish.errors import UsageError
from fortish.labs import lab as labs
from fortish.labs.checks import Scene, Start
from fortish.labs.configured import place, rendered
from fortish.labs.finding import Finding
from fortish.labs.folder import AUTHORITY, BEGINNING, EXCHANGES, FILES, SEEN, STATE, clear, needed, read_json, write
from fortish.labs.lab import Lab
from fortish.labs.made import made
from fortish.network.world import LabNetwork
from fortish.pki import pem
from fortish.replay import Player, typed_lines
from fortish.responder.authority import CERTIFICATE_FILE, Authority
from fortish.responder.kept import kept_responder
from fortish.responder.state import Responder, Visit
from fortish.session import Session


@dataclass(slots=True)
class Stage:
    """One lab under way. `screen` is all that was printed in it."""

    lab: Lab
    folder: Path
    runtime: Runtime
    session: Session
    responder: Responder
    world_clock: Clock
    start: Start
    screen: list[str] = field(default_factory=list)

    def scene(self) -> Scene:
        """What checks look at."""
        turn(self)
        now = self.world_clock.now()
        box, authority = self.runtime.box, self.responder.authority.certificate
        visits, files = tuple(self.responder.history), self.folder / FILES
        return Scene(box, self.session, visits, self.screen, self.start, authority, files, now)

    def judge(self) -> dict[str, list[Finding]]:
        """The findings of every task, by its id."""
        scene = self.scene()
        return {task.id: [check.judge(scene) for check in task.checks] for task in self.lab.tasks}

    def kept(self) -> list[Finding]:
        """The findings of what must hold all the time."""
        scene = self.scene()
        return [check.judge(scene) for check in self.lab.keep]

    def remember(self) -> None:
        """Keep what the EST server has seen."""
        rows = [{**asdict(visit), "time": visit.time.timestamp()} for visit in self.responder.history]
        write(self.folder / SEEN, json.dumps(rows))


def turn(stage: Stage) -> None:
    """The EST server changes its ways when it was visited often enough."""
    later = stage.lab.world.later
    if later is not None and len(stage.responder.history) >= later.visits:
        stage.responder.policy = later.responder


async def prepare(lab: Lab, folder: Path, *, live: bool, clock: str | None = None) -> Stage:
    """Set a lab up in `folder`: for somebody who sits there (`live`, kept), or in frozen time. Raises `UsageError`.

    `clock` is the box's time where it goes on.
    """
    lab.check_requirements()
    known = _known(folder / BEGINNING) if live else None
    if known is None and live:  # nothing there, or it was left half made
        clear(folder)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return await _prepared(lab, folder, live, clock, known)
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: {error.strerror}") from None


def _known(path: Path) -> Start | None:
    """The beginning that is remembered; None where there is none. Raises `UsageError`."""
    with needed(path):
        found = read_json(path)
        start = None if found is None else Start(**found)
        if start is not None and not (isinstance(start.events, int) and isinstance(start.shown, dict)):
            raise TypeError
        return start


async def _prepared(lab: Lab, folder: Path, live: bool, clock: str | None, known: Start | None) -> Stage:
    world = lab.world
    responder = _responder(lab, folder, live)
    _put_files(lab, folder / FILES, responder.authority)
    lab = lab.within(made(responder.authority.certificate, world.authorities, folder / FILES))
    (folder / labs.START).write_text(lab.text(labs.START), "utf-8")
    runtime = boot(
        Options(
            config=folder / labs.START if known is None else None,
            clock=clock or world.clock,
            firmware=world.firmware,
            hostname=world.hostname if known is None else None,
            network=world.network,
            files=folder / FILES,
            capture=folder / EXCHANGES if live else None,
            state=folder / STATE if live else None,
            frozen=not live,
        )
    )
    try:
        return await _furnished(lab, folder, runtime, responder, known, live)
    except BaseException:
        await runtime.close()
        raise


async def _furnished(
    lab: Lab, folder: Path, runtime: Runtime, responder: Responder, known: Start | None, live: bool
) -> Stage:
    world_clock, capture = _world_clock(lab, runtime, live), None
    if isinstance(runtime.network, LabNetwork):
        world, capture = lab.world, runtime.network.capture
        runtime.network = LabNetwork(
            runtime.box, lambda now: responder, folder / FILES, world.names, world.certificate_names, world_clock.now
        )
    if known is None:
        await _before(lab, folder, runtime, responder)
    if isinstance(runtime.network, LabNetwork):
        runtime.network.capture = capture  # from now on: what happened before is not the learner's
    start = _beginning(lab, runtime) if known is None else known
    if live and known is None:
        write(folder / BEGINNING, json.dumps(asdict(start)))
    if (name := lab.world.administrator) not in runtime.box.cmdb["system admin"]:
        if known is not None:
            raise UsageError(f"{name!r}, who sits here, was deleted; 'fortish lab reset {folder.name}' begins anew")
        raise UsageError(f"{lab.folder / labs.LAB}: world: administrator: {labs.START} has no {name!r}")
    session = Session(runtime.box, lab.world.administrator)
    if lab.world.vdom:
        session.enter(lab.world.vdom)
    return Stage(lab, folder, runtime, session, responder, world_clock, start)


def _world_clock(lab: Lab, runtime: Runtime, live: bool) -> Clock:
    """The world's time: its box's, unless the lab says that it has its own."""
    if lab.world.server_clock is None:
        return runtime.clock
    begin = parse_time(lab.world.server_clock)
    return HostClock(begin) if live else VirtualClock(begin)


def _responder(lab: Lab, folder: Path, live: bool) -> Responder:
    """The EST server: its CA is made anew, or is the one that is kept."""
    world = lab.world
    now = _moment(world.ca_made or world.server_clock or world.clock)
    if not live:
        return Responder(Authority.fresh(now), world.responder)
    place = folder / AUTHORITY
    place.mkdir(mode=0o700, exist_ok=True)
    responder = kept_responder(place, world.responder, now, lambda text: None)
    with needed(folder / SEEN):
        rows = read_json(folder / SEEN) or []
        responder.history.clear()  # what happened before the learner came does not count
        responder.history.extend(Visit(**{**row, "time": datetime.fromtimestamp(row["time"], UTC)}) for row in rows)
    return responder


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(parse_time(text), UTC)


def _put_files(lab: Lab, folder: Path, authority: Authority) -> None:
    """What the file server has: the lab's own files, and the certificates of further CAs."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, content in lab.extra_files().items():
        if not (folder / name).exists():
            (folder / name).write_bytes(content)
    for name, about in lab.world.authorities.items():
        if not (folder / f"{name}.pem").exists():
            other = Authority.fresh(
                _moment(about.get("made", lab.world.clock)), about.get("common_name", name)
            ).certificate
            if about.get("same_key"):  # the EST server's own CA, as it was certified before
                dates = other.not_valid_before_utc, other.not_valid_after_utc
                other = authority.vouch(authority.certificate, dates)
            (folder / f"{name}.pem").write_text(f"{pem.pem(other)}\n", "utf-8")


async def _before(lab: Lab, folder: Path, runtime: Runtime, responder: Responder) -> None:
    """What happens before the learner comes: nobody sees it, but it has really happened. Raises `UsageError`."""
    if lab.world.trusts:
        ca = folder / CERTIFICATE_FILE
        ca.write_text(f"{pem.pem(responder.authority.certificate)}\n", "utf-8")
        trust(runtime.box, ca)
    player = Player(runtime, Session(runtime.box), lambda text: None, tick=1.0, file=str(lab.folder / labs.BEFORE))
    try:
        await player.play(typed_lines(lab.text(labs.BEFORE)))
        player.finish()
        await player.settle()
    finally:
        player.close()
    for failure in player.failures:
        raise UsageError(f"{failure.file}:{failure.number}: {failure.message}")
    responder.history.clear()
    runtime.box.debug.reset()


def _beginning(lab: Lab, runtime: Runtime) -> Start:
    box = runtime.box
    certificates = {
        f"{scope}/{name}": str(entry.values["certificate"])
        for scope in box.cmdb.scopes(LOCAL)
        for name, entry in box.cmdb.rows(scope, LOCAL).items()
        if entry.values.get("certificate")
    }
    shown = {
        place(check.given): rendered(box, check.given)
        for _, check in labs.every_check(lab)
        if check.kind == "unchanged"
    }
    return Start(certificates, shown, len(box.events))
