"""What one responder allows and how it behaves: a value, usually read from a TOML file.

    days = 365
    wrap = "auto"                          # 64, 76, "none" or "auto"
    csrattrs = ["1.3.132.0.34"]
    accounts = { estuser = "estpwd" }      # HTTP Basic
    srp-accounts = { srpuser = "srppwd" }  # TLS-SRP
    labels.full = { keep-subject = true }  # a path segment, RFC 7030 section 3.2.2
    faults.simpleenroll = "wrong-key"      # or { status = 503, headers = [["Retry-After", "60"]] }

What a file names replaces the default as a whole; a word that is not known is an error.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, UnionType
from typing import Any, Final, TypeAlias

from fortish.errors import UsageError
from fortish.pki.csrattrs import write_csrattrs
from fortish.pki.faults import CsrAttrsFault
from fortish.responder.faults import FAULTS, SEGMENT, Fault

Wrap: TypeAlias = int | str
WRAPS: Final[tuple[Wrap, ...]] = (64, 76, "auto", "none")

# The RFC's operation names: none of them may serve as a path segment (RFC 7030 section 3.2.2). Sorted.
OPERATION_NAMES: Final = ("cacerts", "csrattrs", "fullcmc", "serverkeygen", "simpleenroll", "simplereenroll")

CSRATTRS: Final = ("1.3.6.1.1.1.1.22", "1.2.840.113549.1.9.1", "1.3.132.0.34", "2.16.840.1.101.3.4.2.2")


@dataclass(frozen=True, slots=True)
class Label:
    """What a path segment changes. `csrattrs` of None are the policy's own, an empty tuple is none at all."""

    keep_subject: bool = False
    csrattrs: tuple[str, ...] | None = None


def _one(key: str, value: object) -> Callable[[], Mapping[str, Any]]:
    return lambda: MappingProxyType({key: value})


@dataclass(frozen=True, slots=True)
class Policy:
    """How a responder behaves. `accounts` and `srp_accounts` map user to password; `days` is a certificate's life.

    `wrap` is the columns of base64: 64 with LF, 76 with CRLF, "none" for one line without an end; "auto" is 64, and
    one line for a request without User-Agent and Accept, since the client known to send such (strongSwan 5.9) reads
    nothing else. `faults` maps an operation, or "*" for all others, to what goes wrong in it.
    """

    accounts: Mapping[str, str] = field(default_factory=_one("estuser", "estpwd"), repr=False)
    srp_accounts: Mapping[str, str] = field(default_factory=_one("srpuser", "srppwd"), repr=False)
    labels: Mapping[str, Label] = field(default_factory=_one("full", Label(keep_subject=True)))
    csrattrs: tuple[str, ...] = CSRATTRS
    wrap: Wrap = "auto"
    days: int = 365
    faults: Mapping[str, Fault] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def from_toml(cls, text: str) -> Policy:
        """The policy in a TOML text. Raises UsageError, which names the key that is unknown or wrong."""
        try:
            found = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"policy: {error}") from None
        return cls(**_fields("policy", found, _POLICY))


_Reader: TypeAlias = Callable[[str, object], Any]


def _fields(where: str, found: object, readers: Mapping[str, _Reader]) -> dict[str, Any]:
    """The keyword arguments that a TOML table stands for: each key has a reader, and hyphens become underscores."""
    values: dict[str, Any] = {}
    for key, value in _table(where, found).items():
        if key not in readers:
            raise UsageError(f"{where}: unknown key {key!r}; known are {', '.join(sorted(readers))}")
        values[key.replace("-", "_")] = readers[key](f"{where}: {key}", value)
    return values


def _table(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{where} must be a table")
    return value


def _plain(kind: type | UnionType, wanted: str, accepts: Callable[[Any], bool] = lambda value: True) -> _Reader:
    """A reader of one value of a TOML type; a boolean is no number."""

    def read(where: str, value: object) -> Any:
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool) or not accepts(value):
            raise UsageError(f"{where} must be {wanted}")
        return value

    return read


def _strings(where: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where} must be a list of strings")
    return tuple(value)


def _oids(where: str, value: object) -> tuple[str, ...]:
    oids = _strings(where, value)
    try:
        write_csrattrs(oids)
    except CsrAttrsFault as fault:
        raise UsageError(f"{where}: {fault.reason}") from None
    return oids


def _accounts(where: str, value: object) -> Mapping[str, str]:
    accounts = _table(where, value)
    for user, password in accounts.items():
        if not isinstance(password, str) or "\0" in user + password:
            raise UsageError(f"{where}: the password of {user!r} must be a string without NUL")
        if ":" in user:  # RFC 7617 section 2
            raise UsageError(f"{where}: a user name has no colon: {user!r}")
    return MappingProxyType(accounts)


def _labels(where: str, value: object) -> Mapping[str, Label]:
    labels = _table(where, value)
    for name in labels:
        if not name or "/" in name or name in OPERATION_NAMES or name.startswith(SEGMENT):
            raise UsageError(f"{where}: {name!r} cannot be a path segment")
    return MappingProxyType({name: Label(**_fields(f"{where}.{name}", it, _LABEL)) for name, it in labels.items()})


def _faults(where: str, value: object) -> Mapping[str, Fault]:
    faults = _table(where, value)
    for operation in faults:
        if operation != "*" and operation not in OPERATION_NAMES:
            raise UsageError(f"{where}: unknown operation {operation!r}; known are *, {', '.join(OPERATION_NAMES)}")
    return MappingProxyType({operation: _fault(f"{where}.{operation}", it) for operation, it in faults.items()})


def _fault(where: str, value: object) -> Fault:
    if isinstance(value, str):
        if value not in FAULTS:
            raise UsageError(f"{where}: unknown fault {value!r}; known are {', '.join(FAULTS)}")
        return FAULTS[value]
    return Fault(**_fields(where, value, _FAULT))


def _headers(where: str, value: object) -> tuple[tuple[str, str], ...]:
    pairs = [_strings(where, item) for item in value] if isinstance(value, list) else [()]
    if any(len(pair) != 2 or not "".join(pair).isprintable() for pair in pairs):
        raise UsageError(f"{where} must be a list of [name, value]")
    return tuple((pair[0], pair[1]) for pair in pairs)


def _body(where: str, value: object) -> bytes:
    text: str = _plain(str, "a string")(where, value)
    return text.encode()


def _seconds(where: str, value: object) -> float:
    return float(_DELAY(where, value))


_DELAY = _plain(int | float, "a number of seconds from 0 to 3600", lambda number: 0 <= number <= 3600)
_FLAG = _plain(bool, "true or false")
_SIZE = _plain(int, "a number of octets, 0 or more", lambda number: number >= 0)

# Sorted, each with what reads its value.
_FAULT: Mapping[str, _Reader] = MappingProxyType(
    {
        "body": _body,
        "close": _FLAG,
        "content-type": _plain(str, "one line of text", str.isprintable),
        "cut": _SIZE,
        "delay": _seconds,
        "drop": _strings,
        "expired": _FLAG,
        "headers": _headers,
        "oversize": _SIZE,
        "status": _plain(int, "an HTTP status from 200 to 599", range(200, 600).__contains__),
        "untrusted-issuer": _FLAG,
        "wrong-key": _FLAG,
    }
)
_LABEL: Mapping[str, _Reader] = MappingProxyType({"csrattrs": _oids, "keep-subject": _FLAG})
_POLICY: Mapping[str, _Reader] = MappingProxyType(
    {
        "accounts": _accounts,
        "csrattrs": _oids,
        "days": _plain(int, "a number of days from 1 to 36500", range(1, 36501).__contains__),
        "faults": _faults,
        "labels": _labels,
        "srp-accounts": _accounts,
        "wrap": _plain(int | str, '64, 76, "none" or "auto"', WRAPS.__contains__),
    }
)
