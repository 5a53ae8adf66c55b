"""The box against servers in the style of others, `tests.peer_servers`, docs/peers.md: an enrollment and a renewal."""

from __future__ import annotations

from pathlib import Path

import pytest

import fortish
from fortish.main import main
from tests.peer_servers import STYLES, Ejbca, LibestKeygen, OpenXpki, XiPki
from tests.served import Style, serving

GENERATE = "execute vpn certificate local generate"
NEW = f'{GENERATE} {{how}} n ec-secp256r1 https://localhost:{{port}} CN=n "" estuser estpwd {{label}}'
RENEW = f"{GENERATE} est n"


def made(box: fortish.Appliance, style: Style, port: int, how: str = "est") -> str:
    session = box.session()
    printed = session.run(NEW.format(how=how, port=port, label=style.label))
    assert not session.failed, printed
    return printed


def serial(box: fortish.Appliance) -> int:
    return box.certificate("n").x509.serial_number


@pytest.mark.parametrize("name", [name for name, style in STYLES.items() if style is not OpenXpki])
def test_a_certificate_is_had_and_renewed(name: str, tmp_path: Path) -> None:
    with serving(STYLES[name], tmp_path) as (style, port):
        with fortish.Appliance(network="real", trust=tmp_path / "ca.pem") as box:
            made(box, style, port)
            first = serial(box)
            session = box.session()
            printed = session.run(RENEW, answers=["y"])
            assert not session.failed, printed
            assert serial(box) > first
    assert [one.operation for one in style.seen if one.method == "POST"][-1] == "simplereenroll"


def test_a_request_that_waits_at_openxpki_is_repeated_as_it_was(tmp_path: Path) -> None:
    with serving(OpenXpki, tmp_path) as (style, port):
        with fortish.Appliance(network="real", trust=tmp_path / "ca.pem") as box:
            assert "asked again in 1 second" in made(box, style, port)
            box.advance(seconds=2)
            assert serial(box)
    first, second = (one.body for one in style.seen if one.operation == "simpleenroll")
    assert first == second


@pytest.mark.parametrize("kind", [Ejbca, LibestKeygen, XiPki])
def test_the_key_that_a_server_makes_is_taken(kind: type[Style], tmp_path: Path) -> None:
    with serving(kind, tmp_path) as (style, port):
        with fortish.Appliance(network="real", trust=tmp_path / "ca.pem") as box:
            made(box, style, port, "est-serverkeygen")
            assert serial(box) == 7


def test_the_http_user_is_sent_to_a_renewal_only_when_it_is_asked_for(tmp_path: Path) -> None:
    for name, wanted in (("Dogtag", [False]), ("libest, Basic", [False, True]), ("Infisical", [False, True])):
        with serving(STYLES[name], tmp_path) as (style, port):
            with fortish.Appliance(network="real", trust=tmp_path / "ca.pem") as box:
                made(box, style, port)
                box.session().run(RENEW, answers=["y"])
        renewals = [one for one in style.seen if one.operation == "simplereenroll"]
        assert ["authorization" in one.fields for one in renewals] == wanted
        assert all(one.shown for one in renewals)


def test_est_check_looks_at_a_certificate_that_comes_with_201(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORTISH_PASSWORD", "estpwd")
    with serving(STYLES["foundries.io"], tmp_path) as (_, port):
        main(["est-check", f"https://localhost:{port}", "--trust", f"{tmp_path / 'ca.pem'}", "--user", "estuser"])
    printed = capsys.readouterr().out
    assert "pass  RFC 7030 4.2.3  simpleenroll issues a certificate for the key of the request" in printed
    assert "simpleenroll's answer comes at once, over HTTP/1.1: answered with 201" in printed
