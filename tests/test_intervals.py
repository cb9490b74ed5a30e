"""Intervals against published values."""

import pytest

from igam_tf import intervals


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    # Newcombe 1998, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson(correct: int, n: int, low: float, high: float) -> None:
    assert intervals.wilson(correct, n) == pytest.approx((low, high), abs=5e-5)


def test_means() -> None:
    # 1, 2, 6: standard deviation sqrt(7), t of two degrees of freedom 4.303.
    half = 4.303 * 7**0.5 / 3**0.5
    assert intervals.mean_interval([1.0, 2.0, 6.0]) == pytest.approx((3.0, 3.0 - half, 3.0 + half))
    assert intervals.mean_interval([5.0] * 4) == (5.0, 5.0, 5.0)
    mean, low, high = intervals.mean_interval([0.0, 1.0] * 200)
    assert (high - low) / 2 == pytest.approx(1.96 * (400 / 399 * 0.25 / 400) ** 0.5, rel=1e-3)
    assert mean == 0.5
