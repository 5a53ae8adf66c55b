"""What a listening EST server shows: its certificate, made anew as time goes by, and whose certificates it takes."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509

from fortish.network.tls import ALPN, HIGHEST, NO_CHECK_TIME, allow_small_keys, pem_file
from fortish.pki.keys import PrivateKey, encrypted_pem
from fortish.pki.pem import pem
from fortish.responder.state import Responder

_RENEW_EARLY = timedelta(days=30)


class Identity:
    """The server's TLS contexts: one for the listening socket, which hands new connections the current certificate.

    The certificate is made anew when the clock nears its end, or is turned back (a box may live through many years),
    and when the policy names other CAs. `required` says that clients must show a certificate.
    """

    def __init__(self, state: Responder, names: tuple[str, ...], clock: Callable[[], float], required: bool) -> None:
        self._state, self._names, self._clock, self.required = state, names, clock, required
        self.context = self._current = self._fresh()
        self.context.sni_callback = self._on_hello

    def _fresh(self) -> ssl.SSLContext:
        now = self._now()
        self._kinds = self._state.policy.kinds()
        above = self._state.hierarchy("", now)
        certificate, key = above.server.server_certificate(self._names, now)
        self._use = certificate.not_valid_before_utc, certificate.not_valid_after_utc - _RENEW_EARLY
        known = [
            one for ca in self._state.every_hierarchy(now).values() for one in (ca.root.certificate, *ca.published)
        ]
        context = _context([certificate, *above.server_chain], key, known, self.required)
        context.maximum_version = HIGHEST[f"TLSv{self._state.policy.highest_tls}"]
        return context

    def _on_hello(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        since, until = self._use
        if not since <= self._now() < until or self._state.policy.kinds() != self._kinds:
            self._current = self._fresh()
        if self._current is not self.context:
            connection.context = self._current

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _context(
    chain: Sequence[x509.Certificate], key: PrivateKey, known: Sequence[x509.Certificate], required: bool
) -> ssl.SSLContext:
    """A server's context with its certificate and those above it; `known` CAs sign client certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    allow_small_keys(context)  # the box's rsa-1024 and rsa-1536 are let in
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    context.verify_flags |= NO_CHECK_TIME  # the emulated world has its own clock
    context.load_verify_locations(cadata="\n".join(map(pem, dict.fromkeys(known))))
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    context.set_alpn_protocols([ALPN])
    password = secrets.token_hex(16)
    text = "\n".join([*map(pem, chain), encrypted_pem(key, password), ""])
    with pem_file(text) as path:
        context.load_cert_chain(path, password=password)
    return context
