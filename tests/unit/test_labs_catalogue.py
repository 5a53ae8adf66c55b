"""Every shipped lab proves itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fortish.labs import course
from fortish.labs.lint import lint

FOLDERS = sorted(path.parent for path in course.CATALOGUE.glob("*/lab.toml"))


def test_there_are_labs() -> None:
    assert "first-steps" in [folder.name for folder in FOLDERS]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_shipped_lab_proves_itself(folder: Path) -> None:
    assert asyncio.run(lint(folder)) == []


def test_the_course_has_an_order_without_doubt() -> None:
    places = [(lab.path, lab.order) for lab in course.shipped()]
    assert len(set(places)) == len(places)
