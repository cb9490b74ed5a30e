"""Records as text, exactly as a reader sees them."""

import dataclasses

import pytest

from igam_tf import attacks, report
from igam_tf.core.bounds import Bounds
from igam_tf.evaluation import Count, EvalRecord
from igam_tf.experiments.configs import Data, Network, RobustRun, Schedule, Scoring, Table
from igam_tf.experiments.reproduce import Result

RUN = RobustRun(Data("shapes28"), Network("mnist_cnn"), Schedule(1, 1, (0.1,)))


def described(name: str) -> dict[str, object]:
    return attacks.resolve(name, 8.0, 2.0).settings(Bounds(0, 255))


def record(right: int = 40) -> EvalRecord:
    named = {"fgsm": described("fgsm"), "pgd20": {**described("pgd20-margin"), "name": "pgd20"}}
    results = {
        mode: {
            "clean": Count(90, 100),
            "fgsm": Count(right + extra, 100, 30),
            "pgd20": Count(right - 20, 100, 7),
        }
        for mode, extra in (("moving", 0), ("batch", 5))
    }
    return EvalRecord(100, 50, 3, (0.0, 255.0), named, results, {})


def table(published: dict[str, dict[str, float]]) -> Table:
    rows = dict.fromkeys(("Standard", "IGAM"), RUN)
    return Table(
        "ours", "demo", "a title", rows, Scoring("shapes32", 100, ("fgsm", "pgd20")), published
    )


def test_a_record() -> None:
    lines = report.record_text(record()).splitlines()
    assert lines[0] == "n = 100, pixels in [0, 255], batches of 50, seed 3"
    text = "\n".join(lines)
    for part in (
        "fgsm: linf, eps 8/255 (8 of [0, 255]), 1 steps of 8, no random start, loss xent",
        "pgd20: linf, eps 8/255 (8 of [0, 255]), 20 steps of 2, random start, loss margin",
        "BatchNorm statistics: moving",
        "BatchNorm statistics: batch",
    ):
        assert part in text
    moving = lines.index("BatchNorm statistics: moving")
    assert [" ".join(line.split()) for line in lines[moving + 1 : moving + 4]] == [
        "clean 90.0 % 95 % interval [82.6, 94.5]",
        "fgsm 40.0 % 95 % interval [30.9, 49.8] never fooled 30.0",
        "pgd20 20.0 % 95 % interval [13.3, 28.9] never fooled 7.0",
    ]


@pytest.mark.parametrize(
    ("name", "epsilon", "doubts", "row"),
    [
        ("autoattack", 8.0, [], "linf, eps 8/255, n = 100: {}no"),
        ("autoattack-l2", 127.5, ["x"], "l2, eps 0.5, n = 100: {}yes"),
    ],
)
def test_a_robustbench_row(name: str, epsilon: float, doubts: list[str], row: str) -> None:
    chain = attacks.resolve(name, epsilon)
    assert isinstance(chain, attacks.Chain)
    stages = {stage.name: stage.settings(Bounds(0, 255), (32, 32, 3)) for stage in chain.stages}
    results = {
        "moving": {"clean": Count(90, 100), f"{name}: a": Count(50, 100), name: Count(41, 100)}
    }
    fields = {"attacks": stages, "results": results, "doubts": doubts}
    figures = (
        "standard accuracy 90.00 %, AutoAttack robust accuracy 41.00 %, "
        "evaluation potentially unreliable: "
    )
    text = report.robustbench_row(dataclasses.replace(record(), **fields), "cifar10")
    assert text == f"RobustBench row: cifar10, {row.format(figures)}"


def test_a_long_name_does_not_touch_its_figure() -> None:
    long = "pgd20-a_loss_of_ones_own"
    results = {"moving": {"clean": Count(90, 100), long: Count(40, 100)}}
    text = report.record_text(dataclasses.replace(record(), results=results))
    assert f"\n  clean{' ' * 21}90.0 %" in text
    assert f"\n  {long}  40.0 %" in text


def test_a_table_has_its_rows_doubts() -> None:
    doubtful = dataclasses.replace(record(), doubts=["pgd20: a weak attack"])
    lines = report.table_text(
        table({}), {"Standard": Result(record()), "IGAM": Result(doubtful)}
    ).splitlines()
    assert [line for line in lines if "WARNING" in line] == ["WARNING IGAM: pgd20: a weak attack"]


def test_a_table() -> None:
    published = {"Standard": {"clean": 95.0, "pgd20": 0.0}}
    text = report.table_text(
        table(published),
        {"Standard": Result(record()), "IGAM": Result(None, "dataset cifar10: not found")},
    )
    lines = [line.split() for line in text.splitlines()]
    assert text.startswith("Table ours: a title\n")
    assert "n = 100 test images of shapes32" in text
    assert "eps 8/255 (8 of [0, 255])" in text
    assert "steps of 2/255 (2 of [0, 255])" in text
    assert "seed 3" in text
    assert "batches of 50" in text
    assert ["Clean", "FGSM", "PGD20"] in lines
    start = next(i for i, line in enumerate(lines) if line[:2] == ["Standard", "moving"])
    assert lines[start] == ["Standard", "moving", "90.0", "40.0", "20.0"]
    assert " ".join(lines[start + 1]) == "[82.6, 94.5] [30.9, 49.8] [13.3, 28.9]"
    assert lines[start + 2] == ["batch", "90.0", "45.0", "20.0"]
    assert lines[start + 4] == ["paper", "95", "(-5.0)", "-", "0", "(+20.0)"]
    assert text.splitlines()[-1].split(maxsplit=1) == [
        "IGAM",
        "not run: dataset cifar10: not found",
    ]


def test_columns_stand_under_their_titles() -> None:
    text = report.table_text(table({}), {"Standard": Result(record()), "IGAM": Result(record(30))})
    lines = text.splitlines()
    head = next(i for i, line in enumerate(lines) if line.split() == ["Clean", "FGSM", "PGD20"])
    ends = [lines[head].index(title) + len(title) for title in ("Clean", "FGSM", "PGD20")]
    for line in lines[head + 1 :]:
        assert len(line) == ends[-1]
        assert all(line[end - 1] != " " and line[end : end + 1] in ("", " ") for end in ends)


def test_a_table_of_which_nothing_ran() -> None:
    text = report.table_text(
        table({}), {"Standard": Result(None, "why"), "IGAM": Result(None, "not asked for (--rows)")}
    )
    lines = text.splitlines()
    assert lines[0] == "Table ours: a title"
    assert lines[-2].split(maxsplit=1) == ["Standard", "not run: why"]
    assert lines[-1].split(maxsplit=1) == ["IGAM", "not run: not asked for (--rows)"]


def test_claims_stand_under_the_table() -> None:
    rows = {
        "Standard": Result(record(70)),
        "IGAM-MNIST": Result(record(60)),
        "FT-MNIST": Result(record(30)),
    }
    declared = dataclasses.replace(table({}), name="1", rows=dict.fromkeys(rows, RUN))
    lines = report.table_text(declared, rows).splitlines()
    assert "The paper's claims, on these figures:" in lines
    assert any(
        line.startswith("  not tested: IGAM-MNIST beats FT-MNIST in every column (§5.1.1)")
        for line in lines
    )
