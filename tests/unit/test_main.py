"""The `fortish` command, run in process: output, exit status, files."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from fortish import __version__
from fortish.main import RUNS, main

Capture = pytest.CaptureFixture[str]


def script(folder: Path, text: str, name: str = "s.conf") -> str:
    (folder / name).write_bytes(text.encode())
    return str(folder / name)


def left(words: list[str]) -> object:
    with pytest.raises(SystemExit) as caught:
        main(words)
    return caught.value.code


def test_the_version_is_the_packages(capsys: Capture) -> None:
    assert left(["--version"]) == 0
    assert capsys.readouterr().out == f"fortish {__version__}\n"


IMPORTED = """
import sys
from fortish.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""
HEAVY = frozenset({"cryptography", "h11", "httpx", "lark", "prompt_toolkit", "pyasn1", "rich", "wcwidth"})
CONFIGURING = ["config system interface", "edit port1", "set alias a", "end", "get system status"]


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--version"], {*HEAVY, "asyncio", "dataclasses"}),
        (["replay", "--quiet", *(word for line in CONFIGURING for word in ("-c", line))], {*HEAVY, "fortish.refused"}),
    ],
)
def test_what_a_command_has_no_use_for_is_not_imported(words: list[str], absent: set[str]) -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED, *words], capture_output=True, text=True, check=True)
    assert not absent & set(done.stderr.split())


@pytest.mark.parametrize("command", RUNS)
def test_the_help_of_each_command_has_an_example(command: str, capsys: Capture) -> None:
    assert left([command, "--help"]) == 0
    assert f"example: fortish {command}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["replay", "--nosuch"], ["demo", "9"], ["check"], ["replay", "-c"]])
def test_unusable_arguments_are_status_2(words: list[str], capsys: Capture) -> None:
    assert left(words) == 2
    assert capsys.readouterr().err.startswith("usage:")


@pytest.mark.parametrize(
    "words",
    [
        ["replay"],
        ["replay", "/no/such"],
        ["replay", "/"],
        ["check", "/no/such"],
        ["check", "--firmware", "nosuch", "/dev/null"],
        ["replay", "-c", "show", "--config", "/no/such"],
        ["replay", "-c", "show", "--firmware", "nosuch"],
        ["replay", "-c", "show", "--clock", "yesterday"],
        ["replay", "-c", "show", "--trust", "/no/such"],
        ["replay", "-c", "show", "--trust", __file__],
        ["replay", "-c", "show", "--files", "/no/such"],
        ["replay", "-c", "get system status", "--save", "/no/such/file"],
        ["replay", "-c", "get system status", "--save", f"{__file__}/x"],
        ["responder", "--listen", "nowhere"],
        ["responder", "--listen", "127.0.0.1:99999"],
        ["responder", "--policy", "/no/such"],
    ],
)
def test_unusable_input_is_status_2_and_one_line_without_a_traceback(words: list[str], capsys: Capture) -> None:
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err.startswith("fortish: ") and err.count("\n") == 1


def test_a_replay_prints_the_screen_and_ends_with_status_0(tmp_path: Path, capsys: Capture) -> None:
    assert main(["replay", script(tmp_path, "config system global\nset hostname lab\nend\n")]) == 0
    assert capsys.readouterr().out == (
        "FortiProxy-VM64 # config system global\n\nFortiProxy-VM64 (global) # set hostname lab\n\n"
        "FortiProxy-VM64 (global) # end\n\n"
    )


def test_a_failure_is_status_1(tmp_path: Path, capsys: Capture) -> None:
    assert main(["replay", script(tmp_path, "emd\nget system status\n")]) == 1
    out = capsys.readouterr().out
    assert "Unknown action 0" in out and "Version" in out


def test_single_commands_run_behind_the_files(tmp_path: Path, capsys: Capture) -> None:
    path = script(tmp_path, "config system global\nset hostname a1\nend\n")
    assert main(["replay", path, "-c", "config system global", "-c", "show", "-c", "end"]) == 0
    assert 'set hostname "a1"' in capsys.readouterr().out


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    raw = b"\xef\xbb\xbfconfig system global\r\nset hostname a1\r\nend\r\nshow system global\r\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    assert main(["replay", "-"]) == 0
    assert 'set hostname "a1"' in capsys.readouterr().out


def test_quiet_prints_failures_alone_by_file_and_line(tmp_path: Path, capsys: Capture) -> None:
    path = script(tmp_path, "get system status\nemd\nconfig nosuch\n")
    assert main(["replay", "--quiet", path]) == 1
    assert capsys.readouterr().out == (
        f"{path}:2: Unknown action 0 in: emd\n"
        f"{path}:3: command parse error before 'nosuch' Command fail. Return code -61 in: config nosuch\n"
    )


def test_stop_on_error_runs_nothing_behind_the_first_failure(tmp_path: Path, capsys: Capture) -> None:
    paths = [script(tmp_path, "emd\nget system status\n", "1"), script(tmp_path, "get system status\n", "2")]
    assert main(["replay", "--stop-on-error", *paths]) == 1
    assert "Version" not in capsys.readouterr().out


PURGE = "config system alias\nedit a\nnext\npurge\n"


@pytest.mark.parametrize(
    ("flags", "answer", "status", "left_over"),
    [
        ([], "y\n", 0, False),
        ([], "n\n", 0, True),
        ([], "Y\n", 1, True),
        ([], "y \n", 1, True),
        ([], "yes\n", 1, True),
        ([], "", 1, True),
        (["--yes"], "", 0, False),
        (["--yes"], "n\n", 0, True),
    ],
)
def test_only_a_line_that_is_exactly_y_or_n_answers(
    tmp_path: Path, capsys: Capture, flags: list[str], answer: str, status: int, left_over: bool
) -> None:
    assert main(["replay", *flags, script(tmp_path, f"{PURGE}{answer}show\nend\n")]) == status
    out = capsys.readouterr().out
    assert ('edit "a"' in out.split("(y/n)")[1]) is left_over


def test_a_quote_that_a_file_never_closes_is_a_failure_of_that_file_alone(tmp_path: Path, capsys: Capture) -> None:
    paths = [script(tmp_path, "config system alias\nedit 'x\n", "1"), script(tmp_path, "get system status\n", "2")]
    assert main(["replay", "--quiet", *paths]) == 1
    assert capsys.readouterr().out == f"{paths[0]}:2: the input ends inside a quote or behind a backslash in: edit 'x\n"


def test_what_is_saved_can_be_started_from(tmp_path: Path, capsys: Capture) -> None:
    lines = ["config system interface", "edit new", 'set alias "a \\"b\\" é"', "end", "config system admin", "edit bob",
             "set accprofile super_admin", "set password hush", "end"]  # fmt: skip
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(["replay", *[word for line in lines for word in ("-c", line)], "--save", str(one)]) == 0
    assert main(["replay", "-c", "get system status", "--config", str(one), "--save", str(two)]) == 0

    def body(path: Path) -> str:
        return path.read_text("utf-8").split("#global_vdom=1\n")[1]

    assert body(one) == body(two) and 'set alias "a \\"b\\" é"' in body(one)
    assert one.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    capsys.readouterr()


@pytest.mark.parametrize("text", ["emd\n", "config system global\n", "config nosuch\nend\n", "get system status\n"])
def test_an_unusable_backup_is_status_2_with_its_line(tmp_path: Path, capsys: Capture, text: str) -> None:
    path = script(tmp_path, text)
    assert main(["replay", "-c", "show", "--config", path]) == 2
    assert capsys.readouterr().err.startswith(f"fortish: {path}:")


def test_a_script_in_latin_1_and_one_with_a_byte_order_mark_are_read(tmp_path: Path, capsys: Capture) -> None:
    for raw in ("config system alias\nedit é\nend\n".encode("latin-1"), "\ufeffconfig system alias\nend\n".encode()):
        (tmp_path / "s").write_bytes(raw)
        assert main(["replay", "--quiet", str(tmp_path / "s")]) == 0
    capsys.readouterr()


def test_check_finds_and_runs_nothing(tmp_path: Path, capsys: Capture) -> None:
    good, bad = script(tmp_path, "config system global\nend\n", "good"), script(tmp_path, " emd\n", "bad")
    assert main(["check", good]) == 0
    assert capsys.readouterr().out == ""
    assert main(["check", good, bad]) == 1
    assert capsys.readouterr().out == f"{bad}:1:2: Unknown action 0\n"


def test_a_doubtful_comment_is_warned_of(tmp_path: Path, capsys: Capture) -> None:
    path = script(tmp_path, "config system global\n# set hostname x\nend\n")
    for command in ("check", "replay"):
        assert main([command, path]) == 0
        assert f"{path}:2: warning:" in capsys.readouterr().err


def test_the_firmwares_are_listed(capsys: Capture) -> None:
    assert main(["replay", "-c", "x", "--firmware", "list"]) == 0
    assert "fortigate-7.6" in capsys.readouterr().out


def test_the_last_example_of_the_demonstration_plays_without_failures(capsys: Capture) -> None:
    assert main(["demo", "3"]) == 0
    assert "Certificate 'est-test101' already exists" in capsys.readouterr().out


def test_a_bar_is_shown_unasked_only_for_long_input_and_where_it_disturbs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fortish import replayed as module

    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(module.sys.stdout, "isatty", lambda: True)
    assert module._long(module.LONG, quiet=True) and not module._long(module.LONG - 1, quiet=True)
    assert not module._long(module.LONG, quiet=False)
    monkeypatch.setattr(module.sys.stdout, "isatty", lambda: False)
    assert module._long(module.LONG, quiet=False)
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: False)
    assert not module._long(module.LONG, quiet=True)
