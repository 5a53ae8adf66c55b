"""How a page looks: two palettes, the style sheet and the one small script, which only folds."""

from __future__ import annotations

from collections.abc import Mapping

# What each is for: page, panel and alarm are what is written on, the others what is written and drawn with; edge draws
# what has a meaning, rule only divides.
# fmt: off
PALETTES: Mapping[str, Mapping[str, str]] = {
    "light": {
        "page":   "#ffffff",
        "panel":  "#f4f6f8",
        "alarm":  "#fdeeee",
        "ink":    "#1c2127",
        "quiet":  "#515b66",
        "edge":   "#7b8591",
        "rule":   "#d9dee3",
        "link":   "#0b57b7",
        "prompt": "#0a6640",
        "good":   "#0a6640",
        "bad":    "#a8171c",
        "debug":  "#5b3a8c",
    },
    "dark": {
        "page":   "#14171b",
        "panel":  "#1d2228",
        "alarm":  "#341c1f",
        "ink":    "#e4e8ec",
        "quiet":  "#aab4be",
        "edge":   "#737d88",
        "rule":   "#333a42",
        "link":   "#8ab8ff",
        "prompt": "#7fd6a4",
        "good":   "#7fd6a4",
        "bad":    "#ff9a94",
        "debug":  "#cdb2f5",
    },
}
# fmt: on

_RULES = """
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; scroll-padding-top: 3.5rem; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 62rem; background: var(--page); color: var(--ink);
  font: .9375rem/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; }
h2 { font-size: 1.0625rem; margin: 2.25rem 0 .75rem; }
h3 { font-size: .8125rem; margin: 1rem 0 .25rem; }
p { margin: 0; }
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible, summary:focus-visible, button:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 0 0 1rem; }
dt { color: var(--quiet); font-size: .8125rem; }
dd { margin: 0; }
nav { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 1.25rem;
  padding: .25rem 0; background: var(--page); border-bottom: 1px solid var(--rule); font-size: .875rem; }
nav a { padding: .375rem 0; text-decoration: none; }
nav a:hover { text-decoration: underline; }
#tools { margin-left: auto; }
button { font: inherit; color: var(--link); background: none; border: 0; padding: .375rem 0; cursor: pointer; }
table { border-collapse: collapse; width: 100%; }
th { font-size: .8125rem; font-weight: 400; color: var(--quiet); }
th, td { text-align: left; vertical-align: top; padding: .5rem 1rem .5rem 0; border-bottom: 1px solid var(--rule); }
th:last-child, td:last-child { padding-right: 0; }
th + th, td + td { white-space: nowrap; }
td:first-child { position: relative; padding-left: 1.5rem; }
td:first-child::before { position: absolute; left: 0; }
td p { color: var(--quiet); font-size: .875rem; }
.done td:first-child::before { content: "✓"; color: var(--good); font-weight: 700; }
.open td:first-child::before { content: "○"; color: var(--quiet); }
kbd, pre, .screen { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .8125rem; }
kbd { font-weight: 600; white-space: pre-wrap; }
pre { margin: 0; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; }
small { color: var(--quiet); font-size: .8125rem; }
.bad, .bad-text { color: var(--bad); }
.bad { font: 600 .75rem system-ui, sans-serif; }
.good { color: var(--good); }
.links { color: var(--quiet); font-size: .8125rem; }
.links a { padding: 0 .25rem; }
.failures { list-style: none; margin: 0; padding: 0; }
.failures li { padding: .25rem .75rem; border-left: 3px solid var(--bad); background: var(--alarm);
  margin-bottom: 1px; }
.failures a { margin-right: .5rem; }
"""

_SCREEN = """
.screen { border: 1px solid var(--rule); border-radius: .375rem; padding: .5rem 0; }
.chunk { content-visibility: auto; contain-intrinsic-size: auto 60rem; }
.turn { position: relative; padding: .125rem .75rem .125rem 3.5rem; }
.turn::before { content: attr(data-n); position: absolute; left: 0; width: 2.75rem; text-align: right;
  color: var(--quiet); font-size: .75rem; line-height: 1.625; }
.turn .turn { padding-left: 1rem; padding-right: 0; }
.turn .turn::before { left: -3.5rem; }
.turn .turn .turn::before { left: -4.5rem; }
.turn .turn .turn .turn::before { left: -5.5rem; }
.turn .chunk { margin-left: -3.5rem; padding-left: 3.5rem; }
.turn .turn .chunk { margin-left: -4.5rem; padding-left: 4.5rem; }
.turn b { color: var(--prompt); font-weight: 400; white-space: pre-wrap; }
.turn .links, .turn .good, .turn .bad-text, .sitting, .turn summary small { font-family: system-ui, sans-serif; }
.turn:target { box-shadow: inset 3px 0 var(--link); }
.failed { background: var(--alarm); }
.scope > div { border-left: 1px solid var(--rule); }
.sitting { padding: .75rem 0 .25rem 3.5rem; color: var(--quiet); }
.debug > summary, .more > summary { width: max-content; font: .8125rem/1.625 system-ui, sans-serif; }
.debug > summary, .debug > pre { color: var(--debug); }
.debug > pre { border-left: 2px solid var(--rule); padding-left: .75rem; margin: .125rem 0 .25rem; }
"""

_DIAGRAM = """
.diagram { --no: 2.25rem; --way: 27rem; --in: 1.5rem; list-style: none; margin: 0; padding: 0; font-size: .875rem; }
.diagram > li { content-visibility: auto; contain-intrinsic-size: auto 4.5rem; }
.diagram .ends { display: flex; gap: .5rem; max-width: calc(var(--no) + var(--way)); padding-left: var(--no); }
.ends > span { flex: 1; padding: .3rem .6rem; background: var(--panel); border: 1px solid var(--edge);
  border-radius: .375rem; font-weight: 600; }
.ends > span + span { text-align: right; }
.opening, .pause { max-width: calc(var(--no) + var(--way)); padding-left: var(--no); }
.opening > span, .pause > span, .way { display: block; margin: 0 var(--in); border: 0 solid var(--edge);
  border-width: 0 1.5px; text-align: center; }
.opening > span, .pause > span { color: var(--quiet); font-size: .8125rem; padding: .625rem .75rem .125rem; }
.opening > span { border-bottom: 1px solid var(--edge); }
.pause > span { border-style: dotted; border-width: 0 2px; padding: .5rem .75rem; }
.diagram summary { display: grid; grid-template-columns: var(--no) minmax(0, var(--way)) minmax(0, 1fr);
  border-radius: .375rem; }
.diagram li > details > summary { list-style: none; }
.diagram li > details > summary::-webkit-details-marker { display: none; }
.diagram li > details > summary:hover { background: var(--panel); }
.diagram li > details[open] > summary { background: var(--panel); border-radius: .375rem .375rem 0 0; }
.diagram li:target { box-shadow: inset 3px 0 var(--link); border-radius: .375rem; }
.no { align-self: center; padding-left: .5rem; color: var(--quiet); font-size: .8125rem; white-space: nowrap; }
.no::before { content: ""; display: inline-block; margin-right: .375rem; border: .25rem solid transparent;
  border-left: .375rem solid; border-right: 0; }
details[open] > summary > .no::before { transform: rotate(90deg); }
.way { padding: .25rem 0 .75rem; }
.ask, .answer, .lost { display: block; position: relative; padding: .25rem .75rem .125rem;
  border-bottom: 1.5px solid var(--ink); }
.ask, .lost { font-weight: 600; }
.answer { border-bottom-style: dashed; }
.ask::after, .answer::after { content: ""; position: absolute; bottom: -.34375rem; border: .3125rem solid transparent; }
.ask::after { right: 0; border-right: 0; border-left: .5rem solid var(--ink); }
.answer::after { left: 0; border-left: 0; border-right: .5rem solid var(--ink); }
.refused { border-color: var(--bad); }
.refused::after { border-right-color: var(--bad); }
.refused > span { color: var(--bad); font-weight: 600; }
.lost { width: 70%; border-color: var(--bad); }
.lost::after { content: "✕"; position: absolute; right: -.5rem; bottom: -.78em; color: var(--bad); }
.why { display: block; padding: .375rem .75rem 0; color: var(--bad); }
.note { padding: .25rem 0; color: var(--quiet); }
.note > span { display: block; min-height: 1.875rem; padding: .25rem .75rem .125rem 0; }
.opened { margin: 0 0 1rem var(--no); padding: .5rem 0 .25rem 1rem; border-left: 2px solid var(--rule); }
.opened .links a { padding: 0; }
.opened pre { background: var(--panel); border-radius: .375rem; padding: .5rem .75rem; }
.opened summary { display: list-item; width: max-content; padding: .375rem 0; font-size: .8125rem; font-weight: 600; }
"""

_NARROW = """
@media (max-width: 46rem) {
  body { padding: 1rem .75rem 3rem; }
  nav { column-gap: .875rem; font-size: .8125rem; }
  .turn, .sitting { padding-left: .5rem; padding-right: .5rem; }
  .turn::before { display: none; }
  .turn .turn { padding-left: .5rem; }
  .turn .chunk, .turn .turn .chunk { margin-left: 0; padding-left: 0; }
  .diagram { --in: .75rem; --way: 100%; }
  .diagram summary { grid-template-columns: var(--no) minmax(0, 1fr); }
  .note { display: none; }
  .opened { margin-left: 0; padding-left: .75rem; }
  dl { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem 1rem; }
  thead { display: none; }
  table, tbody, tr, td { display: block; }
  tr { padding: .5rem 0; border-bottom: 1px solid var(--rule); }
  td { padding: 0; border: 0; }
  td + td { display: inline-block; margin: .25rem 0 0 1.5rem; font-size: .8125rem; }
  td + td::before { content: attr(data-name) " "; color: var(--quiet); }
  .open td:nth-child(2)::before { content: none; }
}
"""

_PRINT = """
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  .chunk, .diagram > li { content-visibility: visible; }
  details::details-content { content-visibility: visible; block-size: auto; }
  kbd, pre, .screen { font-size: 8.5pt; }
  summary { break-after: avoid; }
  .turn > p, .ends, .opening, .diagram summary, .failures li, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
"""

SCRIPT = """
(function () {
  var all = document.querySelectorAll("details"), unfolded = false, button = document.createElement("button");
  function fold(open) { all.forEach(function (one) { one.open = open; }); }
  function reveal() {
    var place = document.getElementById(location.hash.slice(1));
    if (!place) { return; }
    for (var one = place; one; one = one.parentElement) { if (one.tagName === "DETAILS") { one.open = true; } }
    if (place.tagName === "LI") { place.querySelector("details").open = true; }
    place.scrollIntoView();
  }
  function name() { button.textContent = unfolded ? "Fold all" : "Unfold all"; }
  button.type = "button";
  button.addEventListener("click", function () { unfolded = !unfolded; fold(unfolded); name(); });
  name();
  if (all.length) { document.getElementById("tools").appendChild(button); }
  window.addEventListener("beforeprint", function () { fold(true); });
  window.addEventListener("hashchange", reveal);
  reveal();
})();
"""


def style_sheet() -> str:
    """The style sheet. Paper is light, whatever the screen is."""
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n{_palette('dark')}}}\n"
    return f"{_palette('light')}{dark}{_RULES}{_SCREEN}{_DIAGRAM}{_NARROW}{_PRINT}"


def _palette(name: str) -> str:
    colours = " ".join(f"--{part}: {colour};" for part, colour in PALETTES[name].items())
    return f":root {{ {colours} }}\n"
