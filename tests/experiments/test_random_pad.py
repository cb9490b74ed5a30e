"""Runs behind a random pad: the places that an interrupted run draws are those of an uninterrupted
one.
"""

import dataclasses
import pathlib

import pytest

from igam_tf import adapters
from igam_tf.experiments import runs
from igam_tf.training.callbacks import TrainingMonitor

from .. import tiny
from . import small

FINETUNED = dataclasses.replace(small.FINETUNED, adapter=("crop:20", "pad_random:28"))
STUDENT = dataclasses.replace(small.STUDENT, teacher=FINETUNED, gradient_crop=None)


class Interrupted(Exception):
    pass


@pytest.mark.slow  # runs that are interrupted anywhere are in test_runs.py
@pytest.mark.parametrize("run", [FINETUNED, STUDENT], ids=["finetuned", "student"])
def test_a_resumed_run_draws_the_same_places(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, run: runs.Run
) -> None:
    options = small.options(tmp_path_factory.getbasetemp() / "random_pad")
    whole, parts = runs.ensure(run, options), tmp_path_factory.mktemp("parts")
    calls: list[int] = []

    def end(self: TrainingMonitor, batch: int, logs: object = None) -> None:
        calls.append(batch)
        if len(calls) == 5:
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(TrainingMonitor, "on_train_batch_end", end)
        with pytest.raises(Interrupted):
            runs.train(run, parts, options)
    runs.train(run, parts, options, resume=True)
    assert tiny.equal(small.values(parts), small.values(whole))
    central = pathlib.Path(tmp_path_factory.mktemp("central"))
    monkeypatch.setattr(
        adapters.Pad,
        "place",
        property(lambda self: "center", lambda self, value: None),
        raising=False,
    )
    runs.train(run, central, options)
    assert not tiny.equal(small.values(central), small.values(whole))
