"""Which counts may be luck: exact binomial tails, for shares and for two attacks on the same
examples.
"""

import numpy as np

# One-sided, for each check. A diagnosis makes about ten comparisons, so that a model without fault
# gets a false WARN in at most one diagnosis of ten; the tolerances beside it make it rarer.
LEVEL = 0.01

# The fewest examples of which a comparison can say anything: 0.5 ** 6 > LEVEL > 0.5 ** 7.
FEWEST = 7


def binomial_tail(count: int, n: int, share: float) -> float:
    """Probability of `count` or more successes in n draws of probability `share`; 1 for no draws."""
    from scipy import stats  # takes a second to import

    return float(stats.binom.sf(count - 1, n, share))


def either(first: float, second: float) -> float:
    """The chance that the smaller of two p-values is as small as it is: Bonferroni's bound."""
    return min(1.0, 2 * min(first, second))


def paired(before: np.ndarray, after: np.ndarray) -> tuple[int, int, float]:
    """Examples lost, examples regained, and the chance of so many lost if either is as likely
    (McNemar, exact, one-sided).

    before, after: bool [n], right under one and under the other of two attacks on the same
    examples.
    """
    lost, regained = int((before & ~after).sum()), int((~before & after).sum())
    return lost, regained, binomial_tail(lost, lost + regained, 0.5)
