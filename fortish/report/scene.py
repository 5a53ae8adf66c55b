"""A page of what is played in a runtime: what is collected meanwhile, and written at the end, however it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fortish.drive import Runtime
from fortish.errors import StorageFault
from fortish.firmware import Firmware
from fortish.network.capture import Recorder
from fortish.network.real import RealNetwork
from fortish.report.page import report
from fortish.report.turns import About, Collector
from fortish.textfile import check, save

OPTION = "--report"  # which names the file


@contextmanager
def reported(runtime: Runtime, path: Path) -> Iterator[Collector]:
    """Collect until the end, then write the page. Raises `UsageError`; at once, if it could not be written there."""
    check(path, OPTION)
    box, recorder, start, began = runtime.box, Recorder(), runtime.box.clock.now(), time.time()
    if isinstance(runtime.network, RealNetwork):
        runtime.network.capture = recorder = Recorder(runtime.network.capture)
    collector = Collector(box.clock.now)
    try:
        yield collector
    except StorageFault as fault:
        collector.fault(fault.reason)
        raise
    finally:
        about = About(box.hostname, in_words(box.firmware), start=start, began=began)
        save(path, OPTION, report(collector.rows, recorder.kept, None, "What happened", about))


def in_words(firmware: Firmware) -> str:
    """What is emulated."""
    return f"{firmware.product} {firmware.version} ({firmware.model})"
