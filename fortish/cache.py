"""The user's cache folder: what takes long to make and is made again where it is missing. Nothing depends on it."""

from __future__ import annotations

import contextlib
import os
from binascii import crc32
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from fortish import __version__

OTHERS_WRITE = 0o022


@cache
def folder() -> Path | None:
    """Our own user's folder, into which nobody else may write; None where there is no place for one."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    found = Path(root, "fortish")
    try:
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = found.stat()
    except OSError:
        return None
    if hasattr(os, "geteuid") and (held.st_uid != os.geteuid() or held.st_mode & OTHERS_WRITE):
        return None  # what is kept there is believed
    return found if os.access(found, os.W_OK) else None


def parsed(source: Path, parse: Callable[[str], Any]) -> Any:
    """What `parse` makes of a file's text, kept as JSON until the file is another. Raises what `parse` does, `OSError`.

    `parse` gives plain values: dicts with strings for keys, lists, strings, numbers.
    """
    import json

    now = source.stat()
    mark = [__version__, str(source), now.st_mtime_ns, now.st_size]
    place = folder()
    kept = None if place is None else place / f"{source.stem}-{crc32(bytes(source)):08x}.json"
    if kept is not None:
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(kept.read_bytes())
            if isinstance(found, dict) and found.get("of") == mark:
                return found["is"]
    made = parse(source.read_text("utf-8"))
    if kept is not None:
        _write(kept, json.dumps({"of": mark, "is": made}))
    return made


def _write(kept: Path, text: str) -> None:
    """Whole or not at all; a folder that is full keeps nothing."""
    part = kept.with_name(f".{kept.name}.{os.getpid()}")
    try:
        part.write_text(text, "utf-8")
        part.replace(kept)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
