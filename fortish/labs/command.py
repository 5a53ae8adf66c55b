"""`fortish lab …`: the subcommands, their arguments, and what each prints."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fortish.errors import UsageError
from fortish.labs import course, page
from fortish.labs import progress as kept
from fortish.labs.lab import Lab

Run = Callable[[argparse.Namespace], int]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Give a parser the subcommands."""
    commands = parser.add_subparsers(metavar="what", required=True)
    for name, run, help_, example, arguments in COMMANDS:
        one = commands.add_parser(
            name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.", epilog=f"example: fortish lab {example}"
        )
        one.set_defaults(run=run)
        arguments(one)
        one.add_argument("--home", type=Path, metavar="DIR", help=f"where progress is kept (also ${kept.HOME})")


# --- arguments ------------------------------------------------------------------------------------------------------


def _none(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="default: the lab started last")


def _seed(parser: argparse.ArgumentParser, default: str = "") -> None:
    words = f"vary names, addresses and faults (0: as written{default})"
    parser.add_argument("--seed", type=_number, metavar="N", help=words)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text}: not a number")
    return int(text)


def _start_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a lab of the list, or the path of a folder")
    _seed(parser, "; default: as it was begun")
    parser.add_argument("--assist", action="store_true", help="a learner's shell: menu, colours, status line")


def _hint_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", nargs="?", metavar="TASK", help="default: the first one that is open")
    parser.add_argument("--lab", metavar="NAME", dest="name", help="default: the lab started last")


def _grade_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a lab of the list, or the path of a folder")
    parser.add_argument("answers", nargs="+", type=Path, metavar="ANSWER", help="a script or a screen copy")
    _seed(parser)
    parser.add_argument(
        "--class", type=Path, metavar="DIR", dest="class_", help="seeds as prepared there, by file name"
    )
    for kind in ("json", "junit", "csv"):
        parser.add_argument(f"--{kind}", type=Path, metavar="FILE", help=f"write {kind.upper()} there")


def _lint_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a lab's folder, or the name of a shipped lab")


def _new_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="PATH", help="the folder to be made")


def _report_arguments(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="default: the lab's name and .html, here")


def _class_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("list", type=Path, metavar="LIST", help="a file with a student's name in each line")
    parser.add_argument("--dir", type=Path, metavar="D", required=True, help="where their folders are made")
    parser.add_argument("--lab", metavar="NAME", help="show this lab; default: what each has started last")
    parser.add_argument("--once", action="store_true", help="print the table once")


# --- commands -------------------------------------------------------------------------------------------------------


def list_labs(given: argparse.Namespace) -> int:
    """The course, and how far one is in it."""
    home = kept.home(given.home)
    before = ""
    for lab in course.shipped():
        if lab.path != before:
            print(f"{lab.path.capitalize()}")
            before = lab.path
        print(f"  {lab.name:<24} {lab.minutes:>3} min  {_state(home, lab):<10} {lab.title}{_wanting(lab)}")
    return 0


def _wanting(lab: Lab) -> str:
    """What must be installed first."""
    try:
        lab.check_requirements()
    except UsageError:
        return f" (needs fortish[{','.join(lab.requires)}])"
    return ""


def _state(home: Path, lab: Lab) -> str:
    try:
        rows = kept.load(home, lab.name)[1]["tasks"]
    except UsageError:
        return ""
    done = sum(row["done"] for row in rows)
    return "done" if done == len(rows) else f"{done} of {len(rows)}"


def start(given: argparse.Namespace) -> int:
    """A lab at its prompt."""
    from fortish.labs.run import start as begin

    home = kept.home(given.home)
    lab = course.find(given.name, kept.seed_for(home, given.name) if given.seed is None else given.seed)
    return asyncio.run(begin(lab, home, say=_say, assist=given.assist, history=home / "history"))


def _say(text: str) -> None:
    print(text, end="", flush=True)


def story(given: argparse.Namespace) -> int:
    """The story, for whom it has scrolled away."""
    from fortish.labs.run import story as told

    print(told(kept.lab_of(kept.load(kept.home(given.home), given.name)[1])))
    return 0


def status(given: argparse.Namespace) -> int:
    """How far one is, and why what is done is done."""
    _, progress = kept.load(kept.home(given.home), given.name)
    lab, rows = kept.lab_of(progress), {row["id"]: row for row in progress["tasks"]}
    tasks = [(task, rows[task.id]) for task in lab.tasks if task.id in rows]  # the lab may have been changed since
    done = sum(row["done"] for _, row in tasks)
    print(f"{lab.heading} {done} of {len(tasks)} tasks, {progress['commands']} lines typed, seed {lab.seed}")
    for task, row in tasks:
        taken = f" ({row['hints']} hint{'s' if row['hints'] > 1 else ''})" if row["hints"] else ""
        print(page.row(f"{'x' if row['done'] else ' '} {task.id}{taken}: {task.text}"))
        if row["done"]:
            print(page.row(f"    {task.done}"))
    _tell_broken(progress)
    return 0


def _tell_broken(progress: kept.Progress) -> None:
    for finding in progress["keep"]:
        if not finding["ok"]:
            print(page.row(f"! should stay: {finding['expected']}; found: {finding['actual']}"))


def check(given: argparse.Namespace) -> int:
    """What is expected and what is there, for each task that is open. 1 while there is one."""
    _, progress = kept.load(kept.home(given.home), given.name)
    for row in progress["tasks"]:
        if row["done"]:
            print(f"{row['id']}: done")
        for finding in row["findings"] if not row["done"] else ():
            mark = "ok" if finding["ok"] else f"found: {finding['actual']}"
            print(page.row(f"{row['id']}: {finding['expected']}; {mark}"))
    _tell_broken(progress)
    return 0 if progress["finished"] else 1


def hint(given: argparse.Namespace) -> int:
    """The next hint for a task."""
    place, progress = kept.load(kept.home(given.home), given.name)
    lab = kept.lab_of(progress)
    left = [row["id"] for row in progress["tasks"] if not row["done"]]
    wanted = given.task or next(iter(left), None)
    if wanted is None:
        print("All tasks are done.")
        return 0
    task = next((task for task in lab.tasks if task.id == wanted), None)
    if task is None:
        raise UsageError(f"no task '{wanted}'; there are {', '.join(task.id for task in lab.tasks)}")
    taken = next((row["hints"] for row in progress["tasks"] if row["id"] == task.id), 0)
    number, text = kept.next_hint(place, task, taken)
    print(page.row(f"{task.id}, hint {number} of {len(task.hints)}: {text}"))
    return 0


def reset(given: argparse.Namespace) -> int:
    """Begin a lab anew."""
    home = kept.home(given.home)
    name = given.name or kept.last_of(home)
    if name is None:
        raise UsageError("no lab was started yet")
    told = kept.reset(home, name)
    begins = "begins anew in its terminal" if told else "begins anew at the next start"
    print(f"{kept.place_of(home, name).name}: {begins}")
    return 0


def grade(given: argparse.Namespace) -> int:
    """Answers judged."""
    from fortish.labs import grade as grading
    from fortish.labs.classroom import home_of
    from fortish.labs.folder import write

    grades = []
    for answer in given.answers:
        try:
            seed = given.seed or 0
            if given.class_ is not None and given.seed is None:
                seed = kept.seed_of(home_of(given.class_, answer.stem))
        except UsageError as error:
            grades.append(grading.unusable(answer, str(error)))
            continue
        grades.append(asyncio.run(grading.grade(course.find(given.name, seed), answer)))
    lab = course.find(given.name)
    for file, form in ((given.json, grading.as_json), (given.junit, grading.as_junit), (given.csv, grading.as_csv)):
        if file is not None:
            write(file, form(lab, grades))
    print(grading.as_text(lab, grades))
    return grading.status(grades)


def lint(given: argparse.Namespace) -> int:
    """Labs proved."""
    from fortish.labs.lint import lint as findings

    found = []
    for path in given.paths:
        folder = Path(path) if Path(path).is_dir() else course.folder_of(path)
        found += asyncio.run(findings(folder))
    for message in found:
        print(message)
    if not found:
        print(f"{len(given.paths)} lab{'s' if len(given.paths) > 1 else ''}: nothing to mend", file=sys.stderr)
    return 1 if found else 0


def new(given: argparse.Namespace) -> int:
    """A small lab to begin with."""
    from fortish.labs.new import create

    for path in create(given.path):
        print(path)
    return 0


def report(given: argparse.Namespace) -> int:
    """A page of what has happened."""
    from fortish.labs.told import page_of
    from fortish.textfile import save

    place, progress = kept.load(kept.home(given.home), given.name)
    path = given.output or Path(f"{place.name}.html")
    save(path, "--output", page_of(place, progress))
    print(path)
    return 0


def class_(given: argparse.Namespace) -> int:
    """A class on one machine."""
    from fortish.labs import classroom

    class_ = classroom.arrange(classroom.students(given.list), given.dir)
    if given.lab is not None:
        course.folder_of(given.lab)
    if sys.stdout.isatty() and not given.once:
        try:
            classroom.watch(class_, given.lab)
        except KeyboardInterrupt:  # what was reached stays on the screen
            print(classroom.as_text(class_, given.lab))
            print(f"\n{classroom.invitation(class_, given.lab)}")
            raise
    print(classroom.as_text(class_, given.lab))
    if not any(kept.last_of(student.home) for student in class_):
        print(f"\n{classroom.invitation(class_, given.lab)}", file=sys.stderr)
    return 0


# In the order of use: name, what runs, help, example, arguments.
# fmt: off
# ruff: noqa: E501
COMMANDS: Sequence[tuple[str, Run, str, str, Callable[[argparse.ArgumentParser], Any]]] = (
    ("list",   list_labs, "list the labs of the course and your progress",         "list",                              _none),
    ("start",  start,     "begin a lab, or go on with it, at the box's own prompt", "start first-steps",                 _start_arguments),
    ("story",  story,     "tell the story of a lab again",                         "story",                             _name),
    ("status", status,    "tell which tasks are done, and why it worked",          "status",                            _name),
    ("check",  check,     "tell what is expected and what is there",               "check",                             _name),
    ("hint",   hint,      "tell the next hint for a task",                         "hint name",                         _hint_arguments),
    ("reset",  reset,     "begin a lab anew",                                      "reset first-steps",                 _name),
    ("report", report,    "write a page (HTML) of what has happened in a lab",     "report first-steps",                _report_arguments),
    ("grade",  grade,     "play answers and judge them",                           "grade first-steps answers/*.txt --csv class.csv", _grade_arguments),
    ("lint",   lint,      "prove that a lab works, from start to solution",        "lint ./my-lab",                     _lint_arguments),
    ("new",    new,       "write a small working lab to begin with",               "new ./my-lab",                      _new_arguments),
    ("class",  class_,    "prepare folders for students and watch their progress", "class students.txt --dir lesson",   _class_arguments),
)
# fmt: on
