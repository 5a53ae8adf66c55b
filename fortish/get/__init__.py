"""`get` of what is not configuration: one sorted table of hooks."""

from __future__ import annotations

from fortish import hooks
from fortish.get import status, system
from fortish.get.known import KNOWN, WHERE
from fortish.hooks import TOP as _TOP
from fortish.hooks import Hook, later, parameter

_CA = "Subject, issuer, dates and fingerprint of CA certificates."
_CRL = "Issuer, dates and size of revocation lists."
_LOCAL = "Subject, issuer, dates and fingerprint of local certificates."
_REMOTE = "Subject, issuer, dates and fingerprint of peers' certificates."
_ENTRY = (parameter("name", "Name of one entry; without it, all are printed."),)

_ROUTES = "fortish.get.routes"

# fmt: off
# ruff: noqa: E501
HOOKS = hooks.with_known(hooks.table(
    Hook("certificate ca details", _CA, later("fortish.get.certificate", "ca"), _ENTRY, where="tree"),
    Hook("certificate crl details", _CRL, later("fortish.get.certificate", "crls"), _ENTRY, where="tree"),
    Hook("certificate local details", _LOCAL, later("fortish.get.certificate", "local"), _ENTRY, where="tree"),
    Hook("certificate remote details", _REMOTE, later("fortish.get.certificate", "remote"), _ENTRY, where="tree"),
    Hook("hardware nic", "Names of the ports.", system.nics, where="global"),
    Hook("hardware status", "The machine: it is virtual, and has no disk.", system.hardware, where="global"),
    Hook("router info routing-table all", "Connected networks and static routes.", later(_ROUTES, "every"), where="vdom"),
    Hook("router info routing-table bgp", "Routes from BGP: it does not run.", later(_ROUTES, "learned"), where="vdom"),
    Hook("router info routing-table connected", "Networks of the interfaces.", later(_ROUTES, "connected"), where="vdom"),
    Hook("router info routing-table isis", "Routes from IS-IS: it does not run.", later(_ROUTES, "learned"), where="vdom"),
    Hook("router info routing-table ospf", "Routes from OSPF: it does not run.", later(_ROUTES, "learned"), where="vdom"),
    Hook("router info routing-table rip", "Routes from RIP: it does not run.", later(_ROUTES, "learned"), where="vdom"),
    Hook("router info routing-table static", "Static routes.", later(_ROUTES, "static"), where="vdom"),
    Hook("system arp", "Neighbours: there are none.", system.neighbours, where="vdom"),
    Hook("system ha status", "The cluster: the box is by itself.", system.cluster, where="global"),
    Hook("system interface physical", "The ports as they are configured.", system.physical, where="global"),
    Hook("system interface transceiver", "Transceivers of the ports: there are none.", system.transceivers, where="global"),
    Hook("system performance status", "Processor, memory and uptime; traffic and sessions are 0, there are none.",
         later("fortish.get.performance", "status"), where="global"),
    Hook("system performance top", "The processes, once.", later("fortish.get.performance", "top"), _TOP, where="global"),
    Hook("system status", "Firmware, serial number, host name, modes, time.", status.status),
    Hook("vpn certificate ca details", _CA, later("fortish.get.certificate", "ca"), _ENTRY, where="vdom"),
    Hook("vpn certificate crl details", _CRL, later("fortish.get.certificate", "crls"), _ENTRY, where="vdom"),
    Hook("vpn certificate local details", _LOCAL, later("fortish.get.certificate", "local"), _ENTRY, where="vdom"),
    Hook("vpn certificate remote details", _REMOTE, later("fortish.get.certificate", "remote"), _ENTRY, where="vdom"),
), KNOWN, WHERE)
# fmt: on
