"""Batch normalisation whose statistics mode is explicit and whose second derivatives are right."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf.core import modes
from igam_tf.core.errors import InputError
from igam_tf.core.settings.choices import STATISTICS
from igam_tf.core.structure import walk
from igam_tf.layers import fused_norm


def check_statistics(statistics: str, model: Any = None) -> str:
    """The mode, if it is one and the model (where its layers can be seen) can run in it.

    Raises:
      InputError: no such mode; `"moving"` on a model without moving averages; `"batch"` on one with
        stock BatchNormalization layers, which cannot use the batch's statistics without updating
        their moving averages.
    """
    if statistics not in STATISTICS:
        raise InputError(f"statistics: expected one of {', '.join(STATISTICS)}, got {statistics!r}")
    if statistics == "batch" and (stock := stock_batchnorms(model)):
        raise InputError(
            f'{model.name}: statistics="batch" needs igam_tf.layers.BatchNorm; stock BatchNormalization: '
            f"{', '.join(stock[:3])}{' ...' if len(stock) > 3 else ''} (igam_tf.layers.exact_batchnorm converts a model)"
        )
    if statistics == "moving":
        for norm in batch_norms(model):
            norm.require_moving_averages()
    return statistics


@keras.saving.register_keras_serializable("igam_tf")
class BatchNorm(keras.layers.Layer):
    """Batch normalisation over all axes but the last, with a statistics mode that is always
    explicit.

    * `training=True`: the batch's mean and biased variance; the moving averages are updated in the
      forward pass, the moving variance with the unbiased one (x N/(N-1)), as TensorFlow 1's fused
      kernel did.
    * `training=False` inside `igam_tf.core.modes.in_mode(batch_statistics=True)`: the batch's
      statistics, nothing is updated.
    * `training=False` otherwise: the moving averages.

    `trainable` plays no part (stock Keras BatchNormalization turns to its moving averages when
    frozen). Derivatives are right to second order: in closed form (`igam_tf.layers.fused_norm`)
    where TensorFlow's fused kernels serve. (The stock layer cuts the gradient through the mean in
    its variance, so that double backpropagation through batch statistics is off by 1-3 %.)

    Args:
      momentum: decay of the moving averages.
      epsilon: added to the variance.
      moving_averages: False for networks whose checkpoint holds none; asking such a layer for them
        is an error.

    Raises:
      InputError: moving averages are asked for and there are none.
    """

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-3,
        moving_averages: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.moving_averages = bool(moving_averages)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        # autocast=False: under mixed precision the statistics and the affine part stay float32.
        def weight(name: str, initializer: str, trainable: bool) -> Any:
            return self.add_weight(
                shape=(input_shape[-1],),
                name=name,
                initializer=initializer,
                trainable=trainable,
                autocast=False,
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
        if not training and not modes.current_mode().batch_statistics:
            return self._normalize_by_moving_averages(inputs, gamma, beta)
        fits = inputs.shape.rank == 4 and gamma.dtype == tf.float32
        if fits and self.epsilon >= fused_norm.LEAST_EPSILON:
            outputs, mean, unbiased = fused_norm.batch_norm(inputs, gamma, beta, self.epsilon)
        else:
            outputs, mean, unbiased = _batch_norm(inputs, gamma, beta, self.epsilon)
        if training and self.moving_averages:
            for average, value in ((self.moving_mean, mean), (self.moving_variance, unbiased)):
                average.assign_sub((average - tf.stop_gradient(value)) * (1.0 - self.momentum))
        return outputs

    def _normalize_by_moving_averages(
        self, inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor
    ) -> tf.Tensor:
        self.require_moving_averages()
        scale = gamma * tf.math.rsqrt(self.moving_variance + self.epsilon)
        shift = beta - self.moving_mean * scale
        return tf.cast(tf.cast(inputs, scale.dtype) * scale + shift, inputs.dtype)

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
    """Outputs, mean and unbiased variance, for what the fused kernel does not take."""
    axes = list(range(inputs.shape.rank - 1))
    wide = tf.cast(inputs, gamma.dtype)
    mean = tf.reduce_mean(wide, axes)
    # Not tf.nn.moments: it stops the gradient of the mean, which leaves second derivatives wrong.
    variance = tf.reduce_mean(tf.square(wide - mean), axes)
    outputs = (wide - mean) * (tf.math.rsqrt(variance + epsilon) * gamma) + beta
    count = tf.cast(tf.size(inputs) // tf.size(mean), gamma.dtype)
    return tf.cast(outputs, inputs.dtype), mean, variance * count / tf.maximum(count - 1.0, 1.0)


def batch_norms(model: Any) -> list[BatchNorm]:
    """A model's `BatchNorm` layers, nested ones too."""
    return [layer for layer in walk(model) if isinstance(layer, BatchNorm)]


def stock_batchnorms(model: Any) -> list[str]:
    """Names of a model's stock Keras BatchNormalization layers, nested ones too."""
    stock = keras.layers.BatchNormalization
    return [layer.name for layer in walk(model) if isinstance(layer, stock)]


def exact_batchnorm(model: keras.Model) -> keras.Model:
    """A copy of a model with `BatchNorm` in place of every stock Keras BatchNormalization; same
    weights.

    Inference is unchanged. In training the moving variance is fed the unbiased variance, as the
    fused kernel does.

    Args:
      model: a functional or sequential Keras model; nested models are converted too.

    Raises:
      InputError: a stock layer that ours cannot stand for: another axis than the last, or without
        gamma or beta.
    """

    def clone(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.BatchNormalization):
            return layer.__class__.from_config(layer.get_config())
        if layer.axis not in (-1, len(layer.input.shape) - 1) or not (layer.scale and layer.center):
            raise InputError(
                f"{layer.name}: only BatchNormalization of the last axis with scale and center is converted"
            )
        return BatchNorm(layer.momentum, layer.epsilon, name=layer.name, dtype=layer.dtype_policy)

    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    copy.set_weights(model.get_weights())
    return copy
