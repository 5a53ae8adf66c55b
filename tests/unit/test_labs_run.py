"""A lab with somebody at it: the prompt is the box's own, what is reached is kept, another terminal can ask."""

from __future__ import annotations

import asyncio
import io
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import hurry
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from lab_of import write_lab
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from fortish.errors import UsageError
from fortish.labs import course, page
from fortish.labs import progress as kept
from fortish.labs.lab import EXTRAS, Lab, read
from fortish.labs.run import closing, start
from fortish.main import main
from fortish.messages import Text

HOSTNAME = 'kind = "config"\npath = "system global"\nattribute = "hostname"\nis = "{name}"'
NAMED = "## task one\nconfig system global\nset hostname {name}\nend\n"
ENROLL = (
    "execute vpn certificate local generate est new ec-secp256r1 https://testrfc7030.com:8443 CN=a '' estuser estpwd"
)


async def _sit(folder: Path, home: Path, pieces: tuple[str | float, ...], seed: int) -> tuple[str, str]:
    screen, said = io.StringIO(), io.StringIO()
    output = Vt100_Output(screen, lambda: Size(rows=24, columns=80), term="dumb", enable_cpr=False)
    with create_pipe_input() as keyboard:
        lab = read(folder, seed)
        work = asyncio.create_task(start(lab, home, say=said.write, input=keyboard, output=output))
        while not screen.getvalue() and not work.done():  # noqa: ASYNC110 - until there is a prompt
            await asyncio.sleep(0.02)
        for piece in pieces:
            await asyncio.sleep(0.3 if isinstance(piece, str) else piece)
            if isinstance(piece, str):
                keyboard.send_text(piece)
        await asyncio.wait_for(work, 60)
    return screen.getvalue(), said.getvalue()


def sit(folder: Path, home: Path, *pieces: str | float, seed: int = 0) -> tuple[str, str]:
    """Type at a lab; what the terminal showed, and what the lab said before and after the prompt."""
    return hurry.run(_sit(folder, home, pieces, seed))


def lab(tmp_path: Path, **more: Any) -> Path:
    given = {"check": HOSTNAME, "seed": 'name = ["EDGE", "CORE", "LEAF"]', "solution_txt": NAMED} | more
    return write_lab(tmp_path / "lab", **given)


def rows(home: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (home / "lab" / "session.jsonl").read_text("utf-8").splitlines()]


def typed(*lines: str) -> str:
    return "".join(f"{line}\r" for line in lines)


def run(*words: str | Path) -> int:
    return main(["lab", *map(str, words)])


# --- at the prompt --------------------------------------------------------------------------------------------------


def test_a_task_is_told_below_the_prompt_with_the_reason_and_kept(tmp_path: Path) -> None:
    folder, home = lab(tmp_path), tmp_path / "home"
    screen, said = sit(
        folder, home, typed("config system global"), typed("set hostname EDGE"), typed("end"), 0.5, "exit\r"
    )
    assert "Done: one. It is reached." in screen
    assert "lab 0/1 | one: Reach it." in screen
    assert "lab 1/1 | all tasks are done; exit leaves" in screen
    assert "A lab of a test\n===============\n\nSomething is to be done." in said
    assert said.endswith("A lab of a test: all 1 tasks are done.\n")
    _, progress = kept.load(home, None)
    assert (progress["commands"], progress["tasks"][0]["done"]) == (4, True)
    assert progress["finished"] is not None


def test_the_way_out_is_one_that_works_where_one_stands(tmp_path: Path) -> None:
    check = "kind = 'screen'\nmatches = '^Serial-Number'\ntext = 'it was seen'"
    lines = (typed("get system status"), 0.5, typed("config system console"), 0.5, "\x04")
    screen, said = sit(lab(tmp_path, check=check), tmp_path / "home", *lines)
    assert "all tasks are done; exit leaves" in screen
    assert "all tasks are done; Ctrl-D leaves" in screen
    assert "all 1 tasks are done" in said


def test_nothing_of_the_lab_is_printed_between_the_boxs_own_lines(tmp_path: Path) -> None:
    sit(
        lab(tmp_path),
        tmp_path / "home",
        typed("config system global"),
        typed("set hostname EDGE"),
        typed("end"),
        "exit\r",
    )
    told = [(row["kind"], row["text"]) for row in rows(tmp_path / "home")]
    assert told == [
        ("start", "lab, seed 0"),
        ("typed", "config system global"),
        ("typed", "set hostname EDGE"),
        ("typed", "end"),
        ("task", "It is reached."),
        ("typed", "exit"),
        ("end", ""),
    ]
    prompts = [row["prompt"] for row in rows(tmp_path / "home") if row["kind"] == "typed"]
    assert prompts == ["FGT # ", "FGT (global) # ", "FGT (global) # ", "EDGE # "]


def test_who_comes_back_finds_all_as_it_was(tmp_path: Path) -> None:
    check = "kind = 'history'\noperation = 'simpleenroll'\nstatus = 200"
    folder, home = lab(tmp_path, check=check, world="trusts = true"), tmp_path / "home"
    sit(folder, home, typed(ENROLL), 1.0, typed("execute date 2024-06-01"), "exit\r")
    before = kept.load(home, "lab")[1]
    assert before["tasks"][0]["done"]
    assert before["clock"].startswith("2024-06-01")
    assert len(list((home / "lab" / "exchanges").iterdir())) >= 3
    _, said = sit(folder, home, typed("get system status"), "exit\r")
    assert "x 1. Reach it." in said
    after = kept.load(home, "lab")[1]
    assert after["tasks"][0]["done"]
    assert after["tasks"][0]["at"] == before["tasks"][0]["at"]
    assert after["clock"].startswith("2024-06-01")
    assert after["commands"] == before["commands"] + 2


def test_what_the_screen_has_shown_counts_after_a_restart(tmp_path: Path) -> None:
    folder = lab(tmp_path, check="kind = 'screen'\nmatches = '^Serial-Number'\ntext = 'it was seen'")
    sit(folder, tmp_path / "home", typed("get system status"), "exit\r")
    sit(folder, tmp_path / "home", "exit\r")
    assert kept.load(tmp_path / "home", "lab")[1]["tasks"][0]["done"]


def test_a_task_that_no_longer_holds_is_open_again(tmp_path: Path) -> None:
    name = ("config system global", "set hostname {}", "end")
    lines = [typed(line.format("EDGE")) for line in name] + [typed(line.format("CORE")) for line in name]
    sit(lab(tmp_path), tmp_path / "home", *lines, "exit\r")
    assert not kept.load(tmp_path / "home", "lab")[1]["tasks"][0]["done"]


def test_work_in_the_background_is_noticed_without_a_line(tmp_path: Path) -> None:
    check = "kind = 'certificate'\nname = 'new'\nrenewed = true"
    settings = "config vpn certificate local\nedit new\nset auto-regenerate-days 30\nend\n"
    folder = lab(tmp_path, check=check, world="trusts = true", before_txt=f"{ENROLL}\n{settings}")
    screen, _ = sit(folder, tmp_path / "home", typed("execute date 2025-02-20"), 8.0, "exit\r")
    assert "Done: one." in screen


def test_what_should_stay_is_warned_of(tmp_path: Path) -> None:
    folder = lab(tmp_path, keep="kind = 'unchanged'\npath = 'system console'")
    screen, said = sit(
        folder,
        tmp_path / "home",
        typed("config system console"),
        typed("set output standard"),
        typed("end"),
        0.5,
        "exit\r",
    )
    assert "something has changed that should stay" in screen
    assert "Should be as it was: system console is as at the beginning" in said


def test_a_lab_that_was_begun_with_another_seed_is_not_mixed_up(tmp_path: Path) -> None:
    folder, home = lab(tmp_path), tmp_path / "home"
    sit(folder, home, "exit\r")
    with pytest.raises(UsageError, match="was started with seed 0"):
        sit(folder, home, "exit\r", seed=3)


def test_somebody_else_logs_in_at_the_same_console(tmp_path: Path) -> None:
    account = "config system admin\nedit rita\nset accprofile super_admin\nset password Look-1\nend\n"
    banner = "config system global\nset pre-login-banner enable\nend\n"
    check = "kind = 'screen'\ncontains = \"(Press 'a' to accept):a\"\ntext = 'the banner was accepted'"
    folder = lab(tmp_path, check=check, world="login = true", start_conf=account + banner)
    screen, said = sit(
        folder, tmp_path / "home", "a", "exit\r", "a", "rita\r", "Look-1\r", 0.5, typed("get system status"), "\x04"
    )
    assert "FGT login: rita\nPassword: \nWelcome!" in screen
    assert "Done: one." in screen
    assert "all tasks are done; Ctrl-D leaves" in screen
    assert "exit logs out and lets somebody else log in. Leave with Ctrl-D; start again to go on." in said
    told = [(row["kind"], row["text"]) for row in rows(tmp_path / "home") if row["kind"] != "printed"]
    assert ("typed", "get system status") in told
    assert "Look-1" not in (tmp_path / "home" / "lab" / "session.jsonl").read_text("utf-8")


def test_a_lab_goes_on_with_the_seed_it_was_begun_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, home = lab(tmp_path), tmp_path / "home"
    sit(folder, home, "exit\r", seed=3)
    asked: list[int] = []

    async def begin(lab_: Lab, home_: Path, **_: Any) -> int:
        asked.append(lab_.seed)
        return 0

    monkeypatch.setattr("fortish.labs.run.start", begin)
    assert run("start", f"{folder}/", "--home", home) == 0
    (home / "seed").write_text("7", "utf-8")
    assert run("start", f"{folder}/", "--home", home) == 0
    assert run("start", "first-steps", "--home", home) == 0
    assert run("start", "first-steps", "--home", home, "--seed", "5") == 0
    assert asked == [3, 3, 7, 5]


def test_the_end_of_a_lab_names_the_next_one_of_the_course() -> None:
    rows = course.shipped()
    for one, following in pairwise(rows):
        progress = kept.fresh(one) | {"finished": kept.stamp()}
        assert closing(one, progress).endswith(f"Next in the course: fortish lab start {following.name}\n")
    assert "Next" not in closing(rows[-1], kept.fresh(rows[-1]) | {"finished": kept.stamp()})
    assert "Next" not in closing(rows[0], kept.fresh(rows[0]))


def test_what_is_told_below_the_prompt_is_cut_with_a_sign_and_between_words() -> None:
    text = "Done: one. " + "It was reached by several ways. " * 20
    rows = page.below(text, 60, 3)
    assert len(rows) == 3
    assert all(len(row) <= 60 for row in rows)
    assert rows[-1].endswith(" ...")
    assert page.below("Done: one.", 60, 3) == ["Done: one."]


def test_a_beginning_that_was_interrupted_is_made_again(tmp_path: Path) -> None:
    folder, home = lab(tmp_path), tmp_path / "home"
    (home / "lab").mkdir(parents=True)
    (home / "lab" / "box.state").write_text("half", "utf-8")
    sit(folder, home, "exit\r")
    assert kept.load(home, "lab")[1]["commands"] == 1


# --- from another terminal ------------------------------------------------------------------------------------------


def test_status_check_and_hint_tell_how_far_one_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, home = lab(tmp_path), tmp_path / "home"
    sit(folder, home, "exit\r")
    assert run("status", "--home", home) == 0
    assert "A lab of a test: 0 of 1 tasks, 1 lines typed, seed 0\n  one: Reach it." in capsys.readouterr().out
    assert run("check", "lab", "--home", home) == 1
    assert capsys.readouterr().out == 'one: system global hostname is "EDGE"; found: "FGT"\n'
    for number, text in enumerate(("First.", "Second.", "Third.", "Third."), 1):
        assert run("hint", "--home", home) == 0
        assert capsys.readouterr().out == f"one, hint {min(number, 3)} of 3: {text}\n"
    assert run("hint", "two", "--home", home) == 2
    assert "no task 'two'; there are one" in capsys.readouterr().err
    sit(folder, home, typed("config system global"), typed("set hostname EDGE"), typed("end"), "exit\r")
    assert run("check", "--home", home) == 0
    assert run("status", "--home", home) == 0
    assert "x one (3 hints): Reach it.\n    It is reached." in capsys.readouterr().out


def test_the_story_can_be_told_again_with_the_fingerprints_of_its_world(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, home = lab(tmp_path), tmp_path / "home"
    text = (folder / "lab.toml").read_text("utf-8")
    (folder / "lab.toml").write_text(text.replace("is to be done.", "is to be done. {made.ca.sha256}"), "utf-8")
    _, said = sit(folder, home, "exit\r")
    assert run("story", "--home", home) == 0
    told = capsys.readouterr().out
    root = x509.load_pem_x509_certificate((home / "lab" / "ca" / "cacert.pem").read_bytes())
    for text in (said, told):
        assert "A lab of a test\n===============\n\nSomething is to be done." in text
        first, second = root.fingerprint(hashes.SHA256())[:16], root.fingerprint(hashes.SHA256())[16:]
        assert f"{first.hex(':')} {second.hex(':')}".upper() in " ".join(text.split())
    _, again = sit(folder, home, "exit\r")
    assert again.partition("  1. ")[0] == said.partition("  1. ")[0]


def test_a_lab_that_needs_an_extra_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lab(tmp_path)
    text = (folder / "lab.toml").read_text("utf-8")
    (folder / "lab.toml").write_text(f'requires = ["srp"]\n{text}', "utf-8")
    monkeypatch.setitem(EXTRAS, "srp", ("no_such_module", Text.SRP_EXTRA))
    assert run("start", f"{folder}/", "--home", tmp_path / "home") == 2
    sentence = 'lab: TLS-SRP needs an extra that is not installed: pip install "fortish[srp]"'
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "home" / "lab").exists()
    assert run("lint", folder) == 1
    assert sentence in capsys.readouterr().out
    answer = tmp_path / "anna.txt"
    answer.write_text("end\n", "utf-8")
    assert run("grade", f"{folder}/", answer) == 2
    assert sentence in capsys.readouterr().out
    (folder / "lab.toml").write_text(f'requires = ["dongle"]\n{text}', "utf-8")
    assert run("start", f"{folder}/", "--home", tmp_path / "home") == 2
    assert "requires must be a list of extras; there are srp" in capsys.readouterr().err


def test_reset_begins_anew(tmp_path: Path) -> None:
    folder, home = lab(tmp_path), tmp_path / "home"
    sit(folder, home, typed("config system global"), typed("set hostname EDGE"), typed("end"), "exit\r")
    assert run("reset", "lab", "--home", home) == 0
    _, said = sit(folder, home, "exit\r")
    assert "  1. Reach it." in said


def test_reset_reaches_a_lab_that_runs(tmp_path: Path) -> None:
    folder, home = lab(tmp_path), tmp_path / "home"

    async def work() -> str:
        told = asyncio.create_task(
            _sit(
                folder,
                home,
                (typed("config system global"), typed("set hostname EDGE"), typed("end"), 3.0, "exit\r"),
                0,
            )
        )
        place = home / "lab" / "progress.json"
        while not place.exists() or '"finished": null' in place.read_text("utf-8"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        assert kept.reset(home, "lab")
        return (await told)[1]

    said = hurry.run(work())
    assert "The lab begins anew." in said
    assert said.count("  1. Reach it.") == 2
    assert not kept.load(home, None)[1]["tasks"][0]["done"]


@pytest.mark.parametrize("words", [("status",), ("check", "lab"), ("hint",), ("reset", "first-steps")])
def test_a_lab_that_was_not_started_is_told(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, "--home", tmp_path) == 2
    assert re.search(r"no lab was started yet|was not started here", capsys.readouterr().err)


def test_files_that_are_damaged_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, home = lab(tmp_path), tmp_path / "home"
    sit(folder, home, "exit\r")
    (home / "lab" / "progress.json").write_text("{", "utf-8")
    assert run("status", "--home", home) == 2
    assert "damaged" in capsys.readouterr().err


def test_the_list_is_the_course_with_ones_progress(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--home", tmp_path) == 0
    assert re.search(r"^Basics\n  first-steps +15 min +First steps at the prompt$", capsys.readouterr().out, re.M)


def test_a_name_that_is_no_lab_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("start", "nothing", "--home", tmp_path) == 2
    assert "no lab 'nothing'; there are" in capsys.readouterr().err
    assert run("start", f"{tmp_path}/", "--home", tmp_path) == 2
    assert "no lab is there" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["list", "start", "story", "status", "check", "hint", "reset", "grade", "lint", "new", "class"]
)
def test_every_subcommand_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(name, "--help")
    assert ended.value.code == 0
    assert f"example: fortish lab {name}" in capsys.readouterr().out
