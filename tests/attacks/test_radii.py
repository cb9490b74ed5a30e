"""Balls by name and their radii. test_ball.py checks that attacks stay inside."""

import numpy as np
import pytest

from igam_tf.attacks.balls import BALLS, LINF, Ball, ball_of
from igam_tf.core.bounds import PIXELS, UNIT, Bounds
from igam_tf.core.errors import InputError

RGB = (32, 32, 3)
DIAGONAL = float(np.sqrt(32 * 32 * 3))


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
        (PIXELS, "0.5/1", "l2", RGB, 127.5),
        (PIXELS, "3/1", "l2", RGB, 765.0),
        (Bounds(-1, 1), 2 * DIAGONAL, "l2", RGB, 2 * DIAGONAL),
    ],
)
def test_radii(
    bounds: Bounds, value: object, norm: str, shape: tuple[int, ...], radius: float
) -> None:
    assert ball_of(norm).radius(value, bounds, shape) == radius
    if norm == "linf":
        assert ball_of(norm).radius(value, bounds, shape) == bounds.amount(value)


@pytest.mark.parametrize(
    ("value", "norm", "message"),
    [
        (
            1.01,
            "linf",
            r"^step_size: expected 0 to 1, the width of the pixel range \[0, 1\], got 1.01$",
        ),
        (2.01, "l2", r"^step_size: expected 0 to 2, the diagonal of images in \[0, 1\], got 2.01$"),
        ("3/1", "l2", r"^step_size: expected 0 to 2, the diagonal of images in \[0, 1\], got 3/1$"),
        (-1, "l2", "^step_size: expected 0 to 2"),
        ("far", "l2", "^step_size: expected a number or a fraction such as 8/255, got 'far'$"),
        (float("nan"), "l2", "^step_size: expected a number"),
    ],
)
def test_radii_out_of_range_are_refused(value: object, norm: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ball_of(norm).radius(value, UNIT, (2, 2, 1), "step_size")


def test_balls_by_name() -> None:
    assert {name: ball_of(name) for name in BALLS} == BALLS
    assert ball_of(LINF) is LINF
    assert isinstance(ball_of("l2"), Ball)
    with pytest.raises(InputError, match=r"^norm: expected one of linf, l2 or a Ball, got 'l3'$"):
        ball_of("l3")
