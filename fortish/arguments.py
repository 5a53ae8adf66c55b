"""The arguments of the `fortish` command: what `--help` shows, and the box that is started with them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fortish import __version__

if TYPE_CHECKING:
    from fortish.drive import Runtime

Run = Callable[[argparse.Namespace], int]  # one command with its arguments; the exit status
DESCRIPTION = "A FortiOS-style configuration shell that really enrolls its certificates over EST (RFC 7030)."


def parser(runs: Mapping[str, Run], words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for these words: a command has its arguments only when it is the one that they ask for."""
    parser = argparse.ArgumentParser(prog="fortish", description=DESCRIPTION, epilog="example: fortish demo 1")
    parser.add_argument("--version", action="version", version=f"fortish {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True, prog="fortish")
    asked = words[0] if words[0] in runs else ""
    for name, help_, example, arguments in COMMANDS:
        if asked in (name, ""):
            one = commands.add_parser(
                name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.", epilog=f"example: fortish {example}"
            )
            one.set_defaults(run=runs[name])
            if asked:
                arguments(one)
    return parser


def started(given: argparse.Namespace, *, frozen: bool) -> Runtime:
    """Start the box that was asked for; how much of its backup was not understood is told. Raises `UsageError`."""
    from fortish.boot import Options, boot

    runtime = boot(
        Options(
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
    )
    if count := len(runtime.box.config_errors):
        lines = "a line was" if count == 1 else f"{count} lines were"
        where = "'diagnose debug config-error-log read' shows them"
        print(f"fortish: warning: {given.config}: {lines} not understood; {where}", file=sys.stderr)
    return runtime


def _box(parser: argparse.ArgumentParser) -> None:
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


def _shell(parser: argparse.ArgumentParser) -> None:
    _box(parser)
    parser.add_argument("--assist", action="store_true", help="a learner's shell: menu, colours, status line")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the configuration there at the end")


def _replay(parser: argparse.ArgumentParser) -> None:
    _box(parser)
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


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files_", nargs="+", metavar="FILE", help="- is standard input")
    parser.add_argument("--firmware", metavar="NAME", default="fortiproxy-guide", help="what is emulated")
    parser.add_argument("--format", choices=("text", "json", "sarif"), default="text")
    parser.add_argument("--keep-unknown", action="store_true", help="what the schema does not know is no finding")
    parser.add_argument("--transcript", action="store_true", help="the files are screen copies")


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("example", nargs="?", choices=("1", "2", "3"), help="only this one")


def _responder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:8443", help="default: 127.0.0.1:8443")
    parser.add_argument("--scep", metavar="HOST:PORT", default="", help="answer SCEP there, too, over plain HTTP")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="accounts, labels, CAs, approval, faults (TOML)")
    parser.add_argument("--ca-dir", type=Path, metavar="DIR", help="keep keys, serials, CRL, requests there")


def _est_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="https://host[:port]")
    parser.add_argument("--trust", type=Path, metavar="FILE", help="CA certificates that the server must chain to")
    parser.add_argument(
        "--user", metavar="U", help="user for HTTP; the password is asked for, FORTISH_PASSWORD, or a piped line"
    )
    parser.add_argument("--cert", type=Path, metavar="FILE", help="client certificate, and what stands above it (PEM)")
    parser.add_argument("--key", type=Path, metavar="FILE", help="its key in clear (PEM), if not in the same file")
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


def _lab(parser: argparse.ArgumentParser) -> None:
    from fortish.labs.command import add_to

    add_to(parser)


# Name, help, example, arguments; as `--help` lists them.
COMMANDS: tuple[tuple[str, str, str, Callable[[argparse.ArgumentParser], None]], ...] = (
    ("shell", "type at an appliance (the default)", "shell", _shell),
    ("replay", "play scripts, backups and screen copies", "replay site.conf", _replay),
    ("check", "read scripts, run nothing", "check site.conf", _check),
    ("demo", "play the enrollment guide's examples", "demo 2", _demo),
    ("responder", "the lab's EST server for any EST client", "responder", _responder),
    (
        "est-check",
        "walk through an EST server as the box would, and judge it",
        "est-check https://est.example.com --trust ca.pem --user alice",
        _est_check,
    ),
    ("lab", "training labs: list, start, check, grade, write", "lab list", _lab),
)
