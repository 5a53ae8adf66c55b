"""`get system …` and `get hardware …`: ports, machine, cluster, neighbours. There is no hardware, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator

from fortish.box import Box
from fortish.cmdb.entries import GLOBAL, INTERFACE, SINGLE, Entry
from fortish.cmdb.store import Cmdb
from fortish.commands import Arguments, Here
from fortish.get.status import CPUS, RAM
from fortish.messages import Text
from fortish.steps import Flow, Say


def physical(here: Here, arguments: Arguments) -> Flow:
    """The ports as they are configured. There is no hardware, hence no speed."""
    yield Say("\n".join([Text.HARDWARE(), *_ports(here.box.cmdb)]), paged=True)


def _ports(cmdb: Cmdb) -> Iterator[str]:
    table = cmdb.schema.table(INTERFACE)
    assert table is not None
    for name, entry in _physical(cmdb):
        yield Text.HARDWARE_PORT(name=name)
        ipv6 = entry.children.get("ipv6", {}).get(SINGLE)
        rows = {
            "mode": cmdb.value_of(table, entry, "mode"),
            "ip": cmdb.value_of(table, entry, "ip"),
            "ipv6": "::/0" if ipv6 is None else ipv6.values.get("ip6-address", "::/0"),
            "status": cmdb.value_of(table, entry, "status"),
            "speed": "n/a",
        }
        yield from (Text.HARDWARE_ROW(label=label, value=value) for label, value in rows.items())


def _physical(cmdb: Cmdb) -> Iterator[tuple[str, Entry]]:
    """The ports by name."""
    table = cmdb.schema.table(INTERFACE)
    assert table is not None
    for name, entry in cmdb.rows(GLOBAL, INTERFACE).items():
        if cmdb.value_of(table, entry, "type") == "physical":
            yield name, entry


def transceivers(here: Here, arguments: Arguments) -> Flow:
    """No port has one."""
    lines = [Text.NO_TRANSCEIVER(name=name) for name, _ in _physical(here.box.cmdb)]
    yield Say("\n".join(lines), paged=True)


def nics(here: Here, arguments: Arguments) -> Flow:
    """The ports' names."""
    lines = [Text.NIC_ROW(name=name) for name, _ in sorted(_physical(here.box.cmdb), key=lambda port: port[0])]
    yield Say("\n".join([Text.NICS(), *lines]), paged=True)


def hardware(here: Here, arguments: Arguments) -> Flow:
    """The virtual machine that is emulated."""
    box: Box = here.box
    rows = {
        "Model name": box.firmware.model,
        "ASIC version": "not available",
        "CPU": "x86-64",
        "Number of CPUs": str(CPUS),
        "RAM": f"{RAM} MB",
        "Hard disk": "not available",
        "USB Flash": "not available",
        "Network Card chipset": "not available",
    }
    yield Say("\n".join(Text.STATUS_ROW(name=name, value=value) for name, value in rows.items()), paged=True)


def cluster(here: Here, arguments: Arguments) -> Flow:
    """A box by itself."""
    yield Say(Text.HA_STANDALONE(model=here.box.firmware.model), paged=True)


def neighbours(here: Here, arguments: Arguments) -> Flow:
    """Nobody was ever heard of: the head of the table alone."""
    yield Say(Text.ARP_HEAD())
