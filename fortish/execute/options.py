"""`execute ping-options`: how `execute ping` goes about it, for as long as the session lasts.

On the lab's network no packet leaves the box: size, count, interval, time to live, source, interface and the DF bit act
there, type of service, pattern and timeout do not. Answers are always checked, whatever validate-reply says.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, fields, replace
from typing import Any

from fortish import messages
from fortish.box import Box
from fortish.cmdb.entries import GLOBAL, INTERFACE
from fortish.cmdb.table import Attribute
from fortish.commands import Arguments, Here, Run
from fortish.hooks import Hook, parameter
from fortish.messages import Text
from fortish.steps import Flow, Header, Say

AUTO = "auto"
MOST = 4294967295
KEY = "ping"  # in the session's options
_YES_NO = (("yes", "Yes."), ("no", "No."))

# Type of service as RFC 1349 has it. Sorted.
# fmt: off
SERVICES = {
    "default":     0x00,
    "lowcost":     0x02,
    "lowdelay":    0x10,
    "reliability": 0x04,
    "throughput":  0x08,
}

# What may be set: the command's help, and its parameter with the default. Sorted.
# ruff: noqa: E501
OPTIONS: dict[str, tuple[str, Attribute]] = {
    "adaptive-ping":  ("Send the next request as soon as an answer is there.",
                       parameter("state", "enable or disable.", "option", choices=(("enable", "As soon as an answer is there."), ("disable", "At each interval.")))),
    "data-size":      ("Bytes of data in a request.", parameter("bytes", "Bytes (0-65507).", "integer", low=0, high=65507, default=56)),
    "df-bit":         ("Forbid to fragment the packets.", parameter("state", "yes or no.", "option", choices=_YES_NO)),
    "interface":      ("Interface to send from: its address is the source.", parameter("name", "auto, or the name of an interface.", "reference", refs=(INTERFACE,))),
    "interval":       ("Seconds between two requests.", parameter("seconds", "Seconds, at least 1.", "integer", low=1, high=MOST, default=1)),
    "pattern":        ("What fills the data; its first 16 bytes stay random. Not seen in the lab.", parameter("hex", "Hexadecimal digits, such as 00ffaabb.", "var-string", 32)),
    "repeat-count":   ("How many requests are sent.", parameter("count", "Number of requests, at least 1.", "integer", low=1, high=MOST, default=5)),
    "source":         ("Source address.", parameter("address", "auto, or an address of an interface.", "var-string")),
    "timeout":        ("Seconds to wait for an answer. In the lab it is known at once that none comes.", parameter("seconds", "Seconds, at least 1.", "integer", low=1, high=MOST, default=2)),
    "tos":            ("Type of service in the IP header. Not seen in the lab.", parameter("service", "Type of service.", "option", choices=tuple((name, f"{value:#04x} in the IP header.") for name, value in SERVICES.items()))),
    "ttl":            ("Time to live in the IP header.", parameter("hops", "Hops (1-255).", "integer", low=1, high=255, default=64)),
    "validate-reply": ("Check the answers; fortish always does.", parameter("state", "yes or no.", "option", choices=_YES_NO)),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class PingOptions:
    """The options of one session, each under its name with `_` for `-`."""

    adaptive_ping: str = "disable"
    data_size: int = 56
    df_bit: str = "no"
    interface: str = AUTO
    interval: int = 1
    pattern: str = ""
    repeat_count: int = 5
    source: str = AUTO
    timeout: int = 2
    tos: str = "default"
    ttl: int = 64
    validate_reply: str = "no"

    @property
    def header(self) -> Header:
        """What they say about the IP header."""
        return Header(self.ttl, SERVICES[self.tos], self.df_bit == "yes")

    @property
    def fill(self) -> bytes:
        """The pattern's bytes; of an odd number of digits the last stands for a byte of its own."""
        return bytes.fromhex(self.pattern if len(self.pattern) % 2 == 0 else f"{self.pattern[:-1]}0{self.pattern[-1]}")

    def source_on(self, box: Box) -> str:
        """The source address, '' if the network chooses. Raises `CliError` if the box has no such address."""
        addresses = box.addresses()
        if self.source != AUTO:
            if self.source not in addresses:
                raise messages.failed(-8, Text.NO_SOURCE(address=self.source))
            return self.source
        if self.interface == AUTO:
            return ""
        found = [address for address, name in addresses.items() if name == self.interface]
        if not found:
            raise messages.failed(-8, Text.NO_INTERFACE_IP(name=self.interface))
        return found[0]


def chosen(here: Here) -> PingOptions:
    """What is set in this session."""
    options: PingOptions = here.options.get(KEY, PingOptions())
    return options


def setter(name: str) -> Run:
    """The hook that sets one option."""
    wanted = OPTIONS[name][1].name
    check = _CHECKS.get(name, lambda here, typed: typed)

    def run(here: Here, arguments: Arguments) -> Flow:
        value = check(here, arguments[wanted])
        here.options[KEY] = replace(chosen(here), **{name.replace("-", "_"): value})
        yield from ()

    return run


def reset(here: Here, arguments: Arguments) -> Flow:
    """All as it was."""
    here.options.pop(KEY, None)
    yield from ()


def view(here: Here, arguments: Arguments) -> Flow:
    """What is set."""
    options = chosen(here)
    values = {field.name: getattr(options, field.name) for field in fields(options)}
    values |= {"df_bit": "set" if options.df_bit == "yes" else "unset", "tos": SERVICES[options.tos]}
    yield Say(Text.PING_OPTIONS(**values, pattern_size=len(options.fill)))


def _source(here: Here, typed: str) -> str:
    """auto, or an IPv4 address. Raises `CliError`."""
    if typed == AUTO or not typed:
        return AUTO
    try:
        return str(ipaddress.IPv4Address(typed))
    except ValueError:
        raise messages.value_error(typed, -8, Text.BAD_ADDRESS()) from None


def _interface(here: Here, typed: str) -> str:
    """auto, or an interface that is there. Raises `CliError`."""
    if typed not in ("", AUTO) and typed not in here.box.cmdb.rows(GLOBAL, INTERFACE):
        raise messages.value_error(typed, -3, Text.NOT_IN_DATASOURCE())
    return typed or AUTO


def _pattern(here: Here, typed: str) -> str:
    """Hexadecimal digits. Raises `CliError`."""
    if not re.fullmatch(r"[0-9a-fA-F]*", typed):
        raise messages.value_error(typed, -651, Text.BAD_PATTERN())
    return typed.lower()


# Options whose value takes more than its type to be right. Sorted.
_CHECKS: dict[str, Any] = {"interface": _interface, "pattern": _pattern, "source": _source}

# Sorted.
HOOKS = tuple(sorted((
    *(Hook(f"ping-options {name}", text, setter(name), (wanted,), 1) for name, (text, wanted) in OPTIONS.items()),
    Hook("ping-options reset", "All ping options as they were.", reset),
    Hook("ping-options view-settings", "Show the ping options.", view),
), key=lambda hook: hook.path))  # fmt: skip
