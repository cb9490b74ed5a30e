"""95 % intervals: of a share of examples, and of a mean over training runs."""

import math
import statistics
from collections.abc import Sequence

_Z = statistics.NormalDist().inv_cdf(0.975)

# Student's t, 97.5 % quantile by degrees of freedom from 1; any standard table.
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
)  # fmt: skip


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Wilson's interval for a share: chance of the drawn examples alone."""
    p = correct / n
    centre = p + _Z**2 / (2 * n)
    half = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n))
    return max(0.0, (centre - half) / (1 + _Z**2 / n)), min(1.0, (centre + half) / (1 + _Z**2 / n))


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and Student's interval around it, for independent values such as training runs' figures; two or more."""
    mean, freedom = statistics.fmean(values), len(values) - 1
    quantile = _T[freedom - 1] if freedom <= len(_T) else _Z
    half = quantile * statistics.stdev(values) / math.sqrt(len(values))
    return mean, mean - half, mean + half
