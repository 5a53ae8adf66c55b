"""What the box puts where a server's template leaves something open (RFC 9908 section 3.4).

It knows its own serial number and addresses, the name that is certified, and what its certificates are used for. What
it does not know, a place or an organization, stays open.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fortish.box import Box
from fortish.est.context import EstContext
from fortish.pki import der

COMMON_NAME, SERIAL_NUMBER = "2.5.4.3", "2.5.4.5"
BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, KEY_USAGE, SUBJECT_ALT_NAME = "2.5.29.19", "2.5.29.37", "2.5.29.15", "2.5.29.17"
_DNS, _DIRECTORY, _ADDRESS = 0x82, 0xA4, 0x87  # tags of GeneralName
_HOST = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9-]{1,63})*")
_DIGITAL_SIGNATURE = bytes.fromhex("03020780")  # a BIT STRING: what signs requests and TLS handshakes
_SIGNATURE_AND_ENCIPHERMENT = bytes.fromhex("030205a0")  # with RSA, key encipherment too
_SERVER_AND_CLIENT = der.encode(der.SEQUENCE, der.write_oid("1.3.6.1.5.5.7.3.1"), der.write_oid("1.3.6.1.5.5.7.3.2"))


@dataclass(frozen=True, slots=True)
class Known:
    """What the box can say of itself: '' where it cannot. `rsa`: the key is to be an RSA key."""

    name: str = ""
    serial: str = ""
    address: str = ""
    rsa: bool = False


@dataclass(frozen=True, slots=True)
class Filled:
    """The value of an extension in DER, and the same in words; `left` are the words of what stays open."""

    value: bytes
    words: str
    left: str = ""


def known_of(box: Box, context: EstContext) -> Known:
    """What is known for one enrollment; the address is the one that it is made from."""
    address = context.source_ip or next(iter(box.addresses()), "")
    return Known(context.name, box.firmware.serial, address, bool(context.rsa_keysize))


def subject_field(oid: str, known: Known) -> str:
    """What belongs in a field of the subject, '' where it is not known."""
    return {COMMON_NAME: known.name, SERIAL_NUMBER: known.serial}.get(oid, "")


def extension(oid: str, known: Known, common_name: str) -> Filled | None:
    """The value of an extension that is left open; None where nothing is known."""
    make = _EXTENSIONS.get(oid)
    return make(known, common_name) if make is not None else None


def _alternative_names(known: Known, common_name: str) -> Filled | None:
    """The name that is certified if it is one of a host, and the box's address."""
    found = []
    if _HOST.fullmatch(common_name) and not common_name.replace(".", "").isdigit():
        found.append((der.encode(_DNS, common_name.encode("ascii")), f"DNS:{common_name}"))
    if known.address:
        found.append((der.encode(_ADDRESS, ipaddress.ip_address(known.address).packed), f"IP Address:{known.address}"))
    if not found:
        return None
    return Filled(der.encode(der.SEQUENCE, *(name for name, _ in found)), ", ".join(words for _, words in found))


def _key_usage(known: Known, common_name: str) -> Filled:
    if known.rsa:
        return Filled(_SIGNATURE_AND_ENCIPHERMENT, "digitalSignature, keyEncipherment")
    return Filled(_DIGITAL_SIGNATURE, "digitalSignature")


def _extended_key_usage(known: Known, common_name: str) -> Filled:
    return Filled(_SERVER_AND_CLIENT, "serverAuth, clientAuth")


def _basic_constraints(known: Known, common_name: str) -> Filled:
    return Filled(der.encode(der.SEQUENCE), "CA:FALSE")


# Sorted by OID.
_EXTENSIONS: Mapping[str, Callable[[Known, str], Filled | None]] = MappingProxyType(
    {
        KEY_USAGE: _key_usage,
        SUBJECT_ALT_NAME: _alternative_names,
        BASIC_CONSTRAINTS: _basic_constraints,
        EXTENDED_KEY_USAGE: _extended_key_usage,
    }
)


def open_names(value: bytes, known: Known, subject: bytes) -> Filled | None:
    """Alternative names of which some are open (an empty address, a directory name without parts), filled in.

    None where none is open. The value is empty where nothing remains. Raises DerFault.
    """
    names: list[bytes] = []
    words: list[str] = []
    left: list[str] = []
    is_open = False
    for name in der.children(der.first(value)):
        if name.tag == _ADDRESS and not name.content:
            is_open = True
            if known.address:
                names.append(der.encode(_ADDRESS, ipaddress.ip_address(known.address).packed))
                words.append(f"IP Address:{known.address}")
            else:
                left.append("IP Address")
        elif name.tag == _DIRECTORY and name.content in (b"", der.encode(der.SEQUENCE)):
            is_open = True
            names.append(der.encode(_DIRECTORY, subject))
            words.append("DirName of the subject")
        else:
            names.append(name.raw)
    if not is_open:
        return None
    return Filled(der.encode(der.SEQUENCE, *names) if names else b"", ", ".join(words), ", ".join(left))
