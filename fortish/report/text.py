"""Text made safe for a page: everything that could be markup, or could disturb how it is read, is replaced."""

from __future__ import annotations

import html
import re

# Control characters get the picture that Unicode has for them; what turns the direction of reading around, and what is
# no character at all, becomes the replacement character.
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def safe(text: str) -> str:
    """`text` for a page, as an element's content or an attribute's value in quotes."""
    return html.escape(_ODD.sub(_picture, text.replace("\r\n", "\n")), quote=True)


def _picture(found: re.Match[str]) -> str:
    code = ord(found.group())
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"


def count(number: int, one: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number} {one}{'' if number == 1 else 's'}"


def folded(summary: str, body: str, *, kind: str = "", unfolded: bool = False) -> str:
    """A part that can be folded; `summary` and `body` are markup."""
    return f'<details class="{kind}"{" open" if unfolded else ""}><summary>{summary}</summary>\n{body}</details>\n'


def block(text: str, name: str, kind: str = "") -> str:
    """Lines as they are; they scroll by themselves, with the keyboard too, for which a `name` is needed."""
    return f'<pre class="{kind}" tabindex="0" role="region" aria-label="{safe(name)}">{safe(text)}</pre>\n'
