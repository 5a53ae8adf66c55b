"""Who sits at a lab: one terminal at a time. The lock is SQLite's own: it ends with its process, however that ends."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from fortish.errors import UsageError

LOCK = ".lock"  # behind the name of the lab, in the home


class Taken(UsageError):
    """Somebody sits there already."""


@contextlib.contextmanager
def taken(home: Path, name: str) -> Iterator[None]:
    """Sit at a lab until the block ends. Raises `Taken`, or `UsageError` where nothing can be written."""
    path = home / f"{name}{LOCK}"
    try:
        os.makedirs(home, mode=0o700, exist_ok=True)
        connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    except OSError as error:
        raise UsageError(f"{home}: {error.strerror}") from None
    except sqlite3.Error as error:
        raise UsageError(f"{path}: {error}") from None
    with contextlib.closing(connection):
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise Taken(f"{name} is open in another terminal; it is left there with exit") from None
            raise UsageError(f"{path}: {error}") from None
        except sqlite3.Error as error:
            raise UsageError(f"{path}: {error}") from None
        yield
