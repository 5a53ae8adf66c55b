"""Starting a box: which firmware, network, clock, what it holds before anybody types."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fortish import factory
from fortish.box import CA, FIRST_YEAR, LAST_YEAR, Box
from fortish.clock import Clock, HostClock, VirtualClock
from fortish.cmdb import restore
from fortish.cmdb.editor import Editor
from fortish.cmdb.entries import GLOBAL, SINGLE, SYSTEM_GLOBAL, Entry, Put
from fortish.cmdb.journal import Journal
from fortish.cmdb.restore import is_backup
from fortish.drive import Runtime, Store
from fortish.errors import StorageFault, UsageError
from fortish.firmware import DEFAULT_FIRMWARE, FIRMWARES
from fortish.network.world import NETWORKS, LabNetwork
from fortish.textfile import read_text


@dataclass(frozen=True, slots=True)
class Options:
    """What every command that runs a box takes. `clock` is ISO 8601; `frozen` time passes only by jumps.

    `state` is the file in which what is committed survives.
    """

    config: Path | None = None
    network: str = "lab"
    clock: str | None = None
    firmware: str = DEFAULT_FIRMWARE
    hostname: str | None = None
    trust: Path | None = None
    files: Path | None = None
    capture: Path | None = None
    frozen: bool = False
    state: Path | None = None


def parse_time(text: str) -> float:
    """An ISO 8601 time in seconds since 1970; without a zone it is UTC. Raises `UsageError`."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--clock {text}: not an ISO 8601 time, such as 2023-04-06T22:37:34Z") from None
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise UsageError(f"--clock {text}: the box knows the years {FIRST_YEAR} to {LAST_YEAR}")
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def boot(options: Options, journal: Journal | None = None) -> Runtime:
    """A box in its world. Raises `UsageError`."""
    if options.firmware not in FIRMWARES:
        raise UsageError(f"--firmware {options.firmware}: not known; there are {', '.join(FIRMWARES)}")
    if options.network not in NETWORKS:
        raise UsageError(f"--network {options.network}: not known; there are {', '.join(NETWORKS)}")
    if options.files is not None and not options.files.is_dir():
        raise UsageError(f"--files {options.files}: not a folder")
    start = None if options.clock is None else parse_time(options.clock)
    clock: Clock = VirtualClock(start) if options.frozen else HostClock(start)
    box = Box.new(clock, options.firmware, journal)
    network = LabNetwork(box, files=options.files) if options.network == "lab" else NETWORKS[options.network](box)
    if options.capture is not None:
        from fortish.network.capture import Capture

        network.capture = Capture(options.capture)
    store = None if options.state is None else _start_from(box, options)
    if store is None:
        _prepare(box, options)
    return Runtime(box, clock, network, store=store)


def _start_from(box: Box, options: Options) -> Store:
    """Start where the state file ended. Raises `UsageError`."""
    from fortish.state import State

    assert options.state is not None
    state = State.open(options.state, options.firmware)
    try:
        if options.config is not None and not state.empty:
            raise UsageError(f"--config {options.config}: {options.state} holds a configuration already")
        state.load(box)
        state.begin()
        _prepare(box, options)
        state.store()
    except StorageFault as fault:
        state.close()
        raise UsageError(f"--state {options.state}: {fault.reason}") from None
    except BaseException:
        state.close()
        raise
    return state


def _prepare(box: Box, options: Options) -> None:
    """What the options ask for, before anybody types. Raises `UsageError`, `StorageFault`."""
    if options.config is not None:
        load(box, options.config)
    if options.hostname:
        _set_hostname(box, options.hostname)
    if options.trust is not None:
        trust(box, options.trust)
    if options.config is not None:
        box.cmdb.save()


def load(box: Box, path: Path) -> None:
    """Start from a configuration. Raises `UsageError` with the first line that is refused.

    A whole backup (its header tells) replaces what the factory put into the tables that it has; a part is laid over it.
    Of a whole backup the lines that this firmware does not know are skipped and told, as the box does it.
    """
    text = read_text(path)
    if is_backup(text):
        cmdb, errors, ended = restore.read(box.cmdb, text)
        if not ended:
            raise UsageError(f"{path}: ends inside a 'config' block")
        factory.carry_over(box.cmdb, cmdb)
        box.cmdb.replace(cmdb.snapshot())
        box.config_errors[:] = errors
        return
    editor = Editor(box.cmdb)
    _apply(box, editor, path, text)
    if editor.frames or editor.place:
        raise UsageError(f"{path}: ends inside a 'config' block")


def restoring(box: Box, text: str) -> AbstractContextManager[None]:
    """While a whole backup is typed, it replaces the tables that it has, and may name what it brings only later."""
    return restore.restoring(box.cmdb, text)


def _apply(box: Box, editor: Editor, path: Path, text: str) -> None:
    from fortish.cmdb.editor import CONFIGURES
    from fortish.errors import CliError
    from fortish.parse import parse_script

    for number, command in parse_script(text):
        try:
            if isinstance(command, CliError):
                raise command
            if type(command) not in CONFIGURES or _verb(command) not in editor.legal:
                raise UsageError(f"{path}:{number}: '{_verb(command)}' cannot stand here in a backup")
            editor.confirm(editor.apply(command))
        except CliError as error:
            said = " ".join(line for line in error.lines if line)
            raise UsageError(f"{path}:{number}: {said}") from None


def _verb(command: object) -> str:
    return type(command).__name__.lower()


def _set_hostname(box: Box, hostname: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,35}", hostname):
        raise UsageError(f"--hostname {hostname}: letters, digits, - and _, at most 35")
    entry = box.cmdb.entry(GLOBAL, SYSTEM_GLOBAL, SINGLE) or Entry()
    if entry.values.get("hostname") != hostname:
        box.cmdb.commit([Put(GLOBAL, SYSTEM_GLOBAL, SINGLE, Entry({**entry.values, "hostname": hostname}))])


def trust(box: Box, path: Path) -> None:
    """Put CA certificates into the store that are not there yet. Raises `UsageError`."""
    from fortish.est.authorities import new_authority, next_name
    from fortish.pki import pem
    from fortish.pki.faults import PkiFault

    try:
        certificates = pem.certificates(path.read_bytes())
    except OSError as error:
        raise UsageError(f"--trust {path}: {error.strerror}") from None
    except PkiFault as fault:
        raise UsageError(f"--trust {path}: {fault.reason}") from None
    for text in map(pem.pem, certificates):
        if text not in box.authorities().values():
            box.cmdb.commit([Put(GLOBAL, CA, next_name(box), new_authority(None, text))])
