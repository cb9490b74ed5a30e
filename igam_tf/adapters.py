"""Affine maps from a target image to a teacher's input (paper §4.3), as Keras layers that compose.

They work on tensors, inside models and in `tf.data` pipelines alike. The MNIST teacher of Table 1 sees CIFAR images
through `keras.Sequential([ChannelMean(), CenterCrop(28), Scale(1 / 255)])`.
"""

from typing import Any

import keras
import tensorflow as tf

from igam_tf.errors import InputError


@keras.saving.register_keras_serializable("igam_tf")
class ChannelMean(keras.layers.Layer):
    """[B, H, W, C] to [B, H, W, 1]: the mean over the channels (§4.3.1, §5.1.1)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(inputs, -1, keepdims=True)


@keras.saving.register_keras_serializable("igam_tf")
class CenterCrop(keras.layers.Layer):
    """The central `size` x `size` window (§4.3.2).

    Raises:
      InputError: the image is smaller than the window.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = int(size)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return center_crop(inputs, self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable("igam_tf")
class Scale(keras.layers.Layer):
    """Every pixel times `factor`: between pixel ranges that both begin at 0."""

    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = float(factor)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs * tf.cast(self.factor, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


def center_crop(images: tf.Tensor, size: int) -> tf.Tensor:
    """The central `size` x `size` window of images [B, H, W, C]."""
    height, width = images.shape[1:3]
    if height < size or width < size:
        raise InputError(f"center crop: a {size}x{size} window does not fit into {height}x{width} images")
    top, left = (height - size) // 2, (width - size) // 2
    return images[:, top : top + size, left : left + size, :]
