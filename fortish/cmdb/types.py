"""The closed set of attribute types: how each reads what was typed, and prints what is kept.

A kept value is a str, an int, a tuple of str, or a `Secret`. A reader raises `CliError` in the box's words; it may look
at the entry being edited and at the rest of the configuration through `Looks`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from fortish import messages, zones
from fortish.cmdb import addresses, blocks
from fortish.cmdb.addresses import one, refuse
from fortish.cmdb.secrets import Secret, seal, unseal
from fortish.cmdb.table import Attribute, PathWords
from fortish.errors import CliError
from fortish.messages import Text
from fortish.parse import number
from fortish.quoting import quote

XSS = frozenset("<>()#'\"")
HOST_NAME = re.compile(r"[A-Za-z0-9_-]+")
# Free text may hold these; names may not. The box's own list of exceptions is not published.
FREE_TEXT = frozenset({"comments", "comment", "description", "buffer", "alias", "command"})
HTTP_USERS = frozenset({"est-http-username", "http-username", "proxy-username"})


class Looks(Protocol):
    """What a reader may look at."""

    def value(self, name: str) -> Any:
        """Another attribute of the entry being edited."""

    def exists(self, paths: tuple[PathWords, ...], key: str) -> bool:
        """Whether one of these tables has this entry."""


Reader = Callable[[Attribute, tuple[str, ...], Looks], Any]
Printer = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Type:
    """A type: reads words, prints a value for `show` (behind `set name `) and for `get`."""

    read: Reader
    show: Printer
    get: Printer
    help: str


def read_string(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A string of at most `size` characters, without the characters the box refuses in names."""
    for word in words if attribute.multiple else (one(attribute, words),):
        if attribute.size and len(word) > attribute.size:
            raise too_long(word, attribute.size)
        if attribute.name == "hostname" and not HOST_NAME.fullmatch(word):
            raise refuse(attribute, word, -257)
        if attribute.name not in FREE_TEXT and attribute.type == "string" and not XSS.isdisjoint(word):
            raise messages.value_error(word, -173, Text.XSS())
        if attribute.name in HTTP_USERS:
            _check_http_user(word)
    return _unique(words) if attribute.multiple else words[0]


def _check_http_user(word: str) -> None:
    from fortish.httpauth import can_be_user

    if not can_be_user(word):
        raise messages.value_error(word, -651, f"{Text.HTTP_USER()}.")


def too_long(word: str, limit: int) -> CliError:
    """The refusal of a string that is longer than its attribute takes."""
    return messages.value_error(word, -1, Text.TOO_LONG(size=len(word), limit=limit), blank=False)


def read_label(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A heading: where a name would be refused for its characters, it conflicts with the system (-7)."""
    word = one(attribute, words)
    if len(word) > attribute.size:
        raise too_long(word, attribute.size)
    if not XSS.isdisjoint(word):
        raise addresses.refuse(attribute, word, -7)
    return word


def read_hex(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A byte in hexadecimal, `0x1c`."""
    word = one(attribute, words)
    if not re.fullmatch(r"0x[0-9a-f]{2}", word.lower()):
        raise addresses.refuse(attribute, word, -651)
    return word.lower()


SHORTEST_TTL, LONGEST_TTL = 300, 2764800  # seconds


def read_ttl(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """Seconds that a session is kept: so many, `never` less, or 0 for what holds elsewhere."""
    word = one(attribute, words)
    if word not in {"0", "never"}:
        if not (word.isascii() and word.isdecimal()):
            raise messages.value_error(word, -651, Text.BAD_INTEGER(value=word))
        if not SHORTEST_TTL <= number(word) <= LONGEST_TTL:
            raise addresses.refuse(attribute, word, -650)
    return word


def read_uuid(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A UUID as the box prints it."""
    word = one(attribute, words)
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", word.lower()):
        raise addresses.refuse(attribute, word, -651)
    return word.lower()


def _unique(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word))


def read_secret(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A secret in clear, or `ENC` and its base64."""
    if len(words) == 2 and words[0] == "ENC":
        return unseal(words[1])
    word = one(attribute, words)
    if attribute.size and len(word) > attribute.size:
        raise too_long(word, attribute.size)
    return seal(word) if word else None


def read_integer(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A whole number in the attribute's range."""
    word = one(attribute, words)
    if not (word.isascii() and word.isdecimal()):
        reason = Text.BAD_INTEGER(value=word)
        raise messages.value_error(word, -651, reason)
    if not attribute.low <= number(word) <= attribute.high and number(word) != default(attribute):
        raise addresses.refuse(attribute, word, -650)
    return number(word)


def read_integer_or_none(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A whole number that need not be there at all; what is out of its range fails the check (-651)."""
    word = one(attribute, words)
    digits = word.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        raise messages.value_error(word, -651, Text.BAD_INTEGER(value=word))
    if not attribute.low <= number(word) <= attribute.high:
        raise addresses.refuse(attribute, word, -651)
    return number(word)


def read_option(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """One of the choices, which a unique prefix may stand for; a list is kept in schema order."""
    names = [choice.name for choice in attribute.choices]
    if not attribute.multiple:
        one(attribute, words)
    found = []
    for word in words:
        matches = [word] if word in names else [name for name in names if word and name.startswith(word)]
        if len(matches) != 1:
            raise messages.ambiguous(word) if matches else messages.parse_error(word)
        found += matches
    return tuple(name for name in names if name in found) if attribute.multiple else found[0]


def read_reference(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """The name of an entry that must exist; '' for nothing.

    A choice (`any`) stands for no entry, and the default for one that every box has somewhere.
    """
    if not attribute.multiple:
        one(attribute, words)
    literal = {choice.name for choice in attribute.choices}
    for word in words:
        if word and word not in literal and word != attribute.default and not looks.exists(attribute.refs, word):
            raise messages.value_error(word, -3, Text.NOT_IN_DATASOURCE())
    return _unique(words) if attribute.multiple else words[0]


def read_timezone(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """The name of a time zone (-3 for one that there is not)."""
    word = one(attribute, words)
    if not zones.is_known(word):
        raise messages.value_error(word, -3, Text.NOT_IN_DATASOURCE())
    return word


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _listed(value: Any) -> str:
    return " ".join(value) if isinstance(value, tuple) else _plain(value)


def _quoted(value: Any) -> str:
    return " ".join(map(quote, value)) if isinstance(value, tuple) else quote(_plain(value))


def _choice(value: Any) -> str:
    return f"{_listed(value)} "


def _enc(value: Any) -> str:
    return f"ENC {value.enc}" if isinstance(value, Secret) else "''"


def _star(value: Any) -> str:
    return "*" if value else ""


def _clear(value: Any) -> str:
    return ("*" if value.clear is None else value.clear) if isinstance(value, Secret) else ""


def _quoted_raw(value: Any) -> str:
    return f'"{value}"'


# Sorted. `get` of a certificate is its block, which the renderer prints.
# fmt: off
TYPES: dict[str, Type] = {
    "ca-certificate":    Type(blocks.read_ca,                 _quoted_raw, _plain,  "<certificate>"),
    "certificate":       Type(blocks.read_certificate,        _quoted_raw, _plain,  "<certificate>"),
    "clear-password":    Type(read_secret,                    _enc,        _clear,  "<passwd>"),
    "crl":               Type(blocks.read_crl,                _quoted_raw, _plain,  "<crl>"),
    "fqdn":              Type(addresses.read_fqdn,            _quoted,     _plain,  "<fqdn>"),
    "hex":               Type(read_hex,                       _plain,      _plain,  "<hex>"),
    "integer":           Type(read_integer,                   _plain,      _plain,  "<integer>"),
    "integer-or-none":   Type(read_integer_or_none,           _plain,      _plain,  "<integer>"),
    "ipv4-address":      Type(addresses.read_address,         _plain,      _plain,  "<ipv4>"),
    "ipv4-mask":         Type(addresses.read_mask,            _plain,      _plain,  "<ipv4 mask>"),
    "ipv4-netmask-pair": Type(addresses.read_pair,            _plain,      _plain,  "<ipv4 mask>"),
    "ipv4-range":        Type(addresses.read_range,           _plain,      _plain,  "<ipv4>[-<ipv4>]"),
    "ipv4-ranges":       Type(addresses.read_ranges,          _quoted,     _listed, "<ipv4>[-<ipv4>]"),
    "ipv6-address":      Type(addresses.read_ipv6,            _plain,      _plain,  "<ipv6>"),
    "ipv6-prefix":       Type(addresses.read_prefix,          _plain,      _plain,  "<ipv6>/<length>"),
    "label":             Type(read_label,                     _quoted,     _plain,  "<string>"),
    "mac-address":       Type(addresses.read_mac,             _plain,      _plain,  "<mac>"),
    "mac-ranges":        Type(addresses.read_macs,            _quoted,     _listed, "<mac>[-<mac>]"),
    "number-reference":  Type(read_reference,                 _listed,     _listed, "<integer>"),
    "option":            Type(read_option,                    _listed,     _choice, ""),
    "password":          Type(read_secret,                    _enc,        _star,   "<passwd>"),
    "port-range":        Type(addresses.read_port_range,      _plain,      _plain,  "<port>[-<port>]"),
    "port-ranges":       Type(addresses.read_port_ranges,     _listed,     _listed, "<port>[-<port>]"),
    "private-key":       Type(blocks.read_private_key,        _quoted_raw, _star,   "<private-key>"),
    "reference":         Type(read_reference,                 _quoted,     _listed, "<string>"),
    "request":           Type(blocks.read_request,            _quoted_raw, _plain,  "<request>"),
    "state":             Type(read_string,                    _quoted,     _choice, ""),
    "string":            Type(read_string,                    _quoted,     _listed, "<string>"),
    "time-of-day":       Type(addresses.read_time_of_day,     _plain,      _plain,  "<hh:mm>"),
    "timezone":          Type(read_timezone,                  _quoted,     _plain,  "<string>"),
    "ttl":               Type(read_ttl,                       _plain,      _plain,  "<seconds>"),
    "uuid":              Type(read_uuid,                      _plain,      _plain,  "<uuid>"),
    "var-string":        Type(read_string,                    _quoted,     _listed, "<string>"),
}
# fmt: on


def default(attribute: Attribute) -> Any:
    """The value of an attribute that was never set."""
    if attribute.default is None:
        return () if attribute.multiple else EMPTY.get(attribute.type, "")
    return tuple(attribute.default) if attribute.multiple else attribute.default


EMPTY: dict[str, Any] = {
    "clear-password": None,
    "integer": 0,
    "ipv4-address": "0.0.0.0",  # noqa: S104 - the box's empty value
    "ipv4-netmask-pair": "0.0.0.0 0.0.0.0",
    "ipv6-address": "::",
    "ipv6-prefix": "::/0",
    "mac-address": "00:00:00:00:00:00",
    "password": None,
}
