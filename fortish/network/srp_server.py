"""The server's end of TLS-SRP (RFC 5054): the handshake, and the verifiers of the accounts, made when first needed.

Importing this module needs tlslite-ng (`fortish[srp]`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from fortish.network.lite import goodGroupParameters, makeVerifier
from fortish.network.saslprep import saslprep
from fortish.network.srp import SrpStream, as_os_error, settings
from fortish.network.tcp import Tcp

BITS: Final = 2048  # of the group of RFC 5054 appendix A that verifiers are made in
_GENERATOR, _PRIME = next((g, prime) for g, prime in goodGroupParameters if prime.bit_length() == BITS)

Verifier = tuple[int, int, bytes, int]  # prime, generator, salt, verifier


class Verifiers:
    """The verifiers of one server, by user. An account that changes its password gets a new one."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Verifier] = {}
        self._secret = secrets.token_bytes(32)

    def of(self, user: bytes, accounts: Mapping[str, str]) -> tuple[str, Verifier]:
        """The account that a client means, '' for none, and a verifier for it.

        A user that is not known gets one, too, the same each time: the handshake then fails as over a wrong password,
        and tells nobody who has an account (RFC 5054 section 2.5.1.3).
        """
        account = next((name for name in accounts if user and _prepared(name) == user), "")
        password = _prepared(accounts[account]) if account else b""
        if not password:
            return "", self._simulated(user)
        held = account, accounts[account]
        if held not in self._made:
            self._made[held] = _verifier(user, password)
        return account, self._made[held]

    def _simulated(self, user: bytes) -> Verifier:
        digest = hmac.digest(self._secret, b"salt" + user, hashlib.sha1)[:16]
        salt = bytes([digest[0] or 1]) + digest[1:]
        exponent = int.from_bytes(hmac.digest(self._secret, b"password" + user, hashlib.sha1), "big")
        return _PRIME, _GENERATOR, salt, pow(_GENERATOR, exponent, _PRIME)


def _verifier(user: bytes, password: bytes) -> Verifier:
    """A verifier whose salt does not begin with a zero: OpenSSL's clients take it for a number, and lose the zero."""
    while True:
        prime, generator, salt, verifier = makeVerifier(bytearray(user), bytearray(password), BITS)
        if salt[0]:
            return prime, generator, bytes(salt), verifier


def _prepared(text: str) -> bytes:
    """A user name or password as it is hashed; empty where it cannot be, and then nobody can prove it."""
    try:
        return saslprep(text).encode()
    except (ValueError, UnicodeError):
        return b""


class _Lookup:
    """What tlslite-ng asks for the verifier of the user that a ClientHello names; `account` is whose it was."""

    def __init__(self, verifiers: Verifiers, accounts: Mapping[str, str]) -> None:
        self._verifiers, self._accounts = verifiers, accounts
        self.account = ""

    def __getitem__(self, user: bytes) -> Verifier:
        self.account, verifier = self._verifiers.of(user, self._accounts)
        return verifier


async def accept(opened: Tcp, verifiers: Verifiers, accounts: Mapping[str, str]) -> tuple[SrpStream, str]:
    """Answer a ClientHello: the connection, and the account that has been proved. Raises OSError."""
    stream = SrpStream(opened)
    lookup = _Lookup(verifiers, accounts)
    with as_os_error():
        await stream.handshake(stream.tls.handshakeServerAsync(verifierDB=lookup, settings=settings()))
    if not lookup.account:  # whoever guesses a simulated verifier's password is still nobody
        raise ConnectionAbortedError("an unknown user")
    return stream, lookup.account
