"""Every line that `diagnose debug application est` can print, in the documented `[line] function:` form.

`documented` lines stand in the enrollment guide, `inferred` ones are the same line with another value, `ours` are for
what the guide shows no trace of; their numbers are made up, their shape is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, unique
from functools import partial

from fortish.messages import Origin
from fortish.steps import Step, Trace

DAEMON = "est"
# ruff: noqa: E501
D, I, O = Origin.DOCUMENTED, Origin.INFERRED, Origin.OURS  # noqa: E741


@unique
class EstLine(Enum):
    """A trace line: source line, function, text. In the order of the source lines."""

    # fmt: off
    GLOBAL_CAS       = D,  143, "__curl_ssl_ctx_finalizer",   "global CAs are loaded."
    EXPLICIT_CA      = O,  151, "__curl_ssl_ctx_finalizer",   "only CA '{name}' is loaded."
    OWN_CAS          = O,  154, "__curl_ssl_ctx_finalizer",   "the public CAs do not count for this server: {reason}"
    PROVISIONAL      = O,  158, "__curl_ssl_ctx_finalizer",   "provisional connection: nobody is trusted, no secret is sent"
    EX_DATA          = D,  165, "__curl_ssl_ctx_finalizer",   "SSL_CTX ex data is set."
    X509             = D,  427, "est_print_x509",             "\n{block}"
    CERTS_TOTAL      = D,  505, "est_print_pkcs7",            "Certs: ({count} in total)"
    CERT_NUMBER      = D,  507, "est_print_pkcs7",            "Cert {number}:"
    CLEAR            = D,  592, "est_ctx_clear_tmp_data",     "trace"
    CERT_UPDATED     = D,  827, "est_cmdb_update_cert",       "Cert {name} updated in CMDB"
    CERT_GONE        = O,  831, "est_cmdb_update_cert",       "Cert {name} no longer exists"
    CSR_FROM_CERT    = D,  965, "est_generate_csr_from_cert", "Successfully generated CSR for {name}"
    CSR_FAILED       = O,  969, "est_generate_csr_from_cert", "Failed to generate CSR for {name}: {reason}"
    RECONSTRUCTED    = D, 1024, "reconstruct_est_ctx",        "Reconstruction succeeded"
    NOT_RECONSTRUCTED = O, 1029, "reconstruct_est_ctx",       "Reconstruction failed: {reason}"
    SAVING_RESPONSE  = D, 1191, "save_pkcs7_certs",           "Saving pkcs7 response"
    BAD_PKCS7        = O, 1199, "save_pkcs7_certs",           "Failed to parse pkcs7 response: {reason}"
    RECEIVED_CERTS   = D, 1220, "save_pkcs7_certs",           "Received {count} certs"
    SAVING_CERTS     = D, 1228, "save_pkcs7_certs",           ("Saving cert(s): is_global:{is_global} est_url:{url} "
                                                               "source_ip:{source} ca_identifier:{identifier}")
    ISSUED_CERTS     = D, 1246, "save_pkcs7_certs",           "Received {count} cert(s)"
    NO_ISSUED_CERT   = O, 1252, "save_pkcs7_certs",           "No cert matches the private key of {name}"
    BAD_CHAIN        = O, 1259, "save_pkcs7_certs",           "Failed to verify the cert: {reason}"
    ASK_FOR_CAS      = O, 1263, "save_pkcs7_certs",           "Asking for the CA certs: the server may have a new one"
    CERT_SAVED       = D, 1276, "save_pkcs7_certs",           "The cert is saved!"
    NOT_SAVED        = O, 1281, "save_pkcs7_certs",           "Failed to save: {reason}"
    SKIPPED_CA       = O, 1284, "save_pkcs7_certs",           "Skipped a cert: {reason}"
    CAS_IMPORTED     = D, 1288, "save_pkcs7_certs",           "CA certs imported!"
    CAS_UPDATED      = O, 1293, "save_pkcs7_certs",           "CA certs asked for before {name} expires, new: {names}"
    SERVER_KEY       = O, 1305, "save_server_key",            "Received a private key: {kind}"
    BAD_SERVER_KEY   = O, 1311, "save_server_key",            "Failed to read the private key: {reason}"
    BAD_MULTIPART    = O, 1317, "save_server_key",            "Failed to parse the multipart response: {reason}"
    DECODING         = D, 1439, "decode_csrattrs_callback",   "Decoding csrattrs, resp->len: {length}"
    BAD_CSRATTRS     = O, 1447, "decode_csrattrs_callback",   "Failed to decode csrattrs: {reason}"
    OBJECT           = D, 1474, "decode_csrattrs_callback",   "Object: {oid} {name}"
    HEADER           = D, 1651, "curl_header_debug_func",     "Header received:{line}"
    URL              = D, 1728, "est_curl_req",               "URL: {url}"
    POST             = D, 1753, "est_curl_req",               "HTTP POST"
    GET              = D, 1776, "est_curl_req",               "HTTP GET"
    RESPONSE         = D, 1787, "est_curl_req",               "Response {status}"
    BUFFER           = D, 1788, "est_curl_req",               "Buffer:{body}"
    BUFFER_HIDDEN    = O, 1790, "est_curl_req",               "Buffer: not shown, a private key may be in it"
    ERROR_BUF        = D, 1795, "est_curl_req",               "Error buf: {reason},"
    REFUSED          = O, 1803, "est_curl_req",               "Unexpected HTTP status {status} {phrase}: {text}"
    BAD_BASE64       = O, 1811, "est_curl_req",               "The response is not base64: {reason}"
    TOO_LARGE        = O, 1815, "est_curl_req",               "The response is unusable: {reason}"
    UNANSWERED       = O, 1816, "est_curl_req",               "The server asks for {offered}: that cannot be answered"
    REDIRECT         = O, 1817, "est_curl_req",               "The server redirects to {url}"
    REDIRECT_REFUSED = O, 1818, "est_curl_req",               "The server redirects to {url}: not followed, {reason}"
    REDIRECT_LOOP    = O, 1819, "est_curl_req",               "The server redirects too often"
    DIGEST           = O, 1820, "est_curl_req",               "The server asks for HTTP Digest {algorithm}, realm '{realm}'"
    REDIAL           = O, 1821, "est_curl_req",               "The connection was closed, connecting again"
    REDIRECT_OTHER   = O, 1822, "est_curl_req",               "Connecting to another server, {host} port {port}: user and password are not sent there"
    BASIC            = O, 1823, "est_curl_req",               "The server asks for HTTP Basic: the user is sent"
    NO_CHALLENGE     = O, 1824, "est_curl_req",               "HTTP Basic is refused, and not said why: asking without it"
    DEFERRED         = O, 1825, "est_curl_req",               "The server asks to come back in {seconds} seconds"
    BINDING          = O, 1831, "est_curl_req",               "Connecting with TLS 1.2, to bind the request to the session"
    SET_AUTH         = D, 1962, "__est_curl_set_auth",        "trace"
    KEY_USAGE        = D, 2011, "__est_curl_set_auth",        ("Warning: cert {name} may not have the correct key usage"
                                                               " for TLS client authentication")
    IDENTITY         = D, 2014, "__est_curl_set_auth",        "Will use cert {name} to prove my identity"
    NO_IDENTITY      = O, 2019, "__est_curl_set_auth",        "Cert {name} cannot be used: {reason}"
    SRP_USERNAME     = O, 2031, "__est_curl_set_auth",        "TLS-SRP username is set"
    SRP_PASSWORD     = O, 2035, "__est_curl_set_auth",        "TLS-SRP password is set"
    USERNAME         = D, 2046, "__est_curl_set_auth",        "HTTP Authentication username is set"
    PASSWORD         = D, 2050, "__est_curl_set_auth",        "HTTP Authentication password is set"
    GET_CA_CERTS     = D, 2075, "__est_get_ca_certs",         "============STARTED============"
    GET_CSR_ATTRS    = D, 2101, "__est_get_csr_attrs",        "============STARTED============"
    NO_CSR_ATTRS     = O, 2118, "__est_get_csr_attrs",        "The server has no csrattrs: {status}"
    NEED_POP         = O, 2121, "__est_get_csr_attrs",        "The server asks for {names}: the request will be bound to the TLS session"
    TEMPLATE_FILLED  = O, 2131, "__est_get_csr_attrs",        "The server adds {what}"
    TEMPLATE_OPEN    = O, 2132, "__est_get_csr_attrs",        "The server leaves {what} open: {value} is filled in"
    TEMPLATE_LEFT    = O, 2134, "__est_get_csr_attrs",        "The server names {what}, which is left out: {reason}"
    KEY_ASKED        = O, 2137, "__est_get_csr_attrs",        "The server asks for a key of the kind {asked}: {kind} stays, the administrator's choice"
    HASH_ASKED       = O, 2140, "__est_get_csr_attrs",        "The server asks for {asked}: the request is signed with {made}"
    POSTED           = D, 2200, "__est_simple_post",          "Data to be posted: |||{body}|||"
    SIMPLE_ENROLL    = D, 2259, "__est_simple_enroll",        "============STARTED============"
    SIMPLE_REENROLL  = D, 2274, "__est_simple_reenroll",      "============STARTED============"
    SERVER_KEYGEN    = O, 2288, "__est_server_keygen",        "============STARTED============"
    NO_CA_CERTS      = D, 2402, "est_simple_enroll",          "Failed to get ca certs: {code}."
    NO_ATTRS         = O, 2405, "est_simple_enroll",          "Failed to get csr attrs: {code}."
    ENROLL_RET       = D, 2408, "est_simple_enroll",          "POST ret:{code}"
    AS_CLIENT        = D, 2453, "est_simple_reenroll",        "Try to use {name} as client cert to authenticate"
    NOT_AS_CLIENT    = O, 2456, "est_simple_reenroll",        "The key of {name} may not sign: {instead} is used to authenticate"
    REENROLL_ATTRS   = O, 2470, "est_simple_reenroll",        "Failed to get csr attrs: {code}."
    REENROLL_RET     = D, 2477, "est_simple_reenroll",        "POST ret:{code}"
    KEYGEN_RET       = O, 2491, "est_server_keygen",          "POST ret:{code}"
    # fmt: on

    def __init__(self, origin: Origin, number: int, function: str, text: str) -> None:
        self.origin = origin
        self.number = number
        self.function = function
        self.text = text

    def line(self, /, **fields: object) -> str:
        """The line as printed; a block that follows it stands on lines of its own."""
        return f"[{self.number}] {self.function}: {self.text.format(**fields)}".replace(": \n", ":\n", 1)


def trace(line: EstLine, /, **fields: object) -> Step:
    """The step that prints `line`."""
    return Trace(DAEMON, partial(line.line, **fields))


def late(line: EstLine, fields: Callable[[], Mapping[str, object]]) -> Step:
    """The same for a line whose fields take longer to make than the rest of the step; they are made if it is seen."""
    return Trace(DAEMON, lambda: line.line(**fields()))


def dump(rows: Callable[[], Iterable[str]]) -> Step:
    """The step that prints a block without a prefix."""
    return Trace(DAEMON, lambda: "\n".join(rows()))
