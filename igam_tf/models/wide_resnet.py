"""MadryLab's wide residual network (their "w32-10" is width 10, blocks 5)."""

from collections.abc import Callable

import keras
import tensorflow as tf

from igam_tf import layers
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.core.precision import full_precision
from igam_tf.layers import BatchNorm, LeakyReLU, PaddedShortcut, PixelRange

STEM_CHANNELS = 16


def wide_resnet(
    num_classes: int,
    width: int = 10,
    blocks: int = 5,
    input_shape: tuple[int, int, int] = (32, 32, 3),
    normalization: str = "per_image",
    *,
    moving_averages: bool = True,
    name: str = "wide_resnet",
) -> keras.Model:
    """float32 images [B, H, W, C] in [0, 255] to logits [B, num_classes].

    A pre-activation network: three stages of `blocks` units with two convolutions each, 16, 32 and
    64 times `width` channels, strides 1, 2 and 2, leaky ReLU (0.1), shortcuts without parameters,
    global average pooling. The input normalisation is `"per_image"` (MadryLab), `"unit_norm"` (the
    release's student) or `"l2"` (its Tiny-ImageNet teacher in IGAM). `moving_averages=False` builds
    `igam_tf.layers.BatchNorm` layers without moving averages.

    Raises:
      InputError: unknown normalisation, or a size that is not positive.
    """
    if min(num_classes, width, blocks, *input_shape) < 1:
        raise InputError(
            "wide_resnet: sizes must be positive, "
            f"got {num_classes=}, {width=}, {blocks=}, {input_shape=}"
        )
    inputs = keras.Input(input_shape, name="images")
    x = PixelRange(PIXELS.low, PIXELS.high, name="pixels")(inputs)
    x = layers.normalization(normalization, name="normalization")(x)
    x = _conv("init_conv", STEM_CHANNELS)(x)
    activated = _activated(moving_averages)
    for stage, (base, first_stride) in enumerate(((16, 1), (32, 2), (64, 2)), 1):
        for unit in range(blocks):
            stride = first_stride if unit == 0 else 1
            x = _unit(
                x,
                f"unit_{stage}_{unit}",
                base * width,
                stride,
                activated,
                shared=(stage, unit) == (1, 0),
            )
    x = activated(x, "unit_last")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    dense_initial = keras.initializers.VarianceScaling(1.0, mode="fan_in", distribution="uniform")
    logits = keras.layers.Dense(
        num_classes, kernel_initializer=dense_initial, name="logits", dtype=full_precision()
    )(x)
    return keras.Model(inputs, logits, name=name)


def _conv(name: str, channels: int, stride: int = 1) -> keras.layers.Layer:
    initial = keras.initializers.VarianceScaling(
        2.0, mode="fan_out", distribution="untruncated_normal"
    )
    return keras.layers.Conv2D(
        channels, 3, stride, padding="same", use_bias=False, kernel_initializer=initial, name=name
    )


def _activated(moving_averages: bool) -> Callable[[tf.Tensor, str], tf.Tensor]:
    def apply(x: tf.Tensor, name: str) -> tf.Tensor:
        x = BatchNorm(moving_averages=moving_averages, name=f"{name}_bn")(x)
        return LeakyReLU(0.1, name=f"{name}_act")(x)

    return apply


def _unit(
    x: tf.Tensor,
    name: str,
    channels: int,
    stride: int,
    activated: Callable[[tf.Tensor, str], tf.Tensor],
    shared: bool,
) -> tf.Tensor:
    residual = activated(x, f"{name}_1")
    # Only the skip of the first unit starts after the activation ("shared_activation").
    skip = residual if shared else x
    residual = _conv(f"{name}_conv1", channels, stride)(residual)
    residual = activated(residual, f"{name}_2")
    residual = _conv(f"{name}_conv2", channels)(residual)
    if skip.shape[-1] != channels:
        skip = PaddedShortcut(channels, stride, name=f"{name}_skip")(skip)
    return keras.layers.Add(name=f"{name}_add")([residual, skip])
