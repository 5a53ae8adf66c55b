"""What a report is made of: turns, times, and what is masked; the page itself is looked at in `test_report_page`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fortish.main import main
from fortish.network.exchanged import Exchanged
from fortish.network.timing import Timing
from fortish.report import secrets, turns
from fortish.report.page import report
from fortish.report.style import PALETTES
from fortish.report.tasks import worked
from fortish.report.text import moments, safe

GENERATE = "execute vpn certificate local generate est web ec-secp256r1 https://testrfc7030.com:8443 CN=web"
KEY = """-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAk
-----END ENCRYPTED PRIVATE KEY-----"""


def row(kind: str, text: str, at: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"at": at, "kind": kind, "text": text, "prompt": "FGT # ", **more}


def exchange(at: float, **more: Any) -> Exchanged:
    given = {"method": "GET", "path": "/.well-known/est/cacerts", "tls": "TLSv1.3", "status": 200, "phrase": "OK"}
    return Exchanged("cacerts", "https://est.example.net", Timing(at, at, 5.0, 1, 9.0), **{**given, **more})


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("set password hunter2", "set password ******"),
        ('set passwd "two words"', "set passwd ******"),
        ("set p hunter2", "set p ******"),
        ("set est-http-pa hunter2", "set est-http-pa ******"),
        ("set psksecret 'hun\"ter2'", "set psksecret ******"),
        ("set password ENC AAAAbbbbCCCC==", "set password ****** ******"),
        ("set private-key hunter2", "set private-key ******"),
        ("set admintimeout 30", "set admintimeout 30"),
        ("set port 443", "set port 443"),
        ("set password-renewal enable", "set password-renewal enable"),
        ("set passive-interface port1", "set passive-interface port1"),
        (f'{GENERATE} "" estuser estpwd', f'{GENERATE} "" estuser ******'),
        (f'{GENERATE} "" estuser "est pwd" G_CA_Cert_1', f'{GENERATE} "" estuser ****** G_CA_Cert_1'),
        (f'{GENERATE.replace("execute", "exec")} "" u hunter2', f'{GENERATE.replace("execute", "exec")} "" u ******'),
        (f'sudo root {GENERATE} "" u hunter2', f'sudo root {GENERATE} "" u ******'),
        (
            "exectue vpn https://a.example CN=a '' estuser hunter2",
            "exectue vpn https://a.example CN=a '' ****** ******",
        ),
        ("execute ping https://anna:hunter2@est.example.net/", "execute ping https://anna:******@est.example.net/"),
    ],
)
def test_a_secret_in_a_typed_line_is_masked(line: str, shown: str) -> None:
    assert secrets.masked(line)[0] == shown


def shown(rows: Sequence[dict[str, Any]], exchanges: Sequence[Exchanged] = ()) -> str:
    return report(rows, exchanges)


def test_a_typed_secret_is_masked_wherever_it_comes_back() -> None:
    said = "the account hunter2 or the password hunter2 is wrong"
    found = exchange(2.0, fault=said, files={"response.txt": f"HTTP/1.1 401\n\n{said}\n", "failure.txt": said})
    page = shown(
        [
            row("typed", f'{GENERATE} "" estuser hunter2'),
            row("debug", "[1] Authorization: estuser:hunter2"),
            row("printed", said),
            row("failed", said),
            row("typed", "show | grep hunter2"),
            row("printed", 'set command "login hunter2"'),
            row("typed", "show | grep hunter22"),
        ],
        [found],
    )
    assert re.findall(r"hunter2\w*", page) == ["hunter22"]


def test_a_key_is_masked_however_it_got_there() -> None:
    lines = KEY.split("\n")
    page = shown(
        [
            row("typed", f'set private-key "{lines[0]}'),
            *(row("typed", line, prompt="> ") for line in (lines[1], f'{lines[2]}"')),
            *(row("typed", line.replace("ENCRYPTED", "EC")) for line in lines),  # pasted where it does not belong
            row("failed", f"Unknown action {lines[1]}"),
            row("typed", "show"),
            row("printed", f'    set private-key "{KEY}"\n    set password ENC AAAAbbbbCCCC==\n    set range global'),
        ]
    )
    assert "MIGj" not in page
    assert "AAAAbbbb" not in page
    assert "set range global" in page


def test_what_looks_like_a_secret_and_is_none_stays() -> None:
    page = shown([row("typed", "set pas abc"), row("printed", "abc of the network"), row("typed", "get system status")])
    assert "abc of the network" in page  # three letters would be found everywhere by chance


def test_thousands_of_secrets_are_masked_quickly() -> None:
    rows = [row("typed", f"set passwd secret{number}x{number * 7919}") for number in range(3000)]
    rows += [row("printed", f"a line about secret{number}x{number * 7919} and others") for number in range(3000)]
    began = time.process_time()
    page = shown(rows)
    assert time.process_time() - began < 5
    assert not re.search(r"secret\d+x", page)


def test_no_secret_of_the_guide_gets_into_its_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    (tmp_path / "more.txt").write_text("show full-configuration vpn certificate local\n", "utf-8")
    examples = Path(__file__).parent.parent.parent / "examples"
    scripts = [str(examples / "example-1-enroll.txt"), str(tmp_path / "more.txt")]
    assert main(["replay", "--quiet", "--report", str(page), *scripts]) == 1
    text = page.read_text("utf-8")
    assert "estuser ******" in text
    assert "-----BEGIN ENCRYPTED PRIVATE KEY----- ****** -----END ENCRYPTED PRIVATE KEY-----" in text
    assert not re.search(r"estpwd|PRIVATE KEY-----\n|ENC [^*]", text)
    assert page.stat().st_mode & 0o077 == 0


# --- turns ----------------------------------------------------------------------------------------------------------


def test_an_exchange_belongs_to_the_line_typed_last_before_it() -> None:
    rows = [row("typed", "one", 1.0), row("typed", "two", 2.0), row("typed", "three", 2.9)]
    found = turns.read(rows, [exchange(0.5), exchange(1.5), exchange(2.5), exchange(2.6)])
    assert [turn.exchanges for turn in found] == [[2], [3, 4], []]


def test_a_failure_is_told_once_without_its_code() -> None:
    rows = [
        row("typed", "one"),
        row("printed", "entry is not found\nCommand fail. Return code -3"),
        row("typed", "two"),
        row("failed", "Unknown action 0"),
    ]
    assert [turn.failures for turn in turns.read(rows, ())] == [["entry is not found"], ["Unknown action 0"]]


def test_rows_that_mean_nothing_are_passed_over() -> None:
    odd: list[dict[str, Any]] = [{}, {"kind": 3}, {"kind": "typed"}, {"kind": "printed", "text": None, "at": "never"}]
    found = turns.read([row("printed", "before"), *odd, row("strange", "x")], ())
    assert [(turn.typed, [part.text for part in turn.parts]) for turn in found] == [("", ["None"])]


def test_a_pause_on_the_boxs_clock_is_told_between_exchanges() -> None:
    page = shown([row("typed", "one")], [exchange(2.0), exchange(5.0), exchange(65.0 + 3600)])
    assert re.findall(r"<span>([^<]* later)</span>", page) == ["1 h 1 min later"]
    assert page.count("opened in 9 ms") == 1


def test_work_is_the_time_somebody_sat_there() -> None:
    def at(minute: float, kind: str) -> dict[str, Any]:
        return {"time": f"2024-03-04T{9 + int(minute // 60):02d}:{int(minute % 60):02d}:00Z", "kind": kind}

    sat = [at(0, "start"), at(5, "typed"), at(10, "end"), at(400, "start"), at(403, "typed")]
    assert worked(sat) == 13 * 60
    assert worked(sat, turns.moment("2024-03-04T09:06:00Z")) == 5 * 60
    assert worked([at(0, "start"), at(1, "typed"), at(200, "typed")]) == 60  # killed, or at lunch
    assert worked([{"time": "never", "kind": "typed"}, {}]) == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (90061, "1 d 1 h"), (-5, "0 s")],
)
def test_how_long_something_took_is_told_in_two_units(seconds: float, words: str) -> None:
    assert moments(seconds) == words


# --- the page -------------------------------------------------------------------------------------------------------


GROUNDS, INKS = ("page", "panel", "alarm"), ("bad", "debug", "good", "ink", "link", "prompt", "quiet")


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_every_ink_can_be_read_on_every_ground(name: str) -> None:
    palette = PALETTES[name]
    for ground in GROUNDS:
        assert all(contrast(palette[ink], palette[ground]) >= 4.5 for ink in INKS), ground
        assert contrast(palette["edge"], palette[ground]) >= 3  # WCAG 2.2, 1.4.11: what is drawn


def test_odd_characters_are_shown_and_do_nothing() -> None:
    assert safe("a\0b\x1b[31m\x7f\u202edef\ud800<&\"'") == "a␀b␛[31m␡�def�&lt;&amp;&quot;&#x27;"
    assert safe("one\r\ntwo\tthree") == "one\ntwo\tthree"


def test_a_session_in_which_nothing_happened_has_a_page() -> None:
    page = shown([])
    assert "Nothing was typed." in page
    assert "No EST exchange." in page


def test_long_output_shows_its_beginning_and_folds_the_rest() -> None:
    page = shown([row("typed", "show"), row("printed", "\n".join(f"line {number}" for number in range(1000)))])
    assert "<summary>988 more lines</summary>" in page


def test_a_page_that_cannot_be_written_is_told_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path, tmp_path / "no" / "page.html"):
        assert main(["replay", "-c", "get system status", "--report", str(path)]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert re.search(r"--report .*: (Is a directory|No such file or directory)", told.err)


def test_a_page_is_written_when_the_replay_stops_early(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main(["replay", "--stop-on-error", "--report", str(page), "-c", "bogus", "-c", "get system status"]) == 1
    text = page.read_text("utf-8")
    assert "Unknown action 0" in text
    assert "get system status" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_page_replaces_the_one_before_and_nothing_a_link_points_to(tmp_path: Path) -> None:
    page, other = tmp_path / "page.html", tmp_path / "other.txt"
    other.write_text("mine", "utf-8")
    page.symlink_to(other)
    (tmp_path / ".page.html.part").symlink_to(other)
    assert main(["replay", "--report", str(page), "-c", "get system status"]) == 0
    assert other.read_text("utf-8") == "mine"
    assert "get system status" in page.read_text("utf-8")


def test_rows_read_back_from_json_make_the_same_page() -> None:
    rows = [row("typed", "get system status ü €"), row("printed", "a\u2028b"), row("debug", "x")]
    again = [json.loads(json.dumps(one)) for one in rows]
    assert shown(rows) == shown(again)
