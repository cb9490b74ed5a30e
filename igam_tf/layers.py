"""Keras layers of the original networks: input bounds, normalisations, BatchNorm, activation, shortcut.

`BatchNorm` and the context `batch_statistics` are how the whole package chooses between BatchNorm's moving averages and
the statistics of the batch at hand. Which of the two runs never depends on `trainable`.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from igam_tf.bounds import Bounds
from igam_tf.errors import InputError

_PACKAGE = "igam_tf"
_mode = threading.local()

STATISTICS = ("moving", "batch")


def check_statistics(statistics: str, model: Any = None) -> str:
    """The mode, if it is one and the model (where its layers can be seen) has what the mode needs."""
    if statistics not in STATISTICS:
        raise InputError(f"statistics: expected one of {', '.join(STATISTICS)}, got {statistics!r}")
    if statistics == "moving":
        for layer in getattr(model, "layers", []):
            if isinstance(layer, BatchNorm):
                layer.require_moving_averages()
            check_statistics(statistics, layer)
    return statistics


@contextlib.contextmanager
def batch_statistics(enabled: bool = True) -> Iterator[None]:
    """Inside, inference calls (`training=False`) of `BatchNorm` use the batch's statistics and update nothing.

    It acts while a call is traced, so it belongs inside a `tf.function`, not around the call of one.
    """
    before = getattr(_mode, "batch", False)
    _mode.batch = enabled
    try:
        yield
    finally:
        _mode.batch = before


@keras.saving.register_keras_serializable(_PACKAGE)
class PixelRange(keras.layers.Layer):
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
    layers = list(getattr(model, "layers", []))
    for layer in layers:
        if isinstance(layer, PixelRange):
            return layer.bounds
    for layer in layers:
        if getattr(layer, "layers", None):
            return bounds_of(layer)
    raise InputError(
        f"{getattr(model, 'name', model)!s}: the model does not say its pixel range; pass bounds=(low, high), or put an "
        "igam_tf.layers.PixelRange layer at its input"
    )


def full_precision() -> str:
    """The type of what no precision policy may narrow (pixel statistics, logits): float32, or float64 where floatx is."""
    return "float64" if keras.config.floatx() == "float64" else "float32"


class _FloatLayer(keras.layers.Layer):
    """Computes in full precision whatever the policy: pixel statistics do not survive bfloat16."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", full_precision())
        super().__init__(**kwargs)


@keras.saving.register_keras_serializable(_PACKAGE)
class PerImageStandardization(_FloatLayer):
    """`(x - mean) / max(std, 1/sqrt(n))` over all n pixels and channels of an image (MadryLab's CIFAR-10 input)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        axes = list(range(1, inputs.shape.rank))
        centred = inputs - tf.reduce_mean(inputs, axes, keepdims=True)
        deviation = tf.sqrt(tf.reduce_mean(tf.square(centred), axes, keepdims=True))
        size = tf.cast(tf.reduce_prod(tf.shape(inputs)[1:]), inputs.dtype)
        return centred / tf.maximum(deviation, tf.math.rsqrt(size))


@keras.saving.register_keras_serializable(_PACKAGE)
class UnitNorm(_FloatLayer):
    """An image divided by its l2 norm, its one scalar mean subtracted before if `zero_mean` (the release's input).

    The squared norm is clamped below at 1e-12. There is no sqrt(n) factor: pixels come out near 0.02, so the first
    BatchNorm's variances lie far below its epsilon, which therefore matters.
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


NORMALIZATIONS = ("per_image", "unit_norm", "l2")


def normalization(kind: str, **kwargs: Any) -> keras.layers.Layer:
    """`"per_image"` (MadryLab), `"unit_norm"` (zero mean, then l2: the release) or `"l2"` (l2 alone)."""
    if kind == "per_image":
        return PerImageStandardization(**kwargs)
    if kind in ("unit_norm", "l2"):
        return UnitNorm(zero_mean=kind == "unit_norm", **kwargs)
    raise InputError(f"normalization: expected one of {', '.join(NORMALIZATIONS)}, got {kind!r}")


@keras.saving.register_keras_serializable(_PACKAGE)
class BatchNorm(keras.layers.Layer):
    """Batch normalisation over all axes but the last, with a statistics mode that is always explicit.

    * `training=True`: the batch's mean and biased variance; the moving averages are updated in the forward pass, the
      moving variance with the unbiased one (x N/(N-1)), as TensorFlow 1's fused kernel did.
    * `training=False` inside `batch_statistics()`: the batch's statistics, nothing is updated.
    * `training=False` otherwise: the moving averages.

    `trainable` plays no part (stock Keras BatchNormalization turns to its moving averages when frozen). Derivatives are
    right to second order (the stock layer cuts the gradient through the mean in its variance, so that double
    backpropagation through batch statistics is off by 1-3 %).

    Args:
      momentum: decay of the moving averages.
      epsilon: added to the variance.
      moving_averages: False for networks whose checkpoint holds none; asking such a layer for them is an error.

    Raises:
      InputError: moving averages are asked for and there are none.
    """

    def __init__(
        self, momentum: float = 0.9, epsilon: float = 1e-3, moving_averages: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.moving_averages = bool(moving_averages)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        # autocast=False: under mixed precision the statistics and the affine part stay float32.
        def weight(name: str, initializer: str, trainable: bool) -> Any:
            return self.add_weight(
                shape=(input_shape[-1],), name=name, initializer=initializer, trainable=trainable, autocast=False
            )

        self.gamma = weight("gamma", "ones", True)
        self.beta = weight("beta", "zeros", True)
        if self.moving_averages:
            self.moving_mean = weight("moving_mean", "zeros", False)
            self.moving_variance = weight("moving_variance", "ones", False)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        gamma, beta = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        if not training and not getattr(_mode, "batch", False):
            return self._normalize_by_moving_averages(inputs, gamma, beta)
        if inputs.shape.rank == 4 and gamma.dtype == tf.float32:
            outputs, mean, unbiased = tf.compat.v1.nn.fused_batch_norm(inputs, gamma, beta, epsilon=self.epsilon)
        else:
            outputs, mean, unbiased = _batch_norm(inputs, gamma, beta, self.epsilon)
        if training and self.moving_averages:
            for average, value in ((self.moving_mean, mean), (self.moving_variance, unbiased)):
                average.assign_sub((average - tf.stop_gradient(value)) * (1.0 - self.momentum))
        return outputs

    def _normalize_by_moving_averages(self, inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tf.Tensor:
        self.require_moving_averages()
        scale = gamma * tf.math.rsqrt(self.moving_variance + self.epsilon)
        shift = beta - self.moving_mean * scale
        return inputs * tf.cast(scale, inputs.dtype) + tf.cast(shift, inputs.dtype)

    def require_moving_averages(self) -> None:
        if not self.moving_averages:
            raise InputError(
                f"{self.name}: this model has no moving averages (its checkpoint held none): call it with "
                'statistics="batch"'
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "moving_averages": self.moving_averages,
        }


def _batch_norm(
    inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Outputs, mean and unbiased variance; for the types and ranks that the fused kernel does not take."""
    axes = list(range(inputs.shape.rank - 1))
    wide = tf.cast(inputs, gamma.dtype)
    mean = tf.reduce_mean(wide, axes)
    # Not tf.nn.moments: it stops the gradient of the mean, which leaves second derivatives wrong.
    variance = tf.reduce_mean(tf.square(wide - mean), axes)
    outputs = (wide - mean) * (tf.math.rsqrt(variance + epsilon) * gamma) + beta
    count = tf.cast(tf.size(inputs) // tf.size(mean), gamma.dtype)
    return tf.cast(outputs, inputs.dtype), mean, variance * count / tf.maximum(count - 1.0, 1.0)


@keras.saving.register_keras_serializable(_PACKAGE)
class LeakyReLU(keras.layers.Layer):
    """max(x, slope * x) whose derivative at exactly 0 is 1, as the original code's `where(x < 0, ...)` has it."""

    def __init__(self, slope: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slope = float(slope)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        @tf.custom_gradient
        def activation(x: tf.Tensor) -> Any:
            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                return upstream * tf.where(x < 0, tf.cast(self.slope, x.dtype), tf.ones((), x.dtype))

            return tf.nn.leaky_relu(x, self.slope), gradient

        return activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "slope": self.slope}


@keras.saving.register_keras_serializable(_PACKAGE)
class PaddedShortcut(keras.layers.Layer):
    """Average pooling by the stride, then zero channels added, half before and half after."""

    def __init__(self, channels: int, stride: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = int(channels)
        self.stride = int(stride)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if self.stride > 1:
            inputs = tf.nn.avg_pool2d(inputs, self.stride, self.stride, "VALID")
        extra = self.channels - inputs.shape[-1]
        return tf.pad(inputs, [[0, 0], [0, 0], [0, 0], [extra // 2, extra - extra // 2]])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels, "stride": self.stride}
