"""The plan is what `reproduce` then does, and says what is missing."""

import dataclasses
import math
import pathlib
import shutil
from typing import Any

import pytest

from igam_tf import models
from igam_tf.experiments import costs, plan, reproduce, runs, scoring, trained
from igam_tf.experiments.configs import Absent, Run, Scoring, Table
from igam_tf.experiments.options import Options
from igam_tf.report.plans import devices_text, list_text, plan_text

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


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """Of a directory where all rows are trained and scored."""
    where = options(tmp_path_factory.mktemp("reproduced"))
    reproduce.reproduce(TABLE, where)
    return where


def copy(reproduced: Options, where: pathlib.Path, *finished: Run) -> Options:
    """Of a copy in which only some runs are there."""
    for run in finished:
        directory = runs.directory_of(run, reproduced)
        shutil.copytree(directory, where / directory.name)
    return options(where)


def test_steps_come_once_and_in_order(tmp_path: pathlib.Path) -> None:
    work = plan.plan(TABLE, options(tmp_path))
    robust, finetuned, student = (
        runs.directory_of(run, options(tmp_path)).name for run in (ROBUST, FINETUNED, STUDENT)
    )
    scores = [step.name.split("/")[0] for step in work.steps if step.action == "score"]
    assert [step.name for step in work.steps if step.action != "score"] == [
        robust,
        finetuned,
        student,
    ]
    assert scores == [robust, finetuned, student]
    first = work.steps[0]
    assert first.rows == ("Standard", "FT", "IGAM")  # a baseline that is a teacher, too
    assert [step.teacher for step in work.steps if step.action != "score"] == [
        "",
        robust,
        finetuned,
    ]
    assert work.absent == {"Other": "needs what is not here"}
    assert work.data == {"shapes28": "embedded"}
    assert work.unfinished == work.steps


def test_what_is_done_is_not_left(reproduced: Options, tmp_path: pathlib.Path) -> None:
    where = copy(reproduced, tmp_path, ROBUST)
    unfinished = plan.plan(TABLE, where).unfinished
    assert {step.name.split("-")[0] for step in unfinished} == {"finetune_teacher", "train_student"}
    assert plan.plan(TABLE, where, rows=["Standard"]).unfinished == ()
    assert plan.plan(TABLE, reproduced).unfinished == ()


def test_a_rows_records_are_enough_without_its_weights(
    reproduced: Options, tmp_path: pathlib.Path
) -> None:
    where = copy(reproduced, tmp_path, FINETUNED)
    (runs.directory_of(FINETUNED, where) / "model.keras").unlink()
    assert plan.plan(TABLE, where, rows=["FT"]).unfinished == ()
    unfinished = plan.plan(TABLE, where, rows=["FT", "IGAM"]).unfinished
    verbs = ["train_robust", "finetune_teacher", "train_student"]
    assert [step.name.split("-")[0] for step in unfinished if step.action != "score"] == verbs
    assert [step.rows for step in unfinished if step.action == "score"] == [("IGAM",)]


def test_another_scoring_is_left_to_do(reproduced: Options) -> None:
    other = dataclasses.replace(
        TABLE, scoring=dataclasses.replace(TABLE.scoring, strong_examples=2)
    )
    unfinished = plan.plan(other, reproduced, rows=["Standard"]).unfinished
    assert [step.action for step in unfinished] == ["score"]


def test_strong_settings_name_the_strong_record_alone(tmp_path: pathlib.Path) -> None:
    def names(**settings: int) -> list[str]:
        scored = dataclasses.replace(TABLE.scoring, **settings)
        return [path.name for path in scoring.record_paths(tmp_path, scored)]

    (plain,), (_, default), few = (
        names(),
        names(strong_examples=2),
        names(strong_examples=2, strong_queries=10),
    )
    assert few[0] == plain
    assert few[1] != default


def test_weights_on_disk_are_scored_alone(reproduced: Options, tmp_path: pathlib.Path) -> None:
    weights = trained.weights(runs.directory_of(ROBUST, reproduced))
    work = plan.plan(TABLE, options(tmp_path), rows=["Other"], weights={"Other": weights})
    assert [(step.action, step.rows) for step in work.steps] == [("score", ("Other",))]
    assert work.steps[0].name.startswith("given-")
    assert work.absent == {}
    assert plan.seconds_per_pass(costs.SizedNetwork(weights)) > 0


def test_missing_data_is_said_with_the_place_and_the_way(tmp_path: pathlib.Path) -> None:
    student = dataclasses.replace(
        STUDENT, data=dataclasses.replace(STUDENT.data, dataset="cifar100")
    )
    table = dataclasses.replace(TABLE, rows={"IGAM": student})
    where = dataclasses.replace(options(tmp_path), data_dir=str(tmp_path / "nowhere"))
    places = plan.plan(table, where).data
    assert places["shapes28"] == "embedded"
    assert places["cifar100"].startswith("MISSING: dataset cifar100: not found under")
    assert "nowhere" in places["cifar100"]


def test_the_text_has_every_step_and_the_sum_of_hours(tmp_path: pathlib.Path) -> None:
    measured: list[costs.SizedNetwork] = []

    def seconds(network: costs.SizedNetwork) -> float:
        measured.append(network)
        return 3600.0

    work = plan.plan(TABLE, options(tmp_path))
    text = plan_text(TABLE, work, seconds)
    assert len(measured) == len(set(measured)) == 1
    for step in work.steps:
        assert step.name in text
    total = sum(sum(step.cost.passes.values()) for step in work.steps)
    last = next(line for line in text.splitlines() if line.endswith("in all"))
    assert math.isclose(float(last.split()[2]), total, rel_tol=1e-2)
    assert "not possible: Other: needs what is not here" in text
    assert "shapes28: embedded" in text


def test_the_times_of_an_epoch_on_several_devices(tmp_path: pathlib.Path) -> None:
    text = devices_text(
        plan.plan(TABLE, options(tmp_path)), (1, 4), lambda key: 36.0, lambda run: 7
    )
    lines = [line for line in text.splitlines() if "train_robust-" in line]
    one, four, megabytes = map(float, lines[0].split()[:3])
    passes = 24 * (3 + 2 * 2)  # PGD training with two steps of attack
    assert math.isclose(one, passes * 36 / 3600, rel_tol=1e-2)
    assert math.isclose(four, one / 4, rel_tol=1e-2)
    assert megabytes == 7e-6
    assert "evaluation-" not in text


def test_an_epoch_of_a_whole_data_set() -> None:
    whole = dataclasses.replace(ROBUST, data=dataclasses.replace(ROBUST.data, train_size=None))
    assert costs.of_epoch(whole).images == 4000
    assert costs.of_epoch(ROBUST).images == 24


def test_devices_sum_the_gradients_of_what_is_trained() -> None:
    """Convolutions 5x5 to 2 and 3 channels, then 4 hidden units and 10 logits."""
    network = (25 + 1) * 2 + (25 * 2 + 1) * 3 + (7 * 7 * 3 + 1) * 4 + (4 + 1) * 10
    assert plan.reduced_bytes(ROBUST) == 4 * network
    assert plan.reduced_bytes(FINETUNED) == 4 * (4 + 1) * 10
    judge = models.discriminator((20, 20, 1), 2, 2)
    discriminator = sum(math.prod(variable.shape) for variable in judge.trainable_variables)
    assert plan.reduced_bytes(STUDENT) == 4 * (network + discriminator)


def test_the_text_of_what_is_finished_needs_no_calibration(reproduced: Options) -> None:
    def seconds(network: costs.SizedNetwork) -> float:
        raise AssertionError(network)

    text = plan_text(TABLE, plan.plan(TABLE, reproduced, rows=["Standard"]), seconds)
    assert text.count("finished") == 2
    assert "0 of 2 to do" in text


def test_the_calibration_grows_with_the_network() -> None:
    small, large = (
        plan.seconds_per_pass(
            costs.SizedNetwork(dataclasses.replace(ROBUST.network, channels=channels), "shapes28")
        )
        for channels in ((2, 3), (64, 64))
    )
    assert 0 < small < large


@pytest.mark.parametrize("rows", [["Standard"], ["FT", "IGAM"]])
def test_rows_limit_the_plan(tmp_path: pathlib.Path, rows: list[str]) -> None:
    work = plan.plan(TABLE, options(tmp_path), rows=rows)
    assert {row for step in work.steps for row in step.rows} == set(rows)


def test_the_list_says_how_far_each_row_has_come(
    reproduced: Options, tmp_path: pathlib.Path
) -> None:
    where = copy(reproduced, tmp_path, ROBUST)
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
