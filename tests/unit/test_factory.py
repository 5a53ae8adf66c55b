"""The certificates that come with the box: made when they are first read, and kept from then on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made import Once

import fortish
from fortish import factory
from fortish.boot import Options, boot
from fortish.box import LOCAL, Box
from fortish.clock import VirtualClock
from fortish.cmdb import restore
from fortish.cmdb.entries import GLOBAL, Change, Drop, Entry, Order, Put
from fortish.errors import StorageFault
from fortish.pki import keys, pem, selfsigned
from fortish.session import Session

NOW = 1_680_820_654.0  # 2023-04-06
EVERY = tuple(factory.KINDS)
ONCE = Once()  # all at NOW, on one box


@pytest.fixture
def box() -> Box:
    made = Box.new(VirtualClock(NOW), "fortigate-7.6")
    made.maker = ONCE
    return made


def missing(box: Box) -> tuple[str, ...]:
    return factory.missing(box.cmdb, EVERY)


def held(box: Box, name: str = "Fortinet_SSL_ED25519") -> dict[str, Any]:
    return {k: v for k, v in box.cmdb.rows(GLOBAL, LOCAL)[name].values.items() if k in ("certificate", "private-key")}


def whole(box: Box) -> list[str]:
    return list(Session(box).configuration())[4:]


def typed(box: Box, *lines: str, session: Session | None = None) -> str:
    """Lines typed by somebody who answers every question with yes; what was slow is done at once."""
    from fortish.steps import Ask, Compute, Say

    session, printed = session or Session(box), []
    for line in lines:
        flow, answer = session.feed(line), None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration:
                break
            printed += [step.text] if isinstance(step, Say) else []
            answer = step.work() if isinstance(step, Compute) else "y" if isinstance(step, Ask) else None
    return "\n".join(printed)


# --- what they are ---


@pytest.mark.parametrize("name", EVERY)
def test_each_is_what_its_name_says_lasts_ten_years_and_fits_its_key(name: str, box: Box) -> None:
    values = box.local(name)
    assert values is not None
    certificate = pem.certificate(values["certificate"])
    key = keys.load_private(values["private-key"], values["password"])
    assert keys.same_key(certificate, key)
    kind = keys.kind_of(key).replace("-", "").replace("ecsecp", "ecdsa").removesuffix("r1")
    assert kind == factory.KINDS[name].key
    since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    assert since.timestamp() == NOW and until == since.replace(year=since.year + 10)
    assert [extension.critical for extension in certificate.extensions] == [False]


def test_all_sign_themselves_but_the_one_of_web_administration(box: Box) -> None:
    certificates = {name: pem.certificate((box.local(name) or {})["certificate"]) for name in EVERY}
    for name, certificate in certificates.items():
        signer = certificates[factory.KINDS[name].signer or name]
        certificate.verify_directly_issued_by(signer)
        assert (signer is certificate) == (name != "Fortinet_GUI_Server")


def test_a_signer_whose_key_another_box_has_encrypted_cannot_sign(box: Box) -> None:
    signer = factory.make(factory.Wanted(("Fortinet_CA_SSL",), "FortiGate", "X", NOW))["Fortinet_CA_SSL"]
    foreign = signer["password"]._replace(clear=None)
    for values in ({}, {**signer, "password": foreign}, {**signer, "certificate": "x"}):
        wanted = factory.Wanted(("Fortinet_GUI_Server",), "FortiGate", "X", NOW, {"Fortinet_CA_SSL": values})
        certificate = pem.certificate(factory.make(wanted)["Fortinet_GUI_Server"]["certificate"])
        certificate.verify_directly_issued_by(certificate)


@pytest.mark.parametrize("bits", [1024, 2048])
def test_the_dsa_parameters_are_a_group_of_prime_order(bits: int) -> None:
    numbers = selfsigned._DSA[bits]
    p, q, g = numbers.p, numbers.q, numbers.g
    assert p.bit_length() == bits and q.bit_length() == {1024: 160, 2048: 256}[bits]
    assert (p - 1) % q == 0 and pow(g, q, p) == 1 and 1 < g < p
    assert all(pow(base, n - 1, n) == 1 for n in (p, q) for base in (2, 3, 5, 7))


def test_on_the_29th_of_february_ten_years_end_on_the_28th() -> None:
    key = selfsigned.KEYS["ed25519"]()
    leap = 1_709_164_800.0  # 2024-02-29
    certificate = selfsigned.certificate(key, selfsigned.subject("A", "b"), leap, authority=False)
    assert (certificate.not_valid_after_utc.month, certificate.not_valid_after_utc.day) == (2, 28)


# --- when they are made ---


def test_nothing_is_made_before_somebody_reads(box: Box) -> None:
    typed(
        box, "get vpn certificate local", "config vpn certificate local", "edit Fortinet_SSL", "set comments x", "end"
    )
    typed(box, "get system status", "show system interface", "execute log display", "config system global", "end")
    assert missing(box) == EVERY
    typed(box, "show vpn certificate local Fortinet_SSL_ED448")
    assert set(missing(box)) == {*EVERY} - {"Fortinet_SSL_ED448"}
    assert box.cmdb.rows(GLOBAL, LOCAL)["Fortinet_SSL"].values["comments"] == "x"


@pytest.mark.parametrize(
    "lines",
    [
        ("show",),
        ("show vpn certificate local",),
        ("get vpn certificate local Fortinet_SSL_ED25519",),
        ("get vpn certificate local details",),
        ("config vpn certificate local", "show"),
        ("config vpn certificate local", "get Fortinet_SSL_ED25519"),
        ("config vpn certificate local", "edit Fortinet_SSL_ED25519", "set comments x", "get"),
        ("config vpn certificate local", "clone Fortinet_SSL_ED25519 to mine"),
        ("execute vpn certificate local verify Fortinet_SSL_ED25519",),
        ("execute backup config flash",),
    ],
)
def test_what_is_read_is_made_once_and_stays(lines: tuple[str, ...], box: Box) -> None:
    typed(box, *lines)
    assert "Fortinet_SSL_ED25519" not in missing(box)
    before = held(box)
    whole(box)
    assert held(box) == before


def test_the_python_door_reads_them_too() -> None:
    with fortish.Appliance(network="none") as appliance:
        assert appliance.certificate("Fortinet_SSL_ED25519").pem.startswith("-----BEGIN CERTIFICATE")
        entry = appliance.cmdb["vpn certificate local"]["Fortinet_SSL_ED448"]
        assert entry["source"] == "factory" and entry["certificate"].startswith("-----BEGIN CERTIFICATE")


def test_what_stands_in_no_backup_is_not_made_for_one(box: Box) -> None:
    text = "\n".join(whole(box))
    assert set(missing(box)) == {*EVERY} - {*factory.STORED}
    assert not any(f'edit "{name}"' in text for name in missing(box))
    assert all(f'edit "{name}"' in text for name in factory.STORED)


def test_an_open_working_copy_shows_what_was_made_meanwhile_and_keeps_what_was_typed(box: Box) -> None:
    lines = ("config vpn certificate local", "edit Fortinet_SSL_ED448", "set comments mine", "show", "end")
    shown = typed(box, *lines)
    assert "BEGIN CERTIFICATE" in shown and 'set comments "mine"' in shown
    values = box.cmdb.rows(GLOBAL, LOCAL)["Fortinet_SSL_ED448"].values
    assert values["comments"] == "mine" and values["certificate"]


def test_a_key_or_certificate_alone_is_refused(box: Box) -> None:
    certificate = (box.local("Fortinet_SSL_ED25519") or {})["certificate"]
    lines = ("config vpn certificate local", "edit Fortinet_SSL_ED448", f'set certificate "{certificate}"', "next")
    assert "Return code -145" in typed(box, *lines)
    assert "Fortinet_SSL_ED448" in missing(box)
    lines = (
        "config vpn certificate local",
        "edit Fortinet_SSL_ED25519",
        "unset certificate",
        "unset private-key",
        "end",
    )
    assert "Return code -145" in typed(box, *lines)


# --- how they last ---


def test_they_are_the_same_after_a_restart(tmp_path: Path) -> None:
    texts = []
    for _ in range(2):
        runtime = boot(Options(state=tmp_path / "box.db", network="none", frozen=True))
        texts.append(whole(runtime.box))
        assert runtime.store is not None
        runtime.store.close()
    assert texts[0] == texts[1]


def test_a_state_file_from_before_them_gets_them_first(box: Box) -> None:
    other = Box.new(VirtualClock(NOW), "fortigate-7.6")
    own = Entry({"private-key": "x"})
    other.cmdb.adopt({(GLOBAL, LOCAL): {"own": own}})
    assert tuple(other.cmdb.rows(GLOBAL, LOCAL)) == (*EVERY, "own")


def test_made_while_nothing_is_saved_they_are_saved_at_once(box: Box) -> None:
    typed(box, "config system global", "set cfg-save manual", "end", "show")
    before = held(box)
    typed(box, "config vpn certificate local", "edit Fortinet_SSL_ED25519", "set comments x", "end")
    box.restart()
    assert held(box) == before
    assert box.cmdb.rows(GLOBAL, LOCAL)["Fortinet_SSL_ED25519"].values["comments"] != "x"


def restored(box: Box, text: str) -> None:
    cmdb, errors, ended = restore.read(box.cmdb, text)
    assert ended and not errors
    factory.carry_over(box.cmdb, cmdb)
    box.cmdb.replace(cmdb.snapshot())


HEADER = "#config-version=FGVM00-7.6.4-FW-build3596-250820:opmode=0:vdom=0:user=admin\n"


def test_a_backup_brings_its_keys_to_another_box(box: Box) -> None:
    other = Box.new(VirtualClock(NOW + 9), "fortigate-7.6")
    other.make_ready(("Fortinet_SSL_ED25519", "Fortinet_Factory"))
    unit = held(other, "Fortinet_Factory")
    text = HEADER + "\n".join(whole(box)) + "\n"
    restored(other, text)
    assert whole(other) == whole(box) and held(other) == held(box)
    assert held(other, "Fortinet_Factory") == unit


@pytest.mark.parametrize("body", ["", "config vpn certificate local\nend\n", "config system global\nend\n"])
def test_a_backup_without_them_leaves_the_box_its_own(body: str, box: Box) -> None:
    whole(box)
    before = held(box)
    typed(box, "config vpn certificate local", "edit Fortinet_SSL_ED25519", "set comments x", "end")
    restored(box, HEADER + body)
    assert held(box) == before
    assert box.cmdb.rows(GLOBAL, LOCAL)["Fortinet_SSL_ED25519"].values["comments"].startswith("This certificate")
    assert tuple(box.cmdb.rows(GLOBAL, LOCAL)) == EVERY


def test_a_whole_backup_that_is_typed_replaces_keys_too(box: Box, tmp_path: Path) -> None:
    backup = tmp_path / "box.conf"
    backup.write_text(HEADER + "\n".join(whole(box)) + "\n", "utf-8")
    with fortish.Appliance(network="none", firmware="fortigate-7.6") as appliance:
        assert appliance.certificate("Fortinet_SSL_ED25519").pem != held(box)["certificate"]
        assert not appliance.session().play(backup.read_text("utf-8")).failed
        assert appliance.certificate("Fortinet_SSL_ED25519").pem == held(box)["certificate"]


def test_a_factory_reset_makes_new_ones_but_for_the_units_own() -> None:
    box = Box.new(VirtualClock(NOW), "fortigate-7.6")
    names = ("Fortinet_SSL_ED25519", "Fortinet_Factory")
    box.make_ready(names)
    before = [held(box, name) for name in names]
    typed(box, "execute factoryreset")
    assert names[0] in missing(box) and names[1] not in missing(box)
    box.make_ready(names)
    assert held(box, names[0]) != before[0] and held(box, names[1]) == before[1]


@pytest.mark.parametrize(
    ("command", "renewed"),
    [
        ("default-gui-mgmt-cert", {"Fortinet_GUI_Server"}),
        ("default-ssl-ca", {"Fortinet_CA_SSL"}),
        ("default-ssl-ca-untrusted", {"Fortinet_CA_Untrusted"}),
        ("default-ssl-key-certs", {name for name in EVERY if name.startswith("Fortinet_SSL_")}),
        ("default-ssl-serv-key", {"Fortinet_SSL"}),
    ],
)
def test_generate_makes_the_named_ones_anew(command: str, renewed: set[str], box: Box) -> None:
    box.make_ready()
    before = {name: held(box, name) for name in EVERY}
    box.maker = factory.make
    assert typed(box, f"execute vpn certificate local generate {command}") == "Done."
    assert {name for name in EVERY if held(box, name) != before[name]} == renewed


class Full:
    """A journal without room."""

    def append(self, changes: list[Change]) -> None:
        raise StorageFault("No space left on device")


def test_what_cannot_be_kept_is_not_shown(box: Box) -> None:
    box.cmdb.journal = Full()
    for line in ("show", "show vpn certificate local", "execute vpn certificate local verify Fortinet_SSL"):
        said = typed(box, line)
        assert said == "The configuration could not be stored: No space left on device\nCommand fail. Return code 1"
    assert missing(box) == EVERY


def test_saving_to_a_file_says_so_too(tmp_path: Path, box: Box) -> None:
    from fortish.errors import UsageError
    from fortish.files import save

    box.cmdb.journal = Full()
    with pytest.raises(UsageError, match="No space left"):
        save(box, tmp_path / "out.conf")
    assert not list(tmp_path.iterdir())


def test_two_readers_at_once_get_the_same(box: Box) -> None:
    from fortish.steps import Compute

    first, second = box.ready(("Fortinet_SSL_ED448",)), box.ready(("Fortinet_SSL_ED448",))
    steps = [next(first), next(second)]
    box.maker = factory.make
    for flow, step in zip((first, second), steps, strict=True):
        assert isinstance(step, Compute)
        with pytest.raises(StopIteration):
            flow.send(step.work())
        kept = held(box, "Fortinet_SSL_ED448")
    assert kept == held(box, "Fortinet_SSL_ED448")


def test_the_first_imported_ca_still_has_the_first_name(box: Box) -> None:
    from fortish.est.authorities import next_name

    whole(box)
    assert next_name(box) == "G_CA_Cert_1"
    assert not box.authorities()


def test_they_are_watched_by_no_job(box: Box) -> None:
    from fortish import jobs

    box.make_ready()
    assert not box.watches and jobs.next_job(box) is None


def test_a_direct_drop_is_the_only_way_to_lose_one(box: Box) -> None:
    box.cmdb.commit([Drop(GLOBAL, LOCAL, "Fortinet_SSL")])
    assert "Fortinet_SSL" not in missing(box)
    box.cmdb.commit([Put(GLOBAL, LOCAL, "Fortinet_SSL", Entry())])
    assert "Fortinet_SSL" in missing(box)


def test_what_is_made_inside_a_transaction_is_no_change_of_its_own(box: Box) -> None:
    session = Session(box)
    typed(box, "show vpn certificate local Fortinet_SSL_ED448", session=session)
    typed(box, "execute config-transaction start", "config vpn certificate local", session=session)
    shown = typed(box, "edit Fortinet_SSL_ED25519", "set comments mine", "show", "next", session=session)
    assert "BEGIN CERTIFICATE" in shown
    typed(box, "clone Fortinet_SSL_ED25519 to copy", "clone Fortinet_SSL to other", "end", session=session)
    (transaction,) = box.transactions.values()
    assert [change.key for change in transaction.changes() if not isinstance(change, Order)] == [
        "Fortinet_SSL_ED25519",
        "copy",
        "other",
    ]
    before = held(box)
    typed(box, "execute config-transaction commit", session=session)
    assert held(box) == held(box, "copy") == before and held(box, "other") == held(box, "Fortinet_SSL")
    assert box.cmdb.rows(GLOBAL, LOCAL)["Fortinet_SSL_ED25519"].values["comments"] == "mine"
