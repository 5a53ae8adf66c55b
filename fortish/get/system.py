"""`get system …`."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fortish.box import INTERFACE, Box
from fortish.cmdb.editor import SETTINGS
from fortish.cmdb.schema import Level
from fortish.cmdb.store import GLOBAL, SINGLE, VDOM, Cmdb
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.steps import Flow, Say

# The date of the first build of a release, by its level: from real boxes, newest first.
# fmt: off
RELEASES: tuple[tuple[Level, str], ...] = (
    ((7, 6), "240724"),
    ((7, 4), "230509"),
)
# fmt: on


def status(here: Here, arguments: Arguments) -> Flow:
    """What the box is, in the documented layout; databases that fortish does not have are left out."""
    box: Box = here.box
    firmware = box.firmware
    now = time.gmtime(box.clock.now())
    vdoms, names = box.cmdb.schema.table(VDOM), box.cmdb.vdoms()
    transparent = {name for name in names if box.cmdb.value(name, SETTINGS, SINGLE, "opmode") == "transparent"}
    rows = {
        "Version": f"{firmware.model} {firmware.version},build{firmware.build:04d},{firmware.date} (GA.M)",
        **_release(box),
        "Serial-Number": firmware.serial,
        "Log hard disk": "Not available",
        "Hostname": box.hostname,
        "Operation Mode": "Transparent" if here.vdom in transparent else "NAT",
        "Current virtual domain": here.vdom,
        "Max number of virtual domains": str(vdoms.maximum if vdoms is not None else 1),
        "Virtual domains status": f"{len(names) - len(transparent)} in NAT mode, {len(transparent)} in TP mode",
        "Virtual domain configuration": "multiple" if box.cmdb.multi else "disable",
        "FIPS-CC mode": "disable",
        "Current HA mode": "standalone",
        "Branch point": f"{firmware.build:04d}",
        "Release Version Information": "GA",
        "System time": f"{time.strftime('%a %b', now)} {now.tm_mday:2d} {time.strftime('%H:%M:%S %Y', now)}",
    }
    yield Say("\n".join(Text.STATUS_ROW(name=name, value=value) for name, value in rows.items()), paged=True)


def _release(box: Box) -> dict[str, str]:
    """The lines of this firmware's release. Of FortiProxy none are attested."""
    if box.firmware.product != "FortiGate":
        return {}
    found = [date for level, date in RELEASES if box.firmware.level >= level]
    return {
        "First GA patch build date": found[0],
        "Current Security Level": "Low",
        "Firmware Signature": "certified",
    }


def physical(here: Here, arguments: Arguments) -> Flow:
    """The ports as they are configured. There is no hardware, hence no speed."""
    yield Say("\n".join([Text.HARDWARE(), *_ports(here.box.cmdb)]), paged=True)


def _ports(cmdb: Cmdb) -> Iterator[str]:
    table = cmdb.schema.table(INTERFACE)
    assert table is not None
    for name, entry in cmdb.rows(GLOBAL, INTERFACE).items():
        if cmdb.value_of(table, entry, "type") != "physical":
            continue
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
