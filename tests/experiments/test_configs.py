"""Runs as data: what cannot be changed by accident, and which verb makes which."""

import dataclasses

import pytest

from igam_tf.experiments import configs
from igam_tf.experiments.configs import Run, verb_of

from . import small


@pytest.mark.parametrize(
    ("run", "verb"),
    [
        (small.ROBUST, "train_robust"),
        (small.FINETUNED, "finetune_teacher"),
        (small.STUDENT, "train_student"),
    ],
)
def test_verbs(run: Run, verb: str) -> None:
    assert verb_of(run) == verb
    assert configs.VERBS[verb] is type(run)


@pytest.mark.parametrize("run", small.RUNS.values(), ids=small.RUNS)
def test_runs_are_values(run: Run) -> None:
    assert {run: 1}[dataclasses.replace(run)] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.seed = 9
    for field in dataclasses.fields(run):
        part = getattr(run, field.name)
        if dataclasses.is_dataclass(part):
            assert type(part).__dataclass_params__.frozen
