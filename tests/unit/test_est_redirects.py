"""Redirections (RFC 7030 section 3.2.1): inside the origin, and to another one, over real TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from cryptography import x509

import fortish
from fortish.box import LOCAL
from fortish.cmdb.entries import GLOBAL
from fortish.est import wire
from fortish.responder.faults import Fault
from fortish.responder.policy import Policy

IMPORT = "execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10"
ENROLL = "execute vpn certificate local generate est {name} ec-secp256r1 https://testrfc7030.com:8443 CN={name} {rest}"
USER = '"" estuser estpwd'
HOLDER = '"" "" "" "" "" "" first'  # the certificate `first` is the client certificate
FETCH = "execute vpn certificate ca import est https://testrfc7030.com:8443"
AGAIN = "execute vpn certificate local generate est n"
GOOD = "/.well-known/est/fault-wrap-odd/"  # where the fault that redirects is not in force
ELSEWHERE, STRANGER = "https://est2.example:8443", "https://other.example:8443"


@pytest.fixture
def box() -> Iterator[fortish.Appliance]:
    """A box with a certificate, in a world whose EST server has a second name, and a third that it cannot prove."""
    with fortish.Appliance(network="lab", hostname="FGT", clock="2023-04-06T22:37:34Z") as appliance:
        network: Any = appliance.runtime.network
        network.names |= {"est2.example": "54.70.32.33", "other.example": "54.70.32.33"}
        network.certified = "testrfc7030.com", "est2.example"
        session = appliance.session()
        session.run(IMPORT)
        session.run(ENROLL.format(name="first", rest=USER))
        assert not session.failed
        yield appliance


def server(box: fortish.Appliance) -> Any:
    return box.runtime.network.responder  # type: ignore[attr-defined]


def redirecting(box: fortish.Appliance, policy: str = "", **locations: str) -> None:
    """From now on each of these operations is redirected."""
    faults = {
        operation: Fault(status=307, headers=(("Location", location),)) for operation, location in locations.items()
    }
    server(box).policy = replace(Policy.from_toml(policy), faults=MappingProxyType(faults))
    server(box).history.clear()


def visits(box: fortish.Appliance) -> list[tuple[str, int, str]]:
    return [(visit.operation, visit.status, visit.account) for visit in server(box).history]


def watching(box: fortish.Appliance) -> Any:
    session = box.session()
    session.play("diagnose debug application est -1\ndiagnose debug enable\n")
    return session


HERE = "https://a.example:8443/.well-known/est/simpleenroll"


@pytest.mark.parametrize(
    ("location", "there", "same"),
    [
        ("/other/simpleenroll", "https://a.example:8443/other/simpleenroll", True),
        ("https://a.example:8443/x#y", "https://a.example:8443/x", True),
        ("https://A.EXAMPLE:8443/x", "https://A.EXAMPLE:8443/x", True),
        ("https://a.example/x", "https://a.example/x", False),
        ("//b.example:8443/x", "https://b.example:8443/x", False),
        ("http://a.example:8443/x", None, False),
        ("https://a.example:99999/x", None, False),
        ("https://a.example:0/x", None, False),
        ("https://a.example@b.example/x", None, False),
        ("https://user:password@a.example:8443/x", None, False),
        ("https://[", None, False),
        ("ftp://a.example/x", None, False),
        ("https:///x", "https://a.example:8443/x", True),
        ("", HERE, True),
    ],
)
def test_a_location_is_an_https_address_of_this_origin_or_of_another(
    location: str, there: str | None, same: bool
) -> None:
    found = wire.redirected(HERE, location)
    assert found == there
    assert found is None or (wire.origin(found) == wire.origin(HERE)) is same


def test_a_redirection_inside_the_origin_is_followed_for_a_post(box: fortish.Appliance) -> None:
    redirecting(box, simpleenroll="/.well-known/est/full/simpleenroll")
    session = box.session()
    said = session.run(ENROLL.format(name="n", rest=USER))
    assert "redirects more than 5 times" in said
    assert [visit.label for visit in server(box).history][-2:] == ["full", "full"]
    redirecting(box, simpleenroll=f"{GOOD}simpleenroll")
    session.run(ENROLL.format(name="n", rest=USER))
    assert not session.failed and visits(box)[-1] == ("simpleenroll", 200, "estuser")


@pytest.mark.parametrize(("status", "then"), [(301, 405), (302, 405), (303, 200), (307, 405), (308, 405)])
def test_a_request_is_repeated_where_it_is_redirected_to_but_the_answer_is_fetched_after_303(
    box: fortish.Appliance, status: int, then: int
) -> None:
    """RFC 9110 section 15.4: 303 is another address to look at. At cacerts a POST is refused, a GET is not."""
    fault = Fault(status=status, headers=(("Location", f"{GOOD}cacerts"),))
    server(box).policy = replace(server(box).policy, faults=MappingProxyType({"simpleenroll": fault}))
    said = box.session().run(ENROLL.format(name="n", rest=USER))
    assert [visit[:2] for visit in visits(box)[-2:]] == [("simpleenroll", status), ("cacerts", then)]
    assert ("no certificate for our key" in said) is (then == 200)


def test_a_get_is_followed_to_another_server_unasked_and_what_comes_next_is_asked_at_home(
    box: fortish.Appliance,
) -> None:
    redirecting(box, cacerts=f"{ELSEWHERE}{GOOD}cacerts", csrattrs=f"{ELSEWHERE}{GOOD}csrattrs")
    session = watching(box)
    said = session.run(ENROLL.format(name="n", rest=USER))
    assert not session.failed, said
    assert said.count("Connecting to another server, est2.example port 8443") == 1  # one connection for both
    assert "do you want" not in said.lower()
    assert visits(box) == [
        ("cacerts", 307, ""),
        ("cacerts", 200, ""),
        ("csrattrs", 307, ""),
        ("csrattrs", 200, ""),
        ("simpleenroll", 200, "estuser"),
    ]


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (STRANGER, "no alternative certificate subject name matches target host name 'other.example'"),
        ("https://nobody.example", "Could not resolve host: nobody.example"),
        ("https://testrfc7030.com", "Failed to connect to testrfc7030.com port 443"),
    ],
)
@pytest.mark.parametrize("operation", ["cacerts", "simpleenroll"])
def test_another_server_is_verified_as_the_first_one(
    box: fortish.Appliance, where: str, reason: str, operation: str
) -> None:
    redirecting(box, **{operation: f"{where}{GOOD}{operation}"})
    session = watching(box)
    said = session.run(ENROLL.format(name="n", rest=USER), answers=["y"] if operation == "simpleenroll" else [])
    assert session.failed and reason in said
    assert visits(box)[-1] == (operation, 307, "")


@pytest.mark.parametrize("answers", [["n"], []])
def test_a_post_to_another_server_needs_a_yes(box: fortish.Appliance, answers: list[str]) -> None:
    redirecting(box, simpleenroll=f"{ELSEWHERE}{GOOD}simpleenroll")
    session = box.session()
    said = session.run(ENROLL.format(name="n", rest=USER), answers=answers)
    assert "redirects the request to another server:\n  https://est2.example:8443/" in said
    assert session.failed and "nobody has agreed" in said
    assert visits(box)[-1][:2] == ("simpleenroll", 307) and "n" not in box.cmdb.rows(GLOBAL, LOCAL)


def test_a_yes_sends_the_request_and_neither_user_nor_password(box: fortish.Appliance) -> None:
    for policy in ("", 'http-auth = ["digest"]'):
        redirecting(box, policy, simpleenroll=f"{ELSEWHERE}{GOOD}simpleenroll")
        session = box.session()
        said = session.run(ENROLL.format(name="n", rest=USER), answers=["y"])
        assert session.failed and "the server answered 401" in said
        assert visits(box)[-1] == ("simpleenroll", 401, "")


def test_who_shows_a_certificate_is_served_elsewhere_too(box: fortish.Appliance) -> None:
    redirecting(box, simpleenroll=f"{ELSEWHERE}{GOOD}simpleenroll")
    session = box.session()
    session.run(ENROLL.format(name="n", rest=HOLDER), answers=["y"])
    assert not session.failed
    assert visits(box)[-1] == ("simpleenroll", 200, "CN=first")


def test_a_request_that_is_bound_to_its_session_is_made_anew_for_the_other_server(box: fortish.Appliance) -> None:
    redirecting(box, 'pop = "required"', simpleenroll=f"{ELSEWHERE}{GOOD}simpleenroll")
    session = watching(box)
    said = session.run(ENROLL.format(name="n", rest=HOLDER), answers=["y"])
    assert not session.failed, said  # so the server has found its own tls-unique in it
    posted = [part.partition("|||")[0] for part in said.split("Data to be posted: |||")[1:]]
    first, second = (x509.load_der_x509_csr(wire.decode(body.encode())) for body in posted)
    assert first.public_key() == second.public_key()  # the key need not be made anew
    assert first.attributes.get_attribute_for_oid(CHALLENGE) != second.attributes.get_attribute_for_oid(CHALLENGE)


CHALLENGE = x509.ObjectIdentifier("1.2.840.113549.1.9.7")


def test_in_the_background_nobody_can_agree(box: fortish.Appliance) -> None:
    session = box.session()
    session.run(ENROLL.format(name="n", rest=USER))
    before = box.certificate("n").pem
    redirecting(box, simplereenroll=f"{ELSEWHERE}{GOOD}simplereenroll")
    session.play("config vpn certificate local\nedit n\nset auto-regenerate-days 364\nend\n")
    box.advance(seconds=30)
    assert visits(box)[-1][:2] == ("simplereenroll", 307)
    assert box.events[-1].id == 41990 and "nobody has agreed" in box.events[-1].fields["reason"]
    assert box.certificate("n").pem == before
    session.run(AGAIN, answers=["y", "y"])  # at the console somebody can
    assert not session.failed and box.certificate("n").pem != before


def test_tls_srp_is_for_one_server(box: fortish.Appliance) -> None:
    pytest.importorskip("tlslite")
    redirecting(box, cacerts=f"{ELSEWHERE}{GOOD}cacerts")
    session = box.session()
    srp = '"" "" "" "" "" "" "" "" srpuser srppwd'
    said = session.run(ENROLL.format(name="n", rest=srp))
    assert session.failed and "TLS-SRP authorises one server, and this is another" in said


def test_a_server_that_is_not_verified_sends_nobody_elsewhere() -> None:
    with fortish.Appliance(network="lab", hostname="FGT") as fresh:
        fresh.runtime.network.names["est2.example"] = "54.70.32.33"  # type: ignore[attr-defined]
        redirecting(fresh, cacerts=f"{ELSEWHERE}{GOOD}cacerts")
        session = fresh.session()
        said = session.run(FETCH, answers=["y"])
        assert session.failed and "it is another server, and this one is not verified" in said
        assert len(server(fresh).history) == 1


def test_an_address_that_is_none_is_not_followed(box: fortish.Appliance) -> None:
    redirecting(box, cacerts="http://testrfc7030.com/.well-known/est/cacerts")
    session = box.session()
    said = session.run(ENROLL.format(name="n", rest=USER))
    assert session.failed and "not followed, it is no usable https address" in said


def test_back_home_and_in_circles_between_two_servers(box: fortish.Appliance) -> None:
    redirecting(box, cacerts=f"{ELSEWHERE}/.well-known/est/cacerts")
    session = watching(box)
    said = session.run(ENROLL.format(name="n", rest=USER))
    assert session.failed and "redirects more than 5 times" in said
    assert said.count("Connecting to another server") == 1
