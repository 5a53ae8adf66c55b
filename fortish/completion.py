"""What may be typed next, as data for `?` and Tab: from the tables that execution uses, never from a list of its own.

The words left of the cursor are followed as far as they lead; what could stand at the cursor is offered. Nothing is
printed, asked or changed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from fortish import diagnose, execute, get, hooks, messages
from fortish.box import Box
from fortish.cmdb.editor import READS, Editor, Frame
from fortish.cmdb.schema import Attribute, PathWords, Table, View
from fortish.cmdb.store import GLOBAL
from fortish.cmdb.types import TYPES
from fortish.cmdb.working import Working, find_attribute
from fortish.commands import Words
from fortish.errors import CliError
from fortish.messages import Text
from fortish.parse import complete_word, open_quote, quote, unquote

# One word at the start of a text; the last one may have a quote still open. The grammar's WORD knows closed ones only.
_WORD = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*(?:"|$)|'[^']*(?:'|$)|\\$)+""", re.DOTALL)
_GAP = 4  # blanks between the longest word and its help


class Administrator(Protocol):
    """What completion reads of a session."""

    @property
    def box(self) -> Box:
        """The box."""

    @property
    def editor(self) -> Editor:
        """Where the administrator stands."""

    @property
    def vdom(self) -> str:
        """The VDOM."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may stand at the cursor. A `literal` is typed as it is, others stand for a value (`<string>`)."""

    word: str
    help: str = ""
    literal: bool = True
    mandatory: bool = False


@dataclass(frozen=True, slots=True)
class Help:
    """What may follow. `partial` is the unfinished word as typed, `enter` whether the line may end here.

    With an `error` there is nothing else: the line leads nowhere.
    """

    partial: str
    candidates: tuple[Candidate, ...] = ()
    enter: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Next:
    """What may follow finished words."""

    candidates: tuple[Candidate, ...] = ()
    enter: bool = False


_END = _Next(enter=True)

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
GREP_OPTIONS: dict[str, Text] = {
    "-A": Text.HELP_GREP_AFTER,
    "-B": Text.HELP_GREP_BEFORE,
    "-C": Text.HELP_GREP_AROUND,
    "-c": Text.HELP_GREP_COUNT,
    "-f": Text.HELP_GREP_BLOCKS,
    "-i": Text.HELP_GREP_CASE,
    "-n": Text.HELP_GREP_NUMBER,
    "-v": Text.HELP_GREP_INVERT,
}
# fmt: on
_PLACES = {"global": Text.HELP_GLOBAL, "vdom": Text.HELP_VDOM}
_PIPED = frozenset({"diagnose", "execute", "get", "show", "sudo", "tree"})
_FULL = "full-configuration"


# --- the three doors ------------------------------------------------------------------------------------------------


def candidates(session: Administrator, text: str) -> Help:
    """What may stand at the end of `text`, the text left of the cursor."""
    words, partial = split(text)
    try:
        following = _following(session, words)
    except CliError as error:
        word = error.word or (words[-1] if words else partial)
        return Help(partial, error=Text.PARSE_ERROR(word=word))
    typed = _value(partial)
    fitting = tuple(c for c in following.candidates if not c.literal or c.word.startswith(typed))
    if partial and not fitting:
        return Help(partial, error=Text.PARSE_ERROR(word=typed))
    return Help(partial, fitting, following.enter and not partial)


def layout(help_: Help) -> list[str]:
    """The lines that `?` prints: a candidate each, the words padded to the longest and four more."""
    if help_.error is not None:
        return [help_.error]
    shown = [(f"*{c.word}" if c.mandatory else c.word, c.help) for c in help_.candidates]
    width = max((len(word) for word, _ in shown), default=0) + _GAP
    lines = [f"{word:<{width}}{text}" if text else word for word, text in shown]
    return [*lines, Text.HELP_ENTER()] if help_.enter else lines


def completions(session: Administrator, text: str) -> list[str]:
    """The words that Tab puts in place of the unfinished one, in order, quoted where they must be."""
    help_ = candidates(session, text)
    quoted = help_.partial[:1] in ('"', "'")
    literals = dict.fromkeys(c.word for c in help_.candidates if c.literal and (c.word != "|" or help_.partial))
    return [quote(word) if quoted or not _plain(word) else word for word in literals]


def split(text: str) -> tuple[Words, str]:
    """The finished words of a text, unquoted, and the unfinished one as it was typed ('' behind a blank)."""
    found = [match.group() for match in _WORD.finditer(text.replace("\\\n", ""))]
    finished = not found or (text[-1].isspace() and open_quote(text) is None and not text.endswith(found[-1]))
    last = "" if finished else found.pop()
    return tuple(map(unquote, found)), last


def _value(partial: str) -> str:
    """An unfinished word without its quotes."""
    still = open_quote(partial)
    return unquote(partial + still) if still in ('"', "'") else unquote(partial)


def _plain(word: str) -> bool:
    return re.fullmatch(r"""[^\s"'\\#]+""", word) is not None


# --- following the words --------------------------------------------------------------------------------------------


def _following(session: Administrator, words: Words) -> _Next:
    """What may follow `words`. Raises `CliError` at the word that leads nowhere."""
    legal = session.editor.legal
    if not words:
        return _Next(tuple(Candidate(verb, VERBS[verb]()) for verb in legal))
    verb = _choose(words[0], legal)
    if verb not in _PIPED:
        return _FOLLOWERS[verb](session, words[1:])
    if "|" in words:
        at = words.index("|")
        if not _FOLLOWERS[verb](session, words[1:at]).enter:
            raise messages.parse_error("|")
        return _grep(words[at + 1 :])
    following = _FOLLOWERS[verb](session, words[1:])
    if not following.enter:
        return following
    return _Next((*following.candidates, Candidate("|", Text.HELP_PIPE())), enter=True)


def _choose(typed: str, choices: Iterable[str]) -> str:
    """The one choice that `typed` begins. Raises `CliError`."""
    found = complete_word(typed, choices)
    if len(found) != 1:
        raise messages.parse_error(typed)
    return found[0]


def _nothing(session: Administrator, words: Words) -> _Next:
    """Behind a verb that stands alone."""
    return _ended(words)


def _ended(rest: Words) -> _Next:
    """The line is complete; more words are too many."""
    if rest:
        raise messages.parse_error(rest[0])
    return _END


def _grep(words: Words) -> _Next:
    """Behind `|`."""
    if not words:
        return _Next((Candidate("grep", Text.HELP_GREP()),))
    _choose(words[0], ("grep",))
    rest = list(words[1:])
    while rest and len(rest[0]) > 1 and rest[0][0] == "-":
        option = rest.pop(0)
        if option in ("-A", "-B", "-C"):
            if not rest:
                return _Next((Candidate("<lines>", GREP_OPTIONS[option](), literal=False),))
            rest.pop(0)
    if rest:
        return _ended(tuple(rest[1:]))
    options = tuple(Candidate(option, text()) for option, text in GREP_OPTIONS.items())
    return _Next((*options, Candidate("<pattern>", Text.HELP_PATTERN(), literal=False)))


# --- paths ----------------------------------------------------------------------------------------------------------


def _below(view: View, path: PathWords) -> tuple[Candidate, ...]:
    return tuple(Candidate(word, text) for word, text in view.below(path).items())


def _follow(view: View, words: Words) -> tuple[PathWords, Words]:
    """How far the words are a path, and the words behind a whole one. Raises `CliError`."""
    path: PathWords = ()
    for place, word in enumerate(words):
        found = complete_word(word, view.words(path))
        if len(found) != 1:
            if found or view.table(path) is None:
                raise messages.parse_error(word)
            return path, words[place:]
        path = (*path, found[0])
    return path, ()


def _config(session: Administrator, words: Words) -> _Next:
    frame, view = session.editor.frame, session.editor.view
    if frame is None and session.editor.place_kind == "multi":
        if not words:
            return _Next(tuple(Candidate(place, text()) for place, text in _PLACES.items()))
        _choose(words[0], _PLACES)
        return _ended(words[1:])
    if frame is not None:
        children = _children(frame)
        if not words:
            return _Next(tuple(Candidate(name, table.help) for name, table in children.items()))
        _choose(words[0], children)
        return _ended(words[1:])
    path, rest = _follow(view, words)
    table = view.table(path)
    if table is not None and table.keyed:
        return _one_key(session, table, rest)
    if rest:
        raise messages.parse_error(rest[0])
    return _Next(_below(view, path), enter=table is not None)


def _one_key(session: Administrator, table: Table, rest: Words) -> _Next:
    """Behind the path of a keyed table: the key of an entry."""
    if not rest:
        return _Next(tuple(map(Candidate, _keys_of(session, table))))
    if rest[0] not in _keys_of(session, table):
        raise messages.parse_error(rest[0])
    return _ended(rest[1:])


def _children(frame: Frame) -> dict[str, Table]:
    working = frame.working
    if working is None:
        return {}
    return {n: t for n, t in frame.table.children.items() if working.visible(frame.table.attributes[n])}


def _read(session: Administrator, words: Words) -> _Next:
    """Behind `get`, `show`, `tree` with a path, a key or nothing."""
    frame, view = session.editor.frame, session.editor.view
    if frame is None:
        path, rest = _follow(view, words)
        table = view.table(path)
        if table is None:
            return _Next(_below(view, path), enter=False)
        keys = _keys_of(session, table) if table.is_table else ()
        return _one_of(keys, rest, _below(view, path))
    if frame.kind == "table":
        return _one_of(tuple(session.editor.rows(frame)), words)
    children = {name: Candidate(name, table.help) for name, table in _children(frame).items()}
    if words:
        _choose(words[0], children)
        return _ended(words[1:])
    return _Next(tuple(children.values()), enter=True)


def _one_of(keys: Iterable[str], rest: Words, more: tuple[Candidate, ...] = ()) -> _Next:
    """A key that is there, or the end of the line."""
    if not rest:
        return _Next((*more, *map(Candidate, keys)), enter=True)
    if rest[0] not in keys:
        raise messages.parse_error(rest[0])
    return _ended(rest[1:])


def _keys_of(session: Administrator, table: Table) -> tuple[str, ...]:
    cmdb, place = session.box.cmdb, session.editor.scope
    own = cmdb.rows(cmdb.scope_of(table, place), table.path)
    # In a VDOM the certificates of the whole box are known too.
    return tuple(dict.fromkeys((*own, *cmdb.rows(GLOBAL, table.path))) if table.ranged else own)


def _show(session: Administrator, words: Words) -> _Next:
    if words and words[0][:2] == "fu" and _FULL.startswith(words[0]):
        return _whole(session, words[1:])
    following = _whole(session, words)
    if words:
        return following
    return _Next((Candidate(_FULL, Text.HELP_FULL()), *following.candidates), following.enter)


def _whole(session: Administrator, words: Words) -> _Next:
    """`show` and `tree` may stand alone at the root."""
    following = _read(session, words)
    return following if words else _Next(following.candidates, enter=True)


def _tree(session: Administrator, words: Words) -> _Next:
    following = _whole(session, words)
    keys = () if session.editor.kind == "table" and not words else following.candidates
    return _Next(keys, following.enter)


def _get(session: Administrator, words: Words) -> _Next:
    if session.editor.frames:
        return _read(session, words)
    try:
        hooked = _hooked(session, get.HOOKS, words)
    except CliError:
        return _read(session, words)
    try:
        configured = _read(session, words)
    except CliError:
        return hooked
    merged = {c.word: c for c in (*hooked.candidates, *configured.candidates)}
    return _Next(tuple(merged.values()), hooked.enter or configured.enter)


# --- hooks ----------------------------------------------------------------------------------------------------------


def _execute(session: Administrator, words: Words) -> _Next:
    return _hooked(session, execute.HOOKS, words)


def _diagnose(session: Administrator, words: Words) -> _Next:
    return _hooked(session, diagnose.HOOKS, words)


def _hooked(session: Administrator, table: hooks.Table, words: Words) -> _Next:
    """Behind the words of a hook, or of the start of one."""
    place = session.editor.place_kind
    hook, rest, path = hooks.find(table, words, place)
    if rest and (hook is None or len(rest) > len(hook.parameters)):
        raise messages.parse_error(rest[0] if hook is None else rest[len(hook.parameters)])
    inner = () if rest else tuple(_word_of(session, table, (*path, word)) for word in hooks.below(table, path, place))
    if hook is None:
        return _Next(inner)
    wanted = hook.parameters[len(rest) : len(rest) + 1]
    offered = tuple(c for parameter in wanted for c in _parameter(session, parameter))
    return _Next((*inner, *offered), enter=len(rest) >= hook.needs)


def _word_of(session: Administrator, table: hooks.Table, path: PathWords) -> Candidate:
    """A hook's word with its help: the hook's, the config path's of that name, or the word itself, as on the box."""
    if path in table:
        return Candidate(path[-1], table[path].help)
    return Candidate(path[-1], session.editor.view.below(path[:-1]).get(path[-1], path[-1]))


def _parameter(session: Administrator, parameter: Attribute) -> tuple[Candidate, ...]:
    if parameter.choices:
        return tuple(Candidate(choice.name, choice.help) for choice in parameter.choices)
    return (Candidate(f"<{parameter.name}>", parameter.help, literal=False), *_referable(session, parameter))


# --- entries --------------------------------------------------------------------------------------------------------


def _keys(session: Administrator) -> tuple[Candidate, ...]:
    frame = session.editor.frame
    if frame is None:
        return tuple(Candidate(name) for name in session.box.cmdb.vdoms())
    return tuple(map(Candidate, session.editor.rows(frame)))


def _new_key(session: Administrator) -> Candidate:
    frame = session.editor.frame
    if frame is None:
        return Candidate("<name>", Text.HELP_VDOM_NAME(), literal=False)
    key = frame.table.attributes[frame.table.key]
    text = Text.HELP_RANGE(help=key.help, low=key.low, high=key.high) if frame.table.integer_keys else key.help
    return Candidate(key.name, text, literal=False)


def _edit(session: Administrator, words: Words) -> _Next:
    return _ended(words[1:]) if words else _Next((_new_key(session), *_keys(session)))


def _delete(session: Administrator, words: Words) -> _Next:
    return _ended(words[1:]) if words else _Next(_keys(session))


def _renamed(session: Administrator, words: Words) -> _Next:
    """Behind `rename` and `clone`."""
    if not words:
        return _Next(_keys(session))
    if len(words) == 1:
        return _Next((Candidate("to"),))
    _choose(words[1], ("to",))
    return _ended(words[3:]) if len(words) > 2 else _Next((_new_key(session),))


def _move(session: Administrator, words: Words) -> _Next:
    if len(words) == 1:
        return _Next((Candidate("before"), Candidate("after")))
    if words:
        _choose(words[1], ("before", "after"))
    return _ended(words[3:]) if len(words) > 2 else _Next(_keys(session))


# --- attributes -----------------------------------------------------------------------------------------------------


def _working(session: Administrator) -> Working:
    frame = session.editor.frame
    assert frame is not None
    assert frame.working is not None
    return frame.working


def _attributes(working: Working, *, lists: bool = False) -> _Next:
    """The attributes that `set` and its kin may name now."""
    seen = (a for a in working.table.settable.values() if working.visible(a) and (a.multiple or not lists))
    return _Next(tuple(Candidate(a.name, a.help, mandatory=a.mandatory) for a in seen))


def _set(session: Administrator, words: Words) -> _Next:
    working = _working(session)
    if not words:
        return _attributes(working)
    return _values(session, working, find_attribute(working, words[0]), words[1:])


def _unset(session: Administrator, words: Words) -> _Next:
    working = _working(session)
    if not words:
        return _attributes(working)
    find_attribute(working, words[0])
    return _ended(words[1:])


def _list(session: Administrator, words: Words) -> _Next:
    """Behind `append` and `select`."""
    working = _working(session)
    if not words:
        return _attributes(working, lists=True)
    attribute = find_attribute(working, words[0])
    if not attribute.multiple:
        raise messages.parse_error(words[0])
    return _values(session, working, attribute, words[1:])


def _unselect(session: Administrator, words: Words) -> _Next:
    _list(session, words[:1])
    if not words:
        return _list(session, words)
    working = _working(session)
    held = tuple(working.value(find_attribute(working, words[0]).name) or ())
    return _Next(tuple(Candidate(word) for word in held if word not in words[1:]), enter=len(words) > 1)


def _values(session: Administrator, working: Working, attribute: Attribute, typed: Words) -> _Next:
    """Behind an attribute's name and the values typed so far."""
    wanted = 2 if attribute.type == "ipv4-netmask-pair" and "/" not in "".join(typed) else 1
    if not attribute.multiple and len(typed) >= wanted:
        return _ended(typed[wanted:])
    enter = bool(typed) and (attribute.multiple or len(typed) >= wanted)
    match attribute.type:
        case "option":
            names = [choice.name for choice in attribute.choices]
            taken = {_choose(word, names) for word in typed}
            offered = tuple(Candidate(c.name, c.help) for c in attribute.choices if c.name not in taken)
        case "integer":
            offered = (Candidate(attribute.name, _range(working, attribute), literal=False),)
        case "reference" | "string" | "var-string":
            offered = (Candidate("<string>", Text.HELP_STRING(), literal=False), *_referable(session, attribute))
        case other:
            offered = (Candidate(TYPES[other].help, attribute.help, literal=False),)
    return _Next(offered, enter)


def _range(working: Working, attribute: Attribute) -> str:
    text = Text.HELP_INTEGER(low=attribute.low, high=attribute.high)
    if attribute.default is None:
        return text
    return text + Text.HELP_DEFAULT(value=working.cmdb.default(working.table, attribute))


def _referable(session: Administrator, attribute: Attribute) -> tuple[Candidate, ...]:
    """The entries that a reference may name, each with the last word of its table's path."""
    tables = [table for path in attribute.refs if (table := session.box.cmdb.schema.table(path)) is not None]
    return tuple(Candidate(key, table.path[-1]) for table in tables for key in _keys_of(session, table))


# --- VDOMs and aliases ----------------------------------------------------------------------------------------------


def _sudo(session: Administrator, words: Words) -> _Next:
    """A scope, then a command as it would be typed there."""
    scopes = (GLOBAL, *session.box.cmdb.vdoms())
    if not words:
        return _Next(tuple(map(Candidate, scopes)))
    scope = _choose(words[0], scopes)
    if len(words) == 1:
        return _Next(tuple(Candidate(verb, VERBS[verb]()) for verb in READS))
    verb = _choose(words[1], READS)
    with session.editor.elsewhere(scope):
        return _FOLLOWERS[verb](session, words[2:])


def _alias(session: Administrator, words: Words) -> _Next:
    names = tuple(session.box.cmdb.rows(GLOBAL, ("system", "alias")))
    if not words:
        return _Next(tuple(map(Candidate, names)))
    if words[0] not in names:
        raise messages.parse_error(words[0])
    return _ended(words[1:])


# Sorted by verb.
# fmt: off
_FOLLOWERS: dict[str, Callable[[Administrator, Words], _Next]] = {
    "abort":    _nothing,
    "alias":    _alias,
    "append":   _list,
    "clone":    _renamed,
    "config":   _config,
    "delete":   _delete,
    "diagnose": _diagnose,
    "edit":     _edit,
    "end":      _nothing,
    "execute":  _execute,
    "exit":     _nothing,
    "get":      _get,
    "move":     _move,
    "next":     _nothing,
    "purge":    _nothing,
    "quit":     _nothing,
    "rename":   _renamed,
    "select":   _list,
    "set":      _set,
    "show":     _show,
    "sudo":     _sudo,
    "tree":     _tree,
    "unselect": _unselect,
    "unset":    _unset,
}
# fmt: on
