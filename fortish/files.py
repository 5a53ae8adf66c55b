"""Files of the `fortish` command: texts that it reads, with what is told of them, and configurations that it writes."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from fortish import textfile
from fortish.box import Box
from fortish.errors import CliError, UsageError
from fortish.session import Session
from fortish.textfile import decoded, read_text


def texts(names: Sequence[str]) -> list[tuple[str, int, str]]:
    """The named files' texts, standard input for `-`, and the lines before each. Raises `UsageError`.

    A doubtful comment is warned of. Of a MIME envelope the parts that hold commands are texts; others are told.
    """
    if not names:
        return []
    from fortish.check import doubtful_comments
    from fortish.refused import parts

    found = []
    for name in names:
        whole = _standard_input() if name == "-" else read_text(Path(name))
        for part in parts(whole):
            if not part.plays:
                print(f"{name}:{part.before + 1}: a MIME part, passed over", file=sys.stderr)
                continue
            for number, line in doubtful_comments(part.text):
                number += part.before
                print(f"{name}:{number}: warning: this comment would be a command: {line}", file=sys.stderr)
            found.append((name, part.before, part.text))
    return found


def _standard_input() -> str:
    """All of standard input; nothing where it is closed."""
    return decoded(sys.stdin.buffer.read()) if sys.stdin is not None else ""


def templates(sources: Iterable[tuple[str, str, object]], files: Collection[str]) -> None:
    """Say of each of the `files`, in which something was refused, if it is a template that nobody filled in."""
    if not files:
        return
    from fortish.refused import placeholder

    told = set()
    for name, text, _ in sources:
        if name in files and name not in told and (found := placeholder(text)):
            told.add(name)
            print(f"{name}:{found[0]}: warning: looks like a template: {found[1]}", file=sys.stderr)


def save(box: Box, path: Path) -> None:
    """Write a box's whole configuration, whole or not at all. Raises `UsageError`."""
    try:
        text = "\n".join(Session(box).configuration()) + "\n"
    except CliError as error:  # what is made when it is first read could not be kept
        raise UsageError(f"--save {path}: {error.lines[0]}") from None
    textfile.save(path, "--save", text)
