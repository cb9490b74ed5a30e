"""Input normalisations; they are a part of the model, and gradients pass through them."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf.core.errors import InputError
from igam_tf.core.precision import FloatLayer
from igam_tf.core.settings.choices import NORMALIZATIONS


@keras.saving.register_keras_serializable("igam_tf")
class PerImageStandardization(FloatLayer):
    """`(x - mean) / max(std, 1/sqrt(n))` over an image's n values (MadryLab's CIFAR-10 input)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        axes = list(range(1, inputs.shape.rank))
        centred = inputs - tf.reduce_mean(inputs, axes, keepdims=True)
        deviation = tf.sqrt(tf.reduce_mean(tf.square(centred), axes, keepdims=True))
        size = tf.cast(tf.reduce_prod(tf.shape(inputs)[1:]), inputs.dtype)
        return centred / tf.maximum(deviation, tf.math.rsqrt(size))


@keras.saving.register_keras_serializable("igam_tf")
class UnitNorm(FloatLayer):
    """An image, minus its scalar mean if `zero_mean`, divided by its l2 norm (the release's input).

    The squared norm is at least 1e-12. There is no sqrt(n) factor: values are near 0.02, and the
    first BatchNorm's variances are far below its epsilon, which therefore matters.
    """

    def __init__(self, zero_mean: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.zero_mean = bool(zero_mean)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        axes = list(range(1, inputs.shape.rank))
        if self.zero_mean:
            inputs = inputs - tf.reduce_mean(inputs, axes, keepdims=True)
        return tf.math.l2_normalize(inputs, axes, epsilon=1e-12)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "zero_mean": self.zero_mean}


def normalization(kind: str, **kwargs: Any) -> keras.layers.Layer:
    """The layer of a name: `"per_image"`, `"unit_norm"` (zero mean, then l2 norm) or `"l2"`.

    Raises:
      InputError: unknown name.
    """
    if kind == "per_image":
        return PerImageStandardization(**kwargs)
    if kind in ("unit_norm", "l2"):
        return UnitNorm(zero_mean=kind == "unit_norm", **kwargs)
    raise InputError(f"normalization: expected one of {', '.join(NORMALIZATIONS)}, got {kind!r}")
