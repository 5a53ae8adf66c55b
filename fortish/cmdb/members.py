"""Lists in which one member stands for all: what becomes of it beside others.

`all` and `any` are dropped when others are named too, the service `ALL` cannot be combined (the rules by which a parser
of public configurations reads them; what the box says to the latter is inferred).
"""

from __future__ import annotations

from typing import Any

from fortish import messages
from fortish.cmdb.table import PathWords, words
from fortish.messages import Text

POLICY = words("firewall policy")
# Who stands for all; by path and attribute, sorted.
DROPPED: dict[tuple[PathWords, str], str] = {
    (POLICY, "dstaddr"): "all",
    (POLICY, "dstintf"): "any",
    (POLICY, "srcaddr"): "all",
    (POLICY, "srcintf"): "any",
}
ALONE: dict[tuple[PathWords, str], str] = {
    (POLICY, "service"): "ALL",
}


def combined(path: PathWords, name: str, value: Any) -> Any:
    """A list as it is kept. Raises `CliError` (-651)."""
    alone, dropped = ALONE.get((path, name)), DROPPED.get((path, name))
    if (alone is None and dropped is None) or len(value) < 2:
        return value
    if alone in value:
        reasons = Text.ALL_ALONE(name=alone), Text.CHECK_FAIL(name=name, value=" ".join(value))
        raise messages.value_error(value[-1], -651, *reasons)
    return tuple(member for member in value if member != dropped)
