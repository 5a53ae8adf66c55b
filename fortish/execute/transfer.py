"""What the `execute vpn certificate` commands share: files by TFTP, and one commit at the end."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from fortish import messages
from fortish.box import Box
from fortish.cmdb.entries import Change
from fortish.commands import Arguments
from fortish.errors import LinkLost, PeerFault, StorageFault
from fortish.messages import Text
from fortish.steps import Flow, Step, TftpGet, TftpPut, exchange


def fetched(server: str, name: str) -> Generator[Step, Any, bytes]:
    """The file `name` of a TFTP server. Raises `CliError` (-28)."""
    try:
        body: bytes = yield from exchange(TftpGet(server, name))
    except (LinkLost, PeerFault) as lost:
        raise messages.failed(-28, Text.TFTP_FAILED(name=name, server=server, reason=said(lost))) from None
    return body


def sent(server: str, name: str, content: bytes) -> Flow:
    """Store `content` as `name` on a TFTP server. Raises `CliError` (-28)."""
    try:
        yield from exchange(TftpPut(server, name, content))
    except (LinkLost, PeerFault) as lost:
        raise messages.failed(-28, Text.TFTP_NOT_SENT(name=name, server=server, reason=said(lost))) from None


def commit(box: Box, changes: Iterable[Change]) -> None:
    """Store all changes or none. Raises `CliError`."""
    try:
        box.cmdb.commit(list(changes))
    except StorageFault as fault:
        raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None


def said(fault: LinkLost | PeerFault) -> str:
    """The reason of a fault, for the end of a sentence."""
    return fault.reason.rstrip(".")


def demand(arguments: Arguments, *names: str) -> None:
    """Parameters that must hold something: `""` skips others, not these. Raises `CliError` (-160)."""
    if not all(arguments[name] for name in names):
        raise messages.incomplete()
