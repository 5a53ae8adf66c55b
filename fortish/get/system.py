"""`get system …`."""

from __future__ import annotations

import time

from fortish.box import Box
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.steps import Flow, Say


def status(here: Here, arguments: Arguments) -> Flow:
    """What the box is, in the documented layout; databases that fortish does not have are left out."""
    box: Box = here.box
    firmware = box.firmware
    now = time.gmtime(box.clock.now())
    rows = {
        "Version": f"{firmware.model} {firmware.version},build{firmware.build:04d},{firmware.date} (GA.M)",
        "Serial-Number": firmware.serial,
        "Log hard disk": "Not available",
        "Hostname": box.hostname,
        "Operation Mode": "NAT",
        "Current virtual domain": here.vdom,
        "Max number of virtual domains": "1",
        "Virtual domains status": "1 in NAT mode, 0 in TP mode",
        "Virtual domain configuration": "disable",
        "FIPS-CC mode": "disable",
        "Current HA mode": "standalone",
        "Branch point": f"{firmware.build:04d}",
        "Release Version Information": "GA",
        "System time": f"{time.strftime('%a %b', now)} {now.tm_mday:2d} {time.strftime('%H:%M:%S %Y', now)}",
    }
    yield Say("\n".join(Text.STATUS_ROW(name=name, value=value) for name, value in rows.items()), paged=True)
