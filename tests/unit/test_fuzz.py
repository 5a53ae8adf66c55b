"""Readers of foreign bytes under mutation (tests/fuzz.py), short ones; and what longer runs have found."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import httpx
import hurry
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fortish.est import wire
from fortish.est.digest import challenge
from fortish.pki import crl, pem, text
from tests import fuzz

MUTATIONS = st.lists(
    st.builds(
        fuzz.Mutation,
        st.sampled_from(sorted(fuzz.KINDS)),
        st.integers(0, 1 << 16),
        st.integers(0, 1 << 13),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("name", fuzz.targets())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(place=st.integers(0, 50), mutations=MUTATIONS)
def test_a_mutated_input_fails_only_on_purpose(name: str, place: int, mutations: Sequence[fuzz.Mutation]) -> None:
    target = fuzz.targets()[name]
    seed = target.seeds[place % len(target.seeds)]
    fuzz.check(target, fuzz.mutated(seed, mutations, target.seeds))


@pytest.mark.parametrize("name", fuzz.targets())
def test_an_input_as_it_was_is_taken(name: str) -> None:
    """Else a reader that refuses everything would be called safe."""
    target = fuzz.targets()[name]
    for seed in target.seeds:
        fuzz.check(target, seed)
    assert any(list(_quietly(target, seed)) for seed in target.seeds)


def _quietly(target: fuzz.Target, seed: bytes) -> list[str]:
    try:
        return list(target.run(seed))
    except fuzz.FortishError:
        return []


def test_a_reader_that_does_what_it_must_not_is_told() -> None:
    def fails(data: bytes) -> list[str]:
        raise KeyError("x")

    for run in (fails, lambda data: ["\x1b[2J"], lambda data: ["x" * 11 * fuzz.LONG]):
        with pytest.raises(fuzz.Wrong):
            fuzz.check(fuzz.Target((b"",), run), b"")


def test_mutated_http_over_tls_is_a_response_or_a_lost_link() -> None:
    chance, seeds = random.Random(7030), fuzz.answer_seeds()
    inputs = [fuzz.mutated(chance.choice(seeds), fuzz.drawn(chance), seeds) for _ in range(100)]
    said = hurry.run(fuzz.answered([*seeds, *inputs]))
    assert [line.partition(" ")[0] for line in said[: len(seeds)]] == ["200", "200", "202", "401", "307", "500", "200"]
    assert len(set(said)) > 5


# --- what was found -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("location", ["/x\x1b[2J", "/\x80", "/caf\xe9", "/" + "x" * 8001, "/a\x00b"])
def test_a_redirection_that_is_no_url_is_not_followed(location: str) -> None:
    assert wire.redirected("https://a.example/x", location) is None
    assert wire.redirected("https://a.example/x", "/" + "x" * 7999) is not None


def test_an_odd_name_in_a_revocation_list_is_no_line_on_stderr() -> None:
    """A country of three letters: the loader warns of it each time it reads the name."""
    (seed,) = fuzz.targets()["crls"].seeds
    common_name, country = b"\x06\x03\x55\x04\x03", b"\x06\x03\x55\x04\x06"
    found = crl.read(seed.replace(common_name, country))
    assert text.crl_rows(found)[0][0] == "Issuer:"  # a warning would be an error here
    with pytest.raises(crl.CrlFault):
        crl.check(found, [pem.certificate(pem.pem(fuzz.authority().certificate))], fuzz.NOW)


def test_headers_of_any_octets_are_shown_without_control_characters() -> None:
    response = httpx.Response(200, headers=[(b"X", bytes(range(1, 256)))])
    assert all(line.isprintable() for line in wire.header_lines(response))


@pytest.mark.parametrize("filler", ["a", " ", ",", "a ", ", a ", 'a="', "a=,", '\\"', ',a a="', "-="])
def test_a_long_challenge_is_read_in_no_time(filler: str) -> None:
    since = time.process_time()
    for around in ("{}", 'Digest realm="r", {}', 'Digest nonce="{}', 'Digest x={}, nonce="n"'):
        challenge([around.format(filler * (8192 // len(filler)))])
    assert time.process_time() - since < 1.0
