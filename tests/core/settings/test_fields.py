"""The check of a settings dataclass: type, choices and bound, with one message for all three."""

import dataclasses
import math
import pathlib
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any

import numpy as np
import pytest

from igam_tf.core.bounds import Amount
from igam_tf.core.errors import InputError
from igam_tf.core.settings import Setting, Settings, fields_of, optional, values_of


@dataclasses.dataclass(frozen=True)
class Part(Settings):
    size: int = 1


@dataclasses.dataclass(frozen=True)
class Example(Settings):
    """One field of every form."""

    count: Annotated[int, Setting("How many.", at_least=1)] = 1
    share: Annotated[float, Setting("How much.", at_least=0)] = 0.5
    fast: bool = False
    name: str = "a"
    mode: Annotated[str, Setting("Which.", choices=("x", "y"))] = "x"
    modes: Annotated[tuple[str, ...], Setting("Which ones.", choices=("x", "y"))] = ()
    rates: Annotated[tuple[float, ...], Setting("Rates.", at_least=0)] = (0.1,)
    pair: Annotated[tuple[int, int], Setting("Two.", at_least=1)] = (1, 2)
    amount: Amount = "8/255"
    limit: Annotated[int | None, Setting("At most.", at_least=1)] = None
    place: pathlib.Path = pathlib.Path("here")
    part: Part | None = None
    bundle: Annotated[str | Part, Setting("A name or a part.", choices=("x", "y"))] = "x"
    say: Callable[[str], None] = print


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("count", 0, "expected a whole number of at least 1, got 0"),
        ("count", 1.0, "expected a whole number of at least 1, got 1.0"),
        ("count", True, "expected a whole number of at least 1, got True"),
        ("count", "3", "expected a whole number of at least 1, got '3'"),
        ("count", None, "expected a whole number of at least 1, got None"),
        ("share", -0.1, "expected a number of at least 0, got -0.1"),
        ("share", math.nan, "expected a number of at least 0, got nan"),
        ("share", math.inf, "expected a number of at least 0, got inf"),
        ("share", "1", "expected a number of at least 0, got '1'"),
        ("fast", 1, "expected true or false, got 1"),
        ("name", 3, "expected a string, got 3"),
        ("mode", "z", "expected one of x, y, got 'z'"),
        ("mode", 3, "expected one of x, y, got 3"),
        ("modes", ("x", "z"), "expected some of x, y, got ('x', 'z')"),
        ("modes", "x", "expected some of x, y, got 'x'"),
        ("rates", 0.1, "expected a list of numbers of at least 0, got 0.1"),
        ("rates", (0.1, -1), "expected a list of numbers of at least 0, got (0.1, -1)"),
        ("pair", (1,), "expected a list of 2 whole numbers of at least 1, got (1,)"),
        ("pair", (1, 2.5), "expected a list of 2 whole numbers of at least 1, got (1, 2.5)"),
        ("amount", None, "expected a number or a fraction such as 8/255, got None"),
        ("limit", 0, "expected a whole number of at least 1, got 0"),
        ("place", "here", "expected a path, got 'here'"),
        ("part", 3, "expected a Part, got 3"),
        ("bundle", "z", "expected one of x, y or a Part, got 'z'"),
        ("say", 3, "expected Callable, got 3"),
    ],
)
def test_a_wrong_value_is_one_line(name: str, value: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        Example(**{name: value})
    assert str(error.value) == f"{name}: {message}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", 1),
        ("share", 1),
        ("share", 0.0),
        ("fast", True),
        ("mode", "y"),
        ("modes", ("y", "x")),
        ("rates", ()),
        ("rates", (1, 0.5)),
        ("amount", 8),
        ("amount", Fraction(8, 255)),
        ("limit", 3),
        ("limit", None),
        ("part", Part(2)),
        ("bundle", Part(2)),
        ("bundle", "y"),
        ("say", len),
    ],
)
def test_a_right_value_stays_itself(name: str, value: Any) -> None:
    assert getattr(Example(**{name: value}), name) is value


@pytest.mark.parametrize(
    ("name", "value", "plain"),
    [
        ("count", np.int64(3), 3),
        ("share", np.float32(0.5), 0.5),
        ("rates", [0.1, np.float64(0.2)], (0.1, 0.2)),
        ("pair", [1, 2], (1, 2)),
    ],
)
def test_lists_and_numpys_numbers_become_plain(name: str, value: Any, plain: Any) -> None:
    """So that a configuration can be hashed and written as JSON."""
    example = Example(**{name: value})
    assert getattr(example, name) == plain
    assert {type(item) for item in (plain if isinstance(plain, tuple) else (plain,))} <= {
        int,
        float,
    }
    assert hash(example) == hash(Example(**{name: plain}))


def test_changed_settings_are_checked_too() -> None:
    with pytest.raises(InputError, match=r"^count: "):
        dataclasses.replace(Example(), count=0)


def test_positional_fields_come_first_then_required_keywords() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Keywords(Settings):
        early: int = 1
        needed: int

    @dataclasses.dataclass(frozen=True)
    class PositionalAndKeywords(Keywords):
        first: int

    assert list(fields_of(PositionalAndKeywords)) == ["first", "needed", "early"]
    required = [field.required for field in fields_of(PositionalAndKeywords).values()]
    assert required == [True, True, False]
    assert values_of(PositionalAndKeywords(1, needed=2)) == {"first": 1, "needed": 2, "early": 1}
    assert values_of(PositionalAndKeywords(1, needed=2), Keywords) == {"needed": 2, "early": 1}


def test_optional_fields_override_a_bundle() -> None:
    kind = optional(Example, "The example's by default.")
    assert set(values_of(kind()).values()) == {None}
    assert kind(mode="y").mode == "y"
    assert fields_of(kind)["mode"].setting.help == "Which. The example's by default."
    with pytest.raises(InputError, match=r"^mode: expected one of x, y, got 'z'$"):
        kind(mode="z")


def test_help_of_a_settings_class_shows_what_a_field_is_for() -> None:
    assert repr(fields_of(Example)["count"].setting) == "'How many.'"
