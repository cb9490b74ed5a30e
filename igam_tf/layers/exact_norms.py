"""Group and layer normalisation with right second derivatives.

Keras takes mean and variance from `tf.nn.moments`, which stops the gradient of the mean inside the
variance. First derivatives are right by that; second ones are not.
"""

from typing import Any

import keras
import tensorflow as tf

from igam_tf.core.errors import InputError


@keras.saving.register_keras_serializable("igam_tf")
class GroupNorm(keras.layers.GroupNormalization):
    """keras.layers.GroupNormalization over the channels, right to second order."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if self.axis not in (-1, len(inputs.shape) - 1):
            raise InputError(f"{self.name}: expected the last axis, got {self.axis}")
        channels = inputs.shape[-1]
        shape = tf.concat([tf.shape(inputs)[:-1], [self.groups, channels // self.groups]], 0)
        grouped = tf.reshape(_wide(inputs), shape)
        rank = len(inputs.shape) + 1
        axes = [*range(1, rank - 2), rank - 1]
        normalized = tf.reshape(_normalized(grouped, axes, self.epsilon), tf.shape(inputs))
        return tf.ensure_shape(_affine(self, normalized, inputs), inputs.shape)


@keras.saving.register_keras_serializable("igam_tf")
class LayerNorm(keras.layers.LayerNormalization):
    """keras.layers.LayerNormalization over the last axis, right to second order."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        axes = [self.axis] if isinstance(self.axis, int) else list(self.axis)
        if len(axes) != 1 or axes[0] not in (-1, len(inputs.shape) - 1) or self.rms_scaling:
            raise InputError(
                f"{self.name}: expected LayerNormalization of the last axis without rms_scaling"
            )
        return _affine(self, _normalized(_wide(inputs), [-1], self.epsilon), inputs)


def _wide(inputs: tf.Tensor) -> tf.Tensor:
    return inputs if inputs.dtype == tf.float64 else tf.cast(inputs, tf.float32)


def _normalized(x: tf.Tensor, axes: list[int], epsilon: float) -> tf.Tensor:
    centered = x - tf.reduce_mean(x, axes, keepdims=True)
    variance = tf.reduce_mean(tf.square(centered), axes, keepdims=True)
    return centered * tf.math.rsqrt(variance + tf.cast(epsilon, x.dtype))


def _affine(layer: Any, x: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    if layer.gamma is not None:
        x = x * tf.cast(layer.gamma, x.dtype)
    if layer.beta is not None:
        x = x + tf.cast(layer.beta, x.dtype)
    return tf.cast(x, like.dtype)
