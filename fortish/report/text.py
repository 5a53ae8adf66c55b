"""Text made safe for a page: everything that could be markup, or could disturb how it is read, is replaced."""

from __future__ import annotations

import html
import re

# Control characters get the picture that Unicode has for them; what turns the direction of reading around, and what is
# no character at all, becomes the replacement character.
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
HEAD, LONG = 12, 40  # lines: output longer than LONG shows its first HEAD, the rest is folded


def safe(text: str) -> str:
    """`text` for a page, as an element's content or an attribute's value in quotes."""
    return html.escape(_ODD.sub(_picture, text.replace("\r\n", "\n")), quote=True)


def _picture(found: re.Match[str]) -> str:
    code = ord(found.group())
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"


def count(number: int, one: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def folded(summary: str, body: str, *, kind: str = "", unfolded: bool = False) -> str:
    """A part that can be folded; `summary` and `body` are markup."""
    named = f' class="{kind}"' if kind else ""
    return f"<details{named}{' open' if unfolded else ''}><summary>{summary}</summary>\n{body}</details>\n"


def block(text: str) -> str:
    """Lines as they are."""
    return f"<pre>\n{safe(text)}</pre>\n"  # the first line end behind the tag is no part of the text


def long_block(text: str) -> str:
    """Lines as they are; of many, the first ones, and the rest folded."""
    lines = text.split("\n")
    if len(lines) <= LONG:
        return block(text)
    rest = block("\n".join(lines[HEAD:]))
    return block("\n".join(lines[:HEAD])) + folded(f"{count(len(lines) - HEAD, 'more line')}", rest, kind="more")


def moments(seconds: float) -> str:
    """How long something took, in the two largest units: `3 min 5 s`."""
    left, shown = max(0, round(seconds)), list[str]()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        number, left = divmod(left, size)
        if number or (unit == "s" and not shown):
            shown.append(f"{number} {unit}")
    return " ".join(shown[:2])
