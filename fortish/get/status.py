"""`get system status`: what the box is, in the lines and the order of real boxes, which drivers look for.

The databases are those of a box that has never fetched any. A FortiProxy shows the lines that are common to all.
"""

from __future__ import annotations

from datetime import datetime

from fortish.box import Box
from fortish.cmdb.entries import SETTINGS, SINGLE, VDOM
from fortish.cmdb.schema import Level
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.steps import Flow, Say

# What a release brings: the date of its first build (from real boxes), and its IPS engine. Newest first.
# fmt: off
RELEASES: tuple[tuple[Level, str, str], ...] = (
    ((7, 6), "240724", "7.01034(2025-07-23 02:12)"),
    ((7, 4), "230509", "7.00575(2025-07-03 18:00)"),
)

# Databases in the box's order, as on boxes that have fetched none; of FMWP-DB no such value is attested.
NEVER, OLDEST = "0.00000(2001-01-01 00:00)", "6.00741(2015-12-01 02:30)"
DATABASES = (
    ("Virus-DB",                   "1.00000(2018-04-09 18:07)"),
    ("Extended DB",                "1.00000(2018-04-09 18:07)"),
    ("AV AI/ML Model",             NEVER),
    ("IPS-DB",                     OLDEST),
    ("IPS-ETDB",                   NEVER),
    ("APP-DB",                     OLDEST),
    ("FMWP-DB",                    NEVER),
    ("IPS Malicious URL Database", "1.00001(2015-01-01 01:01)"),
    ("IoT-Detect",                 "0.00000(2022-08-17 17:31)"),
    ("OT-Detect-DB",               NEVER),
    ("OT-Patch-DB",                NEVER),
    ("OT-Threat-DB",               OLDEST),
)
# fmt: on
CPUS, RAM, RAM_ALLOWED = 1, 1992, 2048  # of the machine that is emulated; memory in MB
Rows = dict[str, str]


def status(here: Here, arguments: Arguments) -> Flow:
    """What the box is and how it runs."""
    box: Box = here.box
    gate = box.firmware.product == "FortiGate"
    rows = {
        **_firmware(box, gate),
        "Serial-Number": box.firmware.serial,
        **(_machine() if gate else {}),
        "Log hard disk": "Not available",
        "Hostname": box.hostname,
        **({"Private Encryption": "Disable"} if gate else {}),
        **_modes(here),
        "Branch point": f"{box.firmware.build:04d}",
        "Release Version Information": "GA",
        **({"FortiOS x86-64": "Yes"} if gate else {}),
        "System time": _asctime(box.local_time()),
        **({"Last reboot reason": box.reboot_reason} if gate else {}),
    }
    yield Say("\n".join(Text.STATUS_ROW(name=name, value=value) for name, value in rows.items()), paged=True)


def _firmware(box: Box, gate: bool) -> Rows:
    firmware = box.firmware
    version = {"Version": f"{firmware.model} {firmware.version},build{firmware.build:04d},{firmware.date} (GA.M)"}
    if not gate:
        return version
    first, engine = next((first, engine) for level, first, engine in RELEASES if firmware.level >= level)
    return {
        **version,
        "First GA patch build date": first,
        "Current Security Level": "Low",
        "Firmware Signature": "certified",
        **dict(DATABASES),
        "IPS-Engine": engine,
    }


def _machine() -> Rows:
    """The lines of a virtual machine."""
    resources = f"{CPUS} CPU/{CPUS} allowed, {RAM} MB RAM/{RAM_ALLOWED} MB allowed"
    return {"License Status": "Valid", "VM Resources": resources}


def _modes(here: Here) -> Rows:
    cmdb = here.box.cmdb
    vdoms, names = cmdb.schema.table(VDOM), cmdb.vdoms()
    transparent = {name for name in names if cmdb.value(name, SETTINGS, SINGLE, "opmode") == "transparent"}
    return {
        "Operation Mode": "Transparent" if here.vdom in transparent else "NAT",
        "Current virtual domain": here.vdom,
        "Max number of virtual domains": str(vdoms.maximum if vdoms is not None else 1),
        "Virtual domains status": f"{len(names) - len(transparent)} in NAT mode, {len(transparent)} in TP mode",
        "Virtual domain configuration": "multiple" if cmdb.multi else "disable",
        "FIPS-CC mode": "disable",
        "Current HA mode": "standalone",
    }


def _asctime(local: datetime) -> str:
    return f"{local:%a %b} {local.day:2d} {local:%H:%M:%S %Y}"
