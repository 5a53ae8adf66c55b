"""`diagnose`: one sorted table of hooks."""

from __future__ import annotations

from fortish import hooks
from fortish.diagnose import configlog, debug, system, watched
from fortish.diagnose.known import KNOWN, WHERE
from fortish.hooks import TOP, Hook, later, parameter

_LEVEL = parameter("level", "Debug level; -1 for everything, 0 for nothing.", "var-string")

# fmt: off
HOOKS = hooks.with_known(hooks.table(
    *(Hook(f"debug application {daemon}", f"Debug level of {what}.", debug.application(daemon), (_LEVEL,))
      for daemon, what in debug.DAEMONS.items()),
    Hook("debug cli", "Debug level of the command line; from 8 on each commit is shown.", debug.cli,
         (parameter("level", "Debug level (0-8); 3 is that of a fresh box.", "var-string"),)),
    Hook("debug config-error-log clear", "Forget the lines of a backup that were not understood.", configlog.clear),
    Hook("debug config-error-log read", "Print the lines of a backup that were not understood.", configlog.read),
    Hook("debug console timestamp", "Put the time before each debug line.", debug.timestamp,
         (parameter("state", "enable or disable.", "option",
                    choices=(("enable", "Print the time."), ("disable", "Do not print the time."))),), 1),
    Hook("debug disable", "Stop printing debug lines on this console.", debug.disable),
    Hook("debug duration", "How long debugging stays on.", debug.duration,
         (parameter("minutes", "Minutes; 0 for no end.", "var-string"),)),
    Hook("debug enable", "Print debug lines on this console.", debug.enable),
    Hook("debug info", "Show what is being debugged.", debug.info),
    Hook("debug reset", "Stop all debugging.", debug.reset),
    Hook("sys cmdb refcnt show", "Who uses an entry of the configuration.", system.references,
         (parameter("path", "Path of the table and name of its key, such as system.interface.name.", "var-string"),
          parameter("key", "Key of the entry.", "var-string")), 2),
    Hook("sys config-transaction show txn-entity", "What the transaction that is open here has changed.",
         later("fortish.diagnose.transactions", "entities")),
    Hook("sys config-transaction show txn-lock", "Entries that transactions have locked.",
         later("fortish.diagnose.transactions", "locks")),
    Hook("sys config-transaction status", "Open transactions.", later("fortish.diagnose.transactions", "status")),
    Hook("sys top", "The processes, once.", later("fortish.get.performance", "top"), TOP, where="global"),
    Hook("sys vd list", "Every VDOM with its number.", system.vd_list, where="global"),
    Hook("test application est", "Requests that wait for an EST server's decision.", watched.est,
         (parameter("number", "1 lists them, 2 forgets one.", "var-string"),
          parameter("name", "Name of the certificate that 2 is for.", "string", 35)), 1),
    Hook("test application forticron", "What the scheduler watches.", watched.forticron,
         (parameter("number", "2 lists the certificates that renew by themselves.", "var-string"),), 1),
    Hook("test application scep", "Requests that wait for a SCEP server's decision.", watched.scep,
         (parameter("number", "1 lists them, 2 forgets one.", "var-string"),
          parameter("name", "Name of the certificate that 2 is for.", "string", 35)), 1),
), KNOWN, WHERE)
# fmt: on
