"""The pixel range of a model, as a layer."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError
from igam_tf.core.precision import FloatLayer
from igam_tf.core.structure import walk


@keras.saving.register_keras_serializable("igam_tf")
class PixelRange(FloatLayer):
    """The identity. It stores the model's `Bounds`, which are saved and loaded with the model."""

    def __init__(self, low: float, high: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bounds = Bounds(float(low), float(high))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "low": self.bounds.low, "high": self.bounds.high}


def bounds_of(model: Any) -> Bounds:
    """The pixel range of a model: that of its first `PixelRange` layer, outermost layers first.

    Raises:
      InputError: there is no such layer.
    """
    outermost_first = (*getattr(model, "layers", []), *walk(model))
    for layer in outermost_first:
        if isinstance(layer, PixelRange):
            return layer.bounds
    raise InputError(
        f"{getattr(model, 'name', model)!s}: the model does not say its pixel range; "
        "pass bounds=(low, high), or put an igam_tf.layers.PixelRange layer at its input"
    )
