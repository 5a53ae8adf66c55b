"""The page of a lab: its tasks with times and hints, from its folder, whoever sits at it and whatever is damaged."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from chromium import Browser
from lab_of import write_lab
from test_labs_run import sit, typed

from fortish.labs import progress as kept
from fortish.labs.told import page_of
from fortish.main import main

ENROLL = (
    "execute vpn certificate local generate est web ec-secp256r1 https://testrfc7030.com:8443 CN=web '' estuser estpwd"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody has enrolled in a lab in which something had happened before, and has left and come back."""
    folder = tmp_path_factory.mktemp("report")
    before = ENROLL.replace("est web", "est old")
    check = "kind = 'certificate'\nname = 'web'"
    write_lab(
        folder / "lab",
        check=check,
        world="trusts = true",
        before_txt=before,
        keep="kind = 'unchanged'\npath = 'system console'",
    )
    sit(folder / "lab", folder / "home", typed("bogus", ENROLL), 1.0, "exit\r")
    assert main(["lab", "hint", "one", "--home", str(folder / "home")]) == 0
    change = typed("config system console", "set output standard", "end")
    sit(folder / "lab", folder / "home", change, "exit\r")
    return folder / "home"


def page(home: Path) -> str:
    return page_of(*kept.load(home, "lab"))


def words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def test_tasks_are_told_with_times_and_hints(home: Path) -> None:
    told = words(page(home))
    assert re.search(r"Reach it\. It is reached\. \d s 1 of 3 ", told)
    assert "Tasks 1 of 1 done Host name FGT Firmware FortiProxy v7.6.0" in told
    assert "Seed 0" in told
    assert re.search(r"Box's clock 2024-03-04 09:00:0\d UTC", told)
    assert "Should be as it was: system console is as at the beginning; found:" in told
    assert re.search(r"Came back at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", told)
    assert "Task done: one. It is reached." in told


def test_failures_are_those_that_the_shell_knew(home: Path) -> None:
    assert re.search(r"Failures Line 1 bogus Unknown action 0 (On the network|FGT)", words(page(home)))


def test_what_happened_before_the_learner_came_is_not_shown(home: Path) -> None:
    told = words(page(home))
    assert "CN=web" in told
    assert "CN=old" not in told.partition("Transcript")[0]
    assert "EST exchanges 3" in told
    assert "estpwd" not in told


def test_the_page_is_written_where_it_is_wanted(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "report", "--home", str(home)]) == 0
    assert capsys.readouterr().out == "lab.html\n"
    assert (tmp_path / "lab.html").read_text("utf-8") == page(home)
    assert main(["lab", "report", "lab", "--home", str(home), "-o", "sub/a.html"]) == 2
    assert "--output sub/a.html: No such file or directory" in capsys.readouterr().err
    assert main(["lab", "report", "other", "--home", str(home)]) == 2


def test_a_page_is_made_of_what_is_left(home: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(home, tmp_path / "home")
    folder = copy / "lab"
    progress: dict[str, Any] = json.loads((folder / "progress.json").read_text("utf-8"))
    (folder / "progress.json").write_text(json.dumps(progress | {"folder": str(tmp_path / "gone")}), "utf-8")
    session = (folder / "session.jsonl").read_bytes()
    (folder / "session.jsonl").write_bytes(b'{"half\n\xff\xfe\n[1]\n3\n' + session[:-20])
    (next((folder / "exchanges").iterdir()) / "exchange.json").write_text("{", "utf-8")
    told = words(page(copy))
    assert "Reach it." in told
    assert "1 of 1 done" in told
    (folder / "session.jsonl").unlink()
    assert "Nothing was typed." in page(copy)
    shutil.rmtree(folder / "exchanges")
    assert "No EST exchange." in page(copy)


def test_the_page_of_a_lab_is_legible_on_a_phone(home: Path, tmp_path: Path, browser: Browser) -> None:
    (tmp_path / "lab.html").write_text(page(home), "utf-8")
    browser.open(tmp_path / "lab.html", width=360, height=760)
    assert not browser.errors
    assert browser.evaluate("document.documentElement.scrollWidth") == 360
    head = browser.evaluate("document.querySelector('nav').getBoundingClientRect().height")
    assert head < 50  # one row, which stays on the screen
    lines = browser.evaluate("[...document.querySelectorAll('td + td')].map(one => one.getBoundingClientRect().height)")
    assert max(lines) < 30  # no word is broken there
    assert "Reach it." in browser.evaluate("document.querySelector('table').innerText")
