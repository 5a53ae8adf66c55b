"""The public CA certificates, one file each under the name by which OpenSSL looks for it.

OpenSSL reads a bundle whole, some hundred certificates for the one that a server needs: longer than all the rest of an
enrollment. From a folder it reads what it looks for. The folder is made of the bundle, in the user's cache, and made
anew for another bundle; where there is no place for it, or where it is not complete, the bundle is read as it is.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from binascii import crc32
from collections import Counter
from hashlib import sha1
from importlib.util import find_spec
from pathlib import Path

from fortish import cache
from fortish.pki import der

COUNT = "count"  # the file that says how many others there are, written last
# String types that are compared as UTF-8 text, by their tags, and how their octets are read.
TEXTS = {
    0x0C: "utf-8", 0x13: "latin-1", 0x14: "latin-1", 0x16: "latin-1", 0x1A: "latin-1", 0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}  # fmt: skip


def load(context: ssl.SSLContext) -> None:
    """Let a context trust the public CA certificates. Raises `OSError` where they cannot be read."""
    bundle = _bundle()
    folder = None if bundle is None else _folder(bundle)
    if folder is not None:
        context.load_verify_locations(capath=str(folder))
        return
    import certifi

    context.load_verify_locations(cafile=certifi.where())


def _bundle() -> Path | None:
    """The file of certifi, found without a run of certifi; None where it is none of its own."""
    spec = find_spec("certifi")
    place = Path(spec.origin).parent / "cacert.pem" if spec is not None and spec.origin else None
    return place if place is not None and place.is_file() else None


def _folder(bundle: Path) -> Path | None:
    """The folder with the bundle's certificates; None where it cannot be made."""
    place, now = cache.folder(), bundle.stat()
    if place is None:
        return None
    name = f"roots-{crc32(f'{bundle} {now.st_mtime_ns} {now.st_size}'.encode()):08x}"
    folder = place / name
    if not _is_complete(folder):
        with contextlib.suppress(OSError, ValueError):
            _make(folder, bundle)
    return folder if _is_complete(folder) else None


def _is_complete(folder: Path) -> bool:
    """Whether nothing is missing: a certificate that somebody cleared away would be one that nobody trusts."""
    try:
        return (folder / COUNT).read_text() == str(len(os.listdir(folder)) - 1)
    except OSError:
        return False


def _make(folder: Path, bundle: Path) -> None:
    """Write the folder, which is there when it is whole. Raises `OSError`, `ValueError`."""
    part = folder.with_name(f".{folder.name}.{os.getpid()}")
    part.mkdir(mode=0o700)
    try:
        names: Counter[str] = Counter()
        for raw in _certificates(bundle):
            name = subject_hash(raw)
            (part / f"{name}.{names[name]}").write_text(ssl.DER_cert_to_PEM_cert(raw), "ascii")
            names[name] += 1
        (part / COUNT).write_text(str(names.total()))
        if folder.is_dir() and not _is_complete(folder):
            _remove(folder)
        part.rename(folder)
    finally:
        if part.is_dir():  # another process was faster, or the disk is full
            _remove(part)


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def _certificates(bundle: Path) -> list[bytes]:
    """What the bundle holds, as OpenSSL reads it, in DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=str(bundle))
    return context.get_ca_certs(binary_form=True)


def subject_hash(certificate: bytes) -> str:
    """What OpenSSL calls a certificate (DER) in a folder: SHA-1 over the subject, each text of it made comparable."""
    (whole,) = list(der.children(der.first(certificate)))[:1]
    fields = [element for element in der.children(whole) if element.tag != der.CONTEXT_0]  # without the version
    subject = fields[4]  # behind serial number, signature, issuer and validity
    digest = sha1(b"".join(map(_comparable, der.children(subject))), usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _comparable(rdn: der.Element) -> bytes:
    members = [der.encode(der.SEQUENCE, kind.raw, _text(value)) for kind, value in map(der.children, der.children(rdn))]
    return der.encode(der.SET, der.set_of(*members))


def _text(value: der.Element) -> bytes:
    """A text in UTF-8 and small letters, one space for several, none at the ends; what is no text as it is."""
    if value.tag not in TEXTS:
        return value.raw
    octets = value.content.decode(TEXTS[value.tag]).encode()
    return der.encode(der.UTF8, b" ".join(octets.split()).lower())
