"""What one enrollment knows: the options it was given, or what was read back from a certificate's settings.

A string that was never set is None and dumped as `(null)`; one read from an empty attribute is empty; pointers are
dumped as `NULL` or `Exists`. So the dump tells a first enrollment from a renewal, as the enrollment guide shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fortish.box import UNSET_ADDRESS
from fortish.cmdb.entries import GLOBAL
from fortish.steps import Credential, Trust

PORT = 443  # of an EST server where the URL names none
TIMEOUT = 30.0  # seconds of real time for a dial, and for each request


@dataclass(slots=True)
class EstContext:
    """One enrollment. `trust` and `credential` decide the TLS connection; `scope` is where it is kept.

    `server_key`: the server makes the key (RFC 7030 section 4.4).
    `own_only` is why the public CA certificates do not count for the server, '' where they do.
    `linking` are the attributes that bind the request to the TLS session, once the server has asked for them.
    """

    name: str
    url: str
    host: str
    port: int
    ca_identifier: str | None = None
    http_username: str | None = None
    http_password: str | None = field(default=None, repr=False)
    client_cert: str | None = None
    server_cert: str | None = None
    srp_username: str | None = None
    srp_password: str | None = field(default=None, repr=False)
    source_ip: str | None = None
    need_pop: bool = False
    password: str | None = field(default=None, repr=False)
    rsa_keysize: int = 0
    ec_curvename: str | None = None
    subject: str | None = None
    sub_alt_name: str | None = None
    has_hostinfo: bool = False
    has_attributes: bool = False
    scope: str = GLOBAL
    vfid: int = 0
    trust: Trust = field(default_factory=Trust)
    trust_name: str = ""
    credential: Credential | None = None
    anchors: tuple[str, ...] = field(default=())
    own_only: str = ""
    linking: frozenset[str] = frozenset()
    server_key: bool = False
    proxy: tuple[str, int, str, str] | None = field(default=None, repr=False)
    timeout: float = TIMEOUT

    def dump(self) -> list[str]:
        """The `est_ctx:` block."""
        fields = {
            "is_global": int(self.scope == GLOBAL),
            "vfid": self.vfid,
            "svr_original_url": self.url,
            "svr_hostinfo": _pointer(self.has_hostinfo),
            "ca_identifier": _string(self.ca_identifier),
            "http_username": _string(self.http_username),
            "http_password": _string(self.http_password),
            "clt_cert": _string(self.client_cert),
            "svr_cert": _string(self.server_cert),
            "srp_username": _string(self.srp_username),
            "srp_password": _string(self.srp_password),
            "source_ip": _string(self.source_ip),
            "need_pop": int(self.need_pop),
            "newcert_name": self.name,
            "passwd": _string(self.password),
            "rsa_keysize": self.rsa_keysize,
            "ec_curvename": _string(self.ec_curvename),
            "subject": _string(self.subject),
            "sub_alt_name": _string(self.sub_alt_name),
            "svr_cert_x509": _pointer(False),
            "csr_attrs": _pointer(self.has_attributes),
            "csr": _pointer(False),
            "pkey": _pointer(False),
            "header_ptr": _pointer(False),
            "tmp_p10": _pointer(False),
        }
        return ["est_ctx:", *(f"{name}:{value}" for name, value in fields.items())]

    @property
    def srp(self) -> tuple[str, str] | None:
        """User and password for TLS-SRP; None without them."""
        return (self.srp_username, self.srp_password) if self.srp_username and self.srp_password else None

    @property
    def label(self) -> str:
        """The path segment (RFC 7030 section 3.2.2); '' for none."""
        return self.ca_identifier or ""


def _string(text: str | None) -> str:
    return "(null)" if text is None else text


def _pointer(there: bool) -> str:
    return "Exists" if there else "NULL"


def split_url(url: str) -> tuple[str, int]:
    """Host and port of an EST server's URL. Raises `ValueError`.

    The scheme must be https (RFC 7030 section 3.3); a path, a query or a user is refused, since the well-known path is
    put behind it.
    """
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    port = parts.port
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError(url)
    if port == 0 or "%" in parts.hostname or any(letter.isspace() for letter in url):  # no zone of this host either
        raise ValueError(url)
    return parts.hostname, port or PORT


def reconstruct(name: str, values: Mapping[str, Any]) -> EstContext:
    """The context of a renewal, from the certificate's own settings. Raises `ValueError` with the EST server's URL."""
    host, port = split_url(values["est-server"])
    source = values["source-ip"]
    return EstContext(
        name=name,
        url=values["est-server"],
        host=host,
        port=port,
        ca_identifier=values["est-ca-id"],
        http_username=values["est-http-username"],
        http_password=values["est-http-password"] or "",
        client_cert=values["est-client-cert"],
        server_cert=values["est-server-cert"],
        srp_username=values["est-srp-username"],
        srp_password=values["est-srp-password"] or "",
        source_ip=None if source == UNSET_ADDRESS else source,
        password=values["password"],
    )
