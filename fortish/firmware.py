"""What can be emulated: products, models and versions."""

from __future__ import annotations

from dataclasses import dataclass

from fortish.cmdb.schema import Level


@dataclass(frozen=True, slots=True)
class Firmware:
    """What is emulated. `level` is the FortiOS level of its command line: what came later is not there."""

    name: str
    product: str
    model: str
    version: str
    build: int
    date: str
    level: Level
    serial: str
    hostname: str


# fmt: off
# ruff: noqa: E501
FIRMWARES: dict[str, Firmware] = {
    firmware.name: firmware
    for firmware in (
        Firmware("fortiproxy-guide", "FortiProxy", "FortiProxy-VM64",     "v7.6.0",  1172, "240926", (7, 4, 1), "FPXVM00000000001", "FortiProxy-VM64"),
        Firmware("fortigate-7.4",    "FortiGate",  "FortiGate-VM64-KVM",  "v7.4.8",  2795, "250523", (7, 4, 8), "FGVM000000000001", "FortiGate-VM64-KVM"),
        Firmware("fortigate-7.6",    "FortiGate",  "FortiGate-VM64-KVM",  "v7.6.4",  3596, "250820", (7, 6, 4), "FGVM000000000002", "FortiGate-VM64-KVM"),
    )
}
# fmt: on
DEFAULT_FIRMWARE = "fortiproxy-guide"
