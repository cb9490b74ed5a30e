"""The subject of a diagnosis: a model, its images, and the attack whose result is checked."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from igam_tf import attacks
from igam_tf.core.bounds import Bounds
from igam_tf.data.splits import Split
from igam_tf.evaluation.stages import Progress, stage


class Batch(NamedTuple):
    """Consecutive examples of a split."""

    x: np.ndarray  # [B, H, W, C]
    y: np.ndarray  # [B]
    indices: np.ndarray  # [B], the examples' own numbers


Probe = Callable[[Batch], Any]


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model under diagnosis; epsilon and step_size are in its pixel unit."""

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

    def curve(self, batch: Batch, *record_at: int, **changes: Any) -> attacks.Curve:
        """PGD on a batch with the shared arguments and `changes` to them."""
        arguments = {**self.attack, "indices": batch.indices, "record_at": record_at, **changes}
        return attacks.pgd_curve(self.model, batch.x, batch.y, **arguments)

    def each(self, name: str, probe: Probe) -> np.ndarray:
        """A probe on batch after batch, joined along the last axis.

        probe: a batch to bool [..., B]. Progress shows the accuracy of its last row.
        """
        parts: list[np.ndarray] = []
        total, correct = len(self.split), 0.0
        with stage(self.progress, name, total):
            for start in range(0, total, self.batch_size):
                done = min(start + self.batch_size, total)
                x, y = self.split.pixels(start, done), self.split.labels[start:done]
                parts.append(np.asarray(probe(Batch(x, y, np.arange(start, done)))))
                correct += np.atleast_2d(parts[-1])[-1].sum()
                if self.progress:
                    self.progress(name, done, total, float(correct / done))
        return np.concatenate(parts, -1)


def connected(model: Any) -> Any:
    """The same logits, with an input gradient of 0 where there is none.

    A model that rounds its input has no gradient, and gradient attacks refuse it. On this one they
    run and fail.
    """
    if isinstance(model, keras.Model):
        return _Connected(model)
    return lambda x: _tied(model(x), x)


class _Connected(keras.Model):
    """A Keras model, so that attacks can set its BatchNorm mode."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self.model = model

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return _tied(self.model(x, training=training), x)


def _tied(logits: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    return logits + tf.cast(0.0 * tf.reduce_sum(x), logits.dtype)
