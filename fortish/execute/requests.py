"""`execute vpn certificate local generate rsa|ec`: a key, and a certification request (PKCS #10) for it.

With the URL of a SCEP server the request goes there. Without one it is answered by hand: `export tftp` takes it to a
CA, `import tftp` brings the certificate back.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fortish import messages
from fortish.box import LOCAL, UNSET_ADDRESS
from fortish.cmdb.entries import GLOBAL, Entry, Put
from fortish.cmdb.secrets import random_password, seal
from fortish.commands import Arguments, Here
from fortish.execute import scep
from fortish.execute.transfer import commit, demand
from fortish.messages import Text
from fortish.parse import parse_alternatives
from fortish.pki import away, keys, names, requests
from fortish.pki.countries import country_code
from fortish.pki.faults import PkiFault
from fortish.steps import Flow, Say

# The fields of the subject in the order in which the box's own certificates have them, and their parameters.
_SUBJECT = (
    ("C", "country"),
    ("ST", "state"),
    ("L", "city"),
    ("O", "organization"),
    ("OU", "units"),
    ("CN", "common-name"),
    ("emailAddress", "email"),
)


def generate_rsa(here: Here, arguments: Arguments) -> Flow:
    """A request for a new RSA key."""
    demand(arguments, "name", "size", "common-name")
    yield from _generate(here, arguments, keys.ALGORITHMS[f"rsa-{arguments['size']}"])


def generate_ec(here: Here, arguments: Arguments) -> Flow:
    """A request for a new key on an elliptic curve."""
    demand(arguments, "name", "curve", "common-name")
    yield from _generate(here, arguments, keys.ALGORITHMS[f"ec-{arguments['curve']}"])


def check_free(here: Here, name: str) -> None:
    """No local certificate of that name may be there, or on its way. Raises `CliError`."""
    if here.box.scope_of_local(name, here.scope) is not None:
        raise messages.failed(-5, Text.DUPLICATE(key=name))
    if (here.scope, name) in here.box.enrolling:
        raise messages.failed(1, Text.EST_BUSY(name=name))
    scep.check_pending(here.box, (here.scope, name))


def kept_in(scope: str) -> dict[str, Any]:
    """The `range` of an entry that is kept in `scope`: it is written for the whole box only."""
    return {"range": GLOBAL} if scope == GLOBAL else {}


def _generate(here: Here, arguments: Arguments, algorithm: keys.Algorithm) -> Flow:
    box, scope, name = here.box, here.scope, arguments["name"]
    check_free(here, name)
    subject = _subject(arguments)
    alternatives = _alternatives(arguments["san"])
    scep.check(here, arguments)
    key = yield from away.generated(algorithm)
    try:
        made = partial(requests.new_request, key, subject, alternatives, arguments["challenge"] or None)
        request = yield from away.used(key, made)
    except PkiFault as fault:
        raise messages.failed(1, Text.BAD_SUBJECT(reason=fault.reason)) from None
    password = arguments["password"] or random_password()
    if arguments["scep-url"]:
        check_free(here, name)
        yield from scep.enroll(here, arguments, request, key, password)
        return
    values = {
        "password": seal(password),
        "private-key": keys.encrypted_pem(key, password),
        "csr": requests.pem_request(request),
        **kept_in(scope),
    }
    if arguments["source-ip"] not in ("", UNSET_ADDRESS):
        values["source-ip"] = arguments["source-ip"]
    check_free(here, name)  # a large key takes seconds, in which another administrator may have taken the name
    commit(box, [Put(scope, LOCAL, name, Entry(values))])
    yield Say(Text.DONE())


def _subject(arguments: Arguments) -> Any:
    """The subject, every field of it checked. Raises `CliError`."""
    parts = [
        (field, value.strip())
        for field, parameter in _SUBJECT
        for value in _values(field, arguments[parameter])
        if arguments[parameter]
    ]
    for field, value in parts:
        try:
            names.subject_name([(field, value)])
        except PkiFault as fault:
            raise messages.value_error(value, -651, Text.BAD_SUBJECT(reason=fault.reason)) from None
    return names.subject_name(parts)


def _values(field: str, typed: str) -> list[str]:
    """The values of one parameter: units stand apart by commas, a country becomes its code."""
    if field == "OU":
        return typed.split(",")
    if field != "C" or not typed:
        return [typed]
    code = country_code(typed)
    if code is None:
        raise messages.value_error(typed, -651, Text.BAD_COUNTRY())
    return [code]


def _alternatives(typed: str) -> Any:
    if not typed:
        return None
    try:
        return names.alternative_names(parse_alternatives(typed))
    except PkiFault as fault:
        raise messages.value_error(typed, -651, Text.BAD_SAN(reason=fault.reason)) from None
    except ValueError:
        reason = "it is not of the form DNS:name,IP:address"
        raise messages.value_error(typed, -651, Text.BAD_SAN(reason=reason)) from None
