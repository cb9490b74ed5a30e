"""Adapters: affine maps from a target image to a teacher's input (paper §4.3), as Keras layers.

They work on tensors, in models and in `tf.data` pipelines, and they compose. This one adapts CIFAR
images to the MNIST teacher of Table 1::

    keras.Sequential([ChannelMean(), CenterCrop(28), Scale(1 / 255)])

Only `TransposedConv` has weights, which fine-tuning trains with the teacher's new head. Only
`Pad(size, "random")` is random, and only in training.
"""

import functools
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import keras
import tensorflow as tf

from igam_tf.core import modes, randomness
from igam_tf.core.errors import InputError
from igam_tf.core.precision import FloatLayer, full_precision


@keras.saving.register_keras_serializable("igam_tf")
class ChannelMean(FloatLayer):
    """[B, H, W, C] to [B, H, W, 1]: the mean over the channels (§4.3.1, §5.1.1)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(inputs, -1, keepdims=True)


@keras.saving.register_keras_serializable("igam_tf")
class CenterCrop(FloatLayer):
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
class Scale(FloatLayer):
    """Every pixel times `factor`."""

    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = float(factor)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs * tf.cast(self.factor, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


SAMPLINGS = ("tf2", "legacy", "mean")


@keras.saving.register_keras_serializable("igam_tf")
class Resize(FloatLayer):
    """Images to `size` x `size` (§4.3.3).

    Args:
      size: side of the result.
      sampling: `"tf2"`, bilinear between pixel centres (`tf.image.resize`); `"legacy"`, bilinear
        between pixel corners (TensorFlow 1 and the release: doubling copies pixels to the even
        places and repeats the last row and column); `"mean"`, the mean of equal blocks, for
        shrinking by an integer factor.

    Raises:
      InputError: unknown sampling, or `"mean"` with sides that are not multiples of `size`.
    """

    def __init__(self, size: int, sampling: str = "tf2", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if sampling not in SAMPLINGS:
            raise InputError(f"sampling: expected one of {', '.join(SAMPLINGS)}, got {sampling!r}")
        self.size, self.sampling = int(size), sampling

    def build(self, input_shape: tuple[int, ...]) -> None:
        height, width = input_shape[1:3]
        if self.sampling == "mean" and (height % self.size or width % self.size):
            raise InputError(
                f"resize: {height}x{width} images do not divide into {self.size}x{self.size} blocks"
            )

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


PLACES = ("center", "random")


@keras.saving.register_keras_serializable("igam_tf")
class Pad(FloatLayer):
    """Images padded with zeros to `size` x `size` (§4.3.3).

    Args:
      size: side of the result.
      place: `"center"` (an odd pixel is added at the bottom and right), or `"random"`, one uniform
        place for the whole batch (IGAM-RandomPad of Table 2).
      seed: seed of random places; None takes one from Python's generator, which
        `keras.utils.set_random_seed` seeds. It is saved with the layer.

    A random place is used in two cases. A call with `training=True`, as in Keras' `fit`, has a new
    place every time. A call for an iteration (`igam_tf.gradients.logits_of(..., step=...)`, which
    the IGAM trainer uses) has a place that depends on the seed and the iteration only: it is the
    same for the teacher's output and gradient, and in a resumed run. All other calls place images
    at the centre, so that evaluations do not depend on chance. XLA generates other random places
    than the rest of TensorFlow.

    Raises:
      InputError: unknown place, or images larger than `size`.
    """

    def __init__(
        self, size: int, place: str = "center", seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if place not in PLACES:
            raise InputError(f"place: expected one of {', '.join(PLACES)}, got {place!r}")
        self.size, self.place = int(size), place
        self.seed = random.randrange(2**31) if seed is None and place == "random" else seed
        if place == "random":
            self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape: tuple[int, ...]) -> None:
        self._margins(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        margins, step = self._margins(inputs.shape), modes.current_mode().step
        if self.place == "center" or (step is None and not training):
            around = [[margin // 2, margin - margin // 2] for margin in margins]
            return tf.pad(inputs, [[0, 0], *around, [0, 0]])
        if step is None:
            key = self.seed_generator.next()
        else:
            key = randomness.key(self.seed, "place", step)
        uniform = tf.random.stateless_uniform([2], key)
        place = tf.cast(uniform * [margin + 1 for margin in margins], tf.int32)
        corner = tf.pad(inputs, [[0, 0], *([0, margin] for margin in margins), [0, 0]])
        # Not tf.pad with random paddings: its result would lack a static shape, which XLA requires.
        return tf.roll(corner, place, (1, 2))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "place": self.place, "seed": self.seed}

    def _margins(self, shape: tuple[int, ...] | tf.TensorShape) -> list[int]:
        height, width = shape[1:3]
        if height > self.size or width > self.size:
            raise InputError(
                f"pad: {height}x{width} images do not fit into {self.size}x{self.size}"
            )
        return [self.size - height, self.size - width]


@keras.saving.register_keras_serializable("igam_tf")
class TransposedConv(FloatLayer):
    """Doubles images to `size` x `size` by a learned 3x3 transposed convolution, stride 2 (§5.1.2).

    It maps C channels to C channels without a bias. Fine-tuning trains it with the teacher's new
    head, and IGAM keeps it frozen. It is initialised as bilinear upsampling of each channel: pixels
    are copied to the odd places, means of neighbours lie between them, and there are zeros beyond
    the top and left edges.

    Raises:
      InputError: images whose sides are not half of `size`.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = int(size)

    def build(self, input_shape: tuple[int, ...]) -> None:
        height, width, channels = input_shape[1:]
        if (2 * height, 2 * width) != (self.size, self.size):
            raise InputError(
                f"transposed: {height}x{width} images do not double to {self.size}x{self.size}"
            )
        self.kernel = self.add_weight(
            shape=(3, 3, channels, channels), initializer=_bilinear, name="kernel"
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        shape = [tf.shape(inputs)[0], self.size, self.size, inputs.shape[-1]]
        return tf.nn.conv2d_transpose(inputs, self.kernel, shape, 2, "SAME")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


def _bilinear(shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
    """A kernel [3, 3, C, C] that interpolates each channel separately."""
    weights = tf.constant([0.5, 1.0, 0.5], dtype)
    return weights[:, None, None, None] * weights[:, None, None] * tf.eye(shape[-1], dtype=dtype)


def center_crop(images: tf.Tensor, size: int) -> tf.Tensor:
    """The central `size` x `size` window of images [B, H, W, C]."""
    top, left = _window(images.shape, size)
    return images[:, top : top + size, left : left + size, :]


def _window(shape: tuple[int, ...] | tf.TensorShape, size: int) -> tuple[int, int]:
    """Top and left of the central window."""
    height, width = shape[1:3]
    if height < size or width < size:
        raise InputError(
            f"center crop: a {size}x{size} window does not fit into {height}x{width} images"
        )
    return (height - size) // 2, (width - size) // 2


def parse(specs: Sequence[str]) -> keras.layers.Layer | None:
    """An adapter from parts in order, such as `("mean", "crop:28", "scale:1/255")`; None if empty.

    Parts: `mean`, `crop:SIZE`, `scale:FACTOR`, `resize:SIZE`, `resize_legacy:SIZE`,
    `resize_mean:SIZE`, `pad:SIZE`, `pad_random:SIZE`, `transposed:SIZE`.

    Raises:
      InputError: an unknown part, or one without its number; the message names it.
    """
    if not specs:
        return None
    adapter = keras.Sequential([_part(spec) for spec in specs], name="adapter")
    adapter.dtype_policy = full_precision()  # else Sequential casts its input under mixed precision
    return adapter


_SIZED: dict[str, Callable[[int], keras.layers.Layer]] = {
    "crop": CenterCrop,
    "resize": Resize,
    "resize_legacy": functools.partial(Resize, sampling="legacy"),
    "resize_mean": functools.partial(Resize, sampling="mean"),
    "pad": Pad,
    "pad_random": functools.partial(Pad, place="random"),
    "transposed": TransposedConv,
}


def _part(spec: str) -> keras.layers.Layer:
    name, _, argument = spec.partition(":")
    try:
        number = Fraction(argument) if argument else None
        if name == "mean" and number is None:
            return ChannelMean()
        if number is not None and name == "scale":
            return Scale(float(number))
        if number is not None and number.denominator == 1 and number > 0 and name in _SIZED:
            return _SIZED[name](int(number))
    except (ValueError, ZeroDivisionError):
        pass
    raise InputError(
        "adapter: expected parts such as mean, crop:28, scale:1/255, resize:64, resize_legacy:64, "
        f"resize_mean:32, pad:64, pad_random:64, transposed:64, got {spec!r}"
    )
