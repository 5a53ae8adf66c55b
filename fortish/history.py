"""The lines that were typed, kept from one session to the next in a file that only its owner reads."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

LONGEST = 512 * 1024  # octets of the file; a longer one loses its older half


def history(path: Path | None) -> History:
    """The typed lines of this session and those before; of this one only, where a file cannot be had."""
    if path is None:
        return InMemoryHistory()
    try:
        _shorten(path)
        path.touch(mode=0o600)
        path.chmod(0o600)  # typed lines hold passwords
        path.open("rb").close()
    except OSError:
        return InMemoryHistory()
    return _Lines(str(path))


def _shorten(path: Path) -> None:
    """Keep the newer half of a file that has grown too long. Raises `OSError`."""
    if not path.exists() or path.stat().st_size <= LONGEST:
        return
    newer = path.read_bytes()[-LONGEST // 2 :]
    _, begin, rest = newer.partition(b"\n# ")  # the first line that is there whole
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.touch(mode=0o600)
        beside.write_bytes(begin + rest)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


class _Lines(FileHistory):
    """Typed lines in a file. A disk that cannot take them is no reason to stop."""

    def store_string(self, string: str) -> None:
        """Keep a line."""
        with contextlib.suppress(OSError):
            super().store_string(as_text(string))


def as_text(typed: str) -> str:
    """What was typed; octets that are not UTF-8 are taken as Latin-1, as in a script."""
    try:
        typed.encode()
    except UnicodeEncodeError:
        return typed.encode("utf-8", "surrogateescape").decode("latin-1")
    return typed
