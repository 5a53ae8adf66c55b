"""What the SCEP responder can do wrong on purpose: chosen by the path (`/scep/fault-NAME`) or in a policy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# Sorted by name.
SCEP_FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "garbage": "an answer that is no message",
        "no-certificates": "GetCACert brings none",
        "nonce": "an answer that repeats another nonce",
        "pending": "nothing is ever decided",
        "recipient": "the certificate is encrypted to somebody else",
        "status-500": "500, whatever is sent",
        "stranger": "an answer signed by somebody of whom nobody knows",
        "transaction": "an answer for another transaction",
        "unsigned": "an answer without a signature",
        "untrusted-issuer": "a CA of the right name and another key",
        "wrong-key": "a certificate for another key",
    }
)
