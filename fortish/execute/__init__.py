"""`execute`: one sorted table of hooks."""

from __future__ import annotations

from fortish import hooks
from fortish.execute import clock, log, ping
from fortish.hooks import Hook, later, parameter

_NAME = parameter("name", "Name of the local certificate.", size=35)
_CA_URL = parameter("url", "EST server, https://host[:port].", size=255)
_IDENTIFIER = parameter("ca-identifier", "CA identifier: a path segment of the EST URLs.", size=255)
_SOURCE = parameter("source-ip", "Source address of the connection.", "ipv4-address")

# fmt: off
# ruff: noqa: E501
HOOKS = hooks.table(
    Hook("date", "Show or set the date of the box.", clock.date,
         (parameter("date", "New date, yyyy-mm-dd.", "var-string"),)),
    Hook("log display", "Print the event log.", log.display),
    Hook("ping", "Send ICMP echo requests to a host.", ping.ping,
         (parameter("host", "Host name or IPv4 address.", "var-string", 255),), 1),
    Hook("time", "Show or set the time of day of the box.", clock.time_of_day,
         (parameter("time", "New time, hh:mm:ss.", "var-string"),)),
    Hook("vpn certificate ca import est", "Fetch CA certificates from an EST server.", later("fortish.execute.ca", "import_est"),
         (_CA_URL, _IDENTIFIER,
          parameter("ca-cert", "CA certificate that verifies the EST server.", size=79),
          parameter("client-cert", "Local certificate to authenticate with.", size=79),
          _SOURCE,
          parameter("srp-username", "User for TLS-SRP.", "var-string", 63),
          parameter("srp-password", "Password for TLS-SRP.", "var-string", 128),
          parameter("http-username", "User for HTTP authentication.", "var-string", 63),
          parameter("http-password", "Password for HTTP authentication.", "var-string", 128)), 1),
    Hook("vpn certificate ca import tftp", "Fetch a CA certificate from a TFTP server.", later("fortish.execute.ca", "import_tftp"),
         (parameter("file", "File name on the server.", "var-string", 255),
          parameter("server", "Address or name of the TFTP server.", "var-string", 255)), 2),
    Hook("vpn certificate local generate est", "Enroll a certificate over EST.", later("fortish.execute.est", "generate"),
         (_NAME,
          parameter("algorithm", "Kind of key: rsa-1024 to rsa-4096, ec-secp256r1 to ec-secp521r1.", "var-string"),
          _CA_URL,
          parameter("subject", "Subject, as CN=user,O=org,OU=unit.", "var-string", 1024),
          parameter("san", "Alternative names, as DNS:a.example,IP:192.0.2.1.", "var-string", 1024),
          parameter("http-username", "User for HTTP authentication.", "var-string", 63),
          parameter("http-password", "Password for HTTP authentication.", "var-string", 128),
          _IDENTIFIER,
          parameter("ca-cert", "CA certificate that verifies the server and what it issues.", size=79),
          parameter("password", "Password for the private key.", "var-string", 128),
          parameter("client-cert", "Local certificate to authenticate with.", size=79),
          _SOURCE,
          parameter("srp-username", "User for TLS-SRP.", "var-string", 63),
          parameter("srp-password", "Password for TLS-SRP.", "var-string", 128)), 1),
    Hook("vpn certificate local verify", "Check that a certificate and its private key belong together.",
         later("fortish.execute.certificate", "verify"), (_NAME,), 1),
)
# fmt: on
