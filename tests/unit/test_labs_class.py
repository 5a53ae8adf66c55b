"""A class on one machine: a list becomes homes and seeds, boxes are alone, a table shows who is how far."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte
import pytest
from lab_of import write_lab
from rich.console import Console

from fortish.errors import UsageError
from fortish.labs import classroom
from fortish.labs import progress as kept
from fortish.labs.classroom import Student
from fortish.labs.folder import write
from fortish.labs.lab import read
from fortish.main import main

CHECK = 'kind = "config"\npath = "system global"\nattribute = "hostname"\nis = "EDGE"'
PATIENCE = 120  # seconds that anything may take on a busy machine
NAMED = ("config system global", "set hostname EDGE", "end")


def listed(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "names.txt"
    path.write_text(text, "utf-8")
    return path


def progress(student: Path, *done: bool, hints: int = 0, broken: bool = False) -> None:
    """Let a student have reached something in a lab called lab."""
    rows = [{"id": f"t{at}", "text": "", "done": one, "at": None, "hints": hints, "findings": []}
            for at, one in enumerate(done)]  # fmt: skip
    found = {
        "lab": "lab", "title": "A lab", "folder": "lab", "seed": 1, "started": kept.stamp(), "updated": kept.stamp(),
        "finished": None, "commands": 3, "clock": None, "tasks": rows,
        "keep": [{"ok": not broken, "expected": "a", "actual": "b"}],
    }  # fmt: skip
    (student / "lab").mkdir(parents=True, exist_ok=True)
    write(student / "last", "lab")
    write(student / "lab" / "progress.json", json.dumps(found))


# --- the list -------------------------------------------------------------------------------------------------------


def test_names_are_taken_as_they_are(tmp_path: Path) -> None:
    text = "\ufeff# a class\n Anna  Berg \nJu\u0308rgen Müller # at the window\n\nZoë O'Brien\nMüller, Hans (2)\n"
    names = classroom.students(listed(tmp_path, f"{text}李小龍\r\na@b.example"))
    assert names == ["Anna Berg", "Jürgen Müller", "Zoë O'Brien", "Müller, Hans (2)", "李小龍", "a@b.example"]
    made = classroom.arrange(names, tmp_path / "room")
    assert [student.home for student in made] == [tmp_path / "room" / name for name in names]
    assert all(student.home.stat().st_mode & 0o077 == 0 for student in made)
    assert len({kept.seed_of(student.home) for student in made}) == len(names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no name in it"),
        ("# nobody\n\n", "there is no name in it"),
        ("ann\n../x\n", ":2: '../x' cannot be a student's name"),
        ("a/b\n", ":1: 'a/b' cannot"),
        ("a\\b\n", "cannot"),
        ("..\n", "cannot"),
        (".ssh\n", "cannot"),
        ("-rf\n", "cannot"),
        ("ann.\n", "cannot"),
        ("nul.txt\n", "cannot"),
        ("a\x1b[31mb\n", "cannot"),
        ("a" * 65, "cannot"),
        ("=1+1\n", "cannot"),
        ("Anna\nbob\nANNA\n", ":3: 'ANNA' is there already, in line 1"),
        ("Zoe\u0308\nZoë\n", ":2: 'Zoë' is there already, in line 1"),
    ],
)
def test_a_list_that_cannot_be_used_is_told_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as told:
        classroom.students(listed(tmp_path, text))
    assert message in str(told.value)
    names = listed(tmp_path, text)
    assert main(["lab", "class", str(names), "--dir", str(tmp_path / "room")]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["names.txt"]


def test_a_seed_is_always_the_same_for_a_name_and_what_is_there_stays(tmp_path: Path) -> None:
    first = classroom.arrange(["Ann"], tmp_path)
    assert kept.seed_of(first[0].home) == classroom.seed_for("ann") > 0
    write(first[0].home / "seed", "7\n")
    assert kept.seed_of(classroom.arrange(["Ann", "Bob"], tmp_path)[0].home) == 7
    write(first[0].home / "seed", "seven")
    with pytest.raises(UsageError, match="seed: damaged"):
        classroom.arrange(["Ann"], tmp_path)


# --- the table ------------------------------------------------------------------------------------------------------


def test_where_there_is_no_terminal_the_table_is_printed_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names, room = listed(tmp_path, "Anna Berg\n李小龍\nbob\neve\nzoe\n"), tmp_path / "room"
    words = ["lab", "class", str(names), "--dir", str(room)]
    assert main(words) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[1] == "Anna Berg  -                 not started"
    assert f"Anna Berg begins with:\n  fortish lab start NAME --home '{room}/Anna Berg'\n" in told.err
    progress(room / "Anna Berg", True, False, False, hints=1)
    progress(room / "李小龍", True, True, True)
    progress(room / "bob", False, broken=True)
    progress(room / "zoe", False)
    write(room / "zoe" / "lab" / "progress.json", '{"tasks": 3}')
    assert main([*words, "--once"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert [line.rstrip(" 1s") for line in told.out.splitlines()] == [
        "student    lab  tasks  each  at                        seen",
        "Anna Berg  lab  1/3    xhh   t",
        "李小龍     lab  3/3    xxx   done",
        "bob        lab  0/1    .     t0 (something is broken)",
        "eve        -                 not started",
        "zoe        -                 cannot be read",
    ]
    assert main([*words, "--lab", "first-steps"]) == 0
    assert capsys.readouterr().out.count("not started") == 5
    assert main([*words, "--lab", "no-such-lab"]) == 2


def drawn(class_: list[Student], columns: int, lines: int, turned: int = 0) -> list[str]:
    console = Console(width=columns, height=lines, force_terminal=False, color_system=None)
    with console.capture() as shown:
        console.print(classroom.page(class_, None, columns, lines, turned))
    return shown.get().splitlines()


@pytest.mark.parametrize("size", [(200, 50), (80, 24), (60, 12), (40, 10), (20, 8), (8, 3)])
def test_a_class_fits_on_every_screen_page_by_page(size: tuple[int, int], tmp_path: Path) -> None:
    class_ = classroom.arrange([f"Student Number {number}" for number in range(30)], tmp_path)
    progress(class_[0].home, True, False, True)
    seen: list[str] = []
    for turned in range(30 if size[1] < 10 else 6):
        rows = drawn(class_, *size, turned)
        assert len(rows) < size[1] or size[1] < 6
        assert all(len(row) <= size[0] for row in rows)
        seen += rows
    if size[0] >= 20:
        assert all(any(f"Student Number {number}"[: size[0] - 8] in row for row in seen) for number in range(30))
    assert any("30 of 30" in row for row in seen) is (size[1] < 30 and size[0] >= 20)


@contextmanager
def terminal(*words: str, columns: int = 80, lines: int = 24) -> Iterator[tuple[pexpect.spawn, pyte.Screen]]:
    """A command in a terminal of its own, and its screen."""
    screen = pyte.Screen(columns, lines)
    child = pexpect.spawn(sys.executable, ["-m", "fortish", *words], dimensions=(lines, columns), timeout=PATIENCE,
                          encoding="utf-8", env=None)  # fmt: skip
    try:
        yield child, screen
    finally:
        child.close(force=True)


def until(child: pexpect.spawn, screen: pyte.Screen, shown: Callable[[str], bool]) -> str:
    """What the screen shows as soon as it is so, or as the command ends."""
    stream, end, found = pyte.Stream(screen), time.monotonic() + PATIENCE, ""
    while time.monotonic() < end:
        try:
            stream.feed(child.read_nonblocking(1 << 16, 0.2))
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            return "\n".join(row.rstrip() for row in screen.display)
        found = "\n".join(row.rstrip() for row in screen.display)
        if shown(found):
            return found
    raise AssertionError(found)


def cells(shown: str) -> list[list[str]]:
    """The title of a table and its rows, without how long ago each was seen."""
    rows = [row.split()[:6] for row in shown.split("\n")]
    return rows[:1] + rows[3:6]


WATCHED = [
    ["lab"],
    ["Ann", "Lee", "lab", "0/1", ".", "one"],
    ["Zoë", "O'Brien", "lab", "1/1", "x", "done"],
    ["eve", "-", "not", "started"],
]


def test_students_work_at_once_and_the_table_follows(tmp_path: Path) -> None:
    lab = write_lab(tmp_path / "lab", check=CHECK)
    names, room = listed(tmp_path, "Ann Lee\nZoë O'Brien\neve\n"), tmp_path / "room"
    watch = ("lab", "class", str(names), "--dir", str(room), "--lab", f"{lab}/")

    def start(name: str) -> tuple[str, ...]:
        return ("lab", "start", f"{lab}/", "--home", str(room / name))

    with terminal(*watch) as (teacher, table):
        until(teacher, table, lambda shown: shown.count("not started") == 3)
        with terminal(*start("Ann Lee")) as (ann, one), terminal(*start("Zoë O'Brien"), columns=50) as (zoe, two):
            until(ann, one, lambda shown: "lab 0/1" in shown)
            until(zoe, two, lambda shown: "lab 0/1" in shown)
            for line in NAMED:
                zoe.send(f"{line}\r")
            until(zoe, two, lambda shown: "lab 1/1" in shown)
            until(teacher, table, lambda shown: cells(shown) == WATCHED)
            ann.send("show system global\r")
            assert "EDGE" not in until(ann, one, lambda shown: "end" in shown.split("\n"))  # a box of her own
            for child, screen in ((ann, one), (zoe, two)):
                child.send("exit\r")
                assert "tasks are done." in " ".join(until(child, screen, lambda shown: False).split())
        teacher.sendintr()
        assert "Zoë O'Brien  lab  1/1    x     done" in until(teacher, table, lambda shown: "begins with" in shown)
        teacher.expect(pexpect.EOF)
        teacher.close()
        assert teacher.exitstatus == 130
    assert read(lab, kept.seed_of(room / "eve")).seed == classroom.seed_for("eve")
