"""Policies: the documented defaults, what a TOML text may say, and errors that name what is wrong."""

from __future__ import annotations

import base64

import pytest

from fortish.errors import UsageError
from fortish.pki.csrattrs import write_csrattrs
from fortish.responder.faults import FAULTS, Fault
from fortish.responder.policy import Label, Policy


def test_the_defaults_are_the_embedded_worlds():
    policy = Policy()
    assert dict(policy.accounts) == {"estuser": "estpwd"}
    assert dict(policy.srp_accounts) == {"srpuser": "srppwd"}
    assert dict(policy.labels) == {"full": Label(keep_subject=True)}
    assert (policy.wrap, policy.days, dict(policy.faults)) == ("auto", 365, {})
    documented = b"MCYGBysGAQEBARYGCSqGSIb3DQEJAQYFK4EEACIGCWCGSAFlAwQCAg=="
    assert base64.b64encode(write_csrattrs(policy.csrattrs)) == documented


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


def test_the_fault_menu_is_sorted_and_every_fault_says_what_it_does():
    assert list(FAULTS) == sorted(FAULTS)
    assert all(fault.says and fault != Fault(on=fault.on) for fault in FAULTS.values())


def test_the_fault_menu_has_every_status_and_no_two_faults_that_are_the_same():
    statuses = {int(name[7:10]) for name in FAULTS if name.startswith("status-")}
    assert statuses == {400, 401, 403, 404, 415, 423, 500, 501, 502, 503, 504}
    assert len(set(FAULTS.values())) == len(FAULTS)
