"""Which verbs are legal where, and which tables are seen from there."""

from __future__ import annotations

# The order is that of `?`.
# fmt: off
LEGAL: dict[str, tuple[str, ...]] = {
    # places: the root prompt; with VDOMs also the whole box, the list of VDOMs, one VDOM
    "root":      ("config", "get", "show", "diagnose", "execute", "tree", "alias", "exit", "quit"),
    "multi":     ("config", "get", "show", "diagnose", "execute", "sudo", "alias", "exit", "quit"),
    "global":    ("config", "get", "show", "diagnose", "execute", "tree", "sudo", "end", "exit", "quit"),
    "vdoms":     ("edit", "delete", "get", "show", "end", "exit", "quit"),
    "vdom":      ("config", "get", "show", "diagnose", "execute", "tree", "sudo", "next", "end", "exit", "quit"),
    # frames
    "table":     ("edit", "delete", "purge", "rename", "clone", "get", "show", "tree",
                  "abort", "end", "exit", "quit"),
    "ordered":   ("edit", "delete", "purge", "rename", "clone", "move", "get", "show", "tree",
                  "abort", "end", "exit", "quit"),  # a table whose order means something
    "entry":     ("config", "set", "unset", "append", "select", "unselect", "get", "show", "tree",
                  "next", "abort", "end", "exit", "quit"),
    "singleton": ("config", "set", "unset", "append", "select", "unselect", "get", "show", "tree",
                  "abort", "end", "exit", "quit"),
}
LEGAL["confined"] = LEGAL["root"]  # the root prompt of an administrator who cannot leave one VDOM
VIEWS = {"root": "all", "multi": "none", "global": "global", "vdoms": "none", "vdom": "vdom", "confined": "vdom"}
# fmt: on

READS = ("diagnose", "execute", "get", "show")  # what `sudo` may carry

# Inside a block that is kept as text every configuration verb is.
KEEPING = tuple(dict.fromkeys((*LEGAL["ordered"], *LEGAL["entry"])))
