"""Private keys: the list, what is stored, what is read back, what equals what."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from fortish.pki import keys, names, requests
from fortish.pki.faults import KeyUnreadable

EC_KEY = ec.derive_private_key(12345, ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 1024)


def clear(key, form=PrivateFormat.PKCS8):
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def test_algorithms_stand_in_the_boxs_order():
    assert list(keys.ALGORITHMS) == [
        *("rsa-1024", "rsa-1536", "rsa-2048", "rsa-4096"),
        *("ec-secp256r1", "ec-secp384r1", "ec-secp521r1"),
    ]
    assert all(name == algorithm.name for name, algorithm in keys.ALGORITHMS.items())


@pytest.mark.parametrize("name", ["rsa-1024", "rsa-1536", "ec-secp256r1", "ec-secp384r1", "ec-secp521r1"])
def test_generated_keys_have_the_size_or_curve_asked_for(name):
    algorithm = keys.ALGORITHMS[name]
    key = keys.generate(algorithm)
    if algorithm.curve:
        assert isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == algorithm.curve
    else:
        assert isinstance(key, rsa.RSAPrivateKey) and key.key_size == algorithm.rsa_bits


@pytest.mark.parametrize(
    "key", [EC_KEY, RSA_KEY, ed25519.Ed25519PrivateKey.generate(), ed448.Ed448PrivateKey.generate()]
)
def test_an_encrypted_key_comes_back_with_its_password_only(key):
    pem = keys.encrypted_pem(key, "pässword")
    lines = pem.split("\n")
    assert lines[0] == "-----BEGIN ENCRYPTED PRIVATE KEY-----" and lines[-1] == "-----END ENCRYPTED PRIVATE KEY-----"
    assert {len(line) for line in lines[1:-2]} <= {64}
    assert keys.same_key(keys.load_private(pem, "pässword"), key)
    for wrong in ("", "password"):
        with pytest.raises(KeyUnreadable):
            keys.load_private(pem, wrong)


def test_no_key_is_stored_without_a_password():
    with pytest.raises(KeyUnreadable):
        keys.encrypted_pem(EC_KEY, "")


@pytest.mark.parametrize("key", [EC_KEY, RSA_KEY])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("password", ["", "not needed"])
def test_clear_keys_of_either_form_are_read_whatever_the_password(key, form, password):
    assert keys.same_key(keys.load_private(clear(key, form), password), key)


def test_a_traditional_encrypted_key_is_read():
    pem = RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x")).decode()
    assert keys.same_key(keys.load_private(pem, "x"), RSA_KEY)


def test_a_key_that_cannot_sign_is_refused():
    with pytest.raises(KeyUnreadable, match="cannot sign"):
        keys.load_private(clear(x25519.X25519PrivateKey.generate()), "")


@given(st.text(), st.text())
def test_no_text_raises_anything_but_key_unreadable(text, password):
    for pem in (text, f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{text}\n-----END ENCRYPTED PRIVATE KEY-----\n"):
        with pytest.raises(KeyUnreadable):
            keys.load_private(pem, password)


def test_same_key_sees_through_private_public_and_request():
    request = requests.new_request(EC_KEY, names.subject_name([("CN", "x")]), None)
    for one in (EC_KEY, EC_KEY.public_key(), request):
        assert keys.same_key(one, EC_KEY)
        assert not keys.same_key(one, RSA_KEY)
