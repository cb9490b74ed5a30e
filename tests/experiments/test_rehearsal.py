"""A rehearsal: runs and scorings cut short, and the outcome of every row."""

import contextlib
import dataclasses
import itertools
import os
import pathlib
import signal
from collections.abc import Iterator, Mapping
from concurrent import futures

import pytest
import tensorflow as tf

from igam_tf.core.errors import DivergedError, InputError, StorageError
from igam_tf.experiments import jobs, rehearsal, runs, tables
from igam_tf.experiments.configs import (
    Absent,
    Data,
    RobustRun,
    Scoring,
    StudentRun,
    Table,
    with_teachers,
)
from igam_tf.experiments.options import Options
from igam_tf.experiments.sizes import PRESETS
from igam_tf.training.optimizers import SteppedSchedule

from .. import tiny
from ..data import prepared, tiny_tree
from . import small

SCORING = Scoring("shapes28", 12, ("fgsm", "pgd2"), batch_size=5, seed=3)
STANDARD = dataclasses.replace(small.ROBUST, adversary=None)
ROWS = {
    "Standard": STANDARD,
    "No data": dataclasses.replace(STANDARD, data=Data("mnist")),
    "Absent": Absent("is not trained"),
    "IGAM": small.STUDENT,
}
TABLE = Table("1", "tiny", "a tiny table", ROWS, SCORING)
PAPERS = ("1", "2", "3", "4", "5", "figure5")
DECLARED = [
    *itertools.product(PAPERS, PRESETS),
    ("halves", "cpu"),
    ("controls", "cpu"),
    ("sweep", "demo"),
    ("protocols", "demo"),
    ("protocols_upsize", "demo"),
]


@pytest.mark.parametrize(("name", "preset"), DECLARED)
def test_every_run_of_every_table_is_short(name: str, preset: str) -> None:
    table = rehearsal.short_table(tables.table(name, preset), width=1)
    assert (table.scoring.num_examples, table.scoring.batch_size) == (4, 4)
    assert table.scoring.strong_examples in (None, 1)
    for row in table.rows.values():
        for run in () if isinstance(row, Absent) else with_teachers(row):
            assert (run.schedule.steps, run.data.train_size) == (3, 16)
            assert run.schedule.batch_size <= 16
            SteppedSchedule(run.schedule.learning_rates, run.schedule.boundaries)
            assert all(boundary < 3 for boundary in run.schedule.boundaries)
            if isinstance(run, RobustRun | StudentRun):
                assert run.network.kind != "wide_resnet" or run.network.width == 1
            if isinstance(run, RobustRun) and run.adversary:
                assert run.adversary.steps == 2
            if isinstance(run, StudentRun):
                assert run.steps_before_matching <= 1
                matching = range(run.steps_before_matching, run.schedule.steps)
                assert any(step % run.disc_every == 0 for step in matching)


def test_what_is_short_already_stays() -> None:
    short = rehearsal.short_run(small.STUDENT)
    assert short == rehearsal.short_run(short)
    scoring = rehearsal.short_scoring(SCORING)
    assert scoring == rehearsal.short_scoring(scoring)
    paper = tables.table("1", "paper")
    run = paper.student("IGAM-MNIST")
    short = rehearsal.short_run(run)
    assert (short.network, short.adapter, short.gradient_crop) == (run.network, (), 28)
    assert short.schedule.learning_rates == run.schedule.learning_rates
    assert short.schedule.boundaries == (1, 2)


@pytest.mark.parametrize(
    ("attacks", "short"),
    [
        (("fgsm", "pgd5", "pgd10", "pgd100"), ("fgsm", "pgd2")),
        (("pgd1", "pgd20-margin-x10"), ("pgd1", "pgd2-margin-x10")),
        (("apgd-ce", "square", "strong"), ("apgd2-ce", "square10", "strong")),
    ],
)
def test_attacks_take_few_steps(attacks: tuple[str, ...], short: tuple[str, ...]) -> None:
    scoring = dataclasses.replace(SCORING, attacks=attacks)
    assert rehearsal.short_scoring(scoring).attacks == short


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("dataset: none"), "dataset: none"),
        (DivergedError("training diverged"), "training diverged"),
        (StorageError("model.keras cannot be written"), "model.keras cannot be written"),
        (MemoryError("Unable to allocate 9 TiB"), "too little memory: Unable to allocate 9 TiB"),
        (tf.errors.ResourceExhaustedError(None, None, "OOM\n at x"), "too little memory: OOM at x"),
        (TypeError("a\n  b"), "TypeError: a b"),
        (KeyError("x" * 1000), "KeyError: ..."),
    ],
)
def test_a_failure_is_one_line(
    error: Exception, message: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(runs, "ensure", fail)
    assert rehearsal.failure_of("IGAM", TABLE, Options(tmp_path), {}) == message


@contextlib.contextmanager
def thread(number: int, end: signal.Signals) -> Iterator[futures.ThreadPoolExecutor]:
    with futures.ThreadPoolExecutor(number) as pool:
        yield pool


def test_all_rows_have_outcomes_whatever_becomes_of_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = []

    def failure_of(row: str, table: Table, options: Options, weights: Mapping[str, object]) -> str:
        assert table == rehearsal.short_table(TABLE)
        (options.runs_dir / row).mkdir()
        places.append(options.runs_dir)
        if row == "Standard":
            raise jobs.KilledError("killed")
        return "is broken"

    monkeypatch.setattr(rehearsal, "failure_of", failure_of)
    monkeypatch.setattr(jobs, "process_pool", thread)
    lines: list[str] = []
    options = small.options(tmp_path / "new" / "runs", data_dir=tmp_path, log=lines.append)
    outcomes = rehearsal.rehearse(TABLE, options)
    assert [(each.row, each.state) for each in outcomes] == [
        ("Standard", "failed"),
        ("No data", "data missing"),
        ("Absent", "absent"),
        ("IGAM", "failed"),
    ]
    assert lines == [outcome.line() for outcome in outcomes]
    assert outcomes[0].reason.startswith("its process was killed")
    assert outcomes[1].reason.startswith(f"dataset mnist: not found under {tmp_path}")
    assert [place.parent for place in places] == 2 * [tmp_path / "new" / "runs"]
    assert not list(tmp_path.iterdir())
    (only,) = rehearsal.rehearse(TABLE, options, ("IGAM",), width=1)
    assert only.reason == "is broken"


def test_one_row_is_trained_and_scored(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scoring = dataclasses.replace(SCORING, attacks=("fgsm",), statistics=("moving",))
    table = rehearsal.short_table(dataclasses.replace(TABLE, scoring=scoring))
    options = Options(tmp_path)
    assert rehearsal.failure_of("Standard", table, options, {}) == ""
    directory = runs.directory_of(table.rows["Standard"], options)
    assert len(small.history(directory)) == 2  # batches of 8 from 16 images
    assert len(list(directory.glob("evaluation-*.json"))) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_a_student_is_matched(tmp_path: pathlib.Path) -> None:
    table = rehearsal.short_table(TABLE)
    options = Options(tmp_path)
    assert rehearsal.failure_of("IGAM", table, options, {}) == ""
    directory = runs.directory_of(table.rows["IGAM"], options)
    first, last = small.history(directory)
    assert 0 < float(first["matching"]) < float(last["matching"]) == 1
    assert float(last["diff"]) > 0
    assert len(list(directory.glob("evaluation-*.json"))) == 1


class Exits:
    """A log whose process ends as a student begins, as if it were killed."""

    def __init__(self) -> None:
        self.process = os.getpid()

    def __call__(self, line: str) -> None:
        if os.getpid() != self.process and "train_student on" in line:
            os._exit(9)


@pytest.mark.slow
def test_a_killed_process_fails_one_row(tmp_path: pathlib.Path) -> None:
    rows = {"IGAM": small.STUDENT, "Standard": STANDARD}
    table = dataclasses.replace(TABLE, rows=rows)
    outcomes = rehearsal.rehearse(table, Options(tmp_path, log=Exits()))
    assert [outcome.state for outcome in outcomes] == ["failed", "passed"]
    assert "killed" in outcomes[0].reason
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [pytest.param(name, marks=tiny.LONG) for name in PAPERS])
def test_the_papers_rows_pass(name: str, tmp_path: pathlib.Path) -> None:
    """With generated data, at width 1."""
    for dataset in ("mnist", "cifar10", "cifar100"):
        prepared.write(tmp_path, dataset, sizes=(20, 6))
    tiny_tree.write(tmp_path)
    options = Options(tmp_path / "runs", data_dir=tmp_path)
    outcomes = rehearsal.rehearse(tables.table(name, "paper"), options, width=1)
    assert [outcome.line() for outcome in outcomes if outcome.state != "passed"] == []
