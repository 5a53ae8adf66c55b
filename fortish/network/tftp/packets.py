"""TFTP packets (RFC 1350 section 5): how they are written and read.

Options (RFC 2347) are neither asked for nor granted: a server may ignore them, and this one does.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from fortish.errors import LinkLost

Address = tuple[str, int]

BLOCK_SIZE = 512  # bytes; a shorter block is the last
# RFC 1350 section 5
RRQ, WRQ, DATA, ACK, ERROR = range(1, 6)
_SHORTEST = {DATA: 4, ACK: 4, ERROR: 4}  # bytes, opcode included
_LONGEST = {DATA: 4 + BLOCK_SIZE, ACK: 1 << 16, ERROR: 1 << 16}

# RFC 1350, appendix, without its full stops
SEE_TEXT, NOT_FOUND, ACCESS, FULL, ILLEGAL, UNKNOWN_ID, EXISTS, NO_USER = range(8)
ERROR_TEXTS = {
    SEE_TEXT: "The server gave no reason",
    NOT_FOUND: "File not found",
    ACCESS: "Access violation",
    FULL: "Disk full or allocation exceeded",
    ILLEGAL: "Illegal TFTP operation",
    UNKNOWN_ID: "Unknown transfer ID",
    EXISTS: "File already exists",
    NO_USER: "No such user",
}

BLOCK_NUMBERS = 1 << 16  # how many there are before they begin anew
_TEXT_LIMIT = 200  # characters of the other end's error text that are kept
_REQUEST_LIMIT = 512  # bytes; RFC 1350 sets no limit, servers do


@dataclass(frozen=True, slots=True)
class Packet:
    """A DATA, ACK or ERROR; `number` is the block or the error code, `body` what follows it."""

    opcode: int
    number: int
    body: bytes


def parse(datagram: bytes) -> Packet | None:
    """The packet of a running transfer in `datagram`; None if it is none, or one that belongs nowhere in a transfer."""
    opcode = int.from_bytes(datagram[:2], "big")
    if opcode not in _SHORTEST or not _SHORTEST[opcode] <= len(datagram) <= _LONGEST[opcode]:
        return None
    return Packet(opcode, int.from_bytes(datagram[2:4], "big"), datagram[4:])


def data(block: int, body: bytes) -> bytes:
    """A DATA packet."""
    return struct.pack("!HH", DATA, block) + body


def ack(block: int) -> bytes:
    """An ACK packet."""
    return struct.pack("!HH", ACK, block)


def error(code: int, text: str = "") -> bytes:
    """An ERROR packet, with the words that RFC 1350 has for the code if there are no others."""
    return struct.pack("!HH", ERROR, code) + (text or ERROR_TEXTS[code]).encode() + b"\0"


def error_text(packet: Packet) -> str:
    """The other end's words, fit for a terminal and for the middle of a sentence."""
    text = packet.body.partition(b"\0")[0].decode("utf-8", "replace")[:_TEXT_LIMIT]
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable.strip(" .") or ERROR_TEXTS.get(packet.number, f"TFTP error {packet.number}")


def wrapped(block: int) -> int:
    """A block number as it travels: it rolls over to 0, as peers for large files expect; RFC 1350 does not say."""
    return block % BLOCK_NUMBERS


def last_block(content: bytes | bytearray) -> int:
    """The number of the short block that ends `content`, as it travels."""
    return wrapped(len(content) // BLOCK_SIZE + 1)


# --- requests -----------------------------------------------------------------------------------------------------


def request(opcode: int, name: str) -> bytes:
    """A read or write request. Raises `LinkLost` for a name that cannot be put in one."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise LinkLost("the file name cannot be encoded") from None
    packet = struct.pack("!H", opcode) + encoded + b"\0octet\0"
    if not encoded or b"\0" in encoded:
        raise LinkLost("the file name is not usable")
    if len(packet) > _REQUEST_LIMIT:
        raise LinkLost("the file name is too long")
    return packet


@dataclass(frozen=True, slots=True)
class Request:
    """A read or write request as it came, and from where; equal when it is the same one, sent again."""

    client: Address
    opcode: int
    name: str
    mode: str


def parse_request(datagram: bytes, client: Address) -> Request | None:
    """The request in `datagram`, options ignored (RFC 2347); None if it is none."""
    opcode = int.from_bytes(datagram[:2], "big")
    name, _, rest = datagram[2:].partition(b"\0")
    mode, end, _ = rest.partition(b"\0")
    if opcode not in {RRQ, WRQ} or not name or not mode or not end:
        return None
    try:
        return Request(client, opcode, name.decode(), mode.decode("ascii").lower())
    except UnicodeDecodeError:
        return None
