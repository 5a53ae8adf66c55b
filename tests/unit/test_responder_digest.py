"""HTTP Digest (RFC 7616) beside Basic: the RFC's own values, challenges, nonces that age, counts that are used up."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from fortish.pki import names
from fortish.pki.requests import new_request, pem_request
from fortish.responder import digest
from fortish.responder.authority import Authority
from fortish.responder.message import Refused
from fortish.responder.policy import Policy
from fortish.responder.respond import Asked, Responder, Visitor, respond

NOW = datetime(2023, 4, 6, 22, 37, 34, tzinfo=UTC)
AUTHORITY = Authority.fresh(NOW)
BODY = pem_request(
    new_request(ec.derive_private_key(7, ec.SECP256R1()), names.subject_name([("CN", "a")]), None)
).encode()
PATH = "/.well-known/est/simpleenroll"
BOTH = 'http-auth = ["basic", "digest"]'


def ask(state, authorization=None, *, now=NOW, path=PATH):
    headers = [(b"content-type", b"application/pkcs10"), (b"accept", b"*/*")]
    headers += [(b"authorization", authorization)] if authorization is not None else []
    return respond(state, Asked("POST", path, tuple(headers), BODY), Visitor(), now)


def challenges(answer) -> list[str]:
    assert answer.status == 401
    return [value for name, value in answer.headers if name == "WWW-Authenticate"]


def nonce_of(challenge: str) -> str:
    return re.search(r'nonce="([^"]+)"', challenge)[1]


def authorization(nonce, *, user="estuser", password="estpwd", algorithm="SHA-256", count=1, uri=PATH, **changed):
    hashed = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}[algorithm]

    def hexed(text):
        return hashed(text.encode()).hexdigest()

    first, second = hexed(f"{user}:estrealm:{password}"), hexed(f"POST:{uri}")
    response = hexed(f"{first}:{nonce}:{count:08x}:abc:auth:{second}")
    quoted = {"username": user, "realm": "estrealm", "nonce": nonce, "uri": uri, "cnonce": "abc", "response": response}
    plain = {"qop": "auth", "algorithm": algorithm, "nc": f"{count:08x}"}
    parts = [f'{key}="{value}"' for key, value in quoted.items()] + [f"{key}={value}" for key, value in plain.items()]
    text = ", ".join(parts)
    for old, new in changed.values():
        assert old in text
        text = text.replace(old, new)
    return f"Digest {text}".encode()


@pytest.fixture
def state() -> Responder:
    return Responder(AUTHORITY, Policy.from_toml('http-auth = ["digest"]'))


def fresh(state, now=NOW) -> str:
    return nonce_of(challenges(ask(state, now=now))[0])


# --- challenges ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "schemes"),
    [
        ("", ["Basic"]),
        ('http-auth = ["basic"]', ["Basic"]),
        ('http-auth = ["digest"]', ["Digest SHA-256", "Digest MD5"]),
        (BOTH, ["Digest SHA-256", "Digest MD5", "Basic"]),
    ],
)
def test_the_challenges_are_the_policys_the_strongest_first(text, schemes):
    found = challenges(ask(Responder(AUTHORITY, Policy.from_toml(text))))
    shown = [re.sub(r"^(\w+) .*?(?:algorithm=([\w-]+),.*)?$", r"\1 \2", one).strip() for one in found]
    assert shown == schemes
    assert all('realm="estrealm"' in one for one in found)


@pytest.mark.parametrize("agent", [None, b"libest 3.2.0", b"libest client 1.0"])
def test_who_knows_md5_alone_gets_it_first_and_bare(agent):
    """libest and Bouncy Castle look at the first challenge, and take no value that RFC 2617 does not have."""
    headers = ((b"content-type", b"application/pkcs10"), *(((b"user-agent", agent),) if agent else ()))
    answer = respond(Responder(AUTHORITY, Policy.from_toml(BOTH)), Asked("POST", PATH, headers, BODY), Visitor(), NOW)
    first, second, third = challenges(answer)
    assert re.fullmatch(r'Digest realm="estrealm", qop="auth", nonce="[0-9a-f.]+"', first)
    assert "algorithm=SHA-256," in second and third.startswith("Basic ")


def test_only_libest_may_leave_the_path_segment_out_of_the_uri():
    """RFC 7616 section 3.4.6 has it checked."""
    path = "/.well-known/est/full/simpleenroll"
    for agent, uri, status in (
        (b"libest 3.2.0", PATH, 200),
        (b"libest 3.2.0", "/.well-known/est/simplereenroll", 401),
        (b"another", PATH, 401),
    ):
        state = Responder(AUTHORITY, Policy.from_toml(BOTH))
        proof = authorization(fresh(state), algorithm="MD5", uri=uri)
        headers = ((b"content-type", b"application/pkcs10"), (b"user-agent", agent), (b"authorization", proof))
        assert respond(state, Asked("POST", path, headers, BODY), Visitor(), NOW).status == status


def test_a_label_may_have_schemes_of_its_own():
    state = Responder(AUTHORITY, Policy.from_toml('labels.d = { http-auth = ["digest"] }'))
    assert challenges(ask(state)) == ['Basic realm="estrealm"']
    path = "/.well-known/est/d/simpleenroll"
    found = challenges(ask(state, path=path))
    assert len(found) == 2
    assert ask(state, authorization(nonce_of(found[0]), uri=path), path=path).status == 200
    basic = b"Basic " + base64.b64encode(b"estuser:estpwd")
    assert ask(state, basic, path=path).status == 401 and ask(state, basic).status == 200


def test_every_challenge_has_a_nonce_of_its_own(state):
    found = [nonce_of(one) for _ in range(20) for one in challenges(ask(state))]
    assert len(set(found)) == 40


# --- proofs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_who_knows_the_password_is_let_in(state, algorithm):
    assert ask(state, authorization(fresh(state), algorithm=algorithm)).status == 200
    assert state.history[-1].account == "estuser"


def test_without_an_algorithm_it_is_md5(state):
    given = authorization(fresh(state), algorithm="MD5", gone=("algorithm=MD5, ", ""))
    assert b"algorithm" not in given and ask(state, given).status == 200


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_another_implementation_agrees(state, algorithm):
    """httpx answers the challenge; only the one with its algorithm is shown to it."""
    shown = next(one for one in challenges(ask(state)) if f"algorithm={algorithm}," in one)
    request = httpx.Request("POST", f"https://testrfc7030.com:8443{PATH}")
    flow = httpx.DigestAuth("estuser", "estpwd").auth_flow(request)
    next(flow)
    answered = flow.send(httpx.Response(401, headers={"WWW-Authenticate": shown}, request=request))
    assert ask(state, answered.headers["Authorization"].encode()).status == 200


def test_the_rfcs_own_example_is_computed_as_there():
    """RFC 7616 section 3.9.1."""
    shown = {
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "qop": "auth",
        "uri": "/dir/index.html",
    }
    realm = digest.REALM
    digest.REALM = "http-auth@example.org"
    try:
        for algorithm, response in (
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ):
            whole = {**shown, "response": response}
            assert digest._matches(algorithm, whole, "GET", "Mufasa", "Circle of Life")
            assert not digest._matches(algorithm, whole, "GET", "Mufasa", "Circle of life")
    finally:
        digest.REALM = realm


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "x"},
        {"user": "nobody"},
        {"user": "nobody", "password": ""},
        {"uri": "/.well-known/est/simplereenroll"},
        {"a": ('realm="estrealm"', 'realm="other"')},
        {"a": ("qop=auth", "qop=auth-int")},
        {"a": ("algorithm=SHA-256", "algorithm=SHA-512-256")},
        {"a": ('cnonce="abc"', 'cnonce=""')},
        {"a": ('cnonce="abc"', 'cnonce="abd"')},
        {"a": ("nc=00000001", "nc=00000002")},
        {"a": ("nc=00000001", "nc=1")},
        {"a": ('username="estuser"', 'username="estuser\0"')},
        {"a": ('username="estuser"', 'username="estuser", username="estuser"')},
        {"a": ('username="estuser"', 'username="est\\user\\"')},
        {"a": ('nonce="', 'nonce="1')},
    ],
)
def test_who_proves_nothing_is_challenged_again(state, wrong):
    answer = ask(state, authorization(fresh(state), **wrong))
    assert challenges(answer) and not state.issued


def test_a_user_beyond_ascii_may_come_in_the_extended_form():
    """RFC 7616 section 3.4.4: `username*`."""
    state = Responder(AUTHORITY, Policy.from_toml(BOTH + '\naccounts = { "Jäsøn" = "Secret, or not?" }'))
    extended = ('username="Jäsøn"', "username*=UTF-8''J%C3%A4s%C3%B8n")
    given = authorization(fresh(state), user="Jäsøn", password="Secret, or not?", a=extended)
    assert given.isascii() and ask(state, given).status == 200


# --- nonces -------------------------------------------------------------------------------------------------------


def test_a_count_is_taken_once_and_only_upwards(state):
    nonce = fresh(state)
    for count, status in ((1, 200), (1, 401), (3, 200), (2, 401), (4, 200)):
        answer = ask(state, authorization(nonce, count=count))
        assert answer.status == status
        assert status == 200 or all("stale=true" in one for one in challenges(answer))


def test_a_nonce_grows_old_and_then_its_answer_is_stale(state):
    nonce = fresh(state)
    late = NOW + timedelta(seconds=digest.NONCE_LIFE + 1)
    stale = challenges(ask(state, authorization(nonce), now=late))
    assert all("stale=true" in one for one in stale)
    assert ask(state, authorization(nonce_of(stale[0])), now=late).status == 200
    assert "stale" not in challenges(ask(state, authorization(nonce, password="x"), now=late))[0]


def test_a_nonce_from_the_future_or_of_another_server_is_stale(state):
    ahead = fresh(state, NOW + timedelta(hours=1))
    other = fresh(Responder(AUTHORITY, Policy.from_toml(BOTH)))
    for nonce in (ahead, other, "x", "1.2.3", "é"):
        assert "stale=true" in challenges(ask(state, authorization(nonce)))[0]


def test_used_nonces_are_forgotten_in_the_end(monkeypatch):
    monkeypatch.setattr(digest, "_MOST_NONCES", 3)
    nonces = digest.Nonces()
    assert all(nonces.use(str(number), 1) for number in range(10))
    assert list(nonces.used) == ["7", "8", "9"]


@given(st.binary(max_size=60))
def test_no_header_raises(octets):
    state = Responder(AUTHORITY, Policy.from_toml(BOTH))
    assert ask(state, b"Digest " + octets).status == 401
    assert ask(state, b'Digest username="estuser",' + octets).status == 401


def test_a_header_of_any_length_is_read_in_time():
    for part in (b'"', b"\\", b", ", b"a=", b'a="\\', b" "):
        with pytest.raises(Refused):
            digest.parameters(b"Digest " + part * 100_000)
