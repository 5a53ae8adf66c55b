"""What is used of tlslite-ng, which an extra brings (`fortish[srp]`): the one door to it.

Raises ModuleNotFoundError where the extra is not installed.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # All of its modules are imported at once, and on Python 3.11 one of them imports asyncore, which is to go away.
    warnings.simplefilter("ignore", DeprecationWarning)
    from tlslite.constants import AlertDescription
    from tlslite.errors import TLSAbruptCloseError, TLSLocalAlert, TLSRemoteAlert
    from tlslite.handshakesettings import HandshakeSettings
    from tlslite.mathtls import goodGroupParameters, makeVerifier
    from tlslite.messages import Finished
    from tlslite.tlsconnection import TLSConnection
    from tlslite.utils.dns_utils import is_valid_hostname

__all__ = [
    "AlertDescription",
    "Finished",
    "HandshakeSettings",
    "TLSAbruptCloseError",
    "TLSConnection",
    "TLSLocalAlert",
    "TLSRemoteAlert",
    "goodGroupParameters",
    "is_valid_hostname",
    "makeVerifier",
]
