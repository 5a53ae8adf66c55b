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
from fortish.est.authorities import newest_root
from fortish.est.connection import Connection
from fortish.est.context import EstContext
from fortish.messages import Text
from fortish.pki import chains, names, pem
from fortish.steps import Ask, Step, Trust

if TYPE_CHECKING:
    from cryptography import x509


def accepted(box: Box, context: EstContext, reason: str) -> Generator[Step, Any, bool]:
    """Show the server's root and ask; a yes makes it the only anchor. Raises `LinkLost`, `PeerFault`."""
    connection = Connection(context, None, box.clock.now, provisional=True)
    received = yield from operations.cacerts(connection)
    root = _root(received)
    question = Text.EST_UNKNOWN_CA(reason=reason, subject=names.spaced(root.subject), fingerprint=fingerprint(root))
    if (yield Ask(question)) != "y":
        return False
    # What is not self-signed anchors nothing: it may stand between the server and the root, as the link of an old root.
    between = [certificate for certificate in received if not chains.self_signed(certificate)]
    context.trust, context.anchors = Trust(tuple(map(pem.pem, [root, *between])), public=False), (pem.pem(root),)
    return True


def _root(received: list[x509.Certificate]) -> x509.Certificate:
    """The server's current root."""
    root = newest_root(received)
    if root is None:
        raise PeerFault("the server sent no root certificate")
    return root


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the whole certificate, upper case with colons."""
    from cryptography.hazmat.primitives import hashes

    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()
