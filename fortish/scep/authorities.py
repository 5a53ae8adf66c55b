"""The certificates of a SCEP server: which of them the box believes, to whom requests go, and what is kept.

SCEP authenticates nobody by itself (RFC 8894 section 2.2): a fingerprint, a CA certificate that is named, or one that
the box's CA store holds already must vouch for the CA; the CA then vouches for its registration authority.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fortish.box import CA, Box
from fortish.cmdb.entries import Change, Entry, Put
from fortish.est.authorities import EnrollFault, box_time, new_authority, next_name
from fortish.pki import chains, keys, pem
from fortish.pki.certificates import extension
from fortish.pki.faults import PkiFault
from fortish.scep.context import ScepContext

if TYPE_CHECKING:
    from cryptography import x509

_LENGTHS = {32: "MD5", 40: "SHA1", 64: "SHA256"}  # of a fingerprint in hexadecimal digits


@dataclass(frozen=True, slots=True)
class Anchors:
    """What a path must end in; with `partial` a certificate that is not self-signed will do."""

    certificates: tuple[x509.Certificate, ...]
    partial: bool


@dataclass(frozen=True, slots=True)
class Authorities:
    """A server's certificates that are believed. `recipient` has an RSA key; `speakers` may sign answers."""

    anchors: Anchors
    cas: tuple[x509.Certificate, ...]
    speakers: tuple[x509.Certificate, ...]
    recipient: x509.Certificate

    @property
    def issuer(self) -> x509.Name:
        """The name of the CA that is asked to sign: the recipient, or the CA above a registration authority."""
        return self.recipient.subject if self.recipient in self.cas else self.recipient.issuer


def vouched(box: Box, context: ScepContext, received: Sequence[x509.Certificate]) -> Anchors:
    """What the administrator's words make an anchor; without any, the box's CA store. Raises `EnrollFault`."""
    store = box.authorities(context.scope)
    if not context.fingerprint and not context.ca_cert:
        return Anchors(tuple(map(pem.certificate, store.values())), partial=False)
    found = [certificate for certificate in received if _is_ca(certificate)]
    if context.ca_cert:
        if context.ca_cert not in store:
            raise EnrollFault(f"CA certificate '{context.ca_cert}' no longer exists")
        named = pem.certificate(store[context.ca_cert])
        found = [certificate for certificate in found if certificate == named]
        if not found:
            raise EnrollFault(f"the server does not show the CA certificate '{context.ca_cert}'")
    if context.fingerprint:
        found = [certificate for certificate in found if has_fingerprint(certificate, context.fingerprint)]
        if not found:
            raise EnrollFault("no CA certificate of the server has that fingerprint")
    return Anchors(tuple(found), partial=True)


def has_fingerprint(certificate: x509.Certificate, text: str) -> bool:
    """Whether a certificate has that fingerprint, in hexadecimal with or without colons."""
    from cryptography.hazmat.primitives import hashes

    digits = text.replace(":", "").lower()
    kind = _LENGTHS.get(len(digits))
    return kind is not None and certificate.fingerprint(getattr(hashes, kind)()).hex() == digits


def authorities_of(
    received: Sequence[x509.Certificate], anchors: Anchors, at: datetime, *, encrypts: bool = True
) -> Authorities:
    """Those of the received certificates that chain to an anchor, by what they are for. Raises `EnrollFault`.

    With `encrypts` there must be an RSA key among them: a registration authority's first, then that of the CA nearest
    to what it issues.
    """
    believed, fault = [], chains.NO_ISSUER
    for certificate in received:
        try:
            _verify(certificate, received, anchors, at)
            believed.append(certificate)
        except PkiFault as refused:
            fault = refused.reason
    cas = tuple(certificate for certificate in believed if _is_ca(certificate))
    if not cas:
        raise EnrollFault(f"nothing vouches for the CA of the server: {fault}")
    others = [certificate for certificate in believed if certificate not in cas]
    below = sorted(cas, key=chains.self_signed)
    recipient = next((one for one in (*filter(_takes_keys, others), *below) if _is_rsa(one)), None)
    if recipient is None:
        if encrypts:
            raise EnrollFault("the server has no RSA certificate to encrypt a request to")
        recipient = cas[0]
    return Authorities(anchors, cas, (*others, *cas), recipient)


def _verify(
    certificate: x509.Certificate, received: Sequence[x509.Certificate], anchors: Anchors, at: datetime
) -> None:
    """Whether a path leads to an anchor: from the certificate, or, of a new root, from its link to the old one.

    That link (NewWithOld, RFC 4210 section 4.4) has the new root's name and key. Raises `PkiFault`.
    """
    try:
        chains.path_to(certificate, received, anchors.certificates, at, partial=anchors.partial)
    except PkiFault:
        for other in received:
            if other.subject == certificate.subject and keys.same_key(other, certificate) and other != certificate:
                chains.path_to(other, received, anchors.certificates, at, partial=anchors.partial)
                return
        raise


def authority_changes(box: Box, context: ScepContext, cas: Sequence[x509.Certificate], *, learn: bool) -> list[Change]:
    """What stores CA certificates: a new one gets the next name; with `learn` a held one notes where it came from."""
    held = {pem.pem(pem.certificate(text)): name for name, text in box.authorities(context.scope).items()}
    origin = {"scep-url": context.url}
    origin |= {"source-ip": context.source_ip} if context.source_ip else {}
    origin |= {"ca-identifier": context.ca_identifier} if context.ca_identifier else {}
    changes: list[Change] = []
    for body in dict.fromkeys(map(pem.pem, cas)):
        if body not in held:
            name = next_name(box, (change.key for change in changes if isinstance(change, Put)), context.scope)
            values = new_authority(None, body, context.scope).values
            changes.append(Put(context.scope, CA, name, Entry({**values, **origin})))
            continue
        entry = box.cmdb.entry(context.scope, CA, held[body])
        if learn and entry is not None and not origin.items() <= entry.values.items():
            changes.append(Put(context.scope, CA, held[body], Entry({**entry.values, **origin}, entry.children)))
    return changes


def received_authorities(box: Box, context: ScepContext, received: Sequence[x509.Certificate]) -> Authorities:
    """The authorities of a server that a request may go to. Raises `EnrollFault`."""
    return authorities_of(received, vouched(box, context, received), box_time(box))


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return chains.is_ca(certificate)
    except PkiFault:
        return False


def _is_rsa(certificate: x509.Certificate) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        return isinstance(certificate.public_key(), rsa.RSAPublicKey)
    except (ValueError, UnsupportedAlgorithm):
        return False


def _takes_keys(certificate: x509.Certificate) -> bool:
    """Whether its key usage lets a key be encrypted to it."""
    from cryptography import x509

    try:
        usage = extension(certificate, x509.KeyUsage)
    except PkiFault:
        return False
    return usage is None or usage.key_encipherment
