"""`--capture DIR`: what is kept of each EST exchange, and what never is."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

import fortish
from fortish.errors import UsageError
from fortish.main import main

IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
ENROLL = (
    "execute vpn certificate local generate est {name} ec-secp256r1 https://testrfc7030.com:8443 CN={name}"
    ' "" estuser estpwd "" "" KeyPassw0rd'
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture") / "inner"
    with fortish.Appliance(network="lab", capture=folder) as box:
        session = box.session()
        session.run(IMPORT)
        session.run(ENROLL.format(name="a"))
        session.run(ENROLL.format(name="b").replace("estpwd", "wrongpwd"))
    return folder


def test_each_exchange_has_a_folder_in_order(kept: Path) -> None:
    names = sorted(path.name for path in kept.iterdir())
    assert names[:3] == ["0001-cacerts", "0002-csrattrs", "0003-simpleenroll"] and len(names) == 6


def test_requests_and_answers_are_kept_raw_and_decoded(kept: Path) -> None:
    enroll = kept / "0003-simpleenroll"
    request = x509.load_pem_x509_csr((enroll / "csr.pem").read_bytes())
    assert request.is_signature_valid and "CN=a" in (enroll / "csr.txt").read_text()
    assert "HTTP/1.1 200 OK" in (enroll / "response.txt").read_text()
    issued = x509.load_pem_x509_certificate((enroll / "certificates.pem").read_bytes())
    assert issued.public_key() == request.public_key()
    assert "secp384r1" in (kept / "0002-csrattrs" / "csrattrs.txt").read_text()
    assert "TLSv1." in (enroll / "connection.txt").read_text()


def test_a_refusal_is_kept_too(kept: Path) -> None:
    assert "401" in (kept / "0006-simpleenroll" / "response.txt").read_text()


def test_no_password_and_no_private_key_is_kept(kept: Path) -> None:
    for path in kept.rglob("*.txt"):
        text = path.read_text()
        assert not any(secret in text for secret in ("estpwd", "wrongpwd", "KeyPassw0rd", "ZXN0dXNlcj", "PRIVATE KEY"))
    assert "authorization: Basic (not kept)" in (kept / "0003-simpleenroll" / "request.txt").read_text()


def test_a_folder_that_is_there_is_gone_on_with(kept: Path) -> None:
    with fortish.Appliance(network="lab", capture=kept) as box:
        box.session().run(IMPORT)
        box.session().run(ENROLL.format(name="c"))
    assert (kept / "0007-cacerts").is_dir()


def test_a_folder_that_cannot_be_is_an_unusable_argument(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UsageError):
        fortish.Appliance(network="lab", capture=file / "x")
    assert main(["replay", "--capture", str(file / "x"), "-c", "show"]) == 2
    assert "--capture" in capsys.readouterr().err
