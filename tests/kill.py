"""Kill -9 at random moments: every commit that was acknowledged must be there afterwards, whole, in a clean file.

`python -m tests.kill --times 1000`; the test suite runs a few. A child process commits pairs of entries, numbered, and
prints each number after its commit has returned. The parent kills it, reads what was printed, and opens the file.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from fortish.boot import Options, boot
from fortish.cmdb.entries import GLOBAL, Change, Drop, Entry, Put
from fortish.drive import Runtime

ALIAS = ("system", "alias")
TEXT = "x" * 700  # so that a commit takes several pages now and then
LONGEST = 0.04  # seconds from the first acknowledged commit to the kill, at most
STARTING = 0.2  # seconds that a child takes to start, and a little more
FRESH = 10  # kills on one file before the next is begun
AT_START = 0.15  # share of kills while the child still starts: the file may not be there yet
KEPT = 200  # numbers that are kept; older ones are removed in the commit that adds one


@dataclass(slots=True)
class Count:
    """What was seen."""

    kills: int = 0
    acknowledged: int = 0
    unacknowledged: int = 0  # on the disk although the child did not live to say so
    hot: int = 0  # kills in the middle of a transaction: a journal had to be rolled back
    unmade: int = 0  # kills before there was a file
    lost: int = 0


def started(path: Path) -> Runtime:
    """A box with this state."""
    return boot(Options(state=path, network="none", frozen=True))


def numbers(runtime: Runtime) -> list[int]:
    """The numbers that are there. Both entries of a pair must be, and as they were written."""
    rows = runtime.box.cmdb.rows(GLOBAL, ALIAS)
    found = [int(key[1:]) for key in rows if key.startswith("a")]
    assert [int(key[1:]) for key in rows if key.startswith("b")] == found, "half a commit"
    assert all(rows[f"{kind}{number}"] == entry(number) for number in found for kind in "ab"), "a torn entry"
    return found


def entry(number: int) -> Entry:
    """What is kept under a number."""
    return Entry({"command": f"{number} {TEXT[: number % 700]}"})


def child(path: Path) -> None:
    """Commit and acknowledge until killed."""
    runtime = started(path)
    number = max(numbers(runtime), default=-1) + 1
    while True:
        changes: list[Change] = [Put(GLOBAL, ALIAS, f"{kind}{number}", entry(number)) for kind in "ab"]
        if number >= KEPT:
            changes += [Drop(GLOBAL, ALIAS, f"{kind}{number - KEPT}") for kind in "ab"]
        runtime.box.cmdb.commit(changes)
        print(number, flush=True)
        number += 1


def kill_once(path: Path, chance: random.Random, count: Count, fresh: bool) -> None:
    """One child, one kill, one look."""
    last = -1
    if path.exists():
        runtime = started(path)
        last = max(numbers(runtime), default=-1)
        assert runtime.store is not None
        runtime.store.close()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kill", "--child", str(path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        printed = ""
        if fresh or chance.random() < AT_START:
            time.sleep(chance.uniform(0, STARTING))
        else:
            printed = process.stdout.readline()
            time.sleep(chance.uniform(0, LONGEST))
        process.kill()
        printed += process.stdout.read()
    assert process.returncode == -signal.SIGKILL, f"the child ended by itself: {process.returncode}"
    count.kills += 1
    if not path.exists():
        assert not printed
        count.unmade += 1
        return
    said = [int(line) for line in printed.split("\n")[:-1]]
    journal = path.with_name(f"{path.name}-journal")
    count.hot += journal.exists() and any(journal.read_bytes()[:8])
    runtime = started(path)
    there = numbers(runtime)
    assert runtime.store is not None
    runtime.store.close()
    newest = max(there, default=-1)
    wanted = set(range(max(0, newest - KEPT + 1), newest + 1))
    lost = [number for number in (last, *said) if number > newest]
    count.lost += len(lost)
    count.acknowledged += len(said)
    count.unacknowledged += newest - max((last, *said))
    assert not lost, f"acknowledged and gone: {lost}"
    assert set(there) == wanted, f"there: {there}"
    assert newest - max((last, *said)) <= 1, "more than one commit that was never acknowledged"


def run(times: int, seed: int, folder: Path, shown: bool = False) -> Count:
    """Kill `times` children. Raises `AssertionError` at the first one that lost something."""
    chance = random.Random(seed)
    count = Count()
    for number in range(times):
        kill_once(folder / f"state{number // FRESH}", chance, count, fresh=number % FRESH == 0)
        if shown and sys.stderr.isatty():
            print(f"\r{count.kills} kills, {count.acknowledged} commits", end="", file=sys.stderr, flush=True)
    return count


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill", description=__doc__)
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--folder", type=Path, default=None, help="where the files are made (default: a temporary one)")
    parser.add_argument("--child", type=Path, default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        child(given.child)
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        count = run(given.times, seed, Path(folder), shown=True)
    print(
        f"{count.kills} kills in {time.monotonic() - began:.0f} s: {count.acknowledged} commits acknowledged,"
        f" {count.lost} lost; {count.unacknowledged} kept that were not acknowledged any more;"
        f" {count.hot} kills left a transaction to roll back, {count.unmade} came before there was a file"
    )


if __name__ == "__main__":
    main()
