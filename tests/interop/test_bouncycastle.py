"""Bouncy Castle's EST client for Java against our server. It needs a JDK and Debian's libbcpkix-java."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from tests.interop.conftest import Server, Tool

JARS = [Path("/usr/share/java", f"{name}.jar") for name in ("bcpkix", "bcprov", "bcutil")]
SOURCE = Path(__file__).with_name("Enroll.java")
pytestmark = pytest.mark.skipif(
    shutil.which("javac") is None or not all(jar.exists() for jar in JARS), reason="there is no Bouncy Castle"
)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("classes")
    path = ":".join(map(str, JARS))
    subprocess.run(["javac", "-cp", path, "-d", folder, SOURCE], check=True, timeout=200)
    return f"{path}:{folder}"


def enroll(server: Server, tool: Tool, classes: str, password: str = "estpwd", **how: bool):
    where = server.url.removeprefix("https://")
    return tool("java", "-cp", classes, "Enroll", where, server.ca, "estuser", password, **how)


@pytest.mark.parametrize("schemes", ["basic", "digest", 'digest", "basic'])
def test_it_enrolls(server: Server, tool: Tool, classes: str, schemes: str) -> None:
    """It looks at the first challenge only, and gets over no value without quotes."""
    server.obeys(f'http-auth = ["{schemes}"]')
    ended = enroll(server, tool, classes)
    issued = x509.load_pem_x509_certificate(ended.stdout)
    issued.verify_directly_issued_by(server.state.authority.certificate)
    assert ended.stderr.count(b"csrattrs 1.3.132.0.34\n") == 1
    assert b"cacerts 1\n" in ended.stderr


@pytest.mark.parametrize("retry", ["1", '"date"'])
def test_it_waits_for_an_approval(server: Server, tool: Tool, classes: str, retry: str) -> None:
    server.obeys(f'approval = "manual"\napprove-after = 1\nretry-after = {retry}')
    ended = enroll(server, tool, classes)
    assert x509.load_pem_x509_certificate(ended.stdout)
    assert b"waits until" in ended.stderr and ("simpleenroll", 202) in server.statuses


def test_it_gets_nothing_with_a_wrong_password(server: Server, tool: Tool, classes: str) -> None:
    ended = enroll(server, tool, classes, "wrong", succeeds=False)
    assert ended.returncode != 0
    assert ended.stdout == b""
    assert not server.state.issued


def test_it_reads_the_rollover_set(server: Server, tool: Tool, classes: str) -> None:
    server.obeys("rollover = true")
    assert b"cacerts 4\n" in enroll(server, tool, classes).stderr
