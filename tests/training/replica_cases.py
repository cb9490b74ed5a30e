"""Trainers in float64, and how far two replicas of this process deviate from one device.

A case builds a compiled trainer. With `norm` its networks have `BatchNorm`, synchronised on
replicas. The strategy is the one of this process (`igam_tf.training.strategies`).
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf import adapters, layers
from igam_tf.core.settings.devices import DistributionSettings
from igam_tf.layers import BatchNorm, PixelRange
from igam_tf.training import (
    AdversarialTrainer,
    FinetuneTrainer,
    Igam,
    Momentum,
    WeightAverage,
    strategies,
)
from igam_tf.training.trainer import Trainer

from .. import tiny

X, Y = tiny.batch(24)
HELD_OUT = tiny.batch(12, seed=5)
WEIGHTS = np.linspace(0.5, 2.0, len(X))  # of the images
EQUAL = 1e-12

Case = Callable[[], Trainer]
Values = dict[str, list[np.ndarray]]


@functools.cache
def mirrored() -> tf.distribute.Strategy:
    strategy = strategies.strategy_of(DistributionSettings(strategy="mirrored", replicas=2))
    assert strategy is not None
    return strategy


def scope(replicated: bool) -> contextlib.AbstractContextManager[Any]:
    return mirrored().scope() if replicated else contextlib.nullcontext()


def network(
    seed: int,
    outputs: int = tiny.CLASSES,
    extra: Sequence[keras.layers.Layer] = (),
    *,
    norm: bool = False,
    side: int = tiny.SHAPE[0],
) -> keras.Model:
    """One convolution, by request with `BatchNorm`; `extra` layers come before the logits."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((side, side, 3))
    x = PixelRange(0.0, 255.0)(inputs) if outputs == tiny.CLASSES else inputs
    x = keras.layers.Rescaling(1 / 255)(x)
    # BatchNorm takes a bias away again, so that its gradient would be rounding alone.
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", use_bias=not norm)(x)
    if norm:
        x = BatchNorm()(x)
    x = keras.layers.Activation("tanh")(x)
    x = keras.layers.Flatten()(x)
    for layer in extra:
        x = layer(x)
    return tiny.shaken(keras.Model(inputs, keras.layers.Dense(outputs)(x)), seed)


def igam(
    norm: bool = False,
    side: int = tiny.SHAPE[0],
    teacher_layers: Sequence[keras.layers.Layer] = (),
    **settings: Any,
) -> Igam:
    """With a pad to `side`, drawn anew at each iteration, where that is larger than the image."""
    adapter = adapters.Pad(side, "random", seed=5) if side > tiny.SHAPE[0] else None
    teacher = network(2, extra=teacher_layers, norm=norm, side=side)
    models = network(1, norm=norm), teacher, network(3, 2, norm=norm)
    trainer = Igam(*models, adapter=adapter, **{"lambda_adv": 1.0, "lambda_diff": 1e6, **settings})
    trainer.compile(Momentum(0.001), Momentum(0.1), sync_batchnorm=norm)
    return trainer


def adversarial(
    norm: bool = False, model: keras.Model | None = None, **settings: Any
) -> AdversarialTrainer:
    settings = {"epsilon": "8/255", "step_size": "2/255", "steps": 2, **settings}
    trainer = AdversarialTrainer(model or network(1, norm=norm), **settings)
    trainer.compile(Momentum(0.1), sync_batchnorm=norm)
    return trainer


def finetune(
    norm: bool = False, body_layers: Sequence[keras.layers.Layer] = (), **settings: Any
) -> FinetuneTrainer:
    model = network(1, extra=body_layers, norm=norm)
    trainer = FinetuneTrainer(model, [model.layers[-1]], **settings)
    trainer.compile(keras.optimizers.Adam(0.01), sync_batchnorm=norm)
    return trainer


BRANCHES = {"disc_every": 2, "steps_before_matching": 3}  # crossed inside a run, due and not due
CASES: dict[str, Callable[..., Trainer]] = {
    "pgd": adversarial,
    "trades": functools.partial(adversarial, objective="trades", weight_decay=0.01, ramp_steps=5),
    "finetune": finetune,
    "igam release": functools.partial(igam, protocol="release", side=10, **BRANCHES),
    "igam paper": functools.partial(igam, protocol="paper", **BRANCHES),
}


def trained(
    build: Case, replicated: bool, callbacks: Sequence[keras.callbacks.Callback] = (), **fit: Any
) -> Values:
    """All numbers after two epochs of `fit` with validation on clean images."""
    with scope(replicated):
        trainer = build()
    averages = WeightAverage(0.9)
    settings = {"batch_size": 6, "epochs": 2, "shuffle": False, "verbose": 0, **fit}
    history = trainer.fit(
        X,
        Y,
        sample_weight=WEIGHTS,
        validation_data=HELD_OUT,
        callbacks=[averages, *callbacks],
        **settings,
    ).history
    optimizers = [v for optimizer in trainer._optimizers() for v in optimizer.variables]
    norms = [norm for model in trainer._models() for norm in layers.batch_norms(model)]
    moving = [v for norm in norms for v in (norm.moving_mean, norm.moving_variance)]
    variables = {
        "weights": trainer.variables,  # after `fit` those in training are their moving averages
        "weights in training": averages.state["averages"],
        "optimisers": optimizers,
        "BatchNorm's moving averages": moving,
    }
    values = {name: [v.numpy() for v in group] for name, group in variables.items()}
    return {**values, **{name: [np.asarray(rows)] for name, rows in history.items()}}


@functools.cache
def of_one_device(name: str, norm: bool) -> Values:
    return trained(functools.partial(CASES[name], norm), replicated=False)


def deviations(actual: Values, expected: Values) -> dict[str, float]:
    """The largest relative l2 deviation of an array, in each group of values."""
    assert actual.keys() == expected.keys()
    return {
        name: max(map(_deviation, actual[name], expected[name]), default=0.0) for name in expected
    }


def _deviation(actual: np.ndarray, expected: np.ndarray) -> float:
    difference = np.linalg.norm(np.float64(actual) - np.float64(expected))
    return float(difference and difference / np.linalg.norm(np.float64(expected)))


def deviation_of_replicas(name: str, norm: bool) -> dict[str, float]:
    """Of a case on two replicas from the same case on one device."""
    replicated = trained(functools.partial(CASES[name], norm), replicated=True)
    return deviations(replicated, of_one_device(name, norm))
