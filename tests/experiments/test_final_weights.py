"""Which weights a run saves: averaged ones, those of the best epoch; interrupted or not."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
import pytest

from igam_tf import attacks, data
from igam_tf.core.errors import DivergedError, InputError
from igam_tf.experiments import build, runs, trained
from igam_tf.experiments.configs import Adversary, RobustRun, Run, Schedule, StudentRun
from igam_tf.experiments.options import Options

from .. import tiny
from . import small
from .test_interruptions import MOMENTS, Interrupted

# 4 iterations an epoch; the last two, at a high rate, undo what was learned.
DATA = dataclasses.replace(small.DATA, train_size=64, validation=0.5)
SCHEDULE = Schedule(10, 8, (1e-2, 1.0), (8,), optimizer="adam")
BEST: dict[str, Any] = {"best_weights": True, "validation_attack": "pgd2"}
TRADES = Adversary("16/255", 0.03, 2, objective="trades")


def robust(**changes: Any) -> RobustRun:
    return dataclasses.replace(small.ROBUST, data=DATA, schedule=SCHEDULE, **changes)


def student(**changes: Any) -> StudentRun:
    return dataclasses.replace(small.STUDENT, data=DATA, schedule=SCHEDULE, **changes)


RUNS: dict[str, Run] = {
    "trades": robust(adversary=TRADES),
    "average": robust(ema=0.9),
    "best": robust(**BEST),
    "best average": robust(adversary=TRADES, ema=0.9, **BEST),
    "student": student(ema=0.9, **BEST),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("trades", "mid-epoch"),
        ("average", "mid-epoch"),
        ("best", "mid-epoch"),
        ("best", "between history and state"),
        ("best average", "last epoch"),
        ("best average", "before the model is saved"),
        ("student", "last epoch"),
    ],
)
def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    finished: Options,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    moment: str,
) -> None:
    run, whole, parts = RUNS[name], tmp_path / "whole", tmp_path / "parts"
    runs.train(run, whole, finished)
    with monkeypatch.context() as patch:
        MOMENTS[moment](patch)
        with pytest.raises(Interrupted):
            runs.train(run, parts, finished)
    runs.train(run, parts, finished, resume=True)
    for file in sorted(whole.glob("*.keras")):
        assert tiny.equal(small.values(parts / file.name), small.values(file))
    assert small.history(parts) == small.history(whole)
    assert [row["epoch"] for row in small.history(whole)] == ["1", "2", "3"]


@pytest.mark.parametrize("name", ["best", pytest.param("student", marks=pytest.mark.slow)])
def test_the_best_weights_are_saved(finished: Options, tmp_path: pathlib.Path, name: str) -> None:
    run, messages = RUNS[name], []
    runs.train(run, tmp_path, dataclasses.replace(finished, log=messages.append))
    column = [float(row["val_pgd2"]) for row in small.history(tmp_path)]
    dataset = data.load("shapes28", None, 64, 1, validation=0.5)
    epsilon = 16 / 255 if name == "best" else 8 / 255
    attack = attacks.PGD(epsilon=epsilon, step_size=epsilon / 4, steps=2)
    result = attack.run(
        trained.load_model(tmp_path),
        dataset.validation.pixels(),
        dataset.validation.labels,
        seed=0,
    )
    assert np.mean(result.correct) == max(column)
    best = column.index(max(column)) + 1
    percent = f"{100 * max(column):.1f} %"
    assert messages[-1].endswith(f": weights of epoch {best}, the best by val_pgd2 ({percent})")
    if name == "best":
        assert best < 3  # so that the last weights would be others


@pytest.mark.slow
def test_an_average_trains_the_same_weights(finished: Options, tmp_path: pathlib.Path) -> None:
    for place, run in (("plain", robust()), ("average", RUNS["average"])):
        runs.train(run, tmp_path / place, finished)
    assert small.history(tmp_path / "plain") == small.history(tmp_path / "average")
    plain, average = (small.values(tmp_path / place) for place in ("plain", "average"))
    assert tiny.relative(average, plain) > 1e-3


def test_the_attack_of_validation() -> None:
    """By default the radius of the training attack; settings change it."""
    changes: dict[str, Any] = {"validation_epsilon": 0.5, "validation_examples": 7}
    dataset = data.load("shapes28", None, 64, 1, validation=0.5)
    for run, epsilon, count in (
        (robust(**BEST), 16 / 255, 32),
        (robust(adversary=None, **BEST), 8 / 255, 32),
        (robust(**BEST, **changes), 0.5, 7),
    ):
        validation, best = build.build(run, dataset, None).callbacks
        assert (validation.attack.epsilon, validation.attack.steps) == (pytest.approx(epsilon), 2)
        assert validation.attack.step_size == pytest.approx(epsilon / 4)
        assert len(validation._split) == count
        assert best.monitor == "val_pgd2"


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (
            dataclasses.replace(small.ROBUST, best_weights=True),
            "best_weights: shapes28 has no validation split; --validation=0.1 holds out",
        ),
        (robust(best_weights=True, validation_attack="pdg3"), "attacks: expected .*got 'pdg3'"),
        (
            robust(best_weights=True, validation_epsilon="300/255"),
            "validation_epsilon: expected 0 to 1, ",
        ),
        (robust(validation_attack="pgd2"), "validation_attack: it needs --best_weights$"),
        (robust(validation_examples=None), "validation_examples: it needs --best_weights$"),
        (robust(ema=1.0), "ema: expected a decay of at least 0 and below 1, got 1"),
        (
            robust(adversary=Adversary("8/255", "2/255", 0, objective="trades")),
            "objective: trades needs attack steps, got 0",
        ),
    ],
)
def test_a_mistake_leaves_no_directory(
    finished: Options, tmp_path: pathlib.Path, run: Run, message: str
) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        runs.train(run, tmp_path / "run", finished)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(RUNS["best"], id="robust"),
        pytest.param(RUNS["student"], id="student", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_diverges_says_so_before_it_is_validated(
    finished: Options, tmp_path: pathlib.Path, run: Run
) -> None:
    schedule = Schedule(12, 8, (1e-3, 1e30), (4,), optimizer="momentum")
    with pytest.raises(DivergedError, match=r"^training diverged: .* epoch 2"):
        runs.train(dataclasses.replace(run, schedule=schedule), tmp_path, finished)
    assert [row["epoch"] for row in small.history(tmp_path)] == ["1"]
