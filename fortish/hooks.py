"""Hooks: commands that act. Each is a row of a visible, sorted table: its words, typed parameters, and a flow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from fortish import messages
from fortish.cmdb.table import Attribute, Choice, PathWords
from fortish.cmdb.types import TYPES
from fortish.commands import Arguments, Here, Run, Words
from fortish.messages import Text
from fortish.parse import complete_word
from fortish.steps import Flow, nothing


class Standing(Protocol):
    """Where a line is typed, as far as it decides whether the line may end."""

    @property
    def box(self) -> Any:
        """The box."""

    @property
    def scope(self) -> str:
        """Where certificates made here are kept."""


Enough = Callable[[Standing, Words], bool]


@dataclass(frozen=True, slots=True)
class Hook:
    """A command: its words, what it is for, its positional parameters, of which the first `needs` must be given.

    On a box with VDOMs a command of the whole box (`global`) is not there inside a VDOM, and one of a VDOM (`vdom`) is
    there only. One of the global tree (`tree`) is below `config global` only, and not on a box without VDOMs; one that
    is used `inside` is there only, too, but it is on a box without VDOMs.
    `enough` says of the words typed so far whether the line may end, where their number alone does not say it.
    What is not `done` is a command of the box that fortish knows by name and refuses in words.
    """

    words: str
    help: str
    run: Run
    parameters: tuple[Attribute, ...] = ()
    needs: int = 0
    where: str = "both"
    enough: Enough | None = None
    done: bool = True

    @property
    def path(self) -> PathWords:
        """Its words."""
        return tuple(self.words.split())


Table = Mapping[PathWords, Hook]


def table(*hooks: Hook) -> Table:
    """Hooks by their words. Raises `ValueError` if they are not sorted: the table is for reading, too."""
    paths = [hook.path for hook in hooks]
    if paths != sorted(paths) or len(set(paths)) != len(paths):
        raise ValueError("hooks stand sorted by their words, each once")
    return dict(zip(paths, hooks, strict=True))


def with_known(done: Table, known: Iterable[str], where: Mapping[str, str]) -> Table:
    """`done` and the commands that are only known by name, in order. What is done is done, whoever else names it.

    `where` says by the first word where the latter are there; the others are everywhere.
    """
    names = {}
    for words in known:
        path = tuple(words.split())
        names[path] = Hook(words, "Not in fortish.", _never, where=where.get(path[0], "both"), done=False)
    return dict(sorted({**names, **done}.items()))


def _never(here: Here, given: Arguments) -> Flow:
    """What is not done never runs: `arguments` refuses it."""
    return nothing()


def later(module: str, name: str) -> Run:
    """The flow `name` of a module that is imported when it first runs: what a table names, it need not load."""

    def run(here: Here, given: Arguments) -> Flow:
        flow: Flow = getattr(import_module(module), name)(here, given)
        return flow

    run.__qualname__ = f"{module}.{name}"
    return run


def parameter(name: str, help_: str, type_: str = "string", size: int = 0, **more: Any) -> Attribute:
    """A positional parameter."""
    choices = tuple(Choice(*choice) for choice in more.pop("choices", ()))
    return Attribute(name, type_, help_, "acted", size, choices=choices, **more)


# What the lists of processes take.
TOP = (
    parameter("delay", "Seconds from one list to the next (1-60).", "integer", low=1, high=60),
    parameter("lines", "Most processes that are listed (1-40).", "integer", low=1, high=40),
    parameter("iterations", "Number of lists (1-100); one, if it is not given.", "integer", low=1, high=100),
)

# In which kind of place (`Editor.place_kind`) commands of the whole box and those of a VDOM are there.
SCOPES = {"multi": "global", "global": "global", "vdoms": "global", "vdom": "vdom", "confined": "vdom"}


def _there(hook: Hook, place: str) -> bool:
    if hook.where == "tree":
        return place == "global"
    if hook.where == "inside":
        return place in ("global", "root")
    return hook.where == "both" or SCOPES.get(place, hook.where) == hook.where


def below(hooks: Table, prefix: PathWords, place: str = "root") -> list[str]:
    """The words that may follow `prefix` in this kind of place, in the table's order."""
    depth = len(prefix)
    return _following(hooks, [path for path in hooks if path[:depth] == prefix], depth, place)


def _following(hooks: Table, paths: Iterable[PathWords], depth: int, place: str) -> list[str]:
    """The words that stand behind the first `depth` ones of these paths and are there in this kind of place."""
    return list(dict.fromkeys(path[depth] for path in paths if len(path) > depth and _there(hooks[path], place)))


def find(hooks: Table, typed: Sequence[str], place: str = "root") -> tuple[Hook | None, Words, PathWords]:
    """The hook that the words begin, the words behind it, and how far the words could be followed.

    Each word may be a unique prefix. No hook, and an unfollowed rest, if the words lead nowhere. Raises `CliError` for
    an ambiguous word.
    """
    path: PathWords = ()
    paths: Iterable[PathWords] = hooks  # those that begin with `path`
    for at, word in enumerate(typed):
        choices = complete_word(word, _following(hooks, paths, at, place))
        if choices and word not in choices and (*path, word) in hooks:
            choices = []  # a command in full that is not there in this place stands for no longer one
        if not choices:
            return hooks.get(path), tuple(typed[at:]), path
        if len(choices) > 1:
            raise messages.ambiguous(word)
        path = (*path, choices[0])
        paths = [one for one in paths if one[: at + 1] == path]
    return hooks.get(path), (), path


class _Alone:
    """A parameter looks at nothing else."""

    def value(self, name: str) -> Any:
        return None

    def exists(self, paths: tuple[PathWords, ...], key: str) -> bool:
        return True


def arguments(hook: Hook, words: Words) -> Arguments:
    """The words behind a hook as its parameters; '' for one that is skipped. Raises `CliError`."""
    if not hook.done:
        raise messages.failed(-1, Text.NOT_IN_FORTISH(words=hook.words))
    if len(words) < hook.needs:
        raise messages.incomplete()
    if len(words) > len(hook.parameters):
        raise messages.parse_error(words[len(hook.parameters)])
    values: dict[str, Any] = {p.name: "" for p in hook.parameters}
    for wanted, word in zip(hook.parameters, words, strict=False):
        values[wanted.name] = TYPES[wanted.type].read(wanted, (word,), _Alone()) if word else ""
    return values
