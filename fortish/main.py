"""The `fortish` command. Exit status: 0 done, 1 the work found failures, 2 unusable arguments or input, 130 Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import gc
import os
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fortish import __version__
from fortish.errors import CliError, StorageFault, UsageError

if TYPE_CHECKING:
    from fortish.boot import Options
    from fortish.drive import Runtime
    from fortish.replay import Failure, Onlooker, Player, Typed

COMMANDS = ("shell", "replay", "check", "demo", "responder", "est-check", "lab")
DESCRIPTION = "A FortiOS-style configuration shell that really enrolls its certificates over EST (RFC 7030)."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or (words[0] not in COMMANDS and words[0] not in ("-h", "--help", "--version")):
        if words and not words[0].startswith("-"):
            print(f"fortish: no command '{words[0]}'; there are {', '.join(COMMANDS)}", file=sys.stderr)
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
        options = _parser(labs=words[:1] == ["lab"]).parse_args(words)
        status: int = _list_firmwares() if getattr(options, "firmware", "") == "list" else options.run(options)
        return status
    finally:
        sys.stdout.flush()


def _be_silent() -> None:
    """What could not be written is not tried again at exit."""
    with contextlib.suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# --- arguments ------------------------------------------------------------------------------------------------------


def _parser(*, labs: bool = False) -> argparse.ArgumentParser:
    """All commands; those of `lab` only when they are asked for, since they live in modules of their own."""
    parser = argparse.ArgumentParser(prog="fortish", description=DESCRIPTION, epilog="example: fortish demo 1")
    parser.add_argument("--version", action="version", version=f"fortish {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    _shell_arguments(_command(commands, "shell", shell, "type at an appliance (the default)", "fortish shell"))
    _replay_arguments(
        _command(commands, "replay", replay, "play scripts, backups and screen copies", "fortish replay site.conf")
    )
    _check_arguments(_command(commands, "check", check, "read scripts, run nothing", "fortish check site.conf"))
    demo_ = _command(commands, "demo", demo, "play the enrollment guide's examples", "fortish demo 2")
    demo_.add_argument("example", nargs="?", choices=("1", "2", "3"), help="only this one")
    _responder_arguments(
        _command(commands, "responder", responder, "the lab's EST server for any EST client", "fortish responder")
    )
    _est_check_arguments(
        _command(
            commands,
            "est-check",
            est_check,
            "walk through an EST server as the box would, and judge it",
            "fortish est-check https://est.example.com --trust ca.pem --user alice",
        )
    )
    lab_ = _command(commands, "lab", lab, "training labs: list, start, check, grade, write", "fortish lab list")
    if labs:
        from fortish.labs.command import add_to

        add_to(lab_)
    return parser


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], help_: str, example: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.", epilog=f"example: {example}"
    )
    parser.set_defaults(run=run)
    return parser


def _box_arguments(parser: argparse.ArgumentParser) -> None:
    box = parser.add_argument_group("the box")
    box.add_argument("--config", type=Path, metavar="FILE", help="start from a backup")
    box.add_argument("--state", type=Path, metavar="PATH", help="keep what is committed in this file (SQLite)")
    box.add_argument(
        "--network", choices=("lab", "real", "none"), default="lab", help="default: lab, the embedded world"
    )
    box.add_argument("--clock", metavar="TIME", help="start the box's clock there (ISO 8601)")
    box.add_argument("--firmware", metavar="NAME", default="fortiproxy-guide", help="what is emulated; 'list' lists")
    box.add_argument("--hostname", metavar="NAME", help="host name of the box")
    box.add_argument("--trust", type=Path, metavar="FILE", help="CA certificates for the box's store")
    box.add_argument("--files", type=Path, metavar="DIR", help="folder behind the lab's TFTP server")
    box.add_argument("--capture", type=Path, metavar="DIR", help="keep each EST exchange there, raw and decoded")


def _shell_arguments(parser: argparse.ArgumentParser) -> None:
    _box_arguments(parser)
    parser.add_argument("--assist", action="store_true", help="a learner's shell: menu, colours, status line")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the configuration there at the end")


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    _box_arguments(parser)
    parser.add_argument("files_", nargs="*", metavar="FILE", help="- is standard input")
    parser.add_argument("-c", action="append", default=[], dest="lines", metavar="LINE", help="a single command")
    parser.add_argument("--transcript", action="store_true", help="the files are screen copies")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the resulting configuration there")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a page (HTML) of what happened there")
    parser.add_argument("--quiet", action="store_true", help="failures only, as file:line: message")
    parser.add_argument("--stop-on-error", action="store_true", help="stop at the first failure")
    parser.add_argument("--yes", action="store_true", help="answer every question with y")
    parser.add_argument("--keep-unknown", action="store_true", help="keep what the schema does not know, as text")
    parser.add_argument("--progress", action="store_true", help="a progress bar on standard error")


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files_", nargs="+", metavar="FILE", help="- is standard input")
    parser.add_argument("--firmware", metavar="NAME", default="fortiproxy-guide", help="what is emulated")
    parser.add_argument("--format", choices=("text", "json", "sarif"), default="text")
    parser.add_argument("--keep-unknown", action="store_true", help="what the schema does not know is no finding")
    parser.add_argument("--transcript", action="store_true", help="the files are screen copies")


def _responder_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:8443", help="default: 127.0.0.1:8443")
    parser.add_argument("--scep", metavar="HOST:PORT", default="", help="answer SCEP there, too, over plain HTTP")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="accounts, labels, CAs, approval, faults (TOML)")
    parser.add_argument("--ca-dir", type=Path, metavar="DIR", help="keep keys, serials, CRL, requests there")


def _est_check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="https://host[:port]")
    parser.add_argument("--trust", type=Path, metavar="FILE", help="CA certificates that the server must chain to")
    parser.add_argument("--user", metavar="U", help="user for HTTP; the password is asked for, or FORTISH_PASSWORD")
    parser.add_argument("--label", default="", metavar="L", help="path segment of the EST URLs")
    parser.add_argument("--timeout", type=_seconds, default=30.0, metavar="S", help="seconds for each answer (30)")
    parser.add_argument("--format", choices=("text", "json", "junit"), default="text")
    parser.add_argument("--network", choices=("lab", "real"), default="real", help="default: real")


def _seconds(text: str) -> float:
    """A time that is some, and ends."""
    seconds = float(text)
    if not 0 < seconds < 3600:
        raise ValueError(text)
    return seconds


def _list_firmwares() -> int:
    from fortish.box import FIRMWARES

    for firmware in FIRMWARES.values():
        print(f"{firmware.name:<18} {firmware.product} {firmware.version} ({firmware.model})")
    return 0


def _options(given: argparse.Namespace, *, frozen: bool) -> Options:
    from fortish.boot import Options

    return Options(
        config=given.config,
        network=given.network,
        clock=given.clock,
        firmware=given.firmware,
        hostname=given.hostname,
        trust=given.trust,
        files=given.files,
        capture=given.capture,
        frozen=frozen,
        state=given.state,
    )


# --- commands -------------------------------------------------------------------------------------------------------


def shell(given: argparse.Namespace) -> int:
    """The interactive appliance; what is piped into it is played."""
    if sys.stdin is None or not sys.stdin.isatty():
        words = ["replay", "-"]
        return replay(argparse.Namespace(**{**vars(_parser().parse_args(words)), **vars(given)}))
    return asyncio.run(_shell(given))


async def _shell(given: argparse.Namespace) -> int:
    from fortish.boot import boot
    from fortish.session import Session
    from fortish.shell import interact

    runtime = boot(_options(given, frozen=False))
    _warn(runtime, given)
    session = Session(runtime.box)
    try:
        status: int = await interact(runtime, session, history=_history(), assist=given.assist)
        if given.save is not None:
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


def _warn(runtime: Runtime, given: argparse.Namespace) -> None:
    """Say how much of a backup was not understood."""
    if count := len(runtime.box.config_errors):
        lines = "a line was" if count == 1 else f"{count} lines were"
        where = "'diagnose debug config-error-log read' shows them"
        print(f"fortish: warning: {given.config}: {lines} not understood; {where}", file=sys.stderr)


def save(box: Any, path: Path) -> None:
    """Write a box's whole configuration, whole or not at all. Raises `UsageError`."""
    from fortish.session import Session

    try:
        text = "\n".join(Session(box).configuration()) + "\n"
    except CliError as error:  # what is made when it is first read could not be kept
        raise UsageError(f"--save {path}: {error.lines[0]}") from None
    part = path.with_name(f".{path.name}.part")
    try:
        part.touch(mode=0o600)
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise UsageError(f"--save {path}: {error.strerror}") from None


def replay(given: argparse.Namespace) -> int:
    """Scripts, backups and screen copies."""
    if not given.files_ and not given.lines:
        raise UsageError("replay: no FILE and no -c LINE")
    return asyncio.run(_replay(given))


async def _replay(given: argparse.Namespace) -> int:
    from fortish.boot import boot
    from fortish.refused import told
    from fortish.replay import Typed

    sources = [(name, text, _lines(text, before, given)) for name, before, text in _texts(given.files_)]
    if given.lines:
        sources.append(("-c", "", [Typed(number, line) for number, line in enumerate(given.lines, 1)]))
    runtime = boot(_options(given, frozen=given.network != "real"))
    _warn(runtime, given)
    gc.disable()  # a replay makes values, not cycles
    try:
        with _reported(runtime, given.report) as onlooker:
            failures, whole = await _played(given, runtime, sources, onlooker)
    finally:
        await runtime.close()
    for failure in failures if given.quiet else ():
        print(told(failure))
    _templates(sources, {failure.file for failure in failures})
    return 1 if failures or not whole else 0


def _lines(text: str, before: int, given: argparse.Namespace) -> list[Typed]:
    """What is typed of a text that has `before` lines before it in its file."""
    from fortish.replay import typed_lines

    lines = typed_lines(text, given.transcript or None)
    for typed in lines:
        typed.number += before
    return lines


def _templates(sources: Iterable[tuple[str, str, object]], files: Collection[str]) -> None:
    """Say of each of the `files`, in which something was refused, if it is a template that nobody filled in."""
    from fortish.refused import placeholder

    told = set()
    for name, text, _ in sources:
        if name in files and name not in told and (found := placeholder(text)):
            told.add(name)
            print(f"{name}:{found[0]}: warning: looks like a template: {found[1]}", file=sys.stderr)


async def _played(
    given: argparse.Namespace,
    runtime: Runtime,
    sources: Sequence[tuple[str, str, list[Typed]]],
    onlooker: Onlooker | None,
) -> tuple[list[Failure], bool]:
    """Play every source's lines; what failed, and whether all of them were played."""
    from fortish.boot import restoring
    from fortish.replay import Player
    from fortish.session import Session

    session = Session(runtime.box)
    whole = True
    write: Callable[[str], object] = _nothing if given.quiet else sys.stdout.write
    player = Player(
        runtime, session, write, given.yes, given.stop_on_error,
        store=runtime.store, onlooker=onlooker, keep_unknown=given.keep_unknown,
    )  # fmt: skip
    try:
        count = sum(len(lines) for _, _, lines in sources)
        with _progress(given.progress or _long(count, quiet=given.quiet), count) as advance:
            for name, text, lines in sources:
                player.begin(name)
                with restoring(runtime.box, text):
                    await player.play(lines, advance)
                player.finish()
                player.stored()
                whole = _all_played(player) and whole
                if player.failures and given.stop_on_error:
                    break
        await player.settle()
        if given.save is not None:
            save(runtime.box, given.save)
    finally:
        player.stored()  # Ctrl-C, too: what was done is kept and shown
    return player.failures, whole


def _all_played(player: Player) -> bool:
    """Whether a file was played to its end; if not, and if something is left unsaved, that is said."""
    from fortish.messages import Text

    if player.session.not_saved:
        print(f"{player.file}: {Text.NOT_SAVED(places=player.session.not_saved)}", file=sys.stderr)
    if player.unplayed:
        lines = Text.NOT_PLAYED(count=player.unplayed, how=player.session.left)
        print(f"{player.file}:{player.at}: {lines}", file=sys.stderr)
    return not player.unplayed


def _reported(runtime: Runtime, path: Path | None) -> contextlib.AbstractContextManager[Onlooker | None]:
    """Who looks on for a page of what happens, if one is wanted. Raises `UsageError`."""
    if path is None:
        return contextlib.nullcontext()
    from fortish.report.scene import reported

    return reported(runtime, path)


def _nothing(text: str) -> None:
    """Print nothing."""


def _texts(names: Sequence[str]) -> list[tuple[str, int, str]]:
    """The named files' texts, standard input for `-`, and the lines before each. Raises `UsageError`.

    A doubtful comment is warned of. Of a MIME envelope the parts that hold commands are texts; others are told.
    """
    from fortish.boot import decoded, read_text
    from fortish.check import doubtful_comments
    from fortish.refused import parts

    texts = []
    for name in names:
        whole = _standard_input(decoded) if name == "-" else read_text(Path(name))
        for part in parts(whole):
            if not part.plays:
                print(f"{name}:{part.before + 1}: a MIME part, passed over", file=sys.stderr)
                continue
            for number, line in doubtful_comments(part.text):
                number += part.before
                print(f"{name}:{number}: warning: this comment would be a command: {line}", file=sys.stderr)
            texts.append((name, part.before, part.text))
    return texts


def _standard_input(decoded: Callable[[bytes], str]) -> str:
    """All of standard input; nothing where it is closed."""
    return decoded(sys.stdin.buffer.read()) if sys.stdin is not None else ""


LONG = 5000  # lines of input from which on a bar is shown unasked, where it disturbs nothing


def _long(count: int, *, quiet: bool) -> bool:
    """Whether a replay takes long, with a terminal for the bar that the session itself is not printed on."""
    return count >= LONG and sys.stderr.isatty() and (quiet or not sys.stdout.isatty())


class _progress:  # noqa: N801 - used as a function
    """A progress bar on standard error, or nothing."""

    def __init__(self, wanted: bool, total: int) -> None:
        self._bar: Any = None
        if wanted:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True))
            self._task = self._bar.add_task("replay", total=total)

    def __enter__(self) -> Callable[[int], None] | None:
        if self._bar is None:
            return None
        self._bar.start()
        return lambda count: self._bar.advance(self._task, count)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def check(given: argparse.Namespace) -> int:
    """Scripts against grammar and schema."""
    from fortish.boot import Options, boot
    from fortish.check import findings, report

    runtime = boot(Options(firmware=given.firmware, network="none", frozen=True))
    texts = _texts(given.files_)
    found = [
        replace(finding, line=finding.line + before)
        for name, before, text in texts
        for finding in findings(runtime.box, name, text, given.transcript or None, keep_unknown=given.keep_unknown)
    ]
    output = report(found, given.format)
    if output:
        print(output)
    _templates([(name, text, before) for name, before, text in texts], {finding.file for finding in found})
    return 1 if found else 0


def lab(given: argparse.Namespace) -> int:
    """Training labs: each subcommand brings what it runs. Raises `UsageError`."""
    raise UsageError("lab: what? 'fortish lab --help' lists it")


def demo(given: argparse.Namespace) -> int:
    """The enrollment guide's examples."""
    from fortish.demo import play

    return asyncio.run(play(given.example, sys.stdout.write))


def est_check(given: argparse.Namespace) -> int:
    """An EST server judged."""
    from fortish.estcheck import check, failures, report

    credentials = None if given.user is None else (given.user, _password())
    how = {"label": given.label, "network": given.network, "timeout": given.timeout}
    verdicts = asyncio.run(check(given.url, trust=given.trust, credentials=credentials, **how))
    print(report(given.url, verdicts, given.format))
    return 1 if failures(verdicts) else 0


def _password() -> str:
    """A password that stands on no command line."""
    given = os.environ.get("FORTISH_PASSWORD")
    if given is None:
        from getpass import getpass

        try:
            given = getpass("Password: ")
        except EOFError:
            raise UsageError("no password: there is nobody to ask, and FORTISH_PASSWORD is not set") from None
    return given


def responder(given: argparse.Namespace) -> int:
    """The lab's EST server."""
    from fortish.boot import read_text
    from fortish.estserver import responder_for, serve

    text = read_text(given.policy) if given.policy else None
    try:
        state, ca_file = responder_for(text, given.ca_dir)
    except UsageError as error:
        from fortish.responder.mistakes import placed

        raise UsageError(placed(given.policy, text or "", str(error))) from None
    asyncio.run(serve(given.listen, state, ca_file, given.scep))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
