"""A model that counts its passes, and the time of the same passes alone."""

import collections
import dataclasses
import time
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf import gradients
from igam_tf.benchmark import timing

Calls = collections.Counter[int]  # the number of calls by the number of images


@dataclasses.dataclass(frozen=True)
class Passes:
    """Calls of a model.

    Attributes:
      gradients: with a gradient. forward: without one.
    """

    gradients: Calls
    forward: Calls

    @property
    def images(self) -> tuple[int, int]:
        """Gradients and forward passes of single images."""
        by_kind = (self.gradients, self.forward)
        first, second = (sum(size * count for size, count in kind.items()) for kind in by_kind)
        return first, second


class CountingModel:
    """A model in inference mode that counts its calls, in graphs too."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._forward, self._backward = Calls(), Calls()

    def __call__(self, images: Any, training: bool = False) -> tf.Tensor:
        @tf.custom_gradient
        def counted(x: tf.Tensor) -> Any:
            return _counting(x, self._forward), lambda grad: _counting(grad, self._backward)

        return self.model(counted(tf.convert_to_tensor(images, tf.float32)), training=False)

    def reset(self) -> None:
        self._forward.clear()
        self._backward.clear()

    @property
    def passes(self) -> Passes:
        return Passes(self._backward.copy(), self._forward - self._backward)


def _counting(values: tf.Tensor, calls: Calls) -> tf.Tensor:
    """The values; each time they are computed counts as a call."""

    def count(size: np.ndarray) -> None:
        calls[int(size)] += 1

    operation = tf.numpy_function(count, [tf.shape(values)[0]], [])
    with tf.control_dependencies([operation] if operation is not None else []):
        return tf.identity(values)


def seconds_alone(
    model: Any,
    images: np.ndarray,
    labels: np.ndarray,
    passes: Passes,
    clock: timing.Clock = time.perf_counter,
) -> float:
    """The floor: seconds of that many compiled passes, on the first images."""

    def gradient(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return gradients.input_gradient(model, x, y, "xent")

    def forward(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return gradients.logits_of(model, x)

    specs = (
        tf.TensorSpec((None, *images.shape[1:]), tf.float32),
        tf.TensorSpec([None], tf.int64),
    )
    seconds = 0.0
    for function, calls in ((gradient, passes.gradients), (forward, passes.forward)):
        run = tf.function(function, autograph=False).get_concrete_function(*specs)
        for size, count in calls.items():
            batch = tf.constant(images[:size]), tf.constant(labels[:size])
            run(*batch).numpy()  # the first call of a size prepares its kernels

            def repeat(run: Any = run, batch: Any = batch, count: int = count) -> None:
                for _ in range(count):
                    run(*batch).numpy()

            seconds += timing.timed(repeat, clock)[0]
    return seconds
