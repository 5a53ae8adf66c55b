"""Explicit and implicit trust anchors (RFC 7030 sections 3.3.1, 3.6 and 4.1.3), over real TLS.

The public bundle is a file of the test's own: its CAs are real, only nobody knows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import certifi
import pytest
from cryptography import x509

import fortish
from fortish.box import CA
from fortish.cmdb.entries import GLOBAL
from fortish.network import tls
from fortish.pki import pem, pkcs7
from fortish.responder.authority import Authority
from fortish.responder.faults import Fault
from fortish.responder.policy import Policy
from fortish.responder.state import Responder

URL = "https://testrfc7030.com:8443"
FETCH = f"execute vpn certificate ca import est {URL}"
IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
ENROLL = f'execute vpn certificate local generate est n ec-secp256r1 {URL} CN=n "" estuser estpwd'
KEYGEN = ENROLL.replace(" est n ", " est-serverkeygen k ")
AGAIN = "execute vpn certificate local generate est n"
WHEN = "2023-04-06T22:37:34Z"
NOW = datetime(2023, 4, 6, 22, 37, 34, tzinfo=UTC)
UNKNOWN = "self-signed certificate in certificate chain"
DEBUG = "diagnose debug application est -1\ndiagnose debug enable\n"


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The public bundle's file. Contexts that have read another one are forgotten before and after."""
    path = tmp_path / "bundle.pem"
    monkeypatch.setattr(certifi, "where", lambda: str(path))
    tls._SHARED.clear()
    yield path
    tls._SHARED.clear()


def box_before(server: Responder, state: Path | None = None) -> fortish.Appliance:
    """A box in a world whose EST server is `server`."""
    box = fortish.Appliance(network="lab", hostname="FGT", state=state, clock=WHEN)
    box.runtime.network._make = lambda now: server  # type: ignore[attr-defined]
    return box


def store(box: fortish.Appliance) -> list[x509.Certificate]:
    return [pem.certificate(row.values["ca"]) for row in box.cmdb.rows(GLOBAL, CA).values()]


def test_a_server_that_the_boxs_own_ca_has_verified_is_no_longer_verified_by_a_public_one(
    bundle: Path, tmp_path: Path
) -> None:
    ours, impostor = Responder(Authority.fresh(NOW)), Responder(Authority.fresh(NOW, "a public CA"))
    bundle.write_text(pem.pem(impostor.authority.certificate))
    with box_before(ours, tmp_path / "box.db") as box:
        box.session().run(IMPORT)
        session = box.session()
        session.run(ENROLL)
        assert not session.failed
    with box_before(impostor, tmp_path / "box.db") as box:  # another day, and somebody else behind the name
        session = box.session()
        session.play(DEBUG)
        for line, answers in ((AGAIN, ["y"]), (FETCH, ["n"])):
            said = session.run(line, answers=answers)
            assert session.failed and UNKNOWN in said
            assert "the public CAs do not count for this server: the box's own have verified it before" in said
        looked = [(visit.operation, visit.account) for visit in impostor.history]
        assert looked == [("cacerts", "")]  # for the question about the fingerprint, and nothing else
        box.session().run(IMPORT)  # the administrator may still say that it is all right
        session.run(FETCH)
        assert not session.failed


def test_without_that_memory_a_public_ca_is_enough(bundle: Path) -> None:
    """What the test above would find if nothing were remembered: the bundle of these tests does count."""
    other = Responder(Authority.fresh(NOW, "a public CA"))
    bundle.write_text(pem.pem(other.authority.certificate))
    with box_before(other) as box:
        session = box.session()
        session.run(FETCH)
        assert not session.failed and store(box) == [other.authority.certificate]


def test_a_server_that_only_a_public_ca_verifies_goes_on_being_verified_by_it(bundle: Path) -> None:
    """Its own CA could not verify it, and TLS cannot ask it for another certificate ("trusted CA indication")."""
    server = Responder(Authority.fresh(NOW), Policy.from_toml('cas.iot = {}\nlabels.iot = { ca = "iot" }'))
    bundle.write_text(pem.pem(server.authority.certificate))
    with box_before(server) as box:
        session = box.session()
        session.run(f"{ENROLL} iot")
        assert not session.failed and store(box) == [server.hierarchy("iot", NOW).root.certificate]
        session.run(AGAIN, answers=["y"])
        assert not session.failed and not box.runtime.box.anchored


def test_a_key_is_not_taken_from_a_server_that_only_a_public_ca_verifies(bundle: Path) -> None:
    """RFC 7030 section 6."""
    server = Responder(Authority.fresh(NOW))
    bundle.write_text(pem.pem(server.authority.certificate))
    with box_before(server) as box:
        session = box.session()
        said = session.run(KEYGEN)
        assert session.failed and UNKNOWN in said and not server.history
        session.run(FETCH)  # the public CA vouches for cacerts, and with those the server is known by itself
        session.run(KEYGEN)
        assert not session.failed


def test_a_ca_that_is_named_switches_the_public_ones_off(bundle: Path) -> None:
    """RFC 7030 section 3.1: the implicit trust anchors can be disabled."""
    server, other = Responder(Authority.fresh(NOW)), Authority.fresh(NOW, "another CA")
    bundle.write_text(pem.pem(server.authority.certificate))
    with box_before(server) as box:
        session = box.session()
        session.play(f'config vpn certificate ca\nedit other\nset ca "{pem.pem(other.certificate)}"\nnext\nend\n')
        said = session.run(f'{ENROLL} "" other')
        assert session.failed and UNKNOWN in said and not server.history
        session.run(ENROLL)
        assert not session.failed


def test_what_the_store_no_longer_holds_binds_nobody(bundle: Path) -> None:
    server = Responder(Authority.fresh(NOW))
    bundle.write_text(pem.pem(server.authority.certificate))
    with box_before(server) as box:
        session = box.session()
        session.run(FETCH)
        assert box.runtime.box.anchored == {(GLOBAL, URL)}  # by the root that cacerts has brought
        session.play("config vpn certificate ca\ndelete G_CA_Cert_1\nend\n")
        session.run(FETCH)
        assert not session.failed


def test_factory_settings_bind_nobody(bundle: Path) -> None:
    server = Responder(Authority.fresh(NOW))
    bundle.write_text(pem.pem(server.authority.certificate))
    with box_before(server) as box:
        session = box.session()
        session.run(FETCH)
        assert box.runtime.box.anchored
        session.run("execute factoryreset", answers=["y"])
        assert not box.runtime.box.anchored


# --- what cacerts may bring ------------------------------------------------------------------------------------------


def offering(server: Responder, *certificates: x509.Certificate) -> None:
    """From now on cacerts brings these."""
    import base64

    body = base64.b64encode(pkcs7.write_certs(certificates))
    fault = Fault(status=200, body=body, content_type="application/pkcs7-mime")
    server.policy = replace(server.policy, faults=MappingProxyType({"cacerts": fault}))


def test_only_the_newest_root_is_believed_because_a_server_sends_it() -> None:
    """All others must be valid under it (RFC 7030 section 4.1.3, RFC 5272 section 4.1)."""
    server, stranger = Responder(Authority.fresh(NOW)), Authority.fresh(datetime(2020, 1, 1, tzinfo=UTC), "stranger")
    child = stranger.below(NOW, "the stranger's child")
    mine = server.authority.below(NOW, "a child")
    offering(server, stranger.certificate, child.certificate, mine.certificate, server.authority.certificate)
    with box_before(server) as box:
        session = box.session()
        session.run(IMPORT)
        session.play(DEBUG)
        said = session.run(FETCH)
        assert not session.failed and store(box) == [server.authority.certificate, mine.certificate]
        assert said.count("Skipped a cert: ") == 2


def test_a_fingerprint_that_was_accepted_vouches_for_that_root_alone() -> None:
    server, stranger = Responder(Authority.fresh(NOW)), Authority.fresh(datetime(2020, 1, 1, tzinfo=UTC), "stranger")
    offering(server, stranger.certificate, server.authority.certificate)
    with box_before(server) as box:
        session = box.session()
        session.run(FETCH, answers=["y"])
        assert not session.failed and store(box) == [server.authority.certificate]


@pytest.mark.parametrize("linked", [True, False])
def test_an_old_root_needs_its_link_to_the_new_one(linked: bool) -> None:
    """OldWithNew (RFC 4210 section 4.4): the new root was accepted by its fingerprint, and vouches for the old one."""
    server = Responder(Authority.fresh(NOW), Policy.from_toml("rollover = true"))
    new, old, old_with_new, new_with_old = server.hierarchy("", NOW).published
    offering(server, old, new_with_old, new, *([old_with_new] if linked else []))
    with box_before(server) as box:
        session = box.session()
        session.run(FETCH, answers=["y"])
        assert session.failed is not linked  # the server itself still has a certificate of the old root
        assert set(store(box)) == ({new, old, old_with_new, new_with_old} if linked else set())
