"""A lab proves itself: the start fulfils nothing, the solution everything, each part of it exactly its own tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fortish.errors import FortishError
from fortish.labs.lab import BEFORE, FILES, HINTS, LAB, README, SOLUTION, START, Lab, every_check, read
from fortish.labs.made import made_names
from fortish.labs.play import Played, play

SEEDS = (0, 1, 2, 3, 4)
KNOWN = frozenset((LAB, START, BEFORE, SOLUTION, README, FILES))
VARIABLE = re.compile(r"\{([a-z][\w.-]*)\}")

# How a command would begin inside a sentence. `show`, `get`, `set` and the like are also plain words: these count only
# where what follows could not follow them in prose.
COMMAND = re.compile(
    r"\b(?:execute|diagnose|config|unset|unselect|purge|sudo)\s+[a-z\"]"
    r"|\bset\s+[a-z]+-[a-z]"
    r"|\b(?:get|show|tree)\s+(?:full-configuration|system|vpn|firewall|router|user|log)\b"
    r"|\bedit\s+[\"\d]"
    r"|[`|]\s*(?:grep|get|show|end|next|abort|exit|set|edit)\b"
)


async def lint(path: Path, seeds: Sequence[int] = SEEDS) -> list[str]:
    """What is wrong with a lab, each as `file: message`. Empty: it proves itself."""
    found: list[str] = []
    for seed in seeds:
        try:
            lab = read(path, seed)
            if seed == seeds[0]:
                found += _written(path, lab)
            new = await _played(path, lab)
        except FortishError as error:
            new = [str(error) if str(path) in str(error) else f"{path}: {error}"]
        found += [message if seed == seeds[0] else f"{message} (seed {seed})" for message in new]
        if found or not lab.chosen:
            break  # one seed is like the other, or there is enough to mend
    return list(dict.fromkeys(found))


# --- what is written ------------------------------------------------------------------------------------------------


def _written(path: Path, lab: Lab) -> Iterator[str]:
    file = path / LAB
    for name in (README, SOLUTION):
        if not lab.text(name).strip():
            yield f"{path / name}: it is missing, or empty"
    for unknown in sorted(entry.name for entry in path.iterdir() if entry.name not in KNOWN):
        yield f"{path / unknown}: not a file of a lab; there are {', '.join(sorted(KNOWN))}"
    for task in lab.tasks:
        if len(task.hints) != HINTS or not all(hint.strip() for hint in task.hints):
            yield f"{file}: task {task.id}: hints: there must be {HINTS}, from a nudge to nearly the answer"
        if not task.done:
            yield f"{file}: task {task.id}: done: a sentence must say why it worked"
        if len(set(task.hints)) != len(task.hints):
            yield f"{file}: task {task.id}: hints: two are the same"
    for where, check in every_check(lab):
        if check.text and (command := COMMAND.search(check.text)):
            yield f"{file}: {where}: text: it names a command: {command.group().strip()!r}"
    for name in (LAB, START, BEFORE, SOLUTION, README):
        yield from _left_over(path / name, lab.text(name), lab)


def _left_over(path: Path, text: str, lab: Lab) -> Iterator[str]:
    """Placeholders without a variable, where the lab has variables at all."""
    for name in sorted(set(VARIABLE.findall(text)) - set(made_names(lab.world.authorities)) if lab.chosen else ()):
        yield f"{path}: there is no variable {{{name}}} in [seed]"


# --- what is played -------------------------------------------------------------------------------------------------


async def _played(path: Path, lab: Lab) -> list[str]:
    parts = lab.solution()
    file, names = path / SOLUTION, [task.id for task in lab.tasks]
    told = [part.task for part in parts if part.task]
    if sorted(told) != sorted(names):
        return [f"{file}: its parts are for {', '.join(told) or 'nothing'}; the tasks are {', '.join(names)}"]
    played = await play(lab, *(part.lines for part in parts), file=str(file))
    found = [*_states(path, lab, ["", *(part.task for part in parts)], played)]
    found += [f"{file}:{number}: {finding}" for number, finding in _broken(played[-1])]
    found += [f"{one.file}:{one.number}: {one.message}" for one in played[-1].failures if not lab.may_fail]
    own = {check.text for _, check in every_check(lab)}
    judged = [finding for state in played for findings in state.tasks.values() for finding in findings]
    for text in dict.fromkeys(text for finding in judged for text in (finding.expected, finding.actual)):
        if text not in own and (command := COMMAND.search(text)):
            found.append(f"{path / LAB}: a finding names a command: {command.group().strip()!r} in {text!r}")
    return found


def _states(path: Path, lab: Lab, parts: list[str], played: list[Played]) -> Iterator[str]:
    """After each part its tasks are fulfilled, and those before it, and no other."""
    expected: list[str] = []
    for part, state in zip(parts, played, strict=True):
        expected += [part] if part else []
        after = (
            f"after task {part}"
            if part
            else f"after {SOLUTION}'s first lines"
            if state is not played[0]
            else "at the start"
        )
        for task in lab.tasks:
            missing = [finding for finding in state.tasks[task.id] if not finding.ok]
            if task.id in expected and missing:
                yield f"{path / SOLUTION}: {after}: task {task.id} is not fulfilled: {missing[0]}"
            if task.id not in expected and not missing:
                yield f"{path / LAB}: task {task.id} is fulfilled already {after}"


def _broken(state: Played) -> Iterator[tuple[int, str]]:
    for place, (line, finding) in state.broken.items():
        when = "at the start" if not line else "from here on"
        yield line, f"keep {place + 1} does not hold {when}: {finding}"
