"""What one responder allows and how it behaves: a value, usually read from a TOML file.

    days = 365
    wrap = "auto"                          # 64, 76, "none" or "auto"
    csrattrs = ["1.3.132.0.34", { rsa = 4096 }]    # the items are explained in `attributes`
    accounts = { estuser = "estpwd" }      # HTTP Basic and Digest
    srp-accounts = { srpuser = "srppwd" }  # TLS-SRP
    http-auth = ["digest", "basic"]        # what is offered; a client that knows Digest takes it
    userhash = true                        # Digest asks for users that are hidden, RFC 7616 section 3.4.4
    http-too = true                        # a client certificate or TLS-SRP is not enough: HTTP authentication, too
    highest-tls = "1.2"                    # or "1.3": what is spoken from the start; 1.2 has a tls-unique to link with
    pop = "required"                       # "off", "optional" or "required": linking, RFC 7030 section 3.5
    approval = "manual"                    # or "auto": simpleenroll waits (202) until someone approves it
    approve-after = 60                     # seconds after which it is approved unattended
    retry-after = 10                       # seconds, or "date" for an HTTP date
    ra-exempt = true                       # who holds an RA's certificate need not link requests, section 3.7
    rollover = true                        # a new root beside the old one, RFC 7030 section 4.1.3
    scep-challenge = "sceppwd"             # of SCEP requests; "" asks for none
    scep-capabilities = ["AES", "Renewal"] # what GetCACaps says
    scep-fault = "unsigned"                # one of `scepfaults`
    intermediate = true                    # certificates are issued by a CA below the root
    cas.iot = { common-name = "iotCA" }    # a further CA; it may have intermediate and rollover too
    labels.full = { keep-subject = true }  # a path segment, RFC 7030 section 3.2.2
    labels.ra = { ra = true }              # its certificates are those of registration authorities
    labels.iot = { ca = "iot", days = 30, csrattrs = [], pop = "off", http-auth = ["basic"], approval = "auto" }
    faults.simpleenroll = "wrong-key"      # or { status = 503, headers = [["Retry-After", "60"]] }

What a file names replaces the default as a whole; a word that is not known is an error.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from fortish.errors import UsageError
from fortish.responder.attributes import Attr, read_attributes
from fortish.responder.faults import FAULTS, FORMS, REDIRECTS, SEGMENT, Fault
from fortish.responder.reading import Reader, fields, one_of, plain, some_of, strings, table
from fortish.responder.scepfaults import SCEP_FAULTS

Wrap: TypeAlias = int | str
Pop: TypeAlias = Literal["off", "optional", "required"]
WRAPS: Final[tuple[Wrap, ...]] = (64, 76, "auto", "none")

# The RFC's operation names: none of them may serve as a path segment (RFC 7030 section 3.2.2). Sorted.
OPERATION_NAMES: Final = ("cacerts", "csrattrs", "fullcmc", "serverkeygen", "simpleenroll", "simplereenroll")

# strongSwan 5.9.8 mixes them up, and takes SHA-384 for what it needs.
SCEP_CAPABILITIES: Final = (
    "AES", "POSTPKIOperation", "Renewal", "SCEPStandard", "SHA-256", "SHA-384", "SHA-512",
)  # fmt: skip
CSRATTRS: Final[tuple[Attr, ...]] = (
    "1.3.6.1.1.1.1.22",
    "1.2.840.113549.1.9.1",
    "1.3.132.0.34",
    "2.16.840.1.101.3.4.2.2",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What kind of CA: its root's common name ('' for the usual one), and what there is besides a root."""

    common_name: str = ""
    intermediate: bool = False
    rollover: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """What a path segment changes. None is the policy's own value; an empty tuple of csrattrs is none at all."""

    keep_subject: bool = False
    csrattrs: tuple[Attr, ...] | None = None
    approval: str | None = None
    ca: str = ""
    days: int | None = None
    http_auth: tuple[str, ...] | None = None
    pop: Pop | None = None
    ra: bool = False


def _one(key: str, value: object) -> Callable[[], Mapping[str, Any]]:
    return lambda: MappingProxyType({key: value})


@dataclass(frozen=True, slots=True)
class Policy:
    """How a responder behaves. `accounts` and `srp_accounts` map user to password; `days` is a certificate's life.

    `wrap` is the columns of base64: 64 with LF, 76 with CRLF, "none" for one line without an end; "auto" is 64, and one
    line for a request with no header that it need not have, since the client known to send such (strongSwan 5.9) reads
    nothing else. `http_too` is whether TLS alone lets nobody in. `faults` maps an operation, or "*" for all others, to
    what goes wrong in it. `approve_after` of None waits for ever; `retry_after` is in seconds, or "date".
    """

    accounts: Mapping[str, str] = field(default_factory=_one("estuser", "estpwd"), repr=False)
    srp_accounts: Mapping[str, str] = field(default_factory=_one("srpuser", "srppwd"), repr=False)
    labels: Mapping[str, Label] = field(default_factory=_one("full", Label(keep_subject=True)))
    csrattrs: tuple[Attr, ...] = CSRATTRS
    wrap: Wrap = "auto"
    days: int = 365
    faults: Mapping[str, Fault] = field(default_factory=lambda: MappingProxyType({}))
    http_auth: tuple[str, ...] = ("basic",)
    http_too: bool = False
    highest_tls: str = "1.3"
    pop: Pop = "off"
    approval: str = "auto"
    approve_after: int | None = None
    retry_after: int | str = 10
    intermediate: bool = False
    ra_exempt: bool = False
    rollover: bool = False
    userhash: bool = False
    scep_challenge: str = field(default="sceppwd", repr=False)
    scep_capabilities: tuple[str, ...] = SCEP_CAPABILITIES
    scep_fault: str = ""
    cas: Mapping[str, Kind] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def from_toml(cls, text: str) -> Policy:
        """The policy in a TOML text. Raises UsageError, which names the key that is unknown or wrong."""
        try:
            found = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"policy: {error}") from None
        return cls.from_table("policy", found)

    @classmethod
    def from_table(cls, where: str, found: object) -> Policy:
        """The policy in a table of a TOML text. Raises UsageError, which names the key that is unknown or wrong."""
        policy = cls(**fields(where, found, _POLICY))
        for name, label in policy.labels.items():
            if label.ca and label.ca not in policy.cas:
                raise UsageError(f"{where}: labels.{name}: ca: there is no CA {label.ca!r} among cas")
        return policy

    def label(self, segment: str) -> Label:
        """What a path segment stands for, nothing left open; '' is the policy's own."""
        own = self.labels.get(segment, _NO_LABEL)
        return replace(
            own,
            approval=own.approval or self.approval,
            csrattrs=self.csrattrs if own.csrattrs is None else own.csrattrs,
            days=own.days or self.days,
            http_auth=own.http_auth or self.http_auth,
            pop=own.pop or self.pop,
        )

    def kinds(self) -> dict[str, Kind]:
        """Every CA by its name; '' is the usual one."""
        return {"": Kind("", self.intermediate, self.rollover), **self.cas}


_NO_LABEL: Final = Label()


# --- readers ------------------------------------------------------------------------------------------------------


def _accounts(where: str, value: object) -> Mapping[str, str]:
    accounts = table(where, value)
    for user, password in accounts.items():
        if not isinstance(password, str) or "\0" in user + password:
            raise UsageError(f"{where}: the password of {user!r} must be a string without NUL")
        if ":" in user:  # RFC 7617 section 2
            raise UsageError(f"{where}: a user name has no colon: {user!r}")
    return MappingProxyType(accounts)


def _labels(where: str, value: object) -> Mapping[str, Label]:
    labels = table(where, value)
    for name in labels:
        if not name or "/" in name or name in OPERATION_NAMES or name.startswith(SEGMENT):
            raise UsageError(f"{where}: {name!r} cannot be a path segment")
    return MappingProxyType({name: Label(**fields(f"{where}.{name}", it, _LABEL)) for name, it in labels.items()})


def _cas(where: str, value: object) -> Mapping[str, Kind]:
    found = table(where, value)
    for name in found:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", name):
            raise UsageError(f"{where}: {name!r} cannot be a CA's name: letters, digits, - and _ make one")
    kinds = {name: Kind(**{"common_name": name, **fields(f"{where}.{name}", it, _KIND)}) for name, it in found.items()}
    return MappingProxyType(kinds)


def _faults(where: str, value: object) -> Mapping[str, Fault]:
    faults = table(where, value)
    for operation in faults:
        if operation != "*" and operation not in OPERATION_NAMES:
            raise UsageError(f"{where}: unknown operation {operation!r}; known are *, {', '.join(OPERATION_NAMES)}")
    return MappingProxyType({operation: _fault(f"{where}.{operation}", it) for operation, it in faults.items()})


def _fault(where: str, value: object) -> Fault:
    if isinstance(value, str):
        if value not in FAULTS:
            raise UsageError(f"{where}: unknown fault {value!r}; known are {', '.join(FAULTS)}")
        return FAULTS[value]
    return Fault(**fields(where, value, _FAULT))


def _headers(where: str, value: object) -> tuple[tuple[str, str], ...]:
    pairs = [strings(where, item) for item in value] if isinstance(value, list) else [()]
    if any(len(pair) != 2 or not "".join(pair).isprintable() for pair in pairs):
        raise UsageError(f"{where} must be a list of [name, value]")
    return tuple((pair[0], pair[1]) for pair in pairs)


def _body(where: str, value: object) -> bytes:
    text: str = plain(str, "a string")(where, value)
    return text.encode()


def _seconds(where: str, value: object) -> float:
    return float(_DELAY(where, value))


def _retry_after(where: str, value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 86400:
        return value
    if value != "date":
        raise UsageError(f'{where} must be a number of seconds from 0 to 86400, or "date"')
    return "date"


_APPROVAL = one_of("auto", "manual")
_DAYS = plain(int, "a number of days from 1 to 36500", range(1, 36501).__contains__)
_DELAY = plain(int | float, "a number of seconds from 0 to 3600", lambda number: 0 <= number <= 3600)
_FLAG = plain(bool, "true or false")
_HTTP_AUTH = some_of("basic", "digest")
_LINE = plain(str, "one line of text", str.isprintable)
_POP = one_of("off", "optional", "required")
_SIZE = plain(int, "a number of octets, 0 or more", lambda number: number >= 0)

# Each sorted, each word with what reads its value.
# fmt: off
_FAULT: Mapping[str, Reader] = MappingProxyType(
    {
        "body":             _body,
        "close":            _FLAG,
        "close-after-401":  _FLAG,
        "content-type":     _LINE,
        "cut":              _SIZE,
        "delay":            _seconds,
        "drop":             strings,
        "encoding":         _LINE,
        "expired":          _FLAG,
        "extra":            _FLAG,
        "form":             one_of(*FORMS),
        "headers":          _headers,
        "http-version":     one_of("1.0", "1.1"),
        "key-first":        _FLAG,
        "not-yet-valid":    _FLAG,
        "oversize":         _SIZE,
        "pause":            _seconds,
        "pieces":           _SIZE,
        "pkcs1":            _FLAG,
        "redirect":         one_of(*REDIRECTS),
        "retry-after":      _LINE,
        "silent":           _FLAG,
        "status":           plain(int, "an HTTP status from 200 to 599", range(200, 600).__contains__),
        "untrusted-issuer": _FLAG,
        "wrap":             plain(int | str, '64, 76, "none" or "odd"', (64, 76, "none", "odd").__contains__),
        "wrong-key":        _FLAG,
        "wrong-subject":    _FLAG,
    }
)
_KIND: Mapping[str, Reader] = MappingProxyType(
    {
        "common-name":  plain(str, "a name of 1 to 64 characters", lambda text: 0 < len(text) <= 64),
        "intermediate": _FLAG,
        "rollover":     _FLAG,
    }
)
_LABEL: Mapping[str, Reader] = MappingProxyType(
    {
        "approval":     _APPROVAL,
        "ca":           plain(str, "the name of a CA"),
        "csrattrs":     read_attributes,
        "days":         _DAYS,
        "http-auth":    _HTTP_AUTH,
        "keep-subject": _FLAG,
        "pop":          _POP,
        "ra":           _FLAG,
    }
)
_POLICY: Mapping[str, Reader] = MappingProxyType(
    {
        "accounts":          _accounts,
        "approval":          _APPROVAL,
        "approve-after":     plain(int, "a number of seconds, 0 or more", lambda number: number >= 0),
        "cas":               _cas,
        "csrattrs":          read_attributes,
        "days":              _DAYS,
        "faults":            _faults,
        "highest-tls":       one_of("1.2", "1.3"),
        "http-auth":         _HTTP_AUTH,
        "http-too":          _FLAG,
        "intermediate":      _FLAG,
        "labels":            _labels,
        "pop":               _POP,
        "ra-exempt":         _FLAG,
        "retry-after":       _retry_after,
        "rollover":          _FLAG,
        "scep-capabilities": strings,
        "scep-challenge":    _LINE,
        "scep-fault":        one_of(*SCEP_FAULTS),
        "srp-accounts":      _accounts,
        "userhash":          _FLAG,
        "wrap":              plain(int | str, '64, 76, "none" or "auto"', WRAPS.__contains__),
    }
)
# fmt: on
