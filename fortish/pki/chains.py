"""Trusted paths (RFC 5280 section 6, RFC 4158).

A path is searched depth first from the certificate to an anchor, anchors before intermediates, with every signature
really verified. Name constraints and policies are not processed: a critical nameConstraints is refused, a critical
policy extension is passed as OpenSSL passes it. Revocation is asked nowhere. Names are compared as encoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from fortish.pki.certificates import extension, raw_extensions, serial_number
from fortish.pki.faults import CertificateUnreadable, ChainFault
from fortish.pki.keys import same_key

if TYPE_CHECKING:
    from fortish.pki.keys import Keyed

LONGEST_PATH: Final = 10  # certificates
_MOST_SIGNATURES = 100  # verified in one search
_MOST_STEPS = 500  # taken in one search: cross-signed certificates make paths by the factorial

NO_ISSUER: Final = "unable to get local issuer certificate"
SELF_SIGNED: Final = "self-signed certificate"
SELF_SIGNED_IN_CHAIN: Final = "self-signed certificate in certificate chain"
EXPIRED: Final = "certificate has expired"
NOT_YET_VALID: Final = "certificate is not yet valid"
INVALID_CA: Final = "invalid CA certificate"
PATH_LENGTH: Final = "path length constraint exceeded"
UNKNOWN_CRITICAL: Final = "unhandled critical extension"
BAD_SIGNATURE: Final = "certificate signature failure"
INVALID_EXTENSION: Final = "invalid or inconsistent certificate extension"

# When the search fails, the last of these that it met is the reason; a fault of a complete path comes before them all.
_WORSE = (NO_ISSUER, BAD_SIGNATURE, SELF_SIGNED, SELF_SIGNED_IN_CHAIN)

# Critical extensions that are checked, or that bind no one here, sorted by OID. 2.5.29.30, nameConstraints, is missing.
_UNDERSTOOD = frozenset(
    {
        "2.16.840.1.113730.1.1",  # Netscape certificate type
        "2.5.29.14",  # subjectKeyIdentifier
        "2.5.29.15",  # keyUsage
        "2.5.29.17",  # subjectAltName
        "2.5.29.19",  # basicConstraints
        "2.5.29.31",  # cRLDistributionPoints
        "2.5.29.32",  # certificatePolicies
        "2.5.29.33",  # policyMappings
        "2.5.29.35",  # authorityKeyIdentifier
        "2.5.29.36",  # policyConstraints
        "2.5.29.37",  # extendedKeyUsage
        "2.5.29.54",  # inhibitAnyPolicy
    }
)


def issued_for(certificates: Iterable[x509.Certificate], key: Keyed) -> x509.Certificate | None:
    """The certificate with the public key of `key` (anything that `keys.spki` takes), None if there is none.

    Of several the one with the latest notBefore: a server may send the old certificate along with the new.
    """
    matching = [certificate for certificate in certificates if same_key(certificate, key)]
    return max(matching, key=lambda certificate: certificate.not_valid_before_utc, default=None)


def path_to(
    leaf: x509.Certificate,
    intermediates: Iterable[x509.Certificate],
    anchors: Iterable[x509.Certificate],
    at: datetime,
    *,
    partial: bool = False,
) -> list[x509.Certificate]:
    """The path from `leaf` to an anchor, both included, that is valid at `at` (aware). Raises ChainFault.

    Without `partial` only a self-signed anchor ends a path, and other anchors serve as intermediates; with it, every
    anchor does, the leaf itself included. Every certificate's dates count, the anchor's too, as with OpenSSL. At most
    10 certificates long, and at most 100 signatures are verified: then the search has failed.
    """
    search = _Search(list(dict.fromkeys(anchors)), list(dict.fromkeys(intermediates)), at, partial)
    path = search.extend([leaf])
    if path is None:
        raise ChainFault(search.fault)
    return path


def dates_fault(chain: Sequence[x509.Certificate], at: datetime) -> str | None:
    """What is wrong with the dates of a verified chain (leaf first) at `at` (aware): the anchor's fault comes first."""
    for certificate in reversed(chain):
        if at < certificate.not_valid_before_utc:
            return NOT_YET_VALID
        if at > certificate.not_valid_after_utc:
            return EXPIRED
    return None


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether it may sign certificates: CA:TRUE, or a self-signed certificate of version 1.

    Raises CertificateUnreadable.
    """
    constraints = extension(certificate, x509.BasicConstraints)
    if constraints is not None:
        return constraints.ca
    return certificate.version is x509.Version.v1 and self_signed(certificate)


def self_signed(certificate: x509.Certificate) -> bool:
    """Whether the certificate names itself as its issuer and its own key verifies its signature."""
    return _verifies(certificate, certificate)


@dataclass(slots=True)
class _Search:
    """One depth-first search. `fault` is the best reason so far for its failing."""

    anchors: list[x509.Certificate]
    intermediates: list[x509.Certificate]
    at: datetime
    partial: bool
    fault: str = NO_ISSUER
    steps: int = 0
    checked: dict[tuple[x509.Certificate, x509.Certificate], bool] = field(default_factory=dict)

    def extend(self, path: list[x509.Certificate]) -> list[x509.Certificate] | None:
        """A valid path that starts with `path`, or None."""
        self.steps += 1
        last = path[-1]
        rooted = self._signed_by(last, last)
        if last in self.anchors and (self.partial or rooted):
            fault = _path_fault(path, self.at)
            if fault is None:
                return path
            self._note(fault)
        if rooted:
            if last not in self.anchors:
                self._note(SELF_SIGNED if len(path) == 1 else SELF_SIGNED_IN_CHAIN)
            return None
        if len(path) == LONGEST_PATH or self.steps >= _MOST_STEPS:
            return None
        for issuer in self._issuers(last):
            if issuer not in path and (found := self.extend([*path, issuer])) is not None:
                return found
        return None

    def _issuers(self, child: x509.Certificate) -> Iterable[x509.Certificate]:
        """Those that have signed `child`: anchors first, those valid now before the others, the latest first."""
        named = [
            issuer
            for issuer in dict.fromkeys([*self.anchors, *self.intermediates])
            if _names_it(child, issuer) and _keys_agree(child, issuer)
        ]
        named.sort(key=lambda one: (one in self.anchors, self._valid(one), one.not_valid_after_utc), reverse=True)
        for issuer in named:
            if self._signed_by(child, issuer):
                yield issuer
            elif (child, issuer) in self.checked:  # or else there were too many to look at
                self._note(BAD_SIGNATURE)

    def _valid(self, certificate: x509.Certificate) -> bool:
        return dates_fault([certificate], self.at) is None

    def _signed_by(self, child: x509.Certificate, issuer: x509.Certificate) -> bool:
        if not _names_it(child, issuer):
            return False
        if (child, issuer) not in self.checked:
            if len(self.checked) >= _MOST_SIGNATURES:
                return False
            self.checked[child, issuer] = _verifies(child, issuer)
        return self.checked[child, issuer]

    def _note(self, fault: str) -> None:
        if self.fault in _WORSE and (fault not in _WORSE or _WORSE.index(fault) > _WORSE.index(self.fault)):
            self.fault = fault


def _names_it(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    # The verifier below compares encodings too, where OpenSSL would fold case and string types: stricter, never laxer.
    return child.issuer.public_bytes() == issuer.subject.public_bytes()


@lru_cache(maxsize=256)
def _verifies(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Remembered, since it is the same few roots that sign themselves, all day long."""
    try:
        child.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _keys_agree(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the child's authorityKeyIdentifier, as far as it says anything, means this issuer."""
    try:
        wanted = extension(child, x509.AuthorityKeyIdentifier)
        held = extension(issuer, x509.SubjectKeyIdentifier)
    except CertificateUnreadable:
        return True  # the path check refuses it in its own words
    if wanted is None:
        return True
    if wanted.key_identifier is not None and held is not None and wanted.key_identifier != held.digest:
        return False
    serial = wanted.authority_cert_serial_number
    return serial is None or serial == serial_number(issuer)


def _path_fault(path: Sequence[x509.Certificate], at: datetime) -> str | None:
    try:
        below = 0  # intermediates that count against a path length: not self-issued, and not the leaf
        for place, certificate in enumerate(path):
            if any(item.critical and item.oid not in _UNDERSTOOD for item in raw_extensions(certificate)):
                return UNKNOWN_CRITICAL
            if place and (fault := _issuer_fault(certificate, below)) is not None:
                return fault
            below += 1 if place and certificate.subject != certificate.issuer else 0
    except CertificateUnreadable:
        return INVALID_EXTENSION
    return dates_fault(path, at)


def _issuer_fault(certificate: x509.Certificate, below: int) -> str | None:
    if certificate.version is x509.Version.v1:
        # It cannot say that it is a CA; OpenSSL takes its word as a self-signed anchor, and so do we.
        return None if certificate.subject == certificate.issuer else INVALID_CA
    constraints = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
        return INVALID_CA
    if constraints.path_length is not None and below > constraints.path_length:
        return PATH_LENGTH
    return None
