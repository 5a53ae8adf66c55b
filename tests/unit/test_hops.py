"""The way to a host: real answers of real routers, in a network of two hops of its own. Nothing leaves this machine."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys

import pytest

from fortish.errors import LinkLost
from fortish.network import hops
from fortish.steps import Probe, ProbeReply

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands on what routers answer")

# This host 10.9.0.1, a router 10.9.0.2 and 10.9.1.1, a host 10.9.1.2.
TWO_HOPS = """
mount -t tmpfs none /run && ip netns add router && ip netns add far &&
ip link add veth0 type veth peer name veth1 netns router &&
ip link add veth2 netns router type veth peer name veth3 netns far &&
ip addr add 10.9.0.1/24 dev veth0 && ip link set veth0 up && ip route add default via 10.9.0.2 &&
ip netns exec router sh -c 'ip link set lo up && ip addr add 10.9.0.2/24 dev veth1 && ip link set veth1 up &&
    ip addr add 10.9.1.1/24 dev veth2 && ip link set veth2 up && echo 1 > /proc/sys/net/ipv4/ip_forward' &&
ip netns exec far sh -c 'ip addr add 10.9.1.2/24 dev veth3 && ip link set veth3 up &&
    ip route add default via 10.9.1.1'
"""
NAMESPACE = ("unshare", "--map-root-user", "--net", "--mount", "sh", "-c")
PROBES = """
import asyncio
from fortish.network import hops
from fortish.steps import Probe

async def probes():
    for place, (address, ttl) in enumerate((("10.9.1.2", 1), ("10.9.1.2", 2), ("10.9.7.7", 2), ("10.9.0.77", 1))):
        reply = await hops.probe(Probe(address, ttl, place))
        print(None if reply is None else (reply.address, reply.last, reply.refusal))

asyncio.run(probes())
"""


def test_the_loopback_is_one_hop_away() -> None:
    reply = asyncio.run(hops.probe(Probe("127.0.0.1", 1, 0)))
    assert isinstance(reply, ProbeReply)
    assert (reply.address, reply.last, reply.refusal) == ("127.0.0.1", True, "")
    assert 0 < reply.seconds < 3


def test_routers_on_the_way_answer_and_the_host_is_the_last() -> None:
    if not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("no network namespaces here")
    if subprocess.run([*NAMESPACE, TWO_HOPS], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace for this user")
    command = [*NAMESPACE, f'{TWO_HOPS.strip()} && exec "$@"', "sh", sys.executable, "-c", PROBES]
    printed = subprocess.run(command, capture_output=True, check=True, text=True, timeout=120).stdout.splitlines()
    assert printed == [
        "('10.9.0.2', False, '')",
        "('10.9.1.2', True, '')",
        "('10.9.0.2', True, '!N')",
        "None",
    ]


@pytest.mark.parametrize("address", ["here", "::1"])
def test_what_is_no_ipv4_address_is_a_lost_link(address: str) -> None:
    with pytest.raises(LinkLost, match="not an IPv4 address"):
        asyncio.run(hops.probe(Probe(address, 1, 0)))


def test_what_the_host_refuses_is_a_lost_link_in_its_words() -> None:
    with pytest.raises(LinkLost, match="too long"):
        asyncio.run(hops.probe(Probe("127.0.0.1", 1, 0, size=70000)))


def test_no_time_is_no_answer() -> None:
    assert asyncio.run(hops.probe(Probe("127.0.0.1", 1, 0, timeout=0))) is None
