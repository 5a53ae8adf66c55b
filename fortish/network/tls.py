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
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module

from fortish.errors import LinkLost, may_pass
from fortish.messages import Text
from fortish.network.chain import verified_chain
from fortish.network.stream import TlsStream, alert
from fortish.network.tcp import Tcp, connect_any
from fortish.steps import Credential, Link, Peer, Trust

HIGHEST = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
TOO_SMALL = frozenset({"CA_KEY_TOO_SMALL", "EE_KEY_TOO_SMALL"})  # what OpenSSL says of a certificate's key
ALPN = "http/1.1"
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME
PROXY_LIMIT = 1 << 16  # octets of a proxy's answer
Asked = tuple[Trust, str, bool, str | None]

# The public bundle takes longer to read than the rest of an enrollment; a context without a key can serve many.
_SHARED: dict[Asked, ssl.SSLContext] = {}
_MOST_SHARED = 16


async def dial(peer: Peer, addresses: Sequence[str], port: int, now: float) -> Link:
    """Open and authorise a connection to `peer`, which is reached at one of `addresses`. Raises `LinkLost`.

    They are tried in turn until one can be connected to, trusted or not. `now` is the box's time in seconds.
    """
    if peer.srp is not None:
        return await _srp(peer, addresses, port)
    context = await _read_away(peer) if _is_slow(peer) else _prepared(peer)
    with spelled(peer):
        async with asyncio.timeout(peer.timeout):
            stream = await _secured(peer, await connected(peer, addresses, port), context)
    try:
        return _authorised(peer, stream, now)
    except BaseException:
        stream.abort()
        raise


async def _read_away(peer: Peer) -> ssl.SSLContext:
    """The same in a thread. Meanwhile this one imports what a request takes, which is as slow. Raises `LinkLost`."""
    reading = asyncio.get_running_loop().run_in_executor(None, _prepared, peer)
    import_module("httpx")
    import_module("fortish.network.http")
    return await reading


def _is_slow(peer: Peer) -> bool:
    """Whether the public bundle has to be read, which takes longer than the rest of a dial."""
    return peer.trust.public and (peer.credential is not None or _asked(peer) not in _SHARED)


def _prepared(peer: Peer) -> ssl.SSLContext:
    """What a peer allows, and the key with which we show who we are. Raises `LinkLost`."""
    if peer.credential is not None:
        context = _context(*_asked(peer))  # one of its own, since a key goes into it
        _load(context, peer.credential)
        return context
    asked = _asked(peer)
    shared = _SHARED.get(asked)
    if shared is None:
        if len(_SHARED) >= _MOST_SHARED:
            _SHARED.clear()
        shared = _SHARED[asked] = _context(*asked)
    return shared


def _asked(peer: Peer) -> Asked:
    return peer.trust, peer.highest, peer.provisional, os.environ.get("SSLKEYLOGFILE")


async def _secured(peer: Peer, opened: Tcp, context: ssl.SSLContext) -> TlsStream:
    """TLS on an open connection, which is closed if that fails. Raises OSError, `LinkLost`."""
    try:
        stream = TlsStream(opened, context, peer.host.removesuffix("."))  # RFC 6066 section 3
        await stream.handshake()
    except BaseException as error:
        opened.abort()
        if isinstance(error, ValueError) and not isinstance(error, OSError):
            raise LinkLost(f"'{peer.host}' is no host name for TLS: {error}", passing=False) from None
        if isinstance(error, ConnectionError):
            where = f"{peer.host}:{peer.port}"
            raise LinkLost(f"OpenSSL SSL_connect: {_reset(error)} in connection to {where}") from error
        raise
    return stream


async def _srp(peer: Peer, addresses: Sequence[str], port: int) -> Link:
    """The connection over TLS-SRP, for which an extra must be installed. Raises `LinkLost`."""
    try:
        from fortish.network import srp
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "tlslite":
            raise
        raise LinkLost(Text.SRP_EXTRA(), passing=False) from None
    if peer.credential is not None:
        raise LinkLost(Text.SRP_OR_CERT(), passing=False)
    return await srp.dial(peer, addresses, port)


@contextlib.contextmanager
def spelled(peer: Peer) -> Iterator[None]:
    """Turns what goes wrong while connecting into a `LinkLost`."""
    started = time.monotonic()
    try:
        yield
    except TimeoutError:
        raise LinkLost(f"Connection timed out after {_elapsed(started)} milliseconds") from None
    except ssl.SSLError as error:
        raise LinkLost(_tls_words(error), passing=_may_pass(error)) from error
    except OSError as error:
        raise LinkLost(_socket_words(error, peer, started), passing=not _is_bind(peer, error)) from error


async def connected(peer: Peer, addresses: Sequence[str], port: int) -> Tcp:
    """TCP to one of `addresses`, or through the proxy, which is reached there instead. Raises OSError, `LinkLost`."""
    opened = await connect_any(from_source(peer.source, addresses), port, peer.source, peer.timeout)
    if peer.proxy is None:
        return opened
    try:
        await _tunnelled(peer, opened)
    except BaseException:
        opened.abort()
        raise
    return opened


def from_source(source: str, addresses: Sequence[str]) -> list[str]:
    """The addresses that can be reached from `source` ('' any): those of its family. Raises `LinkLost`: none."""
    version = ipaddress.ip_address(source).version if source else 0
    found = [one for one in addresses if not version or ipaddress.ip_address(one).version == version]
    if not found:
        reason = f"bind failed with source address {source}: the server has no IPv{version} address"
        raise LinkLost(reason, passing=False)
    return found


async def _tunnelled(peer: Peer, opened: Tcp) -> None:
    """Ask the proxy for a tunnel (RFC 9110 section 9.3.6). Raises `LinkLost`."""
    assert peer.proxy is not None
    _, _, user, password = peer.proxy
    where = f"[{peer.host}]:{peer.port}" if ":" in peer.host else f"{peer.host}:{peer.port}"
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}", "User-Agent: fortish"]
    if user:
        from fortish import httpauth

        lines.append(f"Proxy-Authorization: {httpauth.basic(user, password)}")
    await opened.write("\r\n".join([*lines, "", ""]).encode())
    head = await _proxy_answer(opened)
    status = head.split(None, 2)[1:2]
    if not head.startswith(b"HTTP/1.") or status != [b"200"]:
        code = status[0].decode("ascii", "replace")[:3] if status else "none"
        passing = code.isdecimal() and may_pass(int(code))
        raise LinkLost(f"CONNECT tunnel failed, response {code}", passing=passing)


async def _proxy_answer(opened: Tcp) -> bytes:
    """A proxy's answer up to the empty line; what stands behind it belongs to TLS. Raises `LinkLost`."""
    come = b""
    while b"\r\n\r\n" not in come:
        try:
            piece = await opened.receive()
        except ConnectionError:
            piece = b""
        come += piece
        if not piece or len(come) > PROXY_LIMIT:
            raise LinkLost("Proxy CONNECT aborted")
    head, _, behind = come.partition(b"\r\n\r\n")
    opened.put_back(behind)
    return head


def _authorised(peer: Peer, stream: TlsStream, now: float) -> Link:
    from cryptography import x509

    from fortish.pki import chains, identity

    tls = stream.tls
    if peer.provisional:  # nothing is known of whoever answered, and nobody may think otherwise
        return Link(peer, (), tls.version() or "", None, stream)
    ders = verified_chain(tls)
    chain = [x509.load_der_x509_certificate(der) for der in ders]
    if fault := chains.dates_fault(chain, datetime.fromtimestamp(now, UTC)):
        raise LinkLost(f"SSL certificate problem: {fault}", passing=False)
    leaf = chain[0]
    if not identity.names_host(leaf, peer.host) and not (peer.trust.partial and identity.is_cmc_ra(leaf)):
        reason = f"SSL: no alternative certificate subject name matches target host name '{peer.host}'"
        raise LinkLost(reason, passing=False)
    version = tls.version() or ""
    # tls-unique is not defined on TLS 1.3 (RFC 8446 appendix C.5), whatever the library answers there
    unique = tls.get_channel_binding("tls-unique") if version == "TLSv1.2" else None
    return Link(peer, ders, version, unique, stream)


def _context(trust: Trust, highest: str, provisional: bool, keylog: str | None) -> ssl.SSLContext:
    """What a peer allows. RFC 5280's stricter checks (VERIFY_X509_STRICT) stay off: many a lab's CA fails them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.set_alpn_protocols([ALPN])  # some servers ask who speaks what (RFC 7301)
    context.post_handshake_auth = (
        True  # some ask for a client certificate only once they know the path (RFC 8446 4.6.2)
    )
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if highest:
        context.maximum_version = HIGHEST[highest]
    context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    if provisional:
        context.verify_mode = ssl.CERT_NONE
        return context
    if trust.partial:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if trust.anchors:
        context.load_verify_locations(cadata="\n".join(trust.anchors) + "\n")
    if trust.public:
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    if keylog:
        context.keylog_filename = keylog
    return context


def _load(context: ssl.SSLContext, credential: Credential) -> None:
    """A client certificate and its key, which reaches OpenSSL encrypted. Raises `LinkLost`.

    The box makes RSA keys of 1024 bits, which many a host's OpenSSL refuses: only then the connection allows them.
    """
    text = f"{credential.certificate}\n{credential.key}\n"
    try:
        with pem_file(text) as path:
            try:
                context.load_cert_chain(path, password=credential.password)
            except ssl.SSLError as error:
                if error.reason not in TOO_SMALL:
                    raise
                allow_small_keys(context)
                context.load_cert_chain(path, password=credential.password)
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror or "unreadable"
        raise LinkLost(
            f"could not load PEM client certificate from {credential.name}, OpenSSL error {reason}", passing=False
        ) from error


def allow_small_keys(context: ssl.SSLContext) -> None:
    """RSA of 1024 bits is enough (OpenSSL's security level 1); the ciphers stay what they are."""
    context.set_ciphers(":".join([*(cipher["name"] for cipher in context.get_ciphers()), "@SECLEVEL=1"]))


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
    import tempfile

    descriptor, path = tempfile.mkstemp(suffix=".pem")
    try:
        os.write(descriptor, text.encode())
        os.close(descriptor)
        yield path
    finally:
        os.unlink(path)


def _reset(error: ConnectionError) -> str:
    return os.strerror(error.errno) if error.errno else "Connection reset by peer"


def _elapsed(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _tls_words(error: ssl.SSLError) -> str:
    """A TLS failure as libcurl spells it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"SSL certificate problem: {error.verify_message}"
    if name := alert(error):
        return f"OpenSSL SSL_connect: tls alert {name}"
    reason = (error.reason or "unknown").replace("_", " ").lower()
    return f"OpenSSL SSL_connect: {reason}"


def _may_pass(error: ssl.SSLError) -> bool:
    """Whether a handshake may go well soon: it was broken off, or the server has trouble of its own."""
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or "INTERNAL_ERROR" in (error.reason or "")


def _is_bind(peer: Peer, error: OSError) -> bool:
    """Whether the source address is not the host's."""
    return bool(peer.source) and ("bind" in str(error).lower() or "assign requested address" in str(error))


def _socket_words(error: OSError, peer: Peer, started: float) -> str:
    """A failed connection as libcurl spells it; a source address that is not the host's, in the host's words."""
    if _is_bind(peer, error):
        return f"bind failed with source address {peer.source}: {os.strerror(error.errno or 0)}"
    host, port = (peer.host, peer.port) if peer.proxy is None else peer.proxy[:2]
    return f"Failed to connect to {host} port {port} after {_elapsed(started)} ms: Couldn't connect to server"


def is_address(host: str) -> bool:
    """Whether `host` is an IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
