"""Two replicas train as one device does, to rounding in float64; what does not is refused.

All tests share the strategy of this process (`igam_tf.training.strategies`).
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import adapters, layers, training
from igam_tf.core.errors import InputError
from igam_tf.core.settings.devices import DistributionSettings
from igam_tf.layers import PixelRange
from igam_tf.training import (
    AdversarialTrainer,
    FinetuneTrainer,
    Igam,
    Momentum,
    replicas,
    strategies,
)
from igam_tf.training.trainer import Trainer

from .. import tiny

X, Y = tiny.batch(24)
WEIGHTS = np.linspace(0.5, 2.0, len(X))  # of the images
EQUAL = 1e-12
slow = pytest.mark.slow


@functools.cache
def mirrored() -> tf.distribute.Strategy:
    strategy = strategies.strategy_of(DistributionSettings(strategy="mirrored", replicas=2))
    assert strategy is not None
    return strategy


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with tiny.precision("float64"):
        yield


def network(
    seed: int, outputs: int = tiny.CLASSES, *extra: Any, side: int = tiny.SHAPE[0]
) -> keras.Model:
    """One convolution without BatchNorm; `extra` layers come before the logits."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((side, side, 3))
    x = PixelRange(0.0, 255.0)(inputs) if outputs == tiny.CLASSES else inputs
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="tanh")(
        keras.layers.Rescaling(1 / 255)(x)
    )
    x = keras.layers.Flatten()(x)
    for layer in extra:
        x = layer(x)
    return tiny.shaken(keras.Model(inputs, keras.layers.Dense(outputs)(x)), seed)


def igam(side: int = tiny.SHAPE[0], **settings: Any) -> Igam:
    """With a pad to `side`, drawn anew at each iteration, where that is larger than the image."""
    adapter = adapters.Pad(side, "random", seed=5) if side > tiny.SHAPE[0] else None
    models = network(1), network(2, side=side), network(3, 2)
    trainer = Igam(*models, adapter=adapter, **{"lambda_adv": 1.0, "lambda_diff": 1e6, **settings})
    trainer.compile(Momentum(0.01), Momentum(0.1))
    return trainer


def adversarial(model: keras.Model | None = None, **settings: Any) -> AdversarialTrainer:
    settings = {"epsilon": "8/255", "step_size": "2/255", "steps": 2, **settings}
    trainer = AdversarialTrainer(network(1) if model is None else model, **settings)
    trainer.compile(Momentum(0.1))
    return trainer


def finetune() -> FinetuneTrainer:
    model = network(1)
    trainer = FinetuneTrainer(model, [model.layers[-1]])
    trainer.compile(keras.optimizers.Adam(0.01))
    return trainer


BRANCHES = {"disc_every": 2, "steps_before_matching": 3}  # crossed inside a run, due and not due
CASES: dict[str, Callable[[], Trainer]] = {
    "pgd": adversarial,
    "trades": functools.partial(adversarial, objective="trades", weight_decay=0.01, ramp_steps=5),
    "finetune": finetune,
    "igam release": functools.partial(igam, protocol="release", side=10, **BRANCHES),
    "igam paper": functools.partial(igam, protocol="paper", **BRANCHES),
}


def scope(replicated: bool) -> contextlib.AbstractContextManager[Any]:
    return mirrored().scope() if replicated else contextlib.nullcontext()


def trained(
    build: Callable[[], Trainer], replicated: bool, epochs: int = 2, **settings: Any
) -> tuple[list[np.ndarray], dict[str, list[float]]]:
    """Weights, those of the optimisers included, and history; validation on clean images."""
    with scope(replicated):
        trainer = build()
    options = {"batch_size": 6, "shuffle": False, "verbose": 0, "validation_data": (X[:12], Y[:12])}
    fit = trainer.fit(X, Y, epochs=epochs, sample_weight=WEIGHTS, **{**options, **settings})
    variables = [*trainer.variables, *(v for each in trainer._optimizers() for v in each.variables)]
    return [variable.numpy() for variable in variables], fit.history


def deviation(build: Callable[[], Trainer], **settings: Any) -> float:
    """The largest relative deviation of weights and of metrics, two replicas from one device."""
    weights, history = trained(build, replicated=False, **settings)
    replicated_weights, replicated_history = trained(build, replicated=True, **settings)
    assert replicated_history.keys() == history.keys()
    metrics = [tiny.relative(replicated_history[name], history[name]) for name in history]
    return max(tiny.relative(replicated_weights, weights), *metrics)


@pytest.mark.parametrize(
    "name", [name if name == "finetune" else pytest.param(name, marks=slow) for name in CASES]
)
def test_two_replicas_equal_one_device(name: str) -> None:
    assert deviation(CASES[name]) < EQUAL


@slow
@pytest.mark.parametrize("name", ["pgd", "trades"])
def test_replicas_that_draw_the_same_noise_are_another_training(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "random_like", lambda x, draw: draw(tf.shape(x)))
    assert deviation(CASES[name], epochs=1) > 1e-6


@slow
def test_an_unscaled_sum_is_another_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "local_sum", lambda total, x: total)
    assert deviation(CASES["igam release"], epochs=1) > 1e-6


@slow
def test_moving_averages_of_weights_equal_those_of_one_device() -> None:
    averages = []
    for replicated in (False, True):
        average = training.WeightAverage(0.9)
        weights, _ = trained(adversarial, replicated, callbacks=[average])
        averages.append([*weights, *(v.numpy() for v in average.state["averages"])])
    assert tiny.relative(averages[1], averages[0]) < EQUAL


def test_a_whole_batch_is_split() -> None:
    """`train_on_batch` hands one batch to all replicas; the sum of their counts is that of one."""
    results = []
    for replicated in (False, True):
        with scope(replicated):
            trainer = finetune()
        results.append(trainer.train_on_batch(X[:6], Y[:6], WEIGHTS[:6], return_dict=True))
        results[-1]["iteration"] = int(trainer.iteration.numpy())
    assert results[1] == pytest.approx(results[0], rel=EQUAL)


@slow
def test_moving_means_of_batch_norm_receive_the_mean_over_replicas() -> None:
    """At rate 0 the parts' means average to the batch's; the parts' variances differ from its."""
    states = []
    for replicated in (False, True):
        with scope(replicated):
            model = tiny.classifier(1)
            trainer = adversarial(model, steps=0)
        trainer.optimizer.learning_rate = 0.0
        trainer.fit(X, Y, batch_size=6, shuffle=False, verbose=0)
        (norm,) = layers.batch_norms(model)
        states.append((norm.moving_mean.numpy(), norm.moving_variance.numpy()))
    assert tiny.relative(states[1][0], states[0][0]) < EQUAL
    assert tiny.relative(states[1][1], states[0][1]) > 1e-4


def test_a_batch_that_replicas_do_not_divide_is_refused() -> None:
    with mirrored().scope():
        trainer = finetune()
    before = tiny.values(trainer)
    for run in (
        lambda: trainer.fit(X[:5], Y[:5], batch_size=5, verbose=0),
        lambda: trainer.train_on_batch(X[:5], Y[:5]),
    ):
        with pytest.raises(InputError, match=r"^batch: 2 replicas do not divide a batch of 5 "):
            run()
    assert tiny.equal(tiny.values(trainer), before)


def test_the_first_batch_is_checked() -> None:
    with mirrored().scope():
        trainer = adversarial()
    with pytest.raises(InputError, match="256"):
        trainer.fit(X + 256.0, Y, batch_size=6, verbose=0)


def _compiled(trainer: Trainer, optimizer: Any = None, **settings: Any) -> None:
    trainer.compile(optimizer or Momentum(), **settings)


REFUSALS: dict[str, tuple[Callable[[], Any], str]] = {
    "XLA": (lambda: _compiled(adversarial(), jit_compile=True), "^jit_compile: XLA is not supp"),
    "Keras' moving averages": (
        lambda: _compiled(adversarial(), Momentum(use_ema=True)),
        "^compile: use_ema of momentum is not supported",
    ),
    "stock BatchNormalization": (
        lambda: adversarial(network(1, tiny.CLASSES, keras.layers.BatchNormalization())),
        r"stock BatchNormalization \(batch_normalization",
    ),
    "dropout": (
        lambda: adversarial(network(1, tiny.CLASSES, keras.layers.Dropout(0.5))),
        r"a layer that draws random numbers \(dropout",
    ),
    "activity regulariser": (
        lambda: adversarial(
            network(1, tiny.CLASSES, keras.layers.Dense(4, activity_regularizer="l2"))
        ),
        "activity_regularizer of dense",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_differs_from_one_device_is_refused(case: str) -> None:
    build, message = REFUSALS[case]
    with mirrored().scope(), pytest.raises(InputError, match=message):
        build()


def test_one_scope_holds_models_trainer_and_optimiser() -> None:
    outside = network(1)
    with mirrored().scope():
        with pytest.raises(InputError, match=r"was created outside the strategy.scope\(\)"):
            adversarial(outside)
        trainer = adversarial()
    with pytest.raises(InputError, match=r"^compile: adversarial_trainer was built in a strategy"):
        trainer.compile(Momentum())
    optimizer, outside_trainer = Momentum(), adversarial()
    with mirrored().scope():
        with pytest.raises(InputError, match=r"iteration was created outside"):
            trainer.compile(optimizer)
        with pytest.raises(InputError, match=r"^compile: adversarial_trainer was built outside"):
            outside_trainer.compile(Momentum())
    with pytest.raises(InputError, match=r"was created outside"):
        adversarial(trainer.model)


def test_another_strategy_is_refused() -> None:
    with (
        tf.distribute.OneDeviceStrategy("CPU:0").scope(),
        pytest.raises(
            InputError, match="under MirroredStrategy or MultiWorkerMirroredStrategy, got OneDevice"
        ),
    ):
        adversarial()
