"""MadryLab's MNIST network: two 5x5 convolutions with 2x2 max-pooling, one hidden layer."""

import keras

from igam_tf.core.bounds import UNIT
from igam_tf.core.precision import full_precision
from igam_tf.layers import PixelRange


def mnist_cnn(
    num_classes: int = 10,
    channels: tuple[int, int] = (32, 64),
    hidden: int = 1024,
    name: str = "mnist_cnn",
) -> keras.Model:
    """float32 images [B, 28, 28, 1] in [0, 1] to logits [B, num_classes].

    There is no normalisation and no BatchNorm. `channels` and `hidden` are the challenge's by
    default. Initial weights are those of mnist_challenge/model.py: normal with deviation 0.1,
    truncated at two deviations; biases are 0.1.
    """

    def initial() -> dict[str, keras.initializers.Initializer]:
        return {
            "kernel_initializer": keras.initializers.TruncatedNormal(stddev=0.1),
            "bias_initializer": keras.initializers.Constant(0.1),
        }

    inputs = keras.Input((28, 28, 1), name="images")
    x = PixelRange(UNIT.low, UNIT.high, name="pixels")(inputs)
    for index, width in enumerate(channels, 1):
        x = keras.layers.Conv2D(
            width, 5, padding="same", activation="relu", name=f"conv{index}", **initial()
        )(x)
        x = keras.layers.MaxPooling2D(2, padding="same", name=f"pool{index}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(hidden, activation="relu", name="hidden", **initial())(x)
    logits = keras.layers.Dense(num_classes, name="logits", dtype=full_precision(), **initial())(x)
    return keras.Model(inputs, logits, name=name)
