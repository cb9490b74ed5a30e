"""Input normalisations: part of the model, differentiated through."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf.core.errors import InputError
from igam_tf.core.precision import FloatLayer
from igam_tf.core.settings.choices import NORMALIZATIONS


@keras.saving.register_keras_serializable("igam_tf")
class PerImageStandardization(FloatLayer):
    """`(x - mean) / max(std, 1/sqrt(n))` over all n pixels and channels of an image (MadryLab's
    CIFAR-10 input).
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        axes = list(range(1, inputs.shape.rank))
        centred = inputs - tf.reduce_mean(inputs, axes, keepdims=True)
        deviation = tf.sqrt(tf.reduce_mean(tf.square(centred), axes, keepdims=True))
        size = tf.cast(tf.reduce_prod(tf.shape(inputs)[1:]), inputs.dtype)
        return centred / tf.maximum(deviation, tf.math.rsqrt(size))


@keras.saving.register_keras_serializable("igam_tf")
class UnitNorm(FloatLayer):
    """An image divided by its l2 norm, its one scalar mean subtracted before if `zero_mean` (the
    release's input).

    The squared norm is clamped below at 1e-12. There is no sqrt(n) factor: pixels come out near
    0.02, so the first BatchNorm's variances lie far below its epsilon, which therefore matters.
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
    """`"per_image"` (MadryLab), `"unit_norm"` (zero mean, then l2: the release) or `"l2"` (l2
    alone).
    """
    if kind == "per_image":
        return PerImageStandardization(**kwargs)
    if kind in ("unit_norm", "l2"):
        return UnitNorm(zero_mean=kind == "unit_norm", **kwargs)
    raise InputError(f"normalization: expected one of {', '.join(NORMALIZATIONS)}, got {kind!r}")
