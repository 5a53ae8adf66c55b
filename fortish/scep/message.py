"""SCEP messages (RFC 8894 section 3): what is asked, how it is signed, and what an answer says.

An answer counts only if whoever signed it may, and if it names our transaction and our nonce.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from fortish.errors import PeerFault
from fortish.pki import cms, der
from fortish.pki.faults import CmsFault

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

# RFC 8894 section 3.2.1. Sorted by OID.
MESSAGE_TYPE, PKI_STATUS, FAIL_INFO, SENDER_NONCE, RECIPIENT_NONCE, TRANSACTION_ID = (
    f"2.16.840.1.113733.1.9.{number}" for number in (2, 3, 4, 5, 6, 7)
)
FAIL_TEXT: Final = "1.3.6.1.5.5.7.24.1"
_CERT_REP = "3"


class MessageType(Enum):
    """What is asked (section 3.2.1.2)."""

    PKCS_REQ = "19"
    RENEWAL_REQ = "17"
    CERT_POLL = "20"


class Status(Enum):
    """What an answer comes to (section 3.2.1.3)."""

    SUCCESS = "0"
    FAILURE = "2"
    PENDING = "3"


# Section 3.2.1.4, by number: the name there, and what it means to whoever asked.
FAILURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "0": "badAlg, the server does not take an algorithm of the request",
        "1": "badMessageCheck, the server could not verify or decrypt the request",
        "2": "badRequest, the server does not permit the request",
        "3": "badTime, the clocks of box and server are too far apart",
        "4": "badCertId, the server knows no such request or certificate",
    }
)


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs our messages, and to whom answers are encrypted: the certificate with its RSA key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that may be believed. `envelope` is '' but on success; `reason` says why it failed."""

    status: Status
    reason: str
    envelope: bytes = field(repr=False)
    signer: x509.Certificate


def attributes(kind: MessageType, transaction: str, nonce: bytes) -> list[tuple[str, bytes]]:
    """The signed attributes of a request, in the documented order."""
    return [
        (TRANSACTION_ID, der.encode(der.PRINTABLE, transaction.encode("ascii"))),
        (MESSAGE_TYPE, der.encode(der.PRINTABLE, kind.value.encode("ascii"))),
        (SENDER_NONCE, der.encode(der.OCTET_STRING, nonce)),
    ]


def issuer_and_subject(issuer: x509.Name, subject: x509.Name) -> bytes:
    """What asks for a decision: IssuerAndSubject (section 3.3.3)."""
    return der.encode(der.SEQUENCE, issuer.public_bytes(), subject.public_bytes())


def read_reply(data: bytes, transaction: str, nonce: bytes, signers: Sequence[x509.Certificate]) -> Reply:
    """The answer to a request with that transaction and nonce; one of `signers` must have signed it.

    Raises `PeerFault`: it is no CertRep, or not the answer to our request.
    """
    try:
        signed = cms.read_signed(data, signers)
    except CmsFault as fault:
        raise PeerFault(fault.reason, data[:200]) from None
    if signed.signer not in signers:
        raise PeerFault("it is signed by somebody who may not speak for the CA")
    found = {oid: element.content for oid, element in signed.attributes.items()}
    if found.get(MESSAGE_TYPE) != _CERT_REP.encode():
        raise PeerFault("it is no CertRep")
    if found.get(TRANSACTION_ID) != transaction.encode():
        raise PeerFault("it is for another transaction")
    if found.get(RECIPIENT_NONCE) != nonce:
        raise PeerFault("it does not repeat our nonce")
    try:
        status = Status(found.get(PKI_STATUS, b"").decode("ascii"))
    except ValueError:
        raise PeerFault("its pkiStatus is unknown") from None
    return Reply(status, _reason(found) if status is Status.FAILURE else "", signed.content, signed.signer)


def _reason(found: Mapping[str, bytes]) -> str:
    number = found.get(FAIL_INFO, b"").decode("ascii", "replace")
    words = FAILURES.get(number, "unknown, the server gives no reason that is known")
    text = found.get(FAIL_TEXT, b"")[:200].decode("utf-8", "replace")
    said = "".join(letter if letter.isprintable() else "." for letter in text)
    return f"{words}: {said}" if said else words
