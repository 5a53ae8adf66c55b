"""`execute backup …`, `restore …`, `revision …`: the configuration as a file, on a server or on the box."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fortish import factory, messages
from fortish.box import Box, Revision
from fortish.cmdb import restore
from fortish.commands import Arguments, Here
from fortish.errors import LinkLost, PeerFault, StorageFault
from fortish.execute.power import restarted
from fortish.execute.transfer import demand
from fortish.firmware import Firmware
from fortish.messages import Text
from fortish.steps import Ask, Flow, Say, Step, TftpGet, TftpPut, exchange

SEND_FAILED, GET_FAILED, BAD_FILE = 4, -28, -39  # return codes
NOT_REACHED = 5  # the documented "Err code" of a server that does not answer


def config_to_tftp(here: Here, arguments: Arguments) -> Flow:
    """Send the configuration to a TFTP server."""
    yield from _sent(here, arguments, full=False)


def full_config_to_tftp(here: Here, arguments: Arguments) -> Flow:
    """Send the configuration with all defaults to a TFTP server."""
    yield from _sent(here, arguments, full=True)


def _sent(here: Here, arguments: Arguments, *, full: bool) -> Generator[Step, Any, None]:
    demand(arguments, "file", "server")
    server = arguments["server"]
    yield from here.box.ready(factory.STORED)
    yield Say(f"{Text.PLEASE_WAIT()}\n\n{Text.CONNECT_TFTP(server=server)}\n")
    try:
        yield from exchange(TftpPut(server, arguments["file"], _text(here, full).encode("utf-8", "surrogateescape")))
    except (LinkLost, PeerFault):
        raise messages.failed(SEND_FAILED, Text.TFTP_SEND_FAILED(vdom=here.vdom)) from None
    yield Say(Text.TFTP_SENT())


def _text(here: Here, full: bool = False) -> str:
    """A backup's text: what `show` prints at the root."""
    return "".join(f"{line}\n" for line in here.configuration(full))


def to_flash(here: Here, arguments: Arguments) -> Flow:
    """Put the configuration aside on the box, as a revision."""
    box: Box = here.box
    yield from here.box.ready(factory.STORED)
    yield Say(Text.PLEASE_WAIT())
    number = max(box.revisions, default=0) + 1
    revision = Revision(
        number, box.clock.now(), here.administrator, _version(box.firmware), arguments["comment"], _text(here)
    )
    box.revisions[number] = revision
    try:
        box.keep()
    except StorageFault as fault:
        del box.revisions[number]
        raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None
    yield Say(Text.FLASH_SAVED())


def _version(firmware: Firmware) -> str:
    """A firmware as the list of revisions names it."""
    return f"V{firmware.version.removeprefix('v')}-build{firmware.build:04d}-REL0"


# --- restore --------------------------------------------------------------------------------------------------------


def from_tftp(here: Here, arguments: Arguments) -> Flow:
    """Replace the configuration by a file of a TFTP server, and boot."""
    demand(arguments, "file", "server")
    if (yield Ask(Text.RESTORE_QUESTION())) != "y":
        return
    server = arguments["server"]
    yield Say(f"\n{Text.PLEASE_WAIT()}\n\n{Text.CONNECT_TFTP(server=server)}")
    try:
        body: bytes = yield from exchange(TftpGet(server, arguments["file"]))
    except (LinkLost, PeerFault):
        raise messages.failed(GET_FAILED, Text.TFTP_GET_FAILED(vdom=here.vdom, code=NOT_REACHED)) from None
    yield Say(Text.TFTP_GOT())
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("latin-1")
    yield from _restored(here, text.replace("\r\n", "\n"))


def from_flash(here: Here, arguments: Arguments) -> Flow:
    """Replace the configuration by a revision, and boot."""
    revision = _revision(here.box, arguments["revision"])
    if (yield Ask(Text.RESTORE_QUESTION())) != "y":
        return
    yield Say(f"\n{Text.PLEASE_WAIT()}\n\n{Text.FLASH_GOT()}")
    yield from _restored(here, revision.text)


def _restored(here: Here, text: str) -> Generator[Step, Any, None]:
    """Check a whole configuration, take it, boot. Raises `CliError`; nothing has changed then."""
    box: Box = here.box
    if not restore.is_backup(text):
        raise messages.failed(BAD_FILE, Text.BAD_CONFIGURATION(reason=Text.NO_HEADER()))
    cmdb, errors, ended = restore.read(box.cmdb, text, keep_unknown=here.keeps_unknown)
    if not ended:
        raise messages.failed(BAD_FILE, Text.BAD_CONFIGURATION(reason=Text.CUT_OFF()))
    factory.carry_over(box.cmdb, cmdb)
    try:
        box.cmdb.replace(cmdb.snapshot())
    except StorageFault as fault:
        raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None
    yield Say(Text.FILE_CHECKED())
    yield from restarted(here)
    box.config_errors[:] = errors


# --- revisions ------------------------------------------------------------------------------------------------------


def revisions(here: Here, arguments: Arguments) -> Flow:
    """List what was put aside on the box."""
    box: Box = here.box
    lines = [Text.LAST_FIRMWARE(firmware=_version(box.firmware)), Text.REVISION_HEAD()]
    for revision in box.revisions.values():
        made = f"{box.local_time(revision.time):%Y-%m-%d %H:%M:%S}"
        fields = {"administrator": revision.administrator, "firmware": revision.firmware, "comment": revision.comment}
        lines.append(Text.REVISION(number=revision.id, time=made, **fields).rstrip())
    yield Say("\n".join(lines), paged=True)


def delete(here: Here, arguments: Arguments) -> Flow:
    """Remove a revision."""
    box: Box = here.box
    revision = _revision(box, arguments["revision"])
    del box.revisions[revision.id]
    try:
        box.keep()
    except StorageFault as fault:
        box.revisions = dict(sorted([*box.revisions.items(), (revision.id, revision)]))
        raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None
    yield from ()


def _revision(box: Box, number: int) -> Revision:
    if number not in box.revisions:
        raise messages.failed(-3, Text.NO_REVISION(number=number))
    return box.revisions[number]
