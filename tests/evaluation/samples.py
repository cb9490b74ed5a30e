"""Images, networks and attacks for the tests of `evaluate`."""

import dataclasses
import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf import gradients, layers
from igam_tf.attacks import PGD, Chain, resolve
from igam_tf.evaluation import EvalRecord

from .. import tiny

SIZE = 23
X, Y = tiny.batch(SIZE)
AMOUNTS = {"epsilon": "6/255", "step_size": "2/255"}
RANGE: dict[str, Any] = {"bounds": (0, 255)}
SMALL: dict[str, Any] = {"epsilon": 0.5, "step_size": 0.2, **RANGE}  # for the callables below

CLASSES = 5  # APGD on targeted DLR needs four
# Three classes. A large step may fool it, and the next one not.
curved = tiny.SineNetwork(tiny.SHAPE, 6, scale=0.1)
HIDDEN = curved.hidden
RELATED = np.random.default_rng(6).normal(0, 0.01, HIDDEN.shape).astype(np.float32)
WIDE = np.random.default_rng(5).normal(size=(6, CLASSES)).astype(np.float32)


@functools.cache
def model() -> keras.Model:
    """Three classes, with BatchNorm."""
    return tiny.classifier()


def five(x: tf.Tensor) -> tf.Tensor:
    """Five classes."""
    return tf.sin(tf.reshape(x, (-1, HIDDEN.shape[0])) @ HIDDEN / 10) @ WIDE


def related(x: tf.Tensor) -> tf.Tensor:
    """Five classes, so close to `five` that attacks transfer."""
    return tf.sin(tf.reshape(x, (-1, HIDDEN.shape[0])) @ (HIDDEN + RELATED) / 10) @ WIDE


FIVE = five(X).numpy().argmax(1)
FIVE[:3] = (FIVE[:3] + 1) % CLASSES  # misclassified without an attack


def five_with_batchnorm() -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input(tiny.SHAPE)
    x = layers.PixelRange(0.0, 255.0)(inputs)
    x = keras.layers.Rescaling(1 / 255)(x)
    x = layers.BatchNorm()(keras.layers.Conv2D(4, 3, strides=4)(x))
    x = keras.layers.Flatten()(layers.LeakyReLU()(x))
    return tiny.shaken(keras.Model(inputs, keras.layers.Dense(CLASSES)(x)))


def predictions(subject: Any, x: np.ndarray, statistics: str = "moving") -> np.ndarray:
    return gradients.logits_of(subject, x, statistics).numpy().argmax(1)


def mostly_own(subject: Any) -> np.ndarray:
    """Labels that are the model's predictions on four images of five."""
    return np.where(np.arange(SIZE) % 5, predictions(subject, X), Y)


STAGES = ("square30", "apgd3-ce", "apgd9-t")


def chain(epsilon: float) -> Chain:
    """Like `strong`, but short, and from the weakest stage to the strongest."""
    return Chain(label="strong", stages=tuple(resolve(stage, epsilon) for stage in STAGES))


L2 = PGD(label="l2", epsilon=5, step_size=2, steps=3, loss="margin", restarts=3, norm="l2")
ALL_ATTACKS = (
    "fgsm",
    "pgd2",
    "pgd5",
    L2,
    "apgd5-ce",
    "square30",
    "transfer-fgsm",
    "transfer-pgd4",
    chain(0.5),
)


def without_environment(record: EvalRecord) -> dict[str, Any]:
    fields = dataclasses.asdict(record)
    del fields["environment"]
    return fields
