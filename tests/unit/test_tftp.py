"""TFTP: round trips over real sockets on the loopback, with losses, duplicates, strangers and bad names."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys

import hurry
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fortish.errors import LinkLost
from fortish.network.tftp import packets, server
from fortish.network.tftp.client import get, put
from fortish.network.tftp.folder import Folder
from fortish.network.tftp.packets import BLOCK_SIZE, last_block, wrapped
from fortish.network.tftp.server import Server

HOST = "127.0.0.1"
SIZES = [0, 1, 511, 512, 513, 1024, 70000]
QUICK = {"timeout": 0.05, "tries": 8}
NOWHERE = "../secret"


def content_of(size):
    return bytes(n * 7 % 251 for n in range(size))


@contextlib.asynccontextmanager
async def serving(folder, **timing):
    server = await Server.start(HOST, 0, folder, **timing)
    try:
        yield server
    finally:
        await server.close()


class Relay(asyncio.DatagramProtocol):
    """A network between one client and a server: `copies(n)` says how often the n-th datagram arrives.

    The client sees each of the server's ports as the relay's one port, so transfer ids stay the relay's business.
    """

    def __init__(self, port, copies):
        self.requests = self.server = (HOST, port)
        self.copies = copies
        self.client = None
        self.count = 0
        self.passed = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        is_request = data[1] in (1, 2)
        from_client = is_request or addr == self.client
        if is_request:
            self.client = addr
        elif not from_client:
            self.server = addr
        self.count += 1
        self.passed.append((from_client, data))
        server = self.requests if is_request else self.server
        for _ in range(self.copies(self.count)):
            self.transport.sendto(data, server if from_client else self.client)


@contextlib.asynccontextmanager
async def relaying(port, copies):
    loop = asyncio.get_running_loop()
    transport, relay = await loop.create_datagram_endpoint(lambda: Relay(port, copies), local_addr=(HOST, 0))
    try:
        yield relay, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
        await asyncio.sleep(0)


@contextlib.contextmanager
def plain_socket():
    """A bare UDP socket for the peers that misbehave."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bare:
        bare.bind((HOST, 0))
        bare.setblocking(False)
        yield bare


async def receive(bare):
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recvfrom(bare, 2048), 2)


async def answers(*replies, request=None):
    """What `get` makes of a server that answers the request, from its own port, with `replies`."""
    with plain_socket() as bare:
        fetching = asyncio.create_task(get(HOST, bare.getsockname()[1], "name", limit=9999, timeout=0.2, tries=1))
        sent, client = await receive(bare)
        assert sent == b"\0\1name\0octet\0"
        for reply in replies:
            bare.sendto(reply, client)
        return await fetching


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_back_as_it_was_stored(tmp_path, size):
    async def round_trip():
        async with serving(Folder(directory=tmp_path)) as server:
            await put(HOST, server.port, "file", content_of(size))
            return await get(HOST, server.port, "file", limit=size)

    assert hurry.run(round_trip()) == content_of(size)
    assert (tmp_path / "file").read_bytes() == content_of(size)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 5000))
def test_a_file_of_any_size_is_fetched_whole(size):
    async def fetch():
        async with serving(Folder({"file": content_of(size)})) as server:
            return await get(HOST, server.port, "file", limit=size)

    assert hurry.run(fetch()) == content_of(size)


def test_block_numbers_have_16_bits():
    assert [wrapped(block) for block in (1, 65535, 65536, 65537)] == [1, 65535, 0, 1]
    assert [last_block(bytes(size)) for size in (0, 511, 512, 512 * 65535)] == [1, 1, 2, 0]


@pytest.mark.parametrize("copies", [lambda n: 1, lambda n: 2, lambda n: n % 3])
def test_block_numbers_roll_over(tmp_path, monkeypatch, copies):
    """With numbers of 3 bits, since a real roll-over takes 65536 round trips."""
    monkeypatch.setattr(packets, "BLOCK_NUMBERS", 8)
    content = content_of(20 * BLOCK_SIZE)

    async def round_trip():
        async with serving(Folder(directory=tmp_path), **QUICK) as server:
            async with relaying(server.port, copies) as (_, port):
                await put(HOST, port, "large", content, **QUICK)
            async with relaying(server.port, copies) as (_, port):
                return await get(HOST, port, "large", limit=len(content), **QUICK)

    assert hurry.run(round_trip()) == content


def test_transfers_run_side_by_side(tmp_path):
    async def many():
        async with serving(Folder({"there": b"x" * 3000}, tmp_path)) as server:
            puts = (put(HOST, server.port, f"file{n}", content_of(n * 300)) for n in range(10))
            gets = (get(HOST, server.port, "there", limit=3000) for _ in range(10))
            return await asyncio.gather(*puts, *gets)

    assert hurry.run(many())[10:] == [b"x" * 3000] * 10
    assert [(tmp_path / f"file{n}").read_bytes() for n in range(10)] == [content_of(n * 300) for n in range(10)]


@pytest.mark.parametrize("lost", [0, 1, 2])
@pytest.mark.parametrize("size", [0, 512, 5000])
def test_every_third_datagram_lost_loses_nothing(tmp_path, size, lost):
    async def round_trip():
        async with serving(Folder(directory=tmp_path), **QUICK) as server:
            async with relaying(server.port, lambda n: n % 3 != lost) as (_, port):
                await put(HOST, port, "file", content_of(size), **QUICK)
            async with relaying(server.port, lambda n: n % 3 != lost) as (_, port):
                return await get(HOST, port, "file", limit=size, **QUICK)

    assert hurry.run(round_trip()) == content_of(size)
    assert (tmp_path / "file").read_bytes() == content_of(size)


def test_duplicated_datagrams_do_not_multiply(tmp_path):
    """Sorcerer's apprentice (RFC 1123 section 4.2.3.1): each block is sent once, whatever comes twice."""
    blocks = [(n, content_of(5000)[(n - 1) * 512 : n * 512]) for n in range(1, 11)]
    sent_once = [b"\0\3" + n.to_bytes(2, "big") + body for n, body in blocks]

    async def round_trip():
        async with serving(Folder(directory=tmp_path)) as server:
            async with relaying(server.port, lambda n: 2) as (storing, port):
                await put(HOST, port, "file", content_of(5000))
            async with relaying(server.port, lambda n: 2) as (fetching, port):
                content = await get(HOST, port, "file", limit=5000)
        return content, storing.passed, fetching.passed

    content, stored, fetched = hurry.run(round_trip())
    assert content == content_of(5000)
    assert [data for from_client, data in stored if from_client and data[1] == 3] == sent_once
    assert [data for from_client, data in fetched if not from_client and data[1] == 3] == sent_once


def test_a_silent_server_is_a_time_out_after_every_try():
    async def fetch():
        with plain_socket() as bare:
            with pytest.raises(LinkLost, match="Timeout was reached"):
                await get(HOST, bare.getsockname()[1], "name", limit=1, timeout=0.02, tries=3)
            return [(await receive(bare))[0] for _ in range(3)]

    assert hurry.run(fetch()) == [b"\0\1name\0octet\0"] * 3


def test_a_missing_file_is_told_in_the_servers_words():
    async def fetch():
        async with serving(Folder()) as server:
            await get(HOST, server.port, "missing", limit=1)

    with pytest.raises(LinkLost, match=r"^File not found$"):
        hurry.run(fetch())


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"\0\5\0\1No such \x1b[31mthing.\0", "No such ?[31mthing"),
        (b"\0\5\0\2\0", "Access violation"),
        (b"\0\5\0\2", "Access violation"),
        (b"\0\5\0\x63\0", "TFTP error 99"),
        (b"\0\5\0\0\xff\xfe" + b"x" * 1000, "\N{REPLACEMENT CHARACTER}" * 2 + "x" * 198),
        (b"\0\6blksize\x001024\0", "Illegal TFTP operation"),
        (b"\0\3\0", "Illegal TFTP operation"),
        (b"\0\3\0\1" + bytes(513), "Illegal TFTP operation"),
        (b"", "Illegal TFTP operation"),
    ],
)
def test_errors_and_nonsense_end_a_transfer(reply, reason):
    with pytest.raises(LinkLost) as caught:
        hurry.run(answers(reply))
    assert caught.value.reason == reason


def test_blocks_out_of_turn_are_passed_over():
    assert hurry.run(answers(b"\0\3\0\0zero", b"\0\3\0\2two", b"\0\4\0\1", b"\0\3\0\1one")) == b"one"


@given(st.binary(max_size=600))
@settings(max_examples=25, deadline=None)
def test_any_answer_is_a_file_or_a_lost_link(reply):
    with contextlib.suppress(LinkLost):
        hurry.run(answers(reply, b"\0\5\0\1\0"))


def test_a_stranger_is_told_so_and_changes_nothing():
    async def fetch():
        with plain_socket() as server, plain_socket() as stranger:
            fetching = asyncio.create_task(get(HOST, server.getsockname()[1], "name", limit=9999))
            _, client = await receive(server)
            server.sendto(b"\0\3\0\1" + b"s" * 512, client)
            assert (await receive(server))[0] == b"\0\4\0\1"
            stranger.sendto(b"\0\5\0\1an error is never answered\0", client)
            stranger.sendto(b"\0\3\0\2forged", client)
            told = (await receive(stranger))[0]
            server.sendto(b"\0\3\0\2true", client)
            return told, await fetching

    assert hurry.run(fetch()) == (b"\0\5\0\5Unknown transfer ID\0", b"s" * 512 + b"true")


def test_a_repeated_request_is_served_once():
    async def ask():
        async with serving(Folder({"name": b"content"})) as server:
            with plain_socket() as bare:
                for _ in range(3):
                    bare.sendto(b"\0\1name\0octet\0", (HOST, server.port))
                data, transfer = await receive(bare)
                bare.sendto(b"\0\4\0\1", transfer)
                await asyncio.sleep(0.1)
                with pytest.raises(BlockingIOError):
                    bare.recv(99)
                return data

    assert hurry.run(ask()) == b"\0\3\0\1content"


def test_a_limit_holds():
    async def fetch(limit):
        async with serving(Folder({"name": bytes(1024)})) as server:
            return await get(HOST, server.port, "name", limit=limit)

    assert hurry.run(fetch(1024)) == bytes(1024)
    with pytest.raises(LinkLost, match=r"^the file is larger than 1023 bytes$"):
        hurry.run(fetch(1023))


def test_a_server_takes_files_up_to_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "WRITE_LIMIT", 1000)

    async def store(size):
        async with serving(Folder(directory=tmp_path)) as server:
            await put(HOST, server.port, f"file{size}", bytes(size))

    hurry.run(store(1000))
    with pytest.raises(LinkLost, match=r"^Disk full or allocation exceeded$"):
        hurry.run(store(1001))
    assert [path.name for path in tmp_path.iterdir()] == ["file1000"]


@pytest.mark.parametrize(
    ("datagram", "reply"),
    [
        (b"\0\1name\0mail\0", b"\0\5\0\0Only octet transfers are served\0"),
        (b"\0\1name\0OCTET\0blksize\x001024\0tsize\x000\0", b"\0\3\0\1content"),
        (b"\0\1other\0octet\0", b"\0\5\0\1File not found\0"),
        (b"\0\2name\0octet\0", b"\0\5\0\6File already exists\0"),
        (b"\0\2../name\0octet\0", b"\0\5\0\2Access violation\0"),
        (b"\0\2new\0octet\0tsize\x005\0", b"\0\4\0\0"),
        (b"\0\1name\0octet", b"\0\5\0\4Illegal TFTP operation\0"),
        (b"\0\1\xff\0octet\0", b"\0\5\0\4Illegal TFTP operation\0"),
        (b"\0\4\0\0", b"\0\5\0\4Illegal TFTP operation\0"),
        (b"", b"\0\5\0\4Illegal TFTP operation\0"),
    ],
)
def test_a_server_answers_each_first_datagram_as_the_rfc_says(tmp_path, datagram, reply):
    async def ask():
        async with serving(Folder({"name": b"content"}, tmp_path)) as server:
            with plain_socket() as bare:
                bare.sendto(datagram, (HOST, server.port))
                return (await receive(bare))[0]

    assert hurry.run(ask()) == reply


@pytest.mark.parametrize(
    ("host", "port", "name", "source", "reason"),
    [
        (HOST, 69, "", "", "the file name is not usable"),
        (HOST, 69, "a\0b", "", "the file name is not usable"),
        (HOST, 69, "\udcff", "", "the file name cannot be encoded"),
        (HOST, 69, "x" * 600, "", "the file name is too long"),
        (HOST, 70000, "x", "", "70000 is not a port"),
        (HOST, 69, "x", "192.0.2.1", "Cannot assign requested address|Can't assign requested address"),
        (HOST, 69, "x", "::1", "."),
        ("localhost", 69, "x", "", "."),
        ("", 69, "x", "", "."),
        ("a..b", 69, "x", "", "the address is not usable"),
        (HOST, 0, "x", "", "."),
    ],
)
def test_what_cannot_be_sent_is_a_lost_link(host, port, name, source, reason):
    with pytest.raises(LinkLost, match=reason):
        hurry.run(get(host, port, name, limit=1, source=source, timeout=0.02))
    with pytest.raises(LinkLost, match=reason):
        hurry.run(put(host, port, name, b"", source=source, timeout=0.02))


def test_an_own_source_is_used():
    async def fetch():
        with plain_socket() as bare:
            fetching = asyncio.create_task(get(HOST, bare.getsockname()[1], "x", limit=9, source="127.0.0.1"))
            _, client = await receive(bare)
            bare.sendto(b"\0\3\0\1", client)
            return client[0], await fetching

    assert hurry.run(fetch()) == ("127.0.0.1", b"")


def test_a_taken_port_is_a_lost_link():
    async def start():
        async with serving(Folder()) as server:
            await Server.start(HOST, server.port, Folder())

    with pytest.raises(LinkLost, match=r"in use|normally permitted"):
        hurry.run(start())


def test_close_leaves_nothing_behind(tmp_path):
    async def run():
        server = await Server.start(HOST, 0, Folder({"name": bytes(9999)}, tmp_path))
        with plain_socket() as bare:
            bare.sendto(b"\0\1name\0octet\0", (HOST, server.port))
            await receive(bare)
            bare.sendto(b"\0\2new\0octet\0", (HOST, server.port))
            await receive(bare)
            await server.close()
            await server.close()
        # The port is free again.
        again = await Server.start(HOST, server.port, Folder())
        await again.close()
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert hurry.run(run()) == set()
    assert list(tmp_path.iterdir()) == []


def test_a_client_given_up_on_leaves_nothing_behind():
    async def run():
        with plain_socket() as bare, contextlib.suppress(TimeoutError):
            await asyncio.wait_for(get(HOST, bare.getsockname()[1], "name", limit=1), 0.05)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert hurry.run(run()) == set()


@pytest.mark.parametrize("size", SIZES)
def test_curl_fetches_and_stores(tmp_path, size):
    curl = shutil.which("curl")
    if not curl or b" tftp" not in subprocess.run([curl, "--version"], capture_output=True, check=True).stdout:
        pytest.skip("no curl that speaks TFTP")
    (tmp_path / "upload").write_bytes(content_of(size))
    (tmp_path / "served").mkdir()

    async def run(*arguments):
        process = await asyncio.create_subprocess_exec(curl, "-sS", "-m", "10", *arguments, stdout=subprocess.PIPE)
        output, _ = await process.communicate()
        assert process.returncode == 0
        return output

    async def both():
        async with serving(Folder({"name": content_of(size)}, tmp_path / "served")) as server:
            url = f"tftp://{HOST}:{server.port}"
            await run("-T", str(tmp_path / "upload"), f"{url}/stored")
            return await run(f"{url}/name")

    assert asyncio.run(both()) == content_of(size)
    assert (tmp_path / "served" / "stored").read_bytes() == content_of(size)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "file").write_bytes(b"on disk")
    (root / "both").write_bytes(b"on disk")
    return Folder({"both": b"in memory", "memory": b"in memory"}, root)


def test_memory_comes_before_the_directory(folder):
    names = ("file", "both", "memory", "none", "sub")
    assert [folder.read(name) for name in names] == [b"on disk", b"in memory", b"in memory", None, None]


def test_files_are_written_replaced_and_never_in_memorys_place(folder):
    names = ("file", "new", "sub/new", "both", "memory", "sub", "none/new")
    assert [folder.write(name, b"new") for name in names] == [True, True, True, False, False, False, False]
    assert (folder.directory / "both").read_bytes() == b"on disk"
    assert sorted(path.name for path in folder.directory.rglob("*")) == ["both", "file", "new", "new", "sub"]


@pytest.mark.parametrize(
    "name",
    [
        *(NOWHERE, "sub/../../secret", "sub/..", ".", "..", "", "/", "/etc/hostname", "sub//file", "sub/", "./file"),
        *("..\\secret", "C:secret", "file:stream", "a\0b", "a\nb", "x" * 5000, "\udcff"),
    ],
)
def test_no_name_leaves_the_folder(folder, name):
    assert folder.read(name) is None
    assert not folder.may_write(name)
    assert not folder.write(name, b"forged")
    assert (folder.directory.parent / "secret").read_bytes() == b"secret"


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links take privileges")
def test_no_symbolic_link_leaves_the_folder(folder):
    root = folder.directory
    (root / "out").symlink_to(root.parent / "secret")
    (root / "up").symlink_to(root.parent)
    (root / "dangling").symlink_to(root.parent / "new")
    (root / "circle").symlink_to(root / "circle")
    (root / "inside").symlink_to(root / "file")
    for name in ("out", "up/secret", "up/new", "dangling", "circle"):
        assert folder.read(name) is None
        assert not folder.write(name, b"forged")
    assert folder.read("inside") == b"on disk"
    assert (root.parent / "secret").read_bytes() == b"secret"
    assert not (root.parent / "new").exists()


def test_a_folder_without_a_directory_only_reads():
    assert Folder({"a": b"1"}).read("a") == b"1"
    assert Folder({"a": b"1"}).read("b") is None
    assert not Folder().write("a", b"1")


def test_path_escapes_are_refused_on_the_wire(folder):
    async def run(work):
        async with serving(folder) as server:
            await work(server.port)

    with pytest.raises(LinkLost, match=r"^File not found$"):
        hurry.run(run(lambda port: get(HOST, port, NOWHERE, limit=99)))
    with pytest.raises(LinkLost, match=r"^Access violation$"):
        hurry.run(run(lambda port: put(HOST, port, NOWHERE, b"forged")))
