"""What stands around a root: an intermediate CA, or a new root that takes over from it (RFC 7030 section 4.1.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from fortish.responder.authority import Authority
from fortish.responder.policy import Kind

_HALF_A_DAY = timedelta(hours=12)  # a new root outlives the old by that, and is valid from before it was made
_SUFFIX = " Intermediate"


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """One CA as its clients see it.

    `root` is what they may already trust, `issuer` what signs certificates for them. `published` is what cacerts sends,
    the current root first; `server` signs the server's own certificate, with `below` between it and the old root.
    """

    root: Authority
    issuer: Authority
    published: tuple[x509.Certificate, ...]

    @property
    def server(self) -> Authority:
        """What signs the TLS server's certificate: whoever trusts the old root alone must be able to connect."""
        rolls_over = self.root.certificate is not self.published[0]
        return self.root if rolls_over else self.issuer

    @property
    def server_chain(self) -> tuple[x509.Certificate, ...]:
        """The certificates above the TLS server's own, up to the old root."""
        return tuple(dict.fromkeys((self.server.certificate, self.root.certificate)))

    def has_issued(self, certificate: x509.Certificate) -> bool:
        """Whether a CA of this hierarchy has signed an end entity's certificate."""
        if certificate in self.published:
            return False
        return self.issuer.has_issued(certificate) or (
            self.issuer is not self.root and self.root.has_issued(certificate)
        )


def hierarchy(root: Authority, kind: Kind, now: datetime) -> Hierarchy:
    """What `kind` asks for around `root`, with fresh keys."""
    successor = successor_for(root, now) if kind.rollover else None
    middle = middle_for(successor or root, now) if kind.intermediate else None
    return assembled(root, successor, middle)


def successor_for(root: Authority, now: datetime) -> Authority:
    """A new root of the same name that is to take over."""
    return Authority.fresh(now + _HALF_A_DAY, name_of(root))


def middle_for(above: Authority, now: datetime) -> Authority:
    """A new intermediate CA."""
    return above.below(now, f"{name_of(above)[: 64 - len(_SUFFIX)]}{_SUFFIX}")


def assembled(root: Authority, successor: Authority | None, middle: Authority | None) -> Hierarchy:
    """A hierarchy of CAs that there are already."""
    above = successor or root
    issuer = middle or above
    published = [above.certificate]
    if middle is not None:
        published.append(middle.certificate)
    if successor is not None:
        published += [root.certificate, *_crossed(root, successor)]
    return Hierarchy(root, issuer, tuple(published))


def name_of(authority: Authority) -> str:
    """The common name of a CA."""
    (name,) = authority.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(name.value)


def _crossed(old: Authority, new: Authority) -> tuple[x509.Certificate, x509.Certificate]:
    """OldWithNew and NewWithOld, with the dates that RFC 4210 section 4.4.1 gives them."""
    before, after = old.certificate, new.certificate
    lifetime = before.not_valid_before_utc, before.not_valid_after_utc
    overlap = after.not_valid_before_utc, before.not_valid_after_utc
    return new.vouch(before, lifetime), old.vouch(after, overlap)
