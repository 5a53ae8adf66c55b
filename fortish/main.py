"""The `fortish` command. Exit status: 0 done, 1 the work found failures, 2 unusable arguments or input, 130 Ctrl-C."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import errno
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fortish.arguments import Run, parser, started
from fortish.errors import StorageFault, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    if arguments is None:  # a process of its own: at its end Python need not look for cycles in all that goes anyway
        atexit.register(gc.freeze)
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or (words[0] not in RUNS and words[0] not in ("-h", "--help", "--version")):
        if words and not words[0].startswith("-"):
            print(f"fortish: no command '{words[0]}'; there are {', '.join(RUNS)}", file=sys.stderr)
            return 2
        words.insert(0, "shell")
    try:
        return _run(words)
    except UsageError as error:
        print(f"fortish: {error}", file=sys.stderr)
        return 2
    except StorageFault as fault:
        print(f"fortish: {fault.reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if os.environ.get("FORTISH_TRACEBACK"):
            raise
        if not isinstance(error, BrokenPipeError):  # whoever read our output has gone: nothing is to be said
            where = f"{error.filename}: " if error.filename else ""
            print(f"fortish: {where}{error.strerror or error}", file=sys.stderr)
        _be_silent()
        return 1
    except Exception as error:
        if os.environ.get("FORTISH_TRACEBACK"):
            raise
        print(f"fortish: internal error: {type(error).__name__}: {error}", file=sys.stderr)
        print("fortish: this is a bug; FORTISH_TRACEBACK=1 shows where", file=sys.stderr)
        return 1


def _run(words: Sequence[str]) -> int:
    """Run one command, and see to it that all of its output is written. Raises `OSError` where it cannot be."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    try:
        options = parser(RUNS, words).parse_args(words)
        status: int = _list_firmwares() if getattr(options, "firmware", "") == "list" else options.run(options)
        return status
    finally:
        sys.stdout.flush()


def _be_silent() -> None:
    """What could not be written is not tried again at exit."""
    with contextlib.suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _list_firmwares() -> int:
    from fortish.firmware import FIRMWARES

    for firmware in FIRMWARES.values():
        print(f"{firmware.name:<18} {firmware.product} {firmware.version} ({firmware.model})")
    return 0


# --- commands -------------------------------------------------------------------------------------------------------


def shell(given: argparse.Namespace) -> int:
    """The interactive appliance; what is piped into it is played."""
    import asyncio

    if sys.stdin is None or not sys.stdin.isatty():
        words = ["replay", "-"]
        return replay(argparse.Namespace(**{**vars(parser(RUNS, words).parse_args(words)), **vars(given)}))
    return asyncio.run(_shell(given))


async def _shell(given: argparse.Namespace) -> int:
    from fortish.session import Session
    from fortish.shell import interact

    runtime = started(given, frozen=False)
    session = Session(runtime.box)
    try:
        status: int = await interact(runtime, session, history=_history(), assist=given.assist)
        if given.save is not None:
            from fortish.files import save

            save(runtime.box, given.save)
        if runtime.store is not None and runtime.box.cmdb.unsafe:
            print(f"fortish: warning: {given.state}: changes were not saved ('execute cfg save')", file=sys.stderr)
        return status
    finally:
        await runtime.close()


def _history() -> Path | None:
    """Where typed lines are kept between sessions; None where there is no place."""
    root = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    try:
        Path(root, "fortish").mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return Path(root, "fortish", "history")


def replay(given: argparse.Namespace) -> int:
    """Scripts, backups and screen copies."""
    import asyncio

    if not given.files_ and not given.lines:
        raise UsageError("replay: no FILE and no -c LINE")
    from fortish.replayed import replayed

    return asyncio.run(replayed(given))


def check(given: argparse.Namespace) -> int:
    """Scripts against grammar and schema."""
    from dataclasses import replace

    from fortish.boot import Options, boot
    from fortish.check import findings, report
    from fortish.files import templates, texts

    runtime = boot(Options(firmware=given.firmware, network="none", frozen=True))
    sources = texts(given.files_)
    found = [
        replace(finding, line=finding.line + before)
        for name, before, text in sources
        for finding in findings(runtime.box, name, text, given.transcript or None, keep_unknown=given.keep_unknown)
    ]
    output = report(found, given.format)
    if output:
        print(output)
    templates([(name, text, before) for name, before, text in sources], {finding.file for finding in found})
    return 1 if found else 0


def lab(given: argparse.Namespace) -> int:
    """Training labs: each subcommand brings what it runs. Raises `UsageError`."""
    raise UsageError("lab: what? 'fortish lab --help' lists it")


def demo(given: argparse.Namespace) -> int:
    """The enrollment guide's examples."""
    import asyncio

    from fortish.demo import play

    return asyncio.run(play(given.example, sys.stdout.write))


def est_check(given: argparse.Namespace) -> int:
    """An EST server judged."""
    import asyncio

    from fortish.estcheck import check, failures, report

    if given.key is not None and given.cert is None:
        raise UsageError("--key: there is no --cert that it would belong to")
    credentials = None if given.user is None else (given.user, _password())
    how = {name: getattr(given, name) for name in ("cert", "key", "label", "network", "timeout")}
    verdicts = asyncio.run(check(given.url, trust=given.trust, credentials=credentials, **how))
    print(report(given.url, verdicts, given.format))
    return 1 if failures(verdicts) else 0


def _password() -> str:
    """A password that stands on no command line: of the environment, the first line of a pipe, or asked for."""
    given = os.environ.get("FORTISH_PASSWORD")
    if given is not None:
        return given
    if sys.stdin is not None and sys.stdin.isatty():
        from getpass import getpass

        with contextlib.suppress(EOFError):
            return getpass("Password: ")
    elif sys.stdin is not None and (line := sys.stdin.readline()):
        return line.rstrip("\r\n")
    raise UsageError("no password: there is nobody to ask, and FORTISH_PASSWORD is not set")


def responder(given: argparse.Namespace) -> int:
    """The lab's EST server."""
    import asyncio

    from fortish.estserver import responder_for, serve
    from fortish.textfile import read_text

    text = read_text(given.policy) if given.policy else None
    try:
        state, ca_file = responder_for(text, given.ca_dir)
    except UsageError as error:
        from fortish.responder.mistakes import placed

        raise UsageError(placed(given.policy, text or "", str(error))) from None
    asyncio.run(serve(given.listen, state, ca_file, given.scep))
    return 0


# In the order of `fortish.arguments.COMMANDS`.
RUNS: dict[str, Run] = {
    "shell": shell,
    "replay": replay,
    "check": check,
    "demo": demo,
    "responder": responder,
    "est-check": est_check,
    "lab": lab,
}


if __name__ == "__main__":
    raise SystemExit(main())
