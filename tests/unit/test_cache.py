"""What is kept in the user's cache folder, and what happens to those that have none."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fortish import cache
from fortish.cmdb import schema

FILES = sorted(schema.ROOT.rglob("*.toml"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache.folder.cache_clear()
    yield tmp_path / "cache" / "fortish"
    cache.folder.cache_clear()


class Counted:
    """A parser that counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, text: str) -> Any:
        self.times += 1
        return tomllib.loads(text)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(schema.ROOT)))
def test_every_table_comes_out_of_the_cache_as_it_is_read(file: Path, place: Path) -> None:
    parse = Counted()
    first, again = cache.parsed(file, parse), cache.parsed(file, parse)
    assert (first, again, parse.times) == (again, tomllib.loads(file.read_text("utf-8")), 1)


@pytest.mark.parametrize("changed", ["a = 2\n", "a = 10\n"])
def test_a_file_that_was_changed_is_read_anew(changed: str, place: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("a = 1\n")
    assert cache.parsed(file, tomllib.loads) == {"a": 1}
    file.write_text(changed)
    os.utime(file, ns=(1, 1))
    assert cache.parsed(file, tomllib.loads) == tomllib.loads(changed)


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff", b"[]", b'{"of": 1}', b"null"])
def test_what_was_damaged_is_made_again(damaged: bytes, place: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("a = 1\n")
    cache.parsed(file, tomllib.loads)
    (kept,) = place.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(damaged)
    assert cache.parsed(file, tomllib.loads) == {"a": 1}
    assert kept.read_bytes() == whole


def test_files_of_the_same_name_in_two_places_are_not_mixed_up(place: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        file = tmp_path / str(number) / "x" / "y" / "a.toml"
        file.parent.mkdir(parents=True)
        file.write_text(f"a = {number}\n")
        os.utime(file, ns=(1, 1))
        assert cache.parsed(file, tomllib.loads) == {"a": number}


def test_without_a_place_everything_is_read_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    cache.folder.cache_clear()
    parse = Counted()
    assert cache.folder() is None
    assert cache.parsed(FILES[0], parse) == cache.parsed(FILES[0], parse)
    assert parse.times == 2
    cache.folder.cache_clear()


def test_the_folder_is_the_users_own(place: Path) -> None:
    assert cache.folder() == place
    assert place.stat().st_mode & 0o077 == 0


def test_what_cannot_be_kept_is_read_each_time(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("a = 1\n")
    cache.parsed(file, tomllib.loads)
    (kept,) = place.iterdir()
    kept.unlink()
    kept.mkdir()
    assert cache.parsed(file, tomllib.loads) == {"a": 1}
    assert list(place.iterdir()) == [kept]
