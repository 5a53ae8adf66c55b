"""HTTP Digest (RFC 7616), the client's side: choose a challenge, answer it. MD5 and SHA-256, `auth` only.

It is asked for only on a link whose server is authorised already (RFC 7030 section 3.2.3). So `rspauth`, by which a
server proves that it knows the password, is not looked at; `auth-int`, which covers the body as TLS does, not spoken.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fortish import httpauth
from fortish.httpauth import Covered, quoted

if TYPE_CHECKING:
    import httpx

KNOWN = tuple(f"{name}{session}" for name in httpauth.HASHES for session in ("", httpauth.SESSION))


@dataclass(slots=True)
class Digest:
    """A challenge that can be answered.

    `count` is how often its nonce was used, `first` the nonce it began with, `named` whether it names its algorithm.
    """

    realm: str
    nonce: str
    algorithm: str = "MD5"
    opaque: str | None = None
    qop: bool = False
    stale: bool = False
    utf8: bool = False
    hides_user: bool = False
    named: bool = True
    count: int = 0
    cnonce: str = field(default_factory=lambda: secrets.token_hex(8))
    first: str = field(init=False)

    def __post_init__(self) -> None:
        self.first = self.nonce

    def answer(self, method: str, target: str, user: str, password: str) -> str:
        """The Authorization header for one request; `target` is the path with its query (RFC 7616 section 3.4)."""
        self.count += 1
        times = f"{self.count:08x}"
        held = httpauth.secret(self.algorithm, user, self.realm, password)
        held = httpauth.session_secret(self.algorithm, held, self.first, self.cnonce)
        more = ("auth", times, self.cnonce) if self.qop else ()
        fields = {
            **self._user(user),
            "realm": quoted(self.realm),
            "nonce": quoted(self.nonce),
            "uri": quoted(target),
        }
        if self.qop or self.algorithm.upper().endswith(httpauth.SESSION):
            fields["cnonce"] = quoted(self.cnonce)
        if self.qop:
            fields |= {"nc": times, "qop": "auth"}
        fields["response"] = quoted(Covered(method, target, self.nonce, *more).response(self.algorithm, held))
        # What need not be there comes last, and only if it was asked for: libest reads 256 octets.
        if self.named:
            fields["algorithm"] = self.algorithm
        if self.opaque is not None:
            fields["opaque"] = quoted(self.opaque)
        return "Digest " + ", ".join(f"{name}={value}" for name, value in fields.items())

    def _user(self, user: str) -> Mapping[str, str]:
        """The user, hidden if the server likes. Who names no charset may not know `username*`, and gets UTF-8."""
        if self.hides_user:
            return {"username": quoted(httpauth.user_hash(self.algorithm, user, self.realm)), "userhash": "true"}
        name = httpauth.prepared(user)
        return {"username": quoted(name)} if name.isascii() or not self.utf8 else {"username*": httpauth.extended(name)}

    def go_on(self, response: httpx.Response) -> None:
        """Take up the nonce that a server wants to see next (RFC 7616 section 3.5)."""
        for header in texts(response, b"authentication-info"):
            for info in httpauth.challenges(f"Digest {header}"):
                if nonce := info.parameters.get("nextnonce"):
                    self.nonce, self.count = nonce, 0


def texts(response: httpx.Response, name: bytes) -> list[str]:
    """The headers of a name (lower case), their octets kept: what is hashed must be what was sent."""
    return [value.decode("utf-8", "surrogateescape") for held, value in response.headers.raw if held.lower() == name]


def challenge(headers: Iterable[str]) -> tuple[Digest | None, str]:
    """The strongest Digest challenge among WWW-Authenticate headers that can be answered; the first of equals.

    Without one, what they ask for that cannot be answered; '' where Basic is among it, which needs no challenge.
    """
    found: list[Digest] = []
    others: list[str] = []
    for offered in (one for header in headers for one in httpauth.challenges(header)):
        if offered.name != "digest":
            others.append("Basic" if offered.name == "basic" else offered.name.title())
        elif reason := _unknown(offered.parameters):
            others.append(f"Digest {reason}")
        else:
            found.append(_read(offered.parameters))
    best = max(found, key=lambda digest: KNOWN.index(digest.algorithm.upper()), default=None)
    return best, "" if best or "Basic" in others else ", ".join(dict.fromkeys(others)) or "nothing that can be read"


def offers_basic(headers: Iterable[str]) -> bool:
    """Whether HTTP Basic is among WWW-Authenticate headers."""
    return any(one.name == "basic" for header in headers for one in httpauth.challenges(header))


def _unknown(given: Mapping[str, str]) -> str:
    """Why a Digest challenge cannot be answered, '' where it can be."""
    if not given.get("nonce"):
        return "without a nonce"
    if (algorithm := given.get("algorithm", "MD5")).upper() not in KNOWN:
        return f"with the algorithm {algorithm}"
    offered = _words(given)
    return f"with qop {' and '.join(offered)} alone" if offered and "auth" not in offered else ""


def _words(given: Mapping[str, str]) -> list[str]:
    return [word.strip().lower() for word in given.get("qop", "").split(",") if word.strip()]


def _read(given: Mapping[str, str]) -> Digest:
    return Digest(
        given.get("realm", ""),
        given["nonce"],
        given.get("algorithm", "MD5"),
        given.get("opaque"),
        bool(_words(given)),
        given.get("stale", "").lower() == "true",
        given.get("charset", "").lower() == "utf-8",
        given.get("userhash", "").lower() == "true",
        "algorithm" in given,
    )
