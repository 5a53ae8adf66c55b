"""Checks on certificates: a local one, and the CA certificates in the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fortish.cmdb.entries import GLOBAL
from fortish.errors import UsageError
from fortish.labs.finding import Finding, listed, number
from fortish.responder.reading import Reader, one_of, plain, strings

if TYPE_CHECKING:
    from cryptography import x509

    from fortish.labs.checks import Scene

Given = Mapping[str, Any]
Part = tuple[bool, str, str]  # of a finding: ok, expected, actual
ROOT_CA = "the CA of the lab's EST server"


def certificate(scene: Scene, given: Given) -> Finding:
    """A local certificate: all that is asked of it. The first part that does not hold is told."""
    name, scope = given["name"], given.get("scope", GLOBAL)
    values = scene.box.local(name, scope)
    title = f'certificate "{name}"'
    if not given.get("exists", True):
        return Finding(values is None, f"{title} is not there", "it is there" if values else "it is not there")
    if not values or not values["certificate"]:
        return Finding(False, f"{title} is there", "it is not there" if not values else "it has no certificate yet")
    from fortish.pki import pem

    loaded = pem.certificate(values["certificate"])
    parts = [part for key, ask in ASKED.items() if key in given for part in ask(scene, loaded, values, given)]
    told = [part for part in parts if not part[0]] or parts or [(True, "is there", "it is there")]
    expected = ", ".join(part[1] for part in told) if told[0][0] else told[0][1]
    return Finding(told[0][0], f"{title} {expected}", listed(part[2] for part in told) if told[0][0] else told[0][2])


def _subject(scene: Scene, loaded: x509.Certificate, values: Any, given: Given) -> Iterator[Part]:
    from fortish.pki.names import tight

    found = tight(loaded.subject)
    yield found.replace(" ", "") == given["subject"].replace(" ", ""), f"has the subject {given['subject']}", found


def _issuer(scene: Scene, loaded: x509.Certificate, values: Any, given: Given) -> Iterator[Part]:
    from fortish.pki.names import tight

    found = tight(loaded.issuer)
    wanted = given["issuer"]
    yield (
        wanted.replace(" ", "") in (found.replace(" ", ""), found.replace(" ", "").removeprefix("CN=")),
        f"was issued by {wanted}",
        found,
    )


def _san(scene: Scene, loaded: x509.Certificate, values: Any, given: Given) -> Iterator[Part]:
    from cryptography import x509

    from fortish.pki.certificates import extension
    from fortish.pki.generalnames import general_name

    names = extension(loaded, x509.SubjectAlternativeName)
    found = [general_name(name).replace("IP Address:", "IP:") for name in names or ()]
    yield set(found) == set(given["san"]), f"has the alternative names {listed(given['san'])}", listed(found)


def _key(scene: Scene, loaded: x509.Certificate, values: Any, given: Given) -> Iterator[Part]:
    found = key_name(loaded)
    yield found == given["key"], f"has a key of the kind {given['key']}", found


def key_name(loaded: x509.Certificate) -> str:
    """The kind of a certificate's key, as the box names it: rsa-2048, ec-secp256r1."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = loaded.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa-{key.key_size}"
    return f"ec-{key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__


def _chains(scene: Scene, loaded: x509.Certificate, values: Any, given: Given) -> Iterator[Part]:
    from fortish.pki import pem
    from fortish.pki.chains import path_to
    from fortish.pki.faults import ChainFault

    held = [pem.certificate(text) for text in scene.box.authorities(given.get("scope", GLOBAL)).values()]
    at = datetime.fromtimestamp(scene.box.clock.now(), UTC)
    fault = ""
    try:
        path_to(loaded, (), held, at)
    except ChainFault as error:
        fault = error.reason
    words = "chains to a CA in the store" if given["chains-to-store"] else "does not chain to a CA in the store"
    yield bool(fault) != given["chains-to-store"], words, fault or "it chains"


def _valid_days(scene: Scene, loaded: x509.Certificate, values: Any, given: Given) -> Iterator[Part]:
    days = (loaded.not_valid_after_utc.timestamp() - scene.box.clock.now()) / 86400
    least = given["valid-days-at-least"]
    yield days >= least, f"is valid for {least} days at least", f"{int(days)} days" if days > 0 else "it has expired"


def _protocol(scene: Scene, loaded: x509.Certificate, values: Any, given: Given) -> Iterator[Part]:
    found = str(values["enroll-protocol"])
    yield found == given["protocol"], f"is renewed over {given['protocol']}", found


def _serial_noted(scene: Scene, loaded: x509.Certificate, values: Any, given: Given) -> Iterator[Part]:
    from fortish.pki.text import serial_text

    comments = str(values["comments"])
    serial = loaded.serial_number
    forms = {str(serial), f"{serial:x}", f"0x{serial:x}", serial_text(loaded)}
    there = not forms.isdisjoint(word.strip(":") for word in re.findall(r"[0-9a-fx:]+", comments.lower()))
    wanted = given["serial-in-comments"]
    words = f"has {'' if wanted else 'not '}its serial number in its comments"
    yield there is wanted, words, f'comments "{comments}"' if comments else "no comments"


def _beginning(scene: Scene, given: Given) -> x509.Certificate | None:
    from fortish.pki import pem

    text = scene.start.certificates.get(f"{given.get('scope', GLOBAL)}/{given['name']}")
    return None if text is None else pem.certificate(text)


def _same_key(scene: Scene, loaded: x509.Certificate, values: Any, given: Given) -> Iterator[Part]:
    from fortish.pki.keys import same_key

    before = _beginning(scene, given)
    same = before is not None and same_key(before, loaded)
    key = "same-key-as-start" if "same-key-as-start" in given else "other-key-than-start"
    wants_same = given[key] is (key == "same-key-as-start")
    words = "has the key of the beginning" if wants_same else "has another key than at the beginning"
    actual = "there was no such certificate" if before is None else "the same key" if same else "another key"
    yield before is not None and same is wants_same, words, actual


def _renewed(scene: Scene, loaded: x509.Certificate, values: Any, given: Given) -> Iterator[Part]:
    before = _beginning(scene, given)
    other = before != loaded
    words = "is another than at the beginning" if given["renewed"] else "is the one of the beginning"
    yield other is given["renewed"], words, "another" if other else "still the one of the beginning"


def authority(scene: Scene, given: Given) -> Finding:
    """The CA certificates in the store: how many, and whether the lab's own, or that of a file, is among them."""
    from fortish.pki import pem

    held = [pem.certificate(text) for text in scene.box.authorities(given.get("scope", GLOBAL)).values()]
    if "file" in given:
        return _of_file(scene, given["file"], given.get("held", True), held)
    if "lab" in given:
        there = scene.authority in held
        actual = f"{len(held)} CA certificates, {'it is among them' if there else 'but not that one'}"
        wanted = f"{ROOT_CA} is {'' if given['lab'] else 'not '}in the store"
        if there is not given["lab"] or not {"at-least", "at-most"} & given.keys():
            return Finding(there is given["lab"], wanted, actual if held else "no CA certificate")
    least, most = given.get("at-least", 0 if "at-most" in given else 1), given.get("at-most", len(held))
    words = f"{least} at least" if "at-most" not in given else f"{least} to {most}"
    return Finding(least <= len(held) <= most, f"CA certificates in the store: {words}", str(len(held)))


def _of_file(scene: Scene, name: str, wanted: bool, held: list[x509.Certificate]) -> Finding:
    """Whether the CA certificate of a file of the lab's file server is in the store."""
    from fortish.pki import pem

    try:
        found = pem.certificates((scene.files / name).read_bytes())
    except OSError as error:
        raise UsageError(f"file: {name}: {error.strerror}") from None
    there = all(certificate in held for certificate in found)
    words = f"the CA certificate in {name} is {'' if wanted else 'not '}in the store"
    return Finding(there is wanted, words, "it is there" if there else "it is not there")


_TEXT, _FLAG = plain(str, "a text"), plain(bool, "true or false")

# Sorted.
# fmt: off
ASKED: dict[str, Callable[[Scene, x509.Certificate, Any, Given], Iterator[Part]]] = {
    "chains-to-store":      _chains,
    "issuer":               _issuer,
    "key":                  _key,
    "other-key-than-start": _same_key,
    "protocol":             _protocol,
    "renewed":              _renewed,
    "same-key-as-start":    _same_key,
    "san":                  _san,
    "serial-in-comments":   _serial_noted,
    "subject":              _subject,
    "valid-days-at-least":  _valid_days,
}
READERS: dict[str, Reader] = {
    "chains-to-store":      _FLAG,
    "exists":               _FLAG,
    "issuer":               _TEXT,
    "key":                  _TEXT,
    "name":                 _TEXT,
    "other-key-than-start": _FLAG,
    "protocol":             one_of("none", "scep", "cmpv2", "acme2", "est"),
    "renewed":              _FLAG,
    "same-key-as-start":    _FLAG,
    "san":                  strings,
    "scope":                _TEXT,
    "serial-in-comments":   _FLAG,
    "subject":              _TEXT,
    "valid-days-at-least":  number,
}
# fmt: on
