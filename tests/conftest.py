"""What every test shares."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from chromium import MISSING, PROGRAM, Browser
from hypothesis import settings
from made import pool

from fortish.pki import selfsigned

# A landing must not depend on luck: CI plays the same examples each time. Elsewhere every run looks at new ones.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("here", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite our own golden transcripts (never captured ones)")


@pytest.fixture(autouse=True)
def _pooled_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of factory certificates need not be made anew for each test (tests/made.py)."""
    pool.begin()
    monkeypatch.setattr(selfsigned, "KEYS", pool)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that all tests share, one page at a time."""
    if PROGRAM is None:
        pytest.skip(MISSING)
    with Browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found
