"""How addresses, ports, host names and times of day are read: the types that a network needs."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from fortish import messages
from fortish.cmdb.table import Attribute
from fortish.errors import CliError
from fortish.messages import Text
from fortish.parse import number

if TYPE_CHECKING:
    from fortish.cmdb.types import Looks

MULTICAST_END = 240  # the first octet from which on addresses are of no class
LAST_PORT = 65535
# Pairs of which the box takes any mask at `set`; whether it is one is looked at when the entry is saved, if at all.
ANY_MASK = frozenset({"subnet", "wildcard"})


def one(attribute: Attribute, words: tuple[str, ...]) -> str:
    """The only word of a value; more are a parse error."""
    if len(words) > 1:
        raise messages.parse_error(words[1])
    return words[0]


def refuse(attribute: Attribute, value: str, code: int, *reasons: str) -> CliError:
    """The refusal of a value by the check of its attribute."""
    return messages.value_error(value, code, *reasons, Text.CHECK_FAIL(name=attribute.name, value=value))


def _address(word: str) -> str:
    try:
        return str(ipaddress.IPv4Address(word))
    except ValueError:
        raise messages.value_error(word, -8, Text.BAD_ADDRESS()) from None


def read_address(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """An IPv4 address."""
    return _address(one(attribute, words))


def read_pair(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """An IPv4 address and its mask, `10.0.0.1/24` or `10.0.0.1 255.255.255.0`."""
    typed = words[-1]
    address, slash, mask = words[0].partition("/")
    if not slash:
        if len(words) < 2:
            raise messages.incomplete()
        mask = words[1]
    if len(words) > (1 if slash else 2):
        raise messages.parse_error(words[1 if slash else 2])
    address = _address(address)
    if int(address.split(".")[0]) >= MULTICAST_END:
        raise messages.value_error(typed, -8, Text.BAD_CLASS())
    if attribute.name in ANY_MASK and not slash:
        return f"{address} {_address(mask)}"
    try:
        return f"{address} {ipaddress.IPv4Network(f'0.0.0.0/{mask}').netmask}"
    except ValueError:
        raise messages.value_error(typed, -9, Text.BAD_NETMASK()) from None


def read_ipv6(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """An IPv6 address."""
    word = one(attribute, words)
    try:
        return str(ipaddress.IPv6Address(word if "%" not in word else ""))
    except ValueError:
        raise messages.value_error(word, -255, Text.BAD_IPV6()) from None


def read_prefix(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """An IPv6 address and the length of its prefix, `2001:db8::1/64`."""
    word = one(attribute, words)
    address, slash, length = word.partition("/")
    try:
        if not (slash and length.isascii() and length.isdecimal() and number(length) <= ipaddress.IPV6LENGTH):
            raise ValueError(length)
        return f"{ipaddress.IPv6Address(address if '%' not in address else '')}/{number(length)}"
    except ValueError:
        raise messages.value_error(word, -254, Text.BAD_IPV6_PREFIX()) from None


MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


def read_mac(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A MAC address."""
    word = one(attribute, words)
    if not MAC.fullmatch(word):
        raise messages.value_error(word, -33, Text.BAD_MAC())
    return word.lower()


def read_macs(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """MAC addresses, or ranges `02:00:5e:00:53:01-02:00:5e:00:53:09`."""
    found = []
    for word in words:
        first, dash, last = word.lower().partition("-")
        if not MAC.fullmatch(first) or (dash and (not MAC.fullmatch(last) or last < first)):
            raise messages.value_error(word, -33, Text.BAD_MAC())
        found.append(word.lower())
    return tuple(dict.fromkeys(found))


def read_fqdn(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A domain name; '' for none."""
    word = one(attribute, words)
    if not word:
        return ""
    label = r"[A-Za-z0-9_*]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
    if len(word) > 253 or not re.fullmatch(rf"{label}(\.{label})*\.?", word):
        raise refuse(attribute, word, -651, Text.BAD_DOMAIN())
    return word


def read_mask(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A netmask."""
    word = one(attribute, words)
    if not is_mask(_address(word)):
        raise messages.value_error(word, -9, Text.BAD_NETMASK())
    return word


def is_mask(dotted: str) -> bool:
    """Whether this address is a mask without holes."""
    bits = f"{int(ipaddress.IPv4Address(dotted)):032b}"
    return "01" not in bits


def _range(attribute: Attribute, word: str) -> str:
    """`10.0.0.1` or `10.0.0.1-10.0.0.9`."""
    first, dash, last = word.partition("-")
    first = _address(first)
    if not dash:
        return first
    if ipaddress.IPv4Address(_address(last)) < ipaddress.IPv4Address(first):
        raise refuse(attribute, word, -45)
    return f"{first}-{last}"


def read_range(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """An IPv4 address or a range of them."""
    return _range(attribute, one(attribute, words))


def read_ranges(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """IPv4 addresses, ranges or subnets."""
    found = []
    for word in words:
        address, slash, length = word.partition("/")
        if slash and not (length.isascii() and length.isdecimal() and number(length) <= ipaddress.IPV4LENGTH):
            raise messages.value_error(word, -9, Text.BAD_NETMASK())
        found.append(f"{_address(address)}/{number(length)}" if slash else _range(attribute, word))
    return tuple(dict.fromkeys(found))


_PORTS = r"(\d{1,5})(?:-(\d{1,5}))?"
_PORT_RANGE = re.compile(_PORTS, re.ASCII)
_TARGET_AND_SOURCE = re.compile(rf"{_PORTS}(?::{_PORTS})?", re.ASCII)


def _ports(attribute: Attribute, word: str, form: re.Pattern[str]) -> str:
    match = form.fullmatch(word)
    numbers = [int(port) for port in match.groups() if port] if match else []
    rising = match and all(
        int(low) <= int(high or low) for low, high in zip(*[iter(match.groups())] * 2, strict=True) if low
    )
    if not rising or max(numbers) > LAST_PORT:
        reason = Text.CHECK_FAIL(name=attribute.name, value=word)
        raise messages.value_error(word, -650, reason, blank=False)
    return word


def read_port_range(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A port, or a range `100-200`."""
    return _ports(attribute, one(attribute, words), _PORT_RANGE)


def read_port_ranges(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """Ports or ranges, each with source ports behind a colon if need be: `80`, `100-200:1024-65535`."""
    return tuple(dict.fromkeys(_ports(attribute, word, _TARGET_AND_SOURCE) for word in words))


def read_time_of_day(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """Hours and minutes, `08:30`."""
    word = one(attribute, words)
    if not re.fullmatch(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", word):
        raise refuse(attribute, word, -651)
    return word.rjust(5, "0")
