"""HTTP authentication: headers split by their grammar, Basic, Digest as RFC 7616 has it, users that cannot be sent."""

from __future__ import annotations

import asyncio
import base64
import random
import re
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fortish
from fortish import httpauth
from fortish.errors import UsageError
from fortish.est import wire
from fortish.est.digest import Digest, challenge, texts
from fortish.estcheck import check
from fortish.httpauth import Scheme, challenges, credentials
from fortish.responder.policy import Policy

# --- the grammar ------------------------------------------------------------------------------------------------------

TOKEN = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=8)
SCHEME = st.sampled_from(["Digest", "basic", "Bearer", "Negotiate", "SCRAM-SHA-256", "x"])
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_characters="\x7f"), max_size=12)
TOKEN68 = st.from_regex(r"[A-Za-z0-9._~+/-]{1,8}={0,2}", fullmatch=True)
PARAMETERS = st.lists(st.tuples(TOKEN, st.one_of(TOKEN, TEXT)), max_size=4, unique_by=lambda pair: pair[0].lower())
OFFERED = st.one_of(st.tuples(SCHEME, TOKEN68), st.tuples(SCHEME, PARAMETERS))
Offered = tuple[str, str | list[tuple[str, str]]]


def meant(offered: Offered) -> Scheme:
    name, said = offered
    if isinstance(said, str):
        return Scheme(name.lower(), said)
    return Scheme(name.lower(), "", {key.lower(): value for key, value in said})


def spelled(offered: Offered, chance: random.Random) -> str:
    """One challenge in any of the spellings that RFC 9110 allows, the bad ones too."""
    name, said = offered
    if isinstance(said, str):
        return f"{name} {said}"
    parts = []
    for key, value in said:
        plain = re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", value, re.ASCII) and chance.random() < 0.5
        inside = "".join(f"\\{c}" if c in '"\\' or chance.random() < 0.1 else c for c in value)
        equals = chance.choice(["=", "=", " = ", "=\t", " ="])
        parts.append(key + equals + (value if plain else f'"{inside}"'))
    return f"{name}{chance.choice([' ', '  '])}{comma(parts, chance)}" if parts else name


def comma(parts: list[str], chance: random.Random) -> str:
    return "".join(part + chance.choice([",", ", ", " , ", ",,", ", ,\t"]) for part in parts[:-1]) + parts[-1]


@given(st.lists(OFFERED, min_size=1, max_size=5), st.randoms(use_true_random=False), st.booleans())
def test_challenges_are_told_apart_however_they_are_spelled_and_spread(
    offered: list[Offered], chance: random.Random, apart: bool
) -> None:
    spellings = [spelled(one, chance) for one in offered]
    headers = spellings if apart else [comma(spellings, chance)]
    assert [one for header in headers for one in challenges(header)] == [meant(one) for one in offered]


@given(OFFERED, st.randoms(use_true_random=False))
def test_credentials_are_read_however_they_are_spelled(offered: Offered, chance: random.Random) -> None:
    assert credentials(spelled(offered, chance)) == meant(offered)


@given(st.text(max_size=80))
def test_no_header_raises(header: str) -> None:
    challenges(header)
    credentials(header)
    httpauth.from_extended(header)


def test_a_scheme_in_a_quoted_realm_is_no_challenge() -> None:
    """What an attacker who may name the realm would like to be one."""
    header = r'Basic realm="x, Digest realm=\"y\", nonce=1, algorithm=MD5", Negotiate, Bearer scope="Digest nonce=2"'
    assert [one.name for one in challenges(header)] == ["basic", "negotiate", "bearer"]
    assert challenge([header]) == (None, "")


def test_a_parameter_that_stands_twice_counts_once() -> None:
    assert challenges("Digest nonce=a, nonce=b")[0].parameters == {"nonce": "a"}
    assert credentials("Digest nonce=a, nonce=b") is None


@given(st.text(max_size=20))
def test_a_value_in_any_script_comes_back(value: str) -> None:
    value = value.encode("utf-8", "replace").decode()
    coded = httpauth.extended(value)
    assert coded.isascii() and httpauth.from_extended(coded) == value
    assert credentials(f"Digest username*={coded}") == Scheme("digest", "", {"username*": coded})


@pytest.mark.parametrize("value", ["", "x", "UTF-8'x", "ISO-8859-1''%E9", "UTF-8''%E9", "UTF-8''%zz", "UTF-8''%4"])
def test_what_is_no_extended_value_says_nothing(value: str) -> None:
    assert httpauth.from_extended(value) is None


# --- Digest -----------------------------------------------------------------------------------------------------------

# The example of RFC 7616 section 3.9.1.
EXAMPLE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def read(*headers: str) -> Digest:
    found, offered = challenge(headers)
    assert found is not None and offered == ""
    return found


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616_is_answered_as_it_says(algorithm: str, response: str) -> None:
    asked = read(EXAMPLE.format(algorithm=algorithm))
    asked.cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    assert f'response="{response}"' in asked.answer("GET", "/dir/index.html", "Mufasa", "Circle of Life")


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"])
@pytest.mark.parametrize("qop", ['qop="auth", ', ""])
def test_another_client_gives_the_same_answer(algorithm: str, qop: str) -> None:
    """httpx's: with its own cnonce ours is the same."""
    shown = f'Digest realm="a\\"b", {qop}algorithm={algorithm}, nonce="abc=", opaque="q"'
    request = httpx.Request("POST", "https://a.example/x?y=1")
    flow = httpx.DigestAuth("user", "pass").auth_flow(request)
    next(flow)
    theirs = flow.send(httpx.Response(401, headers={"WWW-Authenticate": shown.replace('\\"', "")}, request=request))
    expected = credentials(theirs.headers["Authorization"])
    assert expected is not None
    ours = read(shown.replace('\\"', ""))
    ours.cnonce = expected.parameters.get("cnonce", ours.cnonce)
    given = credentials(ours.answer("POST", "/x?y=1", "user", "pass"))
    assert given is not None
    if "cnonce" in expected.parameters or not algorithm.endswith("sess"):
        assert given.parameters["response"] == expected.parameters["response"]
    assert ("cnonce" in given.parameters) is (bool(qop) or algorithm.endswith("sess"))


def test_the_strongest_challenge_that_can_be_answered_is_answered_the_first_of_equals() -> None:
    found = read(
        'Negotiate, Basic realm="a", Digest realm="b", nonce="1", algorithm=MD5, qop="auth"',
        'Digest realm="c", nonce="2", algorithm=SHA-256, qop="auth", Bearer',
        'Digest realm="d", nonce="3", algorithm=SHA-512-256, qop="auth"',
        'Digest realm="e", nonce="4", algorithm=SHA-256, qop="auth-int"',
        'Digest realm="f", nonce="5", algorithm=sha-256, qop="auth"',
    )
    assert (found.realm, found.algorithm) == ("c", "SHA-256")


UNKNOWN = "Digest with the algorithm SHA-512-256"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Bearer realm=x, Negotiate", "Bearer, Negotiate"),
        ('Digest nonce=n, qop="auth-int"', "Digest with qop auth-int alone"),
        ("Digest nonce=n, algorithm=SHA-512-256, Digest realm=x", f"{UNKNOWN}, Digest without a nonce"),
        ("=,,", "nothing that can be read"),
        ("Bearer, Basic realm=x", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_told_in_words(header: str, words: str) -> None:
    assert challenge([header]) == (None, words)


def test_a_nonce_is_counted_until_the_server_names_another() -> None:
    digest = read("Digest realm=r, nonce=n, qop=auth, algorithm=MD5-sess")
    assert "nc=00000001" in digest.answer("GET", "/", "u", "p")
    assert "nc=00000002" in digest.answer("GET", "/", "u", "p")
    digest.go_on(httpx.Response(200, headers={"Authentication-Info": 'rspauth="x", nextnonce="m", qop=auth'}))
    answer = digest.answer("GET", "/", "u", "p")
    assert 'nonce="m"' in answer and "nc=00000001" in answer
    # A session began with the nonce of its challenge, and keeps its secret.
    held = httpauth.session_secret("MD5-sess", httpauth.secret("MD5", "u", "r", "p"), "n", digest.cnonce)
    covered = httpauth.Covered("GET", "/", "m", "auth", "00000001", digest.cnonce)
    assert covered.response("MD5-sess", held) in answer
    digest.go_on(httpx.Response(200, headers={"Authentication-Info": 'rspauth="x"'}))
    assert "nc=00000002" in digest.answer("GET", "/", "u", "p")


def test_a_user_beyond_ascii_is_named_as_the_server_can_read_it() -> None:
    """RFC 7616 sections 3.4 and 3.4.4; who names no charset gets UTF-8, as from libcurl."""
    shown = 'Digest realm="café", nonce="1", qop="auth"'
    assert 'username="müller"' in read(shown).answer("GET", "/", "müller", "p")
    assert "username*=UTF-8''m%C3%BCller" in read(f"{shown}, charset=utf-8").answer("GET", "/", "müller", "p")
    assert 'username="mueller"' in read(f"{shown}, charset=UTF-8").answer("GET", "/", "mueller", "p")
    hidden = read(f"{shown}, charset=UTF-8, userhash=true").answer("GET", "/", "müller", "p")
    assert f'username="{httpauth.user_hash("MD5", "müller", "café")}"' in hidden and "userhash=true" in hidden
    assert "müller" not in hidden


def test_a_realm_of_any_octets_goes_back_as_it_came() -> None:
    for octets in ("café".encode(), b"caf\xe9"):
        header = b'Digest realm="' + octets + b'", nonce="1"'
        response = httpx.Response(401, headers=[(b"WWW-Authenticate", header)])
        digest = read(*texts(response, b"www-authenticate"))
        request = wire.request("GET", "https://a.example/x", authorization=digest.answer("GET", "/x", "u", "p"))
        assert b'realm="' + octets + b'"' in dict(request.headers.raw)[b"Authorization"]


@given(st.lists(st.text(max_size=60), max_size=3))
def test_no_challenge_raises(headers: list[str]) -> None:
    found, _ = challenge(headers)
    assert found is None or found.answer("GET", "/", 'a"b\\', "é").startswith("Digest ")


# --- both ends --------------------------------------------------------------------------------------------------------

ENROLL = "execute vpn certificate local generate est {name} ec-secp256r1 https://testrfc7030.com:8443 CN=n '' {user}"


@pytest.fixture
def box() -> Iterator[fortish.Appliance]:
    with fortish.Appliance() as found:
        found.session().run("execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
        yield found


POLICY = """
accounts = {{ "J\u00e4s\u00f8n" = "Secret, or n\u00f6t?", 'a"b\\c' = "d" }}
http-auth = ["{scheme}"]
userhash = {hidden}
"""


@pytest.mark.parametrize(("scheme", "hidden"), [("basic", "false"), ("digest", "false"), ("digest", "true")])
def test_users_and_passwords_of_any_script_are_let_in(box: fortish.Appliance, scheme: str, hidden: str) -> None:
    """One is typed with its accents as characters of their own, as some keyboards do."""
    responder = box.runtime.network.responder  # type: ignore[attr-defined]
    responder.policy = Policy.from_toml(POLICY.format(scheme=scheme, hidden=hidden))
    session = box.session()
    for number, user in enumerate(
        ('"J\u00e4s\u00f8n" "Secret, or n\u00f6t?"', '"Ja\u0308s\u00f8n" "Secret, or no\u0308t?"', "'a\"b\\c' d")
    ):
        assert session.run(ENROLL.format(name=f"n{number}", user=user)).endswith("Done.\n")
    accounts = [
        visit.account for visit in responder.history if visit.operation == "simpleenroll" and visit.status == 200
    ]
    assert accounts == ["J\u00e4s\u00f8n"] * 2 + ['a"b\\c']


@pytest.mark.parametrize(("user", "password"), [("a:b", "c"), ("a\nb", "c"), ("a", "b\nc"), ("a\x7f", "c")])
def test_who_cannot_be_sent_is_refused_before_anything_is(box: fortish.Appliance, user: str, password: str) -> None:
    session = box.session()
    said = session.play(ENROLL.format(name="n", user=f'"{user}" "{password}"') + "\n").text
    assert "for HTTP authentication cannot hold" in said
    with pytest.raises(UsageError, match="for HTTP authentication cannot hold"):
        asyncio.run(check("https://localhost:1", trust=None, credentials=(user, password)))


def test_basic_is_the_rfcs_own_example() -> None:
    """RFC 7617 section 2.1."""
    assert httpauth.basic("test", "123\u00a3") == "Basic dGVzdDoxMjPCow=="
    assert httpauth.basic("test", "a:b") == "Basic " + base64.b64encode(b"test:a:b").decode()
