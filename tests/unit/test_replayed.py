"""`fortish replay` and `fortish check` at the command line: sessions, ends of input, strange files, broken outputs."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from fortish.main import main
from fortish.refused import parts, placeholder, told
from fortish.replay import Failure

Capture = pytest.CaptureFixture[str]
FORTISH = (sys.executable, "-m", "fortish")
FULL = Path("/dev/full")


def script(folder: Path, text: str, name: str = "s.conf") -> str:
    (folder / name).write_bytes(text.encode())
    return str(folder / name)


def test_what_stands_behind_an_exit_is_told_and_the_next_file_is_played(tmp_path: Path, capsys: Capture) -> None:
    one = script(tmp_path, "config system global\nend\nexit\nshow\n\n# c\nend\n", "1")
    two = script(tmp_path, "get system status\n", "2")
    assert main(["replay", one, two]) == 1
    out, err = capsys.readouterr()
    assert "Version" in out
    assert err == f"{one}:3: 'exit' ended the session; lines behind it that were not played: 2\n"


def test_an_exit_at_the_end_is_no_failure(tmp_path: Path, capsys: Capture) -> None:
    assert main(["replay", script(tmp_path, "get system status\nexit\n\n# done\n")]) == 0
    assert capsys.readouterr().err == ""


def test_a_box_that_is_turned_off_plays_no_further_file(tmp_path: Path, capsys: Capture) -> None:
    one, two = script(tmp_path, "execute shutdown\ny\n", "1"), script(tmp_path, "get system status\n", "2")
    assert main(["replay", one, two]) == 1
    out, err = capsys.readouterr()
    assert "Version" not in out and f"{two}:0: 'shutdown' ended the session" in err


def test_each_file_begins_at_the_root_and_what_the_last_one_left_open_is_told(tmp_path: Path, capsys: Capture) -> None:
    one = script(tmp_path, "config system interface\nedit new\nset alias x\n", "1")
    two = script(tmp_path, "get system status\nshow system interface\n", "2")
    assert main(["replay", one, two]) == 0
    out, err = capsys.readouterr()
    assert err == f"{one}: not saved: system interface new\n"
    assert 'edit "new"' not in out


def test_the_unknown_is_kept_in_every_file(tmp_path: Path, capsys: Capture) -> None:
    paths = [script(tmp_path, "config waf profile\nend\n", name) for name in "12"]
    assert main(["replay", "--keep-unknown", "--quiet", *paths]) == 0


HELP = """\
FGT # config system settings

FGT (settings) # set v4-ecmp-mode ?
what a real box lists    here

FGT (settings) # set v4-ecmp-mode weight-based

FGT (settings) # set v4-ecmp-mode nosuch?
command parse error before 'nosuch'
FGT (settings) # set comments "why?"

FGT (settings) # end
"""


def test_a_question_mark_in_a_screen_copy_asks_for_help(tmp_path: Path, capsys: Capture) -> None:
    path = script(tmp_path, HELP)
    assert main(["replay", path, "--firmware", "fortigate-7.4"]) == 0
    out = capsys.readouterr().out
    assert " # set v4-ecmp-mode ?\nsource-ip-based         By source.\n" in out
    assert " # set v4-ecmp-mode nosuch?\ncommand parse error before 'nosuch'\n" in out
    assert main(["check", path, "--firmware", "fortigate-7.4"]) == 0


@pytest.mark.parametrize(
    ("line", "message", "shown"),
    [
        ("emd", "Unknown action 0", "f:3: Unknown action 0 in: emd"),
        ("set comments " + "x y" * 40, "m", f"f:3: m in: {('set comments ' + 'x y' * 40)[:60].rstrip()} ..."),
        ("set password hush1 'x'", "before 'hush1'", "f:3: before '******' in: set password ****** ******"),
        ('set psksecret "a\nb1" zz', "m", "f:3: m in: set psksecret ****** ******"),
        ("sett password hush1", "m", "f:3: m in: sett password ******"),
        ("set passwordd hush1", "before 'passwordd'", "f:3: before 'passwordd' in: set passwordd ******"),
        ("A" * 64, "Unknown action 0", "f:3: Unknown action 0 in: ******"),
        ('set command "a\nb"', "m", 'f:3: m in: set command "a ...'),
        ("", "m", "f:3: m"),
    ],
)
def test_a_refused_line_is_told_without_its_secrets(line: str, message: str, shown: str) -> None:
    assert told(Failure("f", 3, line, message)) == shown


def test_a_template_is_named_once_if_something_in_it_was_refused(tmp_path: Path, capsys: Capture) -> None:
    path = script(tmp_path, "config system global\nset hostname ${host}\nset alias ${alias}\nend\n")
    for words in (["replay"], ["replay", "--quiet"], ["check"]):
        assert main([*words, path]) == 1
        assert capsys.readouterr().err == f"{path}:2: warning: looks like a template: ${{host}}\n"


@pytest.mark.parametrize("text", ["${a}", "x {{ b }}", "$(name)", "{% if x %}"])
def test_placeholders_of_several_kinds_are_known(text: str) -> None:
    assert placeholder(f"config\n{text}\n") is not None
    assert placeholder("set buffer '%%LINK%% $5'") is None


ENVELOPE = """\
Content-Type: multipart/mixed; boundary="==AZ=="
MIME-Version: 1.0

--==AZ==
Content-Type: text/plain

config system global
set foo bar
end

--==AZ==
Content-Disposition: attachment; filename="license"

-----BEGIN FGT VM LICENSE-----
abc
-----END FGT VM LICENSE-----
--==AZ==--
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_of_a_mime_envelope_only_the_commands_are_played(tmp_path: Path, capsys: Capture, end: str) -> None:
    path = script(tmp_path, ENVELOPE.replace("\n", end))
    assert main(["replay", "--quiet", path]) == 1
    out, err = capsys.readouterr()
    assert out == f"{path}:8: command parse error before 'foo' Command fail. Return code -61 in: set foo bar\n"
    assert err == f"{path}:14: a MIME part, passed over\n"
    assert main(["check", path]) == 1
    assert capsys.readouterr().out == f"{path}:8:5: command parse error before 'foo'\n"


@pytest.mark.parametrize("head", ["Content-Transfer-Encoding: base64", "Content-Type: text/x-shellscript"])
def test_a_part_that_is_coded_or_for_another_reader_is_passed_over(head: str) -> None:
    found = list(parts(ENVELOPE.replace("Content-Type: text/plain", head)))
    assert [(part.before, part.plays) for part in found] == [(6, False), (13, False)]


def test_any_other_text_is_one_part() -> None:
    (part,) = parts("Content-Type: nothing\nconfig system global\n")
    assert part.before == 0 and part.plays


@pytest.mark.parametrize("words", [[], ["shell"]])
def test_what_is_piped_into_a_shell_is_played(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"execute date\nemd\n")))
    assert main(words) == 1
    assert capsys.readouterr().out.startswith("FortiProxy-VM64 # execute date\ncurrent date is: ")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_told_by_its_name(unbuffered: str) -> None:
    with FULL.open("w") as full:
        ended = subprocess.run(
            [*FORTISH, "replay", "-c", "execute date"], stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (1, "fortish: No space left on device\n")


def test_a_reader_who_has_gone_is_told_nothing() -> None:
    command = subprocess.Popen(
        [*FORTISH, "replay", "-c", "execute date"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert command.stdout is not None
    command.stdout.close()
    _, err = command.communicate(timeout=120)
    assert err == b"" and command.returncode == 1


@pytest.mark.parametrize(("network", "host"), [("lab", "testrfc7030.com"), ("real", "127.0.0.1")])
def test_ctrl_c_in_the_middle_of_a_ping_is_status_130(network: str, host: str) -> None:
    lines = ["execute ping-options repeat-count 2147483647", f"execute ping {host}"]
    words = [word for line in lines for word in ("-c", line)]
    command = subprocess.Popen(
        [*FORTISH, "replay", "--network", network, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # ignored where tests run in the background
    )  # fmt: skip
    assert command.stdout is not None
    try:
        for line in command.stdout:
            if line.startswith(b"PING "):
                break
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=120)
    finally:
        command.kill()
    assert (command.returncode, err) == (130, b"")
