"""Private-key work as flows: only what takes long leaves the event loop, and no key goes unchecked."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fortish.pki import away, keys
from fortish.pki.faults import KeyUnreadable
from fortish.steps import Compute

CURVE = ec.generate_private_key(ec.SECP521R1())
SMALL, LARGE = (rsa.generate_private_key(65537, bits) for bits in (1024, 3072))


def ended(flow: Generator[Any, Any, Any]) -> tuple[Any, int]:
    """What a flow returns, and how often it has left the event loop."""
    count = 0
    try:
        step = next(flow)
        while True:
            assert isinstance(step, Compute)
            count += 1
            try:
                made = step.work()
            except KeyUnreadable as fault:
                step = flow.throw(fault)
            else:
                step = flow.send(made)
    except StopIteration as stop:
        return stop.value, count


@pytest.mark.parametrize("name", keys.ALGORITHMS)
def test_rsa_keys_are_made_elsewhere_and_others_at_once(name: str) -> None:
    algorithm = keys.ALGORITHMS[name]
    if algorithm.rsa_bits > 2048:
        return  # the same, and it takes seconds
    key, away_ = ended(away.generated(algorithm))
    assert keys.kind_of(key) == name
    assert away_ == (1 if algorithm.rsa_bits else 0)
    again, away_ = ended(away.generated_like(key))
    assert keys.kind_of(again) == name
    assert not keys.same_key(again, key)
    assert away_ == (1 if algorithm.rsa_bits else 0)


def test_a_key_is_signed_with_elsewhere_from_3072_bits_on() -> None:
    assert [ended(away.used(key, lambda: "done")) for key in (CURVE, SMALL, LARGE)] == [
        ("done", 0),
        ("done", 0),
        ("done", 1),
    ]


def test_an_rsa_key_that_was_not_seen_before_is_read_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_HALVES", {})
    texts = [keys.encrypted_pem(key, "secret") for key in (CURVE, SMALL)]
    assert [ended(away.loaded(text, "secret"))[1] for text in texts] == [0, 0]  # this process has made them
    keys._HALVES.clear()
    assert [ended(away.loaded(text, "secret"))[1] for text in texts] == [0, 1]
    assert [ended(away.loaded(text, "secret"))[1] for text in texts] == [0, 0]
    for text in texts:
        with pytest.raises(KeyUnreadable):
            ended(away.loaded(text, "wrong"))


def test_an_rsa_key_whose_numbers_do_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check may be left out for a text that has passed it, and for no other."""
    monkeypatch.setattr(keys, "_HALVES", {})
    good = SMALL.private_numbers()
    bad = rsa.RSAPrivateNumbers(
        good.p, good.q, good.d + 2, good.dmp1, good.dmq1, good.iqmp, good.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    text = bad.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for _ in range(2):
        with pytest.raises(KeyUnreadable):
            keys.load_private(text, "")
