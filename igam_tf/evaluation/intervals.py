"""95 % intervals: of a share of examples, and of a mean over training runs.

SciPy's statistics take a second to import. The functions import them, so that only a reader of
intervals waits.
"""

import math
import statistics
from collections.abc import Sequence

LEVEL = 0.95


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Wilson's interval for the share `correct / n`: it covers the draw of the examples, not
    training.
    """
    from scipy import stats

    interval = stats.binomtest(correct, n).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and the ends of Student's interval around it.

    Values that are all equal (but for rounding) show no spread from which an interval could be
    estimated. Its ends are then NaN: an interval of width zero would call any difference
    significant.

    Args:
      values: two or more independent ones, such as the accuracies of training runs.
    """
    from scipy import stats

    mean = statistics.fmean(values)
    if math.isclose(min(values), max(values)):
        return mean, math.nan, math.nan
    error = statistics.stdev(values) / math.sqrt(len(values))
    low, high = stats.t.interval(LEVEL, len(values) - 1, loc=mean, scale=error)
    return mean, float(low), float(high)
