"""`--keep-unknown`: what the schema does not know is kept as text, printed again, and no failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from fortish.main import main

SCRIPT = """\
config waf profile
    edit 1
        set name "allow all"
        set srcintf "port1" "port2"
        config inner
            edit "x y"
                set a 'b"c'
            next
        end
    next
end
config system interface
    edit "port1"
        set alias "known"
        set made-up "value with blanks" two
        config nobody-knows
            edit 3
            next
        end
    next
end
"""


def save(tmp_path: Path, name: str, text: str, *options: str) -> tuple[int, str]:
    script = tmp_path / f"{name}.in"
    script.write_text(text, "utf-8")
    target = tmp_path / f"{name}.conf"
    status = main(["replay", "--quiet", *options, "--save", str(target), str(script)])
    return status, target.read_text("utf-8").split("\n", 4)[4]


def test_without_it_the_unknown_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, saved = save(tmp_path, "a", SCRIPT)
    assert status == 1
    assert "config waf" not in saved
    assert "a.in:1: command parse error before 'waf'" in capsys.readouterr().out


def test_the_unknown_is_kept_and_is_no_failure(tmp_path: Path) -> None:
    status, saved = save(tmp_path, "a", SCRIPT, "--keep-unknown")
    assert status == 0
    assert '        set made-up "value with blanks" two\n' in saved
    assert "        config nobody-knows\n            edit 3\n            next\n        end\n" in saved
    assert saved.endswith(
        SCRIPT.partition("config system")[0].replace("'b\"c'", '"b\\"c"').replace('"port1" "port2"', "port1 port2")
    )


def test_saved_and_read_again_it_is_the_same(tmp_path: Path) -> None:
    _, first = save(tmp_path, "a", SCRIPT, "--keep-unknown")
    _, second = save(tmp_path, "b", first, "--keep-unknown")
    assert first == second


def test_a_bad_value_of_a_known_attribute_stays_an_error(tmp_path: Path) -> None:
    status, _ = save(tmp_path, "a", "config system interface\nedit port1\nset ip 1.2\nend\n", "--keep-unknown")
    assert status == 1
