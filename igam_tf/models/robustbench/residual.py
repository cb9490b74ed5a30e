"""Residual networks of a layout and its dimensions; layers have their names in the state dict."""

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.core.precision import full_precision
from igam_tf.layers import AffineChannels, BatchNorm, PaddedMaxPool, PixelRange
from igam_tf.models.robustbench.architectures import Layout
from igam_tf.models.robustbench.dimensions import Dimensions, Stage

_EPSILON = 1e-5  # PyTorch's default, in all of these networks


@dataclasses.dataclass(frozen=True)
class Variant:
    """What a state dict does not tell of a network.

    Attributes:
      image_size: side of the images.
      activation: a function of keras.activations.
      mean, std: of pixels in [0, 1], one value per channel.
      out_shortcut: shortcut layers start after the activation.
      padding: width of the zeros around an image.
      bias_last: the logit layer has a bias.
    """

    image_size: int
    activation: Any
    mean: tuple[float, ...]
    std: tuple[float, ...]
    out_shortcut: bool
    padding: int
    bias_last: bool


def residual_network(
    layout: Layout, dimensions: Dimensions, variant: Variant, name: str
) -> keras.Model:
    """float32 images [B, image_size, image_size, C] in [0, 255] to logits [B, classes]."""
    side = variant.image_size
    inputs = keras.Input((side, side, dimensions.channels), name="images", dtype=full_precision())
    x = PixelRange(PIXELS.low, PIXELS.high, name="pixels")(inputs)
    if variant.padding:
        x = keras.layers.ZeroPadding2D(variant.padding, name="padding", dtype=full_precision())(x)
    matrix = np.diag(1 / (PIXELS.high * np.array(variant.std)))
    offset = -np.array(variant.mean) / np.array(variant.std)
    x = AffineChannels(matrix.tolist(), offset.tolist(), name="scaling")(x)
    network = _Layers(layout, dimensions, variant)
    x = network.stem(x)
    for index, stage in enumerate(dimensions.stages):
        for unit in range(stage.units):
            stride = layout.strides[index] if unit == 0 else 1
            x = network.unit(x, layout.unit_name(index, unit), stage, stride)
    if layout.final_norm and dimensions.has_final_norm:
        x = network.activated(x, layout.final_norm)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(_first_window(x, layout.pool))
    logits = keras.layers.Dense(
        dimensions.classes, use_bias=variant.bias_last, name="logits", dtype=full_precision()
    )(x)
    return keras.Model(inputs, logits, name=name)


def _first_window(x: tf.Tensor, pool: int | None) -> tf.Tensor:
    """The part of the feature map that the original pools, where it has one window alone.

    Its average pooling has a fixed window: of a 10x10 map, an 8x8 window leaves the last rows and
    columns out. Where two windows fit it returns no logits, and here all of the map is pooled.
    """
    rows = x.shape[1]
    if pool is None or not pool < rows < 2 * pool:
        return x
    return keras.layers.Cropping2D(((0, rows - pool), (0, rows - pool)), name="window")(x)


@dataclasses.dataclass(frozen=True)
class _Layers:
    """The parts of a network; each method applies layers that are named as in the state dict."""

    layout: Layout
    dimensions: Dimensions
    variant: Variant

    def stem(self, x: tf.Tensor) -> tf.Tensor:
        layout = self.layout
        size, stride = (7, 2) if layout.imagenet_stem else (3, 1)
        x = self.convolution(x, layout.stem, self.dimensions.stem, size, stride)
        if layout.stem_norm:
            x = self.activated(x, layout.stem_norm)
        return PaddedMaxPool(3, 2, 1, name="max_pool")(x) if layout.imagenet_stem else x

    def unit(self, x: tf.Tensor, name: str, stage: Stage, stride: int) -> tf.Tensor:
        """A residual unit that normalises before each convolution, or after each (ResNet)."""
        layout, last = self.layout, self.dimensions.convolutions - 1
        normalizes_first = layout.stem_norm is None
        residual = activated = x
        for index, (size, channels, step) in enumerate(self.convolutions(stage, stride)):
            convolution, norm = (
                f"{name}.{layout.convolutions[index]}",
                f"{name}.{layout.norms[index]}",
            )
            if normalizes_first:
                residual = self.activated(residual, norm)
                activated = residual if index == 0 else activated
            residual = self.convolution(residual, convolution, channels, size, step)
            if not normalizes_first:
                residual = self.norm(residual, norm)
                residual = residual if index == last else self.activation(residual, norm)
        start = activated if self.variant.out_shortcut else x
        shortcut = self.shortcut(x, start, name, stage, stride)
        if shortcut.shape != residual.shape:
            side = self.variant.image_size
            raise InputError(
                f"image_size: the network does not take {side} x {side} images ({name})"
            )
        x = keras.layers.Add(name=f"{name}.add")([shortcut, residual])
        return x if normalizes_first else self.activation(x, f"{name}.add")

    def convolutions(self, stage: Stage, stride: int) -> list[tuple[int, int, int]]:
        """Kernel size, channels and stride of each convolution in a unit."""
        if self.dimensions.convolutions == 2:
            return [(3, stage.inner, stride), (3, stage.outer, 1)]
        return [(1, stage.inner, 1), (3, stage.inner, stride), (1, stage.outer, 1)]

    def shortcut(
        self, x: tf.Tensor, start: tf.Tensor, name: str, stage: Stage, stride: int
    ) -> tf.Tensor:
        """`x`, or a convolution of `start` where channels or, in most layouts, the size change."""
        layout = self.layout
        if x.shape[-1] == stage.outer and not (stride > 1 and layout.shortcut_by_stride):
            return x
        size = layout.shortcut_size
        x = self.convolution(start, f"{name}.{layout.shortcut}", stage.outer, size, stride)
        return self.norm(x, f"{name}.{layout.shortcut_norm}") if layout.shortcut_norm else x

    def convolution(
        self, x: tf.Tensor, name: str, channels: int, size: int, stride: int
    ) -> tf.Tensor:
        """Pads as PyTorch does, for which Keras needs a layer of its own where the stride is 2."""
        if stride > 1 and size > 1:
            margin = (0, 1) if self.layout.pads_at_end else (size // 2, size // 2)
            x = keras.layers.ZeroPadding2D((margin, margin), name=f"{name}.padding")(x)
        return keras.layers.Conv2D(
            channels,
            size,
            stride,
            padding="valid" if stride > 1 else "same",
            use_bias=False,
            kernel_initializer=keras.initializers.VarianceScaling(
                2.0, mode="fan_out", distribution="untruncated_normal"
            ),
            name=name,
        )(x)

    def norm(self, x: tf.Tensor, name: str) -> tf.Tensor:
        return BatchNorm(epsilon=_EPSILON, name=name)(x)

    def activation(self, x: tf.Tensor, name: str) -> tf.Tensor:
        return keras.layers.Activation(self.variant.activation, name=f"{name}.activation")(x)

    def activated(self, x: tf.Tensor, norm: str) -> tf.Tensor:
        return self.activation(self.norm(x, norm), norm)
