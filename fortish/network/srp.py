"""TLS-SRP (RFC 5054) through tlslite-ng: a connection that a user name and a password authorise, at either end of it.

tlslite-ng never sees a socket: it computes in a thread, on octets, and asyncio sends and receives them. So a timeout
or Ctrl-C closes the connection at once, and no thread is left waiting for the network. TLS 1.2 only: later there is no
SRP. Importing this module needs tlslite-ng (`fortish[srp]`).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from fortish.errors import LinkLost
from fortish.network.lite import (
    AlertDescription,
    Finished,
    HandshakeSettings,
    TLSAbruptCloseError,
    TLSConnection,
    TLSLocalAlert,
    TLSRemoteAlert,
    is_valid_hostname,
)
from fortish.network.saslprep import saslprep
from fortish.network.tcp import Tcp
from fortish.network.tls import connected, spelled
from fortish.steps import Link, Peer

_END: Final = object()
_LONGEST_USER: Final = 255  # octets, RFC 5054 section 2.8.1
_WANTS_TO_READ: Final = 0  # what tlslite-ng's generators yield; 1 is for a full send buffer, which ours never is

# What ends a handshake, as the server told it and as this end found it; by the alert's name.
# fmt: off
_CAUSES: Mapping[str, tuple[str, str]] = MappingProxyType({
    "bad_record_mac":        ("user '{user}' or the password is wrong", "the server does not know the password"),
    "decrypt_error":         ("user '{user}' or the password is wrong", "the server does not know the password"),
    "handshake_failure":     ("the server does not do TLS-SRP",         "the server does not do TLS-SRP"),
    "illegal_parameter":     ("the server takes this for an attack",    "what the server says is not allowed"),
    "insufficient_security": ("the server wants stronger algorithms",   "the server's group is no good one"),
    "protocol_version":      ("the server does not speak TLS 1.2",      "the server does not speak TLS 1.2"),
    "unknown_psk_identity":  ("the server does not know user '{user}'", "the server does not know user '{user}'"),
})
# fmt: on
_OTHER: Final = "the handshake failed", "the server does not speak TLS as it should"


def settings() -> HandshakeSettings:
    """TLS 1.2 with AES, and no SRP group below the smallest of RFC 5054 appendix A (1024 bits)."""
    chosen = HandshakeSettings()
    chosen.minVersion = chosen.maxVersion = (3, 3)
    chosen.cipherNames = ["aes256", "aes128"]
    chosen.minKeySize, chosen.maxKeySize = 1024, 8192
    chosen.use_heartbeat_extension = False
    return chosen


class _Wire:
    """Where a socket would be: octets that have come, octets that are to go."""

    def __init__(self) -> None:
        self.come, self.go, self.ended = bytearray(), bytearray(), False

    def recv(self, most: int) -> bytes:
        if not self.come and not self.ended:
            raise BlockingIOError(errno.EAGAIN, "nothing has come yet")
        piece = bytes(self.come[:most])
        del self.come[:most]
        return piece

    def send(self, data: bytes) -> int:
        self.go += data
        return len(data)

    def sendall(self, data: bytes) -> None:
        self.go += data

    def close(self) -> None:
        """The socket is asyncio's."""


class _Tls(TLSConnection):  # type: ignore[misc]
    """A connection that knows its tls-unique: the first Finished of the handshake (RFC 5929 section 3.1)."""

    tls_unique: bytes | None = None

    def _note(self, message: object) -> None:
        if isinstance(message, Finished) and self.tls_unique is None:
            self.tls_unique = bytes(message.verify_data)

    def _sendMsg(self, msg: object, *rest: Any, **how: Any) -> Any:  # noqa: N802
        self._note(msg)
        return super()._sendMsg(msg, *rest, **how)

    def _getMsg(self, *what: Any, **how: Any) -> Iterator[Any]:  # noqa: N802
        for result in super()._getMsg(*what, **how):
            self._note(result)
            yield result


class SrpStream:
    """One end of a TLS-SRP connection."""

    def __init__(self, tcp: Tcp) -> None:
        self.tcp = tcp
        self.http: Any = None
        self._wire = _Wire()
        self.tls: Any = _Tls(self._wire)
        self._usable = False

    @property
    def local_port(self) -> int:
        """The port at this end."""
        return self.tcp.local_port

    @property
    def tls_unique(self) -> bytes:
        """The channel binding, once the handshake is done."""
        assert self.tls.tls_unique is not None
        unique: bytes = self.tls.tls_unique
        return unique

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """What the server has shown beside SRP, in DER; none for the suites without."""
        chain = self.tls.session.serverCertChain
        return tuple(bytes(certificate.bytes) for certificate in chain.x509List) if chain is not None else ()

    async def handshake(self, steps: Generator[Any, Any, Any]) -> None:
        """Carry out a handshake of `self.tls`. Raises OSError, or what tlslite-ng raises."""
        await self._carry_out(steps)
        self._usable = True

    def is_over(self) -> bool:
        """Whether the other end has gone, or has said what nobody has asked for: a goodbye, most likely."""
        return bool(self.tls.closed or self._wire.come) or self.tcp.is_over()

    async def read(self, most: int) -> bytes:
        """What has come; b'' only after a proper goodbye: where that is missing, more may be, too."""
        with as_os_error():
            return bytes(await self._carry_out(self.tls.readAsync(most)))

    async def write(self, data: bytes) -> None:
        """Send everything; nothing is not sent, or it would be a record of its own."""
        if data:
            with as_os_error():
                await self._carry_out(self.tls.writeAsync(data))

    async def close(self, seconds: float) -> None:
        """Send the goodbye, and wait for nobody's."""
        if self._usable and not self.tls.closed:
            with contextlib.suppress(OSError), as_os_error():
                async with asyncio.timeout(seconds):
                    await self._carry_out(self.tls.closeAsync())
        await self.tcp.close(seconds)

    def abort(self) -> None:
        """Close at once."""
        self.tcp.abort()

    async def _carry_out(self, steps: Generator[Any, Any, Any]) -> Any:
        """The last thing that `steps` yield; an alert that they leave behind is sent even if they fail.

        A wait that is cancelled leaves a thread in the midst of a record: then the connection is of no use any more.
        """
        last: Any = None
        try:
            while (step := await asyncio.to_thread(next, steps, _END)) is not _END:
                last = step
                await self._send()
                if isinstance(step, int) and step == _WANTS_TO_READ:
                    await self._receive()
            await self._send()
        except asyncio.CancelledError:
            self._usable = False
            self.abort()
            raise
        except Exception:
            self._usable = False
            with contextlib.suppress(OSError):
                await self._send()
            raise
        return last

    async def _send(self) -> None:
        if self._wire.go:
            data, self._wire.go = bytes(self._wire.go), bytearray()
            await self.tcp.write(data)

    async def _receive(self) -> None:
        data = await self.tcp.receive()
        self._wire.come += data
        self._wire.ended = not data


@contextlib.contextmanager
def as_os_error() -> Iterator[None]:
    """What tlslite-ng raises over a peer's octets, as the OSError that every stream raises."""
    try:
        yield
    except OSError:
        raise
    except (TLSRemoteAlert, TLSLocalAlert) as alert:
        raise ConnectionAbortedError(f"alert {AlertDescription.toStr(alert.description)}") from alert
    except Exception as error:  # its parsers do not promise which
        raise ConnectionResetError("the connection was cut off") from error


# --- the client -----------------------------------------------------------------------------------------------------


async def dial(peer: Peer, addresses: Sequence[str], port: int) -> Link:
    """Open a connection that `peer.srp` authorises: no certificate is looked at (RFC 7030 sections 3.3.3 and 3.6).

    Raises `LinkLost`.
    """
    assert peer.srp is not None
    user, password = _credentials(*peer.srp)
    with spelled(peer):
        async with asyncio.timeout(peer.timeout):
            link = SrpStream(await connected(peer, addresses, port))
            try:
                await _handshake(link, peer, user, password)
            except BaseException:
                link.abort()
                raise
    _log_key(link.tls)
    return Link(peer, link.certificates, "TLSv1.2", link.tls_unique, link)


def _credentials(user: str, password: str) -> tuple[bytearray, bytearray]:
    """User and password as TLS-SRP hashes them. Raises `LinkLost`."""
    prepared = []
    for what, text in (("user name", user), ("password", password)):
        try:
            octets = saslprep(text).encode()
        except (ValueError, UnicodeError) as error:
            raise LinkLost(f"TLS-SRP: the {what} cannot be used: {error}", passing=False) from None
        if not octets:
            raise LinkLost(f"TLS-SRP: the {what} is empty", passing=False)
        prepared.append(bytearray(octets))
    if len(prepared[0]) > _LONGEST_USER:
        raise LinkLost(f"TLS-SRP: the user name is longer than {_LONGEST_USER} octets", passing=False)
    return prepared[0], prepared[1]


async def _handshake(link: SrpStream, peer: Peer, user: bytearray, password: bytearray) -> None:
    host = peer.host.removesuffix(".")
    name = host if is_valid_hostname(host.encode()) else None
    try:
        await link.handshake(
            link.tls.handshakeClientSRP(user, password, settings=settings(), serverName=name, async_=True)
        )
    except TimeoutError:
        raise
    except OSError as error:
        raise LinkLost("Recv failure: Connection reset by peer") from error
    except TLSAbruptCloseError as error:
        raise LinkLost(
            "TLS-SRP: the server closed the connection during the handshake: it may not do TLS-SRP"
        ) from error
    except Exception as error:  # alerts; and its parsers do not promise what they raise over a stranger's octets
        raise LinkLost(_words(error, user.decode()), passing=False) from error


def _words(error: Exception, user: str) -> str:
    """Why a handshake failed."""
    found_here = not isinstance(error, TLSRemoteAlert)
    if not isinstance(error, TLSRemoteAlert | TLSLocalAlert):
        return f"TLS-SRP: {_OTHER[found_here]}"
    alert = AlertDescription.toStr(error.description)
    return f"TLS-SRP: {_CAUSES.get(alert, _OTHER)[found_here].format(user=user)} (alert {alert})"


def _log_key(tls: Any) -> None:
    """Append the session's secret where SSLKEYLOGFILE says, as Python's own TLS does."""
    if path := os.environ.get("SSLKEYLOGFILE"):
        secret = bytes(tls.session.masterSecret).hex()
        with open(path, "a") as file:
            file.write(f"CLIENT_RANDOM {bytes(tls._clientRandom).hex()} {secret}\n")
