"""Callbacks on two replicas give the logs and the weights that they give on one device."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest

from igam_tf.training import (
    BestWeights,
    Igam,
    MatchingMonitor,
    Momentum,
    RobustValidation,
    SteppedSchedule,
)

from .. import tiny
from .replica_cases import (
    BRANCHES,
    EQUAL,
    HELD_OUT,
    Case,
    adversarial,
    deviations,
    finetune,
    igam,
    trained,
)

EPOCHS = 3
RATES = [0.02, 0.05, 5.0]  # the last one undoes what was learned


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with tiny.precision("float64"):
        yield


def igam_with_schedules() -> Igam:
    trainer = igam(norm=True, **BRANCHES)
    rates, iterations = [0.001, 0.0003], [6]
    trainer.compile(
        Momentum(SteppedSchedule(rates, iterations)),
        Momentum(trainer.discriminator_schedule(rates, iterations)),
        sync_batchnorm=True,
    )
    return trainer


def scheduler() -> keras.callbacks.Callback:
    return keras.callbacks.LearningRateScheduler(lambda epoch: RATES[epoch])


def plateau() -> keras.callbacks.Callback:
    return keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=1e9)


Build = Callable[[], keras.callbacks.Callback]
CASES: dict[str, tuple[Case, list[Build]]] = {
    "finetune": (functools.partial(finetune, norm=True), [scheduler]),
    "pgd": (functools.partial(adversarial, norm=True), [plateau]),
    "igam": (igam_with_schedules, []),
}


def results(build: Case, builds: list[Build], replicated: bool) -> tuple[dict[str, Any], list[Any]]:
    """All numbers of a training, the best epoch's among them, and the lines of a monitor."""
    lines: list[str] = []
    best = BestWeights("val_loss", "min")
    callbacks = [RobustValidation(HELD_OUT, "pgd3"), best, *(each() for each in builds)]
    if build is igam_with_schedules:
        callbacks.append(MatchingMonitor(lines.append))
    values = trained(build, replicated, callbacks, epochs=EPOCHS)
    return {**values, "best value": [np.asarray(best.value)]}, [best.epoch, *lines]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_replicas_equal_one_device(name: str) -> None:
    (expected, texts), (actual, replicated_texts) = (
        results(*CASES[name], replicated) for replicated in (False, True)
    )
    on_replicas = deviations(actual, expected)
    assert max(on_replicas.values()) < EQUAL, on_replicas
    assert replicated_texts == texts
