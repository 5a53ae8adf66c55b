"""How a secret is kept and printed: `ENC` and base64, made once.

The box's own default is reversible too (a key that every unit has): it keeps a password out of sight, not out of reach.
So does this: AES-GCM under a key that is derived from a constant, in the box's 148 bytes. A value that this program did
not make (a backup of a real box) is kept as it came, and cannot be read.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from typing import NamedTuple

_MARK = b"fsh1"
_KEY = hashlib.sha256(b"fortish: obfuscation, not protection").digest()
_SIZE = 148
PASSWORD_DIGITS = 62  # hexadecimal digits of a private-key password made at random (the enrollment guide's trace)


class Secret(NamedTuple):
    """A secret value. `clear` is None for an ENC value that another box made."""

    enc: str
    clear: str | None

    def __repr__(self) -> str:
        return f"Secret({self.enc!r})"


def random_password() -> str:
    """A private-key password, as the box makes one where none is given: 62 hexadecimal digits."""
    return secrets.token_hex(PASSWORD_DIGITS // 2)


def seal(clear: str) -> Secret:
    """A secret with its ENC text, which differs at each call."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    raw = clear.encode("utf-8", "surrogateescape")  # a command line may bring bytes that are no UTF-8
    room = _SIZE - len(_MARK) - 12 - 16 - 2
    padded = len(raw).to_bytes(2, "big") + raw.ljust(room, b"\0")
    nonce = os.urandom(12)
    blob = _MARK + nonce + AESGCM(_KEY).encrypt(nonce, padded, _MARK)
    return Secret(base64.b64encode(blob).decode(), clear)


def unseal(enc: str) -> Secret:
    """The secret of an ENC text; one that is foreign has no clear text."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        blob = base64.b64decode(enc, validate=True)
        if not blob.startswith(_MARK):
            return Secret(enc, None)
        padded = AESGCM(_KEY).decrypt(blob[4:16], blob[16:], _MARK)
        return Secret(enc, padded[2 : 2 + int.from_bytes(padded[:2], "big")].decode("utf-8", "surrogateescape"))
    except (ValueError, InvalidTag):
        return Secret(enc, None)
