"""A lab survives what is done to it: kill -9, two terminals, changed and damaged files, strange homes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
from lab_of import README, write_lab
from test_labs_run import HOSTNAME, run, sit, typed

from fortish.errors import UsageError
from fortish.labs import progress as kept
from fortish.labs import seat
from fortish.labs.lab import read

NAMED = typed("config system global", "set hostname EDGE", "end")
CHECK = HOSTNAME.replace("{name}", "EDGE")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return write_lab(tmp_path / "lab", check=CHECK)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A lab, and a home in which its task was reached."""
    folder = tmp_path_factory.mktemp("played")
    lab = write_lab(folder / "lab", check=CHECK)
    sit(lab, folder / "home", NAMED, "exit\r")
    return lab, folder / "home"


@pytest.fixture
def begun(played: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """The same, to be changed."""
    lab, home = shutil.copytree(played[0], tmp_path / "lab"), shutil.copytree(played[1], tmp_path / "home")
    file = home / "lab" / "progress.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"folder": str(lab)}), "utf-8")
    (home / "last").write_text(str(lab), "utf-8")
    return lab, home


def done(home: Path) -> list[bool]:
    return [row["done"] for row in kept.load(home, "lab")[1]["tasks"]]


def child(lab: Path, home: Path) -> pexpect.spawn:
    words = ["-m", "fortish", "lab", "start", f"{lab}/", "--home", str(home)]
    found = pexpect.spawn(sys.executable, words, dimensions=(24, 80), timeout=120, encoding="utf-8")
    found.expect("lab ./1")
    return found


# --- processes ------------------------------------------------------------------------------------------------------


def test_what_was_reached_survives_kill_9(lab: Path, home: Path) -> None:
    person = child(lab, home)
    for line in ("config system global", "set hostname EDGE", "end"):
        person.send(f"{line}\r")
    person.expect("lab 1/1")
    person.kill(signal.SIGKILL)
    person.close(force=True)
    assert done(home) == [True]
    _, said = sit(lab, home, typed("get system status"), "exit\r")
    assert "x 1. Reach it." in said
    assert kept.load(home, "lab")[1]["commands"] == 5
    rows = [json.loads(line) for line in (home / "lab" / "session.jsonl").read_text("utf-8").splitlines()]
    assert [row["kind"] for row in rows if row["kind"] in ("start", "end")] == ["start", "start", "end"]


def test_a_lab_is_open_in_one_terminal_at_a_time(lab: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person = child(lab, home)
    before = sorted(path.name for path in (home / "lab").iterdir())
    assert run("start", f"{lab}/", "--home", home) == 2
    assert "lab is open in another terminal; it is left there with exit" in capsys.readouterr().err
    assert sorted(path.name for path in (home / "lab").iterdir()) == before
    assert run("reset", "--home", home) == 0
    assert "lab: begins anew in its terminal" in capsys.readouterr().out
    person.expect("The lab begins anew")
    person.expect("lab 0/1")
    person.send("exit\r")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 0


def test_a_lab_that_is_being_prepared_is_not_touched_by_a_second_start(
    lab: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with seat.taken(home, "lab"):  # the first one has nothing there yet
        (home / "lab").mkdir()
        (home / "lab" / "box.state").write_text("half", "utf-8")
        assert run("start", f"{lab}/", "--home", home) == 2
        assert (home / "lab" / "box.state").read_text("utf-8") == "half"
    assert "open in another terminal" in capsys.readouterr().err


def test_a_seat_is_free_when_its_process_is_gone(home: Path) -> None:
    code = (
        "import os, pathlib, sys\nfrom fortish.labs import seat\n"
        "with seat.taken(pathlib.Path(sys.argv[1]), 'lab'):\n    print('sits', flush=True)\n    os.read(0, 1)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as sitting:
        assert sitting.stdout is not None
        assert sitting.stdout.readline() == b"sits\n"
        with pytest.raises(seat.Taken):
            seat.taken(home, "lab").__enter__()
        sitting.kill()
    with seat.taken(home, "lab"):
        pass


# --- the lab's own folder -------------------------------------------------------------------------------------------


def second(text: str) -> str:
    """A lab's text with one more task."""
    more = text.partition("[[task]]")[2].partition("[[keep]]")[0]
    return text + "\n[[task]]" + more.replace('"one"', '"two"').replace("EDGE", "CORE").replace("Reach it", "Then this")


def test_a_lab_that_is_changed_meanwhile_goes_on_with_what_is_still_there(
    begun: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    lab, home = begun
    text = (lab / "lab.toml").read_text("utf-8")
    (lab / "lab.toml").write_text(
        second(text).replace("A lab of a test", "A lab of two tests")
        + "\n[[keep]]\nkind = 'unchanged'\npath = 'system console'\n",
        "utf-8",
    )
    assert run("status", "--home", home) == 0
    assert "A lab of two tests: 1 of 1 tasks" in capsys.readouterr().out
    assert run("hint", "--home", home) == 0
    assert run("check", "--home", home) == 0
    capsys.readouterr()
    _, said = sit(lab, home, "exit\r")
    assert "x 1. Reach it." in said
    assert "  2. Then this." in said
    assert done(home) == [True, False]
    assert kept.load(home, "lab")[1]["keep"][0]["ok"]  # nobody knows how it was
    (lab / "lab.toml").write_text(text.replace('"one"', '"other"'), "utf-8")
    assert run("status", "--home", home) == 0
    assert "0 of 0 tasks" in capsys.readouterr().out
    sit(lab, home, "exit\r")
    assert [row["id"] for row in kept.load(home, "lab")[1]["tasks"]] == ["other"]


def test_a_lab_whose_folder_is_gone_or_broken_is_told(
    begun: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    lab, home = begun
    (lab / "lab.toml").write_text("title = ", "utf-8")
    for words in (("status",), ("hint",), ("story",)):
        assert run(*words, "--home", home) == 2
        assert "lab.toml" in capsys.readouterr().err
    assert run("check", "--home", home) == 0  # that needs the progress alone
    assert run("reset", "--home", home) == 0
    assert not (home / "lab").exists()


def test_another_lab_of_the_same_name_is_not_mixed_up(begun: tuple[Path, Path], tmp_path: Path) -> None:
    lab, home = begun
    other = write_lab(tmp_path / "elsewhere" / "lab", check=CHECK)
    sit(other, home, "exit\r")  # the same lab, somewhere else
    assert kept.load(home, "lab")[1]["folder"] == str(other)
    text = (lab / "lab.toml").read_text("utf-8")
    (lab / "lab.toml").write_text(text.replace("A lab of a test", "Quite another"), "utf-8")
    with pytest.raises(UsageError, match=r"lab was started from .*elsewhere/lab; 'fortish lab reset lab'"):
        sit(lab, home, "exit\r")


@pytest.mark.parametrize("words", ["start", "reset"])
def test_a_lab_never_removes_the_folder_it_is_written_in(
    words: str, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab / "solution.txt").write_text("## task one\n", "utf-8")
    name = f"{lab}/" if words == "start" else "lab"
    assert run(words, name, "--home", lab.parent) == 2
    assert "give another --home" in capsys.readouterr().err or words == "reset"
    assert (lab / "README.md").read_text("utf-8") == README
    assert (lab / "lab.toml").exists()


@pytest.mark.parametrize("table", ["files", "authorities"])
@pytest.mark.parametrize("name", ["../x", "a/b", "a\\\\b", ".x", ""])
def test_a_lab_writes_no_file_outside_of_its_folder(table: str, name: str, tmp_path: Path) -> None:
    value = '"text"' if table == "files" else '{ common-name = "x" }'
    folder = write_lab(tmp_path / "lab", check=CHECK, world=f'{table} = {{ "{name}" = {value} }}')
    with pytest.raises(UsageError, match="cannot be a name here"):
        read(folder)


def test_who_deletes_themselves_is_told_how_to_begin_anew(tmp_path: Path, home: Path) -> None:
    account = "config system admin\nedit rita\nset accprofile super_admin\nset password Look-1\nend\n"
    lab = write_lab(tmp_path / "lab", check=CHECK, world="administrator = 'rita'", start_conf=account)
    sit(lab, home, "exit\r")
    (lab / "lab.toml").write_text((lab / "lab.toml").read_text("utf-8").replace("'rita'", "'anna'"), "utf-8")
    with pytest.raises(UsageError, match="'anna', who sits here, was deleted; 'fortish lab reset lab' begins anew"):
        sit(lab, home, "exit\r")


# --- damaged files --------------------------------------------------------------------------------------------------

DAMAGE: tuple[bytes, ...] = (b"", b"{", b"\xff\xfe\0", b"[]", b'{"tasks": 3}', b"3", b"null null", b"[" * 100_000)


@pytest.mark.parametrize("name", ["progress.json", "hints.json", "start.json", "visits.json", "session.jsonl"])
def test_a_damaged_file_is_told_with_the_way_out_or_does_no_harm(
    name: str, begun: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    lab, home = begun
    file = home / "lab" / name
    good = file.read_bytes() if file.exists() else b'{"one": 2}'
    for damage in (*DAMAGE, good[: len(good) // 2]):
        file.write_bytes(damage)
        for words in (("status",), ("check",), ("hint",), ("report", "-o", home / "page.html")):
            file.write_bytes(damage)
            assert run(*words, "--home", home) == (2 if name == "progress.json" else 0), damage
        told = capsys.readouterr().err
        assert "internal error" not in told, damage
        assert (f"{name}: damaged; 'fortish lab reset lab' begins anew" in told) is (name == "progress.json")
    assert run("list", "--home", home) == 0
    if name in ("progress.json", "start.json", "visits.json"):
        with pytest.raises(UsageError, match=f"{name}: damaged; 'fortish lab reset lab' begins anew"):
            sit(lab, home, "exit\r")
        assert run("reset", "lab", "--home", home) == 0
        assert not (home / "lab").exists()
    else:
        sit(lab, home, "exit\r")
        assert done(home) == [True]


def test_a_damaged_box_can_be_begun_anew(begun: tuple[Path, Path]) -> None:
    lab, home = begun
    (home / "lab" / "box.state").write_bytes(b"SQLite format 3\0" + b"x" * 500)
    with pytest.raises(UsageError, match=r"box\.state"):
        sit(lab, home, "exit\r")
    assert run("reset", "lab", "--home", home) == 0
    sit(lab, home, "exit\r")
    assert done(home) == [False]


def test_rows_of_a_transcript_stay_rows_when_one_was_cut_off(begun: tuple[Path, Path]) -> None:
    lab, home = begun
    with (home / "lab" / "session.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"time": "2024-')
    sit(lab, home, typed("get system status"), "exit\r")
    kinds = [row["kind"] for row in kept.session_rows(home / "lab")]
    assert kinds.count("start") == 2
    assert kinds.count("end") == 2


def test_a_damaged_home_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.mkdir()
    for damage in DAMAGE:
        (home / "last").write_bytes(damage)
        (home / "seed").write_bytes(damage)
        for words in (("status",), ("reset",), ("report",), ("hint", "--lab", "\0"), ("start", "a" * 5000)):
            assert run(*words, "--home", home) == 2
        assert "internal error" not in capsys.readouterr().err
    assert run("list", "--home", home) == 0


# --- homes ----------------------------------------------------------------------------------------------------------


def test_a_home_that_cannot_be_written_is_told(lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    assert run("start", f"{lab}/", "--home", tmp_path / "file" / "home") == 2
    assert "Not a directory" in capsys.readouterr().err
    assert run("list", "--home", tmp_path / "file" / "home") == 0


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can become somebody without rights")
@pytest.mark.parametrize("part", ["home", "lab"])
def test_a_home_without_the_right_to_write_is_told(
    part: str, played: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = shutil.copytree(played[1], tmp_path / "home")
    for folder in (home, home / "lab"):
        folder.chmod(0o777)
    (home if part == "home" else home / "lab").chmod(0o555)
    for folder in (tmp_path, *tmp_path.parents, played[0].parent):
        folder.chmod(folder.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        assert run("start", f"{played[0]}/", "--home", home) == 2
        assert run("hint", "--home", home) == 2
    finally:
        os.seteuid(0)
    told = capsys.readouterr().err
    assert str(home) in told
    assert "internal error" not in told


def test_a_disk_that_fills_up_ends_no_lesson(lab: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        if path.name in ("progress.json", "visits.json"):
            raise UsageError(f"{path}: No space left on device")
        path.write_text(text, "utf-8")

    monkeypatch.setattr("fortish.labs.run.write", full)
    monkeypatch.setattr("fortish.labs.stage.write", full)
    screen, said = sit(lab, home, NAMED, 0.3, "exit\r")
    assert "lab 1/1" in screen
    assert said.endswith("A lab of a test: all 1 tasks are done.\n")


def test_names_and_texts_of_any_script_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab = write_lab(tmp_path / "Übung 李", check=CHECK.replace("EDGE", "ÉDGE"))
    home = tmp_path / "Zoë's home"
    sit(
        lab,
        home,
        typed("config system global", "set hostname ÉDGE", "end", "show system global | grep '李 \U0001f600'"),
        "exit\r",
    )
    assert run("status", "--home", home) == 0
    assert "1 lines typed" not in capsys.readouterr().out
    rows = list(kept.session_rows(home / "Übung 李"))
    assert "show system global | grep '李 \U0001f600'" in [row["text"] for row in rows if row["kind"] == "typed"]
    assert run("report", "--home", home, "-o", tmp_path / "page.html") == 0
    assert "李 \U0001f600" in (tmp_path / "page.html").read_text("utf-8")


def test_an_empty_variable_names_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORTISH_LABS", "")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert kept.home(None) == tmp_path / "fortish" / "labs"


def test_a_progress_of_another_version_is_fitted(lab: Path) -> None:
    old: dict[str, Any] = kept.fresh(read(lab))
    old["tasks"][0] |= {"done": True, "at": "2024-01-01T00:00:00Z", "text": "Old words."}
    old["tasks"].append({**old["tasks"][0], "id": "gone"})
    del old["made"]
    found = kept.fitted(old, read(lab))
    assert [(row["id"], row["done"], row["text"]) for row in found["tasks"]] == [("one", True, "Reach it.")]
    assert found["made"] == {}
