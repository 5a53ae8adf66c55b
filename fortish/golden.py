"""Golden transcripts: a scenario in one file that reads like a screen, played and compared line by line.

The file is in txtar form: a paragraph that says what is proved, then sections under `-- name --`:
`start.conf` (the configuration to begin with), `responder.toml` (the EST server's policy), `before` (typed, not
compared), `session` (a screen copy; the prompt is asserted) and `show.conf` (the configuration at the end). A section
`files/NAME` is a file in the folder behind the lab's file server.
Lines `name: value` in the first paragraph set options. What differs at each run goes through one table of masks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from fortish import screen
from fortish.boot import Options, boot
from fortish.drive import Runtime
from fortish.errors import UsageError
from fortish.firmware import DEFAULT_FIRMWARE
from fortish.network.world import LabNetwork, fresh_responder
from fortish.replay import Player, Typed, typed_lines
from fortish.session import Session

CLOCK = "2023-04-06T22:37:34Z"
HEADING = re.compile(r"^-- ((?:files/)?[\w.-]+) --$", re.MULTILINE)
FILES = "files/"
OPTION = re.compile(r"^(administrator|dialect|firmware|network|clock|hostname|omits|ranks): *(.*)$", re.MULTILINE)

# What differs at each run; in this order.
# fmt: off
MASKS: tuple[tuple[re.Pattern[str], str], ...] = tuple((re.compile(pattern), mask) for pattern, mask in (
    (r"\b(?:[0-9A-F]{2}:){15,}[0-9A-F]{2}\b",               "<key-id>"),
    (r"SHA-256 fingerprint: [0-9A-F:]+",                    "SHA-256 fingerprint: <fingerprint>"),
    (r"^( +)(?:[0-9a-f]{2}:)*[0-9a-f]{2}$",                 r"\1<serial>"),
    (r"Serial Number: \d+ \(0x[0-9a-f]+\)",                 "Serial Number: <serial>"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {1,2}GMT",            "<time>"),
    (r"date=\d{4}-\d\d-\d\d time=\d\d:\d\d:\d\d",           "date=<date> time=<time>"),
    (r"Content-Length: \d+",                                "Content-Length: <length>"),
    (r"with \d+ bytes remaining",                           "with <n> bytes remaining"),
    (r"(transaction(?: id:)?) [0-9A-F]{32}",                r"\1 <transaction>"),
    (r"^(pkcs7_(?:un)?wrap: .*?)\b\d+ bytes",               r"\1<n> bytes"),
    (r"^(scep_send_request: POST .*), \d+ bytes",           r"\1, <n> bytes"),
    (r"operation=PKIOperation&message=[\w%.]+",             "operation=PKIOperation&message=<base64>"),
    (r"passwd:[0-9a-f]{62}$",                               "passwd:<password>"),
    (r"time=\d+\.\d ms",                                    "time=<ms> ms"),
    (r"min/avg/max = [\d.]+/[\d.]+/[\d.]+ ms",              "min/avg/max = <ms> ms"),
    (r"after \d+ (ms|milliseconds)",                        r"after <ms> \1"),
    (r'(boundary|nonce|opaque)=(?:"[^"]*"|[^\s",;]+)',       r'\1="<\1>"'),
    (r"ENC [A-Za-z0-9+/]{20,}={0,2}",                       "ENC <secret>"),
    (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",    "<uuid>"),
    (r"[A-Za-z0-9+/]{64}$",                                 "<base64>"),
    (r"^(-----BEGIN [A-Z ]+-----|set [a-z-]+ \"-----BEGIN [A-Z ]+-----)$", r"\1<base64>"),
))
# fmt: on
_MORE = re.compile(r"^[A-Za-z0-9+/]+={0,2}$")


@dataclass(slots=True)
class Scenario:
    """One file, taken apart."""

    title: str
    sections: dict[str, str]
    options: dict[str, str] = field(default_factory=dict)
    omits: list[str] = field(default_factory=list)

    @property
    def guide(self) -> bool:
        """Whether it is in the dialect of the enrollment guide: no host name, no blank lines."""
        return self.options.get("dialect") == "guide"


def read(text: str) -> Scenario:
    """A scenario's text taken apart. Raises `UsageError` if it has no session."""
    head, *pieces = HEADING.split(text)
    sections = {name: body.removeprefix("\n") for name, body in zip(pieces[::2], pieces[1::2], strict=True)}
    if "session" not in sections:
        raise UsageError("a transcript needs a section '-- session --'")
    found = OPTION.findall(head)
    options = {name: value for name, value in found if name != "omits"}
    return Scenario(head.strip(), sections, options, [value for name, value in found if name == "omits"])


def masked(lines: list[str]) -> list[str]:
    """Lines with what differs at each run masked, the rest of a base64 block dropped, trailing blanks stripped."""
    rows: list[str] = []
    for line in lines:
        row = line.rstrip()
        if rows and rows[-1].endswith("<base64>") and _MORE.match(row):
            continue
        for pattern, mask in MASKS:
            row = pattern.sub(mask, row)
        rows.append(row)
    while rows and not rows[-1]:
        rows.pop()
    return rows


@dataclass(slots=True)
class Difference:
    """A turn that went otherwise than expected."""

    number: int
    typed: str
    expected: list[str]
    actual: list[str]

    def __str__(self) -> str:
        import difflib

        diff = difflib.unified_diff(self.expected, self.actual, "expected", "actual", lineterm="", n=3)
        return "\n".join([f"line {self.number}: {self.typed}", *diff])


async def play(scenario: Scenario) -> tuple[list[Difference], str]:
    """Play a scenario; what differed, and the whole text as it would have to be."""
    with TemporaryDirectory() as folder:
        runtime = _runtime(scenario, Path(folder))
        session = Session(runtime.box, scenario.options.get("administrator", "admin"))
        pieces: list[str] = []
        player = Player(runtime, session, pieces.append, tick=1.0, echo=False)
        try:
            await player.play([replace(line) for line in typed_lines(scenario.sections.get("before", ""), False)])
            pieces.clear()
            differences, written = await _turns(scenario, player, pieces)
        finally:
            await runtime.network.close()
    if "show.conf" in scenario.sections:
        shown = list(session.configuration())[4:]
        wanted = masked(scenario.sections["show.conf"].splitlines())
        if not screen.matches(wanted, masked(shown)):
            differences.append(Difference(0, "show.conf", wanted, masked(shown)))
    return differences, written


def _runtime(scenario: Scenario, folder: Path) -> Runtime:
    start = folder / "start.conf"
    start.write_text(scenario.sections.get("start.conf", ""), "utf-8")
    for name, body in scenario.sections.items():
        if name.startswith(FILES):
            (folder / name.removeprefix(FILES)).write_text(body, "utf-8")
    options = scenario.options
    runtime = boot(
        Options(
            config=start,
            network=options.get("network", "lab"),
            clock=options.get("clock", CLOCK),
            firmware=options.get("firmware", DEFAULT_FIRMWARE),
            hostname=options.get("hostname", "FGT"),
            files=folder,
            frozen=True,
        )
    )
    if "responder.toml" in scenario.sections and isinstance(runtime.network, LabNetwork):
        from fortish.responder.policy import Policy
        from fortish.responder.state import Responder

        policy = Policy.from_toml(scenario.sections["responder.toml"])

        def make(now: float) -> Responder:
            responder = fresh_responder(now)
            responder.policy = policy
            return responder

        runtime.network = LabNetwork(runtime.box, make, folder)
    return runtime


async def _turns(scenario: Scenario, player: Player, pieces: list[str]) -> tuple[list[Difference], str]:
    differences = []
    written: list[str] = []
    for turn in screen.turns(scenario.sections["session"]):
        prompt = player.session.prompt.rstrip(" ")
        wanted_prompt = f"{player.session.place}#" if scenario.guide else prompt
        if turn.prompt != wanted_prompt:
            differences.append(Difference(turn.number, turn.typed[0], [turn.prompt], [wanted_prompt]))
        written.append(f"{prompt} {turn.typed[0]}".rstrip())
        written += [f"> {line}".rstrip() for line in turn.typed[1:]]
        lines = [Typed(turn.number + place, line) for place, line in enumerate(turn.typed)]
        lines[-1].interrupt, lines[-1].answers, lines[-1].help = turn.interrupt, tuple(turn.answers), turn.help
        await player.play(lines)
        actual = "".join(pieces).split("\n")[:-1]
        pieces.clear()
        written += [*actual, ""]
        expected, got = masked(turn.expected), masked(actual)
        if scenario.guide:
            got = [line for line in got if line and not any(re.fullmatch(omit, line) for omit in scenario.omits)]
            expected, got = _in_guide(expected), _in_guide(got)
        if not screen.matches(expected, got):
            differences.append(Difference(turn.number, turn.typed[0], expected, got))
    return differences, "\n".join(written).rstrip("\n") + "\n"


def _in_guide(lines: list[str]) -> list[str]:
    """The guide prints a blank before an answer, and no empty lines."""
    return [re.sub(r"\(y/n\) ?([yn])$", r"(y/n) \1", line) for line in lines if line]
