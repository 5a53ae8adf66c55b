"""Dialling: one TLS connection, verified by OpenSSL against the peer's anchors and then by us against the box's clock.

OpenSSL's own time check is off, since the box may live in another year. Dates and host name (or id-kp-cmcRA under an
explicit trust anchor, RFC 7030 section 3.6.1) are checked over the verified chain, before the first byte of HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import ssl
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fortish.errors import LinkLost
from fortish.network.chain import verified_chain
from fortish.steps import Credential, Link, Peer, Trust

NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME


@dataclass(slots=True)
class Stream:
    """The two ends of an open TLS connection, and what carries HTTP over it (made when first used)."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: Any = None


async def dial(peer: Peer, address: str, port: int, now: float) -> Link:
    """Open and authorise a connection to `peer`, which is reached at `address` and `port`. Raises `LinkLost`.

    `now` is the box's time in seconds.
    """
    context = _context(peer.trust)
    if peer.credential is not None:
        _load(context, peer.credential)
    local = (peer.source, 0) if peer.source else None
    started = time.monotonic()
    try:
        async with asyncio.timeout(peer.timeout):
            reader, writer = await asyncio.open_connection(
                address, port, ssl=context, server_hostname=peer.host, local_addr=local
            )
    except TimeoutError:
        raise LinkLost(f"Connection timed out after {_elapsed(started)} milliseconds") from None
    except ssl.SSLError as error:
        raise LinkLost(_tls_words(error)) from error
    except OSError as error:
        raise LinkLost(_socket_words(error, peer, started)) from error
    try:
        return _authorised(peer, Stream(reader, writer), now)
    except LinkLost:
        writer.transport.abort()
        raise


def _authorised(peer: Peer, stream: Stream, now: float) -> Link:
    from cryptography import x509

    from fortish.pki import chains

    tls = stream.writer.get_extra_info("ssl_object")
    ders = verified_chain(tls)
    chain = [x509.load_der_x509_certificate(der) for der in ders]
    if fault := chains.dates_fault(chain, datetime.fromtimestamp(now, UTC)):
        raise LinkLost(f"SSL certificate problem: {fault}")
    leaf = chain[0]
    if not chains.names_host(leaf, peer.host) and not (peer.trust.partial and chains.is_cmc_ra(leaf)):
        raise LinkLost(f"SSL: no alternative certificate subject name matches target host name '{peer.host}'")
    version = tls.version() or ""
    # tls-unique is not defined on TLS 1.3 (RFC 8446 appendix C.5), whatever the library answers there
    unique = tls.get_channel_binding("tls-unique") if version == "TLSv1.2" else None
    return Link(peer, ders, version, unique, stream)


def _context(trust: Trust) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    if trust.partial:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if trust.anchors:
        context.load_verify_locations(cadata="\n".join(trust.anchors) + "\n")
    if trust.public:
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    if keylog := os.environ.get("SSLKEYLOGFILE"):
        context.keylog_filename = keylog
    return context


def _load(context: ssl.SSLContext, credential: Credential) -> None:
    """A client certificate and its key, which reaches OpenSSL encrypted. Raises `LinkLost`."""
    text = f"{credential.certificate}\n{credential.key}\n"
    try:
        with pem_file(text) as path:
            context.load_cert_chain(path, password=credential.password)
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror or "unreadable"
        raise LinkLost(
            f"could not load PEM client certificate from {credential.name}, OpenSSL error {reason}"
        ) from error


@contextlib.contextmanager
def pem_file(text: str) -> Iterator[str]:
    """A path under which `text` can be read for a moment: in memory where the host can, else a file of mode 0600."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        descriptor = os.memfd_create("fortish", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    descriptor, path = tempfile.mkstemp(suffix=".pem")
    try:
        os.write(descriptor, text.encode())
        os.close(descriptor)
        yield path
    finally:
        os.unlink(path)


def _elapsed(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _tls_words(error: ssl.SSLError) -> str:
    """A TLS failure as libcurl spells it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"SSL certificate problem: {error.verify_message}"
    reason = (error.reason or "unknown").replace("_", " ").lower()
    return f"OpenSSL SSL_connect: {reason}"


def _socket_words(error: OSError, peer: Peer, started: float) -> str:
    """A failed connection as libcurl spells it; a source address that is not the host's, in the host's words."""
    if "bind" in str(error).lower() or "assign requested address" in str(error):
        return f"bind failed with source address {peer.source}: {os.strerror(error.errno or 0)}"
    return f"Failed to connect to {peer.host} port {peer.port} after {_elapsed(started)} ms: Couldn't connect to server"


def is_address(host: str) -> bool:
    """Whether `host` is an IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
