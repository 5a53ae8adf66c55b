"""SASLprep (RFC 4013): how a user name or a password is written before TLS-SRP hashes it (RFC 5054 section 2.3)."""

from __future__ import annotations

import stringprep
from unicodedata import ucd_3_2_0

# What must not stand in a prepared string (RFC 4013 section 2.3), in the order of RFC 3454's appendix C.
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)
_RIGHT_TO_LEFT, _LEFT_TO_RIGHT = stringprep.in_table_d1, stringprep.in_table_d2


def saslprep(text: str) -> str:
    """`text` prepared. Raises ValueError, which says what is wrong with it.

    Code points that Unicode 3.2 had not assigned are let through, as in a query: the tables are older than the names.
    """
    mapped = "".join(
        " " if stringprep.in_table_c12(letter) else letter for letter in text if not stringprep.in_table_b1(letter)
    )
    prepared = ucd_3_2_0.normalize("NFKC", mapped)
    for letter in prepared:
        if any(prohibited(letter) for prohibited in _PROHIBITED):
            raise ValueError(f"it must not contain U+{ord(letter):04X}")
    if any(map(_RIGHT_TO_LEFT, prepared)):
        ends = _RIGHT_TO_LEFT(prepared[0]) and _RIGHT_TO_LEFT(prepared[-1])
        if not ends or any(map(_LEFT_TO_RIGHT, prepared)):
            raise ValueError("it mixes right-to-left and left-to-right text")
    return prepared
