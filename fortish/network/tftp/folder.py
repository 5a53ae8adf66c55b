"""What a TFTP server serves: files in memory over a folder of the host, of which no name leads out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Folder:
    """What a server serves: `files`, read only, over a `directory` that is read and written.

    Names are relative, with "/" between parts. None leads out of the directory, neither by ".." nor by a symbolic link,
    and no subfolder is made.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    directory: Path | None = None

    def read(self, name: str) -> bytes | None:
        """The content of `name`; None if there is no such file, or none that may be read."""
        if name in self.files:
            return self.files[name]
        place = self._place(name)
        try:
            # A pipe or a device would block, or never end.
            return place.read_bytes() if place is not None and place.is_file() else None
        except OSError:
            return None

    def may_write(self, name: str) -> bool:
        """Whether `write` would try: `name` is no file in memory, and its folder is there."""
        place = None if name in self.files else self._place(name)
        try:
            return place is not None and place.parent.is_dir() and (place.is_file() or not os.path.lexists(place))
        except OSError:  # a name too long, a folder closed to us
            return False

    def write(self, name: str, content: bytes) -> bool:
        """Store `content` as `name`, whole or not at all; False when that cannot be.

        The file is readable for its owner only: what a box stores by TFTP is mostly its configuration.
        """
        place = self._place(name)
        if place is None or not self.may_write(name):
            return False
        try:
            _replace(place, content)
        except OSError:
            return False
        return True

    def _place(self, name: str) -> Path | None:
        """Where in the directory `name` is, symbolic links followed; None if there is no such place."""
        if self.directory is None or not _is_plain(name):
            return None
        try:
            root = self.directory.resolve(strict=True)
            place = root.joinpath(name).resolve()
        except (OSError, RuntimeError):  # RuntimeError: symbolic links in a circle, before Python 3.13
            return None
        return place if place != root and place.is_relative_to(root) else None


def _is_plain(name: str) -> bool:
    """Whether `name` stays below its folder on any platform: no drive, no stream, no step up, no root."""
    if not name.isprintable() or "\\" in name or ":" in name:
        return False
    return all(part not in {"", ".", ".."} for part in name.split("/"))


def _replace(place: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `place` and rename it there. Raises `OSError`."""
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".tftp-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, place)
    except BaseException:
        os.unlink(temporary)
        raise
