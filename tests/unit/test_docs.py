"""The documentation: generated files are up to date, everything has a help text, and named proofs exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from fortish import diagnose, execute, get
from fortish.cmdb.schema import Schema
from fortish.cmdb.table import Table
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


# --- what the RFCs ask (docs/rfc.toml) --------------------------------------------------------------------------------

ROW = {"who": str, "asks": str, "what": str, "state": str, "why": str, "proof": list, "covers": int}


def test_the_rfcs_stand_in_the_order_of_their_sections(generate: ModuleType) -> None:
    def place(section: str) -> list[int]:
        return [int(number) for number in re.split("[ .]", section)]

    sections = list(generate.requirements())
    assert sections == sorted(sections, key=place) and {section.split()[0] for section in sections} == RFCS


RFCS = {"7030", "8951", "9908"}


def test_every_row_of_the_rfcs_says_who_what_and_how_far(generate: ModuleType) -> None:
    for section, about in generate.requirements().items():
        for row in about["row"]:
            assert all(isinstance(value, ROW[key]) for key, value in row.items()), (section, row)
            assert row["who"] in ("client", "server", "both") and row["asks"] in ("MUST", "SHOULD", ""), (section, row)
            assert row["state"] in ("done", "partly", "not") and row["what"], (section, row)
            assert row["proof"] or row["state"] == "not", (section, row)
            assert row["state"] == "done" or row.get("why"), (section, row)
            assert row["asks"] or not row.get("covers", "keywords" in about), (section, row)


def test_the_rows_of_a_section_cover_every_key_word_of_its_text(generate: ModuleType) -> None:
    """How many there are was counted in the RFCs; so none can be forgotten, nor a row lost."""
    for section, about in generate.requirements().items():
        assert ("keywords" in about) is not section.startswith("9908"), section
        if "keywords" in about:
            assert sum(row.get("covers", 1) for row in about["row"]) == about["keywords"], section


def test_every_proof_of_the_rfcs_is_a_test_that_is_run(generate: ModuleType) -> None:
    for section, about in generate.requirements().items():
        for name in (name for row in about["row"] for name in row["proof"]):
            path, _, test = generate.proof(name).partition("::")
            assert (ROOT / path).is_file(), (section, name)
            assert path.endswith(".txt") is not bool(test), (section, name)
            text = (ROOT / path).read_text("utf-8")
            assert not test or re.search(rf"^def {test}\(", text, re.MULTILINE), (section, name)
            assert path.endswith(".txt") or Path(path).name.startswith("test_"), (section, name)


# --- how it is built ---

INSIDE = (ROOT / "docs" / "inside.md").read_text("utf-8")


def test_the_page_on_the_inside_names_only_files_that_are_there() -> None:
    named = set(re.findall(r"`((?:fortish|tests|docs|grammar)/[\w./-]*)`", INSIDE))
    assert len(named) > 20
    assert not [path for path in named if not (ROOT / path).exists()]


def test_the_page_on_the_inside_names_every_module_in_its_layer() -> None:
    rows = [set(re.findall(r"`(\w+)`", line.split("|")[2])) for line in INSIDE.splitlines() if line.startswith("| ")]
    there = {
        path.stem for path in (ROOT / "fortish").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert there - {"__init__", "__main__"} <= set().union(*rows)


def test_the_map_of_the_database_names_every_module() -> None:
    import fortish.cmdb

    modules = {path.stem for path in (ROOT / "fortish" / "cmdb").glob("*.py")} - {"__init__"}
    assert modules <= set(re.findall(r"\w+", fortish.cmdb.__doc__ or ""))
