"""Writes what the documentation can take from the code and the tests.

That is `docs/commands.md`, `docs/coverage.md`, and the lists in `docs/attestation.md`, `docs/est.md` and
`docs/responder.md`.

Run it from a checkout: `python docs/generate.py`. `tests/unit/test_docs.py` checks that the files are up to date.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fortish import diagnose, execute, get
from fortish.cmdb import schema
from fortish.cmdb.table import Attribute, Table
from fortish.est.trace import EstLine
from fortish.hooks import Hook
from fortish.messages import Origin, Text
from fortish.responder.faults import FAULTS
from fortish.scep.trace import ScepLine

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests"
RANKS = re.compile(r"^(?:# )?ranks: ([\d ]+)$", re.MULTILINE)
MARK = "<!-- From here on written by docs/generate.py -->"
HOOKS = {"execute": execute.HOOKS, "diagnose": diagnose.HOOKS, "get": get.HOOKS}
LADDER = {
    "acted": "fortish does what the attribute says",
    "kept": "fortish checks, keeps and prints the value; nothing else happens",
    "refused": "fortish knows the attribute and refuses a value other than its default, in words",
}


def cell(text: object) -> str:
    """Text that can stand in a table's cell."""
    return str(text).replace("|", "\\|").replace("\n", " ⏎ ")


def code(text: object) -> str:
    """Text as code in a table's cell."""
    shown = cell(text)
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def rows(head: Iterable[str], body: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table."""
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in body:
        yield f"| {' | '.join(row)} |"
    yield ""


# --- attestation ----------------------------------------------------------------------------------------------------


def printed() -> Iterator[tuple[str, Origin, str]]:
    """Every printed text: its name in the code, its mark, itself."""
    for text in Text:
        yield f"Text.{text.name}", text.origin, text.template
    for line in EstLine:
        yield f"EstLine.{line.name}", line.origin, f"[{line.number}] {line.function}: {line.text}"
    for spoken in ScepLine:
        yield f"ScepLine.{spoken.name}", spoken.origin, spoken.text


def attestation(present: str) -> str:
    """`attestation.md`: the hand-written part of what is `present`, then the list."""
    by_hand = present.partition(MARK)[0].rstrip("\n")
    lines = [by_hand, "", MARK, "", "## Every printed text", ""]
    every = list(printed())
    for origin in Origin:
        found = [(name, text) for name, mark, text in every if mark is origin]
        lines += [f"### {origin.value}: {len(found)} texts", ""]
        lines += rows(("name", "text"), ((code(name), code(text)) for name, text in found))
    return "\n".join(lines).rstrip("\n") + "\n"


# --- commands -------------------------------------------------------------------------------------------------------


def raw(path: tuple[str, ...]) -> dict[str, Any]:
    """A table's file as it stands, since an attribute does not carry the level that it came with."""
    return tomllib.loads(schema.ROOT.joinpath(*path).with_suffix(".toml").read_text("utf-8"))


def commands() -> str:
    """`commands.md`."""
    known = schema.Schema()
    tables = [(path, known.table(path)) for path in known.paths()]
    lines = [
        "# Command reference",
        "",
        "Written by `docs/generate.py` from the hook tables and the schema.",
        "",
        *support([table for _, table in tables if table is not None]),
    ]
    for verb, hooks in HOOKS.items():
        lines += [f"## {verb}", ""]
        for hook in hooks.values():
            lines += of_hook(verb, hook) if hook.done else ()
        known_only = [code(hook.words) for hook in hooks.values() if not hook.done]
        lines += [f"### `{verb}`: known, and not done", "", f"{', '.join(known_only)}.", ""]
    lines += ["## config", ""]
    for path, table in tables:
        assert table is not None
        lines += of_table(table, raw(path))
    return "\n".join(lines).rstrip("\n") + "\n"


def walk(table: Table) -> Iterator[Attribute]:
    """The attributes of a table and of the tables inside it."""
    for attribute in table.attributes.values():
        if attribute.child is None:
            yield attribute
        else:
            yield from walk(attribute.child)


def support(tables: Iterable[Table]) -> list[str]:
    """The support ladder, counted."""
    counted = [(table, Counter(attribute.support for attribute in walk(table))) for table in tables]
    total = sum((count for _, count in counted), Counter[str]())
    lines = ["## Support ladder", "", "Child tables are counted with the table that they are in.", ""]
    lines += rows(("rung", "means", "attributes"), ((rung, LADDER[rung], str(total[rung])) for rung in LADDER))
    body = ((code(" ".join(table.path)), *(str(count[rung]) for rung in LADDER)) for table, count in counted)
    return [*lines, *rows(("table", *LADDER), body)]


def of_hook(verb: str, hook: Hook) -> Iterator[str]:
    """One command."""
    yield f"### `{verb} {hook.words}`"
    yield ""
    yield hook.help
    yield ""
    if hook.parameters:
        body = (
            (str(n), code(p.name), p.type, bounds(p), "yes" if n <= hook.needs else "no", cell(p.help))
            for n, p in enumerate(hook.parameters, 1)
        )
        yield from rows(("#", "parameter", "type", "limits", "must be given", "help"), body)


def of_table(table: Table, found: dict[str, Any]) -> Iterator[str]:
    """One table or singleton, and those inside it."""
    kind = f"Table with key `{table.key}`" if table.is_table else "Singleton"
    yield f"### `config {' '.join(table.path)}`"
    yield ""
    yield f"{table.help} {kind}, scope {table.scope}."
    yield ""
    given = {row["name"]: row for row in found.get("attribute", ())}
    body = (of_attribute(attribute, given[attribute.name]) for attribute in table.attributes.values())
    yield from rows(("attribute", "type", "limits", "default", "since", "shown when", "support", "help"), body)
    for name, child in table.children.items():
        yield from of_table(child, given[name])


def of_attribute(attribute: Attribute, given: dict[str, Any]) -> tuple[str, ...]:
    """One row."""
    default = "" if attribute.default in (None, "") else code(attribute.default)
    when = [f"{name} is {' or '.join(values)}" for name, values in attribute.when]
    when += ["it is set"] if attribute.when_set else []
    notes = [cell(attribute.help)]
    notes += ["Read-only."] if attribute.readonly else []
    notes += ["Mandatory."] if attribute.mandatory else []
    support_ = "" if attribute.child is not None else attribute.support
    name, since = code(attribute.name), str(given.get("since", ""))
    return name, attribute.type, bounds(attribute), default, since, cell(", ".join(when)), support_, " ".join(notes)


def bounds(attribute: Attribute) -> str:
    """What a value may be: its longest length, its range, its choices, what it refers to."""
    if attribute.choices:
        return cell(", ".join(choice.name for choice in attribute.choices))
    if attribute.refs:
        return cell(" or ".join(" ".join(path) for path in attribute.refs))
    if attribute.type == "integer":
        return f"{attribute.low} to {attribute.high}"
    return f"{attribute.size} characters" if attribute.size else ""


# --- coverage -------------------------------------------------------------------------------------------------------


def shown_by() -> dict[int, list[str]]:
    """Item of the ranked list to the files under tests/ that say they show it."""
    found: dict[int, list[str]] = {}
    for path in sorted(TESTS.rglob("*")):
        if path.suffix not in {".py", ".txt"}:
            continue
        for numbers in RANKS.findall(path.read_text("utf-8")):
            for number in map(int, numbers.split()):
                found.setdefault(number, []).append(path.relative_to(TESTS.parent).as_posix())
    return found


def coverage() -> str:
    """`coverage.md`: each item of the ranked list, whether it is shown, and by what."""
    items = tomllib.loads((HERE / "ranked.toml").read_text("utf-8"))["item"]
    found = shown_by()
    lines = ["# What of the command line is shown to work", "", f"{MARK}", ""]
    lines += [
        "Each item of the list of what an emulator must get right first, with the transcripts, keystroke files and",
        "tests that show it. They name the items themselves, in a line `ranks:`.",
        "",
    ]
    state = ((str(n), item["title"], "shown" if n in found else "not shown", str(len(found.get(n, ()))))
             for n, item in enumerate(items, 1))  # fmt: skip
    lines += rows(("", "item", "state", "files"), state)
    for number, item in enumerate(items, 1):
        lines += [f"## {number}. {item['title']}", "", item["about"], ""]
        lines += [f"* [{name}](../{name})" for name in found.get(number, ())] + [""]
    return "\n".join(lines).rstrip("\n") + "\n"


def faults(present: str) -> str:
    """`responder.md`: the hand-written part of what is `present`, then the fault menu."""
    by_hand = present.partition(MARK)[0].rstrip("\n")
    body = ((code(name), cell(fault.says), ", ".join(sorted(fault.on))) for name, fault in FAULTS.items())
    lines = [by_hand, "", MARK, "", "## The fault menu", "", *rows(("name", "what goes wrong", "operations"), body)]
    return "\n".join(lines).rstrip("\n") + "\n"


# --- what the RFCs ask ----------------------------------------------------------------------------------------------


def requirements() -> dict[str, dict[str, Any]]:
    """What the RFCs ask: by RFC and section, how many key words its text has, and the rows about them."""
    return tomllib.loads((HERE / "rfc.toml").read_text("utf-8"))


def proof(name: str) -> str:
    """Where a proof is found, from the root: a transcript or a test."""
    return f"tests/transcripts/{name}" if name.endswith(".txt") else f"tests/{name}"


def est(present: str) -> str:
    """`est.md`: the hand-written part of what is `present`, then what the RFCs ask."""
    by_hand = present.partition(MARK)[0].rstrip("\n")
    found = [(section, row) for section, about in requirements().items() for row in about["row"]]
    counts = Counter(row["state"] for _, row in found)
    lines = [by_hand, "", MARK, "", "## What the RFCs ask, and what is done", ""]
    lines += [
        "Every MUST and SHOULD (and what means the same) of RFC 7030 and RFC 8951, counted word by word, and those",
        "of RFC 9908, in our words; rows without one are about what the RFC says otherwise. *Client* is the box,",
        "*server* the lab's responder. *Decided* is explained above. RFC 9908 was read in a draft of it (-16); of what",
        "was published in January 2026 (from -23) no more than the front could be had, so three implementations that",
        "were made after it stand in for the rest: nothing that they hold it to is missing or different here.",
        "",
        f"{len(found)} rows: {counts['done']} done, {counts['partly']} partly, {counts['not']} not.",
        "",
    ]
    body = (
        (
            section,
            row["who"],
            row["asks"],
            cell(row["what"]),
            f"{row['state']}: {cell(row['why'])}" if "why" in row else row["state"],
            ", ".join(code(proof(name)) for name in row["proof"]) or "none",
        )
        for section, row in found
    )
    lines += rows(("RFC", "who", "asks", "what", "state", "proof"), body)
    return "\n".join(lines).rstrip("\n") + "\n"


def generated() -> dict[Path, str]:
    """Every generated file as it must be."""
    attested, responder, client = HERE / "attestation.md", HERE / "responder.md", HERE / "est.md"
    return {
        client: est(client.read_text("utf-8")),
        responder: faults(responder.read_text("utf-8")),
        attested: attestation(attested.read_text("utf-8")),
        HERE / "commands.md": commands(),
        HERE / "coverage.md": coverage(),
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, "utf-8")
