"""Plain HTTP (RFC 9110): one GET or POST on a connection of its own.

For what protects itself, as revocation lists and SCEP messages do.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fortish.errors import LinkLost
from fortish.network.http import Conversation, asked
from fortish.network.tcp import connect_any
from fortish.network.tls import from_source
from fortish.steps import HttpGet, HttpPost

if TYPE_CHECKING:
    import httpx

PORT = 80


def host_of(request: HttpGet | HttpPost) -> tuple[str, int]:
    """The host and port of a request's URL. Raises `LinkLost` for a URL that is none."""
    try:
        parts = urlsplit(request.url)
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        host, port = None, PORT
    if not host:
        raise LinkLost("URL using bad/illegal format or missing URL", passing=False)
    return host, port


async def perform(request: HttpGet | HttpPost, addresses: Sequence[str], at: int = 0) -> httpx.Response:
    """Fetch. No proxy, no redirects, no cookies, nothing of the host's environment. Raises `LinkLost`, `PeerFault`.

    `addresses` are those of the host, and `at` is the port that stands in for that of the URL, if one does. The body is
    as it was sent: the limit would mean little for what grows when it is unpacked.
    """
    host, port = host_of(request)
    sent = _sent(request)
    started = time.monotonic()
    try:
        opened = await connect_any(from_source(request.source, addresses), at or port, request.source, request.timeout)
    except OSError:  # TimeoutError is one
        spent = round((time.monotonic() - started) * 1000)
        reason = f"Failed to connect to {host} port {port} after {spent} ms: Couldn't connect to server"
        raise LinkLost(reason) from None
    try:
        return await asked(Conversation(opened), sent, request.limit, request.timeout)
    finally:
        opened.abort()


def _sent(request: HttpGet | HttpPost) -> httpx.Request:
    """What goes out. Raises `LinkLost` for a URL that is none."""
    import httpx

    headers = {"User-Agent": "fortish", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
    try:
        if isinstance(request, HttpGet):
            return httpx.Request("GET", request.url, headers=headers)
        headers["Content-Type"] = request.content_type
        return httpx.Request("POST", request.url, headers=headers, content=request.body)
    except (httpx.InvalidURL, ValueError) as error:
        raise LinkLost(str(error) or type(error).__name__, passing=False) from error
