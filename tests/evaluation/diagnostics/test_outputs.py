"""Verdicts on the gradients of clean images."""

import numpy as np
import pytest

from igam_tf.evaluation.diagnostics import outputs
from igam_tf.evaluation.diagnostics.clean_statistics import CleanStatistics


def clean_statistics(zero_share: np.ndarray) -> CleanStatistics:
    """A faultless model on every image, but for the share of zeros in the gradients."""
    n = len(zero_share)
    yes, no = np.ones(n, bool), np.zeros(n, bool)
    return CleanStatistics(yes, zero_share, yes, np.ones(n), no, 10, False, True, 0.0, 0, None)


@pytest.mark.parametrize(
    ("n", "zeros", "share", "evidence", "p_value", "verdict"),
    [
        (170, 6, 1.0, "all_zero_chance", 0.0076, "PASS"),
        (145, 6, 1.0, "all_zero_chance", 0.0036, "WARN"),
        (97, 18, 0.97, "mostly_zero_chance", 0.0073, "PASS"),
        (100, 19, 0.97, "mostly_zero_chance", 0.0046, "WARN"),
    ],
)
def test_zero_gradients(
    n: int, zeros: int, share: float, evidence: str, p_value: float, verdict: str
) -> None:
    """The smaller of two p-values has to be below 0.5 % to count at 1 %."""
    shares = np.where(np.arange(n) < zeros, share, 0.0)
    check = outputs.zero_gradients(clean_statistics(shares))
    assert check.evidence[evidence] == pytest.approx(p_value, abs=5e-5)
    assert check.verdict == verdict
