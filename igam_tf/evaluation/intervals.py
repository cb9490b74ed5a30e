"""95 % intervals: of a share of examples, and of a mean over training runs.

SciPy's statistics take a second to import, so the functions import them at their first use.
"""

import math
import statistics
from collections.abc import Sequence

LEVEL = 0.95


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Wilson's interval for the share `correct / n`; it covers the draw of examples alone."""
    from scipy import stats

    interval = stats.binomtest(correct, n).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, low and high end of Student's interval.

    The ends are NaN where all values are equal (but for rounding): with an interval of width zero,
    any difference would be significant.

    Args:
      values: two or more independent values, such as the accuracies of training runs.
    """
    from scipy import stats

    mean = statistics.fmean(values)
    if math.isclose(min(values), max(values)):
        return mean, math.nan, math.nan
    error = statistics.stdev(values) / math.sqrt(len(values))
    low, high = stats.t.interval(LEVEL, len(values) - 1, loc=mean, scale=error)
    return mean, float(low), float(high)
