"""A responder that is killed and started again, as a real process: with a folder it goes on where it was."""

from __future__ import annotations

import base64
import itertools
import random
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pexpect
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import fortish
from fortish.pki import names
from fortish.pki.pkcs7 import read_certs
from fortish.pki.requests import new_request, pem_request
from fortish.responder import approval
from fortish.responder.kept import kept_responder
from fortish.responder.policy import Policy
from fortish.responder.state import Responder

FORTISH = [sys.executable, "-m", "fortish"]
KEY = ec.generate_private_key(ec.SECP256R1())
HEADERS = {"Content-Type": "application/pkcs10"}
ACCOUNT = ("estuser", "estpwd")
MANUAL = 'approval = "manual"\nretry-after = 5\n'


class Running:
    """`fortish responder` on a terminal of its own."""

    def __init__(self, folder: Path | None, policy: Path, *options: str) -> None:
        kept = [] if folder is None else ["--ca-dir", str(folder)]
        words = ["responder", "--listen", "127.0.0.1:0", "--policy", str(policy), *kept, *options]
        self.child = pexpect.spawn(
            FORTISH[0], [*FORTISH[1:], *words], dimensions=(50, 200), timeout=120, encoding="utf-8"
        )
        self.child.expect(r"listening +https://127.0.0.1:(\d+)")
        self.url = f"https://127.0.0.1:{self.child.match[1]}"
        self.scep = ""
        if options:
            self.child.expect(r"SCEP +(http://\S+)")
            self.scep = self.child.match[1]
        self.child.expect("`quit` ends")

    def types(self, line: str, answer: str) -> str:
        self.child.sendline(line)
        self.child.expect(answer)
        return self.child.after

    def killed(self) -> None:
        self.child.kill(signal.SIGKILL)
        self.child.wait()

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"{self.url}/.well-known/est/", verify=False, trust_env=False, auth=ACCOUNT)

    def post(self, name: str) -> httpx.Response:
        with self.client() as client:
            return client.post("simpleenroll", content=request(name), headers=HEADERS)


@contextmanager
def running(folder: Path | None, policy: Path, *options: str) -> Iterator[Running]:
    responder = Running(folder, policy, *options)
    try:
        yield responder
    finally:
        if responder.child.isalive():
            responder.killed()
        responder.child.close()


def request(name: str) -> str:
    return pem_request(new_request(KEY, names.subject_name([("CN", name)]), None))


def certificate(response: httpx.Response) -> x509.Certificate:
    assert response.status_code == 200, response.text
    (found,) = read_certs(base64.b64decode(response.content))
    return found


def reopened(folder: Path, policy: str = "") -> Responder:
    return kept_responder(folder, Policy.from_toml(policy), datetime.now(UTC), lambda text: None)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(MANUAL)
    return path


def test_what_the_person_at_the_terminal_has_decided_survives_a_kill(tmp_path: Path, policy: Path) -> None:
    folder = tmp_path / "ca"
    with running(folder, policy) as first:
        assert [first.post(name).status_code for name in ("a", "b", "c")] == [202, 202, 202]
        first.types("approve 1", "request 1 is approved")
        first.types("deny 2", "request 2 is denied")
        first.killed()
    with running(folder, policy) as second:
        held = certificate(second.post("a"))
        assert [second.post(name).status_code for name in ("b", "c", "d")] == [403, 202, 202]
        second.types("list", r"4 .*waiting .*CN=d")
        second.types(f"revoke {held.serial_number}", "is revoked")
        second.killed()
    with running(folder, policy) as third:
        third.types("issued", rf"{held.serial_number} .*revoked")
        shown = third.types("history", r"simpleenroll +estuser +CN=a[\s\S]*CN|simpleenroll +estuser +CN=a")
        assert "CN=a" in shown
        crl = httpx.get(f"{third.url}/fortish/crl", verify=False, trust_env=False).content
        listed = x509.load_der_x509_crl(crl)
        assert listed.get_revoked_certificate_by_serial_number(held.serial_number) is not None
    assert [one.number for one in approval.requests(reopened(folder))] == [2, 3, 4]


def test_without_a_folder_nothing_survives(tmp_path: Path, policy: Path) -> None:
    with running(None, policy) as first:
        assert first.post("a").status_code == 202
        first.types("approve 1", "request 1 is approved")
        first.killed()
    with running(None, policy) as second:
        second.types("list", "nothing waits for approval")
        second.types("history", "nobody has been here")
        assert second.post("a").status_code == 202
    assert sorted(path.name for path in tmp_path.iterdir()) == ["policy.toml"]


def test_a_scep_request_that_waits_survives_a_kill(tmp_path: Path, policy: Path) -> None:
    """A box asks again on its own, sealed to the same registration authority, and has its certificate."""
    folder = tmp_path / "ca"
    with running(folder, policy, "--scep", "127.0.0.1:0") as first:
        port = re.search(r":(\d+)/", first.scep)
        assert port is not None
        with fortish.Appliance(network="real", trust=folder / "cacert.pem") as box:
            session = box.session()
            nothing = ' ""' * 7
            session.run(f"execute vpn certificate local generate rsa web 2048 web{nothing} {first.scep} sceppwd")
            assert not session.failed
            first.types("list", r"1 .*waiting .*CN=web")
            first.types("approve 1", "request 1 is approved")
            first.killed()
            with running(folder, policy, "--scep", f"127.0.0.1:{port[1]}"):
                box.advance(seconds=300)
                issued = box.certificate("web").x509
        assert issued.subject.rfc4514_string() == "CN=web"


def test_a_script_does_not_ask_a_real_server_again_before_its_time(tmp_path: Path) -> None:
    """RFC 7030 section 4.2.3: the host's time passes, whatever a script does; at its end it is waited for."""
    folder, policy = tmp_path / "ca", tmp_path / "policy.toml"
    policy.write_text('approval = "manual"\nretry-after = 1\napprove-after = 2')
    with running(folder, policy) as responder:
        with fortish.Appliance(network="real", trust=folder / "cacert.pem") as box:
            options = 'CN=web "" estuser estpwd'
            line = f"execute vpn certificate local generate est web ec-secp256r1 {responder.url} {options}\n"
            started = time.time()
            played = box.session().play(line + "get system status\n" * 20)
            assert not played.failed and "asked again in 1 seconds" in played.text
            assert abs(box.runtime.clock.now() - time.time()) < 0.1 and time.time() > started + 2
            assert box.certificate("web").x509.subject.rfc4514_string() == "CN=web"
        responder.killed()
    times = [visit.time for visit in reopened(folder).history if visit.operation == "simpleenroll"]
    assert len(times) == 3
    assert all((later - sooner).total_seconds() > 0.95 for sooner, later in itertools.pairwise(times))


def test_every_certificate_that_a_client_was_given_is_known_after_a_kill(tmp_path: Path) -> None:
    folder, policy = tmp_path / "ca", tmp_path / "policy.toml"
    policy.write_text("")
    chance, given = random.Random(7030), list[x509.Certificate]()
    for _ in range(4):
        with running(folder, policy) as responder:
            posting = threading.Thread(target=posted, args=(responder, given), daemon=True)
            posting.start()
            time.sleep(chance.uniform(0.2, 0.8))
            responder.killed()
            posting.join()
        state = reopened(folder)
        assert set(given) <= set(state.issued)
        assert {one.serial_number for one in given} <= {one.serial_number for one in state.issued}
        assert len({one.serial_number for one in state.issued}) == len(state.issued)
        assert len(state.history) >= len(given)
    assert len(given) > 20


def posted(responder: Running, given: list[x509.Certificate]) -> None:
    """Enrolls until nobody is there any more."""
    try:
        with responder.client() as client:
            while True:
                given.append(certificate(client.post("simpleenroll", content=request("x"), headers=HEADERS)))
    except httpx.TransportError:
        return
