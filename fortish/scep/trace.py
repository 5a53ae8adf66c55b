"""Every line that `diagnose debug application scep` can print.

The documented ones stand in a published trace of one success, which ends when the request has been put together; what
comes before, after and in their place when something fails is ours.
"""

from __future__ import annotations

from enum import Enum, unique
from functools import partial

from fortish.messages import Origin
from fortish.steps import Step, Trace

DAEMON = "scep"
D, I, O = Origin.DOCUMENTED, Origin.INFERRED, Origin.OURS  # noqa: E741


@unique
class ScepLine(Enum):
    """A trace line: where it is known from, and its text. In the order of a first enrollment."""

    # fmt: off
    GET             = O, "scep_send_request: GET {url}"
    POST            = O, "scep_send_request: POST {url}, {size} bytes"
    LOST            = O, "scep_send_request: {reason}"
    STATUS          = D, "scep_parse_header: server returned status code {status}"
    MIME            = D, "scep_parse_header: MIME header: {kind}"
    CAPABILITIES    = O, "__process_ca_caps_reply: the server can do: {names}"
    NO_CAPABILITIES = O, "__process_ca_caps_reply: the server does not say what it can do"
    REPLY           = D, "__process_ca_cert_reply: Reply type {type}"
    LOADED          = D, "__process_ca_cert_reply: loaded cacert"
    BAD_REPLY       = O, "__process_ca_cert_reply: unusable: {reason}"
    SIGNING         = D, "__read_ca_cert_cb: loaded signing cert"
    AUTHORITY       = D, "__read_ca_cert_cb: loaded CA"
    NOT_TRUSTED     = O, "__read_ca_cert_cb: refused: {reason}"
    TRANSACTION     = D, "new_scep_transaction: transaction id: {id}"
    RENEWAL         = O, "new_scep_transaction: renewal, signed by the certificate that is renewed"
    POLL            = O, "new_scep_transaction: asking for the decision on transaction {id}"
    INNER           = D, "pkcs7_wrap:1120 creating inner PKCS#7"
    PAYLOAD         = D, "pkcs7_wrap: data payload size: {size} bytes"
    ENCRYPTED       = D, "pkcs7_wrap: successfully encrypted payload"
    ENVELOPE        = D, "pkcs7_wrap: envelope size: {size} bytes"
    OUTER           = D, "pkcs7_wrap: creating outer PKCS#7"
    SIGNED          = D, "pkcs7_wrap: signature added successfully"
    ATTRIBUTES      = D, "pkcs7_wrap: adding signed attributes"
    STRING          = D, "__add_attribute_string: adding string attribute {name}"
    OCTET           = D, "__add_attribute_octet: adding octet attribute {name}"
    WRITTEN         = D, "pkcs7_wrap: PKCS#7 data written successfully"
    ANSWER          = O, "pkcs7_unwrap: {size} bytes, signed by {signer}"
    BAD_ANSWER      = O, "pkcs7_unwrap: refused: {reason}"
    VERDICT         = O, "pkcs7_unwrap: pkiStatus {status} ({word})"
    FAILURE         = O, "pkcs7_unwrap: failInfo {reason}"
    ISSUED          = O, "pkcs7_unwrap: decrypted, {count} certificate(s)"
    WAITING         = O, "scep_enroll: '{name}' waits, next poll in {seconds} seconds"
    UPDATED         = O, "scep_enroll: '{name}' updated in CMDB"
    FAILED          = O, "scep_enroll: '{name}' failed: {reason}"
    CAS_UPDATED     = O, "scep_update: CA certs asked for before '{name}' expires, new: {names}"
    CAS_FAILED      = O, "scep_update: '{name}' failed: {reason}"
    # fmt: on

    def __init__(self, origin: Origin, text: str) -> None:
        self.origin = origin
        self.text = text

    def line(self, /, **fields: object) -> str:
        """The line as printed."""
        return self.text.format(**fields)


def trace(line: ScepLine, /, **fields: object) -> Step:
    """The step that prints `line`."""
    return Trace(DAEMON, partial(line.line, **fields))
