"""CSR attributes: the guide's, RFC 7030's own, and anything at all."""

from __future__ import annotations

import base64
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortish.pki import csrattrs, der
from fortish.pki.csrattrs import CsrAttr, read_csrattrs, short_name
from fortish.pki.faults import CsrAttrsFault, DerFault

GUIDE = base64.b64decode("MCYGBysGAQEBARYGCSqGSIb3DQEJAQYFK4EEACIGCWCGSAFlAwQCAg==")
GUIDE_OIDS = ["1.3.6.1.1.1.1.22", "1.2.840.113549.1.9.1", "1.3.132.0.34", "2.16.840.1.101.3.4.2.2"]
# RFC 7030 section 4.5.2
RFC = base64.b64decode("MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw==")


def test_the_guides_answer_names_what_the_trace_prints():
    found = read_csrattrs(GUIDE)
    assert [attribute.oid for attribute in found] == GUIDE_OIDS
    assert [short_name(oid) for oid in GUIDE_OIDS] == ["undefined", "emailAddress", "secp384r1", "sha384"]
    assert all(attribute.values == () for attribute in found)


def test_the_rfcs_odd_example_is_read():
    assert read_csrattrs(RFC) == [
        CsrAttr("1.2.840.113549.1.9.7"),
        CsrAttr("1.2.840.10045.2.1", (der.write_oid("1.3.132.0.34"),)),
        CsrAttr("1.2.840.113549.1.9.14", (der.write_oid("1.3.6.1.1.1.1.22"),)),
        CsrAttr("1.2.840.10045.4.3.3"),
    ]


@pytest.mark.parametrize("nothing", [b"", b"\x30\x00", b"\x30\x80\x00\x00"])
def test_no_attributes_are_an_empty_list(nothing):
    assert read_csrattrs(nothing) == []


@pytest.mark.parametrize(
    "bad",
    [
        *(b"\x00", b"<html>", b"\x31\x00", b"\x30\x02\x05\x00", b"\x30\x02\x06\x00", b"\x30\x03\x06\x01\x80"),
        *(b"\x30\x02\x30\x00", b"\x30\x05\x30\x03\x06\x01\x2a", b"\x30\x07\x30\x05\x06\x01\x2a\x30\x00", GUIDE[:-1]),
        *(b"\x30\x82\x02\x58" + b"\x06\x01\x2a" * 200 + b"", b"\x30\x82\x02\x5b" + b"\x06\x01\x2a" * 201)[1:],
        der.encode(der.SEQUENCE, der.encode(der.OID, b"\xff" * 1_000_000 + b"\x01")),
    ],
)
def test_malformed_answers_are_refused(bad):
    with pytest.raises(CsrAttrsFault):
        read_csrattrs(bad)


@pytest.mark.parametrize("bad", ["", "1", "3.1", "1.40", "a.b", "1.2.", "sha384", "1.02"])
def test_only_dotted_oids_are_written(bad):
    with pytest.raises(DerFault):
        der.write_oid(bad)


@given(st.binary() | st.builds(lambda body: der.encode(der.SEQUENCE, body), st.binary()))
def test_no_bytes_raise_anything_but_a_fault(data):
    try:
        read_csrattrs(data)
    except CsrAttrsFault:
        pass


@given(st.integers(0, len(RFC) - 1), st.binary(max_size=3))
def test_no_mutation_raises_anything_but_a_fault(place, inserted):
    try:
        read_csrattrs(RFC[:place] + inserted + RFC[place + 1 :])
    except CsrAttrsFault:
        pass


ARC = st.integers(0, 2**90)


@given(
    st.lists(
        st.builds(lambda a, b, c: (a, b % 40 if a < 2 else b, *c), st.integers(0, 2), ARC, st.lists(ARC, max_size=2))
    )
)
def test_written_oids_are_read_back(tuples):
    oids = [".".join(map(str, arcs)) for arcs in tuples][:200]
    assert [attribute.oid for attribute in read_csrattrs(der.encode(der.SEQUENCE, *map(der.write_oid, oids)))] == oids


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on PATH")
def test_short_names_are_openssls():
    listed = subprocess.run(["openssl", "list", "-objects"], capture_output=True, text=True, check=True).stdout
    known = {}
    for line in listed.splitlines():  # `SHA384 = sha384, 2.16...`, the long name only where it differs
        short, _, rest = line.partition(" = ")
        *long, oid = rest.split(", ")
        known[oid] = (short, *long)
    for oid, name in csrattrs._NAMES.items():
        assert name == known[oid][-1 if name.startswith("sha") else 0]
