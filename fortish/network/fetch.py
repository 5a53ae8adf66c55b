"""Plain HTTP (RFC 9110): one GET or POST on a connection of its own.

For what protects itself, as revocation lists and SCEP messages do.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fortish.errors import LinkLost, PeerFault
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
        raise LinkLost("URL using bad/illegal format or missing URL")
    return host, port


async def perform(request: HttpGet | HttpPost, at: tuple[str, int] | None = None) -> httpx.Response:
    """Fetch. No proxy, no redirects, no cookies, nothing of the host's environment. Raises `LinkLost`, `PeerFault`.

    `at` is where the connection really goes, while the request names the host of its URL.
    """
    import httpx

    host, port = host_of(request)
    started = time.monotonic()
    # Only http URLs are asked for: without `verify` httpx does not load the public bundle.
    transport = httpx.AsyncHTTPTransport(verify=False, local_address=request.source or None)
    try:
        async with (
            asyncio.timeout(request.timeout),
            httpx.AsyncClient(transport=transport, trust_env=False, timeout=request.timeout) as client,
        ):
            return await _fetched(client, request, at)
    except (TimeoutError, httpx.TimeoutException):
        spent = round((time.monotonic() - started) * 1000)
        raise LinkLost(f"Operation timed out after {spent} milliseconds with 0 bytes received") from None
    except httpx.ConnectError as error:
        spent = round((time.monotonic() - started) * 1000)
        reason = f"Failed to connect to {host} port {port} after {spent} ms: Couldn't connect to server"
        raise LinkLost(reason) from error
    except httpx.RemoteProtocolError as error:
        empty = "without sending a response" in str(error)
        raise LinkLost("Empty reply from server" if empty else f"Invalid HTTP response: {error}") from error
    except (httpx.TransportError, httpx.InvalidURL, ValueError) as error:
        raise LinkLost(str(error) or type(error).__name__) from error


async def _fetched(
    client: httpx.AsyncClient, request: HttpGet | HttpPost, at: tuple[str, int] | None
) -> httpx.Response:
    import httpx

    body = bytearray()
    url = httpx.URL(request.url)
    sent = {"Accept-Encoding": "identity"}
    if at is not None:
        sent["Host"] = url.netloc.decode("ascii")
        url = url.copy_with(host=at[0], port=at[1])
    posted = None
    if isinstance(request, HttpPost):
        sent["Content-Type"], posted = request.content_type, request.body
    async with client.stream("GET" if posted is None else "POST", url, headers=sent, content=posted) as response:
        # As sent: the limit would mean little for what grows when it is unpacked.
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > request.limit:
                raise PeerFault(f"the body is larger than {request.limit} bytes")
    headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-encoding"]
    return httpx.Response(response.status_code, headers=headers, content=bytes(body))
