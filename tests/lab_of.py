"""A lab written by a test: a whole folder around the part that the test is about."""

from __future__ import annotations

from pathlib import Path

HEAD = """
title   = "A lab of a test"
minutes = 5
path    = "basics"
order   = 1
story   = "Something is to be done."
"""
TASK = """
[[task]]
id    = "one"
text  = "Reach it."
hints = ["First.", "Second.", "Third."]
done  = "It is reached."
"""
README = "# A lab of a test\n"


def write_lab(folder: Path, *, check: str = "", world: str = "", keep: str = "", seed: str = "", **files: str) -> Path:
    """A lab with one task, `one`, whose one check is given; other files by name, `_` for the dot."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = [f"[seed]\n{seed}" if seed else "", f"[world]\n{world}" if world else ""]
    sections += [TASK, f"[[task.check]]\n{check}", f"[[keep]]\n{keep}" if keep else ""]
    (folder / "lab.toml").write_text("\n".join([HEAD, *sections]), "utf-8")
    (folder / "README.md").write_text(README, "utf-8")
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, "utf-8")
    return folder
