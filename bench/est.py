"""EST in one process against a responder in another: enrollments on new and on kept connections, beside other clients.

Contenders give seconds for each enrollment, so that they compare whatever number of them a run makes.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Contender = Callable[[], float]
MANY = 50  # enrollments of one run
CROWD = 200  # connections of one client in a measurement of the responder's rate
CLIENTS = 2  # of them at once
POST = "--header 'Content-Type: application/pkcs10' --data-binary @{folder}/req.b64 --user estuser:estpwd"
SWAN = """set -e
pki --gen --type ecdsa --size 256 --outform pem >swan.pem 2>/dev/null
pki --req --type priv --in swan.pem --dn CN=bench --outform der >swan.req 2>/dev/null
pki --estca --url {url} --cacert ca.pem --caout swan.ca --force >/dev/null 2>&1
pki --est --url {url} --in swan.req --cacert ca.pem --userpass estuser:estpwd >swan.crt 2>/dev/null
test -s swan.crt
"""
REQUEST = """openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout key.pem -subj /CN=bench \\
  -outform DER -out req.der 2>/dev/null && openssl base64 -in req.der -out req.b64"""

# A TLS server that answers every request with the same octets: how much of the responder's time is TLS and streams.
BARE = """
import asyncio, ssl, sys
body = b"A" * 700
answer = b"HTTP/1.1 200 OK\\r\\nContent-Length: 700\\r\\n%s\\r\\n" + body
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\\r\\n")[0] or 0)
            await reader.readexactly(length)
            writer.write(answer % b"")
            await writer.drain()
            if b"connection: close" in head.lower():
                raise ConnectionError
    except (OSError, asyncio.IncompleteReadError):
        writer.close()
async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, backlog=256)
    print("listening https://127.0.0.1:%d/" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def shell(script: str, folder: Path) -> None:
    """Run a script in a folder."""
    subprocess.run(["sh", "-c", script], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def scripted(script: str, folder: Path, times: int) -> Contender:
    """A script that makes one enrollment, so many times."""

    def once() -> float:
        started = time.perf_counter()
        for _ in range(times):
            shell(script, folder)
        return (time.perf_counter() - started) / times

    return once


def curl(folder: Path, url: str, posts: int, *, keep: bool) -> list[str]:
    """curl that posts one request so many times, on one connection or on as many."""
    end = "" if keep else "--header 'Connection: close'"
    options = f"--silent --fail --output /dev/null --cacert {folder / 'ca.pem'} {POST.format(folder=folder)} {end}"
    again = f"{options} {url}/.well-known/est/simpleenroll"
    return ["curl", *shlex.split(" --next ".join([again] * posts))]


@contextmanager
def responder(folder: Path) -> Iterator[str]:
    """A responder in a process of its own; its URL. Its CA is ca.pem, and a request for its clients is req.b64."""
    with started(
        [sys.executable, "-m", "fortish", "responder", "--listen", "127.0.0.1:0", "--ca-dir", str(folder)]
    ) as url:
        shutil.copy(folder / "cacert.pem", folder / "ca.pem")
        shell(REQUEST, folder)
        yield url


@contextmanager
def started(command: list[str]) -> Iterator[str]:
    """A server that says where it listens."""
    from bench.__main__ import URL, port_of

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield URL.format(port=port_of(process))
        finally:
            process.terminate()


# --- our client, in this process --------------------------------------------------------------------------------------


class Client:
    """A box whose flows are driven here."""

    def __init__(self, folder: Path, url: str) -> None:
        from fortish.boot import Options, boot

        self.runtime = boot(Options(network="real", trust=folder / "ca.pem"))
        self.box, self.url, self.number = self.runtime.box, url, 0

    def whole(self) -> float:
        """`generate est` as typed, each on a connection of its own: cacerts, csrattrs, key, simpleenroll, commit."""
        return asyncio.run(self._whole())

    async def _whole(self) -> float:
        from fortish.drive import drive
        from fortish.session import Session

        session = Session(self.box)
        options = f'ec-secp256r1 {self.url} CN=bench "" estuser estpwd'
        started = time.perf_counter()
        for _ in range(MANY):
            self.number += 1
            await drive(
                session.feed(f"execute vpn certificate local generate est b{self.number} {options}"), self.runtime
            )
        took = (time.perf_counter() - started) / MANY
        self._cleared()
        return took

    def _cleared(self) -> None:
        from fortish.box import LOCAL
        from fortish.cmdb.entries import GLOBAL, Drop

        names = [name for name in self.box.cmdb.rows(GLOBAL, LOCAL) if name.startswith("b")]
        if len(names) != MANY:
            raise SystemExit(
                f"bench: an enrollment failed: {[event.fields for event in self.box.events if event.id == 41990]}"
            )
        self.box.cmdb.commit([Drop(GLOBAL, LOCAL, name) for name in names])

    def posts(self, *, keep: bool) -> Contender:
        """Key, request, simpleenroll and the check of what comes, on one connection or on as many."""
        return lambda: asyncio.run(self._posts(keep))

    async def _posts(self, keep: bool) -> float:
        from fortish.drive import drive
        from fortish.est.connection import Connection

        context = self._context()
        connection = Connection(context, ("estuser", "estpwd"), self.box.clock.now)

        def flow() -> Any:
            nonlocal connection
            for _ in range(MANY):
                yield from self._one(connection)
                if not keep:
                    connection = Connection(context, ("estuser", "estpwd"), self.box.clock.now)

        started = time.perf_counter()
        await drive(flow(), self.runtime)
        return (time.perf_counter() - started) / MANY

    def _context(self) -> Any:
        from fortish.est.context import EstContext
        from fortish.est.trust import trust_of

        context = EstContext("bench", self.url, "localhost", int(self.url.rpartition(":")[2]))
        trust_of(self.box, context, "")
        return context

    def _one(self, connection: Any) -> Any:
        from fortish.est import operations
        from fortish.est.authorities import box_time
        from fortish.est.choice import choose
        from fortish.est.enroll import bodies
        from fortish.pki import keys, names, requests

        key = keys.generate(keys.ALGORITHMS["ec-secp256r1"])
        subject = names.subject_name([("CN", "bench")])
        body = bodies(connection.context, lambda challenge, linking: requests.new_request(key, subject, None))
        received = yield from operations.simpleenroll(connection, body)
        yield from choose(connection.context, received, key, (), box_time(self.box))


# --- benchmarks -------------------------------------------------------------------------------------------------------


@contextmanager
def client() -> Iterator[dict[str, Contender]]:
    """One enrollment with a new P-256 key, of 50 in a row; in place of a row, others start a process for each step."""
    from bench.__main__ import RIVAL

    with tempfile.TemporaryDirectory() as name, responder(folder := Path(name)) as url:
        ours = Client(folder, url)
        script = RIVAL.format(ca=shlex.quote(str(folder / "ca.pem")), url=url)
        contenders = {
            "whole, new connection": ours.whole,
            "simpleenroll, new connection": ours.posts(keep=False),
            "simpleenroll, kept connection": ours.posts(keep=True),
            "openssl req + curl, whole": scripted(script, folder, 5),
            "curl, posts on new connections": commanded(curl(folder, url, MANY, keep=False), MANY),
            "curl, posts on one connection": commanded(curl(folder, url, MANY, keep=True), MANY),
        }
        if shutil.which("pki"):
            contenders["pki --gen --req --estca --est"] = scripted(SWAN.format(url=url), folder, 5)
        yield contenders


def commanded(command: list[str], enrollments: int, at_once: int = 1) -> Contender:
    """So many of a command at once, each of which makes so many enrollments."""

    def once() -> float:
        started = time.perf_counter()
        running = [subprocess.Popen(command) for _ in range(at_once)]
        if any(ended := [process.wait() for process in running]):
            raise SystemExit(f"bench: {command[0]} ended with {ended}")
        return (time.perf_counter() - started) / (enrollments * at_once)

    return once


@contextmanager
def rate() -> Iterator[dict[str, Contender]]:
    """The responder's time for an enrollment under two curl processes at once; a bare TLS server for scale."""
    with tempfile.TemporaryDirectory() as name, responder(folder := Path(name)) as url:
        certificate(folder)
        with started([sys.executable, "-c", BARE, str(folder / "bare.pem")]) as bare:
            yield {
                "responder, new connections": commanded(curl(folder, url, CROWD, keep=False), CROWD, CLIENTS),
                "responder, kept connections": commanded(curl(folder, url, CROWD, keep=True), CROWD, CLIENTS),
                "bare asyncio TLS, new": commanded(blind(curl(folder, bare, CROWD, keep=False)), CROWD, CLIENTS),
                "bare asyncio TLS, kept": commanded(blind(curl(folder, bare, CROWD, keep=True)), CROWD, CLIENTS),
            }


def blind(command: list[str]) -> list[str]:
    """The same without a look at the server's certificate: the bare one's is its own."""
    words = shlex.join(command)
    return shlex.split(re.sub(r"--cacert \S+", "--insecure", words))


def certificate(folder: Path) -> None:
    """A P-256 certificate for the bare server."""
    shell(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout bare.key -out bare.crt"
        " -subj /CN=localhost 2>/dev/null && cat bare.key bare.crt >bare.pem",
        folder,
    )
