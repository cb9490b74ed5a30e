"""The plan is what `reproduce` then does, and says what is missing."""

import dataclasses
import math
import pathlib
from typing import Any

import pytest

from igam_tf.experiments import costs, plan, reproduce, runs, trained
from igam_tf.experiments.configs import Absent, Scoring, Table
from igam_tf.report.plans import list_text, plan_text

from .small import FINETUNED, ROBUST, STUDENT, options

TABLE = Table(
    "1",
    "demo",
    "a title",
    {
        "Standard": ROBUST,
        "FT": FINETUNED,
        "IGAM": STUDENT,
        "Other": Absent("needs what is not here"),
    },
    Scoring("shapes28", 4, ("pgd2",), statistics=("moving",)),
)


def names(where: pathlib.Path, table: Table = TABLE, **settings: Any) -> list[str]:
    return [step.name for step in plan.plan(table, options(where), **settings).steps]


def test_steps_come_once_and_in_order(tmp_path: pathlib.Path) -> None:
    found = plan.plan(TABLE, options(tmp_path))
    robust, finetuned, student = (
        runs.directory_of(run, options(tmp_path)).name for run in (ROBUST, FINETUNED, STUDENT)
    )
    scores = [step.name.split("/")[0] for step in found.steps if step.what == "score"]
    assert [step.name for step in found.steps if step.what != "score"] == [
        robust,
        finetuned,
        student,
    ]
    assert scores == [robust, finetuned, student]
    first = found.steps[0]
    assert first.rows == ("Standard", "FT", "IGAM")  # a baseline that is a teacher, too
    assert [step.teacher for step in found.steps if step.what != "score"] == ["", robust, finetuned]
    assert found.absent == {"Other": "needs what is not here"}
    assert found.data == {"shapes28": "embedded"}
    assert found.left == found.steps


def test_what_is_done_is_not_left(tmp_path: pathlib.Path) -> None:
    where = options(tmp_path)
    reproduce.reproduce(TABLE, where, rows=["Standard"])
    left = plan.plan(TABLE, where).left
    assert {step.name.split("-")[0] for step in left} == {"finetune_teacher", "train_student"}
    assert plan.plan(TABLE, where, rows=["Standard"]).left == ()
    reproduce.reproduce(TABLE, where)
    assert plan.plan(TABLE, where).left == ()


def test_a_rows_records_are_enough_without_its_weights(tmp_path: pathlib.Path) -> None:
    where = options(tmp_path)
    reproduce.reproduce(TABLE, where, rows=["FT"])
    for file in where.runs_dir.rglob("model.keras"):
        file.unlink()
    assert plan.plan(TABLE, where, rows=["FT"]).left == ()
    left = plan.plan(TABLE, where, rows=["FT", "IGAM"]).left
    verbs = ["train_robust", "finetune_teacher", "train_student"]
    assert [step.name.split("-")[0] for step in left if step.what != "score"] == verbs
    assert [step.rows for step in left if step.what == "score"] == [("IGAM",)]


def test_another_scoring_is_left_to_do(tmp_path: pathlib.Path) -> None:
    reproduce.reproduce(TABLE, options(tmp_path), rows=["Standard"])
    other = dataclasses.replace(
        TABLE, scoring=dataclasses.replace(TABLE.scoring, strong_examples=2)
    )
    left = plan.plan(other, options(tmp_path), rows=["Standard"]).left
    assert [step.what for step in left] == ["score"]


def test_given_weights_are_scored_alone(tmp_path: pathlib.Path) -> None:
    directory = runs.ensure(ROBUST, options(tmp_path))
    given = trained.weights(directory)
    found = plan.plan(TABLE, options(tmp_path), rows=["Other"], given={"Other": given})
    assert [(step.what, step.rows) for step in found.steps] == [("score", ("Other",))]
    assert found.steps[0].name.startswith("given-")
    assert found.absent == {}
    assert plan.seconds_per_pass(costs.Sized(given)) > 0


def test_missing_data_is_said_with_the_place_and_the_way(tmp_path: pathlib.Path) -> None:
    student = dataclasses.replace(
        STUDENT, data=dataclasses.replace(STUDENT.data, dataset="cifar100")
    )
    table = dataclasses.replace(TABLE, rows={"IGAM": student})
    where = dataclasses.replace(options(tmp_path), data_dir=str(tmp_path / "nowhere"))
    found = plan.plan(table, where).data
    assert found["shapes28"] == "embedded"
    assert found["cifar100"].startswith("MISSING: dataset cifar100: not found under")
    assert "nowhere" in found["cifar100"]


def test_the_text_has_every_step_and_the_sum_of_hours(tmp_path: pathlib.Path) -> None:
    asked: list[costs.Sized] = []

    def seconds(network: costs.Sized) -> float:
        asked.append(network)
        return 3600.0

    found = plan.plan(TABLE, options(tmp_path))
    text = plan_text(TABLE, found, seconds)
    assert len(asked) == len(set(asked)) == 1
    for step in found.steps:
        assert step.name in text
    total = sum(sum(step.cost.passes.values()) for step in found.steps)
    last = next(line for line in text.splitlines() if line.endswith("in all"))
    assert math.isclose(float(last.split()[2]), total, rel_tol=1e-2)
    assert "not possible: Other: needs what is not here" in text
    assert "shapes28: embedded" in text


def test_the_text_of_what_is_finished_asks_for_no_calibration(tmp_path: pathlib.Path) -> None:
    reproduce.reproduce(TABLE, options(tmp_path), rows=["Standard"])

    def seconds(network: costs.Sized) -> float:
        raise AssertionError(network)

    text = plan_text(TABLE, plan.plan(TABLE, options(tmp_path), rows=["Standard"]), seconds)
    assert text.count("finished") == 2
    assert "0 of 2 to do" in text


def test_the_calibration_grows_with_the_network() -> None:
    small, large = (
        plan.seconds_per_pass(
            costs.Sized(dataclasses.replace(ROBUST.network, channels=channels), "shapes28")
        )
        for channels in ((2, 3), (64, 64))
    )
    assert 0 < small < large


@pytest.mark.parametrize("rows", [["Standard"], ["FT", "IGAM"]])
def test_rows_limit_the_plan(tmp_path: pathlib.Path, rows: list[str]) -> None:
    found = plan.plan(TABLE, options(tmp_path), rows=rows)
    assert {row for step in found.steps for row in step.rows} == set(rows)


def test_the_list_says_how_far_each_row_has_come(tmp_path: pathlib.Path) -> None:
    where = options(tmp_path)
    reproduce.reproduce(TABLE, where, rows=["Standard"])
    directory = runs.directory_of(FINETUNED, where)
    (directory / "state").mkdir(parents=True)  # killed at its beginning
    lines = list_text(TABLE, plan.plan(TABLE, where)).splitlines()
    robust, student = runs.directory_of(ROBUST, where).name, runs.directory_of(STUDENT, where).name
    assert lines[1:] == [
        f"  Standard: training finished, scoring finished: {robust}",
        f"  FT: training begun, scoring to do: {directory.name}",
        f"  IGAM: training to do, scoring to do: {student}",
        "  Other: not possible: needs what is not here",
    ]
