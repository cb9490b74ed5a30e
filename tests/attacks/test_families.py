"""Every attack on every family of models: it lowers accuracy, within its ball, again the same, in any batches."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import adapters, evaluation, models
from igam_tf.bounds import PIXELS, UNIT, Bounds
from igam_tf.layers import bounds_of

from .. import tiny

SIZE = 12
EPSILON = {UNIT: 0.3, PIXELS: 24.0}


def cnn() -> keras.Model:
    return tiny.shaken(models.mnist_cnn(channels=(2, 3), hidden=8), 1)


def residual() -> keras.Model:
    return tiny.shaken(models.wide_resnet(5, 1, 1, (8, 8, 3)), 2)


def fine_tuned() -> keras.Model:
    """A new head behind an adapter, as phase 1 leaves it."""
    body = models.with_new_head(tiny.classifier(3, (6, 6, 1), 1.0), 4)
    adapter = keras.Sequential([adapters.ChannelMean(), adapters.CenterCrop(6), adapters.Scale(1 / 255)])
    return models.adapted(body, adapter, (8, 8, 3), PIXELS)


def function() -> Callable[[tf.Tensor], tf.Tensor]:
    """No Keras model: any callable that gives logits."""
    inner = residual()
    return lambda x: inner(x, training=False)


FAMILIES: dict[str, tuple[Callable[[], Any], tuple[int, int, int], Bounds]] = {
    "MNIST CNN": (cnn, (28, 28, 1), UNIT),
    "wide ResNet": (residual, (8, 8, 3), PIXELS),
    "fine-tuned, adapted": (fine_tuned, (8, 8, 3), PIXELS),
    "function": (function, (8, 8, 3), PIXELS),
}
ATTACKS = (
    "fgsm", "fgsm-margin", "pgd5", "pgd5-margin", "pgd5-dlr", "pgd5-x2", "apgd10-ce", "apgd10-dlr", "apgd5-t", "square60",
)  # fmt: skip


@functools.cache
def subject(family: str) -> tuple[Any, np.ndarray, np.ndarray, Bounds]:
    """A model, images, and the classes that it sees in them."""
    build, shape, bounds = FAMILIES[family]
    model = build()
    x = np.random.default_rng(0).uniform(bounds.low, bounds.high, (SIZE, *shape)).astype(np.float32)
    logits = model(x) if not isinstance(model, keras.Model) else model(x, training=False)
    return model, x, np.asarray(logits).argmax(1), bounds


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_promises(family: str, attack: str) -> None:
    model, x, y, bounds = subject(family)
    epsilon = EPSILON[bounds]

    def run(batch_size: int) -> tuple[evaluation.EvalRecord, np.ndarray]:
        images: dict[str, np.ndarray] = {}
        record = evaluation.evaluate(
            model,
            (x, y),
            attacks=(attack,),
            epsilon=epsilon,
            step_size=epsilon / 4,
            bounds=bounds,
            batch_size=batch_size,
            seed=3,
            images=images,
        )
        return record, images[f"moving/{attack}"]

    record, found = run(SIZE)
    assert record.count("clean").correct == SIZE
    assert record.count(attack).correct < SIZE
    slack = 1e-6 * bounds.range
    assert np.abs(found - x).max() <= epsilon + slack
    assert bounds.low <= found.min()
    assert found.max() <= bounds.high
    again, same = run(SIZE)
    np.testing.assert_array_equal(same, found)
    assert again.flags == record.flags
    other, close = run(5)
    assert other.flags == record.flags
    # Rounding differs with the batch's size, and a sign of a gradient near 0 may turn with it.
    assert np.mean(np.abs(close - found) < 1e-3 * bounds.range) > 0.99


def test_bounds_are_the_models_own() -> None:
    assert [bounds_of(subject(name)[0]) for name in ("MNIST CNN", "wide ResNet", "fine-tuned, adapted")] == [
        UNIT,
        PIXELS,
        PIXELS,
    ]
