"""Text files that somebody names: read as they are encoded, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from errno import EISDIR
from pathlib import Path

from fortish.errors import UsageError


def read_text(path: Path) -> str:
    """A file's text: UTF-8, or Latin-1 where it is not. Raises `UsageError`."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return decoded(raw)


def decoded(raw: bytes) -> str:
    """A text's bytes: UTF-8 with or without a byte order mark, or Latin-1 where it is not."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def check(path: Path, option: str) -> None:
    """Whether a text could be written there; nothing is changed. Raises `UsageError` that names the option."""
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        part = _part(path)
        part.touch(mode=0o600)
        part.unlink()
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}") from None


def save(path: Path, option: str, text: str) -> None:
    """Write a text whole or not at all, for its owner only. Raises `UsageError` that names the option."""
    part = _part(path)
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600, exist_ok=False)
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise UsageError(f"{option} {path}: {error.strerror}") from None


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
