"""Verdicts on speed and memory, and the hours of the paper's rows."""

from typing import Any

import pytest

from igam_tf.benchmark import timing
from igam_tf.benchmark.counting import StepCost
from igam_tf.benchmark.training_times import TrainingSize, TrainingTimes
from igam_tf.experiments import costs
from igam_tf.experiments.options import Options
from igam_tf.experiments.plan import plan
from igam_tf.experiments.tables import table
from igam_tf.report.plans import plan_text
from igam_tf.selfcheck import speeds

SIZE = TrainingSize(1, 5, 64)


@pytest.mark.parametrize(("peak", "status"), [(100.0, "PASS"), (150.0, "WARN")])
def test_the_share_of_the_peak(peak: float, status: str) -> None:
    times = TrainingTimes(
        SIZE,
        {speeds.STEP: timing.Timing(9.0, (2.0, 2.0), 64)},
        {speeds.STEP: StepCost(flops=120, memory=1)},
        {"conv": peak},
        {},
    )
    finding = speeds.share_of_peak(times)
    assert (finding.status, f"{60 / peak:.0%}" in finding.evidence) == (status, True)


@pytest.mark.parametrize(
    ("machine", "status"), [(None, "PASS"), (1e13, "PASS"), (1e9, "WARN"), (1.6e10, "WARN")]
)
def test_the_paper_step_must_fit_into_memory(
    machine: float | None, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step here took twice its tensors; so will the paper's, of 1e10 bytes."""
    monkeypatch.setattr(speeds, "paper_step_bytes", lambda: 10**10)
    finding = speeds.memory_of(SIZE, 2e9, 1e9, machine)
    assert (finding.status, finding.figures["paper"]) == (status, 2e10)


def test_hours_are_those_of_the_dry_run() -> None:
    def seconds(network: costs.SizedNetwork) -> float:
        return 1e-6

    (finding,) = speeds.paper_hours(["2"], seconds)
    hours: dict[str, Any] = finding.figures["hours"]
    declaration = table("2", "paper")
    steps = plan(declaration, Options())
    assert set(hours) == {row for step in steps.steps for row in step.rows}
    whole = sum(step.cost.hours(seconds) for step in steps.steps)
    assert f"{whole:>10.3g}  in all" in plan_text(declaration, steps, seconds)
    # A teacher that rows share counts for each of them.
    assert max(hours.values()) < whole < sum(hours.values())
    assert finding.status == "PASS"
    (slow,) = speeds.paper_hours(["2"], lambda network: 10.0)
    assert slow.status == "WARN"


def test_every_table_of_the_paper_is_predicted() -> None:
    assert speeds.PAPER_TABLES == ["1", "2", "3", "4", "5", "figure5"]
