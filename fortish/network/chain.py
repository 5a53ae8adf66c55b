"""The certificate path that TLS has verified, as bytes, on every supported Python."""

from __future__ import annotations

import ssl
from typing import Any

_DER = 2  # _ssl.ENCODING_DER; PEM is 1


def verified_chain(connection: ssl.SSLObject | ssl.SSLSocket) -> tuple[bytes, ...]:
    """The peer's path in DER, leaf first, root included, as OpenSSL has built and verified it; either side may ask.

    Empty where the peer showed no certificate, where nothing was verified (CERT_NONE), and for a resumed session,
    which has no path. Whether OpenSSL looked at dates is up to the context's `verify_flags`.
    """
    if connection.context.verify_mode is ssl.CERT_NONE:
        return ()
    if hasattr(connection, "get_verified_chain"):  # public from Python 3.13 on, and bytes
        return tuple(connection.get_verified_chain())
    inner: Any = getattr(connection, "_sslobj", None)
    found = inner.get_verified_chain() if inner is not None else None
    return tuple(certificate.public_bytes(_DER) for certificate in found or ())
