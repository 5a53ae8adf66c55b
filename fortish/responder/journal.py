"""What a responder remembers, a line of JSON for each thing that happened, in a file that people can read.

A line is written before the answer goes out that it is about, so that a kill loses nothing that anybody was told (a
power cut may). The file is opened for each line, and made anew, shorter, when most of it no longer counts.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from fortish.errors import UsageError
from fortish.pki.certificates import load
from fortish.pki.faults import CertificateUnreadable
from fortish.responder.authority import replace_file
from fortish.responder.body import requested
from fortish.responder.message import Asked, Refused
from fortish.responder.state import (
    KEPT,
    Note,
    RegistrationAuthority,
    Responder,
    Revoked,
    ScepWaiting,
    Undecided,
    Used,
    Visit,
    Waiting,
)  # fmt: skip

JOURNAL: Final = "state.jsonl"
_IDLE_LINES: Final = 10_000  # that do not count any more: then the file is made anew

Line = list[Any]


class Journal:
    """The file of one responder. `complain` is told when it cannot be written, `authority` gets what is no line."""

    def __init__(
        self,
        path: Path,
        complain: Callable[[str], None],
        authority: Callable[[RegistrationAuthority], None],
    ) -> None:
        self.path = path
        self._complain, self._authority = complain, authority
        self._lines = 0

    def keep(self, state: Responder) -> bool:
        """Write what is new. False: it cannot be, and is tried again with what comes next."""
        notes = state.unkept
        if not notes:
            return True
        try:
            lines = [line for note in notes if (line := self._line(note)) is not None]
            _append(self.path, _text(lines))
            self._lines += len(lines)
            if self._lines > _IDLE_LINES + len(state.issued) + len(state.history):
                self.renew(state)
        except OSError as error:
            self._complain(f"cannot keep {self.path}: {error.strerror}")
            del notes[:-KEPT]
            return False
        notes.clear()
        return True

    def _line(self, note: Note) -> Line | None:
        match note:
            case x509.Certificate():
                return ["issued", base64.b64encode(note.public_bytes(Encoding.DER)).decode()]
            case RegistrationAuthority():
                self._authority(note)
                return None
            case Revoked(serial, time, ca):
                return ["revoked", str(serial), time.timestamp(), ca]
            case Undecided(transaction, None):
                return ["scep-over", transaction]
            case Undecided(transaction, ScepWaiting() as one):
                return ["scep", transaction, *_scep(one)]
            case Used(key, name, label):
                return ["used", key.hex(), name.hex(), label]
            case Visit():
                return ["visit", note.time.timestamp(), *_texts(note)]
            case Waiting():
                known = [note.number, note.time.timestamp(), note.label, note.account, note.subject]
                return ["waiting", *known, note.key.hex(), note.name.hex(), note.verdict]
        raise TypeError(note)

    def renew(self, state: Responder) -> None:
        """Make the file anew with what counts. Raises OSError."""
        notes: list[Note] = [*state.issued, *state.history, *state.waiting.values(), *state.revoked.values()]
        notes += [Undecided(transaction, one) for transaction, one in state.scep_waiting.items()]
        lines = [line for note in notes if (line := self._line(note)) is not None]
        numbers = ["numbers", state.crl_number, state.next_waiting]
        replace_file(self.path, _text([numbers, *lines]), 0o600)
        self._lines = len(lines)

    def recall(self, state: Responder) -> None:
        """Put into `state` what the file says. Nobody was told of a last line without an end. Raises UsageError."""
        try:
            *lines, torn = self.path.read_bytes().split(b"\n") if self.path.exists() else [b""]
            for line in lines:
                self._lines += 1
                kind, *fields = json.loads(line)
                _READERS[kind](state, *fields)
            if torn or self._lines > _IDLE_LINES + len(state.issued) + len(state.history):
                self.renew(state)
        except OSError as error:
            raise UsageError(f"cannot read {self.path}: {error.strerror}") from None
        except (
            ArithmeticError, AttributeError, CertificateUnreadable, LookupError, Refused, TypeError, ValueError,
        ):  # fmt: skip
            where = f"{self.path}, line {self._lines}, does not hold what a responder keeps there"
            raise UsageError(where) from None


def _append(path: Path, text: bytes) -> None:
    """All of it or, where the disk is full, nothing that would be taken for a line. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if os.write(descriptor, text) != len(text):
            os.ftruncate(descriptor, size)
            raise OSError(0, "there is no space left")
    finally:
        os.close(descriptor)


def _text(lines: list[Line]) -> bytes:
    return b"".join(json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n" for line in lines)


def _texts(visit: Visit) -> Line:
    return [visit.address, visit.operation, visit.label, visit.account, visit.status, visit.subject]


def _scep(one: ScepWaiting) -> Iterator[str]:
    signer: Any = one.signer
    yield base64.b64encode(one.request).decode()
    yield one.segment
    yield one.ca
    yield base64.b64encode(signer.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


# --- back -------------------------------------------------------------------------------------------------------------


def _issued(state: Responder, der: str) -> None:
    state.issued.append(load(base64.b64decode(der, validate=True)))


def _numbers(state: Responder, crl: int, waiting: int) -> None:
    state.crl_number, state.next_waiting = int(crl), int(waiting)


def _revoked(state: Responder, serial: str, time: float, ca: str | None) -> None:
    if int(serial) not in state.revoked:
        state.crl_number += 1
    state.revoked[int(serial)] = Revoked(int(serial), _moment(time), ca)


def _undecided(state: Responder, transaction: str, request: str, segment: str, ca: str, signer: str) -> None:
    octets = base64.b64decode(request, validate=True)
    asked = Asked("POST", "", ((b"content-type", b"application/pkcs10"),), octets)
    key = load_der_public_key(base64.b64decode(signer, validate=True))
    state.scep_waiting[transaction] = ScepWaiting(requested(asked), segment, ca, key, octets)


def _over(state: Responder, transaction: str) -> None:
    state.scep_waiting.pop(transaction, None)


def _used(state: Responder, key: str, name: str, label: str) -> None:
    state.waiting.pop((bytes.fromhex(key), bytes.fromhex(name), label), None)


def _visit(
    state: Responder, time: float, address: str, operation: str, label: str, account: str, status: int, subject: str
) -> None:
    state.history.append(Visit(_moment(time), address, operation, label, account, int(status), subject))


def _waiting(state: Responder, number: int, time: float, label: str, account: str, subject: str, *rest: str) -> None:
    key, name, verdict = rest
    place = bytes.fromhex(key), bytes.fromhex(name), label
    state.waiting[place] = Waiting(int(number), _moment(time), label, account, subject, *place[:2], verdict)
    state.next_waiting = max(state.next_waiting, int(number) + 1)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# What puts a line back, by its first word. Sorted.
_READERS: Final[dict[str, Callable[..., None]]] = {
    "issued": _issued,
    "numbers": _numbers,
    "revoked": _revoked,
    "scep": _undecided,
    "scep-over": _over,
    "used": _used,
    "visit": _visit,
    "waiting": _waiting,
}
