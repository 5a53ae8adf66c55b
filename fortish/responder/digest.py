"""HTTP Digest (RFC 7616): challenges, and the check of what answers them, with MD5 and SHA-256 and `auth` alone.

A nonce is a time and a count under a secret of the responder's, so none is stored until it is used; then the highest
count of its uses is, and no count is taken twice.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from fortish import httpauth
from fortish.httpauth import Covered
from fortish.responder.clients import is_about
from fortish.responder.message import REALM, Asked, Refused

NONCE_LIFE: Final = 300  # seconds
_MOST_NONCES = 10_000  # used ones that are remembered
_NEEDED = ("nonce", "uri", "response", "qop", "nc", "cnonce")

# The strongest first: a client takes the first that it knows (RFC 7616 section 3.7).
ALGORITHMS: Final = tuple(httpauth.HASHES)[::-1]


@dataclass(slots=True)
class Nonces:
    """The nonces that one responder has given out."""

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    given: int = 0
    used: dict[str, int] = field(default_factory=dict, repr=False)  # the highest count so far

    def fresh(self, now: datetime) -> str:
        """A nonce that has not been given out before."""
        self.given += 1
        start = f"{int(now.timestamp()):x}.{self.given:x}"
        return f"{start}.{self._seal(start)}"

    def age(self, nonce: str, now: datetime) -> float | None:
        """Seconds since a nonce was given out; None where it is not one of ours."""
        start, _, seal = nonce.rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(start).encode()):
            return None
        return now.timestamp() - int(start.partition(".")[0], 16)

    def use(self, nonce: str, count: int) -> bool:
        """Note a use; whether its count is higher than that of every use before."""
        if count <= self.used.get(nonce, 0):
            return False
        self.used.pop(nonce, None)
        self.used[nonce] = count
        while len(self.used) > _MOST_NONCES:
            del self.used[next(iter(self.used))]
        return True

    def _seal(self, start: str) -> str:
        return hmac.new(self.secret, start.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:32]


def challenges(
    nonces: Nonces, now: datetime, stale: bool, *, hides_user: bool = False, plain: bool = False
) -> list[str]:
    """One challenge for each algorithm, the strongest first, with a nonce of its own.

    `plain`: that of MD5 comes first, and no more is in it than RFC 2617 asks for, which leaves its algorithm out.
    """
    old = ", stale=true" if stale else ""
    more = (", userhash=true" if hides_user else "") + old
    found = [
        f'Digest realm="{REALM}", qop="auth", algorithm={name}, nonce="{nonces.fresh(now)}", charset=UTF-8{more}'
        for name in ALGORITHMS
    ]
    return [f'Digest realm="{REALM}", qop="auth", nonce="{nonces.fresh(now)}"{old}', *found[:-1]] if plain else found


def digest_user(given: bytes, asked: Asked, accounts: Mapping[str, str], nonces: Nonces, now: datetime) -> str:
    """The user that an Authorization header proves to be. Every account is compared, in constant time.

    Raises Refused (401), stale where only the nonce is at fault.
    """
    shown = parameters(given)
    wrong = Refused(401, "the user name or the password is wrong")
    algorithm = shown.get("algorithm", "MD5").upper()
    if algorithm not in ALGORITHMS or shown.get("qop", "").lower() != "auth" or any(not shown.get(n) for n in _NEEDED):
        raise Refused(401, "HTTP Digest with qop=auth, a cnonce, and MD5 or SHA-256 is needed")
    if shown.get("realm") != REALM or not is_about(asked, shown["uri"]):
        raise Refused(401, "the digest is for another realm or another path")
    matching = [user for user, password in accounts.items() if _matches(algorithm, shown, asked.method, user, password)]
    if not matching or not _is_named(algorithm, shown, matching[0]):
        raise wrong
    age = nonces.age(shown["nonce"], now)
    if age is None or not re.fullmatch(r"[0-9a-fA-F]{8}", shown["nc"]):
        raise wrong if age is not None else Refused(401, "the nonce is not of this server", stale=True)
    if not 0 <= age <= NONCE_LIFE:
        raise Refused(401, "the nonce has expired", stale=True)
    if not nonces.use(shown["nonce"], int(shown["nc"], 16)):
        raise Refused(401, "this nonce count has been used before", stale=True)
    return matching[0]


def parameters(given: bytes) -> dict[str, str]:
    """The parameters behind `Digest`, names in lower case. `username` may have come as `username*` (RFC 8187).

    Raises Refused (401) for what is no such list, names one twice, or holds a NUL.
    """
    refused = Refused(401, "the Authorization header cannot be read")
    read = httpauth.credentials(given.decode("utf-8", "surrogateescape"))
    if read is None or read.name != "digest" or read.token or b"\0" in given:
        raise refused
    found = dict(read.parameters)
    extended = found.pop("username*", None)
    if extended is not None:
        name = httpauth.from_extended(extended)
        if name is None or "username" in found or found.get("userhash", "").lower() == "true":
            raise refused
        found["username"] = name
    if "\0" in found.setdefault("username", ""):
        raise refused
    return found


def _matches(algorithm: str, shown: Mapping[str, str], method: str, user: str, password: str) -> bool:
    """Whether the response is that of this account (RFC 7616 section 3.4.1)."""
    covered = Covered(method, *(shown[name] for name in ("uri", "nonce", "qop", "nc", "cnonce")))
    expected = covered.response(algorithm, httpauth.secret(algorithm, user, REALM, password))
    return hmac.compare_digest(expected.encode(), httpauth.octets(shown["response"].lower()))


def _is_named(algorithm: str, shown: Mapping[str, str], user: str) -> bool:
    """Whether a request names this user, in the open or hidden (RFC 7616 section 3.4.4)."""
    if shown.get("userhash", "").lower() == "true":
        return shown["username"].lower() == httpauth.user_hash(algorithm, user, REALM)
    return httpauth.prepared(shown["username"]) == httpauth.prepared(user)
