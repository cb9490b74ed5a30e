"""Intervals against published values."""

import math
import statistics

import pytest

from igam_tf.evaluation import intervals


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    # Newcombe 1998, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # Of records as they occur.
        (8, 10, 0.4902, 0.9433),
        (50, 100, 0.4038, 0.5962),
        (1, 1, 0.2065, 1.0),
        (430, 1000, 0.3996, 0.4609),
    ],
)
def test_wilson(correct: int, n: int, low: float, high: float) -> None:
    assert intervals.wilson(correct, n) == pytest.approx((low, high), abs=5e-5)


def test_wilsons_ends_are_exact() -> None:
    assert intervals.wilson(0, 500)[0] == 0
    assert intervals.wilson(500, 500)[1] == 1


@pytest.mark.parametrize(
    ("freedom", "quantile"),  # Student's t, 97.5 %, any printed table
    [(1, 12.706), (2, 4.303), (20, 2.086), (21, 2.080), (30, 2.042), (60, 2.000), (399, 1.966)],
)
def test_means_by_students_t(freedom: int, quantile: float) -> None:
    values = [float(value % 2) for value in range(freedom + 1)]
    mean, low, high = intervals.mean_interval(values)
    half = quantile * statistics.stdev(values) / len(values) ** 0.5
    assert (mean, low, high) == pytest.approx(
        (statistics.fmean(values), mean - half, mean + half), rel=3e-4
    )


@pytest.mark.parametrize(
    "values",
    [
        [5.0] * 4,
        [0.0, 0.0],
        [100 * (a - b) for a, b in ((0.072, 0.071), (0.172, 0.171), (0.003, 0.002))],
    ],
    ids=["equal", "zeros", "equal-but-for-rounding"],
)
def test_equal_values_show_no_spread(values: list[float]) -> None:
    mean, low, high = intervals.mean_interval(values)
    assert mean == pytest.approx(values[0])
    assert math.isnan(low)
    assert math.isnan(high)
