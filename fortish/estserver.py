"""The command `fortish responder`: the lab's EST server on a real port, and the person who sits in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from fortish.errors import UsageError
from fortish.network.listen import Listener, listen
from fortish.responder.authority import CERTIFICATE_FILE, LAB_NAMES, Authority
from fortish.responder.banner import banner
from fortish.responder.control import obey
from fortish.responder.kept import kept_responder
from fortish.responder.policy import Policy
from fortish.responder.state import Responder

_HELP = "\n  `help` lists what can be typed here, `quit` ends."


def responder_for(policy: str | None, folder: Path | None) -> tuple[Responder, Path | None]:
    """The responder for a policy's text, and where its CA certificate is kept, if it is. Raises UsageError."""
    read = Policy.from_toml(policy) if policy is not None else Policy()
    now = datetime.now(UTC)
    if folder is None:
        return Responder(Authority.fresh(now), read), None
    return kept_responder(folder, read, now, _complain), folder / CERTIFICATE_FILE


async def serve(where: str, state: Responder, ca_file: Path | None, scep: str = "") -> None:
    """Serve at HOST:PORT until told to stop, and SCEP at `scep`, if that is one. Raises UsageError: it cannot be."""
    host, port = _address(where)
    _warn(host)
    names = tuple(dict.fromkeys((*reversed(LAB_NAMES), "127.0.0.1", "::1", host)))
    try:
        listener = await listen(state, host, port, names=names, clock=time.time, client_certificate="optional")
    except OSError as error:
        raise UsageError(f"--listen {where}: {error.strerror or error}") from None
    shown = f"[{host}]" if ":" in host else host
    print("\n".join(banner([f"https://{shown}:{listener.port}"], state, ca_file)), flush=True)
    stopped, plain = asyncio.Event(), None
    try:
        plain = await _plain(scep, state) if scep else None
        if sys.stdin is not None and sys.stdin.isatty():
            print(_HELP, flush=True)
            _attend(state, stopped)
        await stopped.wait()
    finally:
        await listener.close()
        if plain is not None:
            await plain.close()


async def _plain(where: str, state: Responder) -> Listener:
    """SCEP over plain HTTP. Raises UsageError."""
    from fortish.network.plain import listen_plain
    from fortish.responder.scep import PATH

    host, port = _address(where, "--scep")
    _warn(host)
    try:
        listener = await listen_plain(state, host, port, time.time)
    except OSError as error:
        raise UsageError(f"--scep {where}: {error.strerror or error}") from None
    shown = f"[{host}]" if ":" in host else host
    password = state.policy.scep_challenge or "none"
    print(f"  SCEP         http://{shown}:{listener.port}{PATH} (challenge password: {password})", flush=True)
    return listener


def _warn(host: str) -> None:
    if host not in ("localhost", "::1") and not host.startswith("127."):
        _complain(f"warning: {host} can be reached by others; this CA is for labs only")


def _address(where: str, option: str = "--listen") -> tuple[str, int]:
    host, _, port = where.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{option} {where}: not HOST:PORT")
    return host, int(port)


def _attend(state: Responder, stopped: asyncio.Event) -> None:
    """Obey what is typed. A thread waits for lines, since nothing else does so on every system; the loop obeys."""
    loop = asyncio.get_running_loop()

    def typed(line: str) -> None:
        lines = obey(state, line, datetime.now(UTC))
        if lines is None:
            stopped.set()
        elif lines:
            print("\n".join(lines), flush=True)

    def wait() -> None:
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # the loop, or the terminal, has gone
            for line in sys.stdin:
                loop.call_soon_threadsafe(typed, line)

    threading.Thread(target=wait, daemon=True).start()


def _complain(text: str) -> None:
    print(f"fortish: {text}", file=sys.stderr)
