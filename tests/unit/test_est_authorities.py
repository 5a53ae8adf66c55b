"""CA certificates over the years: a root that is replaced, an intermediate, a server that is known by its purpose."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

import fortish
from fortish.box import CA
from fortish.cmdb.entries import GLOBAL
from fortish.errors import LinkLost
from fortish.network import tls
from fortish.pki import chains, keys, pem
from fortish.responder.authority import Authority
from fortish.responder.policy import Policy
from fortish.steps import Peer, Trust

IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
ENROLL = 'execute vpn certificate local generate est n ec-secp256r1 https://testrfc7030.com:8443 CN=n "" estuser estpwd'
AGAIN = "execute vpn certificate local generate est n"
KINDS = ("rollover = true", "intermediate = true", "intermediate = true\nrollover = true")


@pytest.fixture
def box() -> Iterator[fortish.Appliance]:
    with fortish.Appliance(network="lab", hostname="FGT") as appliance:
        appliance.session().run(IMPORT)
        yield appliance


def responder(box: fortish.Appliance):
    return box.runtime.network.responder  # type: ignore[attr-defined]


def store(box: fortish.Appliance) -> list[x509.Certificate]:
    return [pem.certificate(row.values["ca"]) for row in box.cmdb.rows(GLOBAL, CA).values()]


def published(box: fortish.Appliance) -> set[x509.Certificate]:
    return set(responder(box).hierarchy("", datetime.now(UTC)).published)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_server_publishes_is_kept_whole_and_once(box: fortish.Appliance, kind: str) -> None:
    responder(box).policy = Policy.from_toml(kind)
    session = box.session()
    session.run(ENROLL)
    assert not session.failed
    assert set(store(box)) == published(box) and len(store(box)) == len(published(box))
    session.run("execute vpn certificate ca import est https://testrfc7030.com:8443")
    assert len(store(box)) == len(published(box))
    assert [*box.cmdb.rows(GLOBAL, CA)] == [f"G_CA_Cert_{n}" for n in range(1, len(store(box)) + 1)]
    assert chains.self_signed(store(box)[0])  # the one that was there before keeps its name
    assert all(row.values["est-url"] for row in box.cmdb.rows(GLOBAL, CA).values())


@pytest.mark.parametrize("explicit", ["", ' "" G_CA_Cert_1'])
@pytest.mark.parametrize("kind", KINDS)
def test_a_renewal_after_the_server_has_switched_verifies_and_brings_what_it_needs(
    box: fortish.Appliance, kind: str, explicit: str
) -> None:
    session = box.session()
    session.run(ENROLL + explicit)
    assert len(store(box)) == 1
    before = box.certificate("n").x509
    responder(box).policy = Policy.from_toml(kind)
    session.play("diagnose debug application est -1\ndiagnose debug enable\n")
    for asked in (True, False):  # the next renewal has what it needs
        said = session.run(AGAIN, answers=["y"])
        assert not session.failed, said
        assert ("Asking for the CA certs" in said) is asked
    renewed = box.certificate("n").x509
    assert renewed.serial_number > before.serial_number
    issuer = responder(box).hierarchy("", datetime.now(UTC)).issuer
    renewed.verify_directly_issued_by(issuer.certificate)
    assert set(store(box)) == published(box)


def test_the_chain_leads_over_a_stored_intermediate_and_the_anchor_alone_is_not_enough(box: fortish.Appliance) -> None:
    responder(box).policy = Policy.from_toml("intermediate = true")
    session = box.session()
    session.run(ENROLL + ' "" G_CA_Cert_1')
    session.play("diagnose debug application est -1\ndiagnose debug enable\n")
    said = session.run(AGAIN, answers=["y"])
    assert "Done." in said and "cacerts" not in said  # one certificate came, the root is the anchor, the rest is held


def test_a_client_shows_what_stands_between_its_certificate_and_its_root(box: fortish.Appliance) -> None:
    from fortish.est.auth import credential_of

    session = box.session()
    session.run(ENROLL)
    assert len(pem.certificates(credential_of(box.runtime.box, "n").certificate)) == 1
    responder(box).policy = Policy.from_toml("intermediate = true")
    session.run(AGAIN, answers=["y"])
    shown = pem.certificates(credential_of(box.runtime.box, "n").certificate)
    middle = next(one for one in store(box) if not chains.self_signed(one))
    assert shown == [box.certificate("n").x509, middle]


def test_a_strangers_self_signed_certificate_is_no_anchor_at_a_renewal(box: fortish.Appliance) -> None:
    """The server's own CA is not verified by being sent with the certificate (RFC 5272 section 4.1)."""
    from dataclasses import replace
    from types import MappingProxyType

    from fortish.responder.faults import Fault

    session = box.session()
    session.run(ENROLL)
    before = box.session().run("show vpn certificate")
    fault = Fault(untrusted_issuer=True, extra=True)
    responder(box).policy = replace(Policy(), faults=MappingProxyType({"simplereenroll": fault}))
    assert "not trusted" in session.run(AGAIN, answers=["y"])
    assert box.session().run("show vpn certificate") == before


@pytest.mark.parametrize("status", [201, 204, 301, 400, 401, 403, 404, 500, 501])
def test_any_answer_to_cacerts_but_200_ends_the_enrollment(box: fortish.Appliance, status: int) -> None:
    """RFC 7030 section 4.1.3. A Location would be followed, and there is none."""
    from dataclasses import replace
    from types import MappingProxyType

    from fortish.responder.faults import Fault

    responder(box).policy = replace(Policy(), faults=MappingProxyType({"cacerts": Fault(status=status)}))
    session = box.session()
    said = session.run(ENROLL)
    assert session.failed and f"the server answered {status}" in said
    assert {visit.operation for visit in responder(box).history} == {"cacerts"}


# --- id-kp-cmcRA ----------------------------------------------------------------------------------------------------

CMC_RA = ObjectIdentifier("1.3.6.1.5.5.7.3.28")
NOW = datetime(2023, 4, 6, 22, 37, 34, tzinfo=UTC)


def served(root: Authority, purposes: list[ObjectIdentifier]) -> ssl.SSLContext:
    """A server that nobody would know by its name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the RA")])
    builder = x509.CertificateBuilder(
        root.certificate.subject, name, key.public_key(), 9, NOW - timedelta(days=1), NOW + timedelta(days=9)
    )
    builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("ra.example")]), critical=False)
    text = f"{pem.pem(builder.sign(root.key, hashes.SHA256()))}\n{keys.encrypted_pem(key, 'x')}\n"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tls.pem_file(text) as path:
        context.load_cert_chain(path, password="x")
    return context


def dialled(purposes: list[ObjectIdentifier], *, partial: bool, host: str = "est.example") -> str:
    """The TLS version of a connection to that server, or why there is none."""
    root = Authority.fresh(NOW)

    async def run() -> str:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0, ssl=served(root, purposes))
        port = server.sockets[0].getsockname()[1]
        trust = Trust((pem.pem(root.certificate),), public=False, partial=partial)
        try:
            link = await tls.dial(Peer(host, port, trust), ("127.0.0.1",), port, NOW.timestamp())
            link.handle.abort()
            return link.tls_version
        except LinkLost as lost:
            return lost.reason
        finally:
            server.close()

    return asyncio.run(run())


BOTH = [ExtendedKeyUsageOID.SERVER_AUTH, CMC_RA]


@pytest.mark.parametrize(
    ("purposes", "partial", "host", "good"),
    [
        (BOTH, True, "est.example", True),  # under an explicit anchor the purpose stands for the name
        (BOTH, False, "est.example", False),  # under an implicit one it does not (RFC 7030 section 3.6.2)
        (BOTH[:1], True, "est.example", False),
        (BOTH[:1], True, "ra.example", True),
        (BOTH, False, "ra.example", True),
    ],
)
def test_id_kp_cmc_ra_stands_for_the_host_name_under_an_explicit_anchor(
    purposes: list[ObjectIdentifier], partial: bool, host: str, good: bool
) -> None:
    said = dialled(purposes, partial=partial, host=host)
    assert said.startswith("TLSv1.") if good else "no alternative certificate subject name matches" in said
