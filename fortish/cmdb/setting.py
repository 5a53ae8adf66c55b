"""`set`, `unset`, `append`, `select`, `unselect`: what becomes of the values in the working copy that is open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fortish import commands as c
from fortish import messages
from fortish.cmdb.outcome import DONE, Outcome
from fortish.cmdb.table import Attribute
from fortish.cmdb.types import TYPES
from fortish.cmdb.working import Working, find_attribute
from fortish.messages import Text

if TYPE_CHECKING:
    from fortish.cmdb.editor import Editor

VARIABLE = re.compile(r"\$(?:SerialNum|USERFROM|USERNAME)(?![A-Za-z0-9_])")
SECRETS = frozenset({"clear-password", "password", "private-key"})  # types of attribute


def set_(editor: Editor, command: c.Set) -> Outcome:
    """Replace a value in the working copy. Raises `CliError`."""
    working, attribute = _found(editor, command.name)
    working.set(attribute, _expanded(editor, attribute, command.values))
    return DONE


def _expanded(editor: Editor, attribute: Attribute, values: tuple[str, ...]) -> tuple[str, ...]:
    """Values with their variables replaced, however they are quoted: then no value that is printed holds one.

    Secrets are taken as they are typed, and so is everything in a backup.
    """
    if not any("$" in value for value in values) or attribute.type in SECRETS or editor.cmdb.restoring:
        return values
    return tuple(VARIABLE.sub(lambda found: editor.variables.get(found[0], found[0]), value) for value in values)


def _found(editor: Editor, typed: str) -> tuple[Working, Attribute]:
    """The working copy, and the attribute of it that is about to be changed. Raises `CliError`."""
    working = editor.working
    attribute = find_attribute(working, typed)
    if editor.guard is not None:
        editor.guard.setting(working.table.path, attribute.name)
    return working, attribute


def unset(editor: Editor, command: c.Unset) -> Outcome:
    """Back to the default in the working copy. Raises `CliError`."""
    working, attribute = _found(editor, command.name)
    working.unset(attribute)
    return DONE


def change_list(editor: Editor, command: c.Append | c.Select | c.Unselect) -> Outcome:
    """Add to, replace or thin out a list in the working copy. Raises `CliError`."""
    working, attribute = _found(editor, command.name)
    if not attribute.multiple:
        raise messages.parse_error(command.name)
    typed = TYPES[attribute.type].read(attribute, _expanded(editor, attribute, command.values), working)
    held = tuple(working.value(attribute.name) or ())
    if isinstance(command, c.Append):
        members = tuple(dict.fromkeys((*held, *typed)))
    elif isinstance(command, c.Select):
        members = typed
    else:
        if missing := [word for word in typed if word not in held]:
            raise messages.value_error(missing[0], -3, Text.NOT_IN_DATASOURCE())
        members = tuple(word for word in held if word not in typed)
    if attribute.type == "option":
        members = tuple(choice.name for choice in attribute.choices if choice.name in members)
    working.put(attribute.name, members)
    return DONE
