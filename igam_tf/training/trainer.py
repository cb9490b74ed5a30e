"""What the trainers share: one network that they train and answer for, and running means of what a step reports."""

from typing import Any

import keras
import tensorflow as tf


class Trainer(keras.Model):
    """A Keras model that trains another in place; calling it calls that model.

    Args:
      subject: the model.
      reported: names of the values that `train_step` passes to `track`.
    """

    def __init__(self, subject: keras.Model, reported: tuple[str, ...], name: str) -> None:
        super().__init__(name=name)
        self._subject = subject
        self._trackers = {value: keras.metrics.Mean(value) for value in reported}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self._trackers.values())

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return self._subject(inputs, training=training)

    def compile(self, **kwargs: Any) -> None:
        """Keras' own `jit_compile="auto"` would turn XLA on by itself on a GPU."""
        kwargs.setdefault("jit_compile", False)
        super().compile(**kwargs)

    def track(self, values: dict[str, tf.Tensor], weights: dict[str, tf.Tensor] | None = None) -> dict[str, tf.Tensor]:
        """Adds a step's values to the running means (by weight, 1 where none is given) and returns these."""
        for name, value in values.items():
            self._trackers[name].update_state(value, sample_weight=(weights or {}).get(name))
        return {name: tracker.result() for name, tracker in self._trackers.items()}
