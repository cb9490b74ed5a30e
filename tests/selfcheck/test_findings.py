"""Limits of deviations, and the findings' text."""

import math

import pytest

from igam_tf.selfcheck.findings import CheckFinding, DeviationLimits, deviation_finding, summary


@pytest.mark.parametrize(
    ("deviation", "status"),
    [(0.0, "PASS"), (0.1, "PASS"), (0.2, "WARN"), (0.4, "FAIL"), (math.nan, "FAIL")],
)
def test_limits(deviation: float, status: str) -> None:
    finding = deviation_finding("loss", "it deviates by", deviation, DeviationLimits(0.1, 0.3))
    bound = "3e-01" if status == "FAIL" else "1e-01"
    assert finding.text() == f"{status}  loss: it deviates by {deviation:.1e} (bound {bound})"


def test_summary_counts_each_status() -> None:
    findings = [CheckFinding(status, "", "") for status in ("PASS", "FAIL", "PASS")]
    assert summary(findings) == "2 PASS, 0 WARN, 1 FAIL"
