"""What every test shares."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# A landing must not depend on luck: CI plays the same examples each time. Elsewhere every run looks at new ones.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("here", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite our own golden transcripts (never captured ones)")
