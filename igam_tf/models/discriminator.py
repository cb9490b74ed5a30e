"""The discriminator of input gradients."""

import keras

from igam_tf.core.errors import InputError
from igam_tf.core.precision import full_precision
from igam_tf.layers import BatchNorm, LeakyReLU, UnitNorm


def discriminator(
    input_shape: tuple[int, int, int],
    num_layers: int = 5,
    base_channels: int = 16,
    name: str = "discriminator",
) -> keras.Model:
    """Input gradients [B, H, W, C] to two logits [B, 2]: 0 = student, 1 = teacher.

    Each gradient is normalised to zero mean and unit l2 norm, so only its direction counts. Then
    come `num_layers` 4x4 convolutions of stride 2 with bias, BatchNorm and leaky ReLU (0.1), whose
    channels double from `base_channels`, then flatten and dense. As in the release, IGAM runs it on
    the batch statistics of student and teacher gradients together.

    Raises:
      InputError: a size that is not positive.
    """
    if min(num_layers, base_channels, *input_shape) < 1:
        raise InputError(
            "discriminator: sizes must be positive, "
            f"got {input_shape=}, {num_layers=}, {base_channels=}"
        )
    inputs = keras.Input(input_shape, name="gradients")
    x = UnitNorm(name="normalization")(inputs)
    conv_initial = keras.initializers.VarianceScaling(
        2.0, mode="fan_out", distribution="untruncated_normal"
    )
    for index in range(num_layers):
        x = keras.layers.Conv2D(
            base_channels * 2**index,
            4,
            2,
            padding="same",
            kernel_initializer=conv_initial,
            name=f"conv{index}",
        )(x)
        x = BatchNorm(name=f"bn{index}")(x)
        x = LeakyReLU(0.1, name=f"act{index}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    dense_initial = keras.initializers.VarianceScaling(1.0, mode="fan_in", distribution="uniform")
    logits = keras.layers.Dense(
        2, kernel_initializer=dense_initial, name="logits", dtype=full_precision()
    )(x)
    return keras.Model(inputs, logits, name=name)
