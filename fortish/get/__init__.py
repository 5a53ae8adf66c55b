"""`get` of what is not configuration: one sorted table of hooks."""

from __future__ import annotations

from fortish import hooks
from fortish.get import system
from fortish.hooks import Hook

# fmt: off
HOOKS = hooks.table(
    Hook("system status", "Firmware, serial number, host name, modes, time.", system.status),
)
# fmt: on
