"""What the person at a running responder may type: a few commands on its state, answered with lines of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from fortish.pki.names import tight
from fortish.responder import approval
from fortish.responder.revocation import revoke
from fortish.responder.state import Responder

_HISTORY: Final = 20  # visits that are listed unless a number is given
_TIME: Final = "%Y-%m-%d %H:%M:%S"


class Wrong(Exception):
    """A command that cannot be obeyed; its text says why."""


def obey(state: Responder, line: str, now: datetime) -> list[str] | None:
    """The lines that answer a command; None for `quit`."""
    words = line.split()
    if not words:
        return []
    if words[0] in ("quit", "exit"):
        return None
    command = COMMANDS.get(words[0])
    if command is None:
        return [f"no command '{words[0]}'; `help` lists them"]
    try:
        return command.run(state, words[1:], now)
    except Wrong as wrong:
        return [f"{wrong}; usage: {words[0]} {command.usage}".rstrip()]


def _list(state: Responder, words: list[str], now: datetime) -> list[str]:
    rows = [
        f"{one.number:>4}  {one.time.strftime(_TIME)}  {one.verdict:<8}  {one.account or '-'}  {one.subject}"
        f"{f'  label {one.label}' if one.label else ''}"
        for one in approval.requests(state)
    ]
    return list(map(_printable, rows)) or ["nothing waits for approval"]


def _approve(state: Responder, words: list[str], now: datetime) -> list[str]:
    return _decided(state, words, approval.approve, "approved")


def _deny(state: Responder, words: list[str], now: datetime) -> list[str]:
    return _decided(state, words, approval.deny, "denied")


def _decided(state: Responder, words: list[str], decide: Callable[..., object], done: str) -> list[str]:
    number = _number(words)
    try:
        decide(state, number)
    except KeyError:
        raise Wrong(f"there is no request {number}") from None
    return [f"request {number} is {done}"]


def _revoke(state: Responder, words: list[str], now: datetime) -> list[str]:
    serial = _number(words, 0)
    try:
        revoke(state, serial, now)
    except KeyError:
        raise Wrong(f"no certificate with the serial number {serial} has been issued") from None
    return [f"certificate {serial} (0x{serial:x}) is revoked"]


def _issued(state: Responder, words: list[str], now: datetime) -> list[str]:
    count = _number(words) if words else _HISTORY
    found = list(state.issued)[-count:] if count else []
    rows = [
        f"{one.serial_number} (0x{one.serial_number:x})  until {one.not_valid_after_utc.strftime(_TIME)}  "
        f"{tight(one.subject)}{'  revoked' if one.serial_number in state.revoked else ''}"
        for one in found
    ]
    return list(map(_printable, rows)) or ["nothing has been issued"]


def _history(state: Responder, words: list[str], now: datetime) -> list[str]:
    count = _number(words) if words else _HISTORY
    visits = list(state.history)[-count:] if count else []
    rows = [
        f"{one.time.strftime(_TIME)}  {one.address}  {one.status}  {'/'.join(filter(None, (one.label, one.operation)))}"
        f"  {one.account or '-'}  {one.subject}".rstrip()
        for one in visits
    ]
    return list(map(_printable, rows)) or ["nobody has been here"]


def _help(state: Responder, words: list[str], now: datetime) -> list[str]:
    rows = [f"{name} {command.usage}".ljust(17) + command.help for name, command in COMMANDS.items()]
    return [*rows, "quit".ljust(17) + "stop serving"]


def _number(words: list[str], radix: int = 10) -> int:
    """The one word, a number; with radix 0 also in hexadecimal behind 0x."""
    try:
        (word,) = words
        number = int(word, radix)
    except ValueError:
        raise Wrong("a number is needed") from None
    if number < 0:
        raise Wrong("a number is needed")
    return number


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "." for letter in text)


@dataclass(frozen=True, slots=True)
class _Command:
    usage: str
    help: str
    run: Callable[[Responder, list[str], datetime], list[str]]


# Sorted.
COMMANDS: Mapping[str, _Command] = MappingProxyType(
    {
        "approve": _Command("N", "let request N have its certificate", _approve),
        "deny": _Command("N", "refuse request N, with 403", _deny),
        "help": _Command("", "this list", _help),
        "history": _Command("[N]", "the last N visits", _history),
        "issued": _Command("[N]", "the last N certificates", _issued),
        "list": _Command("", "requests that wait for approval", _list),
        "revoke": _Command("SERIAL", "revoke a certificate; 0x… is hexadecimal", _revoke),
    }
)
