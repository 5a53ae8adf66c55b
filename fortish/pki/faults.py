"""What can be wrong with keys, certificates and the messages that carry them.

Every fault keeps its `reason`, a sentence without a full stop; who is to blame is decided where it is caught.
"""

from __future__ import annotations

from fortish.errors import FortishError


class PkiFault(FortishError):
    """Root of the faults of this package. `reason` is a sentence for a person to read."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeyUnreadable(PkiFault):
    """A private key cannot be read: bad PEM, wrong or missing password, or a kind that cannot sign."""


class CertificateUnreadable(PkiFault):
    """A certificate cannot be read, or has parts that cannot be."""


class ChainFault(PkiFault):
    """No trusted path. `reason` is spelled as OpenSSL's verification errors are, which libcurl prints."""


class Pkcs7Fault(PkiFault):
    """A certs-only message (RFC 5652, RFC 5272 section 4.1) cannot be read."""


class CmsFault(PkiFault):
    """A signed or an enveloped message (RFC 5652) cannot be read, or is not what it claims to be."""


class Pkcs12Fault(PkiFault):
    """A PKCS #12 file (RFC 7292) cannot be read or written."""


class CrlFault(PkiFault):
    """A certificate revocation list (RFC 5280 section 5) cannot be read, or is not to be believed."""


class RequestFault(PkiFault):
    """A certification request, or a name for one, cannot be made of what was given."""


class CsrAttrsFault(PkiFault):
    """A CSR attributes answer (RFC 7030 section 4.5.2) cannot be read."""


class DerFault(PkiFault):
    """Bytes that are not the BER or DER they should be. The readers above it turn it into their own fault."""
