"""Where the lark grammars are, and how they become parsers.

They are shipped inside the wheel as `fortish/_grammar`; in a checkout they stand in `grammar/`. A parser's tables are
kept in the user's cache folder, since building them takes longer than a whole command; a cache that cannot be written
is done without.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fortish import __version__
from fortish.cache import folder as folder_for_caches

if TYPE_CHECKING:
    from lark import Lark

# What every command needs to know of shell.lark, said again, so that a start builds no parser for it. Whether it is
# what the grammar says is for tests/unit/test_parse.py to find out.
WORD = "(?s:(?:[^ \t\r\n\x0c\\v\"'\\\\]++|\\\\.?|\"(?:[^\"\\\\]++|\\\\.)*+\"|'[^']*+')++)"
VERBS = (
    "abort", "alias", "append", "clone", "config", "delete", "diagnose", "edit", "end", "execute", "exit", "get",
    "move", "next", "purge", "quit", "rename", "select", "set", "show", "sudo", "tree", "unselect", "unset",
)  # fmt: skip
PACKAGED = Path(__file__).parent / "_grammar"
CHECKOUT = Path(__file__).parent.parent / "grammar"


def folder() -> Path:
    """The folder that holds the `.lark` files."""
    return PACKAGED if PACKAGED.is_dir() else CHECKOUT


def _cache_file(name: str) -> str | bool:
    """A file of our own user's for the tables of a parser (they are pickled, so no shared folder will do)."""
    place = folder_for_caches()
    return False if place is None else str(place / f"{name}-{sys.implementation.cache_tag}-{__version__}.lalr")


@cache
def load(name: str, start: tuple[str, ...]) -> Lark:
    """The parser for `name`.lark with these start rules: LALR, its lexer knowing what is legal next."""
    import logging

    from lark import Lark, logger

    logger.setLevel(logging.CRITICAL)
    options: dict[str, Any] = {"parser": "lalr", "lexer": "contextual", "start": list(start)}
    path = str(folder() / f"{name}.lark")
    return Lark.open(path, cache=_cache_file(name), **options)
