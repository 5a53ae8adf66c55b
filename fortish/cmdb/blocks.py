"""Values that are PEM blocks: certificates, private keys, requests, revocation lists, and how each is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fortish import messages
from fortish.cmdb.addresses import one
from fortish.cmdb.secrets import Secret
from fortish.cmdb.table import Attribute
from fortish.errors import CliError
from fortish.messages import Text

if TYPE_CHECKING:
    from fortish.cmdb.types import Looks, Reader


def _cut(attribute: Attribute, value: str, code: int, *reasons: str) -> CliError:
    start = Text.CHECK_FAIL_CUT(name=attribute.name, start=value.replace("\n", " "))
    return messages.value_error(value.split("\n")[0], code, *reasons, start)


def read_certificate(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A certificate in PEM that fits the entry's private key, if there is one."""
    from fortish.pki import faults, keys, pem

    text = one(attribute, words)
    if not text:
        return ""
    try:
        certificate = pem.certificate(text)
        if key := looks.value("private-key"):
            password = looks.value("password")
            clear = (password.clear or "") if isinstance(password, Secret) else ""
            if not keys.has_half(certificate, keys.public_half(key, clear)):
                raise _cut(attribute, text, -145, Text.BAD_CERTIFICATE())
    except faults.KeyUnreadable:
        pass  # a foreign key under a foreign password: nothing to compare with
    except faults.PkiFault:
        raise _cut(attribute, text, -145, Text.BAD_CERTIFICATE()) from None
    return pem.pem(certificate)


def read_ca(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A CA certificate in PEM."""
    from fortish.pki import chains, faults, pem

    text = one(attribute, words)
    try:
        certificate = pem.certificate(text)
        if not chains.is_ca(certificate):
            raise _cut(attribute, text, -146, Text.BAD_CA())
    except faults.PkiFault:
        raise _cut(attribute, text, -146, Text.BAD_CA()) from None
    return pem.pem(certificate)


def read_private_key(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
    """A private key in PEM, encrypted under the entry's password; one in clear is encrypted now."""
    from fortish.pki import faults, keys

    text = one(attribute, words).strip()
    if not text:
        return ""
    password = looks.value("password")
    clear = password.clear if isinstance(password, Secret) else ""
    if clear is None and "ENCRYPTED" in text:
        return text  # the password is another box's: kept as it came
    try:
        if "ENCRYPTED" in text:
            keys.public_half(text, clear or "")
            return text
        key = keys.load_private(text, "")
    except faults.KeyUnreadable:
        raise _cut(attribute, text, -145, Text.BAD_PRIVATE_KEY()) from None
    return keys.encrypted_pem(key, clear) if clear else text


def _read_pem(loader: str, fault: Text) -> Reader:
    """A reader of what a loader of `cryptography.x509` takes."""

    def read(attribute: Attribute, words: tuple[str, ...], looks: Looks) -> Any:
        from cryptography import x509

        text = one(attribute, words).strip()
        try:
            if text:
                getattr(x509, loader)(text.encode())
        except ValueError:
            raise _cut(attribute, text, -542 if "crl" in loader else -1, fault()) from None
        return text

    return read


read_crl = _read_pem("load_pem_x509_crl", Text.BAD_CRL)
read_request = _read_pem("load_pem_x509_csr", Text.BAD_REQUEST)
