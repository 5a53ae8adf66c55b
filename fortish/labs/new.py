"""`fortish lab new`: a small lab that works, to be changed into another one."""

from __future__ import annotations

from pathlib import Path

from fortish.errors import UsageError
from fortish.labs.lab import LAB, README, SOLUTION, START

FILES = {
    LAB: '''\
title   = "A new lab"
minutes = 10
path    = "basics"
order   = 90

story = """
The branch office has a new web server. Its address is {address}, and the firewall does not know it yet.
"""

# One of each is chosen by the seed of a student; in braces its name stands for it in every text.
[seed]
address = ["192.0.2.80", "192.0.2.81", "192.0.2.82"]

[world]
hostname = "BRANCH"

[[task]]
id   = "address"
text = "Let the firewall know the web server: an address object named web-server, for {address} alone."
hints = [
    "Objects that stand for addresses are kept in a table below firewall.",
    "An entry of a table is made by naming it; what kind of subnet it is can be seen with ?.",
    "In config firewall address the entry is web-server, and a single host has the mask 255.255.255.255.",
]
done = "A mask of 255.255.255.255 leaves one address: the object means this host and no neighbour of it."

[[task.check]]
kind      = "config"
path      = "firewall address"
key       = "web-server"
attribute = "subnet"
is        = "{address} 255.255.255.255"

[[task]]
id   = "comment"
text = "Say in its comment what it is for: the word shop must be in it."
hints = [
    "The object has room for a remark.",
    "Open the same entry again: what is there already stays.",
    "In the entry web-server the attribute is comment; words with blanks stand in quotes.",
]
done = "Opening an entry that exists changes it; only what you touched was written."

[[task.check]]
kind      = "config"
path      = "firewall address"
key       = "web-server"
attribute = "comment"
has       = "shop"

# What must be as at the beginning: before, during and after.
[[keep]]
kind = "unchanged"
path = "firewall address"
key  = "mail-server"
''',
    START: """\
config firewall address
    edit "mail-server"
        set subnet 192.0.2.25 255.255.255.255
    next
end
""",
    SOLUTION: """\
## task address
config firewall address
    edit web-server
        set subnet {address} 255.255.255.255
    next
end

## task comment
config firewall address
    edit web-server
        set comment "web server of the shop"
    next
end
""",
    README: """\
# A new lab

**For whom:** what must be known before.

**What is learnt:** what can be done afterwards.

**For the teacher:** what varies with the seed, and what to talk about at the end.
""",
}


def create(path: Path) -> list[Path]:
    """Write the lab into a new folder; its files. Raises `UsageError`."""
    try:
        path.mkdir(parents=True)
        for name, text in FILES.items():
            (path / name).write_text(text, "utf-8")
    except FileExistsError:
        raise UsageError(f"{path}: is there already") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return [path / name for name in FILES]
