"""Networks and batches small enough to trace and to differentiate twice in a moment."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from igam_tf import models
from igam_tf.layers import BatchNorm, LeakyReLU, PixelRange
from igam_tf.training import Igam, Momentum

SHAPE = (8, 8, 3)
CLASSES = 3


def classifier(
    seed: int = 0, shape: tuple[int, int, int] = SHAPE, high: float = 255.0
) -> keras.Model:
    """One convolution with our BatchNorm, every weight random."""
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
    """The model with noise on every weight, so that no parameter is trivial."""
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
    """A compiled trainer of tiny networks; equal calls give equal weights."""
    student = settings.pop("student", None) or classifier(1)
    teacher = settings.pop("teacher", None) or classifier(2)
    judge = shaken(models.discriminator(settings.pop("seen", SHAPE), 2, 4), 3)
    trainer = Igam(
        student, teacher, judge, **{"lambda_adv": 1.0, "lambda_diff": 1000.0, **settings}
    )
    trainer.compile(
        student_optimizer=Momentum(rate), discriminator_optimizer=Momentum(rate), run_eagerly=eager
    )
    return trainer


def values(model: keras.Model) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.weights]


def equal(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    """Bit by bit."""
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def relative(found: Any, expected: Any) -> float:
    """Relative l2 error over everything."""

    def flat(arrays: Any) -> np.ndarray:
        arrays = arrays if isinstance(arrays, list) else [arrays]
        return np.concatenate([np.ravel(np.asarray(a, np.float64)) for a in arrays])

    found, expected = flat(found), flat(expected)
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@contextlib.contextmanager
def precision(kind: str) -> Iterator[None]:
    """Inside, networks are built in `kind`."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(kind)
    keras.config.set_dtype_policy(kind)
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
