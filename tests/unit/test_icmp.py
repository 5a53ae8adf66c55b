"""ICMP echo: real answers on the loopback, and which messages are no answer. Nothing leaves the loopback."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortish.errors import LinkLost
from fortish.network import icmp
from fortish.steps import EchoReply, Header

PROBE = icmp._Probe("127.0.0.1", 7, b"payload of 19 bytes")
LOOPBACK_UP = "ip link set lo up"
ALL_GROUPS = "echo '0 0' > /proc/sys/net/ipv4/ping_group_range"
NO_GROUP = "true"  # as a new namespace is
NO_ANSWERS = "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all"
ECHO = "import asyncio; from fortish.network import icmp; print(asyncio.run(icmp.echo('127.0.0.1', 1, timeout=5)))"
ECHO_AND_KIND = "from fortish.network import icmp; s = icmp._open(); print(s.type.name); s.close(); " + ECHO


def ping(*arguments, **options):
    """An echo, or a skipped test where the host forbids both kinds of socket."""
    try:
        icmp._open().close()
    except LinkLost as lost:
        pytest.skip(f"no ICMP for this user: {lost.reason}")
    return asyncio.run(icmp.echo(*arguments, **options))


def in_a_network_of_its_own(*settings, code):
    """What `code` prints in a network namespace that has only a loopback, set up by `settings`."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("no network namespaces here")
    set_up = " && ".join((LOOPBACK_UP, *settings))
    namespace = ["unshare", "--map-root-user", "--net", "sh", "-c"]
    if subprocess.run([*namespace, set_up], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace for this user")
    command = [*namespace, f'{set_up} && exec "$@"', "sh", sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=120).stdout.splitlines()


def answer(probe=PROBE, kind=0, code=0, identifier=icmp._IDENTIFIER, sequence=None, payload=None):
    """An ICMP message with a right checksum, by default the one that answers `probe`."""
    fields = (identifier, probe.sequence if sequence is None else sequence)
    body = probe.payload if payload is None else payload
    checksum = icmp._checksum(icmp._HEADER.pack(kind, code, 0, *fields) + body)
    return icmp._HEADER.pack(kind, code, checksum, *fields) + body


@pytest.mark.parametrize("size", [0, 1, 56, 57, 1472, 20000])
def test_the_loopback_answers_any_size(size):
    reply = ping("127.0.0.1", 1, size)
    assert isinstance(reply, EchoReply)
    assert 0 < reply.seconds < 2
    assert 0 < reply.ttl <= 255


def test_echoes_with_one_sequence_number_do_not_take_each_others_answers():
    async def many():
        return await asyncio.gather(*(icmp.echo(f"127.0.0.{1 + n % 3}", 5) for n in range(20)))

    ping("127.0.0.1", 5)
    assert None not in asyncio.run(many())


def test_an_own_source_is_used():
    assert ping("127.0.0.1", 2, source="127.0.0.9") is not None


def test_a_sequence_number_beyond_16_bits_rolls_over():
    assert ping("127.0.0.1", 65536 + 3) is not None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("127.0.0.1", 1, 56, "192.0.2.1"), "assign requested address"),
        (("127.0.0.1", 1, 70000), "too long"),
        (("127.0.0.1", 1, 56, "here"), "not an IPv4 address"),
        (("localhost", 1), "not an IPv4 address"),
        (("::1", 1), "not an IPv4 address"),
    ],
)
def test_what_the_host_refuses_is_a_lost_link_in_its_words(arguments, reason):
    with pytest.raises(LinkLost, match=reason):
        ping(*arguments)


def test_the_header_can_be_chosen():
    assert ping("127.0.0.1", 1, header=Header(ttl=3, tos=0x10, whole=True)) is not None


@pytest.mark.skipif(sys.platform != "linux", reason="how other systems say it is not known")
def test_what_may_not_be_fragmented_is_not_sent_when_it_is_too_large():
    wide = ECHO.replace("1, timeout", "1, 1300, header=Header(whole=True), timeout")
    code = (
        "from fortish.steps import Header; "
        + wide.replace("print(", "\ntry:\n    print(")
        + ("\nexcept Exception as error:\n    print(error.reason)")
    )
    assert in_a_network_of_its_own(ALL_GROUPS, "ip link set lo mtu 1400", code=code)[0].startswith("EchoReply(")
    assert in_a_network_of_its_own(ALL_GROUPS, "ip link set lo mtu 1280", code=code) == ["Message too long"]


@given(st.integers(0, 200), st.binary(min_size=1, max_size=20))
def test_a_pattern_fills_what_is_not_random(size, pattern):
    payload = icmp._payload(size, pattern)
    assert len(payload) == size
    assert (pattern * 201).startswith(payload[16:])


def test_no_time_is_no_answer():
    assert ping("127.0.0.1", 1, timeout=0) is None


def test_a_silent_host_is_none():
    assert in_a_network_of_its_own(NO_ANSWERS, code=ECHO.replace("timeout=5", "timeout=0.3")) == ["None"]


@pytest.mark.parametrize(("groups", "kind"), [(ALL_GROUPS, "SOCK_DGRAM"), (NO_GROUP, "SOCK_RAW")])
def test_both_kinds_of_socket_tell_time_and_time_to_live(groups, kind):
    used, reply = in_a_network_of_its_own(groups, code=ECHO_AND_KIND)
    assert used == kind
    assert reply.startswith("EchoReply(seconds=0.")
    assert reply.endswith(", ttl=64)")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become nobody")
def test_a_user_who_may_neither_is_told_the_systems_words():
    drop = "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    catch = "from fortish.errors import LinkLost\ntry:\n    print(asyncio.run(icmp.echo('127.0.0.1', 1)))\n"
    code = ECHO.split(";")[0] + "\nfrom fortish.network import icmp\n" + drop + catch
    code += "except LinkLost as lost:\n    print(lost.reason)\n"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=120
    ).stdout
    assert printed.strip() == "Operation not permitted" or printed.startswith("EchoReply(")


def test_the_loop_turns_while_an_answer_is_awaited():
    async def both():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        reply = await icmp.echo("127.0.0.1", 1)
        ticking.cancel()
        return reply, ticks

    ping("127.0.0.1", 1)
    reply, ticks = asyncio.run(both())
    assert reply is not None
    assert ticks > 0


def test_the_right_answer_is_taken():
    assert PROBE.is_answered_by(answer(), "127.0.0.1", False)
    assert PROBE.is_answered_by(answer(identifier=icmp._IDENTIFIER ^ 1), "127.0.0.1", True)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(PROBE.request(), id="the request itself"),
        pytest.param(answer(kind=3), id="another type"),
        pytest.param(answer(code=1), id="another code"),
        pytest.param(answer(sequence=8), id="another sequence"),
        pytest.param(answer(identifier=icmp._IDENTIFIER ^ 1), id="another identifier"),
        pytest.param(answer(payload=b"payload of 19 bytEs"), id="another payload"),
        pytest.param(answer(payload=PROBE.payload[:-1]), id="a shorter payload"),
        pytest.param(answer(payload=PROBE.payload + b"\0"), id="a longer payload"),
        pytest.param(answer()[:2] + b"\x12\x34" + answer()[4:], id="a wrong checksum"),
        pytest.param(answer()[:7], id="less than a header"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_forged_and_foreign_messages_are_no_answer(message):
    assert not PROBE.is_answered_by(message, "127.0.0.1", False)


def test_an_answer_from_another_address_is_none():
    assert not PROBE.is_answered_by(answer(), "127.0.0.2", False)


def test_the_ip_header_goes_and_leaves_its_time_to_live():
    header = bytes([0x46, *range(1, 8), 57, *range(9, 24)])
    assert icmp._unwrapped(header + answer()) == (answer(), 57)
    assert icmp._unwrapped(answer()) == (answer(), 0)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_without_a_fault(packet):
    message, _ = icmp._unwrapped(packet)
    assert not PROBE.is_answered_by(message, "127.0.0.1", True)


@given(st.binary(max_size=99), st.integers(0, 0xFFFF))
def test_a_request_carries_its_checksum(payload, sequence):
    assert icmp._checksum(icmp._Probe("127.0.0.1", sequence, payload).request()) == 0


def test_the_checksum_is_the_rfcs():
    # RFC 1071 section 3
    assert icmp._checksum(bytes.fromhex("0001f203f4f5f6f7")) == ~0xDDF2 & 0xFFFF
