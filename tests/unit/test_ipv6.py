"""Servers that are reached over IPv6, by address and by name, and those that have several addresses."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

import fortish
from fortish.box import Box
from fortish.clock import HostClock
from fortish.drive import Runtime, drive
from fortish.errors import LinkLost
from fortish.network import tls
from fortish.network.listen import listen
from fortish.network.real import RealNetwork
from fortish.network.tcp import connect_any
from fortish.pki import keys, pem
from fortish.responder.authority import Authority
from fortish.responder.state import Responder
from fortish.steps import HttpGet, Peer, Trust, dial, exchange


def has_loopback() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not has_loopback(), reason="this host has no IPv6 loopback")
ENROLL = 'execute vpn certificate local generate est n ec-secp256r1 https://[::1]:{port} CN=n "" estuser estpwd'
SRP = ' "" "" "" "" "" srpuser srppwd'


class Named(RealNetwork):
    """The host's network, with names of a test's own."""

    names: Mapping[str, Sequence[str]]

    async def addresses(self, host: str, family: int = socket.AF_UNSPEC) -> list[str]:
        return list(self.names[host])


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """`fortish responder` on ::1: its port, and the file of its CA."""
    folder = tmp_path_factory.mktemp("ca")
    command = [sys.executable, "-m", "fortish", "responder", "--listen", "[::1]:0", "--ca-dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as running:
        try:
            assert running.stdout is not None
            shown = next(line for line in running.stdout if "listening" in line)
            found = re.search(r"https://\[::1\]:(\d+)/", shown)
            assert found is not None, shown
            yield int(found[1]), folder / "cacert.pem"
        finally:
            running.terminate()


@pytest.mark.parametrize("more", ["", SRP], ids=["certificates", "TLS-SRP"])
def test_an_address_in_brackets_enrolls_and_renews(started: tuple[int, Path], more: str) -> None:
    if more:
        pytest.importorskip("tlslite")
    port, ca = started
    with fortish.Appliance(network="real", trust=ca) as box:
        session = box.session()
        assert session.run(ENROLL.format(port=port) + more).endswith("Done.\n")
        assert f"https://[::1]:{port}" in session.run("get vpn certificate local n")
        said = session.play("execute vpn certificate local generate est n\ny\n").text
        assert "Done." in said


def test_est_check_takes_an_address_in_brackets(started: tuple[int, Path]) -> None:
    port, ca = started
    command = [
        sys.executable,
        "-m",
        "fortish",
        "est-check",
        f"https://[::1]:{port}",
        "--trust",
        str(ca),
        "--user",
        "estuser",
    ]
    done = subprocess.run(
        command,
        env={"FORTISH_PASSWORD": "estpwd", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("address", ["::1", "127.0.0.1"])
def test_an_address_is_in_the_host_header_and_in_no_sni(tmp_path: Path, address: str) -> None:
    """RFC 9110 section 7.2, RFC 6066 section 3."""
    root = Authority.fresh(datetime.now(UTC))
    certificate, key = root.server_certificate((address,), datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tls.pem_file(f"{pem.pem(certificate)}\n{keys.encrypted_pem(key, 'x')}\n") as path:
        context.load_cert_chain(path, password="x")
    asked: list[str | None] = []
    context.sni_callback = lambda connection, name, context: asked.append(name)
    heard = b""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listening:
        listening.settimeout(10)  # for a box that does not come
        port = listening.getsockname()[1]

        def serve() -> None:
            nonlocal heard
            plain, _ = listening.accept()
            with plain, context.wrap_socket(plain, server_side=True) as inside:
                heard = inside.recv(65536)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        (tmp_path / "ca.pem").write_text(pem.pem(root.certificate))
        shown = f"[{address}]" if ":" in address else address
        with fortish.Appliance(network="real", trust=tmp_path / "ca.pem") as box:
            box.session().run(ENROLL.replace("[::1]", shown).format(port=port))
        thread.join()
    assert asked == [None] and f"\r\nHost: {shown}:{port}\r\n".encode() in heard


def dialled(names: Mapping[str, Sequence[str]], source: str = "", listening: str = "::1") -> str:
    """Which address a name is reached at, or why at none."""
    state = Responder(Authority.fresh(datetime.now(UTC)))

    async def whole() -> str:
        clock = HostClock()
        box = Box.new(clock)
        network = Named(box)
        network.names = names
        certified = ["a.example"]
        listener = await listen(state, listening, 0, names=certified, clock=time.time, client_certificate="optional")
        trust = Trust((pem.pem(state.authority.certificate),), public=False)
        flow = dial(Peer("a.example", listener.port, trust, source=source, timeout=4.0))
        try:
            link = await drive(flow, Runtime(box, clock, network))
            return str(link.handle.tcp.there[0])
        except LinkLost as lost:
            return lost.reason
        finally:
            await listener.close()

    return asyncio.run(whole())


def test_a_name_that_has_only_an_ipv6_address_is_reached() -> None:
    assert dialled({"a.example": ["::1"]}) == "::1"


@pytest.mark.parametrize(("listening", "first"), [("::1", "127.0.0.1"), ("127.0.0.1", "::1"), ("::1", "192.0.2.1")])
def test_addresses_are_tried_in_turn(listening: str, first: str) -> None:
    """One that is silent takes its share of the time, and no more."""
    assert dialled({"a.example": [first, listening]}, listening=listening) == listening


def test_a_name_none_of_whose_addresses_answers_is_told_once() -> None:
    said = dialled({"a.example": ["127.0.0.1", "127.0.0.2"]})
    assert re.fullmatch(r"Failed to connect to a.example port \d+ after \d+ ms: Couldn't connect to server", said)


def test_a_source_address_goes_with_its_own_kind() -> None:
    both = {"a.example": ["::1", "127.0.0.1"]}
    assert dialled(both, "127.0.0.1", "127.0.0.1") == "127.0.0.1"
    assert dialled(both, "::1") == "::1"
    reason = "bind failed with source address 127.0.0.1: the server has no IPv4 address"
    assert dialled({"a.example": ["::1"]}, "127.0.0.1") == reason


def test_plain_http_takes_an_address_in_brackets() -> None:
    async def whole() -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            host = next(line for line in head.split(b"\r\n") if line.startswith(b"Host: "))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(host), host))
            writer.close()

        server = await asyncio.start_server(serve, "::1", 0)
        port = server.sockets[0].getsockname()[1]
        clock = HostClock()
        box = Box.new(clock)
        response = await drive(exchange(HttpGet(f"http://[::1]:{port}/x")), Runtime(box, clock, RealNetwork(box)))
        server.close()
        assert response.content == b"Host: [::1]:%d" % port
        return bytes(response.content)

    asyncio.run(whole())


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b", "\u00fc" * 60 + ".example"])
def test_a_name_that_no_resolver_takes_is_not_found(host: str) -> None:
    with fortish.Appliance(network="real") as box:
        said = box.session().run(ENROLL.replace("[::1]", host).format(port=1))
    assert f"Could not resolve host: {host}" in said


def test_a_zone_is_of_one_host_only_and_refused() -> None:
    with fortish.Appliance(network="real") as box:
        said = box.session().run(ENROLL.replace("::1", "fe80::1%25eth0").format(port=1))
    assert "The EST server must be given as https://host[:port]." in said


def test_silent_addresses_share_the_time() -> None:
    """What never answers is left after its share; all of it together takes no longer than is allowed."""

    async def whole() -> float:
        since = time.monotonic()
        with pytest.raises(OSError, match=r".*"):
            await connect_any(["192.0.2.1", "192.0.2.2", "192.0.2.3"], 9, "", 0.6)
        return time.monotonic() - since

    assert asyncio.run(whole()) < 60
