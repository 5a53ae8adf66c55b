"""Behind the verbs that change something: keys of entries, attributes, and their values."""

from __future__ import annotations

from fortish import messages, zones
from fortish.cmdb.table import Attribute
from fortish.cmdb.types import TYPES
from fortish.cmdb.working import Working, find_attribute
from fortish.commands import Words
from fortish.completion.offers import (
    Administrator,
    Candidate,
    Next,
    Offer,
    choose,
    ended,
    entries,
    keyword,
    keywords,
    value,
    words,
)
from fortish.completion.references import certificates, referable
from fortish.messages import Text

_PAIR, _SECRETS = "ipv4-netmask-pair", frozenset({"clear-password", "password"})
_ENCRYPTED = "ENC"  # the word before a secret as the box prints it
_NOTHING = Next()  # inside a block that is kept as text no name is known


# --- entries --------------------------------------------------------------------------------------------------------


def _keys(session: Administrator) -> Offer:
    frame = session.editor.frame
    return entries(session.editor.cmdb.vdoms() if frame is None else session.editor.rows(frame))


def _new_key(session: Administrator) -> Offer:
    frame = session.editor.frame
    if frame is None:
        return value("<name>", Text.HELP_VDOM_NAME())
    key = frame.table.attributes[frame.table.key]
    text = Text.HELP_RANGE(help=key.help, low=key.low, high=key.high) if frame.table.integer_keys else key.help
    return value(key.name, text)


def edit(session: Administrator, typed: Words) -> Next:
    """Behind `edit`: a new key, or one that is there."""
    return ended(typed[1:]) if typed else Next((_new_key(session), _keys(session)))


def delete(session: Administrator, typed: Words) -> Next:
    """Behind `delete`."""
    return ended(typed[1:]) if typed else Next((_keys(session),))


def rename(session: Administrator, typed: Words) -> Next:
    """Behind `rename` and `clone`."""
    if not typed:
        return Next((_keys(session),))
    if len(typed) == 1:
        return Next((keywords("to"),))
    if typed[1] != keyword(typed[1], ("to",)):  # too short to be cut
        raise messages.parse_error(typed[1])
    return ended(typed[3:]) if len(typed) > 2 else Next((_new_key(session),))


def move(session: Administrator, typed: Words) -> Next:
    """Behind `move`."""
    if len(typed) == 1:
        return Next((keywords("before", "after"),))
    if typed:
        keyword(typed[1], ("before", "after"))
    return ended(typed[3:]) if len(typed) > 2 else Next((_keys(session),))


# --- attributes -----------------------------------------------------------------------------------------------------


def _working(session: Administrator) -> Working | None:
    frame = session.editor.frame
    return None if frame is None else frame.working


def _attributes(working: Working, *, lists: bool = False) -> Next:
    """The attributes that `set` and its kin may name now."""
    seen = {n: a for n, a in working.table.settable.items() if working.visible(a) and (a.multiple or not lists)}
    return Next((Offer(seen, lambda name: Candidate(name, seen[name].help, mandatory=seen[name].mandatory)),))


def set_(session: Administrator, typed: Words) -> Next:
    """Behind `set`."""
    working = _working(session)
    if working is None:
        return _NOTHING
    if not typed:
        return _attributes(working)
    return _values(session, working, find_attribute(working, typed[0]), typed[1:])


def unset(session: Administrator, typed: Words) -> Next:
    """Behind `unset`."""
    working = _working(session)
    if working is None:
        return _NOTHING
    if not typed:
        return _attributes(working)
    find_attribute(working, typed[0])
    return ended(typed[1:])


def change_list(session: Administrator, typed: Words) -> Next:
    """Behind `append` and `select`."""
    working = _working(session)
    if working is None:
        return _NOTHING
    if not typed:
        return _attributes(working, lists=True)
    return _values(session, working, _list(working, typed[0]), typed[1:])


def unselect(session: Administrator, typed: Words) -> Next:
    """Behind `unselect`: the members that are in the list."""
    working = _working(session)
    if working is None or not typed:
        return change_list(session, typed)
    attribute = _list(working, typed[0])
    held = tuple(working.value(attribute.name) or ())
    gone = _chosen(attribute, typed[1:])
    left = tuple(word for word in held if word not in gone)
    return Next((_members(attribute, left),), enter=len(typed) > 1, again=(_members(attribute, held),))


def _list(working: Working, typed: str) -> Attribute:
    attribute = find_attribute(working, typed)
    if not attribute.multiple:
        raise messages.parse_error(typed)
    return attribute


def _members(attribute: Attribute, names: Words) -> Offer:
    if attribute.type == "option":
        return _choices(attribute, names)
    return entries(names, attribute.refs[0][-1] if len(attribute.refs) == 1 else "")


# --- values ---------------------------------------------------------------------------------------------------------


def _chosen(attribute: Attribute, typed: Words) -> Words:
    """The values that were typed; options may be cut. Raises `CliError`."""
    if attribute.type != "option":
        return typed
    names = [choice.name for choice in attribute.choices]
    return tuple(choose(word, names) for word in typed)


def _choices(attribute: Attribute, names: Words) -> Offer:
    helps = {choice.name: choice.help for choice in attribute.choices}
    return words(names, helps.__getitem__)


def _wanted(attribute: Attribute, typed: Words) -> int:
    """How many words make a value that begins so."""
    two = (attribute.type == _PAIR and "/" not in typed[0]) or (attribute.type in _SECRETS and typed[0] == _ENCRYPTED)
    return 2 if two else 1


def _values(session: Administrator, working: Working, attribute: Attribute, typed: Words) -> Next:
    """Behind an attribute's name and the values typed so far."""
    if typed and not attribute.multiple:
        wanted = _wanted(attribute, typed)
        _chosen(attribute, typed[:wanted])
        if len(typed) >= wanted:
            return ended(typed[wanted:])
        return Next((value("<mask>" if attribute.type == _PAIR else "<base64>", attribute.help),))
    enter = bool(typed)
    match attribute.type:
        case "option":
            names = tuple(choice.name for choice in attribute.choices)
            taken = _chosen(attribute, typed)
            left = tuple(name for name in names if name not in taken)
            return Next((_choices(attribute, left),), enter, (_choices(attribute, names),))
        case "integer":
            offer = value(attribute.name, _range(working, attribute))
        case "reference" if attribute.listed:
            return Next(certificates(session, attribute, typed), enter)
        case "number-reference" | "reference" | "string" | "var-string":
            return Next((value("<string>", Text.HELP_STRING()), *referable(session, attribute, set(typed))), enter)
        case "timezone":
            return Next((value("<string>", Text.HELP_STRING()), entries(zones.names(), attribute.name)), enter)
        case other:
            offer = value(TYPES[other].help, attribute.help)
    return Next((offer,), enter)


def _range(working: Working, attribute: Attribute) -> str:
    text = Text.HELP_INTEGER(low=attribute.low, high=attribute.high)
    if attribute.default is None:
        return text
    return text + Text.HELP_DEFAULT(value=working.cmdb.default(working.table, attribute))
