"""Every error that fortish raises on purpose, named by whose fault it is.

    FortishError
    ├── CliError          the administrator's: printed in the box's words, nothing has changed
    ├── UsageError        whoever called `fortish`: unusable arguments or input, exit status 2
    ├── PeerFault         the other end's: it answered, and the answer cannot be used
    │   └── Deferred      it has not decided yet and asks to be asked again
    ├── LinkLost          the network's: no connection, or one that broke
    ├── StorageFault      the disk's: the journal could not keep a commit
    └── Interrupted       nobody's: Ctrl-C

An error keeps its evidence; what of it is printed is decided where it is caught.
"""

from __future__ import annotations


def may_pass(status: int) -> bool:
    """Whether an HTTP status may be another one soon: 5xx, 408, 429 (RFC 9110 section 15, RFC 6585 section 4)."""
    return 500 <= status <= 599 or status in (408, 429)


class FortishError(Exception):
    """Root of everything raised on purpose.

    `passing`: what is wrong may be over by itself soon, so that another try may do. Background work goes by it.
    """

    passing = False


class CliError(FortishError):
    """A line was refused. `lines` are the printed lines, the blank one included; `code` is the return code.

    `word` is the refused word as typed ('' where there is none): `fortish check` points at it.
    """

    def __init__(self, lines: tuple[str, ...], code: int = 0, word: str = "") -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.code = code
        self.word = word

    def as_printed(self) -> str:
        """The text as the box prints it, without its last newline."""
        return "\n".join(self.lines)


class UsageError(FortishError):
    """Arguments or files that fortish cannot work with. Exit status 2."""


class PeerFault(FortishError):
    """The peer answered with something unusable. `reason` is a sentence, `evidence` what was received."""

    def __init__(self, reason: str, evidence: bytes | str = b"", *, passing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.evidence = evidence
        self.passing = passing


class Deferred(PeerFault):
    """The peer asks to come back in `seconds` (202, 429 or 503 with Retry-After): nothing is decided yet."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason, passing=True)
        self.seconds = seconds


class LinkLost(FortishError):
    """No connection, or one that broke or was not trusted. `reason` is spelled as libcurl spells it.

    `closed`: the peer closed a connection that was open, without an answer; another try on a new one may do at once.
    Not `passing` is who is not trusted, and what is missing here.
    """

    def __init__(self, reason: str, *, closed: bool = False, passing: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.closed = closed
        self.passing = passing


class StorageFault(FortishError):
    """The journal could not keep a commit; memory is untouched. `reason` is a sentence."""

    passing = True

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Interrupted(FortishError):
    """Ctrl-C, thrown into the running flow, which may still say its last words."""
