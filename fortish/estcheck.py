"""`fortish est-check URL`: the walk through an EST server carried out, and its verdicts as text, JSON or JUnit XML."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from xml.sax.saxutils import quoteattr

from fortish.boot import Options, boot
from fortish.drive import drive
from fortish.errors import UsageError
from fortish.est.auth import http_fault
from fortish.est.conformance import walk
from fortish.est.context import TIMEOUT, EstContext, split_url
from fortish.est.verdicts import Result, Verdict
from fortish.network.world import LabNetwork
from fortish.steps import Credential


async def check(
    url: str,
    *,
    trust: Path | None,
    label: str = "",
    credentials: tuple[str, str] | None = None,
    network: str = "real",
    timeout: float = TIMEOUT,
    cert: Path | None = None,
    key: Path | None = None,
) -> list[Verdict]:
    """The verdicts on the server at `url`, which may take `timeout` seconds for each answer. Raises `UsageError`.

    `cert` and `key` are PEM files, or one file: a client certificate, with its chain, and its key in clear.
    """
    from fortish.pki import pem

    try:
        host, port = split_url(url)
    except ValueError:
        raise UsageError(f"{url}: not https://host[:port]") from None
    if credentials is not None and (wrong := http_fault(*credentials)):
        raise UsageError(wrong())
    anchors, own = _anchors(trust), None if cert is None else _credential(cert, key or cert)
    runtime = boot(Options(network=network))
    context = EstContext("est-check", url.rstrip("/"), host, port, ca_identifier=label or None, timeout=timeout)
    if isinstance(runtime.network, LabNetwork) and not anchors:
        anchors = (pem.pem(runtime.network.responder.authority.certificate),)
    try:
        verdicts: list[Verdict] = await drive(walk(runtime.box, context, anchors, credentials, own), runtime)
        return verdicts
    finally:
        await runtime.network.close()


def _anchors(trust: Path | None) -> tuple[str, ...]:
    """The CA certificates of a file. Raises `UsageError`."""
    from fortish.pki import pem
    from fortish.pki.faults import PkiFault

    if trust is None:
        return ()
    try:
        return tuple(map(pem.pem, pem.certificates(trust.read_bytes())))
    except OSError as error:
        raise UsageError(f"--trust {trust}: {error.strerror}") from None
    except PkiFault as fault:
        raise UsageError(f"--trust {trust}: {fault.reason}") from None


def _credential(cert: Path, key: Path) -> Credential:
    """A client certificate and its key. Raises `UsageError`: they cannot be read, or do not belong together."""
    from fortish.pki import keys, pem
    from fortish.pki.faults import PkiFault

    password = secrets.token_hex(16)
    option, path = "--cert", cert
    try:
        chain = pem.certificates(cert.read_bytes())
        option, path = "--key", key
        private = keys.load_private(key.read_text("latin-1"), "")
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}") from None
    except PkiFault as fault:
        raise UsageError(f"{option} {path}: {fault.reason}") from None
    if not keys.same_key(chain[0], private):
        raise UsageError(f"--key {key}: not the key of the certificate in {cert}")
    return Credential(cert.name, "\n".join(map(pem.pem, chain)), keys.encrypted_pem(private, password), password)


def report(url: str, verdicts: list[Verdict], form: str) -> str:
    """The verdicts as text, json or junit."""
    if form == "json":
        rows = [{"section": v.section, "check": v.title, "result": v.result.value, "cause": v.cause} for v in verdicts]
        return json.dumps({"server": url, "failed": failures(verdicts), "checks": rows}, indent=2)
    if form == "junit":
        return "\n".join(_junit(url, verdicts))
    lines = [f"{v.result.value:<5} {v.section:<15} {v.title}{f': {v.cause}' if v.cause else ''}" for v in verdicts]
    return "\n".join([*lines, "", f"{failures(verdicts)} of {len(verdicts)} checks failed"])


def failures(verdicts: list[Verdict]) -> int:
    """How many checks failed."""
    return sum(verdict.result is Result.FAIL for verdict in verdicts)


def _junit(url: str, verdicts: list[Verdict]) -> list[str]:
    skipped = sum(verdict.result is Result.SKIP for verdict in verdicts)
    head = f'name={quoteattr(url)} tests="{len(verdicts)}" failures="{failures(verdicts)}" skipped="{skipped}"'
    lines = ['<?xml version="1.0" encoding="utf-8"?>', f"<testsuite {head}>"]
    for verdict in verdicts:
        case = f"<testcase classname={quoteattr(verdict.section)} name={quoteattr(verdict.title)}"
        inner = {Result.FAIL: "failure", Result.SKIP: "skipped"}.get(verdict.result)
        if inner is None:
            lines.append(f"  {case}/>")
        else:
            lines += [f"  {case}>", f"    <{inner} message={quoteattr(verdict.cause)}/>", "  </testcase>"]
    return [*lines, "</testsuite>"]
