"""The results of checks: PASS, WARN or FAIL with the evidence in one line."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

STATUSES = ("PASS", "WARN", "FAIL")


@dataclasses.dataclass(frozen=True)
class CheckFinding:
    """The result of one check.

    Attributes:
      status: `PASS`; `WARN`, worth reading, but figures are right; or `FAIL`, they may be wrong.
      subject: what was checked, and where.
      evidence: one line.
      figures: the same as plain data.
    """

    status: str
    subject: str
    evidence: str
    figures: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def text(self) -> str:
        return f"{self.status}  {self.subject}: {self.evidence}"


@dataclasses.dataclass(frozen=True)
class DeviationLimits:
    """A deviation is a WARN above `warn` and a FAIL above `fail`, as NaN is."""

    warn: float
    fail: float

    def status(self, deviation: float) -> str:
        if not deviation <= self.fail:
            return "FAIL"
        return "PASS" if deviation <= self.warn else "WARN"


def deviation_finding(
    subject: str, what: str, deviation: float, limits: DeviationLimits
) -> CheckFinding:
    """The finding of a relative deviation."""
    status = limits.status(deviation)
    bound = limits.fail if status == "FAIL" else limits.warn
    figures = {"deviation": deviation, "warn_above": limits.warn, "fail_above": limits.fail}
    return CheckFinding(status, subject, f"{what} {deviation:.1e} (bound {bound:.0e})", figures)


def summary(findings: Sequence[CheckFinding]) -> str:
    """The number of findings of each status."""
    statuses = [finding.status for finding in findings]
    return ", ".join(f"{statuses.count(status)} {status}" for status in STATUSES)
