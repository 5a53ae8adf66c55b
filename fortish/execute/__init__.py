"""`execute`: one sorted table of hooks."""

from __future__ import annotations

from fortish import hooks
from fortish.commands import Words
from fortish.execute import batch, clock, enter, log, options, ping, traceroute
from fortish.execute.known import KNOWN, WHERE
from fortish.hooks import Hook, later, parameter

_NAME = parameter("name", "Name of the local certificate.", size=35)
_CA_URL = parameter("url", "EST server, https://host[:port].", size=255)
_IDENTIFIER = parameter("ca-identifier", "CA identifier: a path segment of the EST URLs.", size=255)
_SOURCE = parameter("source-ip", "Source address of the connection.", "ipv4-address")
_FILE = parameter("file", "File name on the server.", "var-string", 255)
_SERVER = parameter("server", "Address or name of the TFTP server.", "var-string", 255)
_BACKUP, _DEFAULTS = "fortish.execute.backup", "fortish.execute.defaults"
_TRANSACTION = "fortish.execute.transaction"
_REVISION = parameter("revision", "Number of the revision.", "integer")
_CER, _P12 = ("cer", "The certificate."), ("p12", "PKCS #12: certificate and private key.")
_SIZES = tuple((size, f"RSA key of {size} bits.") for size in ("1024", "1536", "2048", "4096"))
_CURVES = tuple((f"secp{bits}r1", f"Elliptic curve of {bits} bits.") for bits in (256, 384, 521))
# What `generate rsa` and `generate ec` share behind the kind of key; the first seven must be there, `""` skips one.
_REQUEST = (
    parameter("common-name", "Common name: a host name, an address or a mail address.", "var-string", 64),
    parameter("country", "Country, its name or code.", "var-string", 64),
    parameter("state", "State or province.", "var-string", 128),
    parameter("city", "City.", "var-string", 128),
    parameter("organization", "Organization.", "var-string", 64),
    parameter("units", "Organizational units, with ',' between them.", "var-string", 512),
    parameter("email", "Mail address.", "var-string", 255),
    parameter("san", "Alternative names, as DNS:a.example,IP:192.0.2.1.", "var-string", 1024),
    parameter("scep-url", "SCEP server that shall sign.", "var-string", 255),
    parameter("challenge", "Challenge password of the request.", "var-string", 128),
    parameter("source-ip", "Source address of the connection to the SCEP server.", "ipv4-address"),
    parameter("ca-identifier", "CA identifier for the SCEP server.", size=255),
    parameter("password", "Password for the private key.", "var-string", 128),
    parameter("ca-cert", "CA certificate whose fingerprint the SCEP server's must have.", size=79),
    parameter("fingerprint", "Fingerprint that the SCEP server's CA certificate must have.", "var-string", 128),
)
# The fourteen options of an enrollment over EST.
_ENROLLMENT = (
    _NAME,
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
    parameter("srp-password", "Password for TLS-SRP.", "var-string", 128),
)


def _named_or_whole(session: hooks.Standing, typed: Words) -> bool:
    """A certificate that exists is enrolled again by its name alone; a new one needs algorithm and URL, too."""
    return len(typed) > 2 or session.box.local(typed[0], session.scope) is not None


# fmt: off
# ruff: noqa: E501
HOOKS = hooks.with_known(hooks.table(
    Hook("backup config flash", "Put the configuration aside on the box, as a revision.", later(_BACKUP, "to_flash"),
         (parameter("comment", "What the list of revisions shall say.", "var-string", 63),), where="global"),
    Hook("backup config tftp", "Send the configuration to a TFTP server.", later(_BACKUP, "config_to_tftp"),
         (_FILE, _SERVER), 2, where="global"),
    Hook("backup full-config tftp", "Send the configuration with all defaults to a TFTP server.", later(_BACKUP, "full_config_to_tftp"),
         (_FILE, _SERVER), 2, where="global"),
    Hook("batch end", "Run the lines that were gathered; questions are answered y.", batch.end, where="inside"),
    Hook("batch lastlog", "What the lines of the last batch came to.", batch.lastlog, where="inside"),
    Hook("batch start", "From now on gather lines.", batch.start, where="inside"),
    Hook("batch status", "Whether lines are being gathered.", batch.status, where="inside"),
    Hook("cfg reload", "Reboot to reload the configs.", later("fortish.execute.saving", "load_again"), where="global"),
    Hook("cfg save", "Save configs.", later("fortish.execute.saving", "save"), where="global"),
    Hook("config-transaction abort", "Forget the changes of this transaction.", later(_TRANSACTION, "abort")),
    Hook("config-transaction commit", "Let the changes of this transaction come into force.", later(_TRANSACTION, "commit")),
    Hook("config-transaction resume", "Go on in a transaction that was left.", later(_TRANSACTION, "resume"),
         (parameter("id", "Number of the transaction.", "integer", low=1, high=4294967295),), 1),
    Hook("config-transaction start", "Change the configuration in a transaction.", later(_TRANSACTION, "start"),
         (parameter("minutes", "Minutes without a typed line after which it is dropped (1-60); without, 5.", "integer", low=1, high=60),)),
    Hook("date", "Show or set the date of the box.", clock.date,
         (parameter("date", "New date, yyyy-mm-dd.", "var-string"),)),
    Hook("enter", "Stand in a VDOM.", enter.enter,
         (parameter("name", "vdom name", "reference", refs=(("system", "vdom"),)),), 1),
    Hook("factoryreset", "Reset all to factory default, and boot.", later("fortish.execute.power", "factory_reset"), where="global"),
    Hook("log display", "Print the event log.", log.display),
    Hook("ping", "Send ICMP echo requests to a host.", ping.ping,
         (parameter("host", "Host name or IPv4 address.", "var-string", 255),), 1),
    *options.HOOKS,
    Hook("reboot", "Boot the box.", later("fortish.execute.power", "reboot"),
         (parameter("comment", "Why.", "var-string", 127),), where="global"),
    Hook("restore config flash", "Replace the configuration by a revision, and boot.", later(_BACKUP, "from_flash"),
         (_REVISION,), 1, where="global"),
    Hook("restore config tftp", "Replace the configuration by a file of a TFTP server, and boot.", later(_BACKUP, "from_tftp"),
         (_FILE, _SERVER), 2, where="global"),
    Hook("revision delete config", "Remove a revision of the configuration.", later(_BACKUP, "delete"),
         (_REVISION,), 1, where="global"),
    Hook("revision list config", "List the revisions of the configuration.", later(_BACKUP, "revisions"), where="global"),
    Hook("shutdown", "Turn the box off.", later("fortish.execute.power", "shutdown"),
         (parameter("comment", "Why.", "var-string", 127),), where="global"),
    Hook("time", "Show or set the time of day of the box.", clock.time_of_day,
         (parameter("time", "New time, hh:mm:ss.", "var-string"),)),
    Hook("traceroute", "Find the way to a host.", traceroute.traceroute,
         (parameter("host", "Host name or IPv4 address.", "var-string", 255),), 1),
    Hook("vpn certificate ca export tftp", "Send a CA certificate to a TFTP server.", later("fortish.execute.ca", "export_tftp"),
         (parameter("name", "Name of the CA certificate.", size=79), _FILE, _SERVER), 3),
    Hook("vpn certificate ca import auto", "Fetch a CA certificate over SCEP.", later("fortish.execute.scep", "import_auto"),
         (parameter("url", "SCEP server.", "var-string", 255),
          parameter("ca-identifier", "CA identifier for the SCEP server.", size=255),
          _SOURCE,
          parameter("fingerprint", "Fingerprint that the CA certificate must have.", "var-string", 128)), 1),
    Hook("vpn certificate ca import bundle", "Fetch a bundle of CA certificates from a TFTP server.", later("fortish.execute.ca", "import_bundle"),
         (_FILE, _SERVER), 2),
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
         (_FILE, _SERVER), 2),
    Hook("vpn certificate crl import auto", "Fetch a revocation list from where its entry says.", later("fortish.execute.crl", "import_auto"),
         (parameter("name", "Name of the revocation list.", size=35),), 1),
    Hook("vpn certificate local export tftp", "Send a certificate or a request to a TFTP server.", later("fortish.execute.certificate", "export_tftp"),
         (_NAME,
          parameter("type", "What to send.", "option", choices=(_CER, _P12, ("csr", "The certificate request."))),
          _FILE, _SERVER), 4),
    Hook("vpn certificate local generate default-gui-mgmt-cert", "Make the certificate of web administration anew.", later(_DEFAULTS, "gui_server"), where="global"),
    Hook("vpn certificate local generate default-ssl-ca", "Make the CA of SSL inspection anew.", later(_DEFAULTS, "ssl_ca"), where="global"),
    Hook("vpn certificate local generate default-ssl-ca-untrusted", "Make the CA for what is not trusted anew.", later(_DEFAULTS, "ssl_ca_untrusted"), where="global"),
    Hook("vpn certificate local generate default-ssl-key-certs", "Make the keys of all kinds for re-signed certificates anew.", later(_DEFAULTS, "ssl_key_certificates"), where="global"),
    Hook("vpn certificate local generate default-ssl-serv-key", "Make the server key of SSL inspection anew.", later(_DEFAULTS, "ssl_server_key"), where="global"),
    Hook("vpn certificate local generate ec", "Make a key on an elliptic curve and a certificate request.", later("fortish.execute.requests", "generate_ec"),
         (_NAME, parameter("curve", "Elliptic curve of the key.", "option", choices=_CURVES), *_REQUEST), 9),
    Hook("vpn certificate local generate est", "Enroll a certificate over EST.", later("fortish.execute.est", "generate"),
         _ENROLLMENT, 1, enough=_named_or_whole),
    Hook("vpn certificate local generate est-serverkeygen", "Enroll over EST with a key that the server makes (fortish's own command).",
         later("fortish.execute.est", "generate_serverkeygen"), _ENROLLMENT, 1, enough=_named_or_whole),
    Hook("vpn certificate local generate rsa", "Make an RSA key and a certificate request.", later("fortish.execute.requests", "generate_rsa"),
         (_NAME, parameter("size", "Size of the key in bits.", "option", choices=_SIZES), *_REQUEST), 9),
    Hook("vpn certificate local import tftp", "Fetch a signed certificate, or one with its key, from a TFTP server.", later("fortish.execute.certificate", "import_tftp"),
         (_FILE, _SERVER,
          parameter("type", "What to fetch.", "option", choices=(("cer", "The certificate that answers a request."), _P12)),
          parameter("password", "Password of the PKCS #12 file.", "var-string", 128)), 3),
    Hook("vpn certificate local verify", "Check that a certificate and its private key belong together.",
         later("fortish.execute.certificate", "verify"), (_NAME,), 1),
    Hook("vpn certificate remote export tftp", "Send a peer's certificate to a TFTP server.", later("fortish.execute.remote", "export_tftp"),
         (parameter("name", "Name of the remote certificate.", size=35), _FILE, _SERVER), 3),
    Hook("vpn certificate remote import tftp", "Fetch a peer's certificate from a TFTP server.", later("fortish.execute.remote", "import_tftp"),
         (_FILE, _SERVER), 2),
), KNOWN, WHERE)
# fmt: on
