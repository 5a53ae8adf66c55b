"""The verbs: what each is for, and what may follow it."""

from __future__ import annotations

from collections.abc import Callable

from fortish import messages
from fortish.cmdb import vdoms
from fortish.cmdb.entries import GLOBAL
from fortish.cmdb.legal import READS
from fortish.commands import Words
from fortish.completion import edits, hooked, paths
from fortish.completion.line import is_pipe
from fortish.completion.offers import Administrator, Next, choose, ended, entries, keyword, verbs
from fortish.messages import Text

# Sorted.
# fmt: off
VERBS: dict[str, Text] = {
    "abort":    Text.HELP_ABORT,
    "alias":    Text.HELP_ALIAS,
    "append":   Text.HELP_APPEND,
    "clone":    Text.HELP_CLONE,
    "config":   Text.HELP_CONFIG,
    "delete":   Text.HELP_DELETE,
    "diagnose": Text.HELP_DIAGNOSE,
    "edit":     Text.HELP_EDIT,
    "end":      Text.HELP_END,
    "execute":  Text.HELP_EXECUTE,
    "exit":     Text.HELP_EXIT,
    "get":      Text.HELP_GET,
    "move":     Text.HELP_MOVE,
    "next":     Text.HELP_NEXT,
    "purge":    Text.HELP_PURGE,
    "quit":     Text.HELP_QUIT,
    "rename":   Text.HELP_RENAME,
    "select":   Text.HELP_SELECT,
    "set":      Text.HELP_SET,
    "show":     Text.HELP_SHOW,
    "sudo":     Text.HELP_SUDO,
    "tree":     Text.HELP_TREE,
    "unselect": Text.HELP_UNSELECT,
    "unset":    Text.HELP_UNSET,
}
# fmt: on
_PIPE = "|"
PIPED = frozenset({"diagnose", "execute", "get", "show", "sudo", "tree"})  # whose output grep may filter


def following(session: Administrator, typed: Words, *, pipes: bool) -> Next:
    """What may follow the words. Raises `CliError` at the one that leads nowhere.

    The box has no help for `|` and what is behind it, and takes it for such a word: with `pipes` there is.
    """
    legal = session.editor.legal
    if not typed:
        return _verbs(session, legal)
    verb = _allowed_verb(session, typed[0], keyword(typed[0], legal))
    if verb not in PIPED:
        return _FOLLOWERS[verb](session, typed[1:])
    at = next((place for place, word in enumerate(typed) if is_pipe(word)), None)
    if at is not None:
        if not pipes or not _FOLLOWERS[verb](session, typed[1:at]).enter:
            raise messages.parse_error(_PIPE)
        return hooked.grep(typed[at + 1 :])
    found = _FOLLOWERS[verb](session, typed[1:])
    if not (found.enter and pipes):
        return found
    return Next((*found.offers, verbs({_PIPE: Text.HELP_PIPE})), True, found.again)


# Taken, and not listed: `quit`, and `tree` at the root, stand in no list of a real box; `exit` leaves at a root only.
UNLISTED = frozenset({"quit"})
ROOTS = frozenset({"confined", "multi", "root"})


def _at_root(session: Administrator) -> bool:
    return session.editor.place_kind in ROOTS and not session.editor.frames


def is_piped(session: Administrator, word: str) -> bool:
    """Whether a first word is a verb whose output can be filtered. Raises `CliError`."""
    return keyword(word, session.editor.legal) in PIPED


def _verbs(session: Administrator, names: Words) -> Next:
    listed = {verb: VERBS[verb] for verb in names if session.access.allows_verb(verb)}
    if _at_root(session):
        return Next((verbs(listed, UNLISTED | {"tree"}),))
    return Next((verbs(listed, UNLISTED | {"exit"}, frozenset({"exit"})),))


def _allowed_verb(session: Administrator, typed: str, verb: str) -> str:
    if not session.access.allows_verb(verb):
        raise messages.parse_error(typed)
    return verb


def _nothing(session: Administrator, typed: Words) -> Next:
    """Behind a verb that stands alone."""
    return ended(typed)


def _sudo(session: Administrator, typed: Words) -> Next:
    """A scope, then a command as it would be typed there."""
    scopes = (GLOBAL, *session.editor.cmdb.vdoms())
    if not typed:
        return Next((entries(scopes),))
    scope = vdoms.scope(session.editor.cmdb, typed[0])
    if len(typed) == 1:
        return _verbs(session, READS)
    verb = _allowed_verb(session, typed[1], choose(typed[1], READS))
    with session.editor.elsewhere(scope):
        return _FOLLOWERS[verb](session, typed[2:])


# Sorted by verb.
# fmt: off
_FOLLOWERS: dict[str, Callable[[Administrator, Words], Next]] = {
    "abort":    _nothing,
    "alias":    hooked.alias,
    "append":   edits.change_list,
    "clone":    edits.rename,
    "config":   paths.config,
    "delete":   edits.delete,
    "diagnose": hooked.diagnose_,
    "edit":     edits.edit,
    "end":      _nothing,
    "execute":  hooked.execute_,
    "exit":     _nothing,
    "get":      paths.get_,
    "move":     edits.move,
    "next":     _nothing,
    "purge":    _nothing,
    "quit":     _nothing,
    "rename":   edits.rename,
    "select":   edits.change_list,
    "set":      edits.set_,
    "show":     paths.show,
    "sudo":     _sudo,
    "tree":     paths.tree,
    "unselect": edits.unselect,
    "unset":    edits.unset,
}
# fmt: on
