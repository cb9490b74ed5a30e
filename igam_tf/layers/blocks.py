"""Activation and shortcut of the wide residual network, and pooling of torchvision's."""

from typing import Any

import keras
import tensorflow as tf

_SMALLEST = 2.0**-126  # the smallest normal number of float32 and bfloat16


@keras.saving.register_keras_serializable("igam_tf")
class LeakyReLU(keras.layers.Layer):
    """max(x, slope * x), with derivative 1 at exactly 0 like the original's `where(x < 0, ...)`."""

    def __init__(self, slope: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slope = float(slope)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        @tf.custom_gradient
        def activation(x: tf.Tensor) -> Any:
            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                # TensorFlow's kernel has derivative `slope` at 0. Adding the smallest number makes
                # exact zeros positive and leaves the sign of all other numbers.
                return tf.raw_ops.LeakyReluGrad(
                    gradients=upstream, features=x + _SMALLEST, alpha=self.slope
                )

            return tf.nn.leaky_relu(x, self.slope), gradient

        return activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "slope": self.slope}


@keras.saving.register_keras_serializable("igam_tf")
class PaddedShortcut(keras.layers.Layer):
    """Average pooling by the stride, then zero channels: half of them first, half last."""

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


@keras.saving.register_keras_serializable("igam_tf")
class PaddedMaxPool(keras.layers.Layer):
    """Max-pooling over windows of `size` x `size` that may start `padding` pixels outside.

    Pixels outside never are the maximum, as in PyTorch. Keras' `padding="same"` places the windows
    of an even image one pixel later.
    """

    def __init__(self, size: int, stride: int, padding: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.stride, self.padding = int(size), int(stride), int(padding)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        sides = [self.padding, self.padding]
        outside = inputs.dtype.min
        padded = tf.pad(inputs, [[0, 0], sides, sides, [0, 0]], constant_values=outside)
        return tf.nn.max_pool2d(padded, self.size, self.stride, "VALID")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "stride": self.stride,
            "padding": self.padding,
        }
