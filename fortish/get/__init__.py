"""`get` of what is not configuration: one sorted table of hooks."""

from __future__ import annotations

from fortish import hooks
from fortish.get import system
from fortish.get.known import KNOWN, WHERE
from fortish.hooks import Hook, later, parameter

_CA = "Subject, issuer, dates and fingerprint of CA certificates."
_CRL = "Issuer, dates and size of revocation lists."
_LOCAL = "Subject, issuer, dates and fingerprint of local certificates."
_REMOTE = "Subject, issuer, dates and fingerprint of peers' certificates."
_ENTRY = (parameter("name", "Name of one entry; without it, all are printed."),)

# fmt: off
HOOKS = hooks.with_known(hooks.table(
    Hook("certificate ca details", _CA, later("fortish.get.certificate", "ca"), _ENTRY, where="tree"),
    Hook("certificate crl details", _CRL, later("fortish.get.certificate", "crls"), _ENTRY, where="tree"),
    Hook("certificate local details", _LOCAL, later("fortish.get.certificate", "local"), _ENTRY, where="tree"),
    Hook("certificate remote details", _REMOTE, later("fortish.get.certificate", "remote"), _ENTRY, where="tree"),
    Hook("system interface physical", "The ports as they are configured.", system.physical, where="global"),
    Hook("system performance status", "Processor, memory and uptime; traffic and sessions are 0, there are none.",
         later("fortish.get.performance", "status"), where="global"),
    Hook("system status", "Firmware, serial number, host name, modes, time.", system.status),
    Hook("vpn certificate ca details", _CA, later("fortish.get.certificate", "ca"), _ENTRY, where="vdom"),
    Hook("vpn certificate crl details", _CRL, later("fortish.get.certificate", "crls"), _ENTRY, where="vdom"),
    Hook("vpn certificate local details", _LOCAL, later("fortish.get.certificate", "local"), _ENTRY, where="vdom"),
    Hook("vpn certificate remote details", _REMOTE, later("fortish.get.certificate", "remote"), _ENTRY, where="vdom"),
), KNOWN, WHERE)
# fmt: on
