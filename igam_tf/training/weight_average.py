"""The exponential moving average of a trainer's weights, updated inside its compiled step."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf.core.errors import InputError
from igam_tf.training.trainer import Trainer


class WeightAverage(keras.callbacks.Callback):
    """Averages the weights that a trainer trains; the model holds the average between epochs.

    After iteration t = 0, 1, ... with this callback::

        average = decay_t * average + (1 - decay_t) * weights
        decay_t = min(decay, (1 + t) / (10 + t))

    so that initial weights do not dominate short runs, as in TensorFlow's
    `ExponentialMovingAverage(num_updates)`. Weights that are not trained, BatchNorm's moving
    averages among them, are not averaged.

    An epoch's iterations run on the weights themselves. The model holds the average in
    `validation_data`, in `on_epoch_end` of the callbacks listed after this one, and after `fit`::

        trainer.fit(stream, callbacks=[training.WeightAverage(0.999)])
        trainer.model.save("averaged.keras")

    Another `fit` with the same callback continues from the weights themselves.

    Attributes:
      state: the variables that a resumed training restores; complete after `set_model`.

    Args:
      decay: at least 0 and below 1.

    Raises:
      InputError: another decay; in `fit`, a model that is not one of this package's trainers.
    """

    def __init__(self, decay: float = 0.999) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise InputError(f"ema: expected a decay of at least 0 and below 1, got {decay:g}")
        self.decay = decay
        self.state: dict[str, Any] = {}

    def set_model(self, model: keras.Model) -> None:
        if model is self._model:
            return
        if not isinstance(model, Trainer):
            raise InputError(f"WeightAverage: expected a trainer of igam_tf, got {model.name}")
        super().set_model(model)
        self.state = {
            "averages": [
                tf.Variable(v.value, trainable=False, dtype=v.dtype)
                for v in model.trained_variables
            ],
            "updates": tf.Variable(0.0, trainable=False),
            # Whether the model holds the averages, and `averages` the weights that are trained.
            "exchanged": tf.Variable(False, trainable=False),
        }
        model.weight_average = self
        model.train_function = None  # a compiled step does not have the update yet

    def update(self) -> None:
        """Moves the averages towards the weights; the trainer's step calls it."""
        updates, exchanged = self.state["updates"], self.state["exchanged"]
        rate = tf.where(exchanged, 0.0, tf.maximum(1.0 - self.decay, 9.0 / (10.0 + updates)))
        for variable, average in self._pairs():
            weight = tf.convert_to_tensor(variable.value)
            average.assign_sub(tf.cast(rate, average.dtype) * (average - weight))
        updates.assign_add(tf.where(exchanged, 0.0, 1.0))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._place_averages(False)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._place_averages(True)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._place_averages(True)

    def _place_averages(self, in_model: bool) -> None:
        """Exchanges weights and averages unless the model holds the right ones."""
        if bool(self.state["exchanged"].numpy()) == in_model:
            return
        for variable, average in self._pairs():
            weight = tf.identity(variable.value)
            variable.assign(average)
            average.assign(weight)
        self.state["exchanged"].assign(in_model)

    def _pairs(self) -> Any:
        return zip(self.model.trained_variables, self.state["averages"], strict=True)
