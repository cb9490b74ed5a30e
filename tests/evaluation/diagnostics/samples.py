"""A task, an adversarially trained network, and networks that look more robust than they are."""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf import data, training
from igam_tf.core.bounds import PIXELS
from igam_tf.layers import BatchNorm, LeakyReLU, PixelRange

SHAPE, CLASSES = (8, 8, 3), 4
ATTACK: dict[str, Any] = {"epsilon": 16, "step_size": 4, "steps": 10}
SIZE = 100


def split(size: int, seed: int) -> data.Split:
    """A patch of 4x4 pixels in one of four corners, of varied contrast, under noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, size)
    images = rng.normal(128, 25, (size, *SHAPE))
    for image, label, contrast in zip(images, labels, rng.uniform(10, 60, size), strict=True):
        row, column = 4 * (label // 2), 4 * (label % 2)
        image[row : row + 4, column : column + 4] += contrast
    return data.Split(np.clip(np.round(images), 0, 255).astype(np.float32), labels)


@functools.cache
def test_split() -> data.Split:
    return split(SIZE, 1)


def network(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(SHAPE)
    x = PixelRange(PIXELS.low, PIXELS.high)(inputs)
    x = keras.layers.Rescaling(1 / 64, -2)(x)
    x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
    x = LeakyReLU()(BatchNorm()(x))
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = keras.layers.Flatten()(LeakyReLU()(x))
    return keras.Model(inputs, keras.layers.Dense(CLASSES)(x))


@functools.cache
def robust() -> keras.Model:
    """Trained on PGD images as `train_robust` does."""
    model = network()
    trainer = training.AdversarialTrainer(
        model, epsilon=16, step_size=4, steps=5, ramp_steps=50, weight_decay=1e-3
    )
    # The moving averages are right only if the weights come to rest.
    trainer.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, 200)))
    stream = data.training_batches(split(2000, 0), 50, 0, PIXELS, augmented=False)
    trainer.fit(stream, steps_per_epoch=200, verbose=0, shuffle=False)
    return model


def linear(x: tf.Tensor) -> tf.Tensor:
    """The mean of each corner: hides nothing."""
    corners = tf.reshape(x, (-1, 2, 4, 2, 4, SHAPE[2]))
    return tf.reshape(tf.reduce_mean(corners, [2, 4, 5]), (-1, CLASSES)) / 8


def large_logits(x: tf.Tensor) -> tf.Tensor:
    return 1000 * linear(x)


def four_pixels(x: tf.Tensor) -> tf.Tensor:
    """A rounded pixel in each corner, which noise often changes; TensorFlow has no gradient for
    rounding.
    """
    return tf.reshape(tf.round(x[:, 1::4, 1::4, 0] / 4), (-1, CLASSES))


def signs(x: tf.Tensor) -> tf.Tensor:
    """Pixels in black and white; TensorFlow's gradient of the sign is 0."""
    return linear(64 * tf.sign(x - 150))


def cut(x: tf.Tensor) -> tf.Tensor:
    """Logits whose gradient is that of a small term which says nothing."""
    return tf.stop_gradient(linear(x)) + 1e-3 * tf.reverse(
        tf.sin(x[:, 0, :CLASSES, 0] + 40 * x[:, 1, :CLASSES, 0]), [1]
    )


def rippled(x: tf.Tensor) -> tf.Tensor:
    """Small waves that are flat at whole pixels, so that only the clean image (and the ball's edge)
    shows the way.
    """
    checkers = tf.constant(np.indices(SHAPE).sum(0) % 2 * 2 - 1, tf.float32)
    waves = tf.reduce_sum(checkers * (1 - tf.cos(2 * np.pi * x)), [1, 2, 3])
    return linear(x) + 3e-3 * waves[:, None] * tf.constant([-1.0, 1.0, -2.0, 2.0])


def broken(x: tf.Tensor) -> tf.Tensor:
    """The derivative of a root at 0 is infinite, times 0 not a number."""
    return linear(x) + tf.sqrt(tf.reduce_sum(tf.square(0 * x), [1, 2, 3]))[:, None]


def probabilities(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.softmax(linear(x))


class Noise(keras.layers.Layer):
    """Random numbers in inference too."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return x + tf.random.normal(tf.shape(x), stddev=60.0)


def noisy() -> keras.Model:
    inputs = keras.Input(SHAPE)
    return keras.Model(
        inputs, keras.layers.Lambda(linear, output_shape=(CLASSES,))(Noise()(inputs))
    )


def wrong_averages() -> keras.Model:
    """The robust network with moving averages that are not its own."""
    model = keras.models.clone_model(robust())
    model.set_weights(robust().get_weights())
    for layer in model.layers:
        if isinstance(layer, BatchNorm):
            layer.moving_mean.assign(layer.moving_mean + 4.0 * (-1.0) ** np.arange(8))
    return model
