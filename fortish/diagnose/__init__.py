"""`diagnose`: one sorted table of hooks."""

from __future__ import annotations

from fortish import hooks
from fortish.diagnose import debug
from fortish.hooks import Hook, parameter

_LEVEL = parameter("level", "Debug level; -1 for everything, 0 for nothing.", "var-string")

# fmt: off
HOOKS = hooks.table(
    *(Hook(f"debug application {daemon}", f"Debug level of {what}.", debug.application(daemon), (_LEVEL,))
      for daemon, what in debug.DAEMONS.items()),
    Hook("debug console timestamp", "Put the time before each debug line.", debug.timestamp,
         (parameter("state", "enable or disable.", "option",
                    choices=(("enable", "Print the time."), ("disable", "Do not print the time."))),), 1),
    Hook("debug disable", "Stop printing debug lines on this console.", debug.disable),
    Hook("debug duration", "How long debugging stays on.", debug.duration,
         (parameter("minutes", "Minutes; 0 for no end.", "var-string"),)),
    Hook("debug enable", "Print debug lines on this console.", debug.enable),
    Hook("debug info", "Show what is being debugged.", debug.info),
    Hook("debug reset", "Stop all debugging.", debug.reset),
)
# fmt: on
