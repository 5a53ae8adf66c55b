"""The lines that were typed, kept from one session to the next in a file that only its owner reads."""

from __future__ import annotations

import contextlib
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory


def history(path: Path | None) -> History:
    """The typed lines of this session and those before; of this one only, where a file cannot be had."""
    if path is None:
        return InMemoryHistory()
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)  # typed lines hold passwords
        path.open("rb").close()
    except OSError:
        return InMemoryHistory()
    return _Lines(str(path))


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
