"""Pixel ranges: what is accepted, what it means, how it is printed."""

from fractions import Fraction

import pytest

from igam_tf.bounds import PIXELS, UNIT, Bounds, as_bounds
from igam_tf.errors import InputError


@pytest.mark.parametrize(
    ("bounds", "value", "amount"),
    [
        (PIXELS, "8/255", 8.0),
        (PIXELS, 8, 8.0),
        (PIXELS, "2.5", 2.5),
        (PIXELS, Fraction(1, 2), 0.5),
        (PIXELS, "1/1", 255.0),
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
    [(UNIT, 8), (PIXELS, 256), (PIXELS, -1), (PIXELS, "-1/255"), (PIXELS, "8/0"), (PIXELS, "eight"), (UNIT, float("nan")),
     (UNIT, float("inf")), (UNIT, None)],
)  # fmt: skip
def test_amounts_that_make_no_sense_are_named(bounds: Bounds, value: object) -> None:
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


RGB = (32, 32, 3)
DIAGONAL = 3072**0.5


@pytest.mark.parametrize(
    ("bounds", "value", "norm", "shape", "radius"),
    [
        (PIXELS, "8/255", "linf", RGB, 8.0),
        (PIXELS, 255, "linf", RGB, 255.0),
        (UNIT, 0.3, "linf", (28, 28, 1), 0.3),
        (PIXELS, 128, "l2", RGB, 128.0),
        (UNIT, "128/255", "l2", RGB, 128 / 255),
        (UNIT, 3, "l2", RGB, 3.0),
        (UNIT, "2/1", "l2", (2, 2, 1), 2.0),
        (Bounds(-1, 1), 2 * DIAGONAL, "l2", RGB, 2 * DIAGONAL),
    ],
)
def test_radii(bounds: Bounds, value: object, norm: str, shape: tuple[int, ...], radius: float) -> None:
    assert bounds.radius(value, norm, shape) == radius
    if norm == "linf":
        assert bounds.radius(value, norm, shape) == bounds.amount(value)


@pytest.mark.parametrize(
    ("value", "norm", "message"),
    [
        (1.01, "linf", r"^step_size: expected 0 to 1, the width of the pixel range \[0, 1\], got 1.01$"),
        (2.01, "l2", r"^step_size: expected 0 to 2, the diagonal of images in \[0, 1\], got 2.01$"),
        ("3/1", "l2", r"^step_size: expected 0 to 2, the diagonal of images in \[0, 1\], got 3/1$"),
        (-1, "l2", "^step_size: expected 0 to 2"),
        ("far", "l2", "^step_size: expected a number or a fraction such as 8/255, got 'far'$"),
        (float("nan"), "l2", "^step_size: expected a number"),
    ],
)
def test_radii_that_make_no_sense_are_named(value: object, norm: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        UNIT.radius(value, norm, (2, 2, 1), "step_size")
