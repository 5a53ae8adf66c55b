"""How a page looks: two palettes, the style sheet and the one small script, which only folds."""

from __future__ import annotations

from collections.abc import Mapping

# fmt: off
PALETTES: Mapping[str, Mapping[str, str]] = {
    "light": {
        "page":   "#ffffff",
        "panel":  "#f2f4f7",
        "ink":    "#1b1f24",
        "quiet":  "#4d5661",
        "edge":   "#8a939e",
        "link":   "#0b57b7",
        "prompt": "#0a6640",
        "good":   "#0a6640",
        "bad":    "#a8171c",
        "debug":  "#5b3a8c",
        "on-bad": "#ffffff",
    },
    "dark": {
        "page":   "#14171b",
        "panel":  "#1f242a",
        "ink":    "#e8ebee",
        "quiet":  "#b3bcc6",
        "edge":   "#7d8792",
        "link":   "#8ab8ff",
        "prompt": "#7fd6a4",
        "good":   "#7fd6a4",
        "bad":    "#ff9a94",
        "debug":  "#cdb2f5",
        "on-bad": "#14171b",
    },
}
# What is written on what.
PAIRS = (
    ("bad",    "page"),
    ("bad",    "panel"),
    ("debug",  "page"),
    ("debug",  "panel"),
    ("good",   "page"),
    ("good",   "panel"),
    ("ink",    "page"),
    ("ink",    "panel"),
    ("link",   "page"),
    ("link",   "panel"),
    ("on-bad", "bad"),
    ("prompt", "page"),
    ("prompt", "panel"),
    ("quiet",  "page"),
    ("quiet",  "panel"),
)
# fmt: on

_RULES = """
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, pre:focus-visible, button:focus-visible { outline: 3px solid var(--link);
  outline-offset: 1px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; }
nav ul { padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
nav a { display: inline-block; padding: .4rem 0; }
button { font: inherit; color: var(--ink); background: var(--panel); border: 1px solid var(--edge);
  border-radius: .3rem; padding: .4rem .8rem; margin: 0 .5rem .5rem 0; cursor: pointer; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem .4rem 0; border-bottom: 1px solid var(--edge); }
code, kbd, pre { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .85rem; }
pre { margin: .25rem 0; padding: .5rem .7rem; background: var(--panel); border-radius: .3rem; line-height: 1.4;
  overflow-x: auto; overflow-wrap: normal; white-space: pre; max-width: 100%; }
kbd { font-weight: 600; white-space: pre-wrap; }
summary { cursor: pointer; padding: .3rem 0; }
small { color: var(--quiet); font-size: .85rem; }
.prompt { color: var(--prompt); white-space: pre-wrap; }
.line { margin: .5rem 0 .1rem; }
.scope { border-left: 3px solid var(--edge); padding-left: .6rem; margin: .3rem 0; }
.debug > summary, pre.debug { color: var(--debug); }
.debug > summary { font-size: .9rem; }
.failed { border-left: 3px solid var(--bad); padding-left: .6rem; }
.bad { background: var(--bad); color: var(--on-bad); border-radius: .25rem; padding: .05rem .4rem; font-size: .8rem;
  white-space: nowrap; }
.bad-text { color: var(--bad); margin: .25rem 0; }
.good { color: var(--good); margin: .25rem 0; font-weight: 600; }
.links { color: var(--quiet); font-size: .9rem; margin: .25rem 0; }
.links a { display: inline-block; padding: .2rem .4rem; }
.diagram { list-style: none; margin: 0; padding: 0; }
.diagram svg { display: block; width: 100%; max-width: 30rem; height: auto; }
.diagram summary { list-style: none; padding: 0; max-width: 30rem; }
.diagram summary::-webkit-details-marker { display: none; }
.diagram details[open] > summary { background: var(--panel); }
.diagram details[open] .turnable { transform: rotate(90deg); }
.turnable { transform-box: fill-box; transform-origin: center; fill: var(--quiet); }
.diagram .opened { border-left: 3px solid var(--edge); padding: 0 0 1rem .6rem; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .t-quiet { fill: var(--quiet); }
svg .t-bad { fill: var(--bad); font-weight: 600; }
svg .t-name { font-weight: 600; }
svg .life { stroke: var(--edge); stroke-width: 1.5; }
svg .who { fill: var(--panel); stroke: var(--edge); }
svg .ask, svg .answer { stroke: var(--ink); stroke-width: 1.5; fill: none; }
svg .answer { stroke-dasharray: 5 3; }
svg .lost { stroke: var(--bad); stroke-width: 2; stroke-dasharray: none; fill: none; }
svg .tip { fill: var(--ink); }
svg .tip-bad { fill: var(--bad); }
"""

_PRINT = """
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  details::details-content { content-visibility: visible; block-size: auto; }
  button, nav { display: none; }
  .turn, .diagram li { break-inside: avoid-page; }
}
"""

SCRIPT = """
(function () {
  var all = document.querySelectorAll("details");
  function fold(open) { all.forEach(function (one) { one.open = open; }); }
  function button(text, open) {
    var made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", function () { fold(open); });
    document.getElementById("tools").appendChild(made);
  }
  function reveal() {
    var place = document.getElementById(location.hash.slice(1));
    if (!place) { return; }
    for (var one = place; one; one = one.parentElement) { if (one.tagName === "DETAILS") { one.open = true; } }
    if (place.tagName === "LI") { place.querySelector("details").open = true; }
    place.scrollIntoView();
  }
  if (all.length) { button("Unfold all", true); button("Fold all", false); }
  window.addEventListener("beforeprint", function () { fold(true); });
  window.addEventListener("hashchange", reveal);
  reveal();
})();
"""


def style_sheet() -> str:
    """The style sheet. Paper is light, whatever the screen is."""
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n{_palette('dark')}}}\n"
    return f"{_palette('light')}{dark}{_RULES}{_PRINT}"


def _palette(name: str) -> str:
    colours = " ".join(f"--{part}: {colour};" for part, colour in PALETTES[name].items())
    return f":root {{ {colours} }}\n"


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
