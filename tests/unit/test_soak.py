"""A few boxes through a year of one clock, with a server that fails one request in ten (tests/soak.py)."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec

from fortish.box import LOCAL
from fortish.clock import VirtualClock
from fortish.cmdb.entries import GLOBAL, Entry, Put
from fortish.pki import names
from fortish.pki.pem import pem
from fortish.responder.authority import Authority
from fortish.responder.message import Asked, Visitor
from fortish.responder.state import Responder
from tests import soak


def test_thirty_boxes_hold_valid_certificates_after_a_year_of_failures() -> None:
    count = soak.run(30, seed=7030)
    assert count.invalid == []
    assert count.renewals >= 30 * 3  # a certificate lasts 120 days
    assert count.failed_renewals > 0
    assert count.requests / 20 < sum(count.failures.values()) < count.requests / 5


def test_nothing_is_left_open() -> None:
    soak.run(2, seed=1, days=100)  # what is loaded and opened once is there now
    count = soak.run(8, seed=7, days=200)
    assert count.invalid == []
    assert count.failures  # some of them in the middle of an answer
    assert (count.descriptors, count.connections) == (0, 0)
    assert count.threads <= 1


def test_memory_grows_by_what_is_remembered_only() -> None:
    soak.run(2, seed=1, days=100)
    count = soak.run(4, seed=3, days=600, measured=True)
    assert count.invalid == []
    assert count.renewals >= 4 * 5
    # Events, and what the responder has issued, for 300 days of four boxes.
    assert count.grown < 500_000


def test_a_box_without_a_valid_certificate_of_its_own_is_told() -> None:
    """Else a soak that looks at nothing would be called good."""
    clock = VirtualClock(soak.START)
    authority = Authority.fresh(datetime.fromtimestamp(soak.START, UTC))
    box = soak.new_box(clock, authority).box
    assert soak.fault(box, 3) == "it has no certificate"
    key = ec.generate_private_key(ec.SECP256R1())
    subject = names.subject_name([("CN", "box3")])
    issued = authority.issue(key.public_key(), subject, 1, datetime.fromtimestamp(soak.START, UTC))
    box.cmdb.commit([Put(GLOBAL, LOCAL, soak.NAME, Entry({"certificate": pem(issued)}))])
    assert soak.fault(box, 3) is None
    assert "box3" in (soak.fault(box, 4) or "")
    clock.set(soak.START + 366 * soak.DAY)
    assert "ended" in (soak.fault(box, 3) or "")


def test_a_flaky_server_fails_as_often_as_it_is_told_to() -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    count = soak.Count(0)
    flaky, state = soak.Flaky(1, 10, count), Responder(Authority.fresh(now))
    asked = Asked("GET", "/.well-known/est/csrattrs")
    for _ in range(1000):
        flaky(state, asked, Visitor(), now)
    assert 50 < sum(count.failures.values()) < 150
    assert len(count.failures) == 6
