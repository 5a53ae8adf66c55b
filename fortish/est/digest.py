"""HTTP Digest (RFC 7616), the client's side: read a challenge, answer it. MD5 and SHA-256, `auth` only.

It is asked for only on a link whose server is authorised already (RFC 7030 section 3.2.3). `auth-int`, which would
cover the body, is not spoken by any EST server seen.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import field

from fortish.values import dataclass

# From the weakest to the strongest; a `-sess` form follows its own.
# fmt: off
ALGORITHMS: dict[str, Callable[[bytes], str]] = {
    "MD5":          lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "MD5-SESS":     lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256":      lambda data: hashlib.sha256(data).hexdigest(),
    "SHA-256-SESS": lambda data: hashlib.sha256(data).hexdigest(),
}
# fmt: on
# What has matched is not given back, and a name is looked for at its start only: else a long header takes its square.
_SCHEME = re.compile(r"(?:^|,)\s*+([A-Za-z][\w-]*+)\s++(?=[\w-]++\s*+=)")
_PARAMETER = re.compile(r'(?<![\w-])([\w-]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]++))')
_LONGEST = 8192  # characters of a header that are looked at


@dataclass(slots=True)
class Digest:
    """A challenge that can be answered. `count` is how often its nonce was used."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    opaque: str | None = None
    qop: bool = False
    stale: bool = False
    count: int = 0
    cnonce: str = field(default_factory=lambda: secrets.token_hex(8))

    def answer(self, method: str, target: str, user: str, password: str) -> str:
        """The Authorization header for one request; `target` is the path with its query (RFC 7616 section 3.4)."""
        self.count += 1
        digest, times = ALGORITHMS[self.algorithm.upper()], f"{self.count:08x}"
        secret = digest(f"{user}:{self.realm}:{password}".encode("utf-8", "surrogateescape"))
        if self.algorithm.upper().endswith("-SESS"):
            secret = digest(f"{secret}:{self.nonce}:{self.cnonce}".encode())
        asked = digest(f"{method}:{target}".encode())
        middle = f"{self.nonce}:{times}:{self.cnonce}:auth" if self.qop else self.nonce
        fields = {
            "username": _quoted(user),
            "realm": _quoted(self.realm),
            "nonce": _quoted(self.nonce),
            "uri": _quoted(target),
            "response": _quoted(digest(f"{secret}:{middle}:{asked}".encode())),
            "algorithm": self.algorithm,
        }
        if self.opaque is not None:
            fields["opaque"] = _quoted(self.opaque)
        if self.qop:
            fields |= {"qop": "auth", "nc": times, "cnonce": _quoted(self.cnonce)}
        return "Digest " + ", ".join(f"{name}={value}" for name, value in fields.items())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def challenge(headers: Iterable[str]) -> Digest | None:
    """The strongest Digest challenge among WWW-Authenticate headers that can be answered, or None."""
    found = [digest for header in headers for digest in _challenges(header[:_LONGEST])]
    strength = list(ALGORITHMS)
    return max(found, key=lambda digest: strength.index(digest.algorithm.upper()), default=None)


def _challenges(header: str) -> Iterable[Digest]:
    starts = list(_SCHEME.finditer(header))
    for place, start in enumerate(starts):
        end = starts[place + 1].start() if place + 1 < len(starts) else len(header)
        if start[1].lower() == "digest":
            given = {m[1].lower(): _plain(m) for m in _PARAMETER.finditer(header[start.end() : end])}
            if (digest := _read(given)) is not None:
                yield digest


def _plain(match: re.Match[str]) -> str:
    return match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])


def _read(given: dict[str, str]) -> Digest | None:
    algorithm = given.get("algorithm", "MD5")
    offered = [word.strip().lower() for word in given.get("qop", "").split(",") if word.strip()]
    if "nonce" not in given or algorithm.upper() not in ALGORITHMS or (offered and "auth" not in offered):
        return None
    return Digest(
        given.get("realm", ""),
        given["nonce"],
        algorithm,
        given.get("opaque"),
        bool(offered),
        given.get("stale", "").lower() == "true",
    )
