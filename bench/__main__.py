"""`python -m bench [--runs N] [--only NAME]`: medians and ratios; contenders take turns, after a warm-up of each.

Wall-clock time, and that of the processor without servers in processes of their own: it says more on a busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import est

Contender = Callable[[], float]  # does the work once; the seconds it took
FORTISH = [sys.executable, "-m", "fortish"]
LINES = 20_000
URL = "https://localhost:{port}"
RIVAL = """set -e
cd "$(mktemp -d)"
curl --silent --fail --cacert {ca} --output ca.p7 {url}/.well-known/est/cacerts
curl --silent --fail --cacert {ca} --output attributes {url}/.well-known/est/csrattrs
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout key.pem -subj /CN=bench -outform DER \\
  -out csr.der 2>/dev/null
openssl base64 -in csr.der -out csr.b64
curl --silent --fail --cacert {ca} --user estuser:estpwd --header 'Content-Type: application/pkcs10' \\
  --data-binary @csr.b64 --output cert.b64 {url}/.well-known/est/simpleenroll
openssl base64 -d -in cert.b64 | openssl pkcs7 -inform DER -print_certs -out cert.pem
grep -q 'BEGIN CERTIFICATE' cert.pem
rm -r "$PWD"
"""


def timed(arguments: list[str]) -> Contender:
    """A process from start to end."""

    def once() -> float:
        started = time.perf_counter()
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started

    return once


# --- benchmarks: each yields its contenders by name, the first of which the others are compared with ------------------


@contextmanager
def start() -> Iterator[dict[str, Contender]]:
    """Start of the shell to its first prompt, on a terminal."""
    import pexpect

    def prompt() -> float:
        with tempfile.TemporaryDirectory() as state:
            environment = {**os.environ, "TERM": "xterm", "XDG_STATE_HOME": state}
            started = time.perf_counter()
            child = pexpect.spawn(FORTISH[0], [*FORTISH[1:], "shell"], env=environment, timeout=30)
            child.expect_exact(b"#")
            took = time.perf_counter() - started
            child.close(force=True)
            return took

    yield {"fortish shell, first prompt": prompt, "python3 -c ''": timed([sys.executable, "-c", ""])}


@contextmanager
def enroll() -> Iterator[dict[str, Contender]]:
    """A full enrollment with a new P-256 key, from process start to process end."""
    with tempfile.TemporaryDirectory() as folder:
        # The port is one that the host chose; the banner tells it.
        responder = subprocess.Popen(
            [*FORTISH, "responder", "--listen", "127.0.0.1:0", "--ca-dir", folder], stdout=subprocess.PIPE, text=True
        )
        try:
            url = URL.format(port=port_of(responder))
            ca = Path(folder, "cacert.pem")
            script = RIVAL.format(ca=shlex.quote(str(ca)), url=url)
            real = [*FORTISH, "replay", "--quiet", "--network", "real", "--trust", str(ca), "-c", command(url)]
            world = [*FORTISH, "replay", "--quiet"]
            world += ["-c", "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"]
            world += ["-c", command("https://testrfc7030.com:8443")]
            yield {
                "fortish replay, real network": timed(real),
                "openssl req + curl": timed(["sh", "-c", script]),
                "fortish replay, lab's world": timed(world),
            }
        finally:
            responder.terminate()
            responder.wait()


def command(url: str) -> str:
    """The command that enrolls."""
    return f'execute vpn certificate local generate est bench ec-secp256r1 {url} CN=bench "" estuser estpwd'


def port_of(responder: subprocess.Popen[str]) -> int:
    """The port in the responder's banner."""
    assert responder.stdout is not None
    for line in responder.stdout:
        if found := re.search(r"listening +https://[^/]*:(\d+)/", line):
            return int(found[1])
    raise SystemExit("bench: the responder did not start")


def configuration(lines: int) -> str:
    """A made-up configuration of about so many lines."""
    block = [
        '    edit "port{0}"',
        "        set ip 10.{1}.{2}.1 255.255.255.0",
        "        set allowaccess ping https ssh",
        '        set description "Bench interface {0}, made up"',
        "        set mtu-override enable",
        "        set mtu 1400",
        "    next",
    ]
    rows = ["config system interface"]
    for number in range((lines - 2) // len(block)):
        rows += [row.format(number, number // 250, number % 250) for row in block]
    return "\n".join([*rows, "end", ""])


@contextmanager
def replay() -> Iterator[dict[str, Contender]]:
    """A large configuration: parsed only, loaded by a whole replay, and read as text for scale."""
    from fortish.boot import Options, boot
    from fortish.parse import parse_script
    from fortish.replay import Player, typed_lines
    from fortish.session import Session

    text = configuration(LINES)

    def parse() -> float:
        started = time.perf_counter()
        for _ in parse_script(text):
            pass
        return time.perf_counter() - started

    def whole() -> float:
        runtime = boot(Options(network="none", frozen=True))
        player = Player(runtime, Session(runtime.box), lambda text: None)
        started = time.perf_counter()
        asyncio.run(player.play(typed_lines(text, transcript=False)))
        took = time.perf_counter() - started
        if player.failures:
            raise SystemExit(f"bench: the configuration was refused: {player.failures[0]}")
        return took

    def split() -> float:
        started = time.perf_counter()
        for line in text.splitlines():
            shlex.split(line)
        return time.perf_counter() - started

    yield {"replay of a configuration": whole, "parse_script alone": parse, "shlex.split of each line": split}


@contextmanager
def keys() -> Iterator[dict[str, Contender]]:
    """`?` and Tab, from the key to the text that is printed, with 10,000 entries in a table."""
    from bench.completion import contenders

    yield contenders()


BENCHMARKS = {
    "enroll": enroll,
    "est-client": est.client,
    "est-rate": est.rate,
    "keys": keys,
    "replay": replay,
    "start": start,
}


# --- measuring ------------------------------------------------------------------------------------------------------


def measure(name: str, runs: int) -> None:
    """Print one benchmark's table."""
    with BENCHMARKS[name]() as contenders:
        for once in contenders.values():
            once()
        took: dict[str, list[tuple[float, float]]] = {title: [] for title in contenders}
        for _ in range(runs):
            for title, once in contenders.items():
                took[title].append(run(once))
    first, first_used = map(statistics.median, zip(*next(iter(took.values())), strict=True))
    print(f"{name}: {(BENCHMARKS[name].__doc__ or '').strip()}")
    for title, pairs in took.items():
        seconds, used = zip(*pairs, strict=True)
        median, processor = statistics.median(seconds), statistics.median(used)
        rate = f"{LINES / median:>10,.0f} lines/s" if name == "replay" else ""
        if name.startswith("est-"):
            rate = f"{1 / median:>10,.0f}/s"
        ratios = f"{median / first:>6.2f}x  cpu {shown(processor)} {processor / first_used:>6.2f}x"
        print(f"  {title:<32} {shown(median)}  {ratios}  ({spread(seconds)}){rate}")


def run(once: Contender) -> tuple[float, float]:
    """A contender's seconds, and those of the processor in this process and in those that have ended meanwhile."""
    started, before = time.perf_counter(), processor_time()
    seconds = once()
    share = seconds / (time.perf_counter() - started)  # a contender may give the seconds of one of many
    return seconds, (processor_time() - before) * share


def processor_time() -> float:
    """Seconds of the processor, of this process and of the ended ones that it has started."""
    spent = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


def shown(seconds: float) -> str:
    """A time, in milliseconds where it is short."""
    return f"{seconds:>7.3f} s " if seconds >= 0.2 else f"{seconds * 1000:>7.2f} ms"


def spread(seconds: Sequence[float]) -> str:
    """The shortest and the longest time."""
    return f"{shown(min(seconds)).strip()} to {shown(max(seconds)).strip()}"


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="runs of each contender after the warm-up (default 9)")
    parser.add_argument("--only", help=f"only what starts so: {', '.join(sorted(BENCHMARKS))}")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error("--runs must be 1 or more")
    chosen = [name for name in sorted(BENCHMARKS) if name.startswith(given.only or "")]
    if not chosen:
        parser.error(f"--only {given.only}: there are {', '.join(sorted(BENCHMARKS))}")
    for name in chosen:
        measure(name, given.runs)


if __name__ == "__main__":
    main()
