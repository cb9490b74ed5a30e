"""Pixel ranges: what is accepted, what it means, how it is printed."""

from fractions import Fraction

import pytest

from igam_tf.core.bounds import PIXELS, UNIT, Bounds, as_bounds
from igam_tf.core.errors import InputError


@pytest.mark.parametrize(
    ("bounds", "value", "amount"),
    [
        (PIXELS, "8/255", 8.0),
        (PIXELS, 8, 8.0),
        (PIXELS, "2.5", 2.5),
        (PIXELS, Fraction(1, 2), 0.5),
        (PIXELS, "1/1", 255.0),
        (PIXELS, "0.5/1", 127.5),
        (UNIT, "127.5/255", 0.5),
        (PIXELS, 0, 0.0),
        (UNIT, "8/255", 8 / 255),
        (UNIT, 0.3, 0.3),
        (Bounds(-1, 1), "8/255", 16 / 255),
    ],
)
def test_amounts(bounds: Bounds, value: object, amount: float) -> None:
    assert bounds.amount(value) == amount


@pytest.mark.parametrize(
    ("bounds", "value"),
    [(UNIT, 8), (PIXELS, 256), (PIXELS, -1), (PIXELS, "-1/255"), (PIXELS, "8/0"), (PIXELS, "1/2/3"),
     (PIXELS, "eight"), (UNIT, float("nan")), (UNIT, float("inf")), (UNIT, None)],
)  # fmt: skip
def test_wrong_amounts_are_errors_with_their_name(bounds: Bounds, value: object) -> None:
    with pytest.raises(InputError, match=r"^step_size: expected"):
        bounds.amount(value, "step_size")


@pytest.mark.parametrize(
    ("bounds", "amount", "text"),
    [(PIXELS, 8.0, "8/255 (8 of [0, 255])"), (UNIT, 0.3, "76.5/255 (0.3 of [0, 1])")],
)
def test_amounts_are_printed_in_both_units(bounds: Bounds, amount: float, text: str) -> None:
    assert bounds.describe(amount) == text


def test_pairs_become_bounds() -> None:
    assert as_bounds((0, 255)) == PIXELS
    assert as_bounds(UNIT) is UNIT


@pytest.mark.parametrize("value", [(0,), (0, 1, 2), 5, ("a", "b"), None])
def test_what_is_no_pair(value: object) -> None:
    with pytest.raises(InputError, match=r"^bounds: expected Bounds or \(low, high\), got "):
        as_bounds(value)


@pytest.mark.parametrize("value", [(1, 0), (0, 0), (float("nan"), 1)])
def test_what_is_no_range(value: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=r"^bounds: low must be below high, got \["):
        as_bounds(value)
