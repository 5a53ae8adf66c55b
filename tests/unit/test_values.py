"""Our dataclasses: the same as those of `dataclasses`, made later."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from pathlib import Path
from typing import Any

import pytest

from fortish import values

Dataclass = Callable[..., Callable[[type], type]]
ROOT = Path(__file__).parents[2] / "fortish"


def point(dataclass: Dataclass, **options: bool) -> Any:
    @dataclass(**options)
    class Point:
        """A point."""

        x: int
        y: int = 2
        names: list[str] = field(default_factory=list, repr=False)
        weight: float = field(default=1.0, compare=False)

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("x")

        @property
        def sum(self) -> int:
            return self.x + self.y

    return Point


OPTIONS = [
    {"frozen": frozen, "slots": slots, "eq": eq}
    for frozen in (False, True)
    for slots in (False, True)
    for eq in (False, True)
]


def outcome(work: Callable[[], Any]) -> Any:
    """What came of it, or how it failed."""
    try:
        return work()
    except Exception as error:
        return type(error), re.sub(r"0x\w+", "0x", str(error))


@pytest.mark.parametrize("options", OPTIONS)
def test_all_that_can_be_done_with_an_instance_comes_out_as_with_the_standard_librarys(
    options: dict[str, bool],
) -> None:
    def walk(dataclass: Dataclass) -> list[Any]:
        cls = point(dataclass, **options)
        match cls(7):
            case cls(a, b):
                matched = a, b
        one, same, other = cls(1), cls(1, weight=3.0), cls(1, y=3, names=["a"])
        return [
            matched,
            outcome(lambda: cls()),
            outcome(lambda: cls(1, z=1)),
            outcome(lambda: cls(-1)),
            re.sub(r"0x\w+", "0x", repr(one)) if options else "",
            [one == one, one == same, one == other, one != other, one == 1],
            one.names is not same.names,
            outcome(lambda: setattr(one, "x", 5)),
            outcome(lambda: delattr(one, "y")),
            one.x,
            outcome(lambda: hash(one)) if options["eq"] and not options["frozen"] else None,
            outcome(lambda: hash(cls(1, names=()))) if options["eq"] else None,
            dataclasses.asdict(other),
            [(f.name, f.repr, f.compare, f.type) for f in dataclasses.fields(cls)],
            dataclasses.replace(other, x=9).sum,
            cls.__match_args__,
            hasattr(one, "__dict__"),
            [getattr(cls.__dataclass_params__, name) for name in ("init", "repr", "eq", "frozen")],
            copy.deepcopy(other).names,
            copy.copy(other).x,
        ]

    assert walk(values.dataclass) == walk(dataclasses.dataclass)


@pytest.mark.parametrize("first", ["eq", "hash", "repr", "copy"])
def test_whatever_is_called_first_works(first: str) -> None:
    cls = point(values.dataclass, frozen=True, slots=True)
    one = cls(1, names=())
    match first:
        case "eq":
            assert one == cls(1, names=())
        case "hash":
            assert {one: 1}[cls(1, names=())] == 1
        case "repr":
            assert repr(one).endswith("Point(x=1, y=2, weight=1.0)")
        case "copy":
            assert copy.copy(one) == one
    assert one == cls(1, names=())
    assert hash(one) == hash(cls(1, names=()))


def test_a_child_of_a_dataclass_has_its_fields_too() -> None:
    cls = point(values.dataclass, frozen=True)

    @values.dataclass(frozen=True)
    class Child(cls):
        """A child."""

        z: int = 3

    assert Child(1, z=5) == Child(1, z=5) != Child(1)
    with pytest.raises(FrozenInstanceError):
        Child(1).z = 4


@values.dataclass(frozen=True, slots=True)
class Kept:
    """What is pickled."""

    a: int
    b: str = ""


def test_an_instance_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(Kept(1, "x"))) == Kept(1, "x")


def test_a_method_is_made_once() -> None:
    cls = point(values.dataclass, frozen=True, slots=True)
    later = cls.__init__
    cls(1)
    made = cls.__init__
    cls(2)
    assert later is not made is cls.__init__


def test_every_dataclass_of_the_program_is_one_of_these() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if path.name != "values.py" and re.search(r"^from dataclasses import .*\bdataclass\b", path.read_text(), re.M)
    ]
    assert not wrong, "import dataclass from fortish.values there: it costs a start nothing"
