"""`execute vpn certificate local generate default-…`: new keys for certificates that came with the box."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

from fortish import factory
from fortish.box import LOCAL, Box
from fortish.cmdb.entries import GLOBAL, Change, Entry, Put
from fortish.commands import Arguments, Here
from fortish.execute.transfer import commit
from fortish.messages import Text
from fortish.steps import Flow, Say, Step, compute

KEY_CERTIFICATES = tuple(name for name in factory.STORED if name.startswith("Fortinet_SSL_"))


def _made_anew(box: Box, names: tuple[str, ...]) -> Generator[Step, Any, None]:
    """New keys and certificates; all else about the entries stays. Raises `CliError`."""
    yield from box.ready({factory.KINDS[name].signer for name in names} - {""})
    wanted = factory.wanted(box.cmdb, names, box.firmware.product, box.firmware.serial, box.clock.now())
    made = yield from compute(partial(box.maker, wanted))
    rows = box.cmdb.rows(GLOBAL, LOCAL)
    changes: list[Change] = [
        Put(GLOBAL, LOCAL, name, Entry({**rows[name].values, **values}, rows[name].children))
        for name, values in made.items()
    ]
    commit(box, changes)


def gui_server(here: Here, arguments: Arguments) -> Flow:
    """A new certificate for web administration, signed by the CA of SSL inspection."""
    yield from _made_anew(here.box, ("Fortinet_GUI_Server",))
    yield Say(Text.DONE())


def ssl_ca(here: Here, arguments: Arguments) -> Flow:
    """A new CA of SSL inspection."""
    yield from _made_anew(here.box, ("Fortinet_CA_SSL",))
    yield Say(Text.DONE())


def ssl_ca_untrusted(here: Here, arguments: Arguments) -> Flow:
    """A new CA for what is not to be trusted."""
    yield from _made_anew(here.box, ("Fortinet_CA_Untrusted",))
    yield Say(Text.DONE())


def ssl_key_certificates(here: Here, arguments: Arguments) -> Flow:
    """New keys of all kinds with which certificates of servers are signed anew."""
    yield from _made_anew(here.box, KEY_CERTIFICATES)
    yield Say(Text.DONE())


def ssl_server_key(here: Here, arguments: Arguments) -> Flow:
    """A new server key of SSL inspection."""
    yield from _made_anew(here.box, ("Fortinet_SSL",))
    yield Say(Text.DONE())
