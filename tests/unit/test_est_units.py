"""The parts of EST that need no server: bodies, URLs, the context, the traces' text."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortish import httpauth
from fortish.errors import PeerFault
from fortish.est import wire
from fortish.est.context import EstContext, reconstruct, split_url
from fortish.est.trace import EstLine

DER = bytes([0x30, 0x82, 0x01, 0x00, *range(256)])


def forms(der: bytes) -> dict[str, bytes]:
    one = base64.b64encode(der)
    wrapped = wire.encode(der).encode()
    return {
        "64 columns": wrapped,
        "one line": one,
        "one line with an end": one + b"\n",
        "CR LF": wrapped.replace(b"\n", b"\r\n"),
        "PEM armour": b"-----BEGIN PKCS7-----\n" + wrapped + b"-----END PKCS7-----\n",
        "PEM armour with CR LF": b"-----BEGIN PKCS7-----\r\n" + one + b"\r\n-----END PKCS7-----\r\n",
        "DER": der,
    }


@pytest.mark.parametrize("form", forms(DER))
def test_a_body_is_read_in_every_form_seen(form: str) -> None:
    assert wire.decode(forms(DER)[form]) == DER


def test_every_armour_of_a_pem_file_is_read_and_what_stands_around_them_is_not() -> None:
    """Some servers send the file in which they keep their CA certificates."""
    pieces = [bytes([0x30, size]) * size for size in (10, 11, 12)]  # with two, one and no `=` at the end
    blocks = "".join(f"subject=CN = a\n-----BEGIN X-----\n{wire.encode(one)}-----END X-----\n\n" for one in pieces)
    for text in (blocks, blocks.replace("\n", "\r\n")):
        assert wire.decode(text.encode()) == b"".join(pieces)


@given(st.binary(min_size=1, max_size=300))
def test_what_is_encoded_is_decoded_and_stands_in_64_columns(raw: bytes) -> None:
    text = wire.encode(raw)
    assert wire.decode(text.encode()) == raw
    assert text.endswith("\n") and all(len(line) <= 64 for line in text.split("\n"))


@pytest.mark.parametrize(
    "body", [b"", b"\n \r\n", b"-----BEGIN X-----\n-----END X-----\n", b"<html>", b"AAA", b"!!!!", b"\xff\xfe\x00"]
)
def test_a_body_that_is_no_base64_is_the_peers_fault(body: bytes) -> None:
    with pytest.raises(PeerFault):
        wire.decode(body)


@given(st.binary(max_size=80))
def test_any_body_is_decoded_or_the_peers_fault(body: bytes) -> None:
    try:
        wire.decode(body)
    except PeerFault as fault:
        assert fault.reason


@pytest.mark.parametrize(
    ("label", "url"),
    [
        ("", "https://h:1/.well-known/est/cacerts"),
        ("full", "https://h:1/.well-known/est/full/cacerts"),
        ("a/b c", "https://h:1/.well-known/est/a%2Fb%20c/cacerts"),
    ],
)
def test_the_path_segment_is_a_segment_of_its_own(label: str, url: str) -> None:
    assert wire.operation_url("https://h:1", label, "cacerts") == url
    assert wire.operation_url("https://h:1/", label, "cacerts") == url


def test_a_post_carries_credentials_type_and_length() -> None:
    request = wire.request("POST", "https://h/x", "AAAA\n", httpauth.basic("user", "pä:ss"))
    assert request.headers["Content-Type"] == "application/pkcs10" and request.headers["Content-Length"] == "5"
    scheme, text = request.headers["Authorization"].split()
    assert scheme == "Basic" and base64.b64decode(text).decode() == "user:pä:ss"
    assert "Authorization" not in wire.request("GET", "https://h/x").headers


def test_foreign_text_cannot_reach_the_terminals_controls() -> None:
    assert wire.printable("a\x1b[2Jb\r\u202ec") == "a.[2Jb..c"
    assert wire.printable("x" * 30, 10) == "x" * 10 + "..."
    assert wire.body_text(b"a\r\nb\x07\n") == "a\nb."
    assert "\n" not in wire.error_text(b"<h1>\n no\x1b\n</h1>" * 200)
    assert len(wire.error_text(b"x" * 10_000)) == wire.TEXT_LIMIT + 3


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://h", "h", 443),
        ("https://h/", "h", 443),
        ("https://testrfc7030.com:8443", "testrfc7030.com", 8443),
        ("https://192.0.2.1:8443/", "192.0.2.1", 8443),
        ("https://[2001:db8::1]:8443", "2001:db8::1", 8443),
    ],
)
def test_a_url_is_a_host_and_a_port(url: str, host: str, port: int) -> None:
    assert split_url(url) == (host, port)


@pytest.mark.parametrize(
    "url",
    ["", "h", "http://h", "ftp://h", "https://", "https:///x", "https://h/path", "https://h?q", "https://u:p@h",
     "https://h:0", "https://h:99999", "https://h:x", "https://h x", "https://h\n", "https://[::1"],
)  # fmt: skip
def test_a_url_that_cannot_be_an_est_servers_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        split_url(url)


def test_the_dump_tells_what_was_not_given_from_what_is_empty() -> None:
    context = EstContext("a", "https://h", "h", 443, http_username="", subject="CN=a", has_attributes=True)
    lines = context.dump()
    assert lines[0] == "est_ctx:" and len(lines) == 26
    for line in ("is_global:1", "svr_original_url:https://h", "ca_identifier:(null)", "http_username:", "need_pop:0",
                 "newcert_name:a", "subject:CN=a", "csr_attrs:Exists", "pkey:NULL", "svr_hostinfo:NULL"):  # fmt: skip
        assert line in lines


def test_a_renewals_context_is_made_from_the_certificates_settings() -> None:
    names = ["est-ca-id", "est-http-username", "est-client-cert", "est-server-cert", "est-srp-username"]
    values = {**dict.fromkeys(names, ""), "est-server": "https://h:8443", "est-http-password": None,
              "est-srp-password": None, "source-ip": "0.0.0.0", "password": "p"}  # fmt: skip
    context = reconstruct("a", values)
    assert (context.host, context.port, context.source_ip, context.http_password) == ("h", 8443, None, "")
    assert "ca_identifier:" in context.dump() and context.label == ""
    with pytest.raises(ValueError):  # noqa: PT011
        reconstruct("a", {**values, "est-server": ""})


@pytest.mark.parametrize("line", EstLine, ids=lambda line: line.name)
def test_every_trace_line_has_the_documented_shape(line: EstLine) -> None:
    fields = dict.fromkeys(re.findall(r"{(\w+)}", line.text), "x")
    assert re.match(r"\[\d+\] [a-z_0-9]+:", line.line(**fields))
    assert "{" not in line.line(**fields)


def test_a_trace_line_fills_its_fields_and_takes_braces_as_they_are() -> None:
    assert EstLine.URL.line(url="{x}") == "[1728] est_curl_req: URL: {x}"
    assert EstLine.CLEAR.line() == "[592] est_ctx_clear_tmp_data: trace"
