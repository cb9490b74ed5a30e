"""Affine maps from a target image to a teacher's input (paper §4.3), as Keras layers that compose.

They work on tensors, inside models and in `tf.data` pipelines alike. The MNIST teacher of Table 1 sees CIFAR images
through `keras.Sequential([ChannelMean(), CenterCrop(28), Scale(1 / 255)])`.
"""

from collections.abc import Sequence
from fractions import Fraction
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

    def build(self, input_shape: tuple[int, ...]) -> None:
        _window(input_shape, self.size)

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


SAMPLINGS = ("tf2", "legacy", "mean")


@keras.saving.register_keras_serializable("igam_tf")
class Resize(keras.layers.Layer):
    """Images to `size` x `size` (§4.3.3).

    Args:
      size: side of the result.
      sampling: `"tf2"`, bilinear between pixel centres (`tf.image.resize`); `"legacy"`, bilinear between pixel corners, as
        TensorFlow 1 and so the release do: doubling copies the input's pixels to the even places and repeats the last
        row and column; `"mean"`, averages over equal blocks, for shrinking by a whole factor.

    Raises:
      InputError: unknown sampling, or `"mean"` with sides that are no multiple of `size`.
    """

    def __init__(self, size: int, sampling: str = "tf2", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if sampling not in SAMPLINGS:
            raise InputError(f"sampling: expected one of {', '.join(SAMPLINGS)}, got {sampling!r}")
        self.size, self.sampling = int(size), sampling

    def build(self, input_shape: tuple[int, ...]) -> None:
        height, width = input_shape[1:3]
        if self.sampling == "mean" and (height % self.size or width % self.size):
            raise InputError(f"resize: {height}x{width} images do not divide into {self.size}x{self.size} blocks")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if self.sampling == "mean":
            factors = [side // self.size for side in inputs.shape[1:3]]
            return tf.nn.avg_pool2d(inputs, factors, factors, "VALID")
        resized = tf.raw_ops.ResizeBilinear(
            images=inputs, size=[self.size, self.size], half_pixel_centers=self.sampling == "tf2"
        )
        return tf.cast(resized, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "sampling": self.sampling}


def center_crop(images: tf.Tensor, size: int) -> tf.Tensor:
    """The central `size` x `size` window of images [B, H, W, C]."""
    top, left = _window(images.shape, size)
    return images[:, top : top + size, left : left + size, :]


def _window(shape: tuple[int, ...] | tf.TensorShape, size: int) -> tuple[int, int]:
    """Top and left of the central window, if it fits."""
    height, width = shape[1:3]
    if height < size or width < size:
        raise InputError(f"center crop: a {size}x{size} window does not fit into {height}x{width} images")
    return (height - size) // 2, (width - size) // 2


def parse(specs: Sequence[str]) -> keras.layers.Layer | None:
    """An adapter from a configuration: `("mean", "crop:28", "scale:1/255")`, applied in that order; None if empty.

    Parts: `mean`, `crop:SIZE`, `scale:FACTOR`, `resize:SIZE`, `resize_legacy:SIZE`, `resize_mean:SIZE`.

    Raises:
      InputError: an unknown part, or one without its number; names it.
    """
    layers = [_part(spec) for spec in specs]
    return keras.Sequential(layers, name="adapter") if layers else None


def _part(spec: str) -> keras.layers.Layer:
    name, _, argument = spec.partition(":")
    try:
        number = Fraction(argument) if argument else None
        if name == "mean" and number is None:
            return ChannelMean()
        if number is not None and name == "scale":
            return Scale(float(number))
        if number is not None and number.denominator == 1 and name == "crop":
            return CenterCrop(int(number))
        if number is not None and number.denominator == 1 and name in _RESIZES:
            return Resize(int(number), _RESIZES[name])
    except (ValueError, ZeroDivisionError):
        pass
    raise InputError(
        "adapter: expected parts such as mean, crop:28, scale:1/255, resize:64, resize_legacy:64, resize_mean:32, "
        f"got {spec!r}"
    )


_RESIZES = {"resize": "tf2", "resize_legacy": "legacy", "resize_mean": "mean"}
