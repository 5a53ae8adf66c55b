"""Random walks over whole sessions (tests/walk.py), short ones."""

# ranks: 1 2

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from walk import Walk


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.integers(0, 2**32), st.sampled_from(["fortiproxy-guide", "fortigate-7.4", "fortigate-7.6"]))
def test_a_walk_of_legal_and_illegal_lines_breaks_no_promise(seed: int, firmware: str) -> None:
    walk = Walk(random.Random(seed), firmware)
    for _ in range(120):
        walk.step()
    walk.check_round_trip()


def test_the_walk_comes_to_many_places() -> None:
    seen = set()
    for seed in range(12):
        walk = Walk(random.Random(seed))
        for _ in range(150):
            walk.step()
            seen.add(walk.session.editor.kind)
    assert seen >= {"root", "table", "entry", "singleton", "multi", "global", "vdoms", "vdom"}


def test_the_walk_notices_what_show_does_not_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk(random.Random(3))
    configuration = walk.session.configuration
    monkeypatch.setattr(walk.session, "configuration", lambda: [*configuration(), "config system alias", "end"])
    with pytest.raises(AssertionError):
        walk.check_round_trip()
