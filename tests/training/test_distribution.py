"""Batches on two replicas, BatchNorm per replica, and what is refused.

All tests share the strategy of this process (`igam_tf.training.strategies`).
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import pytest
import tensorflow as tf

from igam_tf import layers
from igam_tf.core.errors import InputError
from igam_tf.training import Momentum
from igam_tf.training.trainer import Trainer

from .. import tiny
from .replica_cases import EQUAL, WEIGHTS, X, Y, adversarial, finetune, mirrored, network, scope

slow = pytest.mark.slow


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with tiny.precision("float64"):
        yield


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
            trainer = adversarial(model=model, steps=0)
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
        lambda: _compiled(adversarial(), Momentum(use_ema=True, ema_overwrite_frequency=2)),
        "^compile: ema_overwrite_frequency of momentum is not supported",
    ),
    "stock BatchNormalization": (
        lambda: adversarial(model=network(1, extra=[keras.layers.BatchNormalization()])),
        r"stock BatchNormalization \(batch_normalization",
    ),
    "dropout": (
        lambda: adversarial(model=network(1, extra=[keras.layers.Dropout(0.5)])),
        r"a layer that draws random numbers \(dropout",
    ),
    "activity regulariser": (
        lambda: adversarial(
            model=network(1, extra=[keras.layers.Dense(4, activity_regularizer="l2")])
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
            adversarial(model=outside)
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
        adversarial(model=trainer.model)


def test_another_strategy_is_refused() -> None:
    with (
        tf.distribute.OneDeviceStrategy("CPU:0").scope(),
        pytest.raises(
            InputError, match="under MirroredStrategy or MultiWorkerMirroredStrategy, got OneDevice"
        ),
    ):
        adversarial()
