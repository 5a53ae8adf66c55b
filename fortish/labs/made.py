"""What a lab's text may say of its world that is known only once the world is made: fingerprints of its CAs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fortish.pki import pem
from fortish.pki.text import fingerprint

if TYPE_CHECKING:
    from cryptography import x509

HASHES = ("md5", "sha256")  # what `get` shows, and what a first look at an EST server shows
LONG = 80  # characters
ROOT = "ca"  # the EST server's own


def made_names(authorities: Mapping[str, object]) -> list[str]:
    """The placeholders that there are for a world: its own CA's, and those of `[world.authorities]`."""
    return [_name(name, kind) for name in (ROOT, *authorities) for kind in HASHES]


def made(root: x509.Certificate, authorities: Mapping[str, object], files: Path) -> dict[str, str]:
    """What the placeholders stand for in this world. `files` is the file server's folder."""
    known = {ROOT: root} | {name: pem.certificate((files / f"{name}.pem").read_text("utf-8")) for name in authorities}
    return {_name(name, kind): _written(fingerprint(found, kind)) for name, found in known.items() for kind in HASHES}


def _written(text: str) -> str:
    """A long fingerprint in two halves: no terminal has to break it elsewhere."""
    middle = len(text) // 2
    return text if len(text) < LONG else f"{text[:middle]} {text[middle + 1 :]}"


def _name(name: str, kind: str) -> str:
    return f"made.{name}.{kind}"
