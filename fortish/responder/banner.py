"""What `fortish responder` prints when it starts: where it listens, whom it lets in, what a client must trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fortish.pki.text import fingerprint
from fortish.responder.authority import Authority
from fortish.responder.policy import Policy


def banner(urls: Sequence[str], authority: Authority, policy: Policy, ca_file: Path | None) -> list[str]:
    """The lines to print. `urls` are origins (`https://127.0.0.1:8443`); a root that is not kept has no `ca_file`."""
    trust = f"--cacert {ca_file}" if ca_file is not None else "--insecure"
    first = urls[0] if urls else "https://127.0.0.1:8443"
    return [
        "An EST server (RFC 7030) for labs and tests. Its CA is not for production: it issues to anyone who knows the",
        "passwords below, and cannot revoke. Its key is fresh at every start unless a folder is given to keep it in.",
        "",
        *(f"  listening    {url}/.well-known/est/" for url in urls),
        *(f"  HTTP Basic   {line}" for line in _accounts(policy.accounts)),
        *(f"  labels       {label}" for label in policy.labels),
        f"  root CA      {ca_file if ca_file is not None else 'not kept in a file; GET cacerts has it'}",
        f"  SHA-256      {fingerprint(authority.certificate, 'sha256')}",
        "",
        f"  try          curl {trust} {first}/.well-known/est/cacerts",
    ]


def _accounts(accounts: Mapping[str, str]) -> list[str]:
    return [f"{user} / {password}" for user, password in accounts.items()] or ["no account"]
