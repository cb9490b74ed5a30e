"""The pixel range that a model carries."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError
from igam_tf.core.precision import FloatLayer
from igam_tf.core.structure import walk


@keras.saving.register_keras_serializable("igam_tf")
class PixelRange(FloatLayer):
    """The identity; carries the model's `Bounds` through saving and loading."""

    def __init__(self, low: float, high: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bounds = Bounds(float(low), float(high))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "low": self.bounds.low, "high": self.bounds.high}


def bounds_of(model: Any) -> Bounds:
    """The pixel range that a model carries (its first `PixelRange` layer, outermost first).

    Raises:
      InputError: the model carries none.
    """
    outermost_first = (*getattr(model, "layers", []), *walk(model))
    for layer in outermost_first:
        if isinstance(layer, PixelRange):
            return layer.bounds
    raise InputError(
        f"{getattr(model, 'name', model)!s}: the model does not say its pixel range; pass bounds=(low, high), or put an "
        "igam_tf.layers.PixelRange layer at its input"
    )
