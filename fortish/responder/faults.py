"""The fault menu: ways in which the responder can misbehave on purpose, so that a client can be tried against them.

A fault is data. It is chosen by name, in a policy or by the path segment `fault-NAME`, or spelled out in a policy. One
with a status answers at once; the others spoil the answer to a request that was right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from fortish.responder.message import Answer, Wire

CSRATTRS: Final = frozenset({"csrattrs"})
ENROLLMENT: Final = frozenset({"simpleenroll", "simplereenroll"})
KEYGEN: Final = frozenset({"serverkeygen"})
SEGMENT: Final = "fault-"  # what a path segment starts with that names a fault

Form = Literal["", "bare", "ber", "der", "none", "pem"]
Redirect = Literal["", "loop", "other", "same"]
FORMS: Final = ("bare", "ber", "der", "none", "pem")
REDIRECTS: Final = ("loop", "other", "same")
ELSEWHERE: Final = "https://est.example.com"  # where a redirect to another origin leads
LONG_WAIT: Final = 600  # seconds, for faults with Retry-After


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave; what is left at its default stays right.

    `says` describes it; `on` are the operations that a path segment spoils. `body` is sent as it stands, and `oversize`
    octets of base64 in its place; `cut` is how many octets of the body are sent before the connection is closed; `drop`
    names headers to leave out, and `encoding` is a value for Content-Transfer-Encoding; `delay` is in seconds, and so
    is `pause`, between `pieces` octets. `form` is how certificates are packed: one bare, PKCS #7 in BER, DER or PEM in
    place of base64, PKCS #7 with none; `wrap` their lines. `retry_after` is sent as it stands, or as a date for "date".
    `key_first` and `pkcs1` are about serverkeygen's parts. The last are about the issued certificate: for another key,
    another subject, from a CA of the same name but another key, with its dates in the past or in the future, among
    others.
    """

    says: str = field(default="", compare=False)
    on: frozenset[str] = ENROLLMENT
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str = ""
    drop: tuple[str, ...] = ()
    encoding: str = ""
    oversize: int = 0
    cut: int | None = None
    delay: float = 0.0
    pieces: int = 0
    pause: float = 0.0
    close: bool = False
    close_after_401: bool = False
    silent: bool = False
    http_version: str = "1.1"
    redirect: Redirect = ""
    retry_after: str = ""
    form: Form = ""
    wrap: int | str | None = None
    key_first: bool = True
    pkcs1: bool = False
    wrong_key: bool = False
    wrong_subject: bool = False
    untrusted_issuer: bool = False
    expired: bool = False
    not_yet_valid: bool = False
    extra: bool = False


NO_FAULT: Final = Fault()
_CTE = "Content-Transfer-Encoding"
_PKCS7 = "application/pkcs7-mime"
_HTML = b'<html>\x1b[2J\x1b]0;owned\x07<h1 onclick="x">500\x00 Internal\r\n\x08Error</h1>\xff\xfe</html>\n'


def _status(status: int) -> Fault:
    return Fault(f"answers {status}, whatever is sent", status=status)


# Sorted by name.
# fmt: off
FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "bare-certificate":   Fault("a certificate where its PKCS #7 should be", form="bare"),
        "ber":                Fault("PKCS #7 with indefinite lengths (BER, not DER)", form="ber"),
        "close-after-401":    Fault("every 401 ends the connection, and no header says so", close_after_401=True),
        "csrattrs-204":       Fault("no CSR attributes, said with 204", on=CSRATTRS, status=204),
        "csrattrs-404":       Fault("no CSR attributes, said with 404", on=CSRATTRS, status=404),
        # a SEQUENCE that ends too early
        "csrattrs-garbage":   Fault("CSR attributes that are base64 of no DER", on=CSRATTRS, body=b"MAXerQ==\n"),
        "cte-binary":         Fault("Content-Transfer-Encoding: binary, and base64 all the same", encoding="binary"),
        "cte-missing":        Fault("no Content-Transfer-Encoding", drop=(_CTE,)),
        "cte-odd":            Fault("Content-Transfer-Encoding: BASE 64; x=y", encoding="BASE 64; x=y"),
        "der":                Fault("DER in place of its base64, no encoding named", form="der", drop=(_CTE,)),
        "empty-body":         Fault("200 with an empty body", body=b""),
        "expired":            Fault("the certificate ended yesterday", expired=True),
        "extra-certificates": Fault("the certificate among its root and strangers, in disorder", extra=True),
        "html-error":         Fault("500 with HTML and control characters", status=500, body=_HTML,
                                    content_type="text/html"),
        "http-1.0":           Fault("an HTTP/1.0 answer, then the connection ends", http_version="1.0", close=True),
        "keygen-cert-first":  Fault("the certificate before the key", on=KEYGEN, key_first=False),
        "keygen-pkcs1":       Fault("the key in its own old form (PKCS #1, SEC 1)", on=KEYGEN, pkcs1=True),
        "keygen-wrong-key":   Fault("a key that is not the certificate's", on=KEYGEN, wrong_key=True),
        "no-answer":          Fault("the connection ends without an answer", silent=True),
        "no-certificates":    Fault("PKCS #7 without certificates", form="none"),
        "not-base64":         Fault("a body that is not base64", body=b"*** this is not base64 ***\n"),
        "not-pkcs7":          Fault("base64 of something else", body=b"MAMCAQc=\n"),  # SEQUENCE { INTEGER 7 }
        "not-yet-valid":      Fault("the certificate starts in a week", not_yet_valid=True),
        "oversized":          Fault("2 MiB of base64", oversize=2 << 20),
        "pem":                Fault("PEM armour around the base64", form="pem"),
        "redirect-loop":      Fault("307 to the very same URL", status=307, redirect="loop"),
        "redirect-other":     Fault(f"307 to {ELSEWHERE}", status=307, redirect="other"),
        "redirect-same":      Fault("307 to the same operation without the segment", status=307, redirect="same"),
        "retry-date":         Fault("202 for ever, Retry-After as a date", status=202, retry_after="date"),
        "retry-huge":         Fault("202 for ever, Retry-After of 30 years", status=202, retry_after="999999999"),
        "retry-missing":      Fault("202 for ever, without Retry-After", status=202),
        "retry-seconds":      Fault("202 for ever, Retry-After: 600", status=202, retry_after=str(LONG_WAIT)),
        "slow":               Fault("a second before the answer", delay=1.0),
        "slow-pieces":        Fault("the answer 100 octets at a time", pieces=100, pause=0.05),
        "status-400":         _status(400),
        "status-401":         _status(401),
        "status-403":         _status(403),
        "status-404":         _status(404),
        "status-415":         _status(415),
        "status-423":         _status(423),
        "status-500":         _status(500),
        "status-501":         _status(501),
        "status-502":         _status(502),
        "status-503":         _status(503),
        "status-503-retry":   Fault("503 for ever, Retry-After: 600", status=503, retry_after=str(LONG_WAIT)),
        "status-504":         _status(504),
        "truncated":          Fault("100 octets of the body, then the connection ends", cut=100),
        "type-bare":          Fault("a type without smime-type", content_type=_PKCS7),
        "type-missing":       Fault("no Content-Type", drop=("Content-Type",)),
        "type-parameters":    Fault("a type with more parameters than are known",
                                    content_type=f'{_PKCS7}; charset="x;y"; name=smime.p7m; smime-type=certs-only'),
        "type-upper":         Fault("a type in upper case", content_type=f"{_PKCS7}; smime-type=certs-only".upper()),
        "type-wrong":         Fault("text/html, and the right body all the same", content_type="text/html"),
        "untrusted-issuer":   Fault("a CA of the right name and another key", untrusted_issuer=True),
        "wrap-76":            Fault("base64 in 76 columns with CRLF", wrap=76),
        "wrap-none":          Fault("base64 in one line without an end", wrap="none"),
        "wrap-odd":           Fault("base64 in 61 columns with CRLF, tabs and blanks", wrap="odd"),
        "wrong-key":          Fault("a certificate for another key", wrong_key=True),
        "wrong-subject":      Fault("a certificate for another subject", wrong_subject=True),
    }
)
# fmt: on


def spoilt(given: Answer, fault: Fault) -> Answer:
    """A right answer made wrong as `fault` has it."""
    body = _filler(fault.oversize) if fault.oversize else given.body if fault.body is None else fault.body
    changed = {"Content-Length": str(len(body))}
    if fault.content_type:
        changed["Content-Type"] = fault.content_type
    if fault.encoding:
        changed[_CTE] = fault.encoding
    dropped = {name.lower() for name in fault.drop}
    headers = [(name, changed.get(name, value)) for name, value in given.headers if name.lower() not in dropped]
    at = len(headers) - 1 if headers and headers[-1][0] == "Content-Length" else len(headers)
    headers[at:at] = fault.headers
    wire = Wire(
        http_version=fault.http_version,
        close=fault.close or fault.cut is not None or fault.silent or (fault.close_after_401 and given.status == 401),
        cut=fault.cut,
        delay=fault.delay,
        pieces=fault.pieces,
        pause=fault.pause,
        silent=fault.silent,
    )
    return Answer(given.status, given.reason, tuple(headers), body, wire)


def _filler(size: int) -> bytes:
    """Base64 of `size` octets in all, line ends included."""
    return (b"A" * 64 + b"\n") * (size // 65) + b"A" * (size % 65)
