"""What one conversation with a SCEP server knows: where it is, and whom the box believes."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from fortish.cmdb.entries import GLOBAL


@dataclass(slots=True)
class ScepContext:
    """One server, and the certificate that it is about.

    `fingerprint` (MD5, SHA-1 or SHA-256 in hexadecimal) and `ca_cert` (a name in the CA store) say which CA it must be;
    '' for both means one that the CA store vouches for.
    """

    name: str
    url: str
    ca_identifier: str = ""
    source_ip: str = ""
    challenge: str = ""
    fingerprint: str = ""
    ca_cert: str = ""
    scope: str = GLOBAL
    vfid: int = 0


def check_url(url: str) -> None:
    """A SCEP server is at an http or https URL without user and fragment. Raises `ValueError`."""
    parts = urlsplit(url)
    usable = parts.scheme in ("http", "https") and parts.hostname and not parts.username and not parts.fragment
    if not usable or parts.port == 0 or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(url)


def operation_url(url: str, operation: str, message: str = "") -> str:
    """The URL of an operation (RFC 8894 section 4.1)."""
    query = f"operation={operation}" + (f"&message={quote(message, safe='')}" if message else "")
    return f"{url}{'&' if '?' in url else '?'}{query}"
