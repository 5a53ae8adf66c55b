"""The documentation: generated files are up to date, everything has a help text, and named proofs exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from fortish import diagnose, execute, get
from fortish.cmdb.schema import Schema, Table
from fortish.hooks import Hook

ROOT = Path(__file__).parent.parent.parent
PROOF = re.compile(r"`(tests/[\w./-]+)(?:::(\w+))?`")


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_files_are_up_to_date(generate: ModuleType) -> None:
    stale = [path.name for path, text in generate.generated().items() if path.read_text("utf-8") != text]
    assert not stale, f"run: python docs/generate.py ({', '.join(stale)})"


HOOKS = [
    (verb, hook)
    for verb, table in (("execute", execute.HOOKS), ("diagnose", diagnose.HOOKS), ("get", get.HOOKS))
    for hook in table.values()
]


@pytest.mark.parametrize(("verb", "hook"), HOOKS, ids=lambda it: it.words if isinstance(it, Hook) else it)
def test_every_command_and_parameter_has_a_help(verb: str, hook: Hook) -> None:
    assert hook.help
    assert all(parameter.help for parameter in hook.parameters)


def every_table(table: Table) -> list[Table]:
    return [table, *(inner for child in table.children.values() for inner in every_table(child))]


@pytest.mark.parametrize("path", Schema().paths(), ids=" ".join)
def test_every_attribute_and_choice_has_a_help(path: tuple[str, ...]) -> None:
    whole = Schema().table(path)
    assert whole is not None
    for table in every_table(whole):
        assert table.help, table.path
        for attribute in table.attributes.values():
            assert attribute.help, (table.path, attribute.name)
            assert all(choice.help for choice in attribute.choices), (table.path, attribute.name)


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_every_proof_that_is_named_exists(name: str) -> None:
    for path, test in PROOF.findall((ROOT / "docs" / name).read_text("utf-8")):
        assert (ROOT / path).exists(), path
        assert not test or f"def {test}(" in (ROOT / path).read_text("utf-8"), f"{path}::{test}"


def test_every_row_of_the_guide_names_a_proof_or_says_none() -> None:
    rows = [line for line in (ROOT / "docs" / "guide.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    for row in rows:
        last = row.rstrip(" |").rpartition(" | ")[2]
        assert last.strip() == "proof" or PROOF.search(last) or last.startswith("none"), row


def test_every_row_of_the_rfcs_has_a_state_and_names_a_proof_of_what_is_done() -> None:
    lines = (ROOT / "docs" / "est.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if re.search(r" \| (both|client|server) \| ", line)]
    assert len(rows) > 50
    for row in rows:
        _, section, _, _, state, proof, _ = (cell.strip() for cell in row.split("|"))
        assert re.fullmatch(r"(7030|8951|9908) [0-9.]+", section), row
        assert re.fullmatch(r"(done|partly|not)(: .+)?", state), row
        assert PROOF.search(proof) or (proof == "none" and state.startswith("not")), row
