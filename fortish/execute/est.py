"""`execute vpn certificate local generate est`: fourteen positional options, checked before anything is sent.

`generate est-serverkeygen` takes the same ones and leaves the key to the server (RFC 7030 section 4.4); it is fortish's
own.
"""

from __future__ import annotations

from typing import Any

from fortish import messages
from fortish.box import UNSET_ADDRESS, Box, Kept
from fortish.cmdb.types import XSS
from fortish.commands import Arguments, Here
from fortish.errors import CliError, StorageFault
from fortish.est.auth import http_fault
from fortish.est.authorities import EnrollFault
from fortish.est.context import EstContext, split_url
from fortish.est.enroll import Waiting, est_simple_enroll
from fortish.est.pending import keep_new, keep_renewal
from fortish.est.renew import est_simple_reenroll
from fortish.est.trust import proxy_of, trust_of
from fortish.messages import Text
from fortish.parse import parse_alternatives, parse_subject
from fortish.pki import keys, names
from fortish.pki.faults import PkiFault
from fortish.steps import Ask, Flow, Say


def generate(here: Here, arguments: Arguments) -> Flow:
    """Enroll a new certificate, or regenerate one that exists with the settings it has."""
    yield from _generate(here, arguments, server_key=False)


def generate_serverkeygen(here: Here, arguments: Arguments) -> Flow:
    """Enroll a certificate whose key the server makes; one that exists is regenerated as `generate` does."""
    yield from _generate(here, arguments, server_key=True)


def _generate(here: Here, arguments: Arguments, *, server_key: bool) -> Flow:
    box: Box = here.box
    name = arguments["name"]
    if not name:
        raise messages.incomplete()
    scope = box.scope_of_local(name, here.scope)
    kept = here.scope if scope is None else scope, name
    if kept in box.enrolling:
        raise messages.failed(1, Text.EST_BUSY(name=name))
    if kept in box.pending:
        raise messages.failed(1, Text.EST_PENDING(name=name, seconds=_seconds(box, kept)))
    if scope is not None:
        yield from _regenerate(box, name, scope)
        return
    context = context_of(here, arguments)
    context.server_key = server_key
    algorithm = _algorithm(arguments["algorithm"])
    context.rsa_keysize, context.ec_curvename = algorithm.rsa_bits, algorithm.curve or None
    _check_names(context)
    _label_or_authority(box, context)
    try:
        yield from _enrolling(box, kept, est_simple_enroll(box, context, algorithm))
    except Waiting as waiting:
        keep_new(box, context, arguments["algorithm"], waiting)
        yield from _waits(box, kept)
        return
    box.log(41987, scope=kept[0], name=name, **{"cert-type": "local"}, method="EST", status="success")
    yield Say(Text.DONE())


def _regenerate(box: Box, name: str, scope: str) -> Flow:
    values = box.local(name, scope)
    assert values is not None
    answer = yield Ask(Text.REGENERATE_QUESTION(name=name))
    if answer != "y":
        return
    if not values["est-server"]:
        raise messages.failed(1, Text.EST_NOT_CONFIGURED(name=name))
    try:
        yield from _enrolling(box, (scope, name), est_simple_reenroll(box, name, scope))
    except Waiting as waiting:
        keep_renewal(box, (scope, name), waiting)
        yield from _waits(box, (scope, name))
        return
    box.log(41986, scope=scope, name=name, **{"cert-type": "local"}, method="EST", status="success")
    yield Say(Text.DONE())


def _waits(box: Box, kept: Kept) -> Flow:
    """The server has not decided: the request is asked again in the background."""
    try:
        box.keep()
    except StorageFault as fault:
        raise messages.failed(1, Text.NOT_STORED(reason=fault.reason)) from None
    yield Say(Text.EST_WAITS(seconds=_seconds(box, kept)))


def _seconds(box: Box, kept: Kept) -> int:
    return max(0, round(box.pending[kept].due - box.clock.now()))


def _enrolling(box: Box, kept: Kept, flow: Flow) -> Flow:
    """One enrollment of an entry at a time; a failure is an event, and an error on the console."""
    box.enrolling.add(kept)
    try:
        yield from flow
    except Waiting:
        raise
    except EnrollFault as fault:
        scope, name = kept
        fields = {"name": name, "cert-type": "local", "method": "EST", "status": "failure", "reason": fault.reason}
        box.log(41990, scope=scope, **fields)
        raise messages.failed(1, Text.EST_FAILED(reason=fault.reason)) from None
    finally:
        box.enrolling.discard(kept)


def _algorithm(typed: str) -> keys.Algorithm:
    if not typed:
        raise messages.incomplete()
    if typed not in keys.ALGORITHMS:
        raise messages.value_error(typed, -651, Text.BAD_ALGORITHM(choices=", ".join(keys.ALGORITHMS)))
    return keys.ALGORITHMS[typed]


def context_of(here: Here, arguments: Arguments) -> EstContext:
    """The context of the options, every one checked. Raises `CliError`."""
    url = arguments["url"]
    if not url:
        raise messages.incomplete()
    try:
        host, port = split_url(url)
        if not XSS.isdisjoint(url):
            raise ValueError(url)
    except ValueError:
        raise messages.value_error(url, -651, Text.BAD_URL()) from None
    _check_certificates(here, arguments)
    if bool(arguments["srp-username"]) != bool(arguments["srp-password"]):
        raise messages.failed(1, f"{Text.SRP_HALF()}.")
    if wrong := http_fault(arguments["http-username"], arguments["http-password"]):
        raise messages.failed(1, f"{wrong()}.")
    if arguments["srp-username"] and arguments["client-cert"]:
        raise messages.failed(1, f"{Text.SRP_OR_CERT()}.")
    source = arguments["source-ip"]
    fields: dict[str, Any] = {
        "ca_identifier": arguments["ca-identifier"],
        "http_username": arguments["http-username"],
        "http_password": arguments["http-password"],
        "client_cert": arguments["client-cert"],
        "server_cert": arguments["ca-cert"],
        "srp_username": arguments["srp-username"],
        "srp_password": arguments["srp-password"],
        "source_ip": "" if source == UNSET_ADDRESS else source,
        "password": arguments["password"],
        "subject": arguments["subject"],
        "sub_alt_name": arguments["san"],
    }
    given = {name: value for name, value in fields.items() if value}
    box: Box = here.box
    place: dict[str, Any] = {"scope": here.scope, "vfid": box.vfid(here.scope), "proxy": proxy_of(box, here.scope)}
    return EstContext(arguments["name"], url, host, port, **place, **given)


def _check_certificates(here: Here, arguments: Arguments) -> None:
    """The certificates that are named must be there."""
    authority, client = arguments["ca-cert"], arguments["client-cert"]
    holders = ("vpn", "certificate", "ca"), ("vpn", "certificate", "remote")
    if authority and not here.box.cmdb.exists(holders, authority, here.scope):
        raise messages.value_error(authority, -3, Text.NO_CA(name=authority))
    if client and here.box.scope_of_local(client, here.scope) is None:
        raise messages.value_error(client, -3, Text.NO_CLIENT_CERT(name=client))


def _label_or_authority(box: Box, context: EstContext) -> None:
    """An option 8 that names a CA certificate, with option 9 empty, is the verifying CA: the guide's own example.

    It then shows in no dump and is not stored; anything else in option 8 is a path segment.
    """
    explicit = context.server_cert or ""
    if not explicit and context.ca_identifier in box.authorities(context.scope):
        explicit, context.ca_identifier = context.ca_identifier or "", None
    trust_of(box, context, explicit)


def _check_names(context: EstContext) -> None:
    """Subject and alternative names must be ones that a request can carry."""
    for text, read, build, sentence in (
        (context.subject, parse_subject, names.subject_name, Text.BAD_SUBJECT),
        (context.sub_alt_name, parse_alternatives, names.alternative_names, Text.BAD_SAN),
    ):
        try:
            if text is not None:
                build(read(text))
        except PkiFault as fault:
            raise messages.value_error(text or "", -651, sentence(reason=fault.reason)) from None
        except ValueError:
            raise _malformed(text or "", sentence) from None


def _malformed(text: str, sentence: Text) -> CliError:
    form = "CN=name,O=organization" if sentence is Text.BAD_SUBJECT else "DNS:name,IP:address"
    return messages.value_error(text, -651, sentence(reason=f"it is not of the form {form}"))
