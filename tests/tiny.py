"""Networks and batches that are small enough to be differentiated twice within a second."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import models
from igam_tf.layers import BatchNorm, LeakyReLU, PixelRange
from igam_tf.training import Igam, Momentum

SHAPE = (8, 8, 3)
IS_LONG = os.environ.get("IGAM_TEST_LONG") == "1"  # slow tests in full
# Marks of slow tests that take minutes, and vary others that always run.
if_long = pytest.mark.skipif(not IS_LONG, reason="minutes; IGAM_TEST_LONG=1 runs it")
LONG = (pytest.mark.slow, if_long)
CLASSES = 3


def classifier(
    seed: int = 0, shape: tuple[int, int, int] = SHAPE, high: float = 255.0
) -> keras.Model:
    """One convolution with `BatchNorm`; every weight is random."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(shape)
    x = PixelRange(0.0, high)(inputs)
    x = keras.layers.Rescaling(1 / high)(x)
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(x)
    x = BatchNorm()(x)
    x = LeakyReLU()(x)
    x = keras.layers.Flatten()(x)
    return shaken(keras.Model(inputs, keras.layers.Dense(CLASSES)(x)), seed)


def shaken(model: keras.Model, seed: int = 0, by: float = 0.1) -> keras.Model:
    """The model itself, after noise on every weight, so that no parameter is trivial."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        noise = by * rng.uniform(-1, 1, variable.shape)
        variable.assign(variable.numpy() + noise.astype(variable.dtype))
    return model


def batch(
    size: int = 6, shape: tuple[int, int, int] = SHAPE, high: float = 255.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, high, (size, *shape)).astype(np.float32), rng.integers(0, CLASSES, size)


def igam(rate: float = 0.1, eager: bool = False, **settings: Any) -> Igam:
    """A compiled trainer of tiny networks; equal calls have equal weights."""
    student = settings.pop("student", None) or classifier(1)
    teacher = settings.pop("teacher", None) or classifier(2)
    discriminator = shaken(models.discriminator(settings.pop("disc_shape", SHAPE), 2, 4), 3)
    weights = {"lambda_adv": 1.0, "lambda_diff": 1000.0}
    trainer = Igam(student, teacher, discriminator, **{**weights, **settings})
    trainer.compile(
        student_optimizer=Momentum(rate), discriminator_optimizer=Momentum(rate), run_eagerly=eager
    )
    return trainer


def linear(weights: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """A classifier whose logits are flattened images times `weights`."""
    return lambda x: tf.reshape(x, (-1, len(weights))) @ weights


class SineNetwork:
    """Logits sin(x hidden) out of flattened images: no Keras, and derivatives are easy to write."""

    def __init__(
        self, shape: tuple[int, int, int], units: int, classes: int = CLASSES, scale: float = 1.0
    ) -> None:
        size = int(np.prod(shape))
        self.hidden = np.random.default_rng(4).normal(0, scale, (size, units)).astype(np.float32)
        self.out = np.random.default_rng(5).normal(size=(units, classes)).astype(np.float32)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return tf.sin(tf.reshape(x, (-1, len(self.hidden))) @ self.hidden) @ self.out


def values(model: keras.Model) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.weights]


def equal(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    """Whether all arrays are equal bit by bit."""
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def relative(actual: Any, expected: Any) -> float:
    """The relative l2 error of an array, or of all arrays of a list together."""

    def flat(arrays: Any) -> np.ndarray:
        arrays = arrays if isinstance(arrays, list) else [arrays]
        return np.concatenate([np.ravel(np.asarray(a, np.float64)) for a in arrays])

    actual, expected = flat(actual), flat(expected)
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


@contextlib.contextmanager
def precision(kind: str) -> Iterator[None]:
    """Networks built in the context compute in `kind`."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(kind)
    keras.config.set_dtype_policy(kind)
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
