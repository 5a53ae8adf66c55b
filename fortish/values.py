"""Dataclasses that cost little until they are used: the methods of each are made when one of them is first called.

`dataclasses` compiles up to six functions for each class when its module is imported, about half a millisecond of a
start; a run uses a part of the classes, and few compare or print them. What is made here is the same class, with the
same fields, and its methods are those of `dataclasses`, only later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

LATER = ("__init__", "__repr__", "__eq__", "__hash__")  # made when called; the first of them apart from the others

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool = False, slots: bool = False, eq: bool = True) -> Callable[[type], type]:
        """`dataclasses.dataclass` with these options, and no others."""
        return lambda original: _made(original, frozen, slots, eq)


def _made(original: type, frozen: bool, slots: bool, eq: bool) -> Any:
    own = {name: value for name, value in vars(original).items() if name not in ("__dict__", "__weakref__")}
    if own.keys() & LATER or any(map(dataclasses.is_dataclass, original.__mro__)):
        return dataclasses.dataclass(frozen=frozen, slots=slots, eq=eq)(original)
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(original)
    params = made.__dataclass_params__
    params.init, params.repr, params.eq, params.frozen = True, True, eq, frozen
    for name in LATER if eq else LATER[:2]:
        setattr(made, name, _later(made, own, name, frozen, eq))
    if eq and not frozen:
        made.__hash__ = None
    if frozen:
        made.__setattr__, made.__delattr__ = _no_change, _no_removal
    if frozen and slots:  # what copies and pickles such an instance
        made.__getstate__, made.__setstate__ = _state, _restore
    return made


def _later(made: type, own: dict[str, Any], name: str, frozen: bool, eq: bool) -> Callable[..., Any]:
    """A method that puts the real one into its place, and those that are made with it, and does what that does."""

    def method(self: Any, *args: Any, **named: Any) -> Any:
        init = name == "__init__"
        twin = type(made.__name__, made.__bases__, dict(own))
        twin.__qualname__ = made.__qualname__
        whole = vars(dataclasses.dataclass(init=init, repr=not init, eq=eq and not init, frozen=frozen)(twin))
        for other in LATER[:1] if init else LATER[1:]:
            if other in whole:
                setattr(made, other, whole[other])
        return getattr(made, name)(self, *args, **named)

    method.__name__, method.__qualname__ = name, f"{made.__qualname__}.{name}"
    return method


def _no_change(self: object, name: str, value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _no_removal(self: object, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
