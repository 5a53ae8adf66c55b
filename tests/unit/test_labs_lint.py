"""`fortish lab lint`: what a lab is told that does not prove itself, and what it is not."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from lab_of import write_lab

from fortish.errors import UsageError
from fortish.labs.lab import read
from fortish.labs.lint import COMMAND, lint
from fortish.labs.new import create

LABS = Path(__file__).parent.parent / "labs"
GUIDE = Path(__file__).parent.parent.parent / "docs" / "labs.md"
HOSTNAME = 'kind = "config"\npath = "system global"\nattribute = "hostname"\nis = "EDGE"'
NAMED = "## task one\nconfig system global\nset hostname EDGE\nend\n"


def found(folder: Path) -> list[str]:
    return [message.removeprefix(f"{folder}/") for message in asyncio.run(lint(folder))]


def guide_lab(folder: Path) -> Path:
    folder.mkdir()
    for name, text in re.findall(r"^`([\w.]+)`\n\n```\w*\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S):
        (folder / name).write_text(text, "utf-8")
    return folder


# --- labs that work -------------------------------------------------------------------------------------------------


def test_the_guides_lab_proves_itself(tmp_path: Path) -> None:
    folder = guide_lab(tmp_path / "portal")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "lab.toml", "solution.txt"]
    assert found(folder) == []


def test_what_the_guide_says_of_its_own_lab_is_true(tmp_path: Path) -> None:
    folder = guide_lab(tmp_path / "portal")
    text = (folder / "lab.toml").read_text("utf-8")
    (folder / "lab.toml").write_text(text.replace('account   = "estuser"\n', ""), "utf-8")
    assert found(folder) == []
    (folder / "lab.toml").write_text(text.replace("status    = 200", "status    = 500"), "utf-8")
    assert found(folder)[0].startswith("solution.txt: after task enroll: task enroll is not fulfilled: requests at")


def test_a_new_lab_proves_itself(tmp_path: Path) -> None:
    create(tmp_path / "new")
    assert found(tmp_path / "new") == []
    with pytest.raises(UsageError, match="is there already"):
        create(tmp_path / "new")


def test_a_lab_with_a_past_a_screen_copy_and_a_server_that_changes_proves_itself() -> None:
    assert found(LABS / "renewal") == []


def test_a_lab_may_tell_what_is_known_of_its_world_only_when_it_is_made(tmp_path: Path) -> None:
    folder = write_lab(
        tmp_path / "lab",
        check=HOSTNAME.replace("EDGE", "{name}"),
        world='authorities = { other = { made = "2020-01-01" } }',
        seed='name = ["EDGE"]',
        keep="kind = 'authority'\nfile = 'other.pem'\nheld = false\ntext = 'not {made.other.md5} is trusted'",
        solution_txt=NAMED.replace("EDGE", "{name}"),
    )
    assert found(folder) == []
    text = (folder / "lab.toml").read_text("utf-8")
    (folder / "lab.toml").write_text(text.replace("made.other", "made.nobody"), "utf-8")
    assert found(folder) == ["lab.toml: there is no variable {made.nobody.md5} in [seed]"]


# --- labs that do not -----------------------------------------------------------------------------------------------


def test_a_task_that_is_fulfilled_too_early_is_named() -> None:
    assert found(LABS / "fulfilled-at-start") == [
        "lab.toml: task name is fulfilled already at the start",
        "lab.toml: task port is fulfilled already after task timeout",
    ]


def test_whatever_is_wrong_is_told_at_once() -> None:
    assert found(LABS / "all-wrong") == [
        "README.md: it is missing, or empty",
        "notes.txt: not a file of a lab; there are README.md, before.txt, files, lab.toml, solution.txt, start.conf",
        "lab.toml: task name: hints: there must be 3, from a nudge to nearly the answer",
        "lab.toml: task name: done: a sentence must say why it worked",
        "lab.toml: task name: hints: two are the same",
        "lab.toml: task name: check 1: text: it names a command: 'set host-n'",
        "lab.toml: there is no variable {nome} in [seed]",
        "solution.txt:6: keep 1 does not hold from here on: system global is as at the beginning;"
        " found: 1 lines are gone, 2 are new",
        "solution.txt:3: command parse error before 'hostnamed' Command fail. Return code -61",
    ]


def test_a_folder_without_a_lab_is_told() -> None:
    assert found(LABS / "no-lab") == ["lab.toml: there is no such file"]


def test_a_solution_that_does_not_reach_it_is_told(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "lab", check=HOSTNAME, solution_txt=NAMED.replace("EDGE", "EGDE"))
    assert found(folder) == [
        'solution.txt: after task one: task one is not fulfilled: system global hostname is "EDGE"; found: "EGDE"'
    ]


def test_a_solution_that_undoes_what_was_reached_is_told(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "lab", check=HOSTNAME)
    text = (folder / "lab.toml").read_text("utf-8")
    second = text[text.index("[[task]]") :].replace('"one"', '"two"').replace('"EDGE"', '"CORE"')
    (folder / "lab.toml").write_text(text + second, "utf-8")
    (folder / "solution.txt").write_text(NAMED + NAMED.replace("one", "two").replace("EDGE", "CORE"), "utf-8")
    assert [message.split(": ")[2] for message in found(folder)] == ["task one is not fulfilled"]


def test_parts_and_tasks_must_agree(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "lab", check=HOSTNAME, solution_txt=NAMED.replace("one", "won"))
    assert found(folder) == ["solution.txt: its parts are for won; the tasks are one"]


def test_what_must_stay_must_be_there_at_the_start(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "lab", check=HOSTNAME, keep='kind = "authority"\nlab = true', solution_txt=NAMED)
    assert found(folder)[0].startswith("solution.txt:0: keep 1 does not hold at the start: the CA of the lab's EST")


def test_another_seed_is_tried_too(tmp_path: Path) -> None:
    folder = write_lab(
        tmp_path / "lab",
        check=HOSTNAME.replace("EDGE", "{name}"),
        seed='name = ["EDGE", "CORE", "LEAF", "ROOT"]',
        solution_txt=NAMED,
    )
    assert found(folder)[0].endswith("(seed 1)") or found(folder)[0].endswith("(seed 2)")


def test_a_beginning_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "lab", check=HOSTNAME, solution_txt=NAMED, before_txt="get system status\nfoo\n")
    assert found(folder) == ["before.txt:2: Unknown action 0"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ('kind = "confog"', "task 1: check 1: kind must be one of authority, certificate, clock"),
        ('kind = "config"', "task 1: check 1: path: missing"),
        ('kind = "config"\npath = "system globe"', "task one: check 1: path: there is no table 'system globe'"),
        ('kind = "config"\npath = "system global"\nattribute = "hostnome"', "attribute: 'system global' has no"),
        ('kind = "config"\npath = "system global"\nist = 1', "task 1: check 1: unknown key 'ist'"),
        ('kind = "output"\ncommand = "execute reboot"\ntext = "x"', "command must begin with one of get, show, tree"),
        ('kind = "output"\ncommand = "get system status"', "text: missing"),
        ('kind = "screen"\nmatches = "("\ntext = "x"', "matches: missing )"),
        ('kind = "event"\nid = true', "id must be a number"),
    ],
)  # fmt: skip
def test_a_wrong_check_is_an_error_that_names_file_and_key(tmp_path: Path, wrong: str, message: str) -> None:
    (told,) = found(write_lab(tmp_path / "lab", check=wrong, solution_txt=NAMED))
    assert told.startswith("lab.toml: ")
    assert message in told


@pytest.mark.parametrize(
    ("world", "message"),
    [
        ('clok = "2024-01-01"', "world: unknown key 'clok'"),
        ('clock = "tomorrow"', "world: clock: not an ISO 8601 time"),
        ("responder = { dayz = 1 }", "world: responder: unknown key 'dayz'"),
        ('responder = { faults = { simpleenroll = "lazy" } }', "world: responder: faults.simpleenroll: unknown fault"),
        ("later = { visits = 1 }", "world: later needs visits and responder"),
        ('administrator = "alice"', "start.conf has no 'alice'"),
        ('files = { "a/b" = "c" }', "world: files: 'a/b' cannot be a name here"),
    ],
)
def test_a_wrong_world_is_an_error_that_names_file_and_key(tmp_path: Path, world: str, message: str) -> None:
    (told,) = found(write_lab(tmp_path / "lab", check=HOSTNAME, world=world, solution_txt=NAMED))
    assert told.startswith("lab.toml: ")
    assert message in told


@pytest.mark.parametrize("text", ["press `end`", "then set dst-addr", "execute ping", 'edit "a"', "get system status"])
def test_a_command_in_a_sentence_is_seen(text: str) -> None:
    assert COMMAND.search(text)


@pytest.mark.parametrize(
    "text",
    ["it has no value set", "the next set of names", "at the end", "get a certificate", "the show must go on",
     "system global hostname", "the configuration is as it was", "edit and set are verbs"],
)  # fmt: skip
def test_plain_words_are_no_command(text: str) -> None:
    assert not COMMAND.search(text)


# --- seeds ----------------------------------------------------------------------------------------------------------


def test_seed_0_is_what_is_printed_and_others_choose_always_the_same(tmp_path: Path) -> None:
    zones = 'zone = [{ id = "x", city = "y" }, { id = "v", city = "w" }]'
    seed = f'name = ["a", "b", "c"]\ncount = {{ from = 5, to = 9 }}\n{zones}'
    folder = write_lab(tmp_path / "lab", check=HOSTNAME, seed=seed)
    assert read(folder).chosen == {"name": "a", "count": "5", "zone.id": "x", "zone.city": "y"}
    every = [dict(read(folder, seed_).chosen) for seed_ in range(1, 30)]
    assert every == [dict(read(folder, seed_).chosen) for seed_ in range(1, 30)]
    assert {one["name"] for one in every} == {"a", "b", "c"}
    assert {one["count"] for one in every} == {"5", "6", "7", "8", "9"}
    assert {(one["zone.id"], one["zone.city"]) for one in every} == {("x", "y"), ("v", "w")}


def test_a_solution_that_is_a_screen_copy_is_cut_at_its_tasks(tmp_path: Path) -> None:
    copy = "FGT # get system status\nVersion: x\n\n## task one\nFGT # config system global\n\nFGT (global) # end\n"
    parts = read(write_lab(tmp_path / "lab", check=HOSTNAME, solution_txt=copy)).solution()
    assert [(part.task, [(line.number, line.text) for line in part.lines]) for part in parts] == [
        ("", [(1, "get system status")]),
        ("one", [(5, "config system global"), (7, "end")]),
    ]
