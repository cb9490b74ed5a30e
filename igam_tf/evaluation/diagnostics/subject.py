"""What is diagnosed: a model, its images, and the attack whose verdict on it is in question."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf.core.bounds import Bounds
from igam_tf.data.splits import Split

# Probe, examples done, examples in all, share of them still right: what `igam_tf.report.progress`
# shows.
Progress = Callable[[str, int, int, float], None]

Probe = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model under diagnosis; epsilon and step_size in its pixel unit."""

    model: Any
    split: Split
    bounds: Bounds
    epsilon: float
    step_size: float
    steps: int
    batch_size: int
    seed: int
    statistics: str
    queries: int
    surrogate: Any
    progress: Progress | None

    @property
    def attack(self) -> dict[str, Any]:
        """The arguments that all attacks of the diagnosis share."""
        return {
            "epsilon": self.epsilon,
            "step_size": self.step_size,
            "bounds": self.bounds,
            "statistics": self.statistics,
            "seed": self.seed,
        }

    def each(self, name: str, probe: Probe) -> np.ndarray:
        """A probe on batch after batch, joined along the last axis.

        probe: images, labels and the examples' own numbers to bool [..., B], the last row being
        what progress shows.
        """
        found: list[np.ndarray] = []
        total, standing = len(self.split), 0.0
        for start in range(0, total, self.batch_size):
            x, y = (
                self.split.pixels(start, start + self.batch_size),
                self.split.labels[start : start + self.batch_size],
            )
            found.append(np.asarray(probe(x, y, np.arange(start, start + len(y)))))
            standing += np.atleast_2d(found[-1])[-1].sum()
            if self.progress:
                done = start + len(y)
                self.progress(name, done, total, float(standing / done))
        return np.concatenate(found, -1)


def connected(model: Any) -> Any:
    """The same logits, with an input gradient of 0 where there is none.

    A model that rounds its input has no gradient at all, and gradient attacks cannot even begin;
    here they can, and fail.
    """
    if isinstance(model, keras.Model):
        return _Connected(model)
    return lambda x: _tied(model(x), x)


class _Connected(keras.Model):
    """A Keras model still, so that its BatchNorm mode can be chosen."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self.model = model

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return _tied(self.model(x, training=training), x)


def _tied(logits: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    return logits + tf.cast(0.0 * tf.reduce_sum(x), logits.dtype)
