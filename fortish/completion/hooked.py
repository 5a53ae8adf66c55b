"""Behind `execute`, `diagnose` and what is no configuration of `get`: the words of hooks, then their parameters."""

from __future__ import annotations

from fortish import diagnose, execute, hooks, messages
from fortish.cmdb.entries import GLOBAL
from fortish.cmdb.table import Attribute, PathWords
from fortish.commands import Words
from fortish.completion.offers import Administrator, Next, Offer, ended, entries, keyword, value, verbs, words
from fortish.completion.references import referable
from fortish.errors import CliError
from fortish.messages import Text

# Sorted.
# fmt: off
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
_COUNTED = "ABC"  # options that a figure follows, in the same word or the next
_HIDDEN = -61  # the code of a command that the access profile hides; others are refused when they are run


def execute_(session: Administrator, typed: Words) -> Next:
    """Behind `execute`."""
    return hooked(session, "execute", execute.HOOKS, typed)


def diagnose_(session: Administrator, typed: Words) -> Next:
    """Behind `diagnose`."""
    return hooked(session, "diagnose", diagnose.HOOKS, typed)


def hooked(session: Administrator, verb: str, table: hooks.Table, typed: Words) -> Next:
    """Behind the words of a hook, or of the start of one. Raises `CliError`."""
    table = _open(session, verb, table)
    hook, rest, path = hooks.find(table, typed, session.editor.place_kind)
    if rest and (hook is None or len(rest) > len(hook.parameters)):
        raise messages.parse_error(rest[0] if hook is None else rest[len(hook.parameters)])
    inner = () if rest else (_below(session, table, path),)
    if hook is None:
        return Next(inner)
    enter = len(rest) >= hook.needs and (hook.enough is None or hook.enough(session, rest))
    wanted = hook.parameters[len(rest) : len(rest) + 1]
    offered = (offer for parameter in wanted for offer in _parameter(session, parameter, optional=enter))
    return Next((*inner, *offered), enter)


def _below(session: Administrator, table: hooks.Table, path: PathWords) -> Offer:
    """The hooks' next words with their help: the hook's, the config path's of that name, or the word itself."""
    view = session.editor.view
    found = hooks.below(table, path, session.editor.place_kind)
    return words(found, lambda word: table[(*path, word)].help if (*path, word) in table else view.help((*path, word)))


def _open(session: Administrator, verb: str, table: hooks.Table) -> hooks.Table:
    """The commands that the access profile does not hide."""
    if session.access.unrestricted:
        return table
    return {path: hook for path, hook in table.items() if not _hidden(session, verb, path)}


def _hidden(session: Administrator, verb: str, path: PathWords) -> bool:
    try:
        session.access.check_command(verb, path)
    except CliError as error:
        return error.code == _HIDDEN
    return False


def _parameter(session: Administrator, parameter: Attribute, *, optional: bool) -> tuple[Offer, ...]:
    if parameter.choices:
        helps = {choice.name: choice.help for choice in parameter.choices}
        return (words(helps, helps.__getitem__),)
    return (
        value(f"<{parameter.name}>", parameter.help, optional=optional),
        *referable(session, parameter, named=False),
    )


# --- grep -----------------------------------------------------------------------------------------------------------


def grep(typed: Words) -> Next:
    """Behind `|`. Raises `CliError`."""
    if not typed:
        return Next((verbs({"grep": Text.HELP_GREP}),))
    keyword(typed[0], ("grep",))
    rest = list(typed[1:])
    while rest and len(rest[0]) > 1 and rest[0][0] == "-":
        option = rest.pop(0)
        at = next((place for place, letter in enumerate(option) if letter in _COUNTED), len(option))
        wrong = [letter for letter in option[1:at] if f"-{letter}" not in GREP_OPTIONS]
        if wrong:
            raise messages.parse_error(option if len(wrong) == at - 1 else wrong[0])
        if at == len(option):
            continue
        if at == len(option) - 1 and not rest:
            return Next((value("<lines>", GREP_OPTIONS[f"-{option[at]}"]()),))
        figure = option[at + 1 :] or rest.pop(0)
        if not (figure.isascii() and figure.isdecimal()):
            raise messages.parse_error(figure)
    if rest:
        return ended(tuple(rest[1:]))
    options = words(GREP_OPTIONS, lambda option: GREP_OPTIONS[option]())
    return Next((options, value("<pattern>", Text.HELP_PATTERN())))


# --- aliases --------------------------------------------------------------------------------------------------------


def alias(session: Administrator, typed: Words) -> Next:
    """Behind `alias`: a name in full."""
    names = session.editor.cmdb.rows(GLOBAL, ("system", "alias"))
    if not typed:
        return Next((entries(names),))
    if typed[0] not in names:
        raise messages.parse_error(typed[0])
    return ended(typed[1:])
