"""Private-key work as flows: what takes long is done away from the event loop, what does not, at once.

RSA keys take long to make and to check (RSA 4096: 0.3 s each), and to sign with from 3072 bits on; with a curve all is
over before a thread would have begun.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric import rsa

from fortish.pki import keys
from fortish.steps import Step, compute

_T = TypeVar("_T")
Made = Generator[Step, Any, keys.PrivateKey]

QUICK_BITS: Final = 2048  # up to which a signature takes about a millisecond


def generated(algorithm: keys.Algorithm) -> Made:
    """A new private key, as `keys.generate` makes it."""
    if not algorithm.rsa_bits:
        return keys.generate(algorithm)
    key: keys.PrivateKey = yield from compute(partial(keys.generate, algorithm))
    return key


def generated_like(key: keys.PrivateKey) -> Made:
    """A new private key of the same kind. Raises KeyUnreadable."""
    if not isinstance(key, rsa.RSAPrivateKey):
        return keys.generate_like(key)
    fresh: keys.PrivateKey = yield from compute(partial(keys.generate_like, key))
    return fresh


def loaded(pem: str, password: str) -> Made:
    """The key in a PEM text, as `keys.load_private` reads it. Raises KeyUnreadable."""
    if keys.is_read_quickly(pem, password):
        return keys.load_private(pem, password)
    key: keys.PrivateKey = yield from compute(partial(keys.load_private, pem, password))
    return key


def used(key: keys.PrivateKey, work: Callable[[], _T]) -> Generator[Step, Any, _T]:
    """The result of something that signs or decrypts with `key`; raises what that does, if it is a FortishError."""
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size <= QUICK_BITS:
        return work()
    done: _T = yield from compute(work)
    return done
