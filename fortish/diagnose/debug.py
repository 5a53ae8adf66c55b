"""`diagnose debug …`: levels belong to the box, printing to each console."""

from __future__ import annotations

from fortish import messages
from fortish.commands import Arguments, Here, Run
from fortish.debug import CLI, CLI_LEVEL
from fortish.messages import Text
from fortish.parse import number
from fortish.steps import Flow, Say

# Daemons whose level can be set; only est has lines to print so far. Sorted.
DAEMONS = {
    "est": "the EST client",
    "forticron": "the scheduler",
    "scep": "the SCEP client",
}
_BITS = 0xFFFFFFFF
CLI_MOST = 8  # the highest level of the command line


def application(daemon: str) -> Run:
    """The hook that sets or shows one daemon's level."""

    def run(here: Here, arguments: Arguments) -> Flow:
        debug, now = here.box.debug, here.box.clock.now()
        typed = arguments["level"]
        if not typed:
            level = debug.level(daemon, now)
            text = Text.DEBUG_LEVEL_HEX if level else Text.DEBUG_LEVEL
            yield Say(text(daemon=daemon, level=level, bits=level & _BITS))
            return
        level = _integer(typed)
        debug.start(now)
        debug.levels[daemon] = level
        yield Say(_on(debug.left(now)))

    return run


def _integer(typed: str) -> int:
    if not typed.removeprefix("-").isdecimal() or not typed.isascii():
        raise messages.parse_error(typed)
    return number(typed)


def enable(here: Here, arguments: Arguments) -> Flow:
    """Debug lines are printed here from now on."""
    here.debug.enabled = True
    here.box.debug.start(here.box.clock.now())
    yield from ()


def disable(here: Here, arguments: Arguments) -> Flow:
    """Debug lines are not printed here; the levels stay."""
    here.debug.enabled = False
    yield from ()


def reset(here: Here, arguments: Arguments) -> Flow:
    """Every level to 0, nothing printed, no time stamps."""
    here.box.debug.reset()
    here.debug.enabled = here.debug.timestamp = False
    yield from ()


def timestamp(here: Here, arguments: Arguments) -> Flow:
    """Whether each debug line starts with the time."""
    here.debug.timestamp = arguments["state"] == "enable"
    yield from ()


def duration(here: Here, arguments: Arguments) -> Flow:
    """Set or show how long debugging stays on."""
    debug = here.box.debug
    if arguments["minutes"]:
        minutes = _integer(arguments["minutes"])
        if minutes < 0:
            raise messages.parse_error(arguments["minutes"])
        debug.last(minutes, here.box.clock.now())
    yield Say(Text.DURATION_IS(minutes=debug.minutes) if debug.minutes else Text.DURATION_UNLIMITED())


def info(here: Here, arguments: Arguments) -> Flow:
    """What is being debugged."""
    debug, now = here.box.debug, here.box.clock.now()
    lines = [
        Text.INFO_OUTPUT(state=_state(here.debug.enabled)),
        Text.INFO_TIMESTAMP(state=_state(here.debug.timestamp)),
        Text.INFO_USER_LOG(),
    ]
    levels = {daemon: level for daemon in DAEMONS if (level := debug.level(daemon, now))}
    lines += [Text.INFO_DAEMON(daemon=daemon, level=level, bits=level & _BITS) for daemon, level in levels.items()]
    yield Say("\n".join([*lines, Text.INFO_CLI(level=debug.cli(now))]))


def _state(on: bool) -> str:
    return "enable" if on else "disable"


def cli(here: Here, arguments: Arguments) -> Flow:
    """Set or show the level of the command line; from 8 on each commit is traced."""
    debug, now = here.box.debug, here.box.clock.now()
    typed = arguments["level"]
    if not typed:
        yield Say(Text.CLI_LEVEL(level=debug.cli(now)))
        return
    level = _integer(typed)
    if not 0 <= level <= CLI_MOST:
        raise messages.parse_error(typed)
    debug.start(now)
    debug.levels[CLI] = level
    if level == CLI_LEVEL:
        del debug.levels[CLI]
    yield Say(_on(debug.left(now)))


def _on(left: int | None) -> str:
    return Text.DEBUG_ON_UNLIMITED() if left is None else Text.DEBUG_ON_FOR(minutes=left)
