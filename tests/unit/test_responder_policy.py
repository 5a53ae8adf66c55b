"""Policies: the documented defaults, what a TOML text may say, and errors that name what is wrong."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from fortish.errors import UsageError
from fortish.pki.csrattrs import read_csrattrs
from fortish.responder import policy
from fortish.responder.faults import FAULTS, Fault
from fortish.responder.mistakes import placed
from fortish.responder.policy import Label, Policy


def test_the_defaults_are_the_embedded_worlds():
    policy = Policy()
    assert dict(policy.accounts) == {"estuser": "estpwd"}
    assert dict(policy.srp_accounts) == {"srpuser": "srppwd"}
    assert dict(policy.labels) == {"full": Label(keep_subject=True)}
    assert (policy.wrap, policy.days, dict(policy.faults)) == ("auto", 365, {})
    documented = b"MCYGBysGAQEBARYGCSqGSIb3DQEJAQYFK4EEACIGCWCGSAFlAwQCAg=="
    assert tuple(found.oid for found in read_csrattrs(base64.b64decode(documented))) == tuple(policy.csrattrs)


def test_an_empty_text_is_the_default_policy():
    assert Policy.from_toml("") == Policy()


def test_no_password_is_shown_with_a_policy():
    assert "estpwd" not in repr(Policy()) and "srppwd" not in repr(Policy())


def test_everything_can_be_said_in_toml():
    policy = Policy.from_toml(
        """
        days = 2
        wrap = 76
        csrattrs = []
        accounts = { anna = "se:cret" }
        srp-accounts = {}
        [labels.rsa]
        csrattrs = ["1.2.840.113549.1.1.1"]
        [labels.whole]
        keep-subject = true
        [faults]
        simpleenroll = "wrong-key"
        "*" = { status = 503, headers = [["Retry-After", "1"]], body = "later", content-type = "text/html", delay = 1 }
        csrattrs = { drop = ["Status"], oversize = 3, cut = 0, close = true, expired = true, untrusted-issuer = true }
        """
    )
    assert (policy.days, policy.wrap, policy.csrattrs) == (2, 76, ())
    assert dict(policy.accounts) == {"anna": "se:cret"} and not policy.srp_accounts
    assert policy.labels["rsa"] == Label(csrattrs=("1.2.840.113549.1.1.1",))
    assert policy.labels["whole"] == Label(keep_subject=True)
    assert policy.faults["simpleenroll"] is FAULTS["wrong-key"]
    assert policy.faults["*"] == Fault(
        status=503, headers=(("Retry-After", "1"),), body=b"later", content_type="text/html", delay=1.0
    )
    assert policy.faults["csrattrs"] == Fault(
        drop=("Status",), oversize=3, cut=0, close=True, expired=True, untrusted_issuer=True
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("dayz = 3", "policy: unknown key 'dayz'; known are accounts, approval, approve-after"),
        ("days = 0", "policy: days must be a number of days"),
        ("days = true", "policy: days must be a number of days"),
        ("days = '1'", "policy: days must be"),
        ("wrap = 65", "policy: wrap must be 64, 76"),
        ("wrap = [64]", "policy: wrap must be 64, 76"),
        ("wrap = ", "policy: "),
        ("csrattrs = '1.2.3'", "policy: csrattrs must be a list of strings"),
        ("csrattrs = ['x']", "policy: csrattrs: not an object identifier: x"),
        ("accounts = 3", "policy: accounts must be a table"),
        ("accounts = { a = 3 }", "policy: accounts: the password of 'a'"),
        ("accounts = { 'a:b' = 'c' }", "policy: accounts: a user name has no colon"),
        ("labels.full.keep = true", "policy: labels.full: unknown key 'keep'"),
        ("labels.full.keep-subject = 1", "policy: labels.full: keep-subject must be true or false"),
        ("labels.cacerts = {}", "'cacerts' cannot be a path segment"),
        ("labels.fault-x = {}", "'fault-x' cannot be a path segment"),
        ("labels.'a/b' = {}", "'a/b' cannot be a path segment"),
        ("faults.enroll = 'wrong-key'", "unknown operation 'enroll'"),
        (
            "faults.simpleenroll = 'wrong'",
            "policy: faults.simpleenroll: unknown fault 'wrong'; known are bare-certificate",
        ),
        ("faults.simpleenroll = 3", "policy: faults.simpleenroll must be a table"),
        ("faults.simpleenroll.delay = nan", "delay must be a number of seconds"),
        ("faults.simpleenroll.status = 99", "status must be an HTTP status"),
        ("faults.simpleenroll.body = 3", "body must be a string"),
        ("faults.simpleenroll.headers = ['a']", r"headers must be a list of \[name, value\]|list of strings"),
        ("faults.simpleenroll.headers = [['a', \"b\\r\\nc\"]]", r"headers must be a list of \[name, value\]"),
    ],
)
def test_what_is_wrong_is_named(text, complaint):
    with pytest.raises(UsageError, match=complaint):
        Policy.from_toml(text)


# What is wrong, and the line that is to be named; comments and other keys stand in the way.
MISTAKES = [
    ("labels.iot = { days = 3 }  # dayz = 3\n\ndayz = 3", "p.toml:3: unknown key 'dayz'; known are accounts"),
    ("labels.iot = { days = 3 }\ndays = 0", "p.toml:2: days must be a number of days"),
    ("days = 3\n[labels.iot]\npop = 'off'\ndays = 0", "p.toml:4: labels.iot: days must be"),
    ("days = 3\nlabels.a = {}\nlabels.iot = { days = 0 }", "p.toml:3: labels.iot: days must be"),
    ("days = 3\nlabels.cacerts = {}", "p.toml:2: labels: 'cacerts' cannot be a path segment"),
    ("cas.x = {}\nlabels.a = {}\nlabels.iot = { ca = 'nope' }", "p.toml:3: labels.iot: ca: there is no CA 'nope'"),
    ('[faults]\ncsrattrs = "slow"\n"*" = "nope"', "p.toml:3: faults.*: unknown fault 'nope'"),
    ('[faults]\n"*" = { delay = 2, status = 7 }', "p.toml:2: faults.*: status must be"),
    ("csrattrs = [\n '1.2.3',\n 'x.y',  # 1.2\n]", "p.toml:3: csrattrs: not an object identifier: x.y"),
    ("[[csrattrs]]\n[csrattrs.template]\nsubject = ['CNX']", "p.toml:3: csrattrs: not an object identifier: CNX"),
    ("accounts = { a = 'b' }\n[srp-accounts]\nb = 'c'\n'd' = 4", "p.toml:4: srp-accounts: the password of 'd'"),
    ("days = 3\nwrap =\n", "p.toml:2:7: "),
    ("days = 3\ndays = 4\n", "p.toml:2:"),
    ("days = 3\ncsrattrs = [", "p.toml:2: "),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES)
def test_a_mistake_is_told_with_its_line(text, told):
    with pytest.raises(UsageError) as wrong:
        Policy.from_toml(text)
    assert placed("p.toml", text, str(wrong.value)).startswith(told)


def test_what_is_no_mistake_of_the_policy_is_told_as_it_is():
    assert placed("p.toml", "days = 3", "cannot keep the CA in /x") == "cannot keep the CA in /x"
    assert placed("p.toml", "", "policy: days must be") == "p.toml: days must be"


def test_the_fault_menu_is_sorted_and_every_fault_says_what_it_does():
    assert list(FAULTS) == sorted(FAULTS)
    assert all(fault.says and fault != Fault(on=fault.on) for fault in FAULTS.values())


def test_the_fault_menu_has_every_status_and_no_two_faults_that_are_the_same():
    statuses = {int(name[7:10]) for name in FAULTS if name.startswith("status-")}
    assert statuses == {400, 401, 403, 404, 415, 423, 500, 501, 502, 503, 504}
    assert len(set(FAULTS.values())) == len(FAULTS)


# --- the documentation --------------------------------------------------------------------------------------------

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "responder.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=[text.split("\n")[0] for text in EXAMPLES])
def test_every_example_of_the_guide_is_a_policy(text):
    if "labels.iot" in text and "cas.iot" not in text:
        assert Policy.from_toml(text).labels["iot"].days == 30
    assert Policy.from_toml(text) != Policy() or text.strip() == "days = 365"


def test_the_guide_names_every_word_of_a_policy_and_has_an_example_of_each_key():
    assert [word for word in policy._FAULT if f"`{word}`" not in GUIDE] == []
    examples = "\n".join(EXAMPLES)
    for word in (*policy._POLICY, *policy._LABEL, *policy._KIND):
        assert re.search(rf"^\[*{word}\b|[{{ ,]{word} = ", examples, re.MULTILINE), word


def test_the_guides_table_has_every_fault():
    assert re.findall(r"^\| `([\w.-]+)` \| .* \| \w+(?:, \w+)* \|$", GUIDE, re.MULTILINE) == list(FAULTS)


def test_the_module_says_every_key_of_a_policy():
    assert policy.__doc__ is not None
    for word in (*policy._POLICY, *policy._LABEL):
        assert re.search(rf"(^ +|[{{ ]){word}\b", policy.__doc__, re.MULTILINE), word


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("pop = 'yes'", "pop must be one of off, optional, required"),
        ("approval = true", "approval must be one of auto, manual"),
        ("approve-after = -1", "approve-after must be a number of seconds"),
        ("retry-after = 'soon'", 'retry-after must be a number of seconds from 0 to 86400, or "date"'),
        ("retry-after = true", "retry-after must be a number of seconds"),
        ("http-auth = []", "http-auth must be a list of basic and digest, or of one of them"),
        ("http-auth = ['bearer']", "http-auth must be a list of basic and digest"),
        ("http-auth = ['basic', 'basic']", "http-auth must be a list of basic and digest"),
        ("http-auth = 'basic'", "http-auth must be a list of strings"),
        ("rollover = 1", "rollover must be true or false"),
        ("cas.'a/b' = {}", "'a/b' cannot be a CA's name"),
        ("cas.'' = {}", "'' cannot be a CA's name"),
        ("cas.a = { key = 1 }", "cas.a: unknown key 'key'; known are common-name, intermediate, rollover"),
        ("cas.a.common-name = ''", "common-name must be a name of 1 to 64 characters"),
        ("labels.a = { ca = 'b' }", "labels.a: ca: there is no CA 'b' among cas"),
        ("labels.a = { days = 0 }", "labels.a: days must be a number of days"),
        ("labels.a = { pop = 'on' }", "labels.a: pop must be one of off"),
        ("faults.csrattrs = { form = 'x' }", "form must be one of bare, ber, der, none, pem"),
        ("faults.csrattrs = { redirect = 'x' }", "redirect must be one of loop, other, same"),
        ("faults.csrattrs = { http-version = '2' }", "http-version must be one of 1.0, 1.1"),
        ('faults.csrattrs = { encoding = "a\\r\\nb" }', "encoding must be one line of text"),
    ],
)
def test_what_is_wrong_with_a_newer_word_is_named(text, complaint):
    with pytest.raises(UsageError, match=complaint):
        Policy.from_toml(text)


def test_a_label_leaves_to_the_policy_what_it_does_not_name():
    found = Policy.from_toml("pop = 'optional'\ndays = 9\nlabels.a = { pop = 'off' }\nlabels.b = { days = 3 }")
    assert [(found.label(name).pop, found.label(name).days) for name in ("", "a", "b")] == [
        ("optional", 9),
        ("off", 9),
        ("optional", 3),
    ]
