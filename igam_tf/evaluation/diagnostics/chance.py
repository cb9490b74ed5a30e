"""Counts of examples: their shares, and exact binomial tails for what may be chance."""

import numpy as np

# One-sided, for each check. A diagnosis makes about ten comparisons, so that a faultless model
# gets a false WARN in at most one diagnosis of ten. The checks' tolerances make that rarer.
LEVEL = 0.01

# The fewest examples for a comparison: 0.5 ** 6 > LEVEL > 0.5 ** 7.
FEWEST = 7


def binomial_tail(count: int, n: int, share: float) -> float:
    """Probability of at least `count` successes in n draws of probability `share`; 1 for n = 0."""
    from scipy import stats  # takes a second to import

    return float(stats.binom.sf(count - 1, n, share))


def either(first: float, second: float) -> float:
    """The chance of a p-value as small as the smaller of these two: Bonferroni's bound."""
    return min(1.0, 2 * min(first, second))


def paired(before: np.ndarray, after: np.ndarray) -> tuple[int, int, float]:
    """Examples correct in `before` alone, in `after` alone, and the chance of so many of the first.

    The chance is McNemar's exact one-sided test: either direction is equally likely.

    before, after: bool [n], correct under two attacks on the same examples.
    """
    fooled, regained = int((before & ~after).sum()), int((~before & after).sum())
    return fooled, regained, binomial_tail(fooled, fooled + regained, 0.5)


def share(correct: np.ndarray) -> float:
    return float(correct.mean())


def percent(correct: np.ndarray) -> str:
    return f"{100 * share(correct):.1f} %"
