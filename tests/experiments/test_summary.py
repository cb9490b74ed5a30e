"""Several seeds in one table, exactly as a reader sees it."""

import re

import pytest

from igam_tf.evaluation import Count, EvalRecord, intervals
from igam_tf.experiments import summary
from igam_tf.experiments.configs import Data, Network, RobustRun, Schedule, Scoring, Table
from igam_tf.experiments.reproduce import Result

RUN = RobustRun(Data("shapes28"), Network("mnist_cnn"), Schedule(1, 1, (0.1,)))
ROWS = {"base": (40, 42, 44), "same": (42, 40, 44), "better": (60, 62, 65), "partial": (1, 2, 3)}


def result(right: int) -> Result:
    results = {"moving": {"clean": Count(90, 100), "pgd20": Count(right, 100, 0)}}
    return Result(EvalRecord(100, 50, 0, (0.0, 255.0), {}, results, {}))


def summary_text(against_first: bool) -> str:
    table = Table(
        "t",
        "demo",
        "",
        dict.fromkeys(ROWS, RUN),
        Scoring("shapes32", 100, ("pgd20",)),
        against_first=against_first,
    )
    by_seed = {
        seed: {row: result(rights[seed]) for row, rights in ROWS.items()} for seed in range(3)
    }
    by_seed[1]["partial"] = Result(None, "diverged")
    return summary.summary_text(table, by_seed)


def test_means_and_differences_to_the_first_row() -> None:
    lines = [" ".join(line.split()) for line in summary_text(True).splitlines()]
    assert lines[0].startswith("Over seeds 0, 1, 2: mean and its 95 % interval")
    assert (
        lines[2]
        == "(all equal): every seed gave the same figure. No spread, so no interval and no verdict."
    )
    assert lines[4] == "moving clean pgd20"
    assert lines[5] == "base 90.0 (all equal) 42.0 [37.0, 47.0]"
    assert lines[6] == "same 90.0 (all equal) 42.0 [37.0, 47.0]"
    assert lines[7] == "+0.0 (all equal) +0.0 [-5.0, +5.0] n.d."
    assert lines[8] == "better 90.0 (all equal) 62.3 [56.1, 68.6]"
    assert lines[9] == "+0.0 (all equal) +20.3 [+18.9, +21.8]"
    assert lines[-1] == "partial: not run with every seed"


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((4.0, 4.1, 4.2), "+4.1 [+3.9, +4.3]"),
        ((4.0, -1.0, 3.0), "+2.0 [-4.6, +8.6] n.d."),
        ((4.0, 4.0, 4.0), "+4.0 (all equal)"),
        ((0.0, 0.0, 0.0), "+0.0 (all equal)"),
    ],
)
def test_verdicts_on_differences(values: tuple[float, ...], verdict: str) -> None:
    """Three equal differences are no proof of one: they show no spread."""
    assert summary.difference_text(summary.Mean(*intervals.mean_interval(values))) == verdict


@pytest.mark.parametrize(("values", "lines"), [((1.0, 1.5), 1), ((1.0, 1.0), 2)])
def test_equal_figures_are_explained_where_there_are_any(
    values: tuple[float, ...], lines: int
) -> None:
    row = summary.RowSummary(
        "a", {"moving": {"clean": summary.Mean(*intervals.mean_interval(values))}}, {}
    )
    assert (
        len(summary.legend(summary.Summary((0, 1), ("clean",), ("moving",), None, (row,), ())))
        == lines
    )


def test_without_a_reference_there_are_means_alone() -> None:
    text = summary_text(False)
    assert "n.d." not in text
    assert not re.search(r"^ +[+-]", text, re.M)
