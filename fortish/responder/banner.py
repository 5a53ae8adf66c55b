"""What `fortish responder` prints when it starts: where it listens, whom it lets in, what a client must trust."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fortish.pki.text import fingerprint
from fortish.responder.policy import Kind, Label, Policy
from fortish.responder.revocation import PATH
from fortish.responder.state import Responder


def banner(urls: Sequence[str], state: Responder, ca_file: Path | None) -> list[str]:
    """The lines to print. `urls` are origins (`https://127.0.0.1:8443`); a root that is not kept has no `ca_file`."""
    trust = f"--cacert {ca_file}" if ca_file is not None else "--insecure"
    first = urls[0] if urls else "https://127.0.0.1:8443"
    policy = state.policy
    schemes = " and ".join(name.capitalize() for name in policy.http_auth)
    return [
        "An EST server (RFC 7030) for labs and tests. Its CA is not for production: it issues to anyone who knows the",
        "passwords below. Its key is fresh at every start unless a folder is given to keep it in, and then in clear.",
        "",
        *(f"  listening    {url}/.well-known/est/" for url in urls),
        *(f"  HTTP         {line} ({schemes})" for line in _accounts(policy.accounts)),
        *(f"  TLS-SRP      {line}" for line in _accounts(policy.srp_accounts)),
        *(f"  label        {name}{_words(label)}" for name, label in policy.labels.items()),
        *(f"  policy       {words}" for words in _settings(policy)),
        *(f"  CA           {words}" for words in _cas(policy.kinds())),
        f"  root CA      {ca_file if ca_file is not None else 'not kept in a file; GET cacerts has it'}",
        f"  SHA-256      {fingerprint(state.authority.certificate, 'sha256')}",
        f"  revocation   {first}{PATH}",
        "",
        f"  try          curl {trust} {first}/.well-known/est/cacerts",
    ]


def _accounts(accounts: Mapping[str, str]) -> list[str]:
    return [f"{user} / {password}" for user, password in accounts.items()] or ["no account"]


def _words(label: Label) -> str:
    found = [
        "keeps subject and alternative names" if label.keep_subject else "",
        f"CA {label.ca}" if label.ca else "",
        "issues to registration authorities" if label.ra else "",
        f"approval {label.approval}" if label.approval else "",
        f"linking {label.pop}" if label.pop else "",
        f"HTTP {' and '.join(label.http_auth)}" if label.http_auth else "",
        f"{label.days} days" if label.days else "",
    ]
    text = ", ".join(filter(None, found))
    return f" ({text})" if text else ""


def _settings(policy: Policy) -> Iterator[str]:
    """What is not as it usually is."""
    if policy.pop != "off":
        yield f"linking of identity and possession is {policy.pop}"
    if policy.approval == "manual":
        after = "" if policy.approve_after is None else f", or by itself after {policy.approve_after} seconds"
        yield f"every request waits for approval{after}"
    for operation, fault in policy.faults.items():
        yield f"{'everything' if operation == '*' else operation} goes wrong: {fault.says or 'as the policy spells it'}"


def _cas(kinds: Mapping[str, Kind]) -> Iterator[str]:
    """Every CA that is more than one root of the usual name."""
    for name, kind in kinds.items():
        more = [word for word in ("intermediate", "rollover") if getattr(kind, word)]
        if name or more:
            yield f"{name or 'the usual one'}{': ' if more else ''}{', '.join(more)}"
