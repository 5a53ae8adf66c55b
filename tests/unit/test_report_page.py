"""The page of a report as a browser has it: legible, alone, inert; on a desk, on a phone, in the dark, on paper."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from chromium import Browser

from fortish.main import main
from fortish.network.exchanged import Exchanged
from fortish.network.timing import Timing
from fortish.report.page import report

ROOT = Path(__file__).parent.parent.parent
GUIDE = [
    ROOT / "examples" / name for name in ("example-1-enroll.txt", "example-2-renew.txt", "example-3-regenerate.txt")
]
FAILING = """\
execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10
diagnose debug application est -1
diagnose debug enable
execute vpn certificate local generate est web ec-secp256r1 https://testrfc7030.com:8443 CN=web "" estuser wr0ngpass
execute vpn certificate local generate est web ec-secp256r1 https://testrfc7030.com:9443 CN=web "" estuser wr0ngpass
execute vpn certificate local generate est web ec-secp256r1 https://nowhere.example:8443 CN=web "" estuser wr0ngpass
config system global
    set hostname FAR
    set nonsense 1
end
"""
HOSTILE = (
    "<img src=x onerror=\"document.title='hit'\">",
    "</pre></details><script>document.title='hit'</script>",
    '"><svg onload="document.title=\'hit\'">',
    "<!-- <style>*{display:none}</style>",
    "<a href=\"javascript:document.title='hit'\">here</a>",
)
# Of everything that is written: the smallest contrast with what is behind it, and where (WCAG 2.2, 1.4.3).
CONTRAST = """(() => {
  const light = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const found = parse(getComputedStyle(node).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  let worst = [99, "nothing is written"], seen = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || parent.tagName === "SCRIPT" || !parent.checkVisibility()) continue;
    const pair = [luminance(parse(getComputedStyle(parent).color)), luminance(behind(parent))].sort((a, b) => b - a);
    const found = (pair[0] + 0.05) / (pair[1] + 0.05);
    seen += 1;
    if (found < worst[0]) worst = [found, parent.outerHTML.slice(0, 200)];
  }
  return [...worst, seen];
})()"""
# What sticks out of the screen at its right.
WIDE = """[...document.body.querySelectorAll("*")].filter(one => one.checkVisibility() &&
  one.getBoundingClientRect().right > innerWidth + 0.5).map(one => one.outerHTML.slice(0, 200))"""
UNFOLD = 'document.querySelectorAll("details").forEach(one => { one.open = true; })'


def hostile(words: str = " ".join(HOSTILE)) -> str:
    """A page of which nearly every word is somebody else's."""
    files = dict.fromkeys(
        ("failure.txt", "csr.txt", "csrattrs.txt", "certificates.txt", "request.txt", "response.txt", "connection.txt"),
        f"subject      {words}\nkey          {words}\n        Subject: {words}\n        Valid to: {words}\n",
    )
    made = Timing(2.5, 2.5, 7.0, 1, 9.0)
    exchanges = [
        Exchanged(words, words, made, words, words, words, 401, words, files=files),
        Exchanged("connect", words, made, fault=words, files=files),
    ]
    rows: list[dict[str, Any]] = [
        {"at": 1.0, "kind": "typed", "prompt": f"{words} # ", "text": f"config {words}"},
        {"at": 1.5, "kind": "printed", "text": words},
        {"at": 2.0, "kind": "typed", "prompt": f"{words} (x) # ", "text": words},
        {"at": 2.1, "kind": "debug", "text": words},
        {"at": 2.2, "kind": "failed", "text": words},
        {"at": 2.3, "kind": "task", "task": words, "text": words},
    ]
    task = {"text": words, "done": False, "missing": [words], "hints": 1, "of": 3, "worked": None}
    return report(rows, exchanges, [task], words)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages by name."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "failing.txt").write_text(FAILING, "utf-8")
    for name, scripts in (("guide", GUIDE), ("failing", [folder / "failing.txt"])):
        assert main(["replay", "--quiet", "--report", str(folder / f"{name}.html"), *map(str, scripts)]) == 1
    (folder / "hostile.html").write_text(hostile(), "utf-8")
    return {path.stem: path for path in folder.glob("*.html")}


NAMES = ("failing", "guide", "hostile")


@pytest.mark.parametrize("name", NAMES)
def test_a_page_needs_nothing_else_and_complains_of_nothing(
    name: str, browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages[name])
    browser.evaluate(UNFOLD)
    assert browser.requests == [pages[name].as_uri()]
    assert not browser.errors


def test_what_gets_into_a_page_all_the_same_is_forbidden_to_ask_for_anything(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["guide"])
    tried = browser.evaluate(
        """new Promise(done => {
          const refused = [];
          addEventListener("securitypolicyviolation", event => {
            refused.push(event.effectiveDirective);
            if (refused.length === 6) done(refused.sort());
          });
          const put = (name, more) => document.body.append(Object.assign(document.createElement(name), more));
          put("img", {src: "https://elsewhere.invalid/a.png"});
          put("script", {src: "https://elsewhere.invalid/a.js"});
          put("script", {textContent: "document.title = 'hit'"});
          put("iframe", {src: "https://elsewhere.invalid/"});
          put("style", {textContent: "body { display: none }"});
          fetch("https://elsewhere.invalid/").catch(() => 0);
          setTimeout(() => done(refused), 5000);
        })"""
    )
    assert tried == ["connect-src", "frame-src", "img-src", "script-src-elem", "script-src-elem", "style-src-elem"]
    assert browser.evaluate("document.title") == "What happened"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_sticks_out_of_a_phone(name: str, browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages[name], width=360, height=760)
    assert browser.evaluate("document.documentElement.scrollWidth") == 360
    browser.evaluate(UNFOLD)
    assert browser.evaluate("document.documentElement.scrollWidth") == 360
    assert browser.evaluate(WIDE) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_everything_is_legible(name: str, dark: bool, browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages[name], dark=dark)
    browser.evaluate(UNFOLD)
    ratio, where, seen = browser.evaluate(CONTRAST)
    assert ratio >= 4.5, where
    assert seen > 20
    grounds = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}
    ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == grounds["dark" if dark else "light"]


def test_without_a_script_all_can_be_read_and_unfolded(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["guide"], script=False)
    assert browser.evaluate('document.getElementById("tools").childElementCount') == 0
    assert "execute ping testrfc7030.com" in browser.evaluate("document.body.innerText")
    assert not browser.evaluate('document.querySelector(".debug").open')
    browser.click(".debug > summary")
    assert browser.evaluate('document.querySelector(".debug").open')


def test_debug_lines_are_folded_and_open_by_mouse_and_by_keyboard(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["guide"])
    line = "__est_curl_set_auth: trace"
    assert line not in browser.evaluate("document.body.innerText")
    assert re.search(r"\d+ debug lines", browser.evaluate("document.body.innerText"))
    browser.click(".debug > summary")
    assert line in browser.evaluate('document.querySelector(".debug").innerText')
    browser.evaluate('document.querySelectorAll(".debug > summary")[1].focus()')
    for key, open_ in (("Enter", True), ("Enter", False), (" ", True)):
        browser.press(key)
        assert browser.evaluate('document.querySelectorAll(".debug")[1].open') is open_


def test_one_button_unfolds_and_folds_everything(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["guide"])
    states = '[...new Set([...document.querySelectorAll("details")].map(one => one.open))]'
    browser.click("#tools button")
    assert browser.evaluate(states) == [True]
    assert browser.evaluate('document.querySelector("#tools").innerText') == "Fold all"
    browser.click("#tools button")
    assert browser.evaluate(states) == [False]


def test_every_exchange_shows_its_timing_and_unfolds_what_it_was_made_of(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["guide"])
    browser.evaluate('document.querySelectorAll(".diagram > li > details").forEach(one => { one.open = true; })')
    shown = browser.evaluate('[...document.querySelectorAll(".diagram > li > details")].map(one => one.innerText)')
    assert len(shown) == 8
    wanted = {
        "TLS connection": ("What went wrong", "self-signed certificate"),
        "GET cacerts": ("Certificates", "Subject: CN=estExampleCA"),
        "GET csrattrs": ("CSR attributes", "1.3.132.0.34 secp384r1"),
        "POST simpleenroll": ("Certification request (CSR)", "EC secp256r1", "Certificates", "CN=firewall-portal1"),
        "POST simplereenroll": ("Certification request (CSR)", "Certificates", "Valid to:"),
    }
    for text in shown:
        asked = next(name for name in wanted if name in text)
        for part in (*wanted[asked], "Connection"):
            assert part in text, text
        assert ("HTTP request" in text) is (asked != "TLS connection")
        assert re.search(r"\d+ ms", text)
        assert re.search(r"Line \d+, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC on the box's clock", text)


@pytest.mark.parametrize("width", [1280, 640, 360])
def test_arrows_point_where_things_go(width: int, browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["failing"], width=width)
    box, server, opening, ask, refused, lost = browser.evaluate(
        """[".ends > span", ".ends > span + span", ".opening > span", ".ask", ".refused", ".lost"].map(name => {
          const {left, right} = document.querySelector(name).getBoundingClientRect();
          return [left, right];
        })"""
    )
    assert box[0] < ask[0] < box[1] < server[0] < ask[1] < server[1]
    assert refused == ask
    assert [abs(one - other) < 2 for one, other in zip(opening, ask, strict=True)] == [True, True]
    assert lost[0] == ask[0]
    assert lost[1] < ask[1]


def test_a_link_leads_to_a_line_and_unfolds_what_hides_it(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["failing"])
    browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = false; })")
    browser.click('.failures a[href="#l9"]')
    top = "document.getElementById('l9').getBoundingClientRect().top"
    browser.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert browser.evaluate("document.getElementById('l9').checkVisibility()")
    assert (
        browser.evaluate("document.querySelector('nav').getBoundingClientRect().bottom") < browser.evaluate(top) < 900
    )
    browser.click('#l4 .links a[href="#x3"]')
    browser.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert browser.evaluate("document.querySelector('#x3 > details').open")


def test_foreign_text_is_shown_and_does_nothing(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["hostile"])
    browser.evaluate(UNFOLD)
    found = browser.evaluate('document.querySelectorAll("img, svg, iframe, body style, main script").length')
    assert found == 0
    assert browser.evaluate("document.title") == " ".join(HOSTILE)
    assert browser.evaluate('document.querySelectorAll("a:not([href^=\\"#\\"])").length') == 0
    shown = browser.evaluate("document.body.innerText")
    for text in HOSTILE:
        assert shown.count(text) >= 15


def test_paper_has_all_of_it_and_is_light(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["guide"], dark=True, script=False)
    browser.show(dark=True, paper=True)
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert browser.evaluate("document.querySelector('.debug > pre').getBoundingClientRect().height") > 100
    assert browser.evaluate(CONTRAST)[0] >= 4.5
    sheets = browser.printed().count(b"/Type /Page\n")
    assert 8 <= sheets <= 40


def test_a_day_of_work_opens_quickly(browser: Browser, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for number in range(20_000):
        rows.append({"at": float(number), "kind": "typed", "prompt": "FGT # ", "text": f"get system status {number}"})
        rows.append({"at": float(number), "kind": "printed", "text": f"Version: v7.6.0\nSerial-Number: {number}"})
    began = time.process_time()
    page = tmp_path / "long.html"
    made = [Exchanged("cacerts", "https://a.example", Timing(at, at, 5.0, 1, 9.0), status=200) for at in range(500)]
    page.write_text(report(rows, made), "utf-8")
    assert time.process_time() - began < 10
    assert page.stat().st_size < 5_000_000
    began = time.monotonic()
    browser.open(page, width=360, height=760)
    assert browser.screenshot()
    assert time.monotonic() - began < 60  # the browser's time, on a busy machine
    browser.evaluate("location.hash = '#l19999'")
    assert 0 <= browser.evaluate("document.getElementById('l19999').getBoundingClientRect().top") < 760
