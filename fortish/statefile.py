"""The file in which a box survives: made whole or not at all, checked before it is used, locked while it is.

What is wrong with a file is one sentence, and the file is left as it was.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from fortish.errors import UsageError

APPLICATION = 0x66736831  # application_id of the file
VERSION = 1  # user_version of the file: its layout
MAGIC = b"SQLite format 3\0"
HEADER = 100  # octets of the file's header; where in it the two numbers stand, big-endian
VERSION_AT, APPLICATION_AT = 60, 68
PRIVATE = 0o600

TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE place (id INTEGER PRIMARY KEY, scope TEXT NOT NULL, path TEXT NOT NULL, UNIQUE (scope, path))",
    "CREATE TABLE entry (place INTEGER NOT NULL REFERENCES place, key TEXT NOT NULL, position INTEGER NOT NULL,"
    " body TEXT NOT NULL, PRIMARY KEY (place, key))",
    "CREATE TABLE event (number INTEGER PRIMARY KEY, id INTEGER NOT NULL, time REAL NOT NULL, level TEXT NOT NULL,"
    " description TEXT NOT NULL, fields TEXT NOT NULL)",
    "CREATE TABLE memory (kind TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,"
    " PRIMARY KEY (kind, scope, name))",
    "CREATE TABLE revision (id INTEGER PRIMARY KEY, time REAL NOT NULL, administrator TEXT NOT NULL,"
    " firmware TEXT NOT NULL, comment TEXT NOT NULL, text TEXT NOT NULL)",
)

# Why a commit could not be kept, by how SQLite names it. Sorted.
# fmt: off
REASONS = {
    "SQLITE_BUSY":     "another program uses the state file",
    "SQLITE_CORRUPT":  "the state file is damaged",
    "SQLITE_FULL":     "there is no space left for the state file",
    "SQLITE_IOERR":    "the state file cannot be written",
    "SQLITE_NOTADB":   "the state file is damaged",
    "SQLITE_READONLY": "the state file is write protected",
}
# fmt: on

# SQLite's lock does not hold between users of one process if anything else there opens and closes the file.
Identity = tuple[int, int]  # of a file: its device and its number there
_OPEN: set[Identity] = set()


def reason(error: Exception) -> str:
    """Why something could not be kept, as the rest of a sentence."""
    if isinstance(error, FileNotFoundError):
        return "the state file is gone"
    name = getattr(error, "sqlite_errorname", "")
    return next((known for start, known in REASONS.items() if name.startswith(start)), f"the state file: {error}")


def opened(path: Path, firmware: str) -> tuple[sqlite3.Connection, Identity]:
    """The state file at `path`, made if it is missing, and locked. Raises `UsageError`."""
    real = Path(os.path.realpath(path))
    try:
        if not real.parent.is_dir():
            raise UsageError(f"--state {path}: there is no folder {real.parent}")
        if not real.exists():
            _create(real, firmware)
        identity = _claim(path, real)
    except OSError as error:
        raise UsageError(f"--state {path}: {error.strerror or error}") from None
    try:
        return _connected(path, real, firmware), identity
    except BaseException:
        _OPEN.discard(identity)
        raise


def closed(connection: sqlite3.Connection, identity: Identity) -> None:
    """Let others have the file."""
    if identity in _OPEN:
        _close(connection)
        _OPEN.discard(identity)


def _create(path: Path, firmware: str) -> None:
    """Make a state file: there is none at `path`, or a whole one."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, PRIVATE))
    try:
        connection = sqlite3.connect(f"{part.as_uri()}?mode=rw", uri=True, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = EXTRA")
            _lay_out(connection, firmware)
        finally:
            connection.close()
        with contextlib.suppress(FileExistsError):  # another process was faster: its file is as good
            _name(part, path)
        _sync(path.parent)
    except sqlite3.Error as error:
        raise UsageError(f"--state {path}: {reason(error)}") from None
    finally:
        part.unlink(missing_ok=True)


def _name(part: Path, path: Path) -> None:
    """Give a finished file its name, if that is free. Raises `FileExistsError`."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(path) from None
        part.rename(path)


def _sync(folder: Path) -> None:
    """Have a folder's entries on the disk, where the system can."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _lay_out(connection: sqlite3.Connection, firmware: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('firmware', ?)", (firmware,))
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _claim(path: Path, real: Path) -> Identity:
    """Have a file within this process, and look at its header. Raises `UsageError`, `OSError`."""
    if not real.is_file():
        raise UsageError(f"--state {path}: not a file")
    found = real.stat()
    identity = found.st_dev, found.st_ino
    if identity in _OPEN:
        raise _locked(path)
    try:
        with real.open("r+b") as file:  # SQLite would open a protected file, too, and fail later
            header = file.read(HEADER)
    except PermissionError:
        raise UsageError(f"--state {path}: the file is write protected") from None
    if not os.access(real.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise UsageError(f"--state {path}: its folder is write protected, and SQLite keeps its journal there")
    if header:
        _check(path, header)
    _OPEN.add(identity)
    return identity


def _check(path: Path, header: bytes) -> None:
    version = int.from_bytes(header[VERSION_AT : VERSION_AT + 4], "big")
    application = int.from_bytes(header[APPLICATION_AT : APPLICATION_AT + 4], "big")
    if not header.startswith(MAGIC) or application != APPLICATION:
        raise UsageError(f"--state {path}: not a state file of fortish")
    if version != VERSION:
        raise UsageError(f"--state {path}: made by another fortish (layout {version}; this one knows {VERSION})")


def _locked(path: Path) -> UsageError:
    return UsageError(f"--state {path}: in use by another fortish; one process can have it at a time")


def damaged(path: Path, error: Exception | str) -> UsageError:
    """A file that holds what fortish did not write."""
    return UsageError(f"--state {path}: damaged ({' '.join(str(error).split())}); nothing was changed")


def _connected(path: Path, real: Path, firmware: str) -> sqlite3.Connection:
    """The file, checked and locked. Raises `UsageError`."""
    connection = sqlite3.connect(
        f"{real.as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False, timeout=0
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("BEGIN EXCLUSIVE")
        if real.stat().st_size == 0:
            connection.execute("ROLLBACK")
            _lay_out(connection, firmware)
            connection.execute("BEGIN EXCLUSIVE")
        _check_content(path, connection, firmware)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        _close(connection)
        if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
            raise _locked(path) from None
        raise damaged(path, error) from None
    except BaseException:
        _close(connection)
        raise
    return connection


def _check_content(path: Path, connection: sqlite3.Connection, firmware: str) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(path, found)
    made = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
    if made != set(TABLES):
        raise damaged(path, "its tables are not fortish's")
    kept = connection.execute("SELECT value FROM meta WHERE name = 'firmware'").fetchone()
    if kept is None:
        raise damaged(path, "it names no firmware")
    if kept[0] != firmware:
        raise UsageError(f"--state {path}: holds a {kept[0]}, not a {firmware}: start it with --firmware {kept[0]}")


def _close(connection: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        connection.close()
