"""A small IGAM step whose loss and gradient can be read at any weights, on any device."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf import gradients, layers, models, training
from igam_tf.core.precision import full_precision
from igam_tf.selfcheck.device_modes import DeviceMode

CLASSES, SIDE, IMAGES = 10, 16, 4
_SHAPE = (SIDE, SIDE, 3)

Arrays = Sequence[np.ndarray]


@dataclasses.dataclass(frozen=True)
class MatchingParts:
    """What a step consists of.

    Attributes:
      student, teacher: build the two networks.
      trainer: `igam_tf.training.Igam`, or a class of its form.
      lambda_diff: makes L_diff the greatest part of the loss.
    """

    student: Callable[[], keras.Model]
    teacher: Callable[[], keras.Model]
    trainer: Callable[..., training.Igam] = training.Igam
    lambda_diff: float = 1e6


def normalized_network(norm: Callable[[], keras.layers.Layer] = layers.BatchNorm) -> keras.Model:
    """A smooth network with one normalisation, whose second derivatives it takes most from."""
    inputs = keras.Input(_SHAPE)
    x = layers.PixelRange(0.0, 255.0)(inputs)
    x = keras.layers.Rescaling(1 / 255)(x)
    x = keras.layers.Conv2D(8, 3, 2, padding="same", use_bias=False)(x)
    x = norm()(x)
    x = keras.layers.Activation("tanh")(x)
    x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(CLASSES, dtype=full_precision())(x)
    return keras.Model(inputs, outputs, name="normalized_network")


wide_network = functools.partial(models.wide_resnet, CLASSES, 1, 1, _SHAPE)


class MatchingStep:
    """An IGAM step of given parts in a mode; the same seed gives the same weights in every mode.

    The step is one call of the trainer's `train_on_batch`. Its loss is what the trainer reports,
    and its gradient is the update of the student by plain gradient descent.

    Args:
      scope: of a `tf.distribute` strategy, which divides the batch.
    """

    def __init__(
        self,
        parts: MatchingParts,
        mode: DeviceMode,
        scope: contextlib.AbstractContextManager[Any] | None = None,
    ) -> None:
        self.mode = mode
        networks = _weights_of(parts)
        with mode.active(), scope or contextlib.nullcontext():
            self.student, self.teacher, judge = _networks(parts)
            for network, weights in zip((self.student, self.teacher, judge), networks, strict=True):
                network.set_weights(weights)
            self.trainer = parts.trainer(
                self.student,
                self.teacher,
                judge,
                lambda_adv=1.0,
                lambda_diff=parts.lambda_diff,
                protocol="release",
            )
            self._rate = keras.optimizers.SGD(0.0)
            self.trainer.compile(
                self._rate, keras.optimizers.SGD(0.0), sync_batchnorm=scope is not None
            )
        rng = np.random.default_rng(0)
        self.images = rng.uniform(0, 255, (IMAGES, *_SHAPE))
        self.labels = rng.integers(0, CLASSES, IMAGES)

    @property
    def weights(self) -> Arrays:
        return [variable.numpy() for variable in self.student.trainable_variables]

    def loss(self, weights: Arrays) -> float:
        """The step's loss at these weights of the student, which it keeps."""
        self._assign(weights)
        return self._step(0.0)

    def gradient(self, weights: Arrays, rate: float) -> Arrays:
        """The gradient of the loss by the weights: the step's update over the learning rate."""
        self._assign(weights)
        self._step(rate)
        return [
            (before.astype(np.float64) - after.astype(np.float64)) / rate
            for before, after in zip(weights, self.weights, strict=True)
        ]

    def outputs(self) -> dict[str, np.ndarray]:
        """The student's logits and input gradients, with moving averages."""
        x = tf.constant(self.images, self.trainer.compute_dtype)
        with self.mode.active():
            return {
                "logits": gradients.logits_of(self.student, x).numpy(),
                "input gradients": gradients.input_gradient(self.student, x, self.labels).numpy(),
            }

    def _step(self, rate: float) -> float:
        self._rate.learning_rate.assign(rate)
        self.trainer.reset_metrics()
        with self.mode.active():
            results = self.trainer.train_on_batch(self.images, self.labels, return_dict=True)
        return float(results["loss"])

    def _assign(self, weights: Arrays) -> None:
        for variable, value in zip(self.student.trainable_variables, weights, strict=True):
            variable.assign(value)


def _with_noise(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (weights + 0.1 * rng.uniform(-1, 1, weights.shape)).astype(np.float32)


def relative(actual: Arrays, expected: Arrays) -> float:
    """The relative l2 deviation of all arrays together."""
    pairs = list(zip(actual, expected, strict=True))
    difference = sum(float(np.sum((a.astype(np.float64) - b) ** 2)) for a, b in pairs)
    return (difference / sum(float(np.sum(b.astype(np.float64) ** 2)) for _, b in pairs)) ** 0.5


def _networks(parts: MatchingParts) -> tuple[keras.Model, keras.Model, keras.Model]:
    return parts.student(), parts.teacher(), models.discriminator(_SHAPE, 2, 4)


def _weights_of(parts: MatchingParts) -> list[Arrays]:
    """The weights of student, teacher and discriminator: fresh ones in float32 with noise."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    return [
        [_with_noise(each, rng) for each in network.get_weights()] for network in _networks(parts)
    ]
