"""A first look at the CA certificates of a server that nothing vouches for (RFC 7030 section 4.1.1).

A provisional connection asks for them and for nothing else, without any credential. What comes back is shown to the
administrator as a fingerprint of the whole CA certificate; only a yes makes it an anchor, for a new connection that is
verified against it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from fortish.box import Box
from fortish.errors import PeerFault
from fortish.est import operations
from fortish.est.connection import Connection
from fortish.est.context import EstContext
from fortish.messages import Text
from fortish.pki import chains, names, pem
from fortish.steps import Ask, Step, Trust

if TYPE_CHECKING:
    from cryptography import x509

# What TLS says of a chain that ends in nobody known.
UNKNOWN = (chains.SELF_SIGNED_IN_CHAIN, chains.SELF_SIGNED, chains.NO_ISSUER)


def is_unknown(reason: str) -> bool:
    """Whether a connection failed because nobody vouches for the server's CA."""
    return any(words in reason for words in UNKNOWN)


def accepted(box: Box, context: EstContext, reason: str) -> Generator[Step, Any, bool]:
    """Show the server's root and ask; a yes makes it the only anchor. Raises `LinkLost`, `PeerFault`."""
    connection = Connection(context, None, box.clock.now, provisional=True)
    root = _root((yield from operations.cacerts(connection)))
    question = Text.EST_UNKNOWN_CA(reason=reason, subject=names.spaced(root.subject), fingerprint=fingerprint(root))
    if (yield Ask(question)) != "y":
        return False
    anchor = pem.pem(root)
    context.trust, context.anchors = Trust((anchor,), public=False), (anchor,)
    return True


def _root(received: list[x509.Certificate]) -> x509.Certificate:
    """The server's current root: of the self-signed CA certificates the one that lasts longest (section 4.1.3)."""
    roots = [certificate for certificate in received if chains.self_signed(certificate) and chains.is_ca(certificate)]
    if not roots:
        raise PeerFault("the server sent no root certificate")
    return max(roots, key=lambda certificate: certificate.not_valid_after_utc)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the whole certificate, upper case with colons."""
    from cryptography.hazmat.primitives import hashes

    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()
