"""Batch normalisation with an explicit statistics mode and correct second derivatives."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from igam_tf.core import modes
from igam_tf.core.errors import InputError
from igam_tf.core.settings.choices import STATISTICS
from igam_tf.core.structure import walk
from igam_tf.layers import fused_norm, moments

_Update = tuple[Any, tf.Tensor, float]  # a moving average, its new value, and its momentum


def check_statistics(statistics: str, model: Any = None) -> str:
    """Returns the mode after checking that the model can run in it.

    Raises:
      InputError: unknown mode; `"moving"` for a model without moving averages; `"batch"` for one
        with stock BatchNormalization layers, which would update their moving averages.
    """
    if statistics not in STATISTICS:
        raise InputError(f"statistics: expected one of {', '.join(STATISTICS)}, got {statistics!r}")
    if statistics == "batch" and (stock := stock_batchnorms(model)):
        names = f"{', '.join(stock[:3])}{' ...' if len(stock) > 3 else ''}"
        raise InputError(
            f'{model.name}: statistics="batch" needs igam_tf.layers.BatchNorm; stock '
            f"BatchNormalization: {names} (igam_tf.layers.exact_batchnorm converts a model)"
        )
    if statistics == "moving":
        for norm in batch_norms(model):
            norm.require_moving_averages()
    return statistics


@keras.saving.register_keras_serializable("igam_tf")
class BatchNorm(keras.layers.Layer):
    """Batch normalisation over all axes but the last, in one of three modes.

    * `training=True`: uses the batch's mean and biased variance, and updates the moving averages
      in the forward pass. The moving variance receives the unbiased variance (x N/(N-1)), as in
      TensorFlow 1's fused kernel.
    * `training=False` inside `igam_tf.core.modes.in_mode(batch_statistics=True)`: uses the batch's
      statistics and updates nothing.
    * `training=False` otherwise: uses the moving averages.

    The mode does not depend on `trainable`, whereas a frozen stock BatchNormalization uses its
    moving averages. First and second derivatives are correct, in closed form wherever TensorFlow's
    fused kernels apply (`igam_tf.layers.fused_norm`). The stock layer stops the gradient of its
    variance's mean, an error of 1-3 % in double backpropagation.

    On the replicas of a `tf.distribute` strategy the batch is each replica's part of it. Inside
    `in_mode(synchronized=True)`, which `sync_batchnorm=True` in a trainer's `compile` sets, it is
    all replicas' parts together. The mode is no part of the layer or of saved models, unlike Keras'
    `BatchNormalization(synchronized=True)`.

    Args:
      momentum: decay of the moving averages.
      epsilon: added to the variance.
      scale, center: False for layers without gamma or beta.
      moving_averages: False for networks whose checkpoint has none.

    Raises:
      InputError: a call in moving mode without moving averages.
    """

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-3,
        moving_averages: bool = True,
        scale: bool = True,
        center: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.moving_averages = bool(moving_averages)
        self.scale, self.center = bool(scale), bool(center)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        # autocast=False keeps statistics and parameters in float32 under mixed precision.
        def weight(name: str, initializer: str, trainable: bool) -> Any:
            return self.add_weight(
                shape=(input_shape[-1],),
                name=name,
                initializer=initializer,
                trainable=trainable,
                autocast=False,
                aggregation="none",  # `_move` gives all replicas equal updates
            )

        self.gamma = weight("gamma", "ones", True) if self.scale else None
        self.beta = weight("beta", "zeros", True) if self.center else None
        if self.moving_averages:
            self.moving_mean = weight("moving_mean", "zeros", False)
            self.moving_variance = weight("moving_variance", "ones", False)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        if mask is not None:
            raise InputError(f"{self.name}: BatchNorm takes images, not sequences with a mask")
        gamma, beta = self._affine(inputs)
        if not training and not modes.current_mode().batch_statistics:
            return self._normalize_by_moving_averages(inputs, gamma, beta)
        is_fusable = inputs.shape.rank == 4 and gamma.dtype == tf.float32
        if modes.current_mode().synchronized and _replicas() > 1:
            of_replicas = moments.of_replicas
            outputs, mean, unbiased = _batch_norm(inputs, gamma, beta, self.epsilon, of_replicas)
        elif is_fusable and self.epsilon >= fused_norm.LEAST_EPSILON:
            outputs, mean, unbiased = fused_norm.batch_norm(inputs, gamma, beta, self.epsilon)
        else:
            outputs, mean, unbiased = _batch_norm(inputs, gamma, beta, self.epsilon)
        if training and self.moving_averages:
            updates: list[_Update] = [
                (average, tf.stop_gradient(value), self.momentum)
                for average, value in ((self.moving_mean, mean), (self.moving_variance, unbiased))
            ]
            if (shared := modes.current_mode().updates) is None:
                _move(updates)
            else:
                shared.extend(updates)
        return outputs

    def _affine(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Gamma and beta; ones and zeros where the layer has none."""
        dtype = self.variable_dtype
        shape = inputs.shape[-1:]
        return (
            tf.ones(shape, dtype) if self.gamma is None else tf.convert_to_tensor(self.gamma),
            tf.zeros(shape, dtype) if self.beta is None else tf.convert_to_tensor(self.beta),
        )

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
                f"{self.name}: this model has no moving averages (its checkpoint held none): "
                'call it with statistics="batch"'
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "moving_averages": self.moving_averages,
            "scale": self.scale,
            "center": self.center,
        }


def _batch_norm(
    inputs: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    epsilon: float,
    moments_of: Callable[[tf.Tensor], moments.Moments] = moments.of_batch,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Outputs, mean and unbiased variance, where the fused kernel does not compute them."""
    wide = tf.cast(inputs, gamma.dtype)
    mean, variance, count = moments_of(wide)
    outputs = (wide - mean) * (tf.math.rsqrt(variance + epsilon) * gamma) + beta
    return tf.cast(outputs, inputs.dtype), mean, variance * count / tf.maximum(count - 1.0, 1.0)


@contextlib.contextmanager
def one_exchange() -> Iterator[None]:
    """On replicas, moves all moving averages at the end, by one collective operation.

    Inside the context they are what they were at its beginning.
    """
    if _replicas() == 1:
        yield
        return
    updates: list[_Update] = []
    with modes.in_mode(updates=updates):
        yield
    _move(updates)


def _move(updates: Sequence[_Update]) -> None:
    """Moves averages towards values, on replicas towards the means of theirs."""
    values = [value for _, value, _ in updates]
    if values and not modes.current_mode().synchronized:  # else they are of all replicas already
        values = moments.means_over_replicas(values)
    for (average, _, momentum), value in zip(updates, values, strict=True):
        average.assign_sub((average - value) * (1.0 - momentum))


def _replicas() -> int:
    return tf.distribute.get_strategy().num_replicas_in_sync


def batch_norms(model: Any) -> list[BatchNorm]:
    """A model's `BatchNorm` layers, including nested ones."""
    return [layer for layer in walk(model) if isinstance(layer, BatchNorm)]


def stock_batchnorms(model: Any) -> list[str]:
    """Names of a model's stock BatchNormalization layers, including nested ones."""
    stock = keras.layers.BatchNormalization
    return [layer.name for layer in walk(model) if isinstance(layer, stock)]
