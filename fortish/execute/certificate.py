"""`execute vpn certificate local …` beside enrollment."""

from __future__ import annotations

from fortish import messages
from fortish.commands import Arguments, Here
from fortish.messages import Text
from fortish.pki import keys, pem
from fortish.pki.faults import PkiFault
from fortish.steps import Flow, Say


def verify(here: Here, arguments: Arguments) -> Flow:
    """Whether a certificate and its private key belong together."""
    name = arguments["name"]
    values = here.box.local(name, here.scope)
    if values is None:
        raise messages.failed(-151, Text.NO_SUCH_CERTIFICATE(name=name))
    if not values["certificate"] or not values["private-key"]:
        raise messages.failed(1, Text.VERIFY_NOTHING(name=name))
    try:
        key = keys.load_private(values["private-key"], values["password"] or "")
        fits = keys.same_key(key, pem.certificate(values["certificate"]))
    except PkiFault as fault:
        raise messages.failed(-145, Text.EST_NO_KEY(name=name, reason=fault.reason)) from None
    if not fits:
        raise messages.failed(-145, Text.VERIFY_MISMATCH())
    yield Say(Text.VERIFY_MATCH())
