"""`?` and Tab in a table of ten thousand entries: what somebody waits for between the key and the answer."""

from __future__ import annotations

import time
from collections.abc import Callable

ENTRIES = 10_000
TABLE = ("firewall", "address")

# What is done by which key: the lines that lead there, the text left of the cursor, whether the key is `?`.
# fmt: off
KEYS: dict[str, tuple[tuple[str, ...], str, bool]] = {
    "empty root ?":         ((),                                            "",                               True),
    "edit ?":               (("config firewall address",),                  "edit ",                          True),
    "edit ab<Tab>":         (("config firewall address",),                  "edit ab",                        False),
    "delete x<Tab>":        (("config firewall address",),                  "delete x",                       False),
    "show … ?":             ((),                                            "show firewall address ",         True),
    "set member ?":         (("config firewall addrgrp", "edit g"),         "set member ",                    True),
    "set member a b ?":     (("config firewall addrgrp", "edit g"),         "set member ab00001 ab00002 ",    True),
    "set member ab<Tab>":   (("config firewall addrgrp", "edit g"),         "set member ab",                  False),
}
# fmt: on


def contenders() -> dict[str, Callable[[], float]]:
    """Each key with what it takes to answer it once, in seconds."""
    from fortish import completion
    from fortish.boot import Options, boot
    from fortish.cmdb.entries import ROOT, Entry, Put
    from fortish.session import Session

    box = boot(Options(network="none", frozen=True)).box
    names = [f"{'ab' if number % 2 else 'x'}{number:05}" for number in range(ENTRIES)]
    box.cmdb.commit([Put(ROOT, TABLE, name, Entry()) for name in names])

    def answered(lines: tuple[str, ...], text: str, listed: bool) -> Callable[[], float]:
        session = Session(box)
        for line in lines:
            for _ in session.feed(line):
                pass

        def once() -> float:
            started = time.perf_counter()
            help_ = completion.candidates(session, text)
            if listed:
                "\n".join(completion.layout(help_))
            else:
                completion.replacements(help_, text)
            took = time.perf_counter() - started
            if help_.error is not None:
                raise SystemExit(f"bench: '{text}' leads nowhere: {help_.error}")
            return took

        return once

    return {title: answered(*key) for title, key in KEYS.items()}
