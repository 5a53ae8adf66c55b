"""What the README shows can be done."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

import fortish
from fortish.main import RUNS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_python_example_runs_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(textwrap.dedent(block), "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "Version: " in out and "-----BEGIN CERTIFICATE-----" in out


def test_the_commands_it_names_exist() -> None:
    named = set(re.findall(r"[`$ ]fortish ([a-z-]+)", README))
    prose = {"is", "does", "that", "and"}
    assert named - prose <= set(RUNS)
    assert set(re.findall(r"`(fortish [a-z-]+)", README)) <= {f"fortish {command}" for command in RUNS}


def test_the_make_targets_it_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^(?:    |\$ )make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_session_it_shows_runs() -> None:
    (block,) = re.findall(r"```\n(\$ make demo.*?)```", README, re.DOTALL)
    typed = re.findall(r"^FortiProxy-VM64 # (.*)$", block, re.MULTILINE)
    assert len(typed) == 5
    with fortish.Appliance() as box:
        session = box.session()
        outputs = []
        for line in typed:
            outputs.append(session.run(line))
            assert not session.failed, (line, outputs[-1])
    printed = "".join(outputs)
    for line in re.findall(r"^\[\d+\] .*$", block, re.MULTILINE):
        assert f"{line}\n" in printed


def test_the_files_it_links_to_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
