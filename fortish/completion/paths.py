"""Behind `config`, `get`, `show` and `tree`: paths, child tables, the entries that are there."""

from __future__ import annotations

from fortish import get, hooks, messages
from fortish.cmdb.entries import Rows
from fortish.cmdb.frame import Frame
from fortish.cmdb.schema import View
from fortish.cmdb.table import PathWords, Table
from fortish.commands import Words
from fortish.completion.hooked import hooked
from fortish.completion.offers import END, Administrator, Next, Offer, Quoted, choose, ended, entries, verbs, words
from fortish.completion.references import keys
from fortish.errors import CliError
from fortish.messages import Text
from fortish.parse import complete_word

_PLACES = {"global": Text.HELP_GLOBAL, "vdom": Text.HELP_VDOM}
_FULL = "full-configuration"


def below(view: View, path: PathWords) -> Offer:
    """The words that may follow in a path."""
    return words(view.words(path), lambda word: view.help((*path, word)))


def follow(view: View, typed: Words) -> tuple[PathWords, Words]:
    """How far the words are a path, and the words behind a whole one. Raises `CliError`."""
    path: PathWords = ()
    for place, word in enumerate(typed):
        found = complete_word(word, view.words(path))
        if len(found) != 1:
            if found or view.table(path) is None:
                raise messages.parse_error(word)
            return path, typed[place:]
        path = (*path, found[0])
    return path, ()


# --- config ---------------------------------------------------------------------------------------------------------


def config(session: Administrator, typed: Words) -> Next:
    """Behind `config`."""
    frame, view = session.editor.frame, session.editor.view
    if frame is None and session.editor.place_kind == "multi":
        if not typed:
            return Next((words(_PLACES, lambda place: _PLACES[place]()),))
        choose(typed[0], _PLACES)
        return ended(typed[1:])
    if frame is not None:
        children = _children(frame)
        if not typed:
            return Next((words(children, lambda name: children[name].help),))
        choose(typed[0], children)
        return ended(typed[1:])
    path, rest = follow(view, typed)
    table = view.table(path)
    if table is None or not table.keyed:
        ended(rest)
        return Next((below(view, path),), enter=table is not None)
    if not rest:
        return Next((entries(keys(session, table)),))
    if rest[0] not in keys(session, table):
        raise messages.parse_error(rest[0])
    return ended(rest[1:])


def _children(frame: Frame) -> dict[str, Table]:
    working = frame.working
    if working is None:
        return {}
    return {n: t for n, t in frame.table.children.items() if working.visible(frame.table.attributes[n])}


# --- reading --------------------------------------------------------------------------------------------------------


def _read(session: Administrator, typed: Words) -> Next:
    """Behind `get`, `show`, `tree`: a path and a key, a child and a key, a key, or nothing."""
    frame = session.editor.frame
    if frame is None:
        return _absolute(session, typed)
    if frame.kind == "table":
        return _one_of(session.editor.rows(frame), typed)
    children = frame.table.children
    if not typed:
        seen = _children(frame)
        offer = words(seen, lambda name: children[name].help)
        return Next((offer, *_others(session, seen)), enter=True)
    found = complete_word(typed[0], children)
    if len(found) != 1:
        return _absolute(session, typed)  # from inside an entry the whole tree can be named too
    child = children[found[0]]
    if not child.is_table or frame.working is None:
        return ended(typed[1:])
    return _one_of(frame.working.child(found[0]).rows, typed[1:])


def _others(session: Administrator, children: dict[str, Table]) -> tuple[Offer, ...]:
    """The first words of paths, but for those that would name a child."""
    view = session.editor.view
    first = tuple(word for word in view.words(()) if word not in children)
    return (words(first, lambda word: view.help((word,))),)


def _absolute(session: Administrator, typed: Words) -> Next:
    view = session.editor.view
    path, rest = follow(view, typed)
    table = view.table(path)
    if table is None or not table.is_table:
        ended(rest)
        return Next((below(view, path),), enter=table is not None)
    return _one_of(keys(session, table), rest, below(view, path))


def _one_of(rows: Rows, rest: Words, *more: Offer) -> Next:
    """A key that is there, or the end of the line."""
    if not rest:
        return Next((*more, entries(rows)), enter=True)
    if rest[0] not in rows:
        raise messages.parse_error(rest[0])
    return ended(rest[1:])


def show(session: Administrator, typed: Words) -> Next:
    """Behind `show`, which may stand alone."""
    if typed and not isinstance(typed[0], Quoted) and typed[0][:2] == "fu" and _FULL.startswith(typed[0]):
        return tree(session, typed[1:])
    following = tree(session, typed)
    if typed:
        return following
    return Next((verbs({_FULL: Text.HELP_FULL}), *following.offers), enter=True)


def tree(session: Administrator, typed: Words) -> Next:
    """Behind `tree`, which may stand alone."""
    following = _read(session, typed)
    return following if typed else Next(following.offers, enter=True)


def get_(session: Administrator, typed: Words) -> Next:
    """Behind `get`: what is no configuration goes first."""
    if session.editor.frames:
        return _read(session, typed)
    if not typed and session.editor.place_kind == "vdoms":
        return END
    there = {path: hook for path, hook in get.HOOKS.items() if not session.shadowed(hook, path)}
    try:
        acting = hooked(session, "get", there, typed)
        hook = hooks.find(there, typed, session.editor.place_kind)[0]
    except CliError:
        return _read(session, typed)
    if hook is not None:
        return _read(session, typed) if session.shadowed(hook, typed) else acting
    try:
        configured = _read(session, typed)
    except CliError:
        return acting
    first = {word for offer in acting.offers for word in offer.words}
    others = (Offer(tuple(w for w in o.words if w not in first), o.shown) for o in configured.offers)
    return Next((*acting.offers, *others), acting.enter or configured.enter)
