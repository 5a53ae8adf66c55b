"""The registration authorities of a responder, who speak SCEP for its CAs: made, and made anew when they have run out.

Their RSA keys take long to make: `lacking` gives the work away, so that it can be done before anybody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fortish.errors import UsageError
from fortish.pki import keys
from fortish.pki.chains import dates_fault
from fortish.pki.faults import PkiFault
from fortish.pki.pem import certificate as from_pem
from fortish.responder.authority import Authority, replace_file
from fortish.responder.state import RegistrationAuthority, Responder

CERTIFICATE_FILE: Final = "racert.pem"
KEY_FILE: Final = "rakey.pem"


def authority_of(state: Responder, name: str, now: datetime) -> RegistrationAuthority:
    """The registration authority of a CA, made when first asked for, and again when it has run out."""
    made = lacking(state, now).get(name)
    return state.scep_authorities[name] if made is None else take(state, made())


def lacking(state: Responder, now: datetime) -> dict[str, Callable[[], RegistrationAuthority]]:
    """What makes the registration authorities that are not there yet, or have run out, by their CA's name.

    It takes long, and changes nothing.
    """
    return {
        name: partial(_made, name, ca.issuer, now)
        for name, ca in state.every_hierarchy(now).items()
        if not _is_good(state.scep_authorities.get(name), ca.issuer, now)
    }


def _made(name: str, issuer: Authority, now: datetime) -> RegistrationAuthority:
    return RegistrationAuthority(name, *issuer.registration_authority(now))


def _is_good(held: RegistrationAuthority | None, issuer: Authority, now: datetime) -> bool:
    return held is not None and issuer.has_issued(held.certificate) and dates_fault([held.certificate], now) is None


def take(state: Responder, made: RegistrationAuthority) -> RegistrationAuthority:
    """From now on this one speaks for its CA."""
    state.scep_authorities[made.ca] = made
    state.note(made)
    return made


def save(made: RegistrationAuthority, folder: Path) -> None:
    """Keep one in `folder`; its key is in clear, for the folder's owner only. Raises OSError."""
    clear = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    replace_file(folder / KEY_FILE, clear, 0o600)
    replace_file(folder / CERTIFICATE_FILE, made.certificate.public_bytes(Encoding.PEM), 0o644)


def load(name: str, folder: Path) -> RegistrationAuthority | None:
    """The one that `save` kept, if it did. Raises UsageError."""
    if not (folder / CERTIFICATE_FILE).exists():
        return None
    try:
        certificate = from_pem((folder / CERTIFICATE_FILE).read_text("utf-8"))
        key = keys.load_private((folder / KEY_FILE).read_text("utf-8"), "")
    except OSError as error:
        raise UsageError(f"cannot read the registration authority in {folder}: {error.strerror}") from None
    except (PkiFault, UnicodeDecodeError) as fault:
        raise UsageError(f"cannot read the registration authority in {folder}: {fault}") from None
    if not isinstance(key, rsa.RSAPrivateKey) or not keys.same_key(certificate, key):
        raise UsageError(f"in {folder}, {KEY_FILE} is not the RSA key of {CERTIFICATE_FILE}")
    return RegistrationAuthority(name, certificate, key)
